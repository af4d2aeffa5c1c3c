import re

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts import people, roles, service, setup
from server.accounts.models import ApiToken, Group, Person, Role
from server.kernel import keys
from tests.desk_client import Desk


def _role_id(session: Session, code: str) -> int:
    return session.scalars(select(Role.id).where(Role.code == code)).one()


async def test_the_administrator_creates_a_person_with_roles_and_groups(desk: Desk) -> None:
    group = await desk.db.read(lambda s: s.scalars(select(Group.id)).one())
    form = {
        "username": "dora",
        "name_en": "Dora Lin",
        "name_zh": "林朵拉",
        "email": "dora@example.com",
        "vip": "1",
        "language": "zh",
        "timezone": "Asia/Shanghai",
        "roles": "first_line",
        "groups": str(group),
        "password": "correct horse battery",
    }
    response = await desk.admin.post("/settings/people", form)
    assert response.status == 303
    page = await desk.admin.text(response.headers["Location"])
    assert "Dora Lin" in page
    assert "is created" in page
    assert "is created" not in await desk.admin.text(response.headers["Location"])
    listed = await desk.admin.text("/settings/people?q=林朵拉")
    assert "dora" in listed


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("username", "a b", "A user name has"),
        ("username", "ALICE", "is taken"),
        ("email", "nobody", "mail address"),
        ("timezone", "Mars/Olympus", "time zone"),
        ("vip", "7", "At most"),
        ("name_en", "", "at least one language"),
        ("password", "short", "10 to 256"),
        ("colour", "red", "not known"),
    ],
)
async def test_a_field_that_cannot_be_is_explained_and_the_rest_is_kept(
    desk: Desk, field: str, value: str, said: str
) -> None:
    form = {"username": "dora", "name_en": "Dora Unkept", "timezone": "Asia/Shanghai", "title": "Painter"}
    response = await desk.admin.post("/settings/people", {**form, field: value})
    text = await response.text()
    assert response.status in {409, 422}
    assert said in text
    assert "Painter" in text
    assert await desk.db.read(service.find_people, "Dora") == []


async def test_T1_a_name_with_a_script_is_shown_as_text(desk: Desk) -> None:  # noqa: N802
    name = "<script>alert(1)</script>"
    await desk.admin.post(
        "/settings/people", {"username": "eve", "name_en": name, "timezone": "Asia/Shanghai"}
    )
    for path in ("/settings/people", "/settings/people?q=eve", "/settings/audit"):
        assert name not in await desk.admin.text(path)


async def test_T14_who_manages_people_cannot_take_more_rights_than_they_have(desk: Desk) -> None:  # noqa: N802
    def seed(session: Session) -> None:
        declared = [p for practice in desk.app[keys.PRACTICES] for p in practice.permissions]
        roles.save_custom(
            session,
            None,
            code="hr",
            name={"en": "HR"},
            permissions=["person.read", "person.manage", "role.manage", "role.read"],
            declared=declared,
        )
        people.set_roles(session, desk.bob.person_id, ["hr"])

    await desk.db.run(seed)
    from server.accounts import sessions

    token = await desk.db.run(
        sessions.open_session,
        desk.bob.person_id,
        now=desk.app[keys.CLOCK].now(),
        hours=1,
        address="",
        browser="",
    )
    desk.bob.token, desk.bob._csrf = token, None
    desk.bob.cookies = {"watchdesk": token}
    person = await desk.db.read(service.person, desk.bob.person_id)
    form = {
        "name_en": "Bob",
        "timezone": "Asia/Shanghai",
        "roles": "administrator",
        "version": str(person.version),
    }
    assert (await desk.bob.post(f"/settings/people/{desk.bob.person_id}", form)).status == 403
    stolen = {"password": "correct horse battery"}
    assert (await desk.bob.post(f"/settings/people/{desk.admin.person_id}/password", stolen)).status == 403
    wide = {"code": "wide", "name_en": "Wide", "permissions": "audit.read"}
    assert (await desk.bob.post("/settings/roles", wide)).status == 403


async def test_a_custom_role_is_made_from_another_and_its_people_sign_in_anew(desk: Desk) -> None:
    form = {"code": "watch", "name_en": "Watch", "permissions": "person.read"}
    made = await desk.admin.post("/settings/roles", form)
    assert made.status == 303
    await desk.db.run(people.set_roles, desk.bob.person_id, ["watch"])
    number = await desk.db.read(_role_id, "watch")
    assert (await desk.admin.post(f"/settings/roles/{number}/remove")).status == 409
    shipped = await desk.db.read(_role_id, "first_line")
    assert (await desk.admin.post(f"/settings/roles/{shipped}", form)).status == 409


async def test_a_token_is_shown_once_kept_as_hash_and_bound_to_its_scopes(desk: Desk) -> None:
    response = await desk.post("/settings/tokens", {"name": "grafana", "scopes": "person.read", "days": "30"})
    token = re.search(r"wd_[\w-]{40,}", await response.text())
    assert token is not None
    assert token[0] not in await desk.text("/settings/tokens")
    headers = {"Authorization": f"Bearer {token[0]}", "Cookie": ""}
    assert (await desk.stranger.get("/api/v1/people", headers=headers)).status == 200
    assert (await desk.stranger.get("/api/v1/roles", headers=headers)).status == 403
    assert (await desk.stranger.get("/settings/people", headers=headers)).status in {302, 401}
    number = await desk.db.read(lambda s: s.scalars(select(ApiToken.id)).one())
    assert (await desk.bob.post(f"/settings/tokens/{number}/revoke")).status == 404
    assert (await desk.post(f"/settings/tokens/{number}/revoke")).status == 303
    assert (await desk.stranger.get("/api/v1/people", headers=headers)).status == 401


async def test_a_token_has_no_right_that_its_owner_has_not(desk: Desk) -> None:
    response = await desk.post("/settings/tokens", {"name": "more", "scopes": "role.manage"})
    assert response.status == 422


@pytest.mark.parametrize(
    "header", ["Bearer ", "Bearer x.y.z", "Basic YTpi", "Agent 1:x", "bearer wd_nothing"]
)
async def test_a_token_that_is_none_is_401(desk: Desk, header: str) -> None:
    response = await desk.get("/api/v1/me", headers={"Authorization": header})
    assert (response.status, response.content_type) == (401, "application/problem+json")


async def test_one_ends_one_s_own_sessions_only(desk: Desk) -> None:
    rows = await desk.db.read(
        lambda s: [row.id for row in s.scalars(select(Person).where(Person.username == "bob"))]
    )
    assert rows
    response = await desk.post("/settings/sessions/999/end")
    assert response.status == 404
    assert (await desk.post("/settings/sessions/end-others")).status == 303
    assert (await desk.get("/profile")).status == 200


async def test_a_group_gets_members_and_a_leader(desk: Desk) -> None:
    form = {
        "code": "network",
        "name_en": "Network",
        "line": "2",
        "leader_id": str(desk.person_id),
        "members": str(desk.bob.person_id),
        "active": "1",
    }
    response = await desk.admin.post("/settings/groups", form)
    assert response.status == 303
    number = int(response.headers["Location"].rsplit("/", 1)[1])
    members = await desk.db.read(service.members, number)
    assert [person.username for person in members] == ["bob"]
    stale = {**form, "version": "99"}
    assert (await desk.admin.post(f"/settings/groups/{number}", stale)).status == 409


async def test_a_department_is_not_below_itself_and_is_removed_only_empty(desk: Desk) -> None:
    await desk.admin.post("/settings/departments", {"code": "hq", "name_en": "HQ"})
    page = await desk.admin.text("/settings/departments")
    number = int(re.findall(r"/settings/departments/(\d+)", page)[0])
    below = {"code": "it", "name_en": "IT", "parent_id": str(number)}
    await desk.admin.post("/settings/departments", below)
    circle = {"code": "hq", "name_en": "HQ", "parent_id": str(number)}
    assert (await desk.admin.post(f"/settings/departments/{number}", circle)).status == 422
    assert (await desk.admin.post(f"/settings/departments/{number}/remove")).status == 409


async def test_the_settings_are_searched_in_both_languages(desk: Desk) -> None:
    assert "/settings/departments" in await desk.admin.text("/settings?q=organisation")
    await desk.db.run(people.set_appearance, desk.admin.person_id, {"language": "zh"})
    found = await desk.admin.text("/settings?q=密码")
    assert 'href="/profile"' in found
    assert "没有含这些词的设置" in await desk.admin.text("/settings?q=xyzzy")


async def test_the_audit_page_tells_before_and_after_and_checks_the_chain(desk: Desk) -> None:
    await desk.post("/profile", {"phone": "+86 10 5555 0199", "timezone": "Asia/Shanghai"})
    listed = await desk.admin.text("/settings/audit")
    numbers = [int(found) for found in re.findall(r"/settings/audit/(\d+)", listed)]
    row = await desk.admin.text(f"/settings/audit/{max(numbers)}")
    assert "+86 10 5555 0199" in row
    checked = await desk.admin.post("/settings/audit/check")
    assert "The chain is whole" in await checked.text()


async def test_the_first_run_makes_one_administrator_by_its_token(desk: Desk) -> None:
    token = await desk.db.run(setup.begin, now=desk.app[keys.CLOCK].now())
    assert token is not None
    form = {
        "username": "root.admin",
        "name_en": "Root",
        "language": "en",
        "password": "correct horse battery",
        "again": "correct horse battery",
    }
    assert (await desk.stranger.get("/setup")).status == 200
    assert (await desk.stranger.post("/setup", {**form, "token": "guess"})).status == 403
    assert (await desk.stranger.post("/setup", {**form, "token": token})).status == 303
    assert (await desk.stranger.get("/setup")).status == 404
    assert (await desk.stranger.post("/setup", {**form, "token": token})).status == 404


async def test_the_audit_page_names_kinds_of_records_in_the_readers_language(desk: Desk) -> None:
    await desk.admin.post("/settings/departments", {"code": "ops", "name_en": "Operations"})
    assert "Department 1 created" in await desk.admin.text("/settings/audit?table=department")
    await desk.admin.post("/appearance", {"language": "zh", "back": "/"})
    found = await desk.admin.text("/settings/audit?table=department")
    assert "新建 部门 1" in found
    assert "新建 人员" not in found
    assert (await desk.admin.get("/settings/audit?table=nonsense")).status == 422

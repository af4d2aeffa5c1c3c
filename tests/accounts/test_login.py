import time
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from server.accounts import passwords, people
from server.accounts.models import LoginSession, Person
from server.kernel import audit, keys
from tests.desk_client import Desk

PASSWORD = "correct horse battery"


@pytest.fixture
async def with_password(desk: Desk) -> Desk:
    hashed = await passwords.hashed(PASSWORD)
    await desk.db.run(people.set_password, desk.bob.person_id, hashed, now=desk.app[keys.CLOCK].now())
    return desk


async def _try(desk: Desk, username: str, password: str, **form: str) -> int:
    response = await desk.stranger.post("/login", {"username": username, "password": password, **form})
    return response.status


async def test_bob_signs_in_and_out(with_password: Desk) -> None:
    browser = with_password.stranger
    response = await browser.post(
        "/login", {"username": "BOB", "password": PASSWORD, "next": "/incidents?x=1"}
    )
    assert (response.status, response.headers["Location"]) == (303, "/incidents?x=1")
    cookie = response.cookies["watchdesk"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    browser.token = cookie.value
    browser._csrf = None
    assert (await browser.get("/profile")).status == 200
    assert (await browser.post("/logout")).status == 303
    browser.cookies["watchdesk"] = cookie.value
    assert (await browser.get("/profile")).status == 302


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/\t/evil.example"],
)
async def test_a_target_off_the_site_leads_home(with_password: Desk, target: str) -> None:
    response = await with_password.stranger.post(
        "/login", {"username": "bob", "password": PASSWORD, "next": target}
    )
    assert response.headers["Location"] == "/"


async def test_T17_after_five_tries_an_account_waits_whoever_asks(with_password: Desk) -> None:  # noqa: N802
    assert [await _try(with_password, "bob", "wrong") for _ in range(5)] == [401, 401, 401, 401, 429]
    assert await _try(with_password, "bob", PASSWORD) == 429


async def test_T17_an_account_that_does_not_exist_answers_alike(with_password: Desk) -> None:  # noqa: N802
    async def told(username: str) -> list[str]:
        texts = []
        for _ in range(5):
            response = await with_password.stranger.post(
                "/login", {"username": username, "password": "wrong"}
            )
            text = await response.text()
            texts.append(f"{response.status} {text.count('wd-err')} {text.count('tries left')}")
        return texts

    assert await told("bob") == await told("nobody.here")


async def test_T17_an_account_that_does_not_exist_takes_as_long(with_password: Desk) -> None:  # noqa: N802
    took = {}
    for username in ("bob", "nobody.here"):
        started = time.process_time()  # the desk and its threads are in this process
        for _ in range(3):
            await _try(with_password, username, "wrong")
        took[username] = time.process_time() - started
    assert 0.3 < took["bob"] / took["nobody.here"] < 3


@pytest.mark.parametrize("password", ["x" * 100_000, "a\x00b", ""])
async def test_T17_a_password_that_cannot_be_is_a_wrong_one(with_password: Desk, password: str) -> None:  # noqa: N802
    assert await _try(with_password, "bob", password) == 401


async def test_T17_a_password_without_end_is_not_hashed(  # noqa: N802
    with_password: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(passwords, "hasher", lambda: asked.append("hasher"))
    assert await _try(with_password, "bob", "x" * 100_000) == 401
    assert asked == []


async def test_T16_a_sign_in_makes_a_fresh_session(with_password: Desk) -> None:  # noqa: N802
    fixed = "fixed-by-a-stranger"
    with_password.stranger.cookies["watchdesk"] = fixed
    with_password.stranger._csrf = None
    response = await with_password.stranger.post("/login", {"username": "bob", "password": PASSWORD})
    assert response.status == 303
    assert response.cookies["watchdesk"].value != fixed


async def test_T16_a_post_of_another_site_is_refused(desk: Desk) -> None:  # noqa: N802
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        response = await desk.post("/appearance", {"theme": "dark"}, headers=headers)
        assert response.status == 403
    assert (await desk.post("/appearance", {"theme": "dark"})).status == 303


async def test_T16_a_post_without_the_token_is_refused(desk: Desk) -> None:  # noqa: N802
    for token in ("", "x" * 64, await desk.bob.csrf()):
        response = await desk.post("/appearance", {"theme": "dark"}, headers={"X-CSRF-Token": token})
        assert response.status == 403


async def test_a_session_ends_by_itself(desk: Desk) -> None:
    def age(session: Session) -> None:
        session.execute(
            update(LoginSession).values(expires_at=desk.app[keys.CLOCK].now() - timedelta(seconds=1))
        )

    await desk.db.run(age)
    response = await desk.get("/profile")
    assert (response.status, response.headers["Location"]) == (302, "/login?next=/profile")


async def test_the_language_is_chosen_before_signing_in(desk: Desk) -> None:
    await desk.stranger.post("/login/language", {"language": "zh", "next": "/"})
    assert 'lang="zh-CN"' in await desk.stranger.text("/login")


async def test_a_person_changes_the_password_and_other_sessions_end(with_password: Desk) -> None:
    bob = with_password.stranger
    assert await _try(with_password, "bob", PASSWORD) == 303
    bob.token, bob._csrf = bob.cookies["watchdesk"], None
    bad = await bob.post(
        "/profile/password", {"old": "wrong", "password": "another one 99", "again": "another one 99"}
    )
    assert bad.status == 403
    form = {"old": PASSWORD, "password": "another one 99", "again": "another one 99"}
    assert (await bob.post("/profile/password", form)).status == 303
    assert (await bob.get("/profile")).status == 200
    fresh = await with_password.charlie.post("/login", {"username": "bob", "password": "another one 99"})
    assert fresh.status == 303


async def test_who_changed_what_is_on_record(desk: Desk) -> None:
    await desk.post("/appearance", {"theme": "dark"})

    def last(session: Session) -> tuple[str, str]:
        row = session.query(audit.AuditRow).order_by(audit.AuditRow.id.desc()).first()
        assert row is not None
        return row.actor, row.source

    assert await desk.db.read(last) == ("alice", "web")


async def test_every_answer_carries_the_security_headers(desk: Desk) -> None:
    for path in ("/login", "/profile", "/api/v1/me", "/nothing/here", "/healthz"):
        headers = (await desk.get(path)).headers
        assert "'unsafe-inline'" not in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Request-ID"]


async def test_a_header_that_is_too_long_is_refused(desk: Desk) -> None:
    assert (await desk.get("/login", headers={"X-Long": "x" * 20_000})).status in {400, 431}


async def test_a_person_who_is_disabled_is_out_at_once(desk: Desk) -> None:
    await desk.db.run(lambda session: session.get_one(Person, desk.person_id).__setattr__("active", False))
    assert (await desk.get("/profile")).status == 302

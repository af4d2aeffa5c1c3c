"""The pages of incidents: queue, record, every step of an incident's life, and no wrong turn."""

import html
import re
from typing import Any

from aiohttp import ClientResponse
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from server.accounts.models import Person
from server.incidents import record, table
from server.incidents.models import Incident, State
from server.kernel.call import Actor
from server.kernel.clock import ManualClock
from server.kernel.listing import page as list_page
from tests.desk_client import Browser, Desk

REPORT = {"summary": "No access to Billing since 08:10", "impact": "2", "urgency": "2", "group": "room_power"}


async def reported(browser: Browser, **more: Any) -> str:
    response = await browser.post("/incidents/new", REPORT | more)
    assert response.status == 303, await response.text()
    return str(response.headers["Location"].rsplit("/", 1)[-1])


async def step(browser: Browser, number: str, name: str, **form: Any) -> int:
    response = await browser.post(f"/incidents/{number}/{name}", form)
    return response.status


async def now_is(desk: Desk, number: str) -> Incident:
    found = await desk.db.read(lambda s: s.scalar(select(Incident).where(Incident.number == number)))
    assert found is not None
    return found


async def test_what_is_reported_stands_in_the_queue_and_has_a_page(desk: Desk) -> None:
    number = await reported(desk, description="Everybody on the third floor")
    queue = await desk.text("/incidents")
    assert number in queue
    assert REPORT["summary"] in queue
    shown = await desk.text(f"/incidents/{number}")
    assert "Everybody on the third floor" in shown
    assert "Nothing known that fits" in shown
    preview = await desk.text(f"/incidents/{number}/preview")
    assert REPORT["summary"] in preview
    assert "<html" not in preview


async def test_an_incident_lives_through_all_its_steps_in_the_console(desk: Desk) -> None:
    number = await reported(desk)
    assert await step(desk, number, "accept") == 303
    assert (await now_is(desk, number)).assignee_id == desk.person_id
    assert await step(desk, number, "start") == 303
    assert await step(desk, number, "hold", reason="vendor", note="Asked for a part") == 303
    assert "waits for the vendor" in await desk.text(f"/incidents/{number}")
    assert await step(desk, number, "resume") == 303
    words = {"cause_code": "software", "resolution": "Restarted the gateway"}
    assert await step(desk, number, "resolve", **words) == 303
    text = await desk.text(f"/incidents/{number}")
    assert "Restarted the gateway" in text
    assert f"/knowledge/new?from={number}" in text
    assert await step(desk, number, "reopen", note="It is back") == 303
    assert (await now_is(desk, number)).state is State.ASSIGNED
    await step(desk, number, "accept")
    await step(desk, number, "resolve", **words)
    assert await step(desk, number, "close") == 303
    assert (await now_is(desk, number)).state is State.CLOSED


async def test_passing_on_names_the_person_who_has_it_then(desk: Desk) -> None:
    number = await reported(desk)
    to = f"room_power:{desk.bob.person_id}"
    response = await desk.post(f"/incidents/{number}/assign", {"to": to, "note": "Your building"})
    assert response.status == 303
    shown = await desk.text(f"/incidents/{number}")
    assert "Bob Wang" in shown
    assert "Your building" in shown
    assert (await now_is(desk, number)).assignee_id == desk.bob.person_id


async def test_an_impossible_step_answers_409_and_names_the_possible_ones(desk: Desk) -> None:
    number = await reported(desk)
    response = await desk.post(f"/incidents/{number}/close", {})
    text = await response.text()
    assert response.status == 409
    assert "accept" in text
    shown = await desk.text(f"/incidents/{number}")
    assert re.search(r'aria-disabled="true" title="Accept it first\."', shown)


async def test_a_step_on_an_older_version_is_refused(desk: Desk) -> None:
    number = await reported(desk)
    version = (await now_is(desk, number)).version
    assert await step(desk, number, "accept", version=str(version)) == 303
    assert await step(desk, number, "start", version=str(version)) == 409


async def test_resolving_without_a_cause_says_what_is_missing(desk: Desk) -> None:
    number = await reported(desk)
    await step(desk, number, "accept")
    response = await desk.post(f"/incidents/{number}/resolve", {"resolution": "Done"})
    assert response.status == 422
    assert "Choose a cause code" in await response.text()
    done = {"resolution": "Done", "cause_code": "gremlins"}
    response = await desk.post(f"/incidents/{number}/resolve", done)
    assert response.status == 422
    assert "no cause code gremlins" in await response.text()


async def test_a_stranger_sees_neither_queue_nor_the_incidents_of_others(desk: Desk) -> None:
    number = await reported(desk)
    assert (await desk.charlie.get("/incidents")).status == 403
    assert (await desk.charlie.get(f"/incidents/{number}")).status == 404
    assert (await desk.charlie.get(f"/incidents/{number}/preview")).status == 403
    for name in ("accept", "resolve", "assign", "merge", "priority", "edit", "work", "try", "cause"):
        assert await step(desk.charlie, number, name) == 403, name
    assert await step(desk.charlie, number, "note", text="Let me in") == 404
    assert (await desk.stranger.get(f"/incidents/{number}")).status in {302, 303, 401}


async def test_who_reports_sees_the_own_incident_without_what_is_internal(desk: Desk) -> None:
    number = await reported(desk.charlie, group="")
    await desk.post(f"/incidents/{number}/note", {"text": "He is always late", "internal": "1"})
    await desk.post(f"/incidents/{number}/note", {"text": "We are looking at it"})
    shown = await desk.charlie.text(f"/incidents/{number}")
    assert "We are looking at it" in shown
    assert "always late" not in shown
    assert "/resolve" not in shown
    assert await step(desk.charlie, number, "note", text="Thank you", internal="1") == 303
    assert "Thank you" in await desk.charlie.text(f"/incidents/{number}")


async def test_who_is_not_of_the_desk_reports_only_for_himself(desk: Desk) -> None:
    form = REPORT | {"contact_id": str(desk.person_id), "impact": "1", "urgency": "1", "group": "room_power"}
    response = await desk.charlie.post("/incidents/new", form)
    number = response.headers["Location"].rsplit("/", 1)[-1]
    made = await now_is(desk, number)
    assert made.contact_id == desk.charlie.person_id
    assert made.priority > 1


async def test_what_people_write_is_shown_inert(desk: Desk) -> None:
    attack = '<script>alert(1)</script>"><img src=x>'
    number = await reported(desk, summary=attack, description=attack)
    await desk.post(f"/incidents/{number}/note", {"text": attack})
    await desk.post(f"/incidents/{number}/work", {"minutes": "5", "text": attack})
    for page in ("/incidents", f"/incidents/{number}", f"/incidents/{number}/preview"):
        text = await desk.text(page)
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "&lt;script&gt;" in text


async def test_no_page_carries_inline_style_or_script(desk: Desk) -> None:
    number = await reported(desk)
    for page in ("/incidents", f"/incidents/{number}", f"/incidents/{number}/preview", "/incidents/new"):
        text = await desk.text(page)
        assert not re.search(r"\sstyle=", text), page
        assert not re.search(r"\son[a-z]+=", text), page


async def test_many_are_passed_on_at_once_and_the_closed_are_left_out_with_a_reason(desk: Desk) -> None:
    first, second = await reported(desk), await reported(desk, summary="Another one")
    await step(desk, second, "accept")
    await step(desk, second, "resolve", cause_code="software", resolution="Done")
    data = [("id", first), ("id", second), ("to", "room_power")]
    response = await desk.post("/incidents/bulk/assign", data)  # type: ignore[arg-type]
    assert response.status == 303
    assert "X-Toast" not in response.headers
    page = await desk.text("/incidents")
    assert "1 incident done. Left out 1" in page
    assert (await now_is(desk, second)).state is State.RESOLVED


async def test_ticked_incidents_are_merged_into_one_of_them(desk: Desk) -> None:
    first, second = await reported(desk), await reported(desk, summary="The same again")
    data = [("id", first), ("id", second), ("into", first)]
    assert (await desk.post("/incidents/bulk/merge", data)).status == 303  # type: ignore[arg-type]
    assert (await now_is(desk, second)).state is State.CLOSED
    assert second in await desk.text(f"/incidents/{first}")


async def test_the_queue_comes_as_a_file_with_a_column_for_each_fact(desk: Desk) -> None:
    number = await reported(desk, summary="=HYPERLINK(1)")
    text = await desk.text("/incidents?format=csv")
    head, line = text.lstrip("\ufeff").splitlines()[:2]
    assert head.startswith("Number,Priority,Summary,State")
    assert number in line
    assert "'=HYPERLINK(1)" in line


async def test_filters_find_by_item_group_and_words_and_refuse_unknown_fields(desk: Desk) -> None:
    number = await reported(desk)
    assert number in await desk.text("/incidents?group=mine")
    assert number in await desk.text("/incidents?q=billing")
    assert number not in await desk.text("/incidents?ci=UPS-*")
    assert number not in await desk.text("/incidents?priority=1")
    assert (await desk.get("/incidents?secret=1")).status == 422


async def test_the_queue_is_read_in_a_dozen_queries_however_many_rows(desk: Desk, clock: ManualClock) -> None:
    for n in range(12):
        await step(desk, await reported(desk, summary=f"Trouble {n}"), "accept")
    actor = Actor(
        desk.person_id,
        "alice",
        {"en": "Alice"},
        frozenset({"incident.read", "incident.assign"}),
        frozenset({1}),
    )

    def measured(session: Session) -> tuple[int, int]:
        told: list[str] = []
        connection = session.connection()

        def count(*args: Any) -> None:
            told.append(str(args[2]))

        event.listen(connection, "before_cursor_execute", count)
        shown = list_page(session, table.QUEUE, [("view", "groups")], actor=actor, now=clock.now())
        record.teams(session)
        queue = len(told)
        record.page(session, shown.rows[0].row.number, actor=actor, now=clock.now())  # builds the graph
        told.clear()
        record.page(session, shown.rows[0].row.number, actor=actor, now=clock.now())
        event.remove(connection, "before_cursor_execute", count)
        return queue, len(told)

    queue, whole = await desk.db.read(measured)
    assert 5 < queue <= 10  # two more where rows have items: their names and their health
    assert whole <= 12 + 4  # four to search for what fixed such a thing before


async def test_the_form_tells_of_open_incidents_like_what_is_typed(desk: Desk) -> None:
    number = await reported(desk, summary="三楼网络每隔几分钟中断")
    found = await desk.text("/incidents/new/alike", params={"summary": "三楼网络又中断了"})
    assert number in found
    other = await desk.text("/incidents/new/alike", params={"summary": "打印机缺纸"})
    assert number not in other


async def test_a_form_without_words_is_refused_and_keeps_what_was_typed(desk: Desk) -> None:
    response = await desk.post("/incidents/new", {"summary": "", "description": "It hums"})
    text = await response.text()
    assert response.status == 422
    assert "It hums" in text
    assert 'aria-invalid="true"' in text


async def test_priority_tasks_time_and_links_are_kept_on_the_record(desk: Desk) -> None:
    first, second = await reported(desk), await reported(desk, summary="Next door")
    version = str((await now_is(desk, first)).version)
    assert await step(desk, first, "priority", impact="1", urgency="1", version=version) == 303
    assert (await now_is(desk, first)).priority == 1
    assert await step(desk, first, "link", other=second, kind="caused_by") == 303
    assert await step(desk, first, "work", minutes="25", text="Looked at it") == 303
    assert await step(desk, first, "tasks", title="Ask the vendor") == 303
    assert await step(desk, first, "watch", on="1") == 303
    text = await desk.text(f"/incidents/{first}")
    for words in ("caused by", "Next door", "25 min", "Ask the vendor", "Stop watching", "set by a person"):
        assert words in text, words
    assert "is the cause of" in await desk.text(f"/incidents/{second}")


async def test_back_leads_only_to_this_site(desk: Desk) -> None:
    number = await reported(desk)
    response = await desk.post(f"/incidents/{number}/accept", {"back": "https://evil.example/"})
    assert response.headers["Location"] == "/"
    other = await reported(desk)
    response = await desk.post(f"/incidents/{other}/accept", {"back": "/incidents?view=mine"})
    assert response.headers["Location"] == "/incidents?view=mine"


async def _undo(desk: Desk, response: ClientResponse) -> None:
    """Do what the toast's Undo does: post its form."""
    desk.cookies["wd_toast"] = response.cookies["wd_toast"].value
    page = await desk.text(response.headers["Location"])
    form = re.search(
        r'<div class="wd-toast" data-toast>.*?<form method="post" action="([^"]+)">(.*?)</form>', page
    )
    assert form is not None
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form[2]))
    del fields["csrf"]
    assert (
        await desk.post(form[1], {name: html.unescape(value) for name, value in fields.items()})
    ).status == 303


async def test_what_was_done_is_taken_back_from_its_toast(desk: Desk) -> None:
    number = await reported(desk)
    await step(desk, number, "accept")
    before = await now_is(desk, number)
    version = str(before.version)
    to = {"to": f"room_power:{desk.bob.person_id}", "version": version}
    await _undo(desk, await desk.post(f"/incidents/{number}/assign", to))
    assert (await now_is(desk, number)).assignee_id == before.assignee_id
    await step(desk, number, "accept")
    await _undo(desk, await desk.post(f"/incidents/{number}/hold", {"reason": "vendor"}))
    assert (await now_is(desk, number)).pending_reason is None
    version = str((await now_is(desk, number)).version)
    weighed = {"impact": "1", "urgency": "1", "version": version}
    await _undo(desk, await desk.post(f"/incidents/{number}/priority", weighed))
    assert (await now_is(desk, number)).priority == before.priority
    await _undo(desk, await desk.post(f"/incidents/{number}/watch", {"on": "1"}))
    assert "Stop watching" not in await desk.text(f"/incidents/{number}")


async def test_a_priority_raised_for_a_person_says_the_name_in_the_readers_language(desk: Desk) -> None:
    def honoured(session: Session) -> None:
        session.get_one(Person, desk.charlie.person_id).vip = 1

    await desk.db.run(honoured)
    number = await reported(desk, affected_id=str(desk.charlie.person_id))
    assert "raised for Charlie Li" in await desk.text(f"/incidents/{number}")
    version = str((await now_is(desk, number)).version)
    assert await step(desk, number, "priority", impact="3", urgency="3", version=version) == 303
    assert (await desk.post("/appearance", {"language": "zh", "back": "/"})).status == 303
    assert "因 李查理 提升" in await desk.text(f"/incidents/{number}")

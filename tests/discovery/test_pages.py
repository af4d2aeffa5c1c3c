"""The pages of discovery as Alice uses them; Bob may look, Charlie may not."""

import re
from datetime import timedelta
from urllib.parse import quote

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules import wire
from rules.profile import packaged
from server.agents import service as agents
from server.agents.models import Agent, Target
from server.agents.targets import NewTarget
from server.cmdb.models import Ci
from server.discovery import heard, jobs, trials
from server.discovery.models import Item, Policy, RangeJob, Trial
from server.discovery.monitoring import watched
from server.kernel import keys
from server.kernel.call import Actor
from server.metrics import service as metrics
from server.metrics.models import Kind
from server.metrics.samples import Block
from tests.desk_client import Desk
from tests.discovery.place import NOON, ZONE, Place

PAGES = (
    "/discovery",
    "/discovery/inbox",
    "/discovery/answers",
    "/discovery/heard",
    "/discovery/profiles",
    "/discovery/profiles/ups-mib",
)
FORM = {
    "name": "Offices",
    "ranges": "10.20.8.0/24\n10.20.9.1-9",
    "ways": "snmp",
    "rate": "50",
    "policy": "ask",
}
TEXT = """\
profile: acme-widget
extends: snmp-device
ci_class: ups
match:
  sysObjectID: [1.3.6.1.4.1.99999.1]
"""


async def place(desk: Desk, policy: Policy = Policy.ASK) -> Place:
    """An agent that has joined, and a job."""

    def write(session: Session) -> tuple[int, int]:
        token = agents.create_token(session, "agent-b1", now=NOON)
        joined = agents.enrol(session, wire.Enrol(token.token, "agent-b1", "h", "1"), now=NOON)
        new = jobs.NewJob("Rooms", joined.agent_id, ("10.20.8.0/24",), policy=policy)
        return joined.agent_id, jobs.create(session, new, zone=ZONE, now=NOON).id

    return Place(desk.db, *await desk.db.run(write))


async def test_the_pages_stand_empty_and_say_what_to_do(desk: Desk) -> None:
    text = await desk.text("/discovery")
    assert "No range job yet" in text
    assert "/discovery/jobs/new" in text
    assert "Nobody waits" in await desk.text("/discovery/inbox")
    assert "let one join first" in await desk.text("/discovery/jobs/new")
    for path in PAGES:
        assert (await desk.bob.get(path)).status == 200, path
        assert (await desk.charlie.get(path)).status == 403, path
    assert (await desk.bob.get("/discovery/jobs/new")).status == 403
    for path in ("/discovery/jobs/9", "/discovery/runs/9", "/discovery/findings/9", "/discovery/inbox/9",
                 "/discovery/trials/9", "/discovery/profiles/no-such"):  # fmt: skip
        assert (await desk.get(path)).status == 404, path


async def test_dsc_1_a_job_is_written_run_watched_and_cancelled(desk: Desk) -> None:
    known = await place(desk)
    form = {**FORM, "agent_id": str(known.agent_id)}
    for name, value, said in (
        ("ranges", "router-1", "router-1 is no range"),
        ("cron", "at three", "This is no schedule"),
        ("ports_snmp", "99999", "Ports go from 1 to 65535"),
        ("name", "Rooms", "There is a job of that name already"),
    ):
        refused = await desk.post("/discovery/jobs/new", {**form, name: value})
        text = await refused.text()
        assert refused.status in {409, 422}, name
        assert said in text, name
        assert 'value="Offices"' in text or name == "name", "what was typed stays"
    made = await desk.post("/discovery/jobs/new", form)
    assert made.status == 303, await made.text()
    url = made.headers["Location"]
    assert "10.20.9.1-9" in await desk.text(url)
    assert "263" in await desk.text("/discovery")
    began = await desk.post(f"{url}/run")
    run_url = began.headers["Location"]
    run = int(run_url.rpartition("/")[2])
    job = int(url.rpartition("/")[2])
    known.job_id = job
    await desk.db.run(lambda session: None)
    known.report(progress=[wire.Progress(job, run, NOON.timestamp(), total=263, asked=100, alive=1)])
    known.report(findings=[known.found(run, "10.20.8.4", name="<b>x</b>")])
    text = await desk.text(run_url)
    assert "100 of 263" in text
    assert "&lt;b&gt;x&lt;/b&gt;" in text, "what a device says stays inert"
    assert (await desk.post(f"{run_url}/cancel")).status == 303
    assert "Cancelled" in await desk.text(run_url)
    assert (await desk.post(f"{run_url}/cancel")).status == 409
    assert "Nothing fits" in await desk.text(f"{run_url}?outcome=changed")
    edit = await desk.text(f"{url}/edit")
    version = re.search(r'name="version" value="(\d+)"', edit)
    assert version is not None
    assert (await desk.post(f"{url}/edit", {**form, "version": version[1], "rate": "5"})).status == 303
    assert (await desk.post(f"{url}/edit", {**form, "version": version[1], "rate": "7"})).status == 409


async def test_dsc_5_an_unknown_device_is_answered_and_remembered(desk: Desk) -> None:
    known = await place(desk)
    run = (await desk.db.run(jobs.begin, known.job_id, by=None, now=NOON)).id
    known.report(findings=[known.found(run, f"10.20.8.{n}", kind="camera", sure=0.4) for n in (4, 5)])
    text = await desk.text("/discovery/inbox")
    assert "What is 10.20.8.4?" in text or "What is 10.20.8.5?" in text
    assert "0.40" in text
    item = (await desk.db.read(lambda session: session.scalars(select(Item).order_by(Item.id)).all()))[0]
    stub = await desk.get(f"/discovery/inbox/{item.id}/stub.yaml")
    assert "attachment" in stub.headers["Content-Disposition"]
    assert "profile: acme-widget" in await stub.text()
    editor = await desk.text(f"/discovery/profiles/new?item={item.id}")
    assert f'name="address" value="{item.address}"' in editor.replace(' id="in-address"', ""), (
        "it is tried there"
    )
    url = f"/discovery/inbox/{item.id}/answer"
    assert (await desk.post(url, {"class_code": "no-such", "alike": "1"})).status == 422
    assert (await desk.bob.post(url, {"class_code": "ups"})).status == 403
    done = await desk.post(url, {"class_code": "ups", "vendor": "Acme", "alike": "1", "poll": "1"})
    assert done.status == 303, await done.text()
    assert "Nobody waits" in await desk.text("/discovery/inbox")
    answers = await desk.text("/discovery/answers")
    assert "1.3.6.1.4.1.99999.1.7" in answers
    assert len(await desk.json("/api/v1/cis?class=ups")) > 0
    assert "Decided" in await desk.text(f"/discovery/inbox/{item.id}")


async def test_an_own_profile_is_checked_by_line_kept_in_versions_and_sent_to_agents(desk: Desk) -> None:
    known = await place(desk)
    bad = await desk.post("/discovery/profiles/save", {"text": TEXT + "poll:\n  evry: 10s\n"})
    assert bad.status == 422
    assert re.search(r"Line \d+, column \d+:", await bad.text())
    tried = {"agent_id": str(known.agent_id), "address": "10.20.8.4", "port": "", "credential_id": ""}
    for text in (TEXT, TEXT + "vendor: Acme\n"):
        form = {"text": text, "note": "n", **tried}
        assert (await desk.post("/discovery/profiles/save", form)).status == 303
    page = await desk.text("/discovery/profiles/acme-widget")
    assert "own, version 2" in page
    assert (await desk.post("/discovery/profiles/acme-widget/use", {"number": "1"})).status == 303
    assert (await desk.post("/discovery/profiles/acme-widget/use", {"number": "9"})).status == 404
    from server.intake.registering import config

    assert (await desk.db.read(config, known.agent_id)).profiles == {"acme-widget": TEXT}
    await desk.post("/discovery/profiles/acme-widget/enable", {"on": "0"})
    assert (await desk.db.read(config, known.agent_id)).profiles == {}
    assert "acme-widget" in await desk.text("/discovery/profiles/acme-widget/edit?version=2")


async def test_a_profile_is_tried_against_a_device_and_nothing_is_kept_of_it(desk: Desk) -> None:
    known = await place(desk)
    form = {"text": TEXT, "agent_id": str(known.agent_id), "address": "10.20.8.4"}
    assert (await desk.post("/discovery/profiles/try", {**form, "address": "no host"})).status == 422
    began = await desk.post("/discovery/profiles/try", {**form, "note": "n"})
    url = began.headers["Location"]
    assert "The agent is asking" in await desk.text(url)
    trial = (await desk.db.read(lambda session: session.scalars(select(Trial)).one())).id
    told = await desk.db.read(trials.told, known.agent_id)
    assert [(one.id, one.target.transport, one.target.address) for one in told] == [
        (trial, "snmp", "10.20.8.4")
    ]
    value = wire.TrialValue("ups_load", None, "%", raw="-1", reason="out_of_range", place="1.3.6.1.2.1.33.1")
    result = wire.TrialResult(trial, NOON.timestamp(), up=True, identity={"model": "W-1"}, values=[value])
    assert known.report(trials=[result]).items == []
    text = await desk.text(url)
    for said in ("W-1", "ups_load", "outside what can be meant", "1.3.6.1.2.1.33.1"):
        assert said in text
    again = await desk.text(f"/discovery/profiles/new?trial={trial}")
    assert "profile: acme-widget" in again, "one goes on with what was tried"
    assert 'value="10.20.8.4"' in again
    assert await desk.db.read(trials.told, known.agent_id) == []
    assert await desk.db.read(lambda session: session.scalars(select(Target)).all()) == []


async def test_who_is_heard_and_is_no_target_stands_there_to_be_discovered(desk: Desk) -> None:
    known = await place(desk)

    def write(session: Session) -> None:
        host = 4711
        session.get_one(Agent, known.agent_id).host_ci_id = host
        for address, count, ago in (("10.9.9.9", 7, 5), ("10.9.9.8", 9, 8 * 86_400), ("10.20.8.4", 5, 5)):
            labels = {"kind": "trap", "source": address}
            ids = metrics.register_all(
                session,
                [
                    metrics.NewSeries(host, heard.COUNTED, labels, "", Kind.COUNTER, {}),
                    metrics.NewSeries(host, heard.LAST, labels, "s", Kind.GAUGE, {}),
                ],
                now=NOON,
            )
            last = desk.app[keys.CLOCK].now().timestamp() - ago
            at = np.full(2, int(NOON.timestamp() * 1000), np.int64)
            block = Block(np.array(ids, np.uint32), at, np.array([float(count), last]))
            metrics.append(session, [block], NOON)
        agents.add_target(session, known.agent_id, NewTarget("sw", "10.20.8.4", "icmp"), now=NOON)

    await desk.db.run(write)
    (told,) = (await desk.json("/api/v1/discovery/heard"))["items"]
    assert (told["address"], told["count"], told["kind"]) == ("10.9.9.9", 7, "trap")
    text = await desk.text("/discovery/heard")
    assert "10.9.9.9" in text
    assert "10.9.9.8" not in text, "heard a week ago"
    assert "10.20.8.4" not in text, "a target"
    form = await desk.text(f"/discovery/jobs/new?agent_id={known.agent_id}&ranges=10.9.9.9")
    assert ">10.9.9.9</textarea>" in form


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_every_page_stands_in_both_languages(desk: Desk, language: str) -> None:
    known = await place(desk, Policy.ADD)
    run = (await desk.db.run(jobs.begin, known.job_id, by=None, now=NOON)).id
    known.report(
        findings=[
            known.found(
                run,
                "10.20.8.4",
                attempts=[wire.Attempt("snmp", 1, "refused", "no")],
                links=[wire.ObservedLink("lldp", "7", {"name": ["mallory"], "address": ["10.9.9.9"]}, "3")],
            ),
            known.found(run, "10.20.8.5", kind=""),
        ]
    )
    await desk.post("/appearance", {"language": language})
    first = (await desk.json(f"/api/v1/discovery/runs/{run}/findings"))["items"][0]
    for path in (
        *PAGES,
        "/discovery/jobs/new",
        f"/discovery/jobs/{known.job_id}",
        f"/discovery/jobs/{known.job_id}/edit",
        f"/discovery/runs/{run}",
        f"/discovery/runs/{run}/links",
        f"/discovery/findings/{first['id']}",
        "/discovery/inbox/1",
        "/discovery/inbox?view=later",
        "/discovery/profiles/new?item=1",
        "/discovery/profiles/ups-mib/edit",
    ):
        text = await desk.text(path)
        assert text.count("<h1") == 1, path
        assert f'<html lang="{"zh-CN" if language == "zh" else "en"}"' in text, path


async def test_down_not_heard_and_values_missing_are_three_facts_of_an_item(desk: Desk) -> None:
    known = await place(desk, Policy.ADD)
    run = (await desk.db.run(jobs.begin, known.job_id, by=None, now=NOON)).id
    known.report(findings=[known.found(run, "10.20.8.4")])
    ci = await desk.db.read(lambda session: session.scalars(select(Ci)).one())
    actor = Actor(1, "a", {}, frozenset({"agent.read"}))

    async def rows() -> dict[str, str]:
        panel = await desk.db.read(watched, ci.id, actor, NOON)
        assert panel is not None
        return {str(one.text): one.sev for one in panel.rows}

    def heard(*, up: bool, silent: bool = False) -> None:
        def write(session: Session) -> None:
            target = session.scalars(select(Target)).one()
            target.pulse.polled_at, target.pulse.up = NOON - timedelta(seconds=5), up
            target.pulse.reason = "" if up else "auth"
            agent = session.get_one(Agent, known.agent_id)
            agent.pulse.silent_since = NOON if silent else None

        known.db.run_now(write)

    assert await rows() == {"Not polled yet over Ping": "unknown"}
    heard(up=True)
    assert await rows() == {"Answers over Ping": "ok"}
    heard(up=False)
    assert await rows() == {"Does not answer over Ping": "major"}
    heard(up=False, silent=True)
    assert await rows() == {
        "agent-b1 is not heard; whether it answers is unknown": "unknown",
        "No news over Ping": "unknown",
    }
    heard(up=True)

    def lose(session: Session) -> None:
        new = metrics.NewSeries(ci.id, "ups_load_ratio", {}, "", Kind.GAUGE, {})
        metrics.register_all(session, [new], now=NOON)
        row = metrics.series_of(session, ci.id)[0]
        row.last_at, row.last_value = NOON - timedelta(hours=1), 0.5

    await desk.db.run(lose)
    assert await rows() == {"Answers over Ping": "ok", "One value it used to report is missing": "minor"}
    assert "One value it used to report is missing" in await desk.text(f"/cis/{ci.number}")


async def test_the_api_does_what_the_pages_do(desk: Desk) -> None:
    known = await place(desk)
    body = {"name": "Labs", "agent_id": known.agent_id, "ranges": ["10.9.0.0/28"], "ways": ["icmp"]}
    made = await (await desk.post("/api/v1/discovery/jobs", json=body)).json()
    assert (
        await desk.post("/api/v1/discovery/jobs", json={**body, "name": "B", "ranges": ["x"]})
    ).status == 422
    run = await (await desk.post(f"/api/v1/discovery/jobs/{made['id']}/run", json={})).json()
    assert (run["state"], run["total"]) == ("queued", 14)
    known.job_id = made["id"]
    known.report(findings=[known.found(run["id"], "10.9.0.3")])
    item = (await desk.json("/api/v1/discovery/inbox"))["items"][0]
    taken = await desk.post(f"/api/v1/discovery/inbox/{item['id']}/approve", json={"poll": False})
    assert (await taken.json())["cis"]
    assert (await desk.json("/api/v1/discovery/inbox"))["total"] == 0
    found = (await desk.json(f"/api/v1/discovery/runs/{run['id']}/findings"))["items"][0]
    assert (found["outcome"], found["class_code"]) == ("new", "switch")
    put = {**body, "ways": ["icmp", "snmp"], "version": made["version"]}
    assert (await desk.send("PUT", f"/api/v1/discovery/jobs/{made['id']}", json=put)).status == 200
    assert (await desk.send("DELETE", f"/api/v1/discovery/jobs/{made['id']}")).status == 204
    assert await desk.db.read(lambda session: session.get_one(RangeJob, made["id"]).enabled) is False
    faults = await (await desk.post("/api/v1/profiles/check", json={"text": "profile: x-y\nodd: 1\n"})).json()
    assert faults[0]["line"] == 2
    assert await (await desk.post("/api/v1/profiles/check", json={"text": TEXT})).json() == []
    names = {one["name"] for one in await desk.json("/api/v1/profiles")}
    assert {"ups-mib", "snmp-device"} <= names


@pytest.mark.parametrize(
    ("said", "found", "not_found"),
    [
        ("1.3.6.1.4.1.318.1.3.4.5.9", "apc-rpdu", "ups-mib"),
        (".1.3.6.1.4.1.318.1.3.4.", "apc-rpdu2", "ups-mib"),
        ("apc PDU", "apc-rpdu", "apc-ups"),
        ("no such maker", "No profile fits", "apc-ups"),
    ],
)
async def test_a_profile_is_found_by_its_words_or_by_what_a_device_says(
    desk: Desk, said: str, found: str, not_found: str
) -> None:
    page = await desk.text(f"/discovery/profiles?q={quote(said)}")
    assert found in page
    assert f"/discovery/profiles/{not_found}" not in page


async def test_the_profiles_stand_on_pages_each_once_by_title_and_class_the_own_first(desk: Desk) -> None:
    assert (await desk.post("/discovery/profiles/save", {"text": TEXT})).status == 303
    seen: list[str] = []
    for page in range(1, 99):
        text = await desk.text(f"/discovery/profiles?page={page}")
        rows = re.findall(r'<tr><td>.*?href="/discovery/profiles/([\w.-]+)"', text)
        assert 0 < len(rows) <= 50
        seen += rows
        if 'rel="next"' not in text:
            break
    assert seen[0] == "acme-widget"
    assert sorted(seen) == sorted({*packaged(), "acme-widget"})
    assert len(await desk.text("/discovery/profiles")) < 60_000
    last = await desk.text(f"/discovery/profiles?page={page + 1}")
    assert rows == re.findall(r'<tr><td>.*?href="/discovery/profiles/([\w.-]+)"', last), "the last page"
    kept = await desk.text("/discovery/profiles?class=camera&q=dahua")
    assert re.findall(r'<tr><td>.*?href="/discovery/profiles/([\w.-]+)"', kept) == ["dahua"]
    assert '<option value="camera" selected>' in kept
    assert "No profile fits" in await desk.text("/discovery/profiles?class=camera&q=apc")

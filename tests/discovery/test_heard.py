"""What agents heard as Alice looks at it: samples, ignoring, and own rules from the form to the alert."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules import heard_reading, wire
from rules.heard import judge_line, judge_trap
from rules.heard_form import FACILITIES, LEVELS
from rules.pattern import Pattern
from rules.syslog import parse, shape, told
from server.agents import service as agents
from server.agents.targets import NewTarget
from server.cmdb import service as cmdb
from server.discovery import beginnings, messages, words
from server.discovery.models import HeardMessage
from server.discovery.rule_form import RuleForm, text_of
from server.intake.registering import config
from server.kernel import keys
from server.kernel.audit import AuditRow
from server.kernel.db import Database
from tests.desk_client import Desk
from tests.discovery.place import AT, NOON, Place, make
from tests.discovery.test_pages import place

DOOR = "1.3.6.1.4.1.32473.0.5"
LINE = "Nov 20 09:01:11 sw1 doord[7]: door 3 <b>open</b>"
TRAP_FORM = {
    "kind": "trap",
    "name": "DoorOpened",
    "trap": DOOR,
    "values": "door = 1.3.6.1.4.1.32473.1.1",
    "key": "door",
    "ends_trap": "1.3.6.1.4.1.32473.0.6",
    "severity": "minor",
    "summary_en": "{ci}: door {door} is open",
}
LINE_FORM = {
    "kind": "syslog",
    "name": "DoorLogged",
    "pattern": r"door (?P<door>\d+) <b>open",
    "program": "doord",
    "severity": "major",
    "summary_en": "{ci}: door {door}",
    "summary_zh": "{ci}：{door} 号门打开",
}


def trap(device: str, source: str = "10.20.8.4", **how: Any) -> wire.HeardSample:
    values = [wire.HeardValue("1.3.6.1.4.1.32473.1.1.0", "doorName.0", "<i>hall</i>", "<i>hall</i>")]
    return wire.HeardSample(
        "trap", device, source, AT, how.pop("what", DOOR), "ACME-MIB::doorOpen", values=values, **how
    )


def line(device: str, source: str = "10.20.8.4", text: str = LINE) -> wire.HeardSample:
    what = shape(parse(187, text))
    return wire.HeardSample("syslog", device, source, AT, what, priority=187, line=text)


async def listening(desk: Desk) -> tuple[Place, int]:
    """An agent with a target that is a configuration item."""
    known = await place(desk)

    def write(session: Session) -> int:
        ci = cmdb.create(session, "switch", {"name": "sw-1"}, by="alice", now=NOON)
        new = NewTarget("sw-1", "10.20.8.4", "icmp", ci_id=ci.id, ci=ci.number)
        return agents.add_target(session, known.agent_id, new, now=NOON).id

    return known, await desk.db.run(write)


async def ids(desk: Desk) -> list[int]:
    def read(session: Session) -> list[int]:
        return list(session.scalars(select(HeardMessage.id).order_by(HeardMessage.id)))

    return await desk.db.read(read)


async def test_a_message_is_looked_at_with_its_names_and_stays_inert(desk: Desk) -> None:
    known, target = await listening(desk)
    assert "Rules cover everything that targets send" in await desk.text("/discovery/heard")
    assert known.report(heard=[trap(f"t{target}"), line(f"t{target}"), trap("", "10.9.9.9")]).items == []
    page = await desk.text("/discovery/heard")
    assert "ACME-MIB::doorOpen" in page
    assert "sw-1" in page
    first, second, stranger = await ids(desk)
    text = await desk.text(f"/discovery/heard/messages/{first}")
    for said in ("doorName.0", "&lt;i&gt;hall&lt;/i&gt;", DOOR, "Who else sends this", "10.9.9.9"):
        assert said in text
    text = await desk.text(f"/discovery/heard/messages/{second}")
    for said in ("door 3 &lt;b&gt;open&lt;/b&gt;", "local7", "error", "doord"):
        assert said in text
    assert "no alert comes of it" in await desk.text(f"/discovery/heard/messages/{stranger}")
    assert (await desk.get("/discovery/heard/messages/99")).status == 404
    told_ = await desk.json("/api/v1/discovery/heard/messages?kind=trap")
    assert told_["total"] == 2
    assert {one["source"] for one in told_["items"]} == {"10.20.8.4", "10.9.9.9"}


async def test_a_newer_message_takes_the_place_of_an_older_and_a_foreign_one_is_refused(desk: Desk) -> None:
    known, target = await listening(desk)
    known.report(heard=[line(f"t{target}")])
    later = replace_at(line(f"t{target}", text=LINE.replace("door 3", "door 4")), AT + 60)
    known.report(NOON + timedelta(minutes=2), heard=[later])
    known.report(heard=[line(f"t{target}")])
    (number,) = await ids(desk)
    assert "door 4" in await desk.text(f"/discovery/heard/messages/{number}")
    (refused,) = known.report(heard=[trap("t4711")]).items
    assert (refused.kind, refused.code) == ("heard", "forbidden")


def replace_at(sample: wire.HeardSample, at: float) -> wire.HeardSample:
    return msgspec.structs.replace(sample, at=at)


async def test_a_kind_is_ignored_for_a_reason_and_a_time_and_taken_back(desk: Desk) -> None:
    known, target = await listening(desk)
    known.report(heard=[trap(f"t{target}"), line(f"t{target}")])
    first = (await ids(desk))[0]
    form = {
        "kind": "trap",
        "message": str(first),
        "scope": "kind_source",
        "reason": "It is a test door",
        "days": "7",
    }
    assert (await desk.bob.post("/discovery/heard/ignore", form)).status == 403
    assert (await desk.post("/discovery/heard/ignore", {**form, "reason": " "})).status == 422
    done = await desk.post("/discovery/heard/ignore", form)
    assert done.status == 303, await done.text()
    page = await desk.text("/discovery/heard")
    assert "It is a test door" in page
    assert f"/discovery/heard/messages/{first}" not in page
    assert "This is ignored: It is a test door" in await desk.text(f"/discovery/heard/messages/{first}")
    (told_,) = (await desk.db.read(config, known.agent_id)).ignored
    now = desk.app[keys.CLOCK].now().timestamp()
    assert (told_.kind, told_.source, told_.what) == ("trap", "10.20.8.4", DOOR)
    assert told_.until == pytest.approx(now + 7 * 86_400, abs=60)
    (row,) = await desk.json("/api/v1/discovery/heard/ignored")
    assert (await desk.post(f"/discovery/heard/ignored/{row['id']}/end")).status == 303
    assert (await desk.post(f"/discovery/heard/ignored/{row['id']}/end")).status == 409
    assert (await desk.db.read(config, known.agent_id)).ignored == []
    query = select(AuditRow).where(AuditRow.tables.contains("heard_ignored"))
    entries = await desk.db.read(lambda session: list(session.scalars(query)))
    assert len(entries) == 2, "its beginning and its end are audited"


async def test_a_rule_is_made_of_a_message_tried_kept_and_told_to_agents(desk: Desk) -> None:
    known, target = await listening(desk)
    known.report(heard=[trap(f"t{target}"), trap("", "10.9.9.9"), line(f"t{target}")])
    first = (await ids(desk))[0]
    text = await desk.text(f"/discovery/heard/rules/new?message={first}")
    for said in ("DoorOpenSeen", DOOR, "doorname = 1.3.6.1.4.1.32473.1.1"):
        assert said in text
    tried = await (await desk.post("/discovery/heard/rules/try", TRAP_FORM)).text()
    for said in ("It matches 2 of 2 messages", "sw-1: door &lt;i&gt;hall&lt;/i&gt; is open",
                 "an alert begins", "its source is no target", f"trap:\n  - {DOOR}"):  # fmt: skip
        assert said in tried, said
    for pattern, told_ in ((">ha[l]+<", "It matches 2 of 2"), ("cellar|roof", "matches none of the 2")):
        narrowed = {**TRAP_FORM, "when": f"1.3.6.1.4.1.32473.1.1 =~ {pattern}"}
        assert told_ in await (await desk.post("/discovery/heard/rules/try", narrowed)).text()
    assert (await desk.json("/api/v1/discovery/heard/rules")) == [], "nothing is kept"
    assert (await desk.bob.post("/discovery/heard/rules/new", TRAP_FORM)).status == 403
    made = await desk.post("/discovery/heard/rules/new", TRAP_FORM)
    assert made.status == 303, await made.text()
    (own,) = (await desk.db.read(config, known.agent_id)).alerts.items()
    assert own[0].startswith("heard/own-")
    (rule,) = heard_reading.read(own[1], "own.yaml")
    (finding,) = judge_trap([rule], DOOR, {"1.3.6.1.4.1.32473.1.1.0": "hall"})
    assert (finding.key, rule.lasting, rule.severity) == ((("door", "hall"),), True, "minor")
    (row,) = await desk.json("/api/v1/discovery/heard/rules")
    url = f"/discovery/heard/rules/{row['id']}"
    assert "door {door} is open" in await desk.text(url)
    assert (await desk.post(url, {**TRAP_FORM, "version": "1", "severity": "major"})).status == 303
    assert (await desk.post(url, {**TRAP_FORM, "version": "1"})).status == 409
    assert (await desk.post(f"{url}/enable", {"on": "0"})).status == 303
    assert (await desk.db.read(config, known.agent_id)).alerts == {}
    assert (await desk.post(f"{url}/remove")).status == 303
    assert (await desk.get(url)).status == 404


async def test_a_rule_of_an_item_goes_to_the_agents_that_ask_it_and_names_its_targets(desk: Desk) -> None:
    known, target = await listening(desk)
    number = (await desk.json("/api/v1/cis?class=switch"))["items"][0]["number"]
    known.report(heard=[line(f"t{target}"), line("host", "127.0.0.1")])
    asked = {**LINE_FORM, "ci": number, "lines": "<13>doord: door 9 <b>open"}
    tried = await (await desk.post("/api/v1/discovery/heard/rules/try", json=asked)).json()
    assert [(one["line"], one["hindrance"]) for one in tried["hits"]] == [
        ("<13>doord: door 9 <b>open", ""), ("", "other_ci"), ("", "")]  # fmt: skip
    made = await desk.post("/discovery/heard/rules/new", {**LINE_FORM, "ci": number})
    assert made.status == 303, await made.text()

    def other(session: Session) -> int:
        token = agents.create_token(session, "agent-b2", now=NOON)
        return agents.enrol(session, wire.Enrol(token.token, "agent-b2", "h2", "1"), now=NOON).agent_id

    (text,) = (await desk.db.read(config, known.agent_id)).alerts.values()
    (rule,) = heard_reading.read(text, "own.yaml")
    assert rule.devices == {f"t{target}"}
    assert (await desk.db.read(config, await desk.db.run(other))).alerts == {}


REFUSED: tuple[tuple[dict[str, str], str], ...] = (
    ({"name": "door"}, "begins with a capital"),
    ({"name": "LinkDownHeard"}, "A built-in rule is called LinkDownHeard"),
    ({"trap": "linkDown"}, "linkDown is no OID"),
    ({"trap": ""}, "Say which trap"),
    ({"values": "door"}, "lacks an equals sign"),
    ({"when": "1.3.6.1.2.1.1.5 =~ (a"}, "The pattern cannot be used"),
    ({"when": "1.3.6.1.2.1.1.5 =~ a*"}, "in every value"),
    ({"ends_when": "1.3.6.1.2.1.1.5 =~ "}, "lacks an equals sign"),
    ({"ends_when": "sysName =~ a"}, "sysName is no OID"),
    ({"key": "gate"}, "gate is none of the values"),
    ({"summary_en": "{gate}"}, "Agents cannot use this"),
    ({"summary_en": ""}, "in one language at least"),
    ({"expires": "soon"}, "Write a time as"),
    ({"expires": "400d"}, "Agents cannot use this"),
    ({"ci": "CI-000099"}, "no configuration item"),
    ({"kind": "syslog", "pattern": "(a", "key": "", "ends_trap": ""}, "The pattern cannot be used"),
    ({"kind": "syslog", "pattern": "a*", "key": "", "ends_trap": ""}, "in every line"),
)


async def test_what_no_agent_could_use_is_refused_at_its_field_and_what_was_typed_stays(desk: Desk) -> None:
    for change, said in REFUSED:
        refused = await desk.post("/discovery/heard/rules/new", {**TRAP_FORM, **change})
        text = await refused.text()
        assert refused.status in {404, 409, 422}, change
        assert said in text, change
        assert 'value="minor" selected' in text, change


labels = st.from_regex(r"[a-z_][a-z0-9_]{0,10}", fullmatch=True)
oids = st.lists(st.integers(0, 99), min_size=2, max_size=6).map(
    lambda arcs: ".".join(map(str, (1, 3, *arcs)))
)
plain = st.text(
    st.characters(categories=("L", "N", "P", "Zs"), exclude_characters="{}="), min_size=1, max_size=20
).filter(lambda one: one.strip())


@given(
    oid=oids, values=st.dictionaries(labels, oids, max_size=3), told_=st.lists(oids, min_size=1, max_size=2),
    said=st.tuples(plain, plain), severity=st.sampled_from(["critical", "major", "minor", "info"]),
)  # fmt: skip
def test_whatever_a_form_of_a_trap_says_agents_read_the_same(
    oid: str, values: dict[str, str], told_: list[str], said: tuple[str, str], severity: str
) -> None:
    form = RuleForm(
        "DoorOpened", "trap", severity, *said, trap=" ".join(told_), when=f"{oid} = 1, yes, 0x2",
        values="\n".join(f"{name} = {one}" for name, one in values.items()), key=", ".join(values),
    )  # fmt: skip
    (rule,) = heard_reading.read(text_of(form, ["t7"]), "own.yaml")
    assert rule.trap is not None
    assert rule.trap.oids >= set(told_)
    assert rule.trap.when == ((oid, frozenset({"1", "yes", "0x2"})),)
    assert dict(rule.key) == {name: (one,) for name, one in values.items()}
    assert rule.summary == {"en": said[0], "zh": said[1]}
    assert rule.severity == severity
    assert rule.devices == frozenset({"t7"})
    (rule,) = heard_reading.read(text_of(replace(form, when=f"{oid} =~ (?i)a = [b, c]")), "own.yaml")
    assert rule.trap is not None
    ((narrowed, pattern),) = rule.trap.when
    assert narrowed == oid
    assert isinstance(pattern, Pattern)
    assert pattern.text == "(?i)a = [b, c]"


@given(words=st.lists(plain, min_size=1, max_size=8), priority=st.integers(0, 191))
def test_the_rule_that_is_made_of_a_line_is_about_that_line(words: list[str], priority: int) -> None:
    text = f"Nov 20 09:01:11 sw1 doord[7]: {' '.join(words)}"
    line_ = parse(priority, text)
    sample = wire.HeardSample("syslog", "t1", "10.0.0.1", AT, shape(line_), priority=priority, line=text)
    row = HeardMessage(kind="syslog", source="10.0.0.1", what=sample.what)
    form = beginnings.beginning(messages.Message(row, sample, "agent", "sw1", None))
    (rule,) = heard_reading.read(text_of(form), "own.yaml")
    assert judge_line(((rule, False),), line_)


def test_few_messages_of_an_agent_are_kept_the_latest(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MOST", 3)
    known = make(db)
    known.report(heard=[replace_at(trap("", f"10.0.0.{n}"), AT - 60 + n) for n in range(6)])
    found = db.read_now(messages.newest)
    assert [one.row.source for one in found] == ["10.0.0.5", "10.0.0.4", "10.0.0.3"]
    db.run_now(messages.tidy, now=NOON + timedelta(days=31))
    assert db.read_now(messages.newest) == []


def test_a_command_line_is_called_as_its_maker_writes_it() -> None:
    found = wire.Finding(1, 1, "10.0.0.1", AT, facts={"sysDescr": "x", "ssh_platform": "cisco_nxos"})
    assert words.facts(found) == [("sysDescr", "x"), ("Command line", "Cisco NX-OS")]


def test_names_of_levels_and_facilities_are_those_of_the_standard() -> None:
    assert told("<187>x").level == LEVELS.index("error")
    assert FACILITIES[told("<187>x").facility] == "local7"

"""Bad input at /agent/v1, over HTTP: oversize, bombs, other versions, other people's names."""

import gzip
import io
import time
import zlib
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rules import codec, wire
from server.agents import service as agents
from server.alerts import taking as alerts
from server.alerts.models import Alert
from server.intake import items, taking
from server.intake.models import TakenReport
from server.intake.scope import Scopes
from server.kernel.db import Database
from tests.hostile.conftest import Lived


class Door:
    """An enrolled agent at the server's door."""

    def __init__(self, lived: Lived, joined: wire.Enrolled) -> None:
        self.lived = lived
        self.id = joined.agent_id
        self.headers = {
            "Content-Type": wire.MEDIA_TYPE,
            "Authorization": f"Agent {joined.agent_id}:{joined.secret}",
            "Connection": "close",
        }

    def report(self, sequence: int = 1, **more: object) -> dict[str, object]:
        return {"agent": self.id, "stream": "events", "sequence": sequence, "sent_at": time.time(), **more}

    async def send(self, body: object, path: str = "reports", **headers: str) -> ClientResponse:
        data = body if isinstance(body, (bytes, io.BytesIO)) else msgspec.msgpack.encode(body)
        answer: ClientResponse = await self.lived.client.post(
            f"/agent/v1/{path}", data=data, headers=self.headers | headers
        )
        return answer

    def taken(self) -> int:
        query = select(func.count()).where(TakenReport.agent_id == self.id)
        return self.lived.db.read_now(lambda session: session.scalar(query)) or 0


@pytest.fixture
async def door(lived: Lived) -> Door:
    def join(session: Session) -> wire.Enrolled:
        token = agents.create_token(session, "hostile", now=lived.clock.now())
        return agents.enrol(session, wire.Enrol(token.token, "hostile", "h", "1"), now=lived.clock.now())

    return Door(lived, await lived.db.run(join))


async def test_T6_nobody_reports_in_the_name_of_another(door: Door) -> None:  # noqa: N802
    answer = await door.send(door.report(agent=door.id - 1))
    assert answer.status == 403
    wrong = ("Agent 1:x", f"Agent {door.id}:x", f"Agent {door.id}", "Bearer x", "Agent -1:x", "Agent x:y", "")
    for proof in (*wrong, "Agent 9223372036854775808:x", "Agent \x00:x", "Agent " + "9" * 5000 + ":x"):
        try:
            answer = await door.send(door.report(), Authorization=proof)
        except ValueError:  # the client itself refuses to send such a header
            continue
        assert answer.status in {400, 401}, proof
        assert "Traceback" not in await answer.text()
    assert door.taken() == 0


@pytest.mark.parametrize(
    "bad",
    [
        {"sequence": 0}, {"sequence": -1}, {"sequence": 2**63}, {"sequence": 1.5}, {"sequence": None},
        {"stream": "other"}, {"stream": None}, {"sent_at": float("nan")}, {"sent_at": float("inf")},
        {"sent_at": 1e12}, {"sent_at": -1}, {"sent_at": "now"}, {"agent": 2**70 - 2**69}, {"agent": "1"},
        {"trace": "x" * 201}, {"trace": 5}, {"protocol": 2}, {"protocol": 0}, {"protocol": -1},
        {"samples": {}}, {"alerts": "x"}, {"gaps": [1] * 30_000}, {"observations": None},
    ],
    ids=str,
)  # fmt: skip
async def test_AGENT_a_report_that_cannot_be_is_refused_and_nothing_is_kept(  # noqa: N802
    door: Door, bad: dict[str, object]
) -> None:
    try:
        body = msgspec.msgpack.encode(door.report() | bad)
    except OverflowError:
        pytest.skip("msgpack itself has no such number")
    answer = await door.send(body)
    assert 400 <= answer.status < 500, await answer.text()
    assert answer.content_type == "application/problem+json"
    assert door.taken() == 0


ODD_ITEMS: list[tuple[str, object]] = [
    ("samples", {"at": float("nan"), "series": b"\x01\0\0\0", "values": b"\0" * 8}),
    ("samples", {"at": 1.0, "series": b"\x01\0\0", "values": b"\0" * 8}),
    ("samples", {"at": 1e300, "series": b"", "values": b""}),
    ("samples", {"at": 1.0, "series": b"\xff" * 4, "values": b"\0" * 8}),
    ("samples", 5),
    ("alerts", {"device": "host"}),
    ("alerts", {"device": "host", "rule": "R", "status": "exploded", "severity": "minor", "at": 1.0,
                "summary": {"en": "x"}}),
    ("alerts", {"device": "host", "rule": "R", "status": "firing", "severity": "minor", "at": 1.0,
                "summary": {}}),
    ("alerts", {"device": "host", "rule": "R", "status": "firing", "severity": "minor", "at": 1.0,
                "summary": {"en": "x"}, "value": float("inf")}),
    ("alerts", {"device": "t999999", "rule": "R", "status": "firing", "severity": "minor", "at": 1.0,
                "summary": {"en": "x"}}),
    ("observations", {"device": "host", "at": 1.0, "ci_class": "", "name": "x"}),
    ("observations", {"device": "t999999", "at": 1.0, "ci_class": "ups", "name": "x"}),
    ("alerts", {"device": "host", "rule": "R", "status": "firing", "severity": "minor", "at": 1.0,
                "summary": {"en": "x"}, "flaps": 2**40}),
    ("gaps", {"stream": "events", "first": -(2**63), "last": 2**63, "items": 2**63, "reason": "cap"}),
    ("a newer kind", {"anything": 1}),
]  # fmt: skip


async def test_AGENT_one_odd_item_never_blocks_its_neighbours(door: Door) -> None:  # noqa: N802
    good = {"device": "host", "rule": "R", "status": "firing", "severity": "minor", "at": time.time(),
            "summary": {"en": "x"}}  # fmt: skip
    for sequence, (kind, item) in enumerate(ODD_ITEMS, 1):
        news = good | {"key": {"n": str(sequence)}}
        report = door.report(sequence, alerts=[news])
        report[kind] = [item, news] if kind == "alerts" else [item]
        answer = await door.send(report)
        body = await answer.read()
        assert answer.status == 200, (kind, item, body[:300])
        told = codec.decode(body, wire.Answer)
        assert told.status == "accepted"
        refused = [one for one in told.items if one.status == "rejected"]
        assert len(refused) == (0 if kind == "a newer kind" else 1), (kind, item, told.items)
        assert all(one.code for one in refused)


async def test_AGENT_what_no_database_holds_is_cut_down_to_its_item(  # noqa: N802
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answered with 500, such a report would stand at the head of the agent's outbox for ever."""
    good = {"device": "host", "rule": "R", "status": "firing", "severity": "minor", "at": time.time(),
            "summary": {"en": "x"}}  # fmt: skip
    take = alerts.take_all

    def unwritable(session: Session, reports: Any, *, now: datetime) -> Any:
        if any(one.rule == "Unwritable" for told in reports for one in told.news):
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        return take(session, reports, now=now)

    monkeypatch.setattr(taking, "take_alerts", unwritable)
    answer = await door.send(door.report(1, alerts=[good, good | {"rule": "Unwritable"}]))
    assert answer.status == 413
    assert door.taken() == 0
    answer = await door.send(door.report(1, alerts=[good]))
    assert codec.decode(await answer.read(), wire.Answer).status == "accepted"


async def test_TEXT_a_nul_in_an_alert_is_heard_on_both_databases(db: Database) -> None:  # noqa: N802
    now = datetime.now(UTC)

    def join(session: Session) -> int:
        token = agents.create_token(session, "odd", now=now)
        return agents.enrol(session, wire.Enrol(token.token, "odd", "h", "1"), now=now).agent_id

    news = {"device": "host", "rule": "a\x00b", "status": "firing", "severity": "minor", "at": 1.0,
            "summary": {"en": "x\x00"}, "key": {"\x00": "\x00"},
            "evidence": {"raw": "\x00", "nan": float("nan"), "inf": float("inf")}}  # fmt: skip
    seen = {"device": "host", "at": 1.0, "ci_class": "server", "name": "\x00", "keys": {"serial": ["\x00"]}}
    body = {"agent": db.run_now(join), "stream": "events", "sequence": 1, "sent_at": 1.0, "trace": "\x00",
            "alerts": [news], "observations": [seen]}  # fmt: skip
    report, refused = codec.decode_report(msgspec.msgpack.encode(body))
    assert refused == []
    (answer,) = db.run_now(taking.take, [items.Delivery(report, now)], Scopes(), now=now)
    assert answer.status == "accepted"
    alert = db.read_now(lambda session: session.scalars(select(Alert)).one())
    assert (alert.rule, alert.evidence["nan"], alert.evidence["inf"]) == ("a\ufffdb", "nan", "inf")


@pytest.mark.parametrize(
    "text",
    ["\u202egnp.exe", "a\x00b", "<script>alert(1)</script>", "a\r\nX: y", "=cmd|' /C calc'!A0", "e\u0301" * 9,
     "\ufeff\u200b", "'; DROP TABLE alert; --", "%s%n{0}{{7*7}}", "\x1b[31m"],
    ids=repr,
)  # fmt: skip
async def test_TEXT_what_a_device_says_is_stored_or_refused_and_never_breaks(door: Door, text: str) -> None:  # noqa: N802
    now = time.time()
    news = {"device": "host", "rule": text, "status": "firing", "severity": "critical", "at": now,
            "summary": {"en": text, "zh": text}, "key": {text: text}, "evidence": {"raw": text}}  # fmt: skip
    seen = {"device": "host", "at": now, "ci_class": "server", "name": text, "keys": {"serial": [text]},
            "attributes": {"vendor": text, "model": text}, "evidence": {"raw": text}}  # fmt: skip
    answer = await door.send(door.report(alerts=[news], observations=[seen], trace=text))
    assert answer.status in {200, 422}, await answer.text()
    if answer.status == 200:
        assert codec.decode(await answer.read(), wire.Answer).status == "accepted"
    admin = await door.lived.browser()
    for path in ("/alerts", "/cis", "/", f"/settings/agents/{door.id}"):
        page = await admin.text(path)
        assert "<script>alert(1)" not in page
        assert "\x00" not in page
        assert "\u202e" not in page, path


async def test_AGENT_over_the_limit_and_bombs_are_413_and_small(door: Door) -> None:  # noqa: N802
    answer = await door.send(io.BytesIO(b"\0" * (wire.MAX_BODY + 1)))
    told = await answer.json(content_type=None)
    assert (answer.status, told["limit"]) == (413, wire.MAX_BODY)
    plain = b"\0" * (64 * 1024 * 1024)
    for encoding, bomb in (("gzip", gzip.compress(plain)), ("deflate", zlib.compress(plain))):
        answer = await door.send(bomb, **{"Content-Encoding": encoding})
        assert answer.status in {400, 413, 415}, encoding
    answer = await door.send(b"x", **{"Content-Encoding": "br"})
    assert 400 <= answer.status < 500
    assert door.taken() == 0


async def test_T5_used_old_and_invented_join_tokens_are_refused_alike(door: Door) -> None:  # noqa: N802
    said = set()
    for token in ("x", "x" * 200, "' OR 1=1 --", "\u202e"):
        ask = {"token": token, "name": "hostile", "host": "h", "version": "1"}
        answer = await door.send(ask, "enrol")
        told = await answer.json(content_type=None)
        said.add((answer.status, told["code"], told["message"]))
    assert len(said) == 1


async def test_AGENT_series_of_nonsense_are_refused_singly_or_whole(door: Door) -> None:  # noqa: N802
    strange = {"device": "host", "metric": "m", "labels": {"a" * 200: "b" * 200}, "states": {-(2**62): "x"}}
    answer = await door.send({"items": [strange, {"device": "t424242", "metric": "m"}]}, "series")
    assert answer.status == 200, await answer.text()
    ids = codec.decode(await answer.read(), wire.SeriesAnswer).ids
    assert ids[1] == 0
    odd: list[object] = [{"items": [5]}, {"items": None}, {"items": [{"device": "x", "metric": "m\x00"}]}, []]
    for bad in odd:
        answer = await door.send(bad, "series")
        assert 400 <= answer.status < 500, (bad, answer.status)

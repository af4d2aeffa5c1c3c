"""Delivery against a desk over real HTTP: order, splits, refusals, a desk away, ledgers that agree."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from agent.delivery import Delivery
from agent.link import Link
from agent.outbox import Outbox
from agent.parcel import Parcel, block, number
from agent.registry import Registry
from agent.vault import Identity
from rules.wire import AlertNews, Answer, Gap, ItemAnswer, Report, SeriesDef
from tests.agent.desk import Desk

NOW = 1_763_640_000.0
CHARGE = SeriesDef("t1", "ups_battery_charge_ratio")


@dataclass
class Sender:
    """An agent's sending half, with a desk at the other end."""

    desk: Desk
    outbox: Outbox
    delivery: Delivery

    def put(self, parcel: Parcel, *, events: bool = False) -> int:
        body = msgspec.msgpack.encode(parcel)
        found = self.outbox.append("events" if events else "samples", body, items=parcel.items)
        self.outbox.sync()
        self.outbox.release()
        return found

    async def send_all(self) -> float | None:
        while (pause := await self.delivery.send_next()) is None:
            pass
        return pause


@pytest.fixture
async def sender(tmp_path: Path) -> AsyncIterator[Sender]:
    def gap_body(gap: Gap) -> bytes:
        return msgspec.msgpack.encode(Parcel(gaps=[gap]))

    outbox = Outbox(tmp_path / "outbox", gap_body=gap_body, now=lambda: NOW)
    registry = Registry(tmp_path / "series.log")
    registry.learn([CHARGE])
    async with Desk() as desk:
        link = Link(desk.address, Identity(desk.address, 7, "agent-b1", "s3cret"), version="0")
        yield Sender(desk, outbox, Delivery(outbox, registry, link, 7, tmp_path, lambda: NOW))
        await link.close()
    outbox.abandon()


def news(rule: str) -> AlertNews:
    return AlertNews("t1", rule, "firing", "major", NOW, {"en": rule})


def values(*moments: float) -> Parcel:
    return Parcel(blocks=[block(at, {number(CHARGE): at}) for at in moments])


async def test_events_go_before_samples_however_long_those_wait(sender: Sender) -> None:
    for at in range(5):
        sender.put(values(float(at)))
    sender.put(Parcel(alerts=[news("UpsOnBattery")]), events=True)
    assert await sender.send_all() == 0.0
    assert [stream for stream, _ in sender.desk.order] == ["events", *["samples"] * 5]
    assert sender.desk.series == [CHARGE]
    assert [one.at for key in sender.desk.order for one in sender.desk.reports[key].samples] == [
        0,
        1,
        2,
        3,
        4,
    ]


async def test_while_the_desk_is_away_nothing_is_let_go_and_then_all_comes_once(sender: Sender) -> None:
    sender.put(Parcel(alerts=[news("A")]), events=True)
    sender.desk.down = True
    assert await sender.send_all() == 1.0
    assert sender.outbox.depth("events").records == 1
    sender.desk.down = False
    assert await sender.send_all() == 0.0
    assert [one.rule for one in sender.desk.alerts()] == ["A"]
    assert sender.outbox.depth("events").records == 0


async def test_a_report_too_large_is_split_down_to_one_item(sender: Sender) -> None:
    sender.desk.limit = 3
    rules = [f"R{index}" for index in range(20)]
    sender.put(Parcel(alerts=[news(rule) for rule in rules]), events=True)
    assert await sender.send_all() == 0.0
    assert [one.rule for one in sender.desk.alerts()] == rules
    assert sender.desk.repeats == 0


async def test_parts_keep_their_numbers_when_the_agent_dies_between_them(sender: Sender) -> None:
    sender.desk.limit = 5
    sender.put(Parcel(alerts=[news(f"R{index}") for index in range(20)]), events=True)
    calls = 0

    def dies_at_the_third(_report: Report) -> web.Response | None:
        nonlocal calls
        calls += 1
        return web.Response(status=500) if calls == 3 else None

    sender.desk.answer = dies_at_the_third
    await sender.send_all()
    sender.desk.answer = lambda _: None
    sender.desk.limit = 1_000
    assert await sender.send_all() == 0.0
    assert sorted(one.rule for one in sender.desk.alerts()) == sorted(f"R{index}" for index in range(20))


async def test_a_refused_item_is_kept_aside_with_the_reason_and_its_neighbours_arrive(
    sender: Sender, tmp_path: Path
) -> None:
    sender.desk.answer = lambda _: Answer(
        "accepted", [ItemAnswer("alerts", 1, "rejected", "foreign_device", "$.device", "Not yours.")]
    )
    sender.put(Parcel(alerts=[news("Good"), news("Bad")]), events=True)
    assert await sender.send_all() == 0.0
    kept = (tmp_path / "quarantine.jsonl").read_text()
    assert "foreign_device" in kept
    assert "Bad" in kept
    assert "Good" not in kept
    assert sender.delivery.quarantined == 1


async def test_what_shall_come_later_comes_later(sender: Sender) -> None:
    once = iter([Answer("accepted", [ItemAnswer("alerts", 0, "retry_later")])])
    sender.desk.answer = lambda _: next(once, None)
    sender.put(Parcel(alerts=[news("Later"), news("Now")]), events=True)
    assert await sender.send_all() == 0.0
    assert [one.rule for one in sender.desk.alerts()] == ["Later", "Now", "Later"]


async def test_a_desk_that_knows_the_agent_no_longer_is_asked_rarely(sender: Sender) -> None:
    sender.desk.answer = lambda _: web.Response(status=401)
    sender.put(Parcel(alerts=[news("A")]), events=True)
    assert await sender.send_all() == 60.0
    assert sender.outbox.depth("events").records == 1


async def test_pauses_grow_with_every_failure_up_to_a_minute(sender: Sender) -> None:
    sender.desk.answer = lambda _: web.Response(status=502)
    sender.put(Parcel(alerts=[news("A")]), events=True)
    pauses = [await sender.send_all() or 0.0 for _ in range(9)]
    assert all(0.5 * 2**index <= pause <= 2**index for index, pause in enumerate(pauses[:6]))
    assert all(30 <= pause <= 60 for pause in pauses[6:])

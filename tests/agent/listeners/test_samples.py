"""What people are shown of what is heard, and what nobody wants to hear of any more."""

import asyncio
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.collect import HEARD_AT_ONCE, Collector
from agent.config import SyslogSettings
from agent.listeners.bench import free_port
from agent.listeners.ear import LOOKS
from agent.listeners.lines import LineEar
from agent.listeners.sources import MAX_KINDS, Looks, Source
from agent.listeners.traps import TrapEar
from agent.listeners.usm import Security
from agent.registry import Registry
from rules import heard_reading
from rules.syslog import MAX_SHAPE, shape, told
from rules.wire import HeardSample, IgnoredHeard
from tests.agent.listeners import messages
from tests.agent.listeners.conftest import ALICE, Place, listening
from tests.agent.listeners.messages import LINK_DOWN

ROW: dict[str, int | str | bytes] = {"1.3.6.1.2.1.2.2.1.1.12": 12, "1.3.6.1.2.1.2.2.1.7.12": 1}
UNKNOWN = "1.3.6.1.4.1.32473.0.5"
ADDRESS = b"\x7f\0\0\1"


def send(port: int, *datagrams: bytes, source: str = "127.0.0.1") -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((source, 0))
        for data in datagrams:
            one.sendto(data, ("127.0.0.1", port))


async def until(place: Place, count: int) -> list[HeardSample]:
    for _ in range(500):
        if len(place.shown) >= count:
            return place.shown
        await asyncio.sleep(0.02)
    pytest.fail(f"{place.shown}")


async def test_a_trap_of_each_kind_is_shown_with_names_and_with_the_rules_it_meets(tmp_path: Path) -> None:
    async with listening(tmp_path) as place:
        send(
            place.port,
            messages.v2c(LINK_DOWN, dict(ROW)),
            messages.v2c(LINK_DOWN, {**ROW, "1.3.6.1.2.1.2.2.1.8.12": 2}),
        )
        send(place.port, messages.v2c(UNKNOWN, {"1.3.6.1.4.1.32473.1.1": "<b>door</b>"}))
        down, other = await until(place, 2)
        assert (down.device, down.source, down.what, down.name) == (
            "t1",
            "127.0.0.1",
            LINK_DOWN,
            "IF-MIB::linkDown",
        )
        assert down.rules == ["LinkDownHeard"]
        assert [(one.name, one.shown) for one in down.values] == [
            ("ifIndex.12", "12"),
            ("ifAdminStatus.12", "up (1)"),
        ]
        assert (other.what, other.rules, other.values[0].text) == (UNKNOWN, [], "<b>door</b>")
        await place.counted("taken", 3)
        assert len(place.shown) == 2, "one of a kind"


async def test_what_strangers_send_is_shown_and_makes_no_alert(tmp_path: Path) -> None:
    async with listening(tmp_path) as place:
        send(place.port, messages.v2c(LINK_DOWN, dict(ROW)), b"\x30\x03rub", source="127.9.9.9")
        (told_,) = await until(place, 1)
        assert (told_.device, told_.source, told_.rules) == ("", "127.9.9.9", ["LinkDownHeard"])
        assert place.news == []


async def test_a_line_that_no_rule_wants_is_shown_once_for_its_kind(tmp_path: Path) -> None:
    port = free_port()
    async with listening(tmp_path, syslog=SyslogSettings(udp=port)) as place:
        send(
            port, *(b"<187>Nov 20 09:01:11 sw1 app[%d]: door %d of 'hall' opened" % (n, n) for n in range(5))
        )
        (line,) = await until(place, 1)
        assert (line.what, line.priority) == ("app: door * of * opened", 187)
        assert line.line.endswith("door 0 of 'hall' opened")


async def test_what_is_ignored_makes_no_news_until_its_time_is_over(tmp_path: Path) -> None:
    async with listening(tmp_path) as place:
        place.station.ignore([IgnoredHeard("trap", "", LINK_DOWN, until=1_700_000_001.0)])
        send(place.port, messages.v2c(LINK_DOWN, dict(ROW)))
        await place.counted("ignored")
        assert (place.news, place.shown) == ([], [])
        place.station.ignore([IgnoredHeard("trap", "127.0.0.1", until=1_699_999_999.0)])
        send(place.port, messages.v2c(LINK_DOWN, {**ROW, "1.3.6.1.2.1.2.2.1.8.12": 2}))
        assert (await place.told())[0].rule == "LinkDownHeard"


RULE = (
    "- {alert: DoorOpened, syslog: 'door \\d+ open', facility: local7, devices: [%s], "
    "severity: minor, summary: {en: x}}"
)


@pytest.mark.parametrize(
    ("device", "line", "wanted"),
    [
        ("t1", b"<190>door 3 open", 1),
        ("SW-Alice", b"<190>door 3 open", 1),
        ("127.0.0.1", b"<190>door 3 open", 1),
        ("t2", b"<190>door 3 open", 0),
        ("t1", b"<13>door 3 open", 0),
    ],
)
def test_a_rule_of_some_devices_and_facilities_is_about_no_others(
    device: str, line: bytes, wanted: int
) -> None:
    ear = LineEar(in_all=1e6, wake=lambda: None)
    ear.know(heard_reading.read(RULE % device, "own.yaml"))
    ear.heed({ADDRESS: Source(ALICE.key, ALICE.name, ALICE.address)})
    ear.take([(ADDRESS, line, None)])
    assert len(ear.waiting) == wanted
    assert [one.rules for one in ear.samples] == [("DoorOpened",) if wanted else ()]


pieces = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=40).map(
        lambda one: b"<187>Nov 20 09:01:11 sw1 app[7]: " + one.encode("utf-8", "replace")
    ),
    st.integers(0, 400).map(
        lambda cut: messages.v2c(UNKNOWN, {"1.3.6.1.4.1.32473.1.1": b"\xff\0hall"})[:cut]
    ),
)


@given(said=st.lists(pieces, max_size=200))
def test_whatever_comes_from_whom_nothing_raises_and_few_of_it_are_looked_at_in_a_second(
    said: list[bytes],
) -> None:
    lines = LineEar(in_all=1e6, wake=lambda: None)
    traps = TrapEar(Security(b"12345", 1, lambda: 0.0), in_all=1e6, wake=lambda: None)
    for ear in (lines, traps):
        ear.know(heard_reading.packaged().values())
        ear.heed({ADDRESS: Source("t1", "sw", "127.0.0.1", rate=1e6, tokens=1e6, burst=1e6)})
        who = (ADDRESS if number % 2 else b"\x7f\0\1" + bytes((number,)) for number in range(len(said)))
        ear.take([(one, data, None) for one, data in zip(who, said, strict=True)])
        assert len(ear.samples) <= LOOKS
        assert ear.figures()["unknown_source"] == -(-len(said) // 2)


@given(kinds=st.lists(st.integers(0, 100), max_size=300))
def test_of_each_source_few_kinds_are_remembered(kinds: list[int]) -> None:
    looks = Looks()
    for number, kind in enumerate(kinds):
        looks.fresh(str(kind), float(number))
    assert len(looks.told) <= MAX_KINDS


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (
            "<13>sshd[12]: Failed password for root from 10.0.0.1",
            "<13>sshd[99]: Failed password for root from 10.9.0.7",
            True,
        ),
        ("<13>sshd[12]: Failed password for root", "<13>sudo[12]: Failed password for root", False),
        ("<13>app: user 'a b' left", "<13>app: user 'c' left", True),
    ],
)
def test_lines_of_a_kind_share_their_shape(one: str, other: str, alike: bool) -> None:  # noqa: FBT001
    assert (shape(told(one)) == shape(told(other))) is alike


@given(text=st.text(max_size=2_000))
def test_any_line_has_a_shape_of_bounded_length(text: str) -> None:
    assert len(shape(told(text))) <= MAX_SHAPE


def test_what_waits_to_be_told_is_bounded(tmp_path: Path) -> None:
    collector = Collector(Registry(tmp_path / "series.log"))
    for _ in range(2 * HEARD_AT_ONCE):
        collector.hear(HeardSample("trap", "t1", "127.0.0.1", 1.0, UNKNOWN))
    assert len(collector._heard) == HEARD_AT_ONCE

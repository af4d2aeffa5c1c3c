"""Conditions and events over time: told once, retold rarely, over when they end, expire or nobody watches."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.knowledge import packaged as packaged_knowledge
from agent.listeners import standing
from agent.listeners.ear import Ear, Heard
from agent.listeners.names import Names
from agent.listeners.sources import Source, Stranger, Strangers, packed, table
from agent.listeners.standing import Standing, is_heard
from rules import heard_reading
from rules.heard import Finding, HeardRule, judge_trap
from rules.wire import AlertNews

RULES = heard_reading.packaged()
DOWN, COLD = RULES["LinkDownHeard"], RULES["ColdStartHeard"]
NOON = 1_700_000_000.0


def place(names: dict[str, str] | None = None) -> Standing:
    known = {"t1": "sw-alice", "t2": "sw-bob"} if names is None else names
    return Standing(
        Names(packaged_knowledge), name_of=known.get, polled=lambda _k, _r: False, hasten=lambda _k: None
    )


def finding(rule: HeardRule, port: int = 1, *, up: bool = False) -> Finding:
    oid = "1.3.6.1.6.3.1.1.5.1" if rule is COLD else f"1.3.6.1.6.3.1.1.5.{4 if up else 3}"
    (found,) = judge_trap([rule], oid, {f"1.3.6.1.2.1.2.2.1.1.{port}": str(port)})
    return found


def said(one: Finding, device: str = "t1") -> Heard:
    return Heard("trap", device, "10.0.0.1", one, "1.3.6.1.6.3.1.1.5.3", "2c", {})


def statuses(news: list[AlertNews]) -> list[str]:
    return [one.status for one in news]


@given(turns=st.lists(st.tuples(st.integers(1, 3), st.booleans(), st.floats(0, 100)), max_size=25))
def test_beginnings_and_ends_alternate_and_the_last_word_stands(turns: list[tuple[int, bool, float]]) -> None:
    here, at = place(), NOON
    told: dict[int, list[str]] = {}
    for port, up, pause in turns:
        at += pause
        news = here.take(said(finding(DOWN, port, up=up)), wall=at, trace="")
        told.setdefault(port, []).extend(one for one in statuses(news))
    for port, words in told.items():
        once = [one for number, one in enumerate(words) if number == 0 or words[number - 1] != one]
        assert once == (["firing", "resolved"] * len(once))[: len(once)]
        stands = any(dict(key)["port"] == str(port) for _, _, key in here.conditions)
        assert stands is (bool(words) and words[-1] == "firing")


def test_what_is_told_again_and_again_is_reported_anew_only_now_and_then() -> None:
    here = place()
    news = [here.take(said(finding(DOWN)), wall=NOON + step, trace="") for step in range(0, 1_000, 10)]
    assert sum(map(len, news)) == 4
    assert news[30][0].evidence["count"] == 31


def test_an_end_without_a_beginning_tells_nothing() -> None:
    assert place().take(said(finding(DOWN, up=True)), wall=NOON, trace="") == []


def test_a_condition_whose_end_never_comes_expires() -> None:
    here = place()
    here.take(said(finding(DOWN)), wall=NOON, trace="")
    assert here.tick([], now=0.0, wall=NOON + DOWN.expires_s - 1) == []
    (over,) = here.tick([], now=0.0, wall=NOON + DOWN.expires_s)
    assert (over.status, over.key, over.evidence["why"]) == ("resolved", {"port": "1"}, "expired")
    assert over.for_s == DOWN.expires_s


def test_an_event_is_told_once_in_its_time_and_once_more_afterwards() -> None:
    here = place()
    news = [here.take(said(finding(COLD)), wall=NOON + step, trace="") for step in (0, 1, COLD.expires_s)]
    assert [statuses(one) for one in news] == [["info"], [], ["info"]]


def test_a_device_that_is_no_longer_watched_leaves_nothing_behind() -> None:
    here = place()
    for device in ("t1", "t2"):
        here.take(said(finding(DOWN), device), wall=NOON, trace="")
    (gone,) = here.remove("t1", wall=NOON + 5)
    assert (gone.device, gone.status) == ("t1", "resolved")
    assert [one.device for one in here.conditions.values()] == ["t2"]
    assert here.take(said(finding(DOWN), "t9"), wall=NOON, trace="") == []


def test_p1_what_stands_comes_back_from_the_disk_and_from_the_outbox() -> None:
    before = place()
    first = before.take(said(finding(DOWN, 1)), wall=NOON, trace="")
    kept = before.snapshot(7)
    second = before.take(said(finding(DOWN, 2)), wall=NOON + 1, trace="")
    ended = before.take(said(finding(DOWN, 1, up=True)), wall=NOON + 2, trace="")
    after = place()
    assert after.load(kept) == 7
    for news in (*second, *ended):
        assert is_heard(news)
        after.replay(news, RULES)
    assert after.conditions.keys() == before.conditions.keys()
    assert statuses(first) == ["firing"]
    assert statuses(after.take(said(finding(DOWN, 2, up=True)), wall=NOON + 3, trace="")) == ["resolved"]


@given(rubbish=st.binary(max_size=100))
def test_p6_a_damaged_snapshot_is_nothing(rubbish: bytes) -> None:
    assert isinstance(place().load(rubbish), int)


def test_conditions_and_events_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "MAX_STANDING", 5)
    monkeypatch.setattr(standing, "MAX_EVENTS", 5)
    here = place()
    for port in range(1, 20):
        here.take(said(finding(DOWN, port)), wall=NOON, trace="")
        here.take(
            Heard("trap", "t1", "10.0.0.1", None, f"1.3.6.1.4.1.9.{port}", "2c", {}), wall=NOON, trace=""
        )
    assert len(here.conditions) == 5
    assert len(here.events) <= 5


def test_a_source_that_was_limited_is_told_once_until_it_is_calm() -> None:
    here = place()
    ear = Ear("syslog", 100.0, lambda: None)
    source = Source("t1", "sw-alice", "10.0.0.1", rate=1, burst=1, tokens=1)
    ear.heed({b"\x0a\0\0\x01": source})
    for _ in range(5):
        ear.admit(b"\x0a\0\0\x01", b"", 50.0)
    assert (ear.counts["limited"], source.limited) == (4, 4)
    told = [here.tick([ear], now=50.0 + step, wall=NOON + step) for step in (1, 30, 59, 121)]
    assert [statuses(one) for one in told] == [["firing"], [], [], ["resolved"]]
    assert told[0][0].rule == "SyslogFlood"


@given(spent=st.lists(st.floats(0, 10), min_size=1, max_size=60))
def test_a_source_never_gets_more_than_its_burst_and_its_rate(spent: list[float]) -> None:
    source = Source("t1", "x", "10.0.0.1", rate=2.0, burst=5.0, tokens=5.0)
    at, taken, begun = 100.0, 0, 100.0
    source.filled_at = at
    for pause in spent:
        at += pause
        taken += source.spend(at)
    assert taken <= 5 + 2 * (at - begun) + 1e-6
    assert taken + source.limited == len(spent)


def test_strangers_are_counted_by_address_up_to_a_bound() -> None:
    strangers = Strangers()
    for number in range(2_000):
        strangers.count(number.to_bytes(4, "big"), float(number))
        strangers.count(b"\x7f\0\0\x63", float(number))
    assert len(strangers.known) <= 1_000
    assert strangers.loudest()[0] == ("127.0.0.99", Stranger(2_000, 1_999.0))
    assert sum(one.count for one in strangers.known.values()) + strangers.others == strangers.total == 4_000


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("10.0.0.1", b"\x0a\0\0\x01"),
        ("::ffff:10.0.0.1", b"\x0a\0\0\x01"),
        ("::1", b"\0" * 15 + b"\x01"),
        ("fe80::1%eth0", b"\xfe\x80" + b"\0" * 13 + b"\x01"),
        ("sw-alice", None),
    ],
)
def test_an_address_is_one_however_it_is_written(text: str, octets: bytes | None) -> None:
    assert packed(text) == octets
    source = Source("t1", "x", text)
    assert table([(text, source), (text, Source("t2", "y", text))]) == ({octets: source} if octets else {})


def test_traps_and_values_have_the_names_their_makers_gave() -> None:
    known = Names(packaged_knowledge)
    for _ in ("looked up", "remembered"):
        assert known.trap("1.3.6.1.6.3.1.1.5.3") == "IF-MIB::linkDown"
        assert known.trap("1.3.6.1.2.1.33.2.0.1") == "UPS-MIB::upsTrapOnBattery", "as v1 writes it"
        assert known.trap("1.3.6.1.4.1.9.99999.1").startswith("1.3.6.1.4.1.9.99999.1 (")
        assert known.trap("1.2.3") == "1.2.3"
        assert known.value("1.3.6.1.2.1.2.2.1.8.12", "2") == ("ifOperStatus.12", "down (2)")
        assert known.value("1.2.3.4", "x") == ("1.2.3.4", "x")


OIDS = st.builds(
    "{}.{}".format,
    st.sampled_from(
        ["1.3.6.1.2.1.2.2.1.8", "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.1.3", "1.3.6.1.2.1.33.1.2", "1.3"]
    ),
    st.lists(st.integers(0, 9), min_size=1, max_size=8).map(lambda arcs: ".".join(map(str, arcs))),
)


@given(st.lists(OIDS, max_size=30))
def test_a_name_is_the_same_whatever_was_named_before(oids: list[str]) -> None:
    warm = Names(packaged_knowledge)
    for oid in oids:
        assert warm.value(oid, "1") == Names(packaged_knowledge).value(oid, "1")


def test_the_file_of_names_is_small(tmp_path: Path) -> None:
    path = Path(standing.__file__).with_name("notifications.bin")
    assert path.stat().st_size < 2_000_000

"""The watch: news in both languages, and a restart that neither repeats nor forgets."""

import pytest

from agent.reading import Reading, Value
from agent.watch import Watch
from rules import catalog, profile
from rules.plan import Plan
from rules.wire import AlertNews

RULES = tuple(catalog.packaged().values())
UPS = profile.plan(profile.packaged()["ups-mib"])
SWITCH = profile.plan(profile.packaged()["if-mib-switch"])


def watch_of(plan: Plan = UPS, kept: bytes = b"") -> Watch:
    watch = Watch()
    if kept:
        watch.load(kept)
    watch.put("t1", "UPS-B1-A", plan, RULES, at=0.0)
    return watch


def source(code: int) -> Reading:
    return Reading(up=True, values=(Value("ups_output_source", float(code), (), code),))


def take(watch: Watch, reading: Reading, at: float) -> list[AlertNews]:
    return watch.take("t1", reading, at=at, wall=1e9 + at, trace="abc")


def test_a_ups_on_battery_is_told_once_with_its_evidence() -> None:
    watch = watch_of()
    assert take(watch, source(5), 10.0) == []
    (news,) = take(watch, source(5), 50.0)
    assert (news.rule, news.status, news.severity, news.trace) == (
        "UpsOnBattery",
        "firing",
        "critical",
        "abc",
    )
    assert news.summary == {"en": "UPS-B1-A runs on battery", "zh": "UPS-B1-A 正在电池供电"}
    assert news.evidence == {"profile": "ups-mib", "oid": "1.3.6.1.2.1.33.1.4.1.0", "raw": 5}
    assert (news.for_s, news.at) == (40.0, 1e9 + 50)
    assert take(watch, source(5), 90.0) == []


def test_a_restart_tells_nothing_twice_and_the_end_is_told() -> None:
    watch = watch_of()
    take(watch, source(5), 10.0)
    assert len(take(watch, source(5), 50.0)) == 1
    again = watch_of(kept=watch.snapshot(events=9))
    assert take(again, source(5), 100.0) == []
    assert take(again, source(3), 130.0) == []
    (news,) = take(again, source(3), 260.0)
    assert (news.rule, news.status) == ("UpsOnBattery", "resolved")


def test_news_after_the_last_snapshot_are_not_told_again() -> None:
    watch = watch_of()
    take(watch, source(5), 10.0)
    kept = watch.snapshot(events=9)
    (news,) = take(watch, source(5), 50.0)
    again = Watch()
    assert again.load(kept) == 9
    again.replay(news, at=60.0)
    again.put("t1", "UPS-B1-A", UPS, RULES, at=60.0)
    assert take(again, source(5), 70.0) == []
    assert take(again, source(5), 200.0) == []


def test_a_condition_that_was_pending_goes_on_counting_over_a_restart() -> None:
    watch = watch_of()
    take(watch, source(5), 10.0)
    again = watch_of(kept=watch.snapshot(events=0))
    assert len(take(again, source(5), 45.0)) in {0, 1}


def test_a_device_that_is_no_longer_watched_ends_its_alerts() -> None:
    watch = watch_of()
    take(watch, source(5), 10.0)
    take(watch, source(5), 50.0)
    (news,) = watch.remove("t1", at=60.0, wall=1e9)
    assert (news.rule, news.status, news.evidence) == ("UpsOnBattery", "resolved", {"why": "device_removed"})


def test_silence_fires_unreachable_and_leaves_the_rest_as_it_was() -> None:
    watch = watch_of()
    take(watch, source(5), 10.0)
    take(watch, source(5), 50.0)
    silent = Reading(up=False, reason="no_answer", detail="No answer in 5 s.")
    told = [news for at in range(60, 240, 30) for news in take(watch, silent, float(at))]
    assert [(one.rule, one.status) for one in told] == [("DeviceUnreachable", "firing")]
    assert told[0].evidence["detail"] == "No answer in 5 s."


@pytest.mark.parametrize("kept", [b"", b"rubbish", b"\x81\xa7version\x02"])
def test_a_damaged_snapshot_is_an_empty_one(kept: bytes) -> None:
    assert Watch().load(kept) == 0


def test_a_port_keeps_that_it_was_up_over_a_restart() -> None:
    labels = (("index", "3"), ("interface", "Gi0/3"))

    def port(state: int) -> Reading:
        return Reading(
            up=True,
            values=(
                Value("interface_status", float(state), labels, state),
                Value("interface_admin_status", 1.0, labels, 1),
            ),
        )

    watch = watch_of(SWITCH)
    take(watch, port(1), 0.0)
    again = watch_of(SWITCH, kept=watch.snapshot(events=0))
    take(again, port(2), 60.0)
    (news,) = take(again, port(2), 120.0)
    assert (news.rule, news.key) == ("InterfaceDown", dict(labels))
    assert news.summary["en"] == "UPS-B1-A: Gi0/3 is down"

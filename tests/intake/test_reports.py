"""Reports of agents: each counts once, whatever comes twice, at once, late or broken."""

import asyncio
import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rules import codec, wire
from server.agents import service as agents
from server.agents.models import Target
from server.agents.silence import SILENCE
from server.alerts.models import Alert, AlertEvent
from server.cmdb.models import Ci
from server.intake import ledger, registering, taking
from server.intake.committer import Committer
from server.intake.items import Delivery
from server.intake.judging import on_silence
from server.intake.models import LostStretch, Refusal, TakenReport
from server.intake.scope import Scopes
from server.kernel.clock import ManualClock
from server.kernel.db import Database
from server.metrics import service as metrics

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
AT = NOON.timestamp()
examples = itertools.count(1)


@dataclass
class Site:
    """An agent with one device, and the numbers of its series."""

    db: Database
    agent_id: int
    device: str
    series: list[int]
    secret: str
    name: str
    scopes: Scopes = field(default_factory=Scopes)

    def report(self, sequence: int, stream: wire.Stream = "samples", **content: Any) -> wire.Report:
        """A report of this agent, sent at noon."""
        return wire.Report(agent=self.agent_id, stream=stream, sequence=sequence, sent_at=AT, **content)

    def samples(self, *values: float, at: float = AT, series: list[int] | None = None) -> wire.SampleBlock:
        """One value for each of the device's series."""
        ids = np.array((series or self.series)[: len(values)], "<u4")
        return wire.SampleBlock(at, ids.tobytes(), np.array(values, "<f8").tobytes())

    def news(self, status: wire.Status = "firing", *, at: float = AT, **how: Any) -> wire.AlertNews:
        """UPS on battery, or what `how` says."""
        how = {"device": self.device, "rule": "UpsOnBattery", "severity": "major", **how}
        return wire.AlertNews(status=status, at=at, summary={"en": "{ci} runs on battery"}, **how)

    def seen(self, **how: Any) -> wire.Observation:
        """What the device says it is."""
        device = how.pop("device", self.device)
        told: dict[str, Any] = {"keys": {"serial": ["SN-7"]}, "attributes": {"vendor": "APC"}, **how}
        return wire.Observation(device, AT, "ups", "UPS-B1-A", **told)

    def take(self, *reports: wire.Report, now: datetime = NOON) -> list[wire.Answer]:
        """Take reports as one batch."""
        deliveries = [Delivery(report, now) for report in reports]
        return self.db.run_now(taking.take, deliveries, self.scopes, now=now)


def found(db: Database, name: str = "agent-b1", address: str = "127.10.1.1") -> Site:
    """Let an agent join, give it a target, register two series."""

    def make(session: Session) -> tuple[int, str, int]:
        token = agents.create_token(session, name, now=NOON)
        joined = agents.enrol(session, wire.Enrol(token.token, name, "host-1", "0.1"), now=NOON)
        new = agents.NewTarget(f"UPS of {name}", address)
        return joined.agent_id, joined.secret, agents.add_target(session, joined.agent_id, new, now=NOON).id

    agent_id, secret, target_id = db.run_now(make)
    device = f"t{target_id}"
    wanted = [
        wire.SeriesDef(device, "ups_battery_charge_ratio"),
        wire.SeriesDef(device, "ups_output_source", kind="state", states={3: "normal", 5: "battery"}),
    ]
    ids = db.run_now(registering.register, agent_id, wanted, now=NOON)
    return Site(db, agent_id, device, ids, secret, name)


@pytest.fixture
def site(db: Database) -> Site:
    return found(db)


def count(db: Database, model: Any) -> int:
    number = db.read_now(lambda session: session.scalar(select(func.count()).select_from(model)))
    return int(number or 0)


def values(site: Site, place: int = 0) -> list[tuple[int, float]]:
    points = site.db.read_now(metrics.store.read, [site.series[place]], 0, 10**14)[site.series[place]]
    return list(zip(points.at.tolist(), points.values.tolist(), strict=True))


def test_a_report_counts_once_in_one_batch_and_in_two(site: Site) -> None:
    report = site.report(1, samples=[site.samples(0.9, 3.0)], alerts=[site.news()])
    assert [one.status for one in site.take(report, report)] == ["accepted", "duplicate"]
    assert [one.status for one in site.take(report)] == ["duplicate"]
    assert count(site.db, TakenReport) == 1
    assert count(site.db, Alert) == count(site.db, AlertEvent) == 1
    assert values(site) == [(int(AT * 1000), 0.9)]


def test_what_a_report_says_becomes_samples_items_and_alerts_with_its_trace(site: Site) -> None:
    report = site.report(
        7,
        "events",
        trace="trace-7",
        samples=[site.samples(0.5, 5.0)],
        alerts=[site.news()],
        observations=[site.seen()],
    )
    assert site.take(report)[0].items == []

    def stages(session: Session) -> tuple[str, str | None, Any, list[metrics.Latest]]:
        alert = session.scalars(select(Alert)).one()
        ci = session.scalars(select(Ci)).one()
        assert alert.ci_id == ci.id
        taken = session.scalar(select(TakenReport).where(TakenReport.trace == "trace-7"))
        return alert.trace_id, taken.trace if taken else None, ci.name, metrics.latest(session, ci.id)

    trace, taken, name, latest = site.db.read_now(stages)
    assert (trace, taken, name) == ("trace-7", "trace-7", "UPS-B1-A")
    assert [(one.value, one.word) for one in latest] == [(0.5, None), (5.0, "battery")]


def test_what_was_measured_before_the_device_was_known_goes_to_its_item(site: Site) -> None:
    site.take(site.report(1, samples=[site.samples(0.9)]))
    site.take(site.report(2, observations=[site.seen()]))
    site.take(site.report(3, samples=[site.samples(0.8, at=AT + 60)]))
    ci = site.db.read_now(lambda session: session.scalars(select(Ci)).one())
    assert len(site.db.read_now(metrics.series_of, ci.id)) == 2
    assert [value for _, value in values(site)] == [0.9, 0.8]


def test_one_bad_item_never_blocks_its_neighbours(site: Site) -> None:
    good = site.report(1, samples=[site.samples(0.9)], alerts=[site.news(), site.news(rule="Other")])
    told = msgspec.msgpack.decode(codec.encode(good))
    told["alerts"].insert(1, {"device": site.device, "severity": "purple"})
    told["alerts"].insert(0, msgspec.to_builtins(site.news(device="t999")))
    told["samples"].append({"at": AT, "series": b"123", "values": b""})
    told["observations"] = [{"strange": 1}]
    report, refused = codec.decode_report(msgspec.msgpack.encode(told))
    answer = site.db.run_now(taking.take, [Delivery(report, NOON, refused)], site.scopes, now=NOON)[0]
    assert answer.status == "accepted"
    refusals = {(one.kind, one.index): one.code for one in answer.items}
    assert refusals == {
        ("alerts", 0): "forbidden",
        ("alerts", 2): "malformed",
        ("samples", 1): "malformed",
        ("observations", 0): "malformed",
    }
    assert count(site.db, Alert) == 2
    assert len(values(site)) == 1


def test_an_agent_does_not_speak_for_anothers_devices(db: Database) -> None:
    one, two = found(db), found(db, "agent-b2", "127.10.1.2")
    report = two.report(
        1,
        samples=[one.samples(0.1, 5.0)],
        alerts=[two.news(device=one.device)],
        observations=[two.seen(device=one.device)],
    )
    answer = two.take(report)[0]
    assert {(item.kind, item.code) for item in answer.items} == {
        ("samples", "forbidden"),
        ("alerts", "forbidden"),
        ("observations", "forbidden"),
    }
    assert values(one) == []
    assert count(db, Alert) == count(db, Ci) == 0
    assert count(db, Refusal) == 3


def test_series_of_foreign_devices_get_no_number(db: Database) -> None:
    one, two = found(db), found(db, "agent-b2", "127.10.1.2")
    wanted = [wire.SeriesDef(one.device, "x"), wire.SeriesDef(two.device, "x"), wire.SeriesDef("host", "y")]
    ids = db.run_now(registering.register, two.agent_id, wanted, now=NOON)
    assert ids[0] == 0
    assert ids[1] != 0 != ids[2]
    assert db.run_now(registering.register, two.agent_id, wanted, now=NOON) == ids


def test_gaps_that_an_agent_tells_are_kept_once(site: Site) -> None:
    gap = wire.Gap("samples", 3, 9, 700, "cap", AT - 60, AT)
    site.take(site.report(10, gaps=[gap]), site.report(11, gaps=[gap]))
    rows = site.db.read_now(lambda session: session.scalars(select(LostStretch)).all())
    assert [(row.first, row.last, row.items, row.reason) for row in rows] == [(3, 9, 700, "cap")]


def test_far_off_times_are_kept_both_and_shown_as_skew(site: Site) -> None:
    wrong = msgspec.structs.replace(site.report(1, samples=[site.samples(0.9, at=86400.0)]), sent_at=86400.0)
    site.take(wrong)
    row = site.db.read_now(lambda session: session.scalars(select(TakenReport)).one())
    assert (row.sent_at, row.received_at) == (datetime(1970, 1, 2, tzinfo=UTC), NOON)
    agent = site.db.read_now(agents.agent_of, site.agent_id)
    assert agent.skew_s == pytest.approx(86400.0 - AT)
    assert values(site) == [(86_400_000, 0.9)]


def test_the_skew_is_told_by_the_freshest_report_not_by_one_that_waited(site: Site) -> None:
    site.take(site.report(1))
    slow = msgspec.structs.replace(site.report(2, samples=[site.samples(0.9, at=AT - 7200)]), sent_at=AT - 9)
    site.take(slow)
    agent = site.db.read_now(agents.agent_of, site.agent_id)
    assert agent.skew_s == 0
    assert agent.pulse.lag_s == 7191


def test_old_rows_go_and_their_reports_stay_duplicates(site: Site) -> None:
    site.take(site.report(1, samples=[site.samples(0.9)]), site.report(2))
    later = NOON + timedelta(days=8)
    assert site.db.run_now(ledger.trim, now=later) == 2
    assert count(site.db, TakenReport) == 0
    assert [one.status for one in site.take(site.report(2), site.report(3), now=later)] == [
        "duplicate",
        "accepted",
    ]


def test_a_device_that_tells_nothing_of_itself_gets_an_item_by_its_address(site: Site) -> None:
    site.take(site.report(1, samples=[site.samples(0.9)]))
    assert site.db.run_now(registering.adopt_undescribed, now=NOON) == 0
    later = NOON + timedelta(minutes=3)
    assert site.db.run_now(registering.adopt_undescribed, now=later) == 1
    assert site.db.run_now(registering.adopt_undescribed, now=later) == 0
    ci = site.db.read_now(lambda session: session.scalars(select(Ci)).one())
    assert (ci.address, len(site.db.read_now(metrics.series_of, ci.id))) == ("127.10.1.1", 2)


def state(site: Site) -> tuple[Any, ...]:
    """All that the site's reports left behind, without ids and moments of arrival."""
    source = f"agent:{site.name}"

    def read(session: Session) -> tuple[Any, ...]:
        alerts = sorted(
            (row.rule, row.state.value, row.severity.value, row.value or 0.0, row.count)
            for row in session.scalars(select(Alert).where(Alert.source == source))
        )
        events = session.scalar(select(func.count()).where(AlertEvent.source == source))
        agent = agents.agent_of(session, site.agent_id)
        target = session.get_one(Target, int(site.device[1:]))
        ci = session.get(Ci, target.ci_id) if target.ci_id else None
        return alerts, events, (ci.name, ci.vendor) if ci else None, agent.state

    return *site.db.read_now(read), values(site), values(site, 1)


def clean_run(site: Site) -> list[wire.Report]:
    """Reports of both streams: values; a fault that comes and goes, others that stay; what it is."""
    made = []
    for n in range(1, 9):
        at = AT + 60 * n
        made.append(site.report(n, samples=[site.samples(n / 10, 3.0, at=at)]))
        alerts = []
        if n in {2, 4}:
            alerts = [site.news("firing" if n == 2 else "resolved", at=at, value=float(n))]
        if n == 5:
            alerts = [site.news(rule="Door", at=at), site.news(rule="Leak", at=at, severity="critical")]
        seen = [site.seen(keys={"serial": [f"SN-{site.name}"]})] if n == 1 else []
        made.append(site.report(n, "events", alerts=alerts, observations=seen))
    return made


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_any_mix_of_duplicates_splits_and_disorder_leaves_the_same_state(db: Database, seed: int) -> None:
    """News go in order, as an agent sends them; samples in any order; all in any batches, repeated."""
    random, number = Random(seed), next(examples)
    plain = found(db, f"plain-{number}", f"127.20.1.{number}")
    mixed = found(db, f"mixed-{number}", f"127.20.2.{number}")
    for report in clean_run(plain):
        plain.take(report)
    events = [one for one in clean_run(mixed) if one.stream == "events"]
    samples = [one for one in clean_run(mixed) if one.stream == "samples"]
    random.shuffle(samples)
    sent: list[wire.Report] = []
    while events or samples:
        batch: list[wire.Report] = []
        for queue in (events, samples):
            size = random.randint(0, len(queue))
            batch += queue[:size]
            del queue[:size]
        again = random.choices(sent + batch, k=random.randint(0, 4)) if sent + batch else []
        sent += batch
        batch += again
        random.shuffle(batch)
        mixed.take(*batch)
    if random.random() < 0.5:
        metrics.store.pack(db, now=NOON)
    assert state(mixed) == state(plain)


async def test_reports_sent_at_once_share_commits_and_each_gets_its_answer(site: Site) -> None:
    committer = Committer(site.db, ManualClock(NOON))
    committer.start()
    reports = clean_run(site) * 2
    answers = await asyncio.gather(*(committer.submit(Delivery(one, NOON), 100) for one in reports))
    await committer.stop()
    assert sorted(one.status for one in answers) == ["accepted"] * 16 + ["duplicate"] * 16
    assert len(values(site)) == 8


async def test_a_report_that_cannot_be_taken_leaves_its_neighbours_alone(site: Site) -> None:
    committer = Committer(site.db, ManualClock(NOON))
    committer.start()
    ghost = msgspec.structs.replace(site.report(1), agent=4711)
    good = site.report(1, samples=[site.samples(0.9)])
    taken, lost = await asyncio.gather(
        committer.submit(Delivery(good, NOON), 100),
        committer.submit(Delivery(ghost, NOON), 100),
        return_exceptions=True,
    )
    await committer.stop()
    assert isinstance(taken, wire.Answer)
    assert taken.status == "accepted"
    assert isinstance(lost, Exception)
    assert len(values(site)) == 1


def test_a_silent_agent_is_an_alert_until_it_is_heard_again(site: Site) -> None:
    site.db.run_now(agents.note_heard, [agents.Heard(site.agent_id, NOON)], now=NOON)
    quiet = NOON + timedelta(seconds=29)
    assert site.db.run_now(agents.flag_silent, now=quiet, since=NOON) == []
    late = NOON + timedelta(seconds=31)
    SILENCE.subscribe(on_silence)
    assert len(site.db.run_now(agents.flag_silent, now=late, since=NOON)) == 1
    assert site.db.run_now(agents.flag_silent, now=late, since=NOON) == []
    alert = site.db.read_now(lambda session: session.scalars(select(Alert)).one())
    assert (alert.rule, alert.state.value) == ("AgentSilent", "firing")
    back = late + timedelta(minutes=1)
    site.take(site.report(1), now=back)
    alert = site.db.read_now(lambda session: session.scalars(select(Alert)).one())
    assert alert.state.value == "resolved"


def test_a_late_poll_is_an_alert_of_the_server(site: Site) -> None:
    lag = wire.SeriesDef("host", "agent_polls_skipped")
    series = site.db.run_now(registering.register, site.agent_id, [lag], now=NOON)
    site.take(site.report(1, observations=[site.seen(device="host")]))
    for minute, value in enumerate([0.0, 45.0, 45.0, 45.0, 45.0, 600.0]):
        block = site.samples(value, at=AT + 60 * minute, series=series)
        site.take(site.report(2 + minute, samples=[block]), now=NOON + timedelta(minutes=minute))
    alert = site.db.read_now(lambda session: session.scalars(select(Alert)).one())
    assert (alert.rule, alert.severity.value) == ("PollsRunLate", "critical")
    assert alert.summary["en"] == "The agent on UPS-B1-A is late: 45 polls were left out"


def test_the_page_of_an_agent_knows_how_its_polling_goes(site: Site) -> None:
    up = {0: "down", 1: "up"}
    wanted = [
        wire.SeriesDef(site.device, "device_up", kind="state", states=up),
        wire.SeriesDef(site.device, "device_response_seconds", unit="s"),
        wire.SeriesDef("host", "agent_outbox_records", {"stream": "events"}),
        wire.SeriesDef("host", "agent_outbox_records", {"stream": "samples"}),
        wire.SeriesDef("host", "agent_poll_lag_seconds", {"of": "worst"}, "s"),
    ]
    series = site.db.run_now(registering.register, site.agent_id, wanted, now=NOON)
    site.take(site.report(1, samples=[site.samples(1.0, 0.25, 3.0, 4.0, 1.5, series=series)]))
    view = site.db.read_now(agents.view, site.agent_id, now=NOON)
    target = view.targets[0]
    assert (target.health, target.target.pulse.response_s) == ("ok", 0.25)
    assert (view.agent.pulse.spool_depth, view.agent.pulse.poll_lag_s) == (7.0, 1.5)
    site.take(
        site.report(
            2,
            samples=[site.samples(0.0, at=AT + 60, series=series)],
            alerts=[
                site.news(rule="DeviceUnreachable", symptom="unreachable", evidence={"raw": "no_answer"})
            ],
        )
    )
    view = site.db.read_now(agents.view, site.agent_id, now=NOON + timedelta(minutes=1))
    assert (view.targets[0].health, view.targets[0].target.pulse.reason) == ("major", "no_answer")
    view = site.db.read_now(agents.view, site.agent_id, now=NOON + timedelta(hours=1))
    assert view.targets[0].health == "unknown"

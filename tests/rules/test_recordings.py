"""Each metric of a profile finds a value in the recording of its name, and the value means something."""

from pathlib import Path

import pytest

from agent.measure import counts
from rules import profile
from rules.plan import Metric, Table
from rules.profile_form import Where

FOLDER = Path(__file__).parent.parent / "recordings"
ELSEWHERE = {"axis-video"}  # recorded devices of the demonstration room, tested with it
PACKAGED = profile.packaged()
PROFILES = sorted(
    name
    for name, one in PACKAGED.items()
    if one.transport == "snmp" and (FOLDER / f"{name}.snmprec").is_file() and name not in ELSEWHERE
)
RANKED = [name for name in PROFILES if name != "maker"]  # which is asked where no other fits


def recording(name: str) -> dict[str, str]:
    lines = (FOLDER / f"{name}.snmprec").read_text(encoding="utf-8").splitlines()
    return {oid: value for oid, _tag, value in (line.split("|", 2) for line in lines)}


def rows(oids: dict[str, str], table: Table, metric: Metric) -> list[str]:
    for column in metric.oids:
        found = [oid for oid in oids if oid.startswith(column + ".")]
        kept = [oid for oid in found if _counts(oids, table, oid.removeprefix(column))]
        if kept:
            return [oids[oid] for oid in kept]
    return []


def _counts(oids: dict[str, str], table: Table, index: str) -> bool:
    def said(where: Where) -> str:
        part = index.split(".")[where.index] if where.index is not None else ""
        return part or oids.get(f"{where.oid}{index}", "")

    return all(counts(one, said(one)) for one in table.where)


def means(metric: Metric, raw: str) -> bool:
    if metric.kind == "state":
        return raw in metric.states
    value = float(raw) * metric.scale + metric.offset
    low, high = metric.low, metric.high
    return (low is None or value >= low) and (high is None or value <= high)


@pytest.mark.parametrize("name", PROFILES)
def test_every_metric_finds_a_value_that_means_something(name: str) -> None:
    oids, plan = recording(name), profile.plan(PACKAGED[name])
    for metric in plan.scalars:
        said = [oids[one] for one in metric.oids if one in oids]
        assert said, f"{metric.name} finds nothing"
        assert means(metric, said[0]), metric.name
    for table in plan.tables:
        for metric in table.metrics:
            values = rows(oids, table, metric)
            assert values, f"{table.name}: {metric.name} finds nothing"
            assert all(means(metric, value) for value in values), metric.name


@pytest.mark.parametrize("name", RANKED)
def test_a_device_is_recognised_by_its_own_profile(name: str) -> None:
    oids = recording(name)
    ranks = {
        other: profile.rank(
            one,
            sys_object_id=oids[profile.SYS_OBJECT_ID],
            sys_descr=oids[profile.SYS_DESCR],
            answered=frozenset(oids),
        )
        for other, one in PACKAGED.items()
        if (one.transport or "snmp") == "snmp" and other != "host-resources"
    }
    best = max(ranks, key=lambda other: ranks[other])
    assert best == ("ucd-server" if name == "host-resources" else name)

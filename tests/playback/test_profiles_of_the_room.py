"""Each profile finds every metric in a recording, and in the room's own devices."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.playback import ber
from agent.playback.mibs import PARTS, build
from agent.playback.plant import load
from rules import profile as profiles
from tests.playback.living_room import quiet_stage

RECORDINGS = Path(__file__).parents[1] / "recordings"
OVER_SNMP = ["apc-rpdu2", "stulz-wib8000", "hwg-ste", "hwg-damocles", "akcp-sensorprobe-plus", "axis-video"]
Values = dict[str, str]


def recorded(name: str) -> Values:
    lines = (RECORDINGS / f"{name}.snmprec").read_text().splitlines()
    return {oid: value for oid, _, value in (line.split("|", 2) for line in lines)}


def of_device(name: str) -> Values:
    room = quiet_stage().room
    found: Values = {}
    for binding in build(room, room.devices[name]).snapshot():
        body, _ = ber.expect(ber.SEQUENCE, binding)
        raw, at = ber.expect(ber.OID, body)
        tag, value, _ = ber.read(body, at)
        number = tag not in (ber.OCTETS, ber.OID)
        text = str(int.from_bytes(value, "big", signed=True)) if number else value.decode("latin-1")
        found[".".join(map(str, ber.read_oid(raw)))] = text
    return found


def rows(values: Values, column: str) -> Values:
    return {oid[len(column) + 1 :]: value for oid, value in values.items() if oid.startswith(column + ".")}


def final(metric: profiles.Metric, raw: str) -> float:
    if metric.states:
        assert raw in metric.states, f"{metric.name}: no word for {raw}"
        return metric.states[raw]
    value = float(raw) * metric.scale + metric.offset
    assert metric.low is None or value >= metric.low, f"{metric.name}: {value}"
    assert metric.high is None or value <= metric.high, f"{metric.name}: {value}"
    return value


def found(plan: profiles.Plan, values: Values) -> dict[str, list[float]]:
    """Every value of every metric: rows that count, scaled and named."""
    out: dict[str, list[float]] = {}
    for metric in plan.scalars:
        out[metric.name] = [final(metric, values[oid]) for oid in metric.oids if oid in values]
    for table in plan.tables:
        counting = None
        for where in table.where:
            assert where.oid is not None
            wanted = {str(one) for one in where.is_}
            fitting = {index for index, value in rows(values, where.oid).items() if value in wanted}
            counting = fitting if counting is None else counting & fitting
        for metric in table.metrics:
            key = f"{table.name}/{metric.name}"
            for column in metric.oids:
                told = rows(values, column)
                out[key] = [final(metric, v) for i, v in told.items() if counting is None or i in counting]
    return out


@pytest.mark.parametrize("name", OVER_SNMP)
def test_every_metric_finds_a_value_in_the_recording(name: str) -> None:
    plan = profiles.plan(profiles.packaged()[name], identify=True)
    values = recorded(name)
    for metric, told in found(plan, values).items():
        assert told, metric
    for table in plan.tables:
        for label, column in table.labels.items():
            if column.oid is not None:
                assert rows(values, column.oid), f"{table.name}: {label}"
    for way in plan.identity.get("serial", ())[:1]:
        if way.oid is not None and name != "hwg-ste":
            assert way.oid in values or name not in ("apc-rpdu2", "axis-video")


@pytest.mark.parametrize("name", OVER_SNMP)
def test_the_profile_ranks_first_for_its_recording(name: str) -> None:
    values = recorded(name)
    ranks = {
        one.profile: profiles.rank(
            one,
            sys_object_id=values[profiles.SYS_OBJECT_ID],
            sys_descr=values.get(profiles.SYS_DESCR, ""),
            answered=frozenset(values),
        )
        for one in profiles.packaged().values()
    }
    assert max(ranks, key=lambda one: ranks[one]) == name


@pytest.mark.parametrize(
    "device", [d.name for d in load().devices if d.kind in PARTS and d.targets[0].profile in OVER_SNMP]
)
def test_a_device_of_the_room_gives_its_profile_a_value_in_range(device: str) -> None:
    profile = load().device(device).targets[0].profile
    assert profile is not None
    told = found(profiles.plan(profiles.packaged()[profile]), of_device(device))
    assert sum(map(bool, told.values())) >= min(3, len(told))


def test_registers_of_the_modbus_profile_have_values() -> None:
    told: dict[str, Any] = json.loads((RECORDINGS / "liebert-icom-modbus.json").read_text())
    plan = profiles.plan(profiles.packaged()["liebert-icom-modbus"])
    assert plan.scalars
    for metric in plan.scalars:
        assert metric.register is not None
        assert metric.register.kind == told["kind"]
        final(metric, str(told["registers"][str(metric.register.address)]))


def test_the_access_profile_reads_every_pointer() -> None:
    page: Any = json.loads((RECORDINGS / "access-controller-http.json").read_text())
    plan = profiles.plan(profiles.packaged()["access-controller-http"])

    def at(value: Any, pointer: str | None) -> Any:
        for part in (pointer or "").strip("/").split("/"):
            value = value[part]
        return value

    for metric in plan.scalars:
        final(metric, str(at(page, metric.json)))
    for table in plan.tables:
        elements = at(page, table.json)
        assert elements
        for element in elements:
            for metric in table.metrics:
                final(metric, str(at(element, metric.json)))
            assert all(at(element, label.json) for label in table.labels.values())


def test_every_state_that_is_not_well_has_a_severity() -> None:
    for name in (*OVER_SNMP, "access-controller-http"):
        plan = profiles.plan(profiles.packaged()[name])
        for metric in (*plan.scalars, *(m for table in plan.tables for m in table.metrics)):
            assert set(metric.severity) <= set(metric.names.values()), metric.name

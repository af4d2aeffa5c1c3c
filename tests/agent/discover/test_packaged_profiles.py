"""What the packaged profiles say of their recordings, read as discovery reads a device."""

from pathlib import Path

import pytest

from agent.discover.by_profile import PLAIN, choose, read
from agent.discover.evidence import SYS_DESCR, SYS_OBJECT_ID
from agent.discover.lexicon import CLASSES
from agent.transports.ber import Raw
from rules.profile import packaged, rank

FOLDER = Path(__file__).parents[2] / "recordings"
KINDS_OF_RANGE = {
    "temperature": (-90, 300),
    "humidity": (0, 100),
    "charge": (0, 100),
    "frequency": (0, 1_000),
}


def answers(name: str) -> dict[str, Raw]:
    told: dict[str, Raw] = {}
    for line in (FOLDER / f"{name}.snmprec").read_text(encoding="utf-8").splitlines():
        oid, tag, value = line.split("|", 2)
        told[oid] = int(value) if tag in {"2", "65", "66", "67", "70"} else value.encode()
    return told


RECORDED = sorted(
    name
    for name, one in packaged().items()
    if one.transport == "snmp" and (FOLDER / f"{name}.snmprec").is_file()
)


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_device_tells_its_maker_class_and_sensors(name: str) -> None:
    values, profile = answers(name), packaged()[name]
    told = read(values, profile)
    if profile.vendor:
        assert told.guesses["vendor"].value
    if "device_class" in told.guesses:
        assert told.guesses["device_class"].value in CLASSES
    places = [one.oid for one in told.sensors]
    assert len(set(places)) == len(places), "two sensors stand at one place"
    for one in told.sensors:
        low, high = KINDS_OF_RANGE.get(one.kind, (one.value, one.value))
        assert low <= one.value <= high, one
        assert one.kind != "state" or one.state, one


@pytest.mark.parametrize("name", RECORDED)
def test_discovery_chooses_the_profile_that_was_written_for_the_device(name: str) -> None:
    values = answers(name)
    object_id, descr = values[SYS_OBJECT_ID], values[SYS_DESCR]
    assert isinstance(object_id, bytes)
    assert isinstance(descr, bytes)
    named = rank(packaged()[name], sys_object_id=object_id.decode(), sys_descr=descr.decode())
    if named >= PLAIN and name not in {"host-resources", "maker"}:
        assert choose(values, packaged()) == name

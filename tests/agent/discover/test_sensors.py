"""Numbers of devices never seen: units as the device tells them, settings and bounds apart from readings."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.discover.enumerations import GRADES, graded
from agent.discover.evidence import evidence, number_of
from agent.discover.scale import in_unit
from agent.discover.sensors import possible
from agent.discover.units import UNITS, unit_of
from agent.knowledge import packaged
from agent.transports.ber import Raw

BOOK = "1.3.6.1.4.1.99999.7.1"  # a table of nobody


def features(values: dict[str, Raw], oid: str) -> dict[str, float]:
    columns = possible(evidence(values, packaged()), "other")
    return next(one.features for column in columns for one in column if one.bind.oid == oid)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (b"77 F", "temperature", 25.0),
        (b"21.5 \xc2\xb0C", "temperature", 21.5),
        (b"230V", "voltage", 230.0),
        (b"850 mA", "current", 0.85),
        (b"1.2 kW", "power", 1200.0),
        (b"1010 hPa", "pressure", 101.0),
    ],
)
def test_a_number_with_its_unit_behind_it_is_read_as_it_is_written(
    text: bytes, kind: str, value: float
) -> None:
    ((one,),) = possible(evidence({f"{BOOK}.0": text}, packaged()), "other")
    assert one.unit is not None
    assert one.factor is not None
    assert one.unit.kind == kind
    assert in_unit(one.number * one.factor, one, kind) == pytest.approx(value)


def test_a_letter_of_size_that_may_be_thousandth_or_million_is_no_unit() -> None:
    assert unit_of("mW") is unit_of("MW") is unit_of("") is unit_of("°") is None
    assert unit_of(" [V] ") == UNITS["v"]


@settings(deadline=None, max_examples=80)
@given(st.floats(-1e9, 1e9, allow_nan=False))
def test_a_number_written_with_an_exponent_is_read_whole(value: float) -> None:
    assert number_of(f"{value:.4E}".encode()) == pytest.approx(float(f"{value:.4E}"))


def test_a_name_of_an_object_is_no_number() -> None:
    assert number_of("0.0") is None
    assert number_of(b"0.0") == 0


UPS_HIGH_TRANSFER = "1.3.6.1.2.1.33.1.9.10.0"  # upsConfigHighVoltageTransferPoint, read-write
UPS_TEMPERATURE = "1.3.6.1.2.1.33.1.2.7.0"  # upsBatteryTemperature, read-only


def test_a_setting_is_told_from_a_reading_by_its_access() -> None:
    values: dict[str, Raw] = {UPS_HIGH_TRANSFER: 250, UPS_TEMPERATURE: 25}
    assert "access w number" in features(values, UPS_HIGH_TRANSFER)
    assert "access  number" in features(values, UPS_TEMPERATURE)


def test_a_reading_is_known_by_the_bounds_that_stand_beside_it() -> None:
    entry = "1.3.6.1.4.1.9.9.13.1.3.1"  # ciscoEnvMonTemperatureStatusEntry
    values: dict[str, Raw] = {f"{entry}.{column}.1": 40 for column in (3, 4)}
    shown = features(values, f"{entry}.3.1")
    assert "of cisco" in shown
    assert "own status value" in shown
    assert shown["bounds beside"] == 1.0
    assert features(values, f"{entry}.4.1")["limit"] == 1.0


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.integers(0, 9), st.sampled_from(["ok", "failed", "absent", "auto", "zugig"])))
def test_the_words_of_an_enumeration_are_graded_whatever_their_numbers(words: dict[int, str]) -> None:
    told = graded(",".join(f"{number}={word}" for number, word in words.items()))
    assert ("grade good" in told) == ("ok" in words.values())
    assert ("grade bad" in told) == ("failed" in words.values())
    assert "grades " in {name[:7] for name in told}


def test_a_message_tells_its_reading_and_what_it_is_of() -> None:
    ((one,),) = possible(evidence({f"{BOOK}.0": b'"Inlet, upper-Ctlr A: 48 C 118.40F"'}, packaged()), "other")
    assert (one.label, one.number, one.factor) == ("Inlet, upper-Ctlr A", 48.0, 1.0)
    assert one.features["told temperature"] > 0


@pytest.mark.parametrize("text", [b"Loc: drawer 7", b"uptime: 3 days", b"fan 7: ", b": 3 V"])
def test_a_text_with_a_number_and_no_unit_is_no_reading(text: bytes) -> None:
    assert possible(evidence({f"{BOOK}.0": text}, packaged()), "other") == []


def test_a_state_that_is_a_word_is_told_as_that_word() -> None:
    oid = "1.3.6.1.4.1.25461.2.1.2.1.11.0"  # a state of high availability, written
    known = evidence({oid: b"unavailable"}, packaged())
    assert "state" in known.varbinds[0].words
    ((one,),) = possible(known, "firewall")
    assert one.text == "unavailable"
    assert list(GRADES)[int(one.number)] == "unknown"
    assert possible(evidence({oid: b"Kyburg"}, packaged()), "firewall") == []

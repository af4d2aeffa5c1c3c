"""Devices of makers that exist nowhere: recognised by what they say, whatever nonsense they say beside it."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.discover.candidate import FIELDS
from agent.discover.evidence import SYS_DESCR, SYS_NAME, SYS_OBJECT_ID, evidence, number_of, text_of
from agent.discover.found import SURE, Found
from agent.discover.identity import candidates
from agent.discover.linear import probabilities, softmax
from agent.discover.models import Models, unpack
from agent.discover.models import packaged as models
from agent.discover.recognise import recognise
from agent.discover.recording import parse
from agent.discover.scale import mend
from agent.discover.traits import traits
from agent.discover.units import PLAUSIBLE
from agent.discover.vendor import copyright_of, known_as, vendor
from agent.knowledge import packaged
from agent.transports.ber import Raw
from ml.linear import Model

UPS = "1.3.6.1.2.1.33.1"
ENTITY = "1.3.6.1.2.1.47.1.1.1.1"
SENSOR = "1.3.6.1.2.1.99.1.1.1"


def seen(values: dict[str, Raw]) -> Found:
    return recognise("192.0.2.7", values, packaged(), models())


def test_a_ups_that_only_speaks_the_standard_is_a_ups_with_its_maker_model_and_readings() -> None:
    found = seen(
        {
            SYS_DESCR: b"Quellstrom Wandler 3000",
            SYS_OBJECT_ID: "1.3.6.1.2.1.33",
            SYS_NAME: b"ups-alice",
            f"{UPS}.1.1.0": b"Quellstrom",
            f"{UPS}.1.2.0": b"Wandler 3000 RT",
            f"{UPS}.1.3.0": b"FW 4.12.7",
            f"{UPS}.2.1.0": 2,
            f"{UPS}.2.4.0": 97,
            f"{UPS}.4.4.1.2.1": 231,
        }
    )
    assert found.value("device_class") == "ups"
    assert found.value("vendor") == "Quellstrom"
    assert "Wandler 3000" in found.value("model")
    assert "4.12.7" in found.value("version")
    assert found.value("name") == "ups-alice"
    readings = {one.oid: (one.kind, one.value) for one in found.sensors}
    assert readings[f"{UPS}.4.4.1.2.1"] == ("voltage", 231)
    assert all(guess.reason and 0 <= guess.confidence <= 1 for guess in found.guesses.values())


@pytest.mark.parametrize(
    ("told", "unit", "value"),
    [((8, 9, 1, 234), "C", 23.4), ((4, 8, 0, 12_040), "V", 12.04), ((6, 9, 0, 90), "W", 90.0)],
)
def test_entity_sensors_are_scaled_as_their_mib_says(
    told: tuple[int, int, int, int], unit: str, value: float
) -> None:
    kind, scale, precision, raw = told
    values: dict[str, Raw] = {SYS_DESCR: b"Nordlicht 48 port switch", f"{ENTITY}.7.5": b"inlet"}
    values |= {f"{SENSOR}.1.5": kind, f"{SENSOR}.2.5": scale, f"{SENSOR}.3.5": precision}
    values |= {f"{SENSOR}.4.5": raw, f"{SENSOR}.5.5": 1}
    (sensor,) = [one for one in seen(values).sensors if one.oid == f"{SENSOR}.4.5"]
    assert (sensor.unit, sensor.name, sensor.source) == (unit, "inlet", "standard")
    assert sensor.value == pytest.approx(value)


def test_a_plain_linux_computer_is_a_server() -> None:
    descr = b"Linux bob 6.1.0-18-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 x86_64"
    found = seen({SYS_DESCR: descr, SYS_OBJECT_ID: "1.3.6.1.4.1.8072.3.2.10"})
    assert found.value("device_class") == "server"
    assert found.value("vendor") != "Net-SNMP"


def test_a_maker_of_a_bare_number_is_judged_by_what_its_documents_speak_of() -> None:
    known = evidence({SYS_DESCR: b"", SYS_OBJECT_ID: "1.3.6.1.4.1.13742.99.1"}, packaged())
    told = traits(known, packaged(), hidden=frozenset({"raritan", "legrand"}))
    speaks = {name: value for name, value in told.items() if name.startswith("lex objects:")}
    assert max(speaks, key=speaks.__getitem__) == "lex objects:pdu"
    assert math.isclose(sum(value**2 for value in speaks.values()), 1)
    assert not any(name.startswith("maker org") for name in told)


@pytest.mark.parametrize(
    ("beside", "name"),
    [("HP 1810-24G", "HP"), ("HPE OfficeConnect", "HPE"), ("", "HP"), ("a shape like HPEX", "HP")],
)
def test_makers_that_share_a_number_are_told_apart_by_what_the_device_says(beside: str, name: str) -> None:
    assert known_as(11, packaged(), beside=beside) == name


def test_a_legal_form_is_no_part_of_a_name() -> None:
    assert known_as(97, packaged()) == "Sigma Network Systems"


def test_a_device_that_says_nothing_gets_no_sure_answer() -> None:
    found = seen({SYS_DESCR: b""})
    assert all(guess.confidence < SURE for guess in found.guesses.values())
    assert found.sensors == ()


RAW = st.one_of(
    st.integers(-(2**63), 2**64), st.binary(max_size=80), st.none(), st.floats(), st.text(max_size=30)
)
PLACES = st.sampled_from(
    [
        SYS_DESCR,
        SYS_OBJECT_ID,
        f"{UPS}.1.2.0",
        f"{ENTITY}.13.1",
        f"{ENTITY}.5.1",
        f"{SENSOR}.1.1",
        f"{SENSOR}.2.1",
        f"{SENSOR}.3.1",
        f"{SENSOR}.4.1",
        "1.3.6.1.2.1.2.2.1.2.1",
        "1.3.6.1.2.1.2.2.1.3.1",
        "1.3.6.1.2.1.2.2.1.6.1",
        "1.3.6.1.4.1.318.1.1.1.2.2.1.0",
        "1.3.6.1.4.1.9.9.91.1.1.1.1.4.7",
        "1.3.6.1.4.1.99999.1.2.0",
    ]
)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(PLACES, RAW, max_size=10))
def test_no_nonsense_of_a_device_breaks_its_recognition(values: dict[str, Raw]) -> None:
    found = seen(values)
    assert found.value("device_class")
    assert all(math.isfinite(one.value) for one in found.sensors)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=300))
def test_every_text_is_printable_on_one_line(raw: bytes) -> None:
    text = text_of(raw)
    assert "\n" not in text
    assert all(char.isprintable() for char in text)


@settings(deadline=None, max_examples=50)
@given(st.floats(-1e6, 1e6, allow_nan=False))
def test_a_number_written_as_text_is_read_as_it_was_written(value: float) -> None:
    assert number_of(f"{value:.3f} V".encode()) == pytest.approx(round(value, 3))


# What a device measures; a thousandth of the least float is none any more.
MEASURED = st.floats(-1e5, 1e5, allow_nan=False).filter(lambda value: value == 0 or abs(value) > 1e-300)


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(sorted(PLAUSIBLE)), MEASURED)
def test_mending_leaves_alone_what_can_be_and_only_moves_the_point(kind: str, value: float) -> None:
    mended, (low, high) = mend(value, kind), PLAUSIBLE[kind]
    if low <= value <= high:
        assert mended == value
    else:
        assert any(math.isclose(mended * 10**power, value) for power in (0, 1, 2, 3))
        assert mended == value or low <= mended <= high


@pytest.mark.parametrize("raw", [-32_768, 65_535, 2_147_483_647])
def test_a_mark_for_unknown_is_no_reading(raw: int) -> None:
    values: dict[str, Raw] = {SYS_DESCR: b"Nordlicht 48 port switch", f"{ENTITY}.7.5": b"inlet"}
    values |= {f"{SENSOR}.1.5": 8, f"{SENSOR}.2.5": 9, f"{SENSOR}.3.5": 1}
    assert [one.value for one in seen(values | {f"{SENSOR}.4.5": 234, f"{SENSOR}.5.5": 1}).sensors] == [23.4]
    assert not seen(values | {f"{SENSOR}.4.5": raw, f"{SENSOR}.5.5": 1}).sensors


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-50, 50), min_size=1, max_size=9))
def test_probabilities_add_up_to_one_and_keep_the_order_of_scores(values: list[float]) -> None:
    shares = softmax(values)
    assert sum(shares) == pytest.approx(1)
    assert shares[values.index(max(values))] == max(shares)


def test_weights_are_applied_feature_by_feature() -> None:
    model = Model("m", ["a", "b"], [0.0, 0.5], {"x": [2.0, 0.0], "y": [0.0, 3.0]})
    shares = probabilities(model, {"x": 1.0, "y": 0.25, "unknown": 9.0})
    assert shares["a"] / shares["b"] == pytest.approx(math.exp(2.0 - (0.5 + 0.75)))


def test_packed_models_are_the_same_again() -> None:
    kept = Models({"m": Model("m", ["a", "b"], [0.0, 1.0], {"x": [1.5, -1.5]})})
    assert unpack(kept.pack()) == kept


def test_the_shipped_models_know_words_and_no_serial_numbers() -> None:
    shipped = models().by_name
    assert {"device_class", "sensor", "power", *FIELDS} <= shipped.keys()
    words = [name.rsplit(" ", 1)[-1] for model in shipped.values() for name in model.weights]
    plain = [word for word in words if "." not in word]  # with dots: columns of standards
    assert not [word for word in plain if sum(char.isdigit() for char in word) > 9]


def test_a_candidate_says_where_it_stands() -> None:
    known = evidence({SYS_DESCR: b"Acme model AX-4100 version 2.7.1"}, packaged())
    told = {one.value: one.place for one in candidates(known, packaged(), "model")}
    assert "AX-4100" in told
    assert told["AX-4100"].startswith("sysDescr")


def test_a_recording_is_read_in_the_order_of_a_walk_and_without_its_unusable_lines() -> None:
    text = "1.3.6.1.10|2|5\n1.3.6.1.9|4x|4142\nnonsense\n1.3.6.1.8|2|x\n1.3.6.1.7|64|192.0.2.1\n"
    assert list(parse(text).items()) == [("1.3.6.1.7", "192.0.2.1"), ("1.3.6.1.9", b"AB"), ("1.3.6.1.10", 5)]


@pytest.mark.parametrize(
    ("descr", "holder"),
    [
        ("NorthOS 4.2 Copyright (c) 2004-2019 by Nordlicht Systems, Inc. Compiled Mon", "Nordlicht Systems"),
        ("NL-40, (c) 2001 by Nordlicht Schweiz AG", "Nordlicht Schweiz"),
        ("Copyright © 2020, Nordlicht All Rights Reserved.", "Nordlicht"),
        ("Copyright(C) Nordlicht Technology Co.,Ltd.All Rights Reserved.", "Nordlicht Technology"),
        ("Copyright (c) 1992-2012 The FreeBSD Project.", ""),
        ("(c) 2003-2004 All rights reserved", ""),
        ("a switch of Nordlicht", ""),
    ],
)
def test_a_copyright_names_who_holds_it_without_legal_form(descr: str, holder: str) -> None:
    assert copyright_of(descr) == holder


def test_who_the_device_names_itself_goes_before_the_number_that_somebody_registered() -> None:
    registered: dict[str, Raw] = {"1.3.6.1.2.1.1.2.0": "1.3.6.1.4.1.683.1"}

    def told(more: dict[str, Raw]) -> str:
        guess = vendor(evidence(registered | more, packaged()), packaged())
        assert guess is not None
        return guess.value

    maker = told({SYS_DESCR: b"a print server"})
    identifier = b"MANUFACTURER:Nordlicht Druck;COMMAND SET:ZPL;MODEL:ND 4;"
    assert told({"1.3.6.1.4.1.2699.1.2.1.2.1.1.3.1": identifier}) == "Nordlicht Druck"
    assert told({SYS_DESCR: b"Copyright (c) 2019 Nordlicht Druck Inc."}) == "Nordlicht Druck"
    own = f"Copyright (c) 2019 {maker} Worldwide".encode()
    assert told({SYS_DESCR: own}) == maker, "the same company under its longer name"


def test_a_radio_names_its_maker() -> None:
    values: dict[str, Raw] = {SYS_DESCR: b"Linux ap 5.4", "1.2.840.10036.3.1.2.1.2.30": b"Nordlicht Funk"}
    guess = vendor(evidence(values, packaged()), packaged())
    assert guess is not None
    assert guess.value == "Nordlicht Funk"


@pytest.mark.parametrize("text", ["V7.17.30_1", "2.6.1", "version 6.2.29.r2", "R1.0b3"])
def test_a_release_is_no_model(text: str) -> None:
    known = evidence({SYS_DESCR: text.encode()}, packaged())
    assert text not in {one.value for one in candidates(known, packaged(), "model")}


def test_a_row_called_manufacturer_of_the_extend_table_names_the_computers_maker() -> None:
    name = ".".join(str(ord(sign)) for sign in "manufacturer")
    values: dict[str, Raw] = {
        SYS_DESCR: b"Linux db-1 6.1.0 #1 SMP",
        "1.3.6.1.2.1.1.2.0": "1.3.6.1.4.1.8072.3.2.10",
    }
    row = f"1.3.6.1.4.1.8072.1.3.2.4.1.2.12.{name}.1"
    guess = vendor(evidence(values | {row: b"Nordlicht Rechner GmbH"}, packaged()), packaged())
    assert guess is not None
    assert guess.value == "Nordlicht Rechner GmbH"

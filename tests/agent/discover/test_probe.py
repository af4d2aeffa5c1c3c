"""One device asked over the network; what a profile and an operator say of it; the stub for the unknown."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.discover import answers
from agent.discover.evidence import SYS_DESCR, SYS_OBJECT_ID
from agent.discover.found import Found
from agent.discover.probe import Known, command, probe
from agent.discover.recording import Recorded
from agent.discover.stub import stub
from agent.knowledge import packaged
from agent.reading import Target
from agent.transports.ber import Raw
from agent.transports.snmp import Snmp
from rules import profile

OBJECT_ID = "1.3.6.1.4.1.64999.3.1"
DEVICE: dict[str, Raw] = {
    SYS_DESCR: b"Quellstrom box 7 rev 2.11",
    SYS_OBJECT_ID: OBJECT_ID,
    "1.3.6.1.2.1.33.1.1.2.0": b"Wandler 3000",
    "1.3.6.1.2.1.33.1.2.1.0": 2,
    "1.3.6.1.2.1.33.1.2.7.0": 31,
}


def known(**more: object) -> Known:
    base = Known.packaged()
    return Known(base.knowledge, base.models, more.get("profiles", {}), more.get("learned", {}))  # type: ignore[arg-type]


def test_an_operators_answer_is_used_for_the_next_device_of_the_shape_whatever_its_version() -> None:
    told = {
        answers.fingerprint(OBJECT_ID, "Quellstrom box 7 rev 1.9"): {
            "device_class": "pdu",
            "vendor": "Quellstrom",
        }
    }
    found = known(learned=told).recognise("192.0.2.1", DEVICE)
    assert {name: found.guesses[name].source for name in ("device_class", "vendor")} == {
        "device_class": "operator",
        "vendor": "operator",
    }
    assert found.value("device_class") == "pdu"
    other = known(learned=told).recognise("192.0.2.1", DEVICE | {SYS_OBJECT_ID: OBJECT_ID + ".1"})
    assert other.guesses["device_class"].source != "operator"


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=80), st.integers(0, 10**6), st.integers(0, 10**6))
def test_numbers_do_not_change_a_fingerprint_but_the_object_id_does(text: str, one: int, two: int) -> None:
    assert answers.fingerprint("1.2.3", f"{text} v{one}") == answers.fingerprint(".1.2.3", f"{text} v{two}")
    assert answers.fingerprint("1.2.3", text) != answers.fingerprint("1.2.4", text)


def test_a_profile_wins_over_what_was_guessed() -> None:
    text = f"profile: quellstrom\nci_class: pdu\nvendor: Quellstrom\nmatch:\n  sysObjectID: [{OBJECT_ID}]\n"
    text += "identity:\n  model: {oid: 1.3.6.1.2.1.33.1.1.2.0}\n  version: {pattern: 'rev ([0-9.]+)'}\n"
    found = known(profiles={"quellstrom": profile.read(text, "test")}).recognise("192.0.2.1", DEVICE)
    assert found.profile == "quellstrom"
    assert [found.value(name) for name in ("device_class", "vendor", "model", "version")] == [
        "pdu",
        "Quellstrom",
        "Wandler 3000",
        "2.11",
    ]
    assert {guess.source for name, guess in found.guesses.items() if name != "serial"} == {"profile"}


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=30), st.text(max_size=30))
def test_a_stub_is_a_profile_whatever_the_device_calls_itself(vendor: str, model: str) -> None:
    values = DEVICE | {SYS_DESCR: f"{vendor} {model}".encode(), "1.3.6.1.2.1.33.1.1.1.0": vendor.encode()}
    found = known().recognise("192.0.2.1", values)
    made = profile.read(stub(found, packaged()), "stub")
    assert made.match.sysObjectID == [OBJECT_ID]
    assert made.ci_class == found.value("device_class")
    assert made.poll.metrics


def test_an_unsure_device_comes_with_a_stub_and_a_sure_one_without() -> None:
    assert known().recognise("192.0.2.1", {SYS_DESCR: b"x"}).stub
    told = {
        answers.fingerprint(OBJECT_ID, "Quellstrom box 7 rev 2.11"): {"device_class": "ups", "vendor": "Q"}
    }
    assert not known(learned=told).recognise("192.0.2.1", DEVICE).stub


async def ask_nobody() -> Found:
    snmp = Snmp()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("agent.discover.probe.FIRST_S", 0.3)
            return await probe(snmp, Target("t", "t", "127.0.0.1", 1, {"community": "public"}), known())
    finally:
        snmp.close()


def test_a_silent_address_is_an_attempt_with_its_reason_and_no_device() -> None:
    found = asyncio.run(ask_nobody())
    assert found.guesses == {}
    (attempt,) = found.attempts
    assert attempt.outcome in {"silent", "refused"}
    assert attempt.detail


def test_a_recording_answers_what_it_holds() -> None:
    async def ask() -> tuple[Mapping[str, Raw], Mapping[str, Raw]]:
        reader = Recorded(DEVICE)
        return await reader.get([SYS_DESCR, "1.3.1"]), await reader.walk(["1.3.6.1.2.1.33"], limit=2)

    got, walked = asyncio.run(ask())
    assert list(got) == [SYS_DESCR]
    assert list(walked) == ["1.3.6.1.2.1.33.1.1.2.0", "1.3.6.1.2.1.33.1.2.1.0"]


def test_a_line_that_is_no_target_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    targets = tmp_path / "T.jsonl"
    targets.write_text(json.dumps({"address": "127.0.0.1"}) + "\n{\n", encoding="utf-8")
    assert command(targets, tmp_path / "R.jsonl", 2) == 2
    assert "line 2" in capsys.readouterr().err


def test_a_device_over_which_the_probe_stumbles_leaves_its_neighbours_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stumbling(snmp: Snmp, target: Target, known: Known) -> Found:
        if target.address == "127.0.0.2":
            raise ZeroDivisionError
        return await probe(snmp, target, known)

    monkeypatch.setattr("agent.discover.probe.FIRST_S", 0.3)
    monkeypatch.setattr("agent.discover.probe.probe", stumbling)
    targets, results = tmp_path / "T.jsonl", tmp_path / "R.jsonl"
    lines = [{"address": f"127.0.0.{host}", "port": 1} for host in (1, 2, 3)]
    targets.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert command(targets, results, 3) == 0
    told = {line["recording"]: line["attempts"] for line in map(json.loads, results.read_text().splitlines())}
    assert told["127.0.0.2"] == ["malformed"]
    assert len(told) == 3

"""One device asked over the network; what a profile and an operator say of it; the stub for the unknown."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.discover import answers
from agent.discover.evidence import SYS_DESCR, SYS_OBJECT_ID
from agent.discover.found import Found
from agent.discover.probe import Known, chassis_mac, command, judge, probe, read
from agent.discover.recording import Recorded
from agent.discover.stub import stub
from agent.knowledge import packaged
from agent.reading import Target
from agent.transports import ber
from agent.transports.ber import Raw
from agent.transports.snmp import Device, Snmp
from agent.transports.trouble import TroubleError
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


class Answering:
    """Stands for the network: every question is answered from a walk, or with silence after `patience`."""

    def __init__(self, values: Mapping[str, Raw], patience: int = 1_000) -> None:
        self.recorded, self.patience = Recorded(values), patience
        self.asked: list[str] = []

    async def fetch(self, device: Device, *, timeout_s: float) -> SimpleNamespace:
        self.patience -= 1
        if self.patience < 0 or timeout_s <= 0:
            raise TroubleError("no_answer", "Silence.")
        ask = device.ask
        names = [*ask.scalars, *(column for group in ask.groups for column in group)]
        self.asked += [ber.decode_oid(name) for name in names]
        scalars = await self.recorded.get([ber.decode_oid(one) for one in ask.scalars])
        told = [
            (oid, value) for name in names[len(ask.scalars) :]
            for oid, value in (await self.recorded.walk([ber.decode_oid(name)])).items()
        ]  # fmt: skip
        rows = [*scalars.items(), *told]
        keys = [
            (place, ber.encode_oid(oid)[len(name) :])
            for oid, _ in rows
            for place, name in enumerate(names)
            if ber.encode_oid(oid).startswith(name)
        ][: len(rows)]
        shape = SimpleNamespace(keys=keys)
        return SimpleNamespace(
            shape=shape, values=[value for _, value in rows], round_trips=1, truncated=False
        )


BOB = bytes.fromhex("001b21aa0001")
ARP_ROW, PORT_NAME = "1.3.6.1.2.1.4.22.1.2.7.192.0.2.9", "1.3.6.1.2.1.31.1.1.1.1.7"
SPOKEN: dict[str, Raw] = {
    "1.0.8802.1.1.2.1.4.1.1.4.0.7.1": 4, "1.0.8802.1.1.2.1.4.1.1.5.0.7.1": BOB,
    "1.0.8802.1.1.2.1.4.1.1.9.0.7.1": b"bob",
}  # fmt: skip
HERE = Target("t1", "192.0.2.1", "192.0.2.1", 161, {})


@pytest.mark.parametrize(
    ("forwards", "kinds"),
    [
        ({"1.3.6.1.2.1.1.7.0": 2}, ["lldp", "arp"]),
        ({"1.3.6.1.2.1.1.7.0": 78}, ["lldp", "arp"]),
        ({"1.3.6.1.2.1.1.7.0": 72}, ["lldp"]),
        ({"1.3.6.1.2.1.1.7.0": 72, "1.3.6.1.2.1.4.1.0": 1}, ["lldp", "arp"]),
        ({"1.3.6.1.2.1.4.1.0": 2}, ["lldp"]),
        ({"1.3.6.1.2.1.17.1.1.0": BOB}, ["lldp", "arp"]),
        ({}, ["lldp"]),
    ],
)
async def test_only_what_forwards_is_asked_what_it_learned_and_only_in_a_range_job(
    forwards: dict[str, Raw], kinds: list[str]
) -> None:
    values = DEVICE | SPOKEN | {ARP_ROW: BOB, PORT_NAME: b"Gi1/0/7"} | forwards
    deep = await read(Answering(values), HERE, {}, learned=True)  # type: ignore[arg-type]
    assert [one.kind for one in deep.links] == kinds
    assert {one.port for one in deep.links} == {"Gi1/0/7"}
    plain = Answering(values)
    assert [one.kind for one in (await read(plain, HERE, {})).links] == ["lldp"]  # type: ignore[arg-type]
    assert not any(one.startswith(("1.3.6.1.2.1.4.", "1.3.6.1.2.1.17.4")) for one in plain.asked)
    assert deep.values.keys() >= SPOKEN.keys(), "recognition looks at who speaks LLDP"
    assert not deep.truncated


async def test_a_device_that_falls_silent_over_its_neighbours_is_told_as_cut_short() -> None:
    whole = Answering(DEVICE | SPOKEN)
    await read(whole, HERE, {})  # type: ignore[arg-type]
    questions = 1_000 - whole.patience
    seen = [await read(Answering(DEVICE | SPOKEN, n), HERE, {}) for n in range(1, questions + 1)]  # type: ignore[arg-type]
    assert [one.truncated for one in seen] == [True] * (questions - 1) + [False]
    assert all(one.values for one in seen)
    assert len(seen[-1].links) == 1
    assert chassis_mac(seen[-1].values) == ""


@pytest.mark.parametrize("oid", ["1.0.8802.1.1.2.1.3.2.0", "1.3.6.1.2.1.17.1.1.0"])
async def test_the_address_by_which_neighbours_know_a_device_is_told(oid: str) -> None:
    walked = await read(Answering(DEVICE | {oid: BOB}), HERE, {})  # type: ignore[arg-type]
    assert judge("192.0.2.1", walked, known()).facts["chassis_mac"] == "00:1b:21:aa:00:01"

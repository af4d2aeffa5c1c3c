"""Outcomes, reasons and guesses of discovery in the reader's words."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from rules import wire
from rules.platform import packaged as platforms
from server.cmdb.classes import catalogue
from server.discovery.models import ItemState, Outcome, Policy, Run, RunState
from server.kernel.i18n import N_, _, format_duration, loc

OUTCOMES: Mapping[Outcome, str] = {
    Outcome.NEW: N_("Newly found"),
    Outcome.CHANGED: N_("Has changed"),
    Outcome.UNCHANGED: N_("Unchanged"),
    Outcome.WAITING: N_("Waits for approval"),
    Outcome.UNSURE: N_("Not recognised"),
    Outcome.CONFLICT: N_("May be several items"),
    Outcome.IGNORED: N_("Ignored"),
    Outcome.FAILED: N_("Not taken"),
}
TONES: Mapping[Outcome, str] = {
    Outcome.NEW: "info",
    Outcome.CHANGED: "minor",
    Outcome.UNCHANGED: "ok",
    Outcome.WAITING: "info",
    Outcome.UNSURE: "unknown",
    Outcome.CONFLICT: "major",
    Outcome.IGNORED: "suppressed",
    Outcome.FAILED: "major",
}
RUN_STATES: Mapping[RunState, str] = {
    RunState.QUEUED: N_("Waits for the agent"),
    RunState.RUNNING: N_("Running"),
    RunState.DONE: N_("Finished"),
    RunState.CUT: N_("Stopped, time was over"),
    RunState.CANCELLED: N_("Cancelled"),
    RunState.FAILED: N_("Failed"),
}
GLYPHS: Mapping[RunState, str] = {
    RunState.QUEUED: "new",
    RunState.RUNNING: "progress",
    RunState.DONE: "resolved",
    RunState.CUT: "pending",
    RunState.CANCELLED: "cancelled",
    RunState.FAILED: "cancelled",
}
ITEM_STATES: Mapping[ItemState, str] = {
    ItemState.OPEN: N_("To decide"),
    ItemState.LATER: N_("Later"),
    ItemState.DONE: N_("Decided"),
    ItemState.IGNORED: N_("Ignored"),
}
POLICIES: Mapping[Policy, str] = {
    Policy.ASK: N_("Wait in the inbox for approval"),
    Policy.ADD: N_("Add it and poll it at once"),
}
REASONS: Mapping[str, str] = {
    "": "",
    "new": N_("nobody knew it; it is a configuration item now"),
    "known": N_("known by its keys"),
    "approval": N_("recognised; the job asks for approval"),
    "doubtful": N_("the guess is too unsure"),
    "only_ping": N_("answers only ping"),
    "no_credential": N_("a door is open, but no credential fits"),
    "no_profile": N_("it answers, but tells nothing that is known"),
    "several": N_("its keys point to several known items"),
    "ignored": N_("a person ignores this address"),
    "decided": N_("a person decided"),
    "silent": N_("the agent told nothing of it any more"),
}
WAYS: Mapping[str, str] = {
    "icmp": N_("Ping"),
    "snmp": "SNMP",
    "ssh": "SSH",
    "http": "HTTP",
    "modbus": "Modbus",
    "tcp": "TCP",
}
TRIED: Mapping[str, str] = {
    "answered": N_("it answered"),
    "silent": N_("no answer"),
    "refused": N_("refused"),
    "malformed": N_("answered nonsense"),
    "held_back": N_("not tried"),
}
TRIED_TONES = {
    "answered": "ok",
    "silent": "unknown",
    "refused": "major",
    "malformed": "minor",
    "held_back": "suppressed",
}
FIELDS: Mapping[str, str] = {
    "device_class": N_("Class"),
    "vendor": N_("Vendor"),
    "model": N_("Model"),
    "version": N_("Version"),
    "serial": N_("Serial number"),
    "name": N_("Name"),
}
TOLD_BY: Mapping[str, str] = {
    "lldp": "LLDP",
    "cdp": "CDP",
    "bridge": N_("bridge table"),
    "arp": "ARP",
    "route": N_("route"),
}
FAULTS: Mapping[str, str] = {
    "": "",
    "no_answer": N_("The device did not answer."),
    "refused": N_("The device refused the connection."),
    "unreachable": N_("The device cannot be reached."),
    "auth": N_("The device did not accept the credential."),
    "security": N_("Keys or certificates do not fit; no credential was sent."),
    "bad_response": N_("The device answered what makes no sense."),
    "limit": N_("The device answered more than the bounds allow."),
    "configuration": N_("The target or its credential lacks something."),
}
VALUE_FAULTS: Mapping[str, str] = {
    "": "",
    "dead": N_("the sensor says it is dead"),
    "out_of_range": N_("outside what can be meant"),
    "no_such": N_("the device has no such value"),
    "not_a_number": N_("no number"),
    "unknown_state": N_("a state the profile does not know"),
}
LEVELS: Mapping[str, str] = {
    "emergency": N_("emergency"),
    "alert": N_("alert"),
    "critical": N_("critical"),
    "error": N_("error"),
    "warning": N_("warning"),
    "notice": N_("notice"),
    "info": N_("info"),
    "debug": N_("debug"),
}
SEVERITIES: Mapping[str, str] = {
    "critical": N_("Critical"),
    "major": N_("Major"),
    "minor": N_("Minor"),
    "info": N_("Info"),
}
BECOMES: Mapping[str, str] = {
    "firing": N_("an alert begins"),
    "resolved": N_("the alert ends"),
    "noted": N_("an event is noted"),
}
HINDRANCES: Mapping[str, str] = {
    "": "",
    "stranger": N_("no alert: its source is no target"),
    "other_ci": N_("no alert: it is another item"),
}
# What an agent gives as the reason of a guess, and how it is said to people.
WHY: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"the profile (?P<a>\S+) says so", N_("the profile {a} says so")),
        (r"the profile (?P<a>\S+) fits over (?P<b>\S+)", N_("the profile {a} fits over {b}")),
        (r"read from (?P<a>.+)", N_("read from {a}")),
        (r"speaks for it: nothing in particular", N_("nothing in particular speaks for it")),
        (r"a computer with Net-SNMP and no maker's subtree",
         N_("a computer with Net-SNMP and no maker's subtree")),
        (r"sysName", "sysName"),
        (r"sysObjectID is under enterprise (?P<a>\d+), registered by (?P<b>.+)",
         N_("sysObjectID is under enterprise {a}, registered by {b}")),
        (r"sysDescr names (?P<a>.+)", N_("sysDescr names {a}")),
        (r"sysDescr begins with (?P<a>.+)", N_("sysDescr begins with {a}")),
        (r"the device names (?P<a>.+) as its manufacturer", N_("the device names {a} as its manufacturer")),
        (r"it answers in the subtree of enterprise (?P<a>\d+), (?P<b>.+)",
         N_("it answers in the subtree of enterprise {a}, {b}")),
        (r"its network cards are registered by (?P<a>.+)", N_("its network cards are registered by {a}")),
        (r"its agent is by (?P<a>.+)", N_("its agent is by {a}")),
        (r"its SSH server says (?P<a>.+)", N_("its SSH server says {a}")),
        (r"answered by an operator for a device of this shape",
         N_("answered by a person for a device that says the same")),
        (r"answered by a person", N_("answered by a person")),
    )
)  # fmt: skip


PLATFORM = "ssh_platform"  # a fact: which command line a device has
# What the model of classes counts, and where each word of it was read.
SIGNS: Mapping[str, str] = {
    "descr": N_("sysDescr says “{a}”"),
    "gram": N_("“{a}” stands in sysDescr"),
    "name": N_("objects that it answers are named “{a}”"),
    "module": N_("a MIB that it answers is named “{a}”"),
    "org": N_("its maker's name says “{a}”"),
    "product": N_("its product's name says “{a}”"),
    "text": N_("one of its texts says “{a}”"),
    "mib": N_("it answers the standard tables “{a}”"),
    "shape": N_("its tables have the shape “{a}”"),
}
KINDS_OF_SIGNS: Mapping[str, str] = {
    "lex": N_("{where} speaks of: {kind}"),
    "maker": N_("{where} names a maker known for: {kind}"),
    "line": N_("{where} names a product line of: {kind}"),
}
WHERE: Mapping[str, str] = {
    "descr": "sysDescr",
    "name": N_("the names of its objects"),
    "module": N_("the names of its MIBs"),
    "org": N_("its maker's name"),
    "product": N_("its product's name"),
    "text": N_("what its texts say"),
}
_GROUND = "|".join(SIGNS)
_GROUNDS = re.compile(rf", (?=(?:(?:lex|maker|line) )?(?:{_GROUND}|host):)")
_SPEAKS = "speaks for it: "


def why(guess: wire.Guess) -> str:
    """A guess's reason in the reader's language; as the agent said it where it is a new one."""
    if guess.reason.startswith(_SPEAKS) and ":" in guess.reason[len(_SPEAKS) :]:
        return _("; ").join(map(_ground, _GROUNDS.split(guess.reason[len(_SPEAKS) :])))
    for pattern, text in WHY:
        found = pattern.fullmatch(guess.reason)
        if found is not None:
            return _(text).format(**found.groupdict())
    return guess.reason


def _ground(feature: str) -> str:
    """What the model counted, as a sentence: `descr:switch`, `lex product:ups`."""
    head, _colon, word = feature.partition(":")
    kind, _space, source = head.partition(" ")
    if head in SIGNS:
        return _(SIGNS[head]).format(a=word.strip())
    if feature == "lex host:server":
        return _("a computer with Net-SNMP and no maker's subtree")
    if kind not in KINDS_OF_SIGNS or source not in WHERE:
        return feature
    where = WHERE[source] if source == "descr" else _(WHERE[source])
    label = loc(catalogue().of(catalogue().code_of(word)).label)
    return _(KINDS_OF_SIGNS[kind]).format(where=where, kind=label)


def facts(told: wire.Finding) -> list[tuple[str, str]]:
    """What a device said, by the names of the standards; its command line by the name its maker gave it."""
    return [
        (_("Command line"), platforms()[text].title if text in platforms() else text)
        if name == PLATFORM
        else (name, text)
        for name, text in told.facts.items()
    ]


def far(keys: Mapping[str, Sequence[str]]) -> str:
    """What a neighbour is called: its name, else its address, else its hardware address."""
    kinds = ("name", "address", "macs")
    return next((values[0] for kind in kinds if (values := keys.get(kind))), "–")


def end(name: str, port: str) -> str:
    """A device with its port, as `SW-1 Gi1/0/7`."""
    return f"{name} {port}".strip()


def told_by(kind: str) -> str:
    """What a neighbour is told by, as people call it."""
    text = TOLD_BY[kind]
    return text if text.isupper() else _(text)


def outcome(value: str) -> str:
    """An outcome as people call it."""
    return _(OUTCOMES[Outcome(value)])


def tone(value: str) -> str:
    """The mark of an outcome."""
    return TONES[Outcome(value)]


def run_state(value: RunState) -> str:
    """The state of a run in the reader's language."""
    return _(RUN_STATES[value])


def glyph(value: RunState) -> str:
    """The glyph of a run's state."""
    return GLYPHS[value]


def level(name: str) -> str:
    """A level of syslog as people call it, with its own name."""
    return name if _(LEVELS[name]) == name else f"{_(LEVELS[name])} ({name})"


def way(name: str) -> str:
    """A way as people call it."""
    return _(WAYS.get(name, name)) if name in WAYS else name


def reason(word: str) -> str:
    """Why an outcome came about; an unknown word stands for itself."""
    return _(REASONS[word]) if REASONS.get(word) else word


def left(run: Run, now: datetime) -> str:
    """About how long a run still takes, by its pace so far; "" where that is not known."""
    if run.state is not RunState.RUNNING or run.begun_at is None or run.asked < 5:
        return ""
    passed = (now - run.begun_at).total_seconds()
    rest = passed / run.asked * (run.total - run.asked)
    return format_duration(timedelta(seconds=max(1.0, rest)), parts=1)


def share(run: Run) -> float:
    """How much of a run is done, in per cent."""
    if run.state is RunState.DONE:
        return 100.0
    return 100.0 * run.asked / run.total if run.total else 0.0

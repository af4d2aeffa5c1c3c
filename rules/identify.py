"""Which configuration item is this? Ordered identifiers, explained, never a silent guess.

An observation carries keys (serial, uuid, macs, fqdn, address, ...). A class names the sets of
keys that identify it, strongest first. The first set that points to a CI decides; a CI whose
serial or uuid says otherwise is another device, whatever else agrees; several CIs make a task
for a person. Everything here is pure: the caller looks the candidates up.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

PROOF = frozenset({"serial", "uuid"})  # kinds of which one device has exactly one
HARDWARE = frozenset({*PROOF, "macs"})  # kinds that a device keeps when it moves
FACTS = frozenset({*HARDWARE, "address"})  # kinds that tell two devices of one name apart
SOFT = frozenset({"name", "fqdn"})  # kinds that two devices may share
PLAIN = frozenset({"name", "fqdn", "address", "source_key", "slot"})  # never judged by the list of junk

JUNK = frozenset(
    {
        *("none", "null", "nil", "n/a", "na", "unknown", "undefined", "empty", "private", "test", "invalid"),
        *("default", "default string", "not specified", "not available", "not applicable", "unspecified"),
        *("to be filled by o.e.m.", "to be filled by oem", "o.e.m.", "oem", "system serial number"),
        *("serial", "serial number", "chassis serial number", "base board serial number", "asset tag"),
        *("0123456789", "123456789", "1234567890", "12345678", "123456", "abcdefgh", "xxxxxxxx"),
        *("03000200-0400-0500-0006-000700080009", "not set", "no asset tag", "public", "localhost"),
    }
)
_ONE_SIGN = re.compile(r"^[^0-9a-z]*([0-9a-z])(?:[^0-9a-z]|\1)*$")
_MAC = re.compile(r"^(?:[0-9a-f]{12})$")
_NO_IDENTITY_MAC = re.compile(r"^(?:0{12}|f{12}|01005e.*|3333.*|00005e0001.*|00000c07ac.*)$")
_LOOPBACK = re.compile(r"^(?:127\.0\.0\.1|0\.0\.0\.0|::1|::|169\.254\..*|fe80:.*)$")


@dataclass(frozen=True, order=True)
class Key:
    """One value that can identify: `kind` is the set's parts joined by +, as `serial+vendor`."""

    kind: str
    value: str


@dataclass(frozen=True)
class Step:
    """One step of the path: the set of keys tried, what it found, and a word for why it went on.

    `verdict` is one of: absent, junk, nobody, found, several, contradicted, agrees, disagrees.
    """

    kind: str
    verdict: str
    values: tuple[str, ...] = ()
    cis: tuple[int, ...] = ()


Tried = tuple[str, tuple[Key, ...], str]
"""A set of keys of an observation: its kind, the keys, and `absent` or `junk` where there are none."""


class Outcome(StrEnum):
    """What becomes of the observation."""

    CREATE = "create"
    UPDATE = "update"
    TASK = "task"


@dataclass(frozen=True)
class Decision:
    """The outcome, the CI (for `update`), those it could be (for `task`) and how we came there.

    `doubts` are CIs that may be the same thing but were not taken: a weaker key points to them.
    """

    outcome: Outcome
    ci: int | None = None
    candidates: tuple[int, ...] = ()
    doubts: tuple[int, ...] = ()
    path: tuple[Step, ...] = field(default=())


def normal(kind: str, value: str) -> str:
    """The value as it is compared: folded case, MAC and UUID without separators."""
    text = " ".join(str(value).split()).casefold().strip("\x00 ")
    if kind == "macs":
        return re.sub(r"[^0-9a-f]", "", text)
    if kind == "uuid":
        return re.sub(r"[{}]", "", text).removeprefix("urn:uuid:")
    if kind == "fqdn":
        return text.rstrip(".")
    return text


def is_junk(kind: str, value: str) -> bool:
    """Whether a value says nothing about which device it is, as a zero UUID or "Default string".

    Takes the normalised value. Makers leave such texts in thousands of devices.
    """
    if kind == "macs":
        return not _MAC.match(value) or bool(_NO_IDENTITY_MAC.match(value))
    if kind == "address":
        return not value or bool(_LOOPBACK.match(value))
    if kind == "fqdn":
        return "." not in value or value.startswith("localhost")
    if kind in PLAIN:
        return value in {"", "localhost", "none", "unknown"}
    too_short = len(re.sub(r"[^0-9a-z]", "", value)) < 4
    return too_short or value in JUNK or value.startswith("<") or bool(_ONE_SIGN.match(value))


def keys_of(values: Mapping[str, Iterable[str]], sets: Sequence[Sequence[str]]) -> tuple[Tried, ...]:
    """The usable keys per identifier set, in the order of the sets.

    Args:
        values: what the observation says, as `{"serial": ["X1"], "macs": [...], "vendor": ["Huawei"]}`.
        sets: identifier sets of the class, strongest first, as `[["serial", "vendor"], ["macs"]]`.

    Returns:
        For each set its kind, its keys (none where a part is missing or junk) and
        "" or the reason for none: `absent` or `junk`.
    """
    found: list[Tried] = []
    for parts in sets:
        kind = "+".join(parts)
        columns = [[normal(part, one) for one in values.get(part, ())] for part in parts]
        good = [
            sorted({one for one in column if not is_junk(part if index == 0 else "name", one)})
            for index, (part, column) in enumerate(zip(parts, columns, strict=True))
        ]
        if any(not column for column in good):
            found.append((kind, (), "junk" if all(columns) else "absent"))
            continue
        combined = [""]
        for column in good:
            combined = [f"{head}|{one}" if head else one for head in combined for one in column]
        found.append((kind, tuple(Key(kind, one) for one in combined), ""))
    return tuple(found)


def proof_of(values: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    """What a device says of the kinds that tell it from another (`FACTS`), junk left out."""
    said = {}
    for part in sorted(FACTS):
        good = frozenset(
            text for text in (normal(part, one) for one in values.get(part, ())) if not is_junk(part, text)
        )
        if good:
            said[part] = good
    return said


def identify(
    keys: Sequence[Tried],
    holders: Mapping[Key, frozenset[int]],
    held: Mapping[int, Mapping[str, frozenset[str]]],
    said: Mapping[str, frozenset[str]],
) -> Decision:
    """Decide whether the observation is a known CI.

    Args:
        keys: from `keys_of`.
        holders: which CIs hold each key.
        held: for each CI of `holders` its own `proof_of`, to see that a CI found by its address
            is in truth another device.
        said: the observation's `proof_of`.

    Returns:
        `create` where nobody holds a key, `update` where one CI does, `task` where several do.
    """
    path: list[Step] = []
    chosen: int | None = None
    doubts: set[int] = set()
    for kind, own, why in keys:
        if not own:
            path.append(Step(kind, why))
            continue
        values = tuple(key.value for key in own)
        hits = frozenset[int]().union(*(holders.get(key, frozenset()) for key in own))
        other = frozenset(ci for ci in hits if ci != chosen and _contradicts(kind, said, held.get(ci, {})))
        doubts |= other
        rest = hits - other
        if not rest:
            path.append(Step(kind, "contradicted" if other else "nobody", values, tuple(sorted(other))))
        elif chosen is None and len(rest) == 1:
            (chosen,) = rest
            path.append(Step(kind, "found", values, (chosen,)))
        elif chosen is None or (rest != {chosen} and _is_hardware(kind)):
            several = tuple(sorted(rest if chosen is None else rest | {chosen}))
            path.append(Step(kind, "several", values, several))
            return Decision(Outcome.TASK, None, several, tuple(sorted(doubts - set(several))), tuple(path))
        else:
            doubts |= rest - {chosen}
            verdict = "agrees" if rest == {chosen} else "disagrees"
            path.append(Step(kind, verdict, values, tuple(sorted(rest))))
    doubts.discard(chosen if chosen is not None else -1)
    outcome = Outcome.CREATE if chosen is None else Outcome.UPDATE
    return Decision(outcome, chosen, (), tuple(sorted(doubts)), tuple(path))


def _is_hardware(kind: str) -> bool:
    return kind.split("+", 1)[0] in HARDWARE


def _contradicts(kind: str, said: Mapping[str, frozenset[str]], held: Mapping[str, frozenset[str]]) -> bool:
    """Whether what is known on both sides differs throughout.

    Serial and uuid always count; MAC and management address where only a name agrees.
    """
    rounds = (PROOF, FACTS) if kind.split("+", 1)[0] in SOFT else (PROOF,)
    return any(
        shared and all(said[part].isdisjoint(held[part]) for part in shared)
        for shared in ([part for part in parts if said.get(part) and held.get(part)] for parts in rounds)
    )

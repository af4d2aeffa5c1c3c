"""A profile to begin with, made from what an unknown device told; a person completes it."""

import json
import re

from agent.discover.enumerations import labels as enumeration
from agent.discover.found import Found, Sensor
from agent.knowledge import Knowledge
from rules.numbers import signed

MAX_METRICS = 40
_PLACE = re.compile(r"\((\d+(?:\.\d+)+)\)$")
_NAME = re.compile(r"[^a-z0-9]+")


def stub(found: Found, knowledge: Knowledge) -> str:
    """YAML that `rules.profile.read` accepts: match, class, vendor, identity by OID, and scalar sensors."""
    object_id = found.facts.get("sysObjectID", "")
    lines = ["# Made from one device's answers; look at every line before it is used.",
             f"profile: {_profile_name(found)}", "extends: snmp-device",
             f"ci_class: {found.value('device_class') or 'other'}"]  # fmt: skip
    if found.value("vendor"):
        lines.append(f"vendor: {_text(found.value('vendor'))}")
    if object_id:
        lines += ["match:", f"  sysObjectID: [{object_id}]"]
    ways = [line for field in ("model", "version", "serial") if (line := _way(found, field))]
    if ways:
        lines += ["identity:", *ways]
    metrics = [line for one in _scalars(found) for line in _metric(one, knowledge)]
    if metrics:
        lines += ["poll:", "  metrics:", *metrics]
    return "\n".join(lines) + "\n"


def _profile_name(found: Found) -> str:
    words = f"{found.value('vendor')} {found.value('model')}".lower()
    return _NAME.sub("-", words).strip("-")[:60].strip("-") or "unknown-device"


def _text(value: str) -> str:
    return json.dumps("".join(char if char.isprintable() else " " for char in value), ensure_ascii=False)


def _way(found: Found, field: str) -> str:
    guess = found.guesses.get(field)
    place = _PLACE.search(guess.reason) if guess is not None else None
    return f"  {field}: {{oid: {place[1]}}}" if place is not None else ""


def _scalars(found: Found) -> list[Sensor]:
    """One sensor for each name, only scalars: tables need a person's eye."""
    chosen: dict[str, Sensor] = {}
    for one in found.sensors:
        if one.oid.endswith(".0"):
            chosen.setdefault(_metric_name(one), one)
    return list(chosen.values())[:MAX_METRICS]


def _metric_name(one: Sensor) -> str:
    words = _NAME.sub("_", f"device_{one.name}_{one.kind}".lower()).strip("_")
    return words[:90].strip("_")


def _metric(one: Sensor, knowledge: Knowledge) -> list[str]:
    lines = [f"    {_metric_name(one)}:", f"      oid: {one.oid}"]
    if one.kind != "state":
        return [*lines, f"      unit: {_text(one.unit)}"] if one.unit else lines
    named = knowledge.named(one.oid)
    told = enumeration(named.fact.enum) if named is not None else {}
    states = {code: word for number, word in told.items() if (code := signed(number)) is not None}
    if not states:
        return lines
    words = ", ".join(f"{number}: {_text(word)}" for number, word in states.items())
    return [*lines, f"      states: {{{words}}}"]

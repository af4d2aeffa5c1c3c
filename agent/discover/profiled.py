"""What a matching profile says of a device; it stands over what was guessed."""

from collections.abc import Iterable, Mapping

from agent.discover.evidence import enterprise_of, text_of
from agent.discover.found import Found, Guess
from agent.discover.lexicon import CLASSES
from agent.discover.traits import AGENTS
from agent.transports.ber import Raw
from rules.pattern import Pattern
from rules.profile import SYS_DESCR, Profile, Way, rank

PLAIN = 500  # from here on a profile matched by sysObjectID or sysDescr, not by what many devices answer
CONFIDENCE = 0.95
SAME_CLASS = {"environment_monitor": "environment_sensor"}


def profiled(found: Found, values: Mapping[str, Raw], profiles: Mapping[str, Profile]) -> None:
    """Find the best profile and let its answers win."""
    object_id, descr = found.facts.get("sysObjectID", ""), found.facts.get("sysDescr", "")
    points = {
        name: rank(one, sys_object_id=object_id, sys_descr=descr) for name, one in sorted(profiles.items())
    }
    best = max(points, key=points.__getitem__, default="")
    if not best or points[best] < PLAIN:
        return
    profile = profiles[best]
    found.profile = best
    reason = f"the profile {best} says so"
    kind = SAME_CLASS.get(profile.ci_class or "", profile.ci_class or "")
    agent_only = (
        enterprise_of(object_id) in AGENTS
    )  # the number of an agent, which all kinds of devices carry
    if kind in CLASSES and kind != "other" and not agent_only:
        found.guesses["device_class"] = Guess(kind, CONFIDENCE, reason, "profile")
    if profile.vendor:
        found.guesses["vendor"] = Guess(profile.vendor, CONFIDENCE, reason, "profile")
    for name, ways in profile.identity.items():
        if name in {"vendor", "model", "version", "serial"}:
            told = next(filter(None, _answers(ways, values, object_id)), "")
            if told:
                found.guesses[name] = Guess(told, CONFIDENCE, reason, "profile")


def _answers(ways: Way | list[Way], values: Mapping[str, Raw], object_id: str) -> Iterable[str]:
    for way in [ways] if isinstance(ways, Way) else ways:
        text = way.value or ""
        if way.by_sysObjectID:
            fitting = [one for one in way.by_sysObjectID if f"{object_id}.".startswith(one.strip(".") + ".")]
            text = way.by_sysObjectID[max(fitting, key=len)] if fitting else ""
        elif way.oid is not None or way.pattern is not None:
            text = text_of(values.get((way.oid or SYS_DESCR).strip(".")))
            if way.pattern is not None:
                text = Pattern(way.pattern).first(text) or ""
        yield text

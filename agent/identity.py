"""What a device says it is: the ways of a profile tried in order, over whatever the transport read."""

from collections.abc import Callable
from functools import lru_cache

from agent.measure import Raw, text
from rules.pattern import Pattern
from rules.plan import Plan
from rules.profile import SYS_DESCR, SYS_OBJECT_ID
from rules.profile_form import Way

Look = Callable[[Way], Raw]
MAX_IDENTITY = 1_000  # characters


@lru_cache(maxsize=512)
def _pattern(written: str) -> Pattern:
    return Pattern(written)


def oids_for(plan: Plan) -> list[str]:
    """Instances that an identity asks for, each once."""
    wanted: dict[str, None] = {}
    for ways in plan.identity.values():
        for way in ways:
            if way.oid is not None:
                wanted[way.oid.removeprefix(".")] = None
            elif way.by_sysObjectID is not None:
                wanted[SYS_OBJECT_ID] = None
            elif (
                way.pattern is not None and way.register is None and way.json is None and way.reading is None
            ):
                wanted[SYS_DESCR] = None
    return list(wanted)


def identity(plan: Plan, look: Look, *, sys_descr: str = "", sys_object_id: str = "") -> dict[str, str]:
    """Identity values by name; what no way finds is left out."""
    found: dict[str, str] = {}
    for name, ways in plan.identity.items():
        for way in ways:
            said = _one(way, look, sys_descr, sys_object_id)
            if said:
                found[name] = said[:MAX_IDENTITY]
                break
    return found


def _one(way: Way, look: Look, sys_descr: str, sys_object_id: str) -> str:
    if way.value is not None:
        return way.value
    if way.by_sysObjectID is not None:
        fitting = [
            prefix for prefix in way.by_sysObjectID
            if f"{sys_object_id}.".startswith(f"{prefix.strip('.')}.")
        ]  # fmt: skip
        return way.by_sysObjectID[max(fitting, key=len)] if fitting else ""
    reads = way.oid is not None or way.register is not None or way.json is not None or way.reading is not None
    said = text(look(way)) if reads else sys_descr
    if way.pattern is not None:
        return (_pattern(way.pattern).first(said) or "").strip()
    return said

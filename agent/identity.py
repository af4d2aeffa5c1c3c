"""What a device says it is: the ways of a profile tried in order, over whatever the transport read."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from agent.knowledge import packaged
from agent.measure import Raw, text
from rules.numbers import signed
from rules.pattern import Pattern
from rules.plan import Plan
from rules.profile import SYS_DESCR, SYS_OBJECT_ID
from rules.profile_form import Way

Look = Callable[[Way], Raw]
MAX_IDENTITY = 1_000  # characters
HOLE = "{}"


@lru_cache(maxsize=4_096)
def _pattern(written: str) -> Pattern:
    return Pattern(written)


def each(ways: Iterable[Way]) -> Iterator[Way]:
    """Ways and the parts they are joined from."""
    for way in ways:
        yield way
        yield from each(way.join)


def oids_for(plan: Plan) -> list[str]:
    """Instances that an identity asks for, each once."""
    wanted: dict[str, None] = {}
    for ways in plan.identity.values():
        for way in each(ways):
            if way.oid is not None:
                wanted[way.oid.removeprefix(".")] = None
            elif way.by_sysObjectID is not None or way.product:
                wanted[SYS_OBJECT_ID] = None
            elif way.pattern is not None and not _reads(way):
                wanted[SYS_DESCR] = None
    return list(wanted)


def columns_for(plan: Plan) -> list[str]:
    """Columns that an identity asks for, each once."""
    every = (way.column for ways in plan.identity.values() for way in each(ways) if way.column is not None)
    return list(dict.fromkeys(one.removeprefix(".") for one in every))


def identity(plan: Plan, look: Look, *, sys_descr: str = "", sys_object_id: str = "") -> dict[str, str]:
    """Identity values by name; what no way finds is left out."""
    found: dict[str, str] = {}
    for name, ways in plan.identity.items():
        for way in ways:
            said = answer(way, look, sys_descr=sys_descr, sys_object_id=sys_object_id)
            if said:
                found[name] = said
                break
    return found


def answer(way: Way, look: Look, *, sys_descr: str, sys_object_id: str) -> str:
    """What one way tells, "" where it tells nothing; at most `MAX_IDENTITY` characters.

    `look` reads what the transport has of an oid, a column (its first text), below a root (anything but
    None), a register, a JSON pointer or a reading.
    """
    if way.join:
        parts = [answer(one, look, sys_descr=sys_descr, sys_object_id=sys_object_id) for one in way.join]
        return _filled(way.value or " ".join([HOLE] * len(parts)), parts) if all(parts) else ""
    if way.product:
        product = packaged().product(sys_object_id) if sys_object_id else None
        said = product.model if product is not None else ""
    elif way.by_sysObjectID is not None:
        said = by_prefix(way.by_sysObjectID, sys_object_id)
    elif _reads(way):
        said = text(look(way))
    else:
        said = sys_descr
        if way.pattern is None:
            return way.value or ""
    if way.pattern is not None:
        said = (_pattern(way.pattern).first(said) or "").strip()
    if way.words and said:
        number = signed(said)
        said = way.words.get(said if number is None else number, "")
    return _filled(way.value or HOLE, [said]) if said else ""


def by_prefix(table: dict[str, str], sys_object_id: str) -> str:
    """The text at the longest prefix of a sysObjectID; "" where none fits."""
    rest = sys_object_id.strip(".")
    while rest:
        if rest in table:
            return table[rest]
        rest = rest.rpartition(".")[0]
    return ""


def _reads(way: Way) -> bool:
    sources = (way.oid, way.column, way.below, way.register, way.json, way.reading)
    return any(one is not None for one in sources)


def _filled(template: str, parts: list[str]) -> str:
    for part in parts:
        template = template.replace(HOLE, part, 1)
    return template[:MAX_IDENTITY]

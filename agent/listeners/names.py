"""The names that makers gave to traps and objects, for people who read what was heard.

`notifications.bin` is looked up as `agent.knowledge` is; `build_assets/notifications.py` writes it.
"""

from functools import cache
from importlib import resources
from pathlib import Path

from agent.knowledge import Knowledge
from rules.heard import without_zero

MAX_VALUE = 500


@cache
def packaged() -> Knowledge:
    """Names of traps, and of the objects that only traps tell."""
    return Knowledge(Path(str(resources.files("agent.listeners"))) / "notifications.bin")


def named_trap(knowledge: Knowledge, oid: str) -> str:
    """`IF-MIB::linkDown`; the OID itself, with its maker where one is known, for a trap without a name."""
    own = packaged()
    for candidate in dict.fromkeys((oid, without_zero(oid))):
        known = own.notification(candidate)
        if known is not None:
            return f"{known.module}::{known.name}"
    arcs = oid.split(".")
    if oid.startswith("1.3.6.1.4.1.") and len(arcs) > 6:
        maker = knowledge.maker(int(arcs[6]))
        if maker is not None:
            return f"{oid} ({maker.alias or maker.organisation})"
    return oid


def named_value(knowledge: Knowledge, oid: str, text: str) -> tuple[str, str]:
    """`ifOperStatus.12` and `down (2)`, as far as a document names them."""
    named = knowledge.named(oid) or packaged().named(oid)
    if named is None:
        return oid, text[:MAX_VALUE]
    name = f"{named.fact.name}.{named.tail}" if named.tail else named.fact.name
    words = dict(one.split("=", 1) for one in named.fact.enum.split(",") if "=" in one)
    word = words.get(text)
    return name, f"{word} ({text})" if word else text[:MAX_VALUE]

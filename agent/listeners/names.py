"""The names that makers gave to traps and objects, for people who read what was heard.

`notifications.bin` is looked up as `agent.knowledge` is; `build_assets/notifications.py` writes it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

from agent.knowledge import Knowledge
from rules.heard import without_zero

MAX_VALUE = 500
MAX_KEPT = 10_000  # names of each kind
INDEX_ARCS = 6  # so long an index is looked for among the names that are remembered


@cache
def packaged() -> Knowledge:
    """Names of traps, and of the objects that only traps tell."""
    return Knowledge(Path(str(resources.files("agent.listeners"))) / "notifications.bin")


@dataclass(slots=True)
class Names:
    """Names of traps and objects, remembered: devices say the same few things again and again.

    Args:
        knowledge: what makers say; called when the first name is needed.
    """

    knowledge: Callable[[], Knowledge]
    _traps: dict[str, str] = field(default_factory=dict)
    _objects: dict[str, "_Object"] = field(default_factory=dict)

    def trap(self, oid: str) -> str:
        """`IF-MIB::linkDown`; the OID itself, with its maker where one is known, for one without a name."""
        known = self._traps.get(oid)
        if known is None:
            if len(self._traps) >= MAX_KEPT:
                self._traps.clear()
            known = self._traps[oid] = self._trap(oid)
        return known

    def value(self, oid: str, text: str) -> tuple[str, str]:
        """`ifOperStatus.12` and `down (2)`, as far as a document names them."""
        stem = oid
        for _ in range(INDEX_ARCS):
            stem = stem.rpartition(".")[0]
            known = self._objects.get(stem)
            if known is not None:
                break
        else:
            named = self.knowledge().named(oid) or packaged().named(oid)
            if named is None:
                return oid, text[:MAX_VALUE]
            words = dict(one.split("=", 1) for one in named.fact.enum.split(",") if "=" in one)
            if len(self._objects) >= MAX_KEPT:
                self._objects.clear()
            stem = named.oid
            known = self._objects[stem] = _Object(named.fact.name, words)
        tail = oid[len(stem) :]
        word = known.words.get(text)
        return known.name + tail, f"{word} ({text})" if word else text[:MAX_VALUE]

    def _trap(self, oid: str) -> str:
        own = packaged()
        for candidate in dict.fromkeys((oid, without_zero(oid))):
            known = own.notification(candidate)
            if known is not None:
                return f"{known.module}::{known.name}"
        arcs = oid.split(".")
        if oid.startswith("1.3.6.1.4.1.") and len(arcs) > 6:
            maker = self.knowledge().maker(int(arcs[6]))
            if maker is not None:
                return f"{oid} ({maker.alias or maker.organisation})"
        return oid


@dataclass(frozen=True, slots=True)
class _Object:
    """A scalar or column: nothing has a name below it. `words` of its numbers."""

    name: str
    words: Mapping[str, str]

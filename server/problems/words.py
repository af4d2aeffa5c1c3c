"""How the states of problems are called, and what a pattern costs."""

from collections.abc import Mapping, Sequence

from server.incidents import words as incidents
from server.kernel.i18n import N_, _
from server.knowledge.words import applies
from server.problems.models import State

STATES = {
    State.OPEN: N_("Open"),
    State.KNOWN_ERROR: N_("Known error"),
    State.RESOLVED: N_("Resolved"),
    State.CLOSED: N_("Closed"),
}
GLYPHS = {
    State.OPEN: "new",
    State.KNOWN_ERROR: "pending",
    State.RESOLVED: "resolved",
    State.CLOSED: "closed",
}


def state(value: State) -> str:
    """A state in the reader's language."""
    return _(STATES[value])


def shared(facets: Mapping[str, object]) -> list[str]:
    """What incidents have in common, in words."""
    named = {name: [value] for name, value in facets.items() if name != "cause"}
    cause = [incidents.cause(str(facets["cause"]))] if facets.get("cause") else []
    return [*applies(named), *cause]


def trend(weekly: Sequence[int]) -> tuple[str, int, int]:
    """Whether a pattern grows: a word, the incidents of the last four weeks, and of the four before."""
    lately, before = sum(weekly[-4:]), sum(weekly[-8:-4])
    if lately > before:
        return "up", lately, before
    return ("down" if lately < before else "flat"), lately, before

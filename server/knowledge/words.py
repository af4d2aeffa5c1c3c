"""How the states and verdicts of knowledge are called, for pages and lists."""

from collections.abc import Iterator, Mapping, Sequence

from server.cmdb.classes import catalogue
from server.kernel.i18n import N_, _, loc
from server.knowledge.models import State, Verdict

STATES = {
    State.DRAFT: N_("Draft"),
    State.SUBMITTED: N_("Waits for review"),
    State.PUBLISHED: N_("Published"),
    State.EXPIRED: N_("Expired"),
    State.RETIRED: N_("Retired"),
}
GLYPHS = {
    State.DRAFT: "new",
    State.SUBMITTED: "assigned",
    State.PUBLISHED: "resolved",
    State.EXPIRED: "pending",
    State.RETIRED: "cancelled",
}
VERDICTS = {
    Verdict.OPENED: N_("opened"),
    Verdict.APPLIED: N_("applied, not yet judged"),
    Verdict.FIXED: N_("stayed clear"),
    Verdict.CAME_BACK: N_("came back"),
    Verdict.NOT_HELPED: N_("did not help"),
    Verdict.NOT_RELEVANT: N_("not relevant"),
}
TONES = {Verdict.FIXED: "ok", Verdict.CAME_BACK: "major", Verdict.NOT_HELPED: "minor"}
LANGUAGES = {"en": "English", "zh": "中文"}


def state(value: State) -> str:
    """A state in the reader's language."""
    return _(STATES[value])


def verdict(value: Verdict) -> str:
    """A verdict in the reader's language."""
    return _(VERDICTS[value])


def applies(applies_to: Mapping[str, Sequence[object]]) -> Iterator[str]:
    """What an article applies to, classes of items by their name, the rest as devices and rules say it."""
    classes = catalogue()
    for facet, values in applies_to.items():
        for value in map(str, values):
            known = facet == "ci_class" and classes.knows(value)
            yield loc(classes.of(value).label) if known else value

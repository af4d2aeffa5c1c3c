"""Why something is suggested, for people: its texts with what matched marked, and what else agrees."""

from collections.abc import Sequence
from dataclasses import dataclass

from ml import marking
from ml.marking import Part
from server.cmdb.classes import catalogue
from server.kernel.i18n import _, loc
from server.knowledge.suggesting.suggest import Suggestion

WORDS_SHOWN = 4
ICONS = {"alert": "bell-ringing", "ci": "box", "model": "box", "ci_class": "box-multiple"}


@dataclass(frozen=True)
class Reasons:
    """What speaks for a suggestion.

    Args:
        title, steps: its texts; what the ticket has too is marked.
        words: of the ticket, as they stand in it, the heaviest first.
        shared: icon and words of each facet that agrees.
    """

    title: Sequence[Part]
    steps: Sequence[Sequence[Part]]
    words: Sequence[str]
    shared: Sequence[tuple[str, str]]


def reasons(one: Suggestion, said: str) -> Reasons:
    """What speaks for a suggestion on a ticket that says this."""
    told = "\n".join((one.title, *one.steps, one.cause))
    return Reasons(
        marking.parts(one.title, one.words, said),
        [marking.parts(step, one.words, said) for step in one.steps],
        marking.words(said, one.words, told, most=WORDS_SHOWN),
        shared(one),
    )


def shared(one: Suggestion) -> list[tuple[str, str]]:
    """The alert, the closest of item, model, class and vendor, and the service, where they agree."""
    said = {
        "alert": _("same alert"),
        "ci": _("same item"),
        "service": _("same service"),
        "vendor": _("same vendor {name}"),
        "model": _("same model {name}"),
        "ci_class": _("same class {name}"),
    }
    tags = []
    closest = next((name for name in ("ci", "model", "ci_class", "vendor") if one.facets.get(name)), "")
    for facet in ("alert", closest, "service"):
        value = one.facets.get(facet)
        if not value:
            continue
        classes = catalogue()
        name = loc(classes.of(value).label) if facet == "ci_class" and classes.knows(value) else value
        tags.append((ICONS.get(facet, "point"), said[facet].format(name=name)))
    return tags

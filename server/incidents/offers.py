"""Guesses offered beside the fields of the report form: taken with one key, and never over what is chosen."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from rules.priority import DEFAULT_MATRIX
from server.accounts import service as accounts
from server.incidents import guesses, words
from server.incidents.guesses import Guessed
from server.kernel.call import Actor
from server.kernel.i18n import _, loc

PLAIN = (3, 3)  # impact and urgency of an untouched form
SHORTEST = 4  # signs from which a text is worth a guess


@dataclass(frozen=True)
class Offer:
    """What one field probably is.

    Args:
        label: in the reader's language.
        percent: how sure that is.
        words: of the text, that speak for it.
        right: in percent, how many such guesses were right on past texts that were held out.
        texts: how many those were.
        take: the values of the form's fields if it is taken.
    """

    label: str
    percent: int
    words: tuple[str, ...]
    right: int
    texts: int
    take: Mapping[str, str]


def offered(session: Session, text: str, chosen: Mapping[str, str], actor: Actor) -> dict[str, Offer]:
    """The guesses worth offering, by category, group and priority; a field that is chosen has none.

    Args:
        session: the running transaction.
        text: what is typed so far.
        chosen: the form's values.
        actor: who types.
    """
    if len(text) < SHORTEST:
        return {}
    found: dict[str, Offer] = {}
    for one in guesses.guesses(session, text):
        shown = _shown(session, one, chosen, actor)
        if shown is not None:
            label, take = shown
            percent, right = (min(99, round(100 * share)) for share in (one.sure, one.right))
            found[one.field] = Offer(label, percent, one.words, right, one.texts, take)
    return found


def _shown(
    session: Session, one: Guessed, chosen: Mapping[str, str], actor: Actor
) -> tuple[str, Mapping[str, str]] | None:
    """How a guess is told and what taking it does; None where it is not offered."""
    if one.field == "priority":
        return _priority(one.value, chosen)
    if chosen.get(one.field):
        return None
    if one.field == "category" and one.value in words.CATEGORIES:
        return _(words.CATEGORIES[one.value]), {"category": one.value}
    if one.field == "group" and actor.may("incident.assign"):
        names = {group.code: group.name for group in accounts.groups(session)}
        if one.value in names:
            return loc(names[one.value]), {"group": one.value}
    return None


def _priority(value: str, chosen: Mapping[str, str]) -> tuple[str, Mapping[str, str]] | None:
    """Taken by the impact and urgency that make it and are nearest to an untouched form's."""
    now = (chosen.get("impact", str(PLAIN[0])), chosen.get("urgency", str(PLAIN[1])))
    makes = [pair for pair, priority in DEFAULT_MATRIX.items() if str(priority) == value]
    if now != tuple(map(str, PLAIN)) or not makes or PLAIN in makes:
        return None
    nearest = min(
        makes, key=lambda pair: (sum(abs(a - b) for a, b in zip(pair, PLAIN, strict=True)), -pair[0])
    )
    return f"P{value}", {"impact": str(nearest[0]), "urgency": str(nearest[1])}

"""Is this known already? Open incidents like what is typed: duplicates, and the outage behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session, load_only

from ml import marking
from ml.cluster import in_common
from ml.marking import Part
from ml.tokens import tokens
from server.cmdb import service as cmdb
from server.incidents import views
from server.incidents.models import OPEN_STATES, Incident
from server.kernel.call import Actor

LOOK_AT = 300  # the latest open incidents
OUTAGES = 30  # items whose effect is followed
LIKE = 0.34  # share of words in common from which two tickets are alike
SHOWN = 4
WORDS = 4
GRAVE = 2  # the lowest priority of what may be an outage, where no alert says so


@dataclass(frozen=True)
class Alike:
    """An open incident that looks like what is typed.

    Args:
        same_item: it is about the same configuration item.
        outage: the typed item fails because of what it is about.
        likeness: share of words in common, 0 to 1.
        words: what is typed that its title has too, as it is typed.
        parts: its title, what is typed too marked.
    """

    number: str
    title: str
    state: str
    priority: int
    same_item: bool
    outage: bool
    likeness: float
    opened_at: datetime
    words: tuple[str, ...]
    parts: Sequence[Part]


READ = (
    Incident.number,
    Incident.summary,
    Incident.summary_by_lang,
    Incident.state,
    Incident.priority,
    Incident.ci_id,
    Incident.alert_group_id,
    Incident.context,
    Incident.opened_at,
)


def alike(
    session: Session, text: str, ci_id: int | None, actor: Actor, *, limit: int = SHOWN, besides: str = ""
) -> list[Alike]:
    """Open incidents that this may be, of those the person may see; the likeliest first.

    Args:
        session: the running transaction.
        text: what is typed; the first line is its summary.
        ci_id: the item it is about, if it is known.
        actor: who types.
        limit: at most so many.
        besides: the number of the incident itself, once it has one.
    """
    wanted = views.visible_statement(actor).where(Incident.state.in_(OPEN_STATES), Incident.number != besides)
    latest = wanted.options(load_only(*READ)).order_by(Incident.id.desc()).limit(LOOK_AT)
    rows: Sequence[Incident] = session.scalars(latest).all()
    titles = [views.title(one) for one in rows]
    summary = text.partition("\n")[0]
    likeness = [
        max(pair)
        for pair in zip(
            in_common(summary, [one.summary for one in rows]), in_common(summary, titles), strict=True
        )
    ]
    behind = _behind(session, rows, ci_id)
    found = []
    for one, title, like in zip(rows, titles, likeness, strict=True):
        same = ci_id is not None and one.ci_id == ci_id
        if same or like >= LIKE or one.id in behind:
            found.append((like + same + (one.id in behind), round(like, 3), same, one, title))
    found.sort(key=lambda row: (-row[0], row[3].priority, row[3].number))
    return [
        _shown(one, title, summary, like=like, same=same, outage=one.id in behind)
        for _much, like, same, one, title in found[:limit]
    ]


def _shown(one: Incident, title: str, summary: str, *, like: float, same: bool, outage: bool) -> Alike:
    """With the words that both have; two tickets that are alike by their item may have none."""
    theirs = set(tokens(title)) | set(tokens(one.summary))
    both = [token for token in dict.fromkeys(tokens(summary)) if token in theirs]
    return Alike(
        one.number,
        title,
        one.state.value,
        one.priority,
        same,
        outage,
        like,
        one.opened_at,
        tuple(marking.words(summary, both, f"{title}\n{one.summary}", most=WORDS)),
        marking.parts(title, both, summary),
    )


def _behind(session: Session, rows: Sequence[Incident], ci_id: int | None) -> set[int]:
    """The incidents whose item, or probable cause, takes this item down.

    Alerts say that it is down, and so does a high priority; what else people report of an item seldom
    stops what hangs on it.
    """
    if ci_id is None:
        return set()
    found, asked = set(), dict[int, bool]()
    for one in rows:
        if one.alert_group_id is None and one.priority > GRAVE:
            continue
        roots = {one.ci_id, one.context.get("cause_ci")} - {None, ci_id}
        for root in sorted(int(root) for root in roots if root is not None):
            if root not in asked and len(asked) < OUTAGES:
                effect = cmdb.impact(session, root)
                asked[root] = ci_id in effect.stops or ci_id in effect.cut_off
            if asked.get(root):
                found.add(one.id)
    return found

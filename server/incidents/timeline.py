"""The timeline: sentences of the machine in the reader's language, and what people wrote."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from server.accounts import service as accounts
from server.incidents.models import Incident, IncidentEntry, Kind
from server.kernel.events import emit
from server.kernel.i18n import _, loc, ngettext

FOLD_WITHIN = timedelta(minutes=2)
FOLDED_KEPT = 50
LAST = "last entries"  # in the info of a session: by incident, or None


@dataclass(frozen=True)
class Entry:
    """An entry as the timeline shows it."""

    id: int
    at: datetime
    kind: str
    text: str
    by: str = ""
    note: str = ""
    internal: bool = False
    tone: str = ""
    evidence: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)


def tell(
    session: Session,
    incident: Incident,
    kind: Kind,
    msgid: str,
    *,
    now: datetime,
    by: int | None = None,
    text: str = "",
    internal: bool = False,
    payload: Mapping[str, Any] | None = None,
    **places: Any,
) -> IncidentEntry:
    """Add an entry.

    Args:
        session: the running transaction.
        incident: whose timeline.
        kind: decides the icon and the filter.
        msgid: a whole English sentence marked with N_, with named places; "" for a person's text.
        now: when.
        by: the person; None for the machine.
        text: what a person wrote.
        internal: not shown to the user.
        payload: evidence, `severity` for the tone, `n` of folded ones.
        places: values of the named places; localized ones as {"en": ..., "zh": ...}.
    """
    entry = IncidentEntry(
        incident_id=incident.id,
        at=now,
        kind=kind,
        by_id=by,
        msgid=msgid,
        places=places,
        text=text,
        internal=internal,
        payload=dict(payload or {}),
        updated_at=now,
    )
    session.add(entry)
    session.info.get(LAST, {})[incident.id] = entry
    touch(session, incident, now=now)
    return entry


_NEWEST = select(func.max(IncidentEntry.id)).where(IncidentEntry.incident_id == Incident.id)
NEWEST_ENTRIES = select(IncidentEntry).where(
    IncidentEntry.id.in_(
        select(_NEWEST.scalar_subquery()).where(Incident.id.in_(bindparam("ids", expanding=True)))
    )
)


@contextmanager
def last_known(session: Session, incidents: Collection[Incident]) -> Iterator[None]:
    """Within the block the last entries of the incidents, asked for at once, and of new ones are at hand.

    So much news of many incidents is folded without a question of each.
    """
    ids = [incident.id for incident in incidents]
    found = session.scalars(NEWEST_ENTRIES, {"ids": ids})
    session.info[LAST] = {**dict.fromkeys(ids), **{entry.incident_id: entry for entry in found}}
    try:
        yield
    finally:
        del session.info[LAST]


def tell_folded(
    session: Session,
    incident: Incident,
    kind: Kind,
    msgid: str,
    *,
    now: datetime,
    each: Sequence[Mapping[str, Any]],
) -> None:
    """As `tell` for each of the places, in one entry; an equal neighbour of the last minutes takes them in.

    Only within `last_known`. `n` of the payload counts them, `items` keeps the places of the last
    `FOLDED_KEPT`.
    """
    if not each:
        return
    last: IncidentEntry | None = session.info[LAST].get(incident.id)
    items = [dict(places) for places in each]
    if last is None or last.msgid != msgid or now - last.updated_at > FOLD_WITHIN:
        payload = {"n": len(items), "items": items[-FOLDED_KEPT:]}
        tell(session, incident, kind, msgid, now=now, payload=payload, **items[0])
        return
    kept = [*last.payload.get("items", []), *items][-FOLDED_KEPT:]
    last.payload = {**last.payload, "n": last.payload.get("n", 1) + len(items), "items": kept}
    last.updated_at = now
    touch(session, incident, now=now)


def touch(session: Session, incident: Incident, *, now: datetime) -> None:
    """Tell the browsers that look at the incident or the queue."""
    incident.updated_at = now
    told = session.info.setdefault("incidents_told", set())
    if incident.number not in told:
        told.add(incident.number)
        emit(session, f"incident:{incident.number}", {"number": incident.number})
        emit(session, "incidents", {"number": incident.number})


def entries(
    session: Session, incident: Incident, *, public_only: bool = False, limit: int = 200
) -> list[Entry]:
    """The timeline, newest first, in the reader's language."""
    query = select(IncidentEntry).where(IncidentEntry.incident_id == incident.id)
    if public_only:
        query = query.where(IncidentEntry.internal.is_(False))
    rows = session.scalars(query.order_by(IncidentEntry.id.desc()).limit(limit)).all()
    people = accounts.people_by_ids(session, {row.by_id for row in rows})
    names = {number: loc(person.name) for number, person in people.items()}
    return [shown(row, names.get(row.by_id or 0, "")) for row in rows]


def shown(row: IncidentEntry, by: str = "") -> Entry:
    """One entry in the reader's language."""
    text = sentence(row.msgid, row.places) if row.msgid else by
    if row.msgid and by:
        text = _("{name}: {text}").format(name=by, text=text)
    more = int(row.payload.get("n", 1)) - 1
    if more > 0:
        text = _("{text} · {more}").format(
            text=text, more=ngettext("{n} more like it", "{n} more like it", more).format(n=more)
        )
    return Entry(
        row.id,
        row.at,
        row.kind.value,
        text,
        by,
        row.text,
        row.internal,
        str(row.payload.get("severity", "")),
        str(row.payload.get("evidence", "")),
        row.payload,
    )


def sentence(msgid: str, places: Mapping[str, Any]) -> str:
    """A stored sentence with its places, in the reader's language."""
    said = {name: loc(value) if isinstance(value, dict) else value for name, value in places.items()}
    return _(msgid).format(**said)

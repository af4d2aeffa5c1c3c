"""Claims of sources become the values shown, and each change of what is shown a version."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from rules import identify, reconcile
from server.cmdb.classes import COLUMNS, Catalogue, catalogue
from server.cmdb.marks import touch_graph
from server.cmdb.models import NAME_LIMIT, Ci, CiClaim, CiKey, CiState, CiVersion, Presence, natural
from server.kernel.events import emit

# Attributes settled from claims that have a column under another name.
OTHER_COLUMNS = {
    "class": "class_code",
    "location": "location_id",
    "owner": "owner_id",
    "owner_group": "owner_group_id",
    "criticality": "criticality",
    "state": "state",
}
MAY_BE_NOBODY = frozenset({"location", "owner", "owner_group"})
KEY_ATTRIBUTES = ("serial", "vendor", "uuid", "macs", "fqdn", "address", "addresses", "name", "slot")
FIRST_NAMER = timedelta(days=1)  # so long the name one device of a source gave stands over another's
IN_GRAPH = frozenset({"presence", "name", "class", "location", "criticality", "state"})


@dataclass(frozen=True)
class Origin:
    """Where a change comes from: the source, the person, the ticket, and the proof."""

    source: str
    by: str | None = None
    ticket: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


def put(session: Session, ci: Ci, values: Mapping[str, Any], origin: Origin, *, at: datetime) -> None:
    """Write down what a source says of some attributes of a CI; None withdraws its word.

    Attributes it does not name keep their claim. Older news than what the source last said is
    left out, so that the order of arrival does not matter. Where a source meets an item as two devices, as an
    agent that asks it in two ways, the first that named it goes on to name it as long as it is met itself.
    The values shown follow with `settle`.
    """
    known = {
        claim.attribute: claim
        for claim in session.scalars(
            select(CiClaim).where(CiClaim.ci_id == ci.id, CiClaim.source == origin.source)
        )
    }
    confirmed = []
    for attribute, value in sorted(values.items()):
        claim = known.get(attribute)
        if claim is None:
            if value is not None:
                _begin(session, ci, attribute, value, origin, at=at)
        elif at < claim.seen_at or _anothers(claim, value, origin, at):
            continue
        elif value is None:
            session.delete(claim)
        elif not reconcile.same(claim.value, value):
            _renew(claim, value, origin, at=at)
        elif at > claim.seen_at:
            confirmed.append(claim)
    session.flush()
    if confirmed:
        table = CiClaim.__table__
        ids = [claim.id for claim in confirmed]
        session.execute(update(table).where(table.c.id.in_(ids)).values(seen_at=at))  # type: ignore[arg-type]
        for claim in confirmed:
            session.expire(claim, ["seen_at"])


def _anothers(claim: CiClaim, value: Any, origin: Origin, at: datetime) -> bool:
    """Whether another device of the source calls it something else, not long ago."""
    told, tells = claim.evidence.get("device"), origin.evidence.get("device")
    if claim.attribute != "name" or not told or not tells or told == tells:
        return False
    return not reconcile.same(claim.value, value) and at - claim.seen_at < FIRST_NAMER


def _renew(claim: CiClaim, value: Any, origin: Origin, *, at: datetime) -> None:
    """A source has changed its mind; a claim that was reverted is a new one now."""
    claim.value = value
    claim.since_at = claim.seen_at = at
    claim.evidence, claim.by = dict(origin.evidence), origin.by
    claim.reverted_at = claim.reverted_by = None


def _begin(session: Session, ci: Ci, attribute: str, value: Any, origin: Origin, *, at: datetime) -> None:
    session.add(
        CiClaim(
            ci_id=ci.id,
            attribute=attribute,
            source=origin.source,
            value=value,
            since_at=at,
            seen_at=at,
            evidence=dict(origin.evidence),
            by=origin.by,
        )
    )


def claims_of(session: Session, ci_id: int) -> dict[str, list[CiClaim]]:
    """All claims of a CI by attribute."""
    found: dict[str, list[CiClaim]] = {}
    query = select(CiClaim).where(CiClaim.ci_id == ci_id).order_by(CiClaim.attribute, CiClaim.source)
    for claim in session.scalars(query):
        found.setdefault(claim.attribute, []).append(claim)
    return found


def judged(
    claims: Iterable[CiClaim], attribute: str, *, now: datetime, classes: Catalogue | None = None
) -> reconcile.Settled:
    """What is shown of one attribute and why, by the ranking of the catalogue."""
    return reconcile.settle(
        (
            reconcile.Claim(one.source, one.value, one.since_at, one.seen_at, one.reverted_at is not None)
            for one in claims
        ),
        (classes or catalogue()).ranking(attribute),
        now=now,
    )


def settle(
    session: Session,
    ci: Ci,
    origin: Origin,
    *,
    valid_at: datetime,
    now: datetime,
    met_at: datetime | None = None,
) -> CiVersion | None:
    """Bring the values shown in line with the claims.

    `met_at`: an agent met the device then, so it is active.

    Returns:
        The version that this made, or None where nothing shown has changed.
    """
    by_attribute = claims_of(session, ci.id)
    before = shown(ci)
    conflicts = 0
    for attribute in sorted({*by_attribute, *before}):
        settled = judged(by_attribute.get(attribute, ()), attribute, now=now)
        conflicts += settled.conflict
        if settled.shown is not None:
            _show(ci, attribute, settled.shown.value)
        elif attribute in ci.attributes or attribute in COLUMNS or attribute in MAY_BE_NOBODY:
            _show(ci, attribute, None)
    ci.conflicts = conflicts
    if met_at is not None:
        ci.presence = Presence.ACTIVE
    _keep_keys(session, ci, by_attribute)
    version = record(session, ci, before, origin, valid_at=valid_at, now=now)
    if met_at is not None and (ci.seen_at is None or met_at > ci.seen_at):
        session.flush()
        table = Ci.__table__
        session.execute(update(table).where(table.c.id == ci.id).values(seen_at=met_at))  # type: ignore[arg-type]
        session.expire(ci, ["seen_at"])
    return version


def shown(ci: Ci) -> dict[str, Any]:
    """All that is shown of a CI, by attribute; places and people by id."""
    values: dict[str, Any] = {name: getattr(ci, name) for name in COLUMNS}
    values |= {name: getattr(ci, column) for name, column in OTHER_COLUMNS.items()}
    values |= {"presence": ci.presence, **ci.attributes}
    values["state"], values["presence"] = str(ci.state.value), str(ci.presence.value)
    return {name: value for name, value in values.items() if value is not None and value != ""}


def record(
    session: Session, ci: Ci, before: Mapping[str, Any], origin: Origin, *, valid_at: datetime, now: datetime
) -> CiVersion | None:
    """Append a version if what is shown differs from `before`; tells browsers and the graph."""
    after = shown(ci)
    changes = {
        name: [before.get(name), after.get(name)]
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    }
    if not changes and ci.revision:
        return None
    ci.revision += 1
    ci.updated_at = now
    ci.sort_name = natural(ci.name)
    ci.search_text = search_text(ci)
    version = CiVersion(
        ci_id=ci.id,
        revision=ci.revision,
        valid_at=min(valid_at, now),
        recorded_at=now,
        source=origin.source,
        by=origin.by,
        ticket=origin.ticket,
        changes=changes,
        snapshot=after,
    )
    session.add(version)
    session.flush()
    if IN_GRAPH & changes.keys():
        touch_graph(session)
    emit(session, f"ci:{ci.number}", {"number": ci.number, "revision": ci.revision})
    return version


def search_text(ci: Ci) -> str:
    """What the list searches in, case folded."""
    parts = (
        ci.number,
        ci.name,
        ci.vendor,
        ci.model,
        ci.serial,
        ci.address,
        ci.attributes.get("asset_number"),
    )
    return " ".join(str(part) for part in parts if part).casefold()


def _show(ci: Ci, attribute: str, value: Any) -> None:
    if attribute in COLUMNS:
        text = None if value is None else str(value)[:NAME_LIMIT]
        if attribute != "name" or text:
            setattr(ci, attribute, text)
    elif attribute in OTHER_COLUMNS:
        setattr(ci, OTHER_COLUMNS[attribute], CiState(value) if attribute == "state" else value)
    elif ci.attributes.get(attribute) != value:
        kept = {name: one for name, one in ci.attributes.items() if name != attribute}
        ci.attributes = kept if value is None else kept | {attribute: value}


def _keep_keys(session: Session, ci: Ci, by_attribute: Mapping[str, list[CiClaim]]) -> None:
    """Let the keys follow the claims, so that an address given up identifies nobody any more."""
    values = key_values(
        {
            name: [claim.value for claim in by_attribute.get(name, ()) if claim.reverted_at is None]
            for name in KEY_ATTRIBUTES
        }
    )
    if ci.parent_id is not None:
        values["slot"] = [f"{ci.parent_id}:{one}" for one in values.get("slot", [])]
    wanted = {
        key
        for _kind, keys, _why in identify.keys_of(values, catalogue().of(ci.class_code).identify)
        for key in keys
    }
    wanted |= {identify.Key(part, one) for part, held in identify.proof_of(values).items() for one in held}
    rows = session.execute(
        select(CiKey.id, CiKey.kind, CiKey.value).where(CiKey.ci_id == ci.id, CiKey.kind != "source_key")
    ).all()
    gone = [row.id for row in rows if identify.Key(row.kind, row.value) not in wanted]
    new = wanted - {identify.Key(row.kind, row.value) for row in rows}
    if gone:
        session.execute(delete(CiKey).where(CiKey.id.in_(gone)))
    if new:
        session.execute(
            insert(CiKey),
            [{"ci_id": ci.id, "kind": key.kind, "value": key.value[:400]} for key in sorted(new)],
        )


def key_values(values: Mapping[str, Iterable[Any]]) -> dict[str, list[str]]:
    """Texts per part of a key out of claimed values, lists opened."""
    flat: dict[str, list[str]] = {}
    for name, several in values.items():
        part = "address" if name == "addresses" else name
        for value in several:
            flat.setdefault(part, []).extend(
                str(one) for one in (value if isinstance(value, list) else [value])
            )
    return flat

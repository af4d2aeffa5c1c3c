"""Configuration items over the REST API."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.cmdb import history, places, providers, service
from server.cmdb.apimodels import (
    AtQuery,
    CiChange,
    CiIn,
    CiOut,
    CiQuery,
    ClaimOut,
    SnapshotOut,
    VersionOut,
)
from server.cmdb.claims import claims_of, judged
from server.cmdb.classes import catalogue
from server.cmdb.models import Ci, Location
from server.kernel.api import Api, Page
from server.kernel.call import Call
from server.kernel.errors import InvalidError
from server.kernel.i18n import N_

api = Api("cmdb")


@api.get(
    "/cis", permission="ci.read", query=CiQuery, answer=Page[CiOut], summary=N_("List configuration items")
)
async def list_cis(call: Call, query: CiQuery) -> Page[CiOut]:
    """Items by name order."""
    return await call.db.read(_list, query)


@api.post(
    "/cis",
    permission="ci.edit",
    body=CiIn,
    answer=CiOut,
    status=201,
    summary=N_("Enter a configuration item"),
)
async def create_ci(call: Call, body: CiIn) -> CiOut:
    """Enter an item by hand."""

    def work(session: Session) -> CiOut:
        return _out(
            session,
            [service.create(session, body.ci_class, body.values, by=call.actor.username, now=call.now)],
        )[0]

    return await call.db.run(work)


@api.get("/cis/{number}", permission="ci.read", answer=CiOut, summary=N_("Read a configuration item"))
async def read_ci(call: Call, number: str) -> CiOut:
    """One item."""
    return await call.db.read(lambda session: _out(session, [service.ci(session, number)])[0])


@api.patch(
    "/cis/{number}",
    permission="ci.edit",
    body=CiChange,
    answer=CiOut,
    summary=N_("Change a configuration item"),
)
async def change_ci(call: Call, number: str, body: CiChange) -> CiOut:
    """Enter new values."""

    def work(session: Session) -> CiOut:
        ci = service.ci(session, number)
        service.edit(
            session,
            ci,
            body.values,
            by=call.actor.username,
            now=call.now,
            revision=body.revision,
            ticket=body.ticket,
        )
        return _out(session, [ci])[0]

    return await call.db.run(work)


@api.get(
    "/cis/{number}/claims", permission="ci.read", answer=list[ClaimOut], summary=N_("What each source says")
)
async def read_claims(call: Call, number: str) -> list[ClaimOut]:
    """All claims with the reason why each is shown or not."""
    return await call.db.read(_claims, number, now=call.now)


@api.get(
    "/cis/{number}/versions",
    permission="ci.read",
    answer=list[VersionOut],
    summary=N_("The versions of an item"),
)
async def read_versions(call: Call, number: str) -> list[VersionOut]:
    """The newest 200 versions, newest first."""

    def work(session: Session) -> list[VersionOut]:
        found = history.versions(session, service.ci(session, number).id, limit=200)
        return [VersionOut.model_validate(one) for one in found]

    return await call.db.read(work)


@api.get(
    "/cis/{number}/history",
    permission="ci.read",
    query=AtQuery,
    answer=SnapshotOut | None,
    summary=N_("An item at a past moment"),
)
async def read_past(call: Call, number: str, query: AtQuery) -> SnapshotOut | None:
    """What was true then, by what was known at `known_at`; null where it was not known."""

    def work(session: Session) -> SnapshotOut | None:
        found = history.as_of(session, service.ci(session, number).id, query.at, known_at=query.known_at)
        if found is None:
            return None
        return SnapshotOut(
            revision=found.revision,
            valid_at=found.valid_at,
            recorded_at=found.recorded_at,
            values=found.snapshot,
        )

    return await call.db.read(work)


def _list(session: Session, query: CiQuery) -> Page[CiOut]:
    statement = select(Ci)
    if query.q:
        pattern = query.q.casefold().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        statement = statement.where(Ci.search_text.like(f"%{pattern}%", escape="\\"))
    if query.ci_class:
        if query.ci_class not in catalogue().classes:
            raise InvalidError(N_("There is no class {code}."), field="/class", code=query.ci_class)
        statement = statement.where(Ci.class_code.in_(catalogue().below(query.ci_class)))
    if query.location:
        inside = places.below(session, places.location(session, query.location).id)
        statement = statement.where(Ci.location_id.in_(inside))
    total = session.scalar(select(func.count()).select_from(statement.subquery())) or 0
    found = session.scalars(
        statement.order_by(Ci.sort_name, Ci.id).limit(query.limit).offset(query.offset)
    ).all()
    return Page[CiOut](items=_out(session, found), total=total, limit=query.limit, offset=query.offset)


def _out(session: Session, items: Any) -> list[CiOut]:
    health = providers.health(session, items)
    ids = {one.location_id for one in items if one.location_id}
    rows = session.execute(select(Location.id, Location.code).where(Location.id.in_(ids))) if ids else ()
    codes = {row[0]: row[1] for row in rows}
    same_names = (
        "number",
        "name",
        "criticality",
        "vendor",
        "model",
        "serial",
        "version",
        "address",
        "attributes",
    )
    more = ("conflicts", "revision", "seen_at", "created_at", "updated_at", "owner_group_id", "owner_id")
    return [
        CiOut.model_validate(
            {
                **{name: getattr(one, name) for name in (*same_names, *more)},
                "class": one.class_code,
                "state": one.state.value,
                "presence": one.presence.value,
                "health": health[one.id],
                "location": codes.get(one.location_id),
            }
        )
        for one in items
    ]


def _claims(session: Session, number: str, *, now: datetime) -> list[ClaimOut]:
    ci = service.ci(session, number)
    return [
        ClaimOut(
            attribute=attribute,
            source=one.claim.source,
            value=one.claim.value,
            since_at=one.claim.since_at,
            seen_at=one.claim.seen_at,
            reverted=one.claim.reverted,
            shown=one.reason == "shown",
            reason=one.reason,
        )
        for attribute, own in claims_of(session, ci.id).items()
        for one in judged(own, attribute, now=now).verdicts
    ]

"""The CMDB over the REST API."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rules.wire import Observation, ObservedRelation
from server.cmdb import history, links, places, providers, service, words
from server.cmdb.apimodels import (
    AtQuery,
    CiChange,
    CiIn,
    CiOut,
    CiQuery,
    ClaimOut,
    DecisionOut,
    ImportIn,
    ImportOut,
    ObservationIn,
    PlaceIn,
    PlaceOut,
    RelationIn,
    RelationOut,
    RowErrorOut,
    SnapshotOut,
    StepOut,
    VersionOut,
)
from server.cmdb.claims import claims_of, judged
from server.cmdb.classes import catalogue
from server.cmdb.importing import import_rows
from server.cmdb.models import Ci, Location, Relation
from server.kernel.api import Api, Page
from server.kernel.call import Call
from server.kernel.errors import InvalidError
from server.kernel.i18n import N_, _

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


@api.get(
    "/cis/{number}/relations",
    permission="ci.read",
    answer=list[RelationOut],
    summary=N_("The relations of an item"),
)
async def read_relations(call: Call, number: str) -> list[RelationOut]:
    """Living relations in both directions."""

    def work(session: Session) -> list[RelationOut]:
        near = links.neighbours(session, service.ci(session, number).id)
        return [
            _relation(one.relation, *((number, one.number) if one.forward else (one.number, number)))
            for one in near
        ]

    return await call.db.read(work)


@api.post(
    "/relations",
    permission="ci.edit",
    body=RelationIn,
    answer=RelationOut,
    status=201,
    summary=N_("Relate two items"),
)
async def create_relation(call: Call, body: RelationIn) -> RelationOut:
    """Enter a relation."""

    def work(session: Session) -> RelationOut:
        ends = [service.ci(session, one) for one in (body.from_, body.to)]
        relation = links.relate(
            session,
            body.kind,
            ends[0].id,
            ends[1].id,
            now=call.now,
            slot=body.slot,
            attributes=body.attributes,
        )
        return _relation(relation, ends[0].number, ends[1].number)

    return await call.db.run(work)


@api.delete(
    "/relations/{relation}", permission="ci.edit", answer=None, status=204, summary=N_("End a relation")
)
async def end_relation(call: Call, relation: int) -> None:
    """It stays in the history."""
    await call.db.run(links.end, relation, now=call.now)


@api.get("/locations", permission="ci.read", answer=list[PlaceOut], summary=N_("List places"))
async def list_places(call: Call) -> list[PlaceOut]:
    """All places, by code."""

    def work(session: Session) -> list[PlaceOut]:
        found = places.all_places(session)
        codes = {one.id: one.code for one in found}
        return [_place(one, codes.get(one.parent_id or 0)) for one in found]

    return await call.db.read(work)


@api.put(
    "/locations/{code}",
    permission="ci.edit",
    body=PlaceIn,
    answer=PlaceOut,
    summary=N_("Create or change a place"),
)
async def save_place(call: Call, code: str, body: PlaceIn) -> PlaceOut:
    """A place by its code."""

    def work(session: Session) -> PlaceOut:
        saved = places.save(session, code, name=body.name, kind=body.kind, parent=body.parent, plan=body.plan)
        return _place(saved, body.parent)

    return await call.db.run(work)


@api.post(
    "/observations/dry-run",
    permission="ci.read",
    body=ObservationIn,
    answer=DecisionOut,
    summary=N_("See what an observation would do"),
)
async def dry_run(call: Call, body: ObservationIn) -> DecisionOut:
    """The decision with its whole path; nothing is written."""
    observation = Observation(
        device=body.device or "dry-run",
        at=body.at.timestamp(),
        ci_class=body.ci_class,
        name=body.name,
        keys=body.keys,
        attributes=body.attributes,
        relations=[ObservedRelation(one.kind, one.keys, one.attributes) for one in body.relations],
    )

    def work(session: Session) -> DecisionOut:
        decision = service.dry_run(session, observation, body.source)
        mentioned = {
            *decision.candidates,
            *decision.doubts,
            *(one for step in decision.path for one in step.cis),
        }
        known = service.cis(session, mentioned | ({decision.ci} if decision.ci else set()))
        number = {key: one.number for key, one in known.items()}
        return DecisionOut(
            outcome=decision.outcome.value,
            ci=number.get(decision.ci or 0),
            candidates=[number[one] for one in decision.candidates if one in number],
            doubts=[number[one] for one in decision.doubts if one in number],
            path=[
                StepOut(
                    kind=step.kind,
                    verdict=step.verdict,
                    words=_(words.STEPS[step.verdict]),
                    values=list(step.values),
                    cis=[number[one] for one in step.cis if one in number],
                )
                for step in decision.path
            ],
        )

    return await call.db.read(work)


@api.post(
    "/cis/import",
    permission="ci.import",
    body=ImportIn,
    answer=ImportOut,
    summary=N_("Import places, items and relations"),
    body_limit=8 * 1024 * 1024,
)
async def import_cis(call: Call, body: ImportIn) -> ImportOut:
    """Take in what is good and name each bad row; `dry_run` shows what would happen."""

    def work(session: Session) -> ImportOut:
        done = import_rows(
            session,
            {"locations": body.locations, "devices": body.devices, "relations": body.relations},
            by=call.actor.username,
            now=call.now,
            source="import:api",
            dry_run=body.dry_run,
        )
        return ImportOut(
            created=done.created,
            updated=done.updated,
            unchanged=done.unchanged,
            relations=done.relations,
            places=done.places,
            errors=[
                RowErrorOut(
                    part=one.part, row=one.row, field=one.pointer, message=_(one.message).format(**one.places)
                )
                for one in done.errors
            ],
        )

    return await call.db.run(work)


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


def _relation(relation: Relation, from_: str, to: str) -> RelationOut:
    return RelationOut.model_validate(
        {
            "id": relation.id,
            "kind": relation.kind,
            "from": from_,
            "to": to,
            "source": relation.source,
            "confidence": relation.confidence,
            "attributes": relation.attributes,
            "since_at": relation.since_at,
            "ended_at": relation.ended_at,
        }
    )


def _place(place: Location, parent: str | None) -> PlaceOut:
    return PlaceOut(code=place.code, name=place.name, kind=place.kind.value, parent=parent, plan=place.plan)

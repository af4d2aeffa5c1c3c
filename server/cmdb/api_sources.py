"""What comes into the CMDB from outside, over the REST API: observations tried out, rows imported."""

from sqlalchemy.orm import Session

from rules.wire import Observation, ObservedRelation
from server.cmdb import service, words
from server.cmdb.apimodels import (
    DecisionOut,
    ImportIn,
    ImportOut,
    ObservationIn,
    RowErrorOut,
    StepOut,
)
from server.cmdb.importing import import_rows
from server.kernel.api import Api
from server.kernel.call import Call
from server.kernel.i18n import N_, _

sources_api = Api("cmdb")


@sources_api.post(
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


@sources_api.post(
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

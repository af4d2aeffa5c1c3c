"""Relations between configuration items over the REST API."""

from sqlalchemy.orm import Session

from server.cmdb import links, service
from server.cmdb.apimodels import (
    RelationIn,
    RelationOut,
)
from server.cmdb.models import Relation
from server.kernel.api import Api
from server.kernel.call import Call
from server.kernel.i18n import N_

relations_api = Api("cmdb")


@relations_api.get(
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


@relations_api.post(
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


@relations_api.delete(
    "/relations/{relation}", permission="ci.edit", answer=None, status=204, summary=N_("End a relation")
)
async def end_relation(call: Call, relation: int) -> None:
    """It stays in the history."""
    await call.db.run(links.end, relation, now=call.now)


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

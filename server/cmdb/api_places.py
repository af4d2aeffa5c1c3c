"""Places over the REST API."""

from sqlalchemy.orm import Session

from server.cmdb import places
from server.cmdb.apimodels import (
    PlaceIn,
    PlaceOut,
)
from server.cmdb.models import Location
from server.kernel.api import Api
from server.kernel.call import Call
from server.kernel.i18n import N_

places_api = Api("cmdb")


@places_api.get("/locations", permission="ci.read", answer=list[PlaceOut], summary=N_("List places"))
async def list_places(call: Call) -> list[PlaceOut]:
    """All places, by code."""

    def work(session: Session) -> list[PlaceOut]:
        found = places.all_places(session)
        codes = {one.id: one.code for one in found}
        return [_place(one, codes.get(one.parent_id or 0)) for one in found]

    return await call.db.read(work)


@places_api.put(
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


def _place(place: Location, parent: str | None) -> PlaceOut:
    return PlaceOut(code=place.code, name=place.name, kind=place.kind.value, parent=parent, plan=place.plan)

"""What people do to a CI by hand: enter, correct, retire, take a source's word out of the race."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.cmdb import claims, observing
from server.cmdb.classes import catalogue
from server.cmdb.models import Ci, CiClaim, CiState, CiVersion, Location
from server.kernel.errors import ConflictError, InvalidError, NotFoundError
from server.kernel.i18n import N_

ENTERED = "entered"
CRITICALITIES = range(1, 5)


def create(
    session: Session,
    class_code: str,
    values: Mapping[str, Any],
    *,
    by: str,
    now: datetime,
    source: str = ENTERED,
) -> Ci:
    """Enter a CI by hand. `values` are attributes by name; `name` is needed.

    Raises:
        ConflictError: a CI with the same serial, address or other key exists already.
    """
    if not catalogue().knows(class_code):
        raise InvalidError(N_("There is no class {code}."), field="/class", code=class_code)
    good = checked(session, values)
    if not good.get("name"):
        raise InvalidError(N_("Give it a name; without one it cannot be found."), field="/name")
    known = observing.decide(session, class_code, good)
    others = [one for one in (known.ci, *known.candidates) if one is not None]
    if others:
        number = session.scalar(select(Ci.number).where(Ci.id == others[0]))
        raise ConflictError(
            N_("{number} has the same name, serial number or address already."), number=number
        )
    ci = observing.new_ci(session, class_code, str(good["name"]), now=now)
    origin = claims.Origin(source, by=by)
    claims.put(session, ci, {**good, "class": class_code}, origin, at=now)
    claims.settle(session, ci, origin, valid_at=now, now=now)
    return ci


def edit(
    session: Session,
    ci: Ci,
    values: Mapping[str, Any],
    *,
    by: str,
    now: datetime,
    revision: int | None = None,
    ticket: str | None = None,
    source: str = ENTERED,
) -> CiVersion | None:
    """Enter new values. Where a better source says otherwise the value is kept as a claim only.

    Args:
        values: attributes by name; None withdraws what was entered.
        revision: the version the person had in view; a newer one makes a ConflictError.
    """
    if revision is not None and revision != ci.revision:
        raise ConflictError(
            N_("{number} was changed meanwhile and is at version {revision} now."),
            number=ci.number,
            revision=ci.revision,
        )
    good = checked(session, values)
    if "name" in good and not good["name"]:
        raise InvalidError(N_("Give it a name; without one it cannot be found."), field="/name")
    origin = claims.Origin(source, by=by, ticket=ticket)
    claims.put(session, ci, good, origin, at=now)
    return claims.settle(session, ci, origin, valid_at=now, now=now)


def checked(session: Session, values: Mapping[str, Any]) -> dict[str, Any]:
    """All values in their types; the first that does not fit is named."""
    classes = catalogue()
    good: dict[str, Any] = {}
    for name, value in values.items():
        if name not in classes.attributes or name == "presence":
            raise InvalidError(N_("There is no attribute {name}."), field=f"/{name}", name=name)
        if name in {"location", "owner", "owner_group"}:
            good[name] = _reference(session, name, value)
        elif name == "criticality":
            if value is not None and value not in CRITICALITIES:
                raise InvalidError(N_("Criticality is 1 (critical) to 4 (low)."), field="/criticality")
            good[name] = value
        elif name == "state":
            if value not in {one.value for one in CiState}:
                raise InvalidError(N_("There is no such state of life."), field="/state")
            good[name] = value
        elif name == "class":
            if not classes.knows(str(value)):
                raise InvalidError(N_("There is no class {code}."), field="/class", code=value)
            good[name] = value
        else:
            good[name] = classes.checked(name, value)
    return good


def revert(
    session: Session, ci: Ci, source: str, attribute: str, *, by: str, now: datetime, back: bool = False
) -> CiVersion | None:
    """Take a source's present value of an attribute out of the race, or put it back.

    It stays out while the source repeats that value; a new value is a new claim.
    """
    claim = session.scalar(
        select(CiClaim).where(
            CiClaim.ci_id == ci.id, CiClaim.source == source, CiClaim.attribute == attribute
        )
    )
    if claim is None:
        raise NotFoundError(N_("{source} says nothing of this attribute."), source=source)
    claim.reverted_at, claim.reverted_by = (None, None) if back else (now, by)
    session.flush()
    return claims.settle(session, ci, claims.Origin(source, by=by), valid_at=now, now=now)


def _reference(session: Session, name: str, value: Any) -> int | None:
    if value is None or value == "":
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
        raise InvalidError(N_("{name} is chosen from the list."), field=f"/{name}", name=name)
    if name == "location" and session.get(Location, value) is None:
        raise InvalidError(N_("There is no such place."), field="/location")
    return value

"""Taking in lists of places, items and relations, from JSON or CSV, with a dry run and errors per row."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.identify import Outcome
from server.accounts.models import Group
from server.cmdb import claims, editing, links, observing, places
from server.cmdb.classes import UNKNOWN_CLASS, catalogue
from server.cmdb.models import Ci
from server.kernel.errors import ConflictError, DeskError, InvalidError, NotFoundError, TooLargeError
from server.kernel.i18n import N_

MOST_ROWS = 20_000
ERRORS_KEPT = 500


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class PlaceRow(_Row):
    """A place: site, building, floor, room, row, rack or zone."""

    code: str = Field(min_length=1, max_length=60)
    kind: str
    name: dict[str, str] | str
    parent: str | None = None
    plan: dict[str, Any] | None = None


class DeviceRow(_Row):
    """An item. `attributes` takes any attribute of the catalogue."""

    name: str = Field(min_length=1, max_length=200)
    code: str | None = None  # under which relations of the same import speak of it
    ci_class: str = Field(UNKNOWN_CLASS, validation_alias=AliasChoices("class", "ci_class", "ci-class"))
    title: dict[str, str] | str | None = None
    vendor: str | None = None
    model: str | None = None
    serial: str | None = None
    version: str | None = None
    address: str | None = None
    fqdn: str | None = None
    macs: list[str] = Field(default_factory=list)
    location: str | None = None
    owner_group: str | None = Field(None, validation_alias=AliasChoices("owner_group", "owner-group"))
    criticality: int | None = None
    state: str | None = None
    attributes: dict[str, Any] = Field(default_factory=dict)


class RelationRow(_Row):
    """`from` depends on `to`; both by name or number."""

    kind: str
    from_: str = Field(validation_alias=AliasChoices("from", "from_"))
    to: str
    slot: str = ""
    attributes: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class RowError:
    """Why a row was not taken: the list, its place in it (from 1), a sentence and the field."""

    part: str
    row: int
    message: str
    pointer: str = ""
    places: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class ImportResult:
    """What an import did, or would do."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    relations: int = 0
    places: int = 0
    errors: list[RowError] = field(default_factory=list)
    numbers: dict[str, str] = field(default_factory=dict)  # of the items, by name


def import_rows(
    session: Session,
    rows: Mapping[str, Iterable[Mapping[str, Any]]],
    *,
    by: str,
    now: datetime,
    source: str = "entered",
    groups: Mapping[str, int] | None = None,
    dry_run: bool = False,
) -> ImportResult:
    """Take in `locations`, `devices` and `relations`; a bad row is left out and named.

    Items are recognised as observations are; the same rows twice change nothing.

    Args:
        rows: lists by name; each row a mapping as `PlaceRow`, `DeviceRow`, `RelationRow`.
        source: whose claims they become.
        groups: ids of support groups by code, for `owner_group`; by default all there are.
        dry_run: do it all and take it back, to see what would happen.
    """
    if "passive" in rows or "services" in rows:
        rows = from_description(rows)
    if groups is None:
        groups = {row.code: row.id for row in session.execute(select(Group.code, Group.id))}
    lists = {part: list(rows.get(part, ())) for part in ("locations", "devices", "relations")}
    total = sum(map(len, lists.values()))
    if total > MOST_ROWS:
        raise TooLargeError(N_("At most {limit} rows at once; there are {n}."), limit=MOST_ROWS, n=total)
    done = ImportResult()
    origin = claims.Origin(source, by=by)
    with session.begin_nested() as whole:

        def place(row: Mapping[str, Any]) -> None:
            form = PlaceRow.model_validate(row)
            name = {"en": form.name} if isinstance(form.name, str) else form.name
            places.save(session, form.code, name=name, kind=form.kind, parent=form.parent, plan=form.plan)
            done.places += 1

        def device(row: Mapping[str, Any]) -> None:
            _device(session, DeviceRow.model_validate(row), origin, groups, done, now=now)

        def relation(row: Mapping[str, Any]) -> None:
            _relation(session, RelationRow.model_validate(row), origin, done, now=now)

        for part, take in (("locations", place), ("devices", device), ("relations", relation)):
            _each(session, part, lists[part], take, done)
        if dry_run:
            whole.rollback()
    return done


def from_description(told: Mapping[str, Iterable[Mapping[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Rows out of a described room: its devices, what is passive in it, its services.

    What says how a device is polled (port, transport, credential, profile) is left to its target.
    """
    devices = []
    for one in told.get("devices", ()):
        kept = ("name", "class", "title", "vendor", "model", "serial", "version", "address", "location")
        row = {name: one[name] for name in (*kept, "criticality", "owner_group") if one.get(name) is not None}
        row["macs"] = [one["mac"]] if one.get("mac") else []
        feeds = one.get("feeds") or []
        zone = one.get("cooling_zone")
        extra = {
            "rack_unit": one.get("unit") or None,
            "height_units": one.get("height") if one.get("unit") else None,
            "cooling_zone": str(zone) if zone else None,
            "feed": feeds[0]
            if len(feeds) == 1 and one.get("class") in {"ups", "pdu", "power_panel"}
            else None,
        }
        row["attributes"] = {name: value for name, value in extra.items() if value is not None}
        devices.append(row)
    devices += [dict(one) for one in told.get("passive", ())]
    for one in told.get("services", ()):
        name = one["name"]
        row = {key: one[key] for key in ("code", "class", "criticality", "owner_group") if key in one}
        row |= {
            "name": name.get("en") or name.get("zh"),
            "title": name,
            "attributes": {"users": one.get("users")},
        }
        devices.append(row)
    return {
        "locations": [dict(one) for one in told.get("locations", ())],
        "devices": devices,
        "relations": [dict(one) for one in told.get("relations", ())],
    }


def from_csv(text: str) -> dict[str, list[dict[str, Any]]]:
    """Devices out of a CSV file with a header; columns that are no field of a row are attributes."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    known = {"name", "class", "ci_class", "vendor", "model", "serial", "version", "address", "fqdn"}
    known |= {"location", "owner_group", "criticality", "state"}
    devices = []
    for row in reader:
        if None in row:
            raise InvalidError(N_("Line {n} has more fields than the header."), n=reader.line_num)
        filled = {name.strip(): value.strip() for name, value in row.items() if value and value.strip()}
        device: dict[str, Any] = {name: value for name, value in filled.items() if name in known}
        if "macs" in filled:
            device["macs"] = filled["macs"].replace(",", " ").split()
        device["attributes"] = {
            name: value for name, value in filled.items() if name not in known and name != "macs"
        }
        devices.append(device)
    return {"devices": devices}


def _each(
    session: Session,
    part: str,
    rows: list[Mapping[str, Any]],
    take: Callable[[Mapping[str, Any]], None],
    done: ImportResult,
) -> None:
    for number, row in enumerate(rows, 1):
        try:
            with session.begin_nested():
                take(row)
        except ValidationError as error:
            first = error.errors()[0]
            place = "/".join(str(step) for step in first["loc"])
            done.errors.append(RowError(part, number, first["msg"], f"/{place}"))
        except DeskError as error:
            done.errors.append(RowError(part, number, error.msgid, error.field or "", error.places))
        if len(done.errors) >= ERRORS_KEPT:
            return


def _device(
    session: Session,
    row: DeviceRow,
    origin: claims.Origin,
    groups: Mapping[str, int],
    done: ImportResult,
    *,
    now: datetime,
) -> None:
    code = catalogue().code_of(row.ci_class)
    values = editing.checked(session, {**row.attributes, **_columns(session, row, groups)})
    values = {name: value for name, value in values.items() if value not in (None, "", [])}
    values["class"] = code
    decision = observing.decide(session, code, values)
    if decision.outcome is Outcome.TASK:
        raise ConflictError(
            N_("{name} fits {n} configuration items; give a serial number."),
            field="/name",
            name=row.name,
            n=len(decision.candidates),
        )
    if decision.ci is None:
        ci = observing.new_ci(session, code, row.name, now=now)
        done.created += 1
    else:
        ci = session.get_one(Ci, decision.ci)
    claims.put(session, ci, values, origin, at=now)
    version = claims.settle(session, ci, origin, valid_at=now, now=now)
    if decision.ci is not None:
        done.updated += version is not None
        done.unchanged += version is None
    done.numbers[row.name] = ci.number
    if row.code:
        done.numbers[row.code] = ci.number


def _columns(session: Session, row: DeviceRow, groups: Mapping[str, int]) -> dict[str, Any]:
    values: dict[str, Any] = {
        name: getattr(row, name)
        for name in (
            "name",
            "title",
            "vendor",
            "model",
            "serial",
            "version",
            "address",
            "fqdn",
            "criticality",
            "state",
        )
    }
    values["macs"] = row.macs or None
    if row.location:
        values["location"] = places.location(session, row.location).id
    if row.owner_group:
        if row.owner_group not in groups:
            raise NotFoundError(N_("There is no group {code}."), field="/owner_group", code=row.owner_group)
        values["owner_group"] = groups[row.owner_group]
    return {name: value for name, value in values.items() if value is not None}


def _relation(
    session: Session, row: RelationRow, origin: claims.Origin, done: ImportResult, *, now: datetime
) -> None:
    ends = [_by_name(session, one, done, field) for one, field in ((row.from_, "/from"), (row.to, "/to"))]
    links.relate(
        session,
        row.kind,
        ends[0].id,
        ends[1].id,
        now=now,
        source=origin.source,
        slot=row.slot or str(row.attributes.get("feed") or _ports(row.attributes)),
        attributes=row.attributes,
    )
    done.relations += 1


def _ports(attributes: Mapping[str, Any]) -> str:
    near, far = attributes.get("source_port"), attributes.get("target_port")
    return f"{near or ''}>{far or ''}" if near or far else ""


def _by_name(session: Session, name: str, done: ImportResult, field_: str) -> Ci:
    number = done.numbers.get(name, name)
    found = session.scalar(select(Ci).where(Ci.number == number))
    if found is not None:
        return found
    named = session.scalars(select(Ci).where(Ci.name == name).limit(2)).all()
    if len(named) != 1:
        raise NotFoundError(N_("{name} is not the name of exactly one item."), field=field_, name=name)
    return named[0]

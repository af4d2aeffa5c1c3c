"""What the CMDB keeps: items, what identifies them, who claims what, relations, versions, places."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base
from server.kernel.i18n import N_

NAME_LIMIT = 200


class CiState(StrEnum):
    """Where an item is in its life."""

    ORDERED = "ordered"
    RECEIVED = "received"
    IN_STOCK = "in_stock"
    IN_USE = "in_use"
    IN_REPAIR = "in_repair"
    RETURNED = "returned"
    RETIRED = "retired"
    SCRAPPED = "scrapped"


class Presence(StrEnum):
    """Whether sources still see it. `unseen`: entered by people, no agent has met it yet."""

    UNSEEN = "unseen"
    ACTIVE = "active"
    MISSING = "missing"
    SUSPECT = "suspect"


class LocationKind(StrEnum):
    """Levels of places, from the outside in."""

    SITE = "site"
    BUILDING = "building"
    FLOOR = "floor"
    ROOM = "room"
    ROW = "row"
    RACK = "rack"
    ZONE = "zone"


class TaskKind(StrEnum):
    """Why a person has to look."""

    SEVERAL = "several"  # an observation fits several CIs; it was not taken
    DUPLICATE = "duplicate"  # it was taken, but another CI is likely the same thing


class Location(Base):
    """A place. Rooms carry a floor plan, see `server/rooms/plan.py` for its form."""

    __tablename__ = "location"
    __called__ = N_("Location")

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[dict[str, str]]
    kind: Mapped[LocationKind]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("location.id"), index=True)
    plan: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Ci(Base):
    """A configuration item: the values shown, settled from all claims.

    `attributes` holds what has no column of its own. Its past is in CiVersion, which only grows.
    """

    __tablename__ = "ci"
    __called__ = N_("Configuration item")

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    class_code: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(NAME_LIMIT))
    sort_name: Mapped[str] = mapped_column(String(400))  # natural order: B1-9 before B1-10
    search_text: Mapped[str] = mapped_column(Text)  # folded: number, name, vendor, model, serial, address
    state: Mapped[CiState] = mapped_column(default=CiState.IN_USE)
    presence: Mapped[Presence] = mapped_column(default=Presence.UNSEEN)
    location_id: Mapped[int | None] = mapped_column(ForeignKey("location.id"), index=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("ci.id"), index=True)  # of a dependent CI
    criticality: Mapped[int] = mapped_column(default=3)  # 1 critical to 4 low
    owner_group_id: Mapped[int | None] = mapped_column(index=True)
    owner_id: Mapped[int | None] = mapped_column(index=True)
    vendor: Mapped[str | None] = mapped_column(String(200))
    model: Mapped[str | None] = mapped_column(String(200))
    serial: Mapped[str | None] = mapped_column(String(200))
    version: Mapped[str | None] = mapped_column(String(200))
    address: Mapped[str | None] = mapped_column(String(200), index=True)
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    conflicts: Mapped[int] = mapped_column(default=0)  # attributes whose living claims differ
    revision: Mapped[int] = mapped_column(default=0)  # number of its newest CiVersion
    seen_at: Mapped[datetime | None]  # when an agent last observed it
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_ci_list", "sort_name", "id"),
        Index("ix_ci_class", "class_code", "sort_name", "id"),
        Index("ix_ci_state", "state", "sort_name", "id"),
        Index("ix_ci_presence", "presence", "sort_name", "id"),
        Index("ix_ci_vendor", "vendor", "sort_name", "id"),
        Index("ix_ci_seen", "seen_at", "id"),
        Index("ix_ci_criticality", "criticality", "sort_name", "id"),
        Index("ix_ci_disputed", "conflicts", "sort_name", "id"),
    )


class CiKey(Base):
    """A value that identifies a CI. Two CIs may hold one: that is for a person to sort out."""

    __tablename__ = "ci_key"
    __audited__ = False  # follows from the claims

    id: Mapped[int] = mapped_column(primary_key=True)
    ci_id: Mapped[int] = mapped_column(ForeignKey("ci.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(60))  # parts of the set, as serial+vendor
    value: Mapped[str] = mapped_column(String(400))

    __table_args__ = (
        UniqueConstraint("ci_id", "kind", "value", name="uq_ci_key_once"),
        Index("ix_ci_key_value", "kind", "value"),
    )


class CiClaim(Base):
    """What one source says of one attribute of one CI, and how it knows."""

    __tablename__ = "ci_claim"
    __audited__ = False  # a source's word, confirmed at every poll; changes of what is shown are versions

    id: Mapped[int] = mapped_column(primary_key=True)
    ci_id: Mapped[int] = mapped_column(ForeignKey("ci.id", ondelete="CASCADE"))
    attribute: Mapped[str] = mapped_column(String(60))
    source: Mapped[str] = mapped_column(String(120))  # agent:agent-b1-01, entered, import:racks.csv
    value: Mapped[Any] = mapped_column(JSON)
    since_at: Mapped[datetime]  # first claimed with this value
    seen_at: Mapped[datetime]  # last confirmed
    evidence: Mapped[dict[str, Any]] = mapped_column(
        default=dict
    )  # OID or command, raw value, profile, trace
    by: Mapped[str | None] = mapped_column(String(120))  # who entered it
    reverted_at: Mapped[datetime | None]
    reverted_by: Mapped[str | None] = mapped_column(String(120))

    __table_args__ = (UniqueConstraint("ci_id", "attribute", "source", name="uq_ci_claim_once"),)


class Relation(Base):
    """`from_id` depends on `to_id`. An ended relation stays, so that any past graph can be drawn.

    `slot` tells parallel relations apart: the feed of a power cord, the port of a link.
    """

    __tablename__ = "ci_relation"
    __called__ = N_("Relation of items")

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(30))
    from_id: Mapped[int] = mapped_column(ForeignKey("ci.id", ondelete="CASCADE"))
    to_id: Mapped[int] = mapped_column(ForeignKey("ci.id", ondelete="CASCADE"), index=True)
    slot: Mapped[str] = mapped_column(String(120), default="")
    source: Mapped[str] = mapped_column(String(120))
    confidence: Mapped[float] = mapped_column(default=1.0)  # 0 to 1; people's own are 1
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)  # group, source_port, target_port
    since_at: Mapped[datetime]  # true from
    recorded_at: Mapped[datetime]  # learned
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        # One living relation between two items per kind and slot; an ended one may come back.
        Index(
            "uq_ci_relation_living",
            "from_id",
            "to_id",
            "kind",
            "slot",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )


class CiVersion(Base):
    """One change of what is shown of a CI: what, when true, when learned, through whom. Only grows."""

    __tablename__ = "ci_version"
    __audited__ = False  # says the same as the audited CI, with the time it was true

    id: Mapped[int] = mapped_column(primary_key=True)
    ci_id: Mapped[int] = mapped_column(ForeignKey("ci.id", ondelete="CASCADE"))
    revision: Mapped[int]
    valid_at: Mapped[datetime]  # true from
    recorded_at: Mapped[datetime]  # learned
    source: Mapped[str] = mapped_column(String(120))
    by: Mapped[str | None] = mapped_column(String(120))
    ticket: Mapped[str | None] = mapped_column(String(20))
    changes: Mapped[dict[str, Any]]  # attribute: [was, is]
    snapshot: Mapped[dict[str, Any]]  # all that was shown from then on

    __table_args__ = (UniqueConstraint("ci_id", "revision", name="uq_ci_version_once"),)


class IdentityTask(Base):
    """An observation that a person has to place. One open task per device and question."""

    __tablename__ = "ci_identity_task"
    __called__ = N_("Item to be matched")

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[TaskKind]
    digest: Mapped[str] = mapped_column(String(64))  # of the keys and the candidates
    source: Mapped[str] = mapped_column(String(120))
    observation: Mapped[dict[str, Any]]
    candidates: Mapped[list[Any]]  # CI ids
    ci_id: Mapped[int | None] = mapped_column(
        ForeignKey("ci.id", ondelete="CASCADE")
    )  # the one that was taken
    path: Mapped[list[Any]]
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(120))
    decision: Mapped[str | None] = mapped_column(String(60))

    __table_args__ = (
        Index(
            "uq_ci_identity_task_open",
            "digest",
            unique=True,
            sqlite_where=text("decided_at IS NULL"),
            postgresql_where=text("decided_at IS NULL"),
        ),
    )


class Mark(Base):
    """A random stamp per cached view; a change of the data draws a new one, also for other processes."""

    __tablename__ = "cmdb_mark"
    __audited__ = False  # a cache's tag

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    stamp: Mapped[int] = mapped_column(BigInteger)


def natural(name: str) -> str:
    """A text that sorts a name in natural order: numbers by their size, case folded."""
    return re.sub(r"\d{1,12}", lambda digits: digits.group().zfill(12), name.casefold())[:400]

"""What was learned from outcomes: the questions that were judged, the rankers, when to be silent."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base
from server.kernel.i18n import N_

LEAST_SCORE = 0.55  # more than nine of ten questions without an answer meet silence


class Standing(StrEnum):
    """What became of a ranker."""

    LIVE = "live"
    REFUSED = "refused"  # it was not better on tickets it had not seen
    REPLACED = "replaced"  # it was live


class Ranker(Base):
    """Weights that were learned, with the figures that decided; where none is live, those of the program."""

    __tablename__ = "knowledge_ranker"
    __called__ = N_("Learned ranking")

    id: Mapped[int] = mapped_column(primary_key=True)
    standing: Mapped[Standing]
    made_at: Mapped[datetime]
    live_at: Mapped[datetime | None]
    weights: Mapped[dict[str, Any]]
    figures: Mapped[dict[str, Any]]
    by_id: Mapped[int | None]  # who put it back

    __table_args__ = (
        Index(
            "uq_knowledge_ranker_live",
            "standing",
            unique=True,
            sqlite_where=text("standing = 'live'"),
            postgresql_where=text("standing = 'live'"),
        ),
        {"sqlite_autoincrement": True},
    )


class Question(Base):
    """What a ticket asked when somebody judged a suggestion on it."""

    __tablename__ = "knowledge_question"
    __audited__ = False  # follows from the ticket, which is audited itself

    ticket: Mapped[str] = mapped_column(String(20), primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    facets: Mapped[dict[str, Any]] = mapped_column(default=dict)
    language: Mapped[str] = mapped_column(String(8), default="en")
    at: Mapped[datetime] = mapped_column(index=True)


class Silence(Base):
    """From which probability on a fix is suggested, and what that was worth; one row, or none so far.

    `curve` has the points of `silence.Point` as objects; `tickets` is how many they were measured on.
    """

    __tablename__ = "knowledge_silence"
    __called__ = N_("Threshold of suggestions")

    id: Mapped[int] = mapped_column(primary_key=True)
    least: Mapped[float] = mapped_column(default=LEAST_SCORE)
    curve: Mapped[list[Any]] = mapped_column(default=list)
    tickets: Mapped[int] = mapped_column(default=0)
    measured_at: Mapped[datetime | None]

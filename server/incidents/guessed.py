"""What was learned from resolved incidents about what new ones are."""

from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from server.kernel.db import Base


class Guesser(Base):
    """A classifier for one field of an incident, as `ml.classify` made it."""

    __tablename__ = "incident_guesser"
    __audited__ = False  # follows from incidents, which are audited themselves

    field: Mapped[str] = mapped_column(String(20), primary_key=True)
    made_at: Mapped[datetime]
    model: Mapped[bytes] = mapped_column(LargeBinary)  # msgpack of ml.classify.Classifier
    figures: Mapped[dict[str, Any]]

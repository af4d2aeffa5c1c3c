"""People: created, changed, disabled; their appearance and password."""

from datetime import datetime

from sqlalchemy.orm import Session

from server.accounts.models import Person
from server.accounts.names import check_username, skeleton
from server.kernel.errors import InvalidError
from server.kernel.i18n import LANGUAGES, N_

CHOICES = {
    "language": LANGUAGES,
    "theme": ("system", "light", "dark"),
    "density": ("compact", "normal", "touch"),
}


def set_appearance(session: Session, person_id: int, **chosen: str) -> None:
    """Set language, theme or density of a person."""
    person = session.get_one(Person, person_id)
    for name, value in chosen.items():
        if value not in CHOICES[name]:
            raise InvalidError(N_("Choose one of: {expected}."), field=f"/{name}", expected=", ".join(CHOICES[name]))
        setattr(person, name, value)


def create(
    session: Session,
    username: str,
    name: dict[str, str],
    *,
    now: datetime,
    password_hash: str | None = None,
    language: str = "en",
) -> Person:
    """Create a person without roles."""
    username = check_username(username)
    person = Person(
        username=username,
        username_key=skeleton(username),
        name=name,
        language=language,
        password_hash=password_hash,
        password_at=now if password_hash else None,
        created_at=now,
    )
    session.add(person)
    session.flush()
    return person

"""What upper rooms show on an alert's page, such as what fixed it before.

Alerts stand below incidents and beside knowledge, and know neither. An upper room registers a function when
it is imported, as `server.cmdb.providers` has it for items:

    provide_section(fixes_of_alert)   # (session, alert, ticket, actor) -> Section, None where it has nothing
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from server.alerts.models import Alert
from server.kernel.call import Actor


@dataclass(frozen=True)
class Section:
    """A part of the page: the template that draws it, and what that finds in `section.shown`."""

    template: str
    shown: Any


SectionProvider = Callable[[Session, Alert, str, Actor], Section | None]

_sections: list[SectionProvider] = []


def provide_section(provider: SectionProvider) -> None:
    """Register a part of the page; `provider` is given the incident's number, "" where there is none yet."""
    if provider not in _sections:
        _sections.append(provider)


def sections(session: Session, alert: Alert, ticket: str, actor: Actor) -> list[Section]:
    """The parts that there are for this alert and this reader."""
    found = (provider(session, alert, ticket, actor) for provider in _sections)
    return [one for one in found if one is not None]

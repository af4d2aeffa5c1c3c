"""What the card of an item's chip tells: enough to know it and to decide whether to open it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from server.cmdb import claims, places, providers, service, words
from server.cmdb.classes import CiClass, catalogue
from server.cmdb.models import Ci
from server.kernel.call import Actor
from server.kernel.i18n import loc


@dataclass(frozen=True)
class Card:
    """An item in a few lines; `panels` are those in which something stands, as alerts and tickets."""

    ci: Ci
    ci_class: CiClass
    health: str
    place: str
    owner: str
    panels: Sequence[providers.Panel]

    @property
    def alert(self) -> str:
        """The severity of its living alerts, "" where there is none."""
        return "" if self.health == providers.of_presence(self.ci.presence) else self.health


def view(session: Session, number: str, *, actor: Actor, now: datetime) -> Card:
    """The card of an item; NotFoundError where there is none."""
    ci = service.ci(session, number)
    place = places.location_path(session, ci)
    shown = claims.shown(ci)
    names = words.names_for(session, shown, {}, {}, places=place)
    owner = next(
        (words.value(name, shown[name], names) for name in ("owner", "owner_group") if shown.get(name)), ""
    )
    severities = providers.alerts_of(session, [ci.id])
    return Card(
        ci=ci,
        ci_class=catalogue().of(ci.class_code),
        health=severities.get(ci.id) or providers.of_presence(ci.presence),
        place=" / ".join(loc(one.name) for one in place),
        owner=owner,
        panels=[one for one in providers.panels(session, ci.id, actor, now) if one.total],
    )

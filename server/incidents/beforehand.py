"""What fixed an alert before, while no incident tells it."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.alerts.models import Alert
from server.alerts.sections import Section
from server.cmdb import service as cmdb
from server.incidents import facts
from server.kernel.call import Actor
from server.kernel.i18n import current_language
from server.knowledge.finding import known_errors, suggested
from server.knowledge.suggesting.reasons import Reasons, reasons
from server.knowledge.suggesting.suggest import Suggestion

SHOWN = 3


@dataclass(frozen=True)
class Known:
    """A fix that may help, and why."""

    suggestion: Suggestion
    url: str
    why: Reasons
    known_error: bool


@dataclass(frozen=True)
class Beforehand:
    """What is known of an alert; `asked` is what it says, to look for more."""

    fixes: list[Known]
    asked: str


def fixes_of_alert(session: Session, alert: Alert, ticket: str, actor: Actor) -> Section | None:
    """The suggestions for an alert without an incident; with one they stand there, where they are judged."""
    if ticket or not actor.may("knowledge.read"):
        return None
    ci = cmdb.find_ci(session, alert.ci_id) if alert.ci_id is not None else None
    query = facts.query(ci, alert, language=current_language())
    found = suggested(session, query, actor, limit=SHOWN)
    known = known_errors(session, [one.number for one in found if one.kind == "article"])
    fixes = [
        Known(
            one,
            f"/knowledge/{one.number}" if one.kind == "article" else f"/incidents/{one.number}",
            reasons(one, query.text),
            one.number in known,
        )
        for one in found
    ]
    asked = query.text.partition("\n")[0] or alert.rule
    return Section("incidents/_beforehand.html", Beforehand(fixes, asked))

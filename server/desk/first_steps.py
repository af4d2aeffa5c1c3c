"""What a new desk needs before it can work, and what of it is done: on an administrator's home until then."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.accounts.models import GroupMember, Person
from server.agents.models import Agent, Target
from server.kernel.call import Actor
from server.kernel.i18n import _
from server.knowledge.models import Article


@dataclass(frozen=True)
class Step:
    """One thing to do: what, why, and where. `needed`: without it the desk does not work."""

    label: str
    why: str
    url: str
    done: bool
    needed: bool = True


def steps(session: Session, actor: Actor) -> list[Step]:
    """The steps in their order; none for who may not do them, and none once the needed ones are done."""
    if not (actor.may("agent.manage") and actor.may("person.manage")):
        return []
    agent, target, people, member, article = session.execute(
        select(
            select(Agent.id).where(Agent.enrolled_at.is_not(None)).exists(),
            select(Target.id).exists(),
            select(func.count()).select_from(Person).scalar_subquery(),
            select(GroupMember.group_id).exists(),
            select(Article.id).exists(),
        )
    ).one()
    found = [
        Step(
            _("Let an agent join"),
            _("It polls devices from where it runs; its own machine is the first item."),
            "/settings/agents",
            bool(agent),
        ),
        Step(
            _("Add a device, or search an address range"),
            _("What a device is, it says itself. Enter its community or password once, under Credentials."),
            "/discovery",
            bool(target),
        ),
        Step(
            _("Create the people who work here"),
            _("Each with roles: first, second and third line, managers, end users."),
            "/settings/people",
            people > 1,
        ),
        Step(
            _("Put people into groups"),
            _("An incident goes to the group that owns the item or the category."),
            "/settings/groups",
            bool(member),
        ),
        Step(
            _("Bring the runbooks you have"),
            _("Markdown, Word, HTML or CSV; they are suggested from the first incident on."),
            "/knowledge/import",
            bool(article),
            needed=False,
        ),
    ]
    return found if any(step.needed and not step.done for step in found) else []

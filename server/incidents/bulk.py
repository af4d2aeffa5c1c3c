"""Many incidents at once: pass on, merge, link, close. What is left out is named with its reason."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy.orm import Session

from server.incidents import service, together
from server.kernel.call import Actor
from server.kernel.i18n import N_, ngettext
from server.kernel.listing.many import Chosen, Skipped, each, why
from server.kernel.web import Call, Pages, web

bulk = Pages("incidents")


class ToGroup(Chosen):
    """The ticked rows and to whom they go."""

    to: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9_.-]+(:\d{1,9})?$")]


class Into(Chosen):
    """The ticked rows and the one that goes on."""

    into: Annotated[str, Field(min_length=1, max_length=20)]


class Linking(Chosen):
    """The ticked rows, another record, and how they are linked."""

    other: Annotated[str, Field(min_length=1, max_length=20)]
    kind: Annotated[str, Field(max_length=32)] = "relates_to"


def _assign(session: Session, form: ToGroup, actor: Actor, now: datetime) -> tuple[int, Skipped]:
    group, _colon, person = form.to.partition(":")
    who = int(person) if person else None
    return each(
        session,
        form.id,
        lambda number: service.assign(session, number, group=group, assignee_id=who, actor=actor, now=now),
    )


def _merge(session: Session, form: Into, actor: Actor, now: datetime) -> tuple[int, Skipped]:
    into = form.into.strip().upper()
    others = [number for number in form.id if number != into]
    return each(session, others, lambda number: service.merge(session, number, into, actor=actor, now=now))


def _link(session: Session, form: Linking, actor: Actor, now: datetime) -> tuple[int, Skipped]:
    other = form.other.strip().upper()
    others = [number for number in form.id if number != other]
    return each(
        session,
        others,
        lambda number: together.link_to(session, number, other, form.kind, actor=actor, now=now),
    )


def _close(session: Session, form: Chosen, actor: Actor, now: datetime) -> tuple[int, Skipped]:
    return do_to_each(session, form.id, "close", actor=actor, now=now)


STEPS = {"accept": service.accept, "start": service.start, "close": service.close}
Step = Literal["accept", "start", "close", "assign"]


def do_to_each(
    session: Session,
    numbers: Sequence[str],
    step: Step,
    *,
    group: str | None = None,
    actor: Actor,
    now: datetime,
) -> tuple[int, Skipped]:
    """Do one step to many; returns how many were done, and why the others were not.

    Args:
        session: the running transaction.
        numbers: of the incidents.
        step: what is done.
        group: code, for assign; None leaves each in its group.
        actor: who does it.
        now: when.

    Raises:
        InvalidError: there is no such group; nothing is done.
    """
    if step == "assign":
        service.group_id_of(session, group)
        return each(
            session,
            numbers,
            lambda number: service.assign(session, number, group=group, actor=actor, now=now),
        )
    return each(session, numbers, lambda number: STEPS[step](session, number, actor=actor, now=now))


def _told(call: Call, outcome: tuple[int, Skipped]) -> web.Response:
    done, skipped = outcome
    text = ngettext("{n} incident done.", "{n} incidents done.", done).format(n=done)
    if not skipped:
        return call.redirect("/incidents", N_("{text}"), text=text)
    toast = N_("{text} Left out {k}: {why}")
    return call.redirect("/incidents", toast, text=text, k=len(skipped), why=why(skipped))


@bulk.post("/incidents/bulk/assign", permission="incident.assign")
async def assign(call: Call) -> web.Response:
    """Pass the ticked ones on."""
    return _told(call, await call.db.run(_assign, call.form_as(ToGroup), call.actor, call.now))


@bulk.post("/incidents/bulk/merge", permission="incident.merge")
async def merge(call: Call) -> web.Response:
    """Close the ticked ones into one of them, or into another."""
    return _told(call, await call.db.run(_merge, call.form_as(Into), call.actor, call.now))


@bulk.post("/incidents/bulk/link", permission="incident.update")
async def link(call: Call) -> web.Response:
    """Link the ticked ones to a record."""
    return _told(call, await call.db.run(_link, call.form_as(Linking), call.actor, call.now))


@bulk.post("/incidents/bulk/close", permission="incident.close")
async def close(call: Call) -> web.Response:
    """Close the resolved ones among the ticked."""
    return _told(call, await call.db.run(_close, call.form_as(Chosen), call.actor, call.now))

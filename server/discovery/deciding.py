"""What a person decides about an entry of the inbox."""

from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules import wire
from server.agents.generation import touch
from server.agents.models import Agent
from server.cmdb import service as cmdb
from server.cmdb.classes import UNKNOWN_CLASS, catalogue
from server.cmdb.models import Ci
from server.discovery import inbox
from server.discovery.findings import accept, class_of
from server.discovery.jobs import TOPIC, settle_links
from server.discovery.models import Answer, Finding, Item, ItemState, Outcome
from server.kernel.errors import ConflictError, InvalidError
from server.kernel.events import emit
from server.kernel.i18n import N_

POLL_S = 60.0
ANSWERED = 0.95  # how sure an operator's answer makes us
LONGEST = 200


@dataclass(frozen=True)
class Said:
    """What a person says that a device is."""

    class_code: str
    vendor: str = ""
    model: str = ""
    alike: bool = True  # the others that say the same of themselves as well
    poll: bool = True


def approve(
    session: Session, item_id: int, *, poll: bool, alike: bool = False, by: int | None, now: datetime
) -> list[Ci]:
    """Take a device as it was recognised; `alike`: those like it that wait for approval as well."""
    item = _open(session, item_id)
    told = inbox.told_of(session, item)
    if class_of(told)[0] == UNKNOWN_CLASS:
        raise InvalidError(N_("Say what it is: nothing recognised it."), field="/class_code")
    made = [_accepted(session, item, told, poll=poll, by=by, now=now)]
    for one in inbox.alike(session, item) if alike else ():
        if one.kind is Outcome.WAITING:
            made += _as_well(session, one, inbox.told_of(session, one), poll=poll, by=by, now=now)
    return made


def answer(session: Session, item_id: int, said: Said, *, by: int | None, now: datetime) -> list[Ci]:
    """Say what a device is: it is taken as that, so are those alike, and so are all that come.

    Returns:
        The configuration items that came of it.
    """
    item = _open(session, item_id)
    code = catalogue().code_of(said.class_code)
    if code == UNKNOWN_CLASS or catalogue().of(code).abstract:
        raise InvalidError(N_("Choose a class of device."), field="/class_code")
    for name in ("vendor", "model"):
        text = getattr(said, name)
        if len(text) > LONGEST or not text.isprintable():
            raise InvalidError(N_("At most {most} characters."), field=f"/{name}", most=LONGEST)
    said = Said(code, said.vendor.strip(), said.model.strip(), said.alike, said.poll)
    if item.shape:
        _learn(session, item, said, by=by, now=now)
    told = _as_said(inbox.told_of(session, item), said)
    made = [_accepted(session, item, told, poll=said.poll, by=by, now=now)]
    for one in inbox.alike(session, item) if said.alike else ():
        told = _as_said(inbox.told_of(session, one), said)
        made += _as_well(session, one, told, poll=said.poll, by=by, now=now)
    return made


def merge(session: Session, item_id: int, number: str, *, by: int | None, now: datetime) -> Ci:
    """Say that a device is a configuration item that is known already."""
    item = _open(session, item_id)
    ci = cmdb.ci(session, number)
    return _accepted(session, item, inbox.told_of(session, item), poll=True, by=by, now=now, ci=ci)


def move(session: Session, item_id: int, to: ItemState, *, by: int | None, now: datetime) -> Item:
    """Look at it later, ignore its address for good, or take either back."""
    item = inbox.item_of(session, item_id)
    if to is ItemState.DONE or item.state is ItemState.DONE:
        raise ConflictError(N_("This was decided already."))
    was_ignored = ItemState.IGNORED in {item.state, to}
    item.state = to
    item.later_until = now + inbox.LATER if to is ItemState.LATER else None
    item.decided_by_id, item.decided_at = by, now
    if was_ignored:
        touch(inbox.agent_of(session, item))
    emit(session, TOPIC, {"item": item.id})
    return item


def learned(session: Session) -> dict[str, dict[str, str]]:
    """All that people answered, as agents use it."""
    return {
        one.shape: {"device_class": one.class_code, "vendor": one.vendor, "model": one.model}
        for one in session.scalars(select(Answer).order_by(Answer.id))
    }


def answers(session: Session) -> list[Answer]:
    """What people answered, the latest first."""
    return list(session.scalars(select(Answer).order_by(Answer.at.desc(), Answer.id)))


def forget(session: Session, answer_id: int) -> None:
    """Take an answer back; what was made of it stays."""
    one = session.get(Answer, answer_id)
    if one is None:
        raise ConflictError(N_("This answer was taken back already."))
    session.delete(one)
    _tell_agents(session)


def _open(session: Session, item_id: int) -> Item:
    item = inbox.item_of(session, item_id)
    if item.state not in inbox.OPEN:
        raise ConflictError(N_("This was decided already."))
    return item


def _accepted(
    session: Session,
    item: Item,
    told: wire.Finding,
    *,
    poll: bool,
    by: int | None,
    now: datetime,
    ci: Ci | None = None,
) -> Ci:
    agent = inbox.agent_of(session, item)
    made = accept(session, told, agent, now=now, every_s=POLL_S if poll else None, ci=ci)
    if made is None:
        raise ConflictError(
            N_("It may be one of several known items. Say which one, or settle the task in the CMDB first.")
        )
    item.state, item.ci = ItemState.DONE, made.number
    item.decided_by_id, item.decided_at = by, now
    finding = session.get_one(Finding, item.finding_id)
    finding.ci_id, finding.class_code, finding.name = made.id, made.class_code, made.name[:200]
    finding.outcome, finding.reason = Outcome.NEW, "decided"
    settle_links(session, finding.run_id, now=now)
    emit(session, TOPIC, {"item": item.id})
    return made


def _as_well(
    session: Session, item: Item, told: wire.Finding, *, poll: bool, by: int | None, now: datetime
) -> list[Ci]:
    """Take one of those alike; one that may be several known items goes on waiting."""
    try:
        with session.begin_nested():
            return [_accepted(session, item, told, poll=poll, by=by, now=now)]
    except ConflictError:
        item.kind = Outcome.CONFLICT
        return []


def _as_said(told: wire.Finding, said: Said) -> wire.Finding:
    """The finding with a person's word over what was guessed."""
    reason = "answered by a person"
    guesses = dict(told.guesses)
    words = {"device_class": said.class_code, "vendor": said.vendor, "model": said.model}
    for name, text in words.items():
        if text:
            guesses[name] = wire.Guess(text, ANSWERED, reason, "operator")
    seen = told.observation
    if seen is not None:
        own = {name: text for name, text in words.items() if text and name != "device_class"}
        seen = msgspec.structs.replace(seen, ci_class=said.class_code, attributes={**seen.attributes, **own})
    else:
        seen = wire.Observation(
            f"found:{told.address}",
            told.at,
            said.class_code,
            told.address,
            {"address": [told.address]},
            {name: text for name, text in words.items() if text and name != "device_class"},
        )
    return msgspec.structs.replace(told, guesses=guesses, observation=seen)


def _learn(session: Session, item: Item, said: Said, *, by: int | None, now: datetime) -> None:
    one = session.scalar(select(Answer).where(Answer.shape == item.shape))
    if one is None:
        one = Answer(shape=item.shape)
        session.add(one)
    one.class_code, one.vendor, one.model = said.class_code, said.vendor, said.model
    one.example, one.by_id, one.at = item.address, by, now
    session.flush()
    _tell_agents(session)


def _tell_agents(session: Session) -> None:
    """Every agent uses the answers."""
    for agent in session.scalars(select(Agent)):
        touch(agent)

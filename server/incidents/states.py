"""The one state machine of incidents: which step leads where, and which right it needs."""

from collections.abc import Mapping
from dataclasses import dataclass

from server.incidents.models import Incident, State
from server.kernel.call import Actor
from server.kernel.errors import ConflictError, ForbiddenError
from server.kernel.i18n import N_


@dataclass(frozen=True)
class Step:
    """A step that people take."""

    name: str
    label: str  # a verb, marked with N_
    permission: str
    source: frozenset[State]
    target: State


def _step(name: str, label: str, permission: str, source: tuple[State, ...], target: State) -> Step:
    return Step(name, label, permission, frozenset(source), target)


S = State
ACTIVE = (S.ACCEPTED, S.IN_PROGRESS)
STEPS: Mapping[str, Step] = {
    step.name: step
    for step in (
        _step(
            "assign", N_("Pass on"), "incident.assign", (S.NEW, S.ASSIGNED, *ACTIVE, S.PENDING), S.ASSIGNED
        ),
        _step("accept", N_("Accept"), "incident.work", (S.NEW, S.ASSIGNED), S.ACCEPTED),
        _step("start", N_("Begin"), "incident.work", (S.ACCEPTED,), S.IN_PROGRESS),
        _step("hold", N_("Hold"), "incident.work", ACTIVE, S.PENDING),
        _step("resume", N_("Resume"), "incident.work", (S.PENDING,), S.IN_PROGRESS),
        _step("resolve", N_("Resolve"), "incident.resolve", (*ACTIVE, S.PENDING), S.RESOLVED),
        _step("close", N_("Close"), "incident.close", (S.RESOLVED,), S.CLOSED),
        _step("reopen", N_("Reopen"), "incident.reopen", (S.RESOLVED,), S.ASSIGNED),
        _step(
            "cancel", N_("Cancel"), "incident.cancel", (S.NEW, S.ASSIGNED, *ACTIVE, S.PENDING), S.CANCELLED
        ),
    )
}
# The machine resolves what is over from any open state, and reopens what comes back.


class IllegalTransitionError(ConflictError):
    """The incident's state does not allow the step; the allowed ones are named."""

    code = "illegal_transition"

    def __init__(self, incident: Incident, wanted: str) -> None:
        super().__init__(
            N_("{number} is {state}; {wanted} is not possible now. Possible: {allowed}."),
            number=incident.number,
            state=incident.state.value,
            wanted=wanted,
            allowed=", ".join(possible(incident.state)) or "-",
        )


def possible(state: State) -> tuple[str, ...]:
    """The names of the steps that a state allows to somebody."""
    return tuple(name for name, step in STEPS.items() if state in step.source)


def allowed(incident: Incident, actor: Actor) -> tuple[Step, ...]:
    """The steps this person can take now."""
    return tuple(
        step for step in STEPS.values() if incident.state in step.source and actor.may(step.permission)
    )


def check(incident: Incident, name: str, actor: Actor) -> Step:
    """The step, if this person may take it in this state.

    Raises:
        ForbiddenError: the person's roles do not include it.
        IllegalTransitionError: the state does not allow it.
    """
    step = STEPS[name]
    if not actor.may(step.permission):
        raise ForbiddenError(N_("Your roles do not include this step."), permission=step.permission)
    if incident.state not in step.source:
        raise IllegalTransitionError(incident, name)
    return step

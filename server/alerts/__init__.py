"""Alerts: conditions, repeats, groups with a probable cause."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.alerts import taking
from server.alerts.api import api
from server.alerts.models import Alert, AlertState, Severity
from server.alerts.pages import pages
from server.kernel.call import Actor
from server.kernel.i18n import N_
from server.kernel.jobs import Work
from server.kernel.practice import Job, NavItem, Permission, Practice, Schedule

LINES = ("first_line", "second_line", "third_line")
HEADS = ("incident_supervisor", "incident_manager")
SETTLE_EVERY = timedelta(seconds=5)


async def settle(work: Work) -> None:
    """Holds, mutes and pauses of flapping alerts end by time."""
    await work.db.run(taking.settle, now=work.now)


def count(session: Session, actor: Actor, now: datetime) -> tuple[int, bool]:
    """Alerts that fire and nobody has seen; hot if one is critical."""
    del actor, now
    rows = session.execute(
        select(Alert.severity, func.count())
        .where(Alert.resolved_at.is_(None), Alert.state == AlertState.FIRING)
        .group_by(Alert.severity)
    ).all()
    found = {row[0]: row[1] for row in rows}
    return sum(found.values()), found.get(Severity.CRITICAL, 0) > 0


PRACTICE = Practice(
    name="alerts",
    title=N_("Alerts"),
    topics={"alerts": "alert.read"},
    routes=(pages, api),
    permissions=(
        Permission(
            "alert.read",
            N_("See alerts"),
            roles=(
                *LINES,
                *HEADS,
                "problem_manager",
                "service_manager",
                "inspector",
                "configuration_manager",
            ),
        ),
        Permission("alert.acknowledge", N_("Acknowledge alerts"), roles=(*LINES, *HEADS)),
        Permission("alert.mute", N_("Mute alerts"), roles=("second_line", "third_line", *HEADS)),
        Permission("alert.move", N_("Move alerts between incidents"), roles=(*LINES, *HEADS)),
    ),
    navigation=(
        NavItem(
            key="alerts",
            group="operate",
            label=N_("Alerts"),
            icon="bell-ringing",
            url="/alerts",
            permission="alert.read",
            order=20,
            count=count,
        ),
    ),
    jobs=(Job("alerts.settle", settle, width=1),),
    schedules=(Schedule("alerts.settle", job="alerts.settle", every=SETTLE_EVERY),),
)

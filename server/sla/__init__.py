"""Service levels: targets, business calendars, clocks and their escalation."""

from datetime import timedelta

from server.kernel.i18n import N_
from server.kernel.jobs import Work
from server.kernel.practice import Job, Permission, Practice, Schedule
from server.sla import clocks
from server.sla.api import api


async def watch(work: Work) -> None:
    """Escalate what has passed a mark."""
    await work.db.run(clocks.watch, now=work.now)


PRACTICE = Practice(
    name="sla",
    title=N_("Service levels"),
    routes=(api,),
    permissions=(
        Permission(
            "sla.read",
            N_("See service levels"),
            roles=(
                "first_line",
                "second_line",
                "third_line",
                "incident_supervisor",
                "incident_manager",
                "service_manager",
            ),
        ),
        Permission("sla.manage", N_("Set service level targets"), roles=("service_manager",)),
    ),
    jobs=(Job("sla.watch", watch, width=1),),
    schedules=(Schedule("sla.watch", job="sla.watch", every=timedelta(seconds=15)),),
)

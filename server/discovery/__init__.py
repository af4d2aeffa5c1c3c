"""Discovery: address ranges in, configuration items out; what is not recognised waits and teaches."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from server.cmdb.providers import provide_panel
from server.discovery import inbox, jobs, links, models, service
from server.discovery.api import api
from server.discovery.api_heard import heard_api
from server.discovery.api_inbox import inbox_api
from server.discovery.api_profiles import profiles_api
from server.discovery.heard_pages import heard_pages
from server.discovery.monitoring import watched
from server.discovery.pages import pages
from server.discovery.profile_pages import profile_pages
from server.kernel import keys
from server.kernel.call import Actor
from server.kernel.i18n import N_
from server.kernel.jobs import Work
from server.kernel.practice import Job, NavItem, Permission, Practice, Schedule

__all__ = ["PRACTICE", "models"]

provide_panel(watched)

READERS = (
    "second_line",
    "third_line",
    "incident_supervisor",
    "incident_manager",
    "config_admin_network",
    "config_admin_server",
    "configuration_manager",
    "service_manager",
)


async def _due(work: Work) -> None:
    await work.db.run(jobs.due, zone=work.app[keys.SETTINGS].timezone, now=work.now)


async def _links(work: Work) -> None:
    await work.db.run(links.settle_latest, work.payload["run"], now=work.now)


async def _tidy(work: Work) -> None:
    await work.db.run(service.tidy, now=work.now)


def _waiting(session: Session, actor: Actor, _now: datetime) -> tuple[int, bool]:
    """How many devices wait for a person."""
    return (inbox.count_open(session), False) if actor.may("discovery.manage") else (0, False)


PRACTICE = Practice(
    name="discovery",
    title=N_("Discovery"),
    topics={jobs.TOPIC: "discovery.read"},
    routes=(pages, profile_pages, heard_pages, api, inbox_api, profiles_api, heard_api),
    permissions=(
        Permission(
            "discovery.read", N_("See range jobs, what they found, and device profiles"), roles=READERS
        ),
        Permission(
            "discovery.manage",
            N_("Write and run range jobs, decide about what was found and heard, edit device profiles"),
            roles=("config_admin_network", "config_admin_server", "configuration_manager"),
        ),
    ),
    navigation=(
        NavItem(
            "discovery",
            "assets",
            N_("Discovery"),
            "radar-2",
            "/discovery",
            "discovery.read",
            order=30,
            count=_waiting,
        ),
    ),
    jobs=(
        Job("discovery.due", _due, timeout=timedelta(seconds=30), width=1),
        Job(jobs.LINKS, _links, timeout=timedelta(minutes=10), width=1),
        Job("discovery.tidy", _tidy, width=1),
    ),
    schedules=(
        Schedule("discovery.due", job="discovery.due", every=timedelta(seconds=20)),
        Schedule("discovery.tidy", job="discovery.tidy", cron="23 4 * * *"),
    ),
)

"""Agents: how they join, what they are told to poll, and whether they are heard."""

from datetime import datetime, timedelta

from aiohttp import web

from server.agents.api import api
from server.agents.routes import pages
from server.agents.silence import flag_silent
from server.kernel import keys
from server.kernel.i18n import N_
from server.kernel.jobs import Work
from server.kernel.practice import Job, Permission, Practice, Schedule, SettingsPage

LISTENING: "web.AppKey[datetime]" = web.AppKey("agents.listening_since", datetime)


async def _listen(app: web.Application) -> None:
    app[LISTENING] = app[keys.CLOCK].now()


async def _flag(work: Work) -> None:
    await work.db.run(flag_silent, now=work.now, since=work.app[LISTENING])


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

PRACTICE = Practice(
    name="agents",
    title=N_("Agents"),
    topics={"agents": "agent.read"},
    routes=(pages, api),
    permissions=(
        Permission("agent.read", N_("See agents and what they poll"), roles=READERS),
        Permission(
            "agent.manage",
            N_("Let agents join, set targets and credentials"),
            roles=("config_admin_network", "config_admin_server", "configuration_manager"),
        ),
    ),
    settings_pages=(
        SettingsPage(
            "agents",
            N_("Agents"),
            N_("Programs that poll devices: let one join, give it targets, see whether it is heard"),
            "/settings/agents",
            "broadcast",
            "agent.read",
            group="monitoring",
            words=N_("join token poll target device collector"),
            order=10,
        ),
        SettingsPage(
            "credentials",
            N_("Credentials"),
            N_("What opens devices for polling. Written here, never shown again"),
            "/settings/credentials",
            "key",
            "agent.manage",
            group="monitoring",
            words=N_("password community SNMP SSH key"),
            order=20,
        ),
    ),
    jobs=(Job("agents.silence", _flag, timeout=timedelta(seconds=30), width=1),),
    schedules=(Schedule("agents.silence", job="agents.silence", every=timedelta(seconds=10)),),
    startup=(_listen,),
)

"""Measurements: series, samples, roll-ups, and the rules that the server judges itself."""

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.kernel.i18n import N_
from server.kernel.jobs import Work
from server.kernel.practice import Job, Permission, Practice, Schedule
from server.metrics import service
from server.metrics.api import api
from server.metrics.models import Head
from server.metrics.recent import waiting_samples
from server.metrics.routes import pages

PACK_AFTER = timedelta(hours=2)
PACK_AT = 1_000_000  # samples that wait


def _pack_is_due(session: Session, now: datetime) -> bool:
    oldest = session.scalar(select(func.min(Head.received_at)))
    if oldest is None:
        return False
    return now - oldest >= PACK_AFTER or waiting_samples(session) >= PACK_AT


async def _pack(work: Work) -> None:
    if await work.db.read(_pack_is_due, work.now):
        await asyncio.to_thread(service.store.pack, work.db, now=work.now)


async def _roll(work: Work) -> None:
    await asyncio.to_thread(service.store.roll, work.db, now=work.now)
    await asyncio.to_thread(service.store.retire, work.db, now=work.now)


PRACTICE = Practice(
    name="metrics",
    title=N_("Metrics"),
    topics={"metrics": "metric.read"},
    routes=(pages, api),
    permissions=(
        Permission(
            "metric.read",
            N_("See measurements"),
            roles=(
                "first_line",
                "second_line",
                "third_line",
                "incident_supervisor",
                "incident_manager",
                "problem_manager",
                "change_supervisor",
                "change_manager",
                "change_implementer",
                "config_admin_pc",
                "config_admin_network",
                "config_admin_server",
                "config_admin_software",
                "configuration_manager",
                "knowledge_manager",
                "inspector",
                "service_manager",
            ),
        ),
    ),
    jobs=(
        Job("metrics.pack", _pack, timeout=timedelta(minutes=30), width=1),
        Job("metrics.roll", _roll, timeout=timedelta(hours=1), width=1),
    ),
    schedules=(
        Schedule("metrics.pack", job="metrics.pack", every=timedelta(minutes=10)),
        Schedule("metrics.roll", job="metrics.roll", cron="40 * * * *"),
    ),
)

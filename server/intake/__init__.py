"""Intake: what agents send becomes samples, configuration items and alerts."""

from datetime import timedelta

import typer
from aiohttp import web
from sqlalchemy.orm import Session

from server.agents.service import SILENCE
from server.intake import models as models
from server.intake.committer import Committer
from server.intake.judging import on_silence
from server.intake.ledger import trim
from server.intake.registering import adopt_undescribed
from server.intake.routes import COMMITTER, raw
from server.kernel import keys
from server.kernel.i18n import N_
from server.kernel.jobs import Work
from server.kernel.practice import Job, Practice, Schedule


def _bench() -> typer.Typer:
    from server.intake.bench import COMMAND  # noqa: PLC0415  loaded when it is called

    return COMMAND


async def _start(app: web.Application) -> None:
    committer = app[COMMITTER] = Committer(app[keys.DATABASE], app[keys.CLOCK])
    committer.start()


async def _stop(app: web.Application) -> None:
    await app[COMMITTER].stop()


async def _adopt(work: Work) -> None:
    def adopt(session: Session) -> None:
        adopt_undescribed(session, now=work.now)
        work.hold(session)

    await work.db.run(adopt)


async def _trim(work: Work) -> None:
    await work.db.run(trim, now=work.now)


PRACTICE = Practice(
    name="intake",
    title=N_("Intake"),
    routes=(raw,),
    subscriptions=((SILENCE, on_silence),),
    jobs=(Job("intake.adopt", _adopt), Job("intake.trim", _trim)),
    schedules=(
        Schedule("intake.adopt", job="intake.adopt", every=timedelta(minutes=1)),
        Schedule("intake.trim", job="intake.trim", cron="17 * * * *"),
    ),
    commands=(("bench", _bench),),
    startup=(_start,),
    cleanup=(_stop,),
)

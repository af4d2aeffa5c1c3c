"""How much the desk learns from what it resolves: a script of made faults through the production code.

A desk of its own is befallen by ten faults, told of by alerts and by people. Whoever works on them opens the
record, tries what it suggests from the top, sees the alert stay away or come back, and in the end resolves
it, naming what helped where nothing suggested did. Each evening the nightly training runs. Other incidents
of the same faults stand open from the first day on, so that the same pages are read before and after.

- `hit@1` is the share of these on which the first suggestion mends the fault.
- *frozen* is that of the first day, *learned* after the script, *old weights* after the script with the
  ranker put back to the one of the program: the difference is what cases and outcomes do by themselves.
- Then an article that fits best and mends nothing is tried and fails, five times: its place is told.
- Then somebody gives a batch of wrong verdicts and a night passes: *day after* beside *day before*. In the
  end the same person resolves these tickets as wrongly, which makes false cases of them.

The last line of output is one JSON object.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from ml import measure
from rules.wire import AlertNews
from server.alerts.news import GROUP_NEWS
from server.alerts.taking import settle, take
from server.cmdb import editing
from server.incidents import advice, facts, record, reporting, service
from server.incidents.bench_faults import FAULTS, LURE, LURING, Fault
from server.incidents.following import on_group_news
from server.incidents.learning import query_of
from server.incidents.models import Incident, State
from server.kernel.call import Actor
from server.kernel.db import Base, Database
from server.kernel.i18n import use_language
from server.knowledge import service as knowledge
from server.knowledge.models import State as ArticleState
from server.knowledge.models import Verdict
from server.knowledge.suggesting import learning, training

COMMAND = typer.Typer(no_args_is_help=True)
BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)
RESOLUTIONS = 50
OF_A_DAY = 25
ASKED_OF = 3  # other reports of each fault, beside one alert
ALERTS_OF = 2  # of five tellings of a fault, those by an alert
TRIES = 2  # suggestions that are tried before it is looked up elsewhere
FAILURES = 5
WRONG = 20  # verdicts of the bad batch
SEED = 20_261
RIGHTS = frozenset(
    "incident.read incident.create incident.update incident.work incident.assign incident.resolve "
    "incident.close incident.reopen knowledge.read".split()
)
ALICE = Actor(1, "alice", {"en": "Alice"}, RIGHTS)
CHARLIE = Actor(3, "charlie", {"en": "Charlie"}, RIGHTS)


@dataclass
class Desk:
    """A desk in a database of its own, and its clock."""

    db: Database
    now: datetime = BEGIN
    items: dict[str, int] = field(default_factory=dict)  # devices by name
    device_of: dict[str, str] = field(default_factory=dict)  # by incident; of those that an alert opened
    mends: dict[str, set[str]] = field(default_factory=dict)  # by rule: what mends the fault

    def furnish(self, fault: Fault) -> None:
        """Publish what is written about a fault."""
        mends = self.publish(*fault.mends, language=fault.language)
        self.mends[fault.rule] = {mends}
        for title, symptom in fault.beside:
            self.publish(title, symptom, language=fault.language)

    def publish(self, title: str, symptom: str, *, language: str = "en") -> str:
        """An article, written by one and published by another; its number."""
        texts = {"title": title, "symptom": symptom, "solution": f"1. {title}.", "language": language}
        number = self.db.run_now(knowledge.write, texts, by=1, now=self.now).number
        for state, by in ((ArticleState.SUBMITTED, 1), (ArticleState.PUBLISHED, 2)):
            self.db.run_now(knowledge.move, number, state, by=by, now=self.now)
        return number

    def alert(self, fault: Fault) -> str:
        """An alert of a new device opens an incident; its number."""
        device = f"{fault.ci_class.upper()[:4]}-{len(self.items) + 1}"
        values = {"name": device, "serial": device}
        made = self.db.run_now(editing.create, fault.ci_class, values, by="bench", now=self.now)
        self.items[device] = made.id
        self.tell(fault, device, "firing")
        number = self.db.read_now(_newest)
        self.device_of[number] = device
        return number

    def type(self, said: str) -> str:
        """A person reports it in own words; the incident's number."""
        self.pass_time(hours=1)
        values = {"summary": said, "description": ""}
        made = self.db.run_now(reporting.create, values, actor=ALICE, now=self.now)
        self.device_of.pop(made.number, None)
        return made.number

    def tell(self, fault: Fault, device: str, status: str) -> None:
        """The agent tells that the condition of a device began or ended, and all that follows happens."""
        self.pass_time(minutes=2)
        text = fault.alert.format(ci=device)
        news = msgspec.convert(
            {
                "device": device, "rule": fault.rule, "status": status, "severity": "critical",
                "at": self.now.timestamp(), "summary": {"en": text, "zh": text}, "symptom": fault.symptom,
            },
            AlertNews,
        )  # fmt: skip
        self.db.run_now(take, [news], source="agent:1", received_at=self.now, now=self.now, ci_of=self.items)
        for _ in range(3):
            self.pass_time(minutes=1)
            self.db.run_now(settle, now=self.now)

    def pass_time(self, *, hours: float = 0, minutes: float = 0) -> None:
        """Let time pass."""
        self.now += timedelta(hours=hours, minutes=minutes)

    def shown(self, number: str, language: str) -> list[str]:
        """What the record's page suggests, the best first."""
        with use_language(language):
            page = self.db.read_now(record.page, number, actor=ALICE, now=self.now)
        return [fix.suggestion.number for fix in page.fixes]

    def order(self, number: str) -> list[str]:
        """What would be suggested if twenty were."""

        def ask(session: Session) -> list[str]:
            query = query_of(session, service.get(session, number, None))
            return [one.number for one in facts.suggest(session, query, limit=20, least=0.0)]

        return self.db.read_now(ask)

    def first(self, number: str, language: str) -> str:
        """What stands first on the record's page; "" for nothing."""

        def ask(session: Session) -> str:
            query = query_of(session, service.get(session, number, None), language)
            found = facts.suggest(session, query, limit=1)
            return found[0].number if found else ""

        return self.db.read_now(ask)

    def night(self) -> None:
        """The nightly training."""
        self.pass_time(hours=12)
        asyncio.run(training.relearn(self.db, now=self.now))


def _newest(session: Session) -> str:
    return str(session.scalar(select(Incident.number).order_by(Incident.id.desc()).limit(1)))


# -- working on incidents ---------------------------------------------------------------------


def worked(desk: Desk, number: str, fault: Fault) -> None:
    """Try what is suggested, then what others know; the incident is over in the end, and a case."""
    for fix in desk.shown(number, fault.language)[:TRIES]:
        if _tried(desk, number, fault, fix):
            break
    else:
        best = max(desk.mends[fault.rule])
        _resolve(desk, number, fixed_by=best)
        if number in desk.device_of:
            desk.tell(fault, desk.device_of[number], "resolved")
    desk.mends[fault.rule].add(number)


def _tried(desk: Desk, number: str, fault: Fault, fix: str, *, by: Actor = ALICE) -> bool:
    """Try one suggestion; whether it helped."""
    desk.pass_time(minutes=5)
    desk.db.run_now(advice.take_up, number, fix, actor=by, now=desk.now)
    helped = fix in desk.mends[fault.rule]
    device = desk.device_of.get(number)
    if device is not None:
        desk.tell(fault, device, "resolved")
        if not helped:
            desk.tell(fault, device, "firing")
    else:
        _resolve(desk, number, by=by)
        if not helped:
            desk.db.run_now(service.reopen, number, note="It is still so.", actor=by, now=desk.now)
    if helped and desk.db.read_now(service.get, number, None).state is State.RESOLVED:
        desk.db.run_now(service.close, number, actor=by, now=desk.now)
    return helped


def _resolve(desk: Desk, number: str, *, fixed_by: str = "", by: Actor = ALICE) -> None:
    def resolve(session: Session) -> None:
        if service.get(session, number, None).state is not State.ACCEPTED:
            service.accept(session, number, actor=by, now=desk.now)
        service.resolve(
            session,
            number,
            cause_code="unknown",
            resolution="Done as written.",
            fixed_by=fixed_by,
            actor=by,
            now=desk.now,
        )

    desk.pass_time(minutes=20)
    desk.db.run_now(resolve)


# -- the script -------------------------------------------------------------------------------


def learn(db: Database) -> dict[str, Any]:
    """Run the whole script on an empty database; the figures by name."""
    GROUP_NEWS.subscribe(on_group_news)
    desk = Desk(db)
    for fault in (*FAULTS, LURE):
        desk.furnish(fault)
    asked = [(desk.alert(fault), fault) for fault in FAULTS]
    asked += [(desk.type(said), fault) for fault in FAULTS for said in fault.asked[:ASKED_OF]]
    frozen = hits(desk, asked)
    for place in range(RESOLUTIONS):
        fault, turn = FAULTS[place % len(FAULTS)], place // len(FAULTS)
        desk.pass_time(hours=1)
        by_alert = turn < ALERTS_OF
        number = desk.alert(fault) if by_alert else desk.type(fault.taught[turn - ALERTS_OF])
        worked(desk, number, fault)
        if place % OF_A_DAY == OF_A_DAY - 1:
            desk.night()
    learned = hits(desk, asked)
    return {
        "resolutions": RESOLUTIONS,
        "asked": len(asked),
        "hit1_frozen": share(frozen),
        "hit1_learned": share(learned),
        "hit1_old_weights": share(_with_the_first_ranker(desk, asked)),
        "chance": round(measure.better_by_chance(learned, frozen, seed=SEED), 4),
        "rankers_live": _standings(desk, "live") + _standings(desk, "replaced") - 1,
        "rankers_refused": _standings(desk, "refused"),
        **_bad_article(desk),
        **_bad_batch(desk, asked),
    }


def firsts(desk: Desk, asked: Sequence[tuple[str, Fault]]) -> list[bool | None]:
    """Of each incident whether the first suggestion on its page mends its fault; None for silence."""
    found = [(desk.first(number, fault.language), fault) for number, fault in asked]
    return [first in desk.mends[fault.rule] if first else None for first, fault in found]


def hits(desk: Desk, asked: Sequence[tuple[str, Fault]]) -> list[float]:
    """Of each incident, 1 where the first suggestion mends its fault."""
    return [float(first is True) for first in firsts(desk, asked)]


def share(hit: Sequence[float]) -> float:
    """The mean, as it is told."""
    return round(float(np.mean(hit)), 3)


def _with_the_first_ranker(desk: Desk, asked: Sequence[tuple[str, Fault]]) -> list[float]:
    live = desk.db.read_now(learning.live)[0]
    if live == 0:
        return hits(desk, asked)
    desk.db.run_now(learning.put_back, 0, by=1, now=desk.now)
    found = hits(desk, asked)
    desk.db.run_now(learning.put_back, live, by=1, now=desk.now)
    return found


def _standings(desk: Desk, standing: str) -> int:
    return sum(one.standing == standing for one in desk.db.read_now(learning.history))


def _bad_article(desk: Desk) -> dict[str, object]:
    """An article that fits the words best and mends nothing is tried until it is out of the way."""
    bad = desk.publish(*LURING)
    asked = desk.alert(LURE)
    places = [_place(desk, asked, bad)]
    for _ in range(FAILURES):
        desk.pass_time(hours=2)
        number = desk.alert(LURE)
        _tried(desk, number, LURE, bad)
        _resolve(desk, number)
        desk.tell(LURE, desk.device_of[number], "resolved")
        places.append(_place(desk, asked, bad))
    return {"bad_article_places": places}


def _place(desk: Desk, number: str, fix: str) -> int:
    """1 for the first; 99 where it is not suggested at all."""
    order = desk.order(number)
    return order.index(fix) + 1 if fix in order else 99


def _bad_batch(desk: Desk, asked: Sequence[tuple[str, Fault]]) -> dict[str, object]:
    """Somebody calls what helps irrelevant and what does not help the fix; then a night passes.

    In the end these tickets are resolved as wrongly, so that they stand among the cases.
    """
    before = firsts(desk, asked)
    refused = _standings(desk, "refused")
    tickets = [
        (desk.alert(fault) if turn == 0 else desk.type(fault.asked[-1]), fault, FAULTS[place - 1])
        for turn in range(WRONG // len(FAULTS))
        for place, fault in enumerate(FAULTS)
    ]
    for number, fault, other in tickets:
        for fix in desk.shown(number, fault.language):
            if fix in desk.mends[fault.rule]:
                desk.db.run_now(advice.put_aside, number, fix, actor=CHARLIE, now=desk.now)
        wrong = min(desk.mends[other.rule])
        desk.db.run_now(learning.judge, wrong, number, Verdict.FIXED, by=CHARLIE.id, now=desk.now)
    desk.night()
    after = hits(desk, asked)
    for number, fault, other in tickets:
        _resolve(desk, number, fixed_by=min(desk.mends[other.rule]), by=CHARLIE)
        if number in desk.device_of:
            desk.tell(fault, desk.device_of[number], "resolved")
    false_cases = firsts(desk, asked)
    return {
        "hit1_day_before": share([float(one is True) for one in before]),
        "hit1_day_after": share(after),
        "bad_batch_refused": _standings(desk, "refused") > refused,
        "hit1_after_false_cases": share([float(one is True) for one in false_cases]),
        "wrong_first_before": share([float(one is False) for one in before]),
        "wrong_first_after_false_cases": share([float(one is False) for one in false_cases]),
    }


# -- the command ------------------------------------------------------------------------------


@contextmanager
def made_database() -> Iterator[Database]:
    """An empty database that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="watchdesk-bench-") as folder:
        db = Database(f"sqlite:///{Path(folder) / 'bench.db'}")
        Base.metadata.create_all(db.engine)
        try:
            yield db
        finally:
            db.close()


@COMMAND.command("learn")
def learn_command() -> None:
    """Measure what the desk learns from fifty resolutions; the last line is one JSON object."""
    with made_database() as db:
        sys.stdout.write(json.dumps(learn(db)) + "\n")

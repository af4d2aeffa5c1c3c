"""The items of one report: observations to their CIs, news to alerts, samples to their columns."""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
import numpy as np
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from rules import wire
from server.agents import service as agents
from server.agents.models import Agent, Target
from server.alerts.taking import Told
from server.cmdb import service as cmdb
from server.cmdb.models import Ci
from server.discovery import service as discovery
from server.intake.models import LostStretch, Refusal
from server.intake.scope import DEVICE_UP, POLL_LAG, RESPONSE, SPOOL_DEPTH, Device, Scope, Scopes
from server.kernel.db import insert_missing
from server.kernel.errors import DeskError, ForbiddenError
from server.metrics import service as metrics
from server.metrics.samples import Block, Ids, Times, Values

FOREIGN = "This agent does not speak for {subject}."


@dataclass(slots=True)
class Delivery:
    """A report with the agent that proved it sent it, and what of it could not be read."""

    report: wire.Report
    received_at: datetime
    refused: list[wire.ItemAnswer] = field(default_factory=list)

    @property
    def key(self) -> tuple[int, str, int]:
        """What it counts once by."""
        return (self.report.agent, self.report.stream, self.report.sequence)

    @property
    def trace(self) -> str:
        """The trace id that all of it carries."""
        return self.report.trace or "-".join(map(str, self.key))


@dataclass(slots=True)
class Batch:
    """What is gathered of all reports before it is written at once."""

    blocks: list[Block] = field(default_factory=list)
    heard: list[agents.Heard] = field(default_factory=list)
    polled: dict[int, agents.Polled] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    stale: set[int] = field(default_factory=set)  # agents whose devices were bound meanwhile


class Taker:
    """Takes one report of one agent; what is written at once for all reports goes into the batch."""

    def __init__(
        self, session: Session, delivery: Delivery, agent: Agent, batch: Batch, *, now: datetime
    ) -> None:
        self.session = session
        self.delivery = delivery
        self.agent = agent
        self.batch = batch
        self.now = now
        self.source = f"agent:{agent.name}"
        self.answers = list(delivery.refused)
        self._depth: dict[int, float] = {}  # records that wait at the agent, by series of a stream
        self._poll_lag: float | None = None
        self._unread: dict[str, set[int]] = {}
        for answer in delivery.refused:
            self._unread.setdefault(answer.kind, set()).add(answer.index)

    def take(self, scopes: Scopes) -> list[wire.ItemAnswer]:
        """Take all items; the answers to those that were not simply accepted."""
        report = self.delivery.report
        scope = scopes.of(self.session, self.agent)
        for index, seen in enumerate(report.observations):
            self._observe(index, seen, scope)
        self._news(scope)
        if report.samples:
            self._samples(report.samples, scope, scopes)
        self._gaps()
        self._discovered()
        self._heard_of(scope)
        self.batch.heard.append(self._heard())
        return self.answers

    def _heard(self) -> agents.Heard:
        """What the report tells of the agent itself."""
        report = self.delivery.report
        moments = [block.at for block in report.samples] + [one.at for one in report.alerts]
        newest = max(moments, default=None)
        return agents.Heard(
            self.agent.id,
            self.delivery.received_at,
            ahead_s=report.sent_at - self.delivery.received_at.timestamp(),
            spool_depth=sum(self._depth.values()) if self._depth else None,
            lag_s=None if newest is None else max(0.0, report.sent_at - newest),
            poll_lag_s=self._poll_lag,
        )

    def _observe(self, index: int, seen: wire.Observation, scope: Scope) -> None:
        """Bring an observation to its CI."""
        device = scope.devices.get(seen.device)
        if device is None:
            self._foreign("observations", index, seen.device)
            return
        if not seen.trace:
            seen = msgspec.structs.replace(seen, trace=self.delivery.trace)
        try:
            with self.session.begin_nested():
                ci = cmdb.observe(self.session, seen, self.source, self.now)
        except DeskError as error:
            self._refuse("observations", index, error.code, error.field or "", str(error))
            return
        except (IntegrityError, DataError) as error:
            self._refuse("observations", index, "conflict", "", str(error.orig)[:200])
            return
        if ci is not None:
            self._bind(device, ci)
        if device.target_id is not None:
            at = min(datetime.fromtimestamp(seen.at, UTC), self.now)
            note(self.batch, device.target_id, at).profile = seen.evidence.get("profile")

    def _bind(self, device: Device, ci: Ci) -> None:
        """Remember which CI a device is; what was measured before it was known goes along."""
        if device.ci_id == ci.id:
            return
        if not device.bound:
            metrics.move_ci(self.session, device.ci_id, ci.id)
        if device.target_id is None:
            agents.bind_host(self.agent, ci.id, ci.number)
        else:
            target = self.session.get_one(Target, device.target_id)
            agents.bind_ci(self.session, target, ci.id, ci.number)
        device.ci_id = ci.id
        self.batch.stale.add(self.agent.id)

    def _news(self, scope: Scope) -> None:
        """Put alert news into the batch, with the report's trace for those that have none of their own."""
        news = []
        for index, one in enumerate(self.delivery.report.alerts):
            if one.device not in scope.devices:
                self._foreign("alerts", index, one.device)
                continue
            news.append(one)
        if not news:
            return
        self._note_down(news, scope)
        ci_of = {device.key: device.ci_id for device in scope.devices.values() if device.bound}
        given = self.delivery
        self.batch.told.append(
            Told(news, self.source, given.received_at, given.report.sequence, ci_of, given.trace)
        )

    def _note_down(self, news: list[wire.AlertNews], scope: Scope) -> None:
        """The reason why a device does not answer comes with the news of it."""
        for one in news:
            if one.symptom != "unreachable":
                continue
            target_id = scope.devices[one.device].target_id
            reason = one.evidence.get("reason") or one.evidence.get("raw")
            if target_id is not None and isinstance(reason, str):
                at = min(datetime.fromtimestamp(one.at, UTC), self.now)
                polled = note(self.batch, target_id, at)
                polled.up = one.status == "resolved"
                polled.reason = "" if polled.up else reason[:40]

    def _samples(self, blocks: list[wire.SampleBlock], scope: Scope, scopes: Scopes) -> None:
        """Put the values of all blocks with those of the batch; values of foreign series stay out."""
        ids = np.frombuffer(b"".join([block.series for block in blocks]), "<u4")
        values = np.frombuffer(b"".join([block.values for block in blocks]), "<f8")
        sizes = [len(block.series) // 4 for block in blocks]
        at = np.repeat(np.rint(np.array([block.at for block in blocks]) * 1000).astype(np.int64), sizes)
        foreign = scope.foreign(ids)
        if foreign.any():  # or registered since the scope was read
            scope = scopes.of(self.session, self.agent, fresh=True)
            foreign = scope.foreign(ids)
        if foreign.any():
            places = np.repeat(np.arange(len(blocks)), sizes)
            strange, first = np.unique(places[foreign], return_index=True)
            for index, one in zip(strange.tolist(), ids[foreign][first].tolist(), strict=True):
                self._foreign("samples", index, str(one))
            ids, at, values = ids[~foreign], at[~foreign], values[~foreign]
        if len(ids):
            self.batch.blocks.append(Block.of(ids, at, values))
            self._note_polls(scope, ids, at, values)

    def _note_polls(self, scope: Scope, ids: Ids, at: Times, values: Values) -> None:
        """Read from the values how polling goes."""
        targets = scope.target_of[ids]
        polled, last = np.unique(targets[::-1], return_index=True)
        moments = at[::-1][last]
        for target, moment in zip(polled.tolist(), moments.tolist(), strict=True):
            if target:
                note(self.batch, target, datetime.fromtimestamp(moment / 1000, UTC))
        own = np.flatnonzero(scope.special_mask[ids])
        for place in own.tolist():
            value = float(values[place])
            if math.isnan(value):
                continue
            special = scope.special[int(ids[place])]
            target_id = special.device.target_id
            if special.metric == SPOOL_DEPTH:
                self._depth[int(ids[place])] = value
            elif special.metric == POLL_LAG:
                self._poll_lag = max(self._poll_lag or 0.0, value)
            elif target_id is not None:
                polled_now = self.batch.polled[target_id]
                if special.metric == DEVICE_UP:
                    polled_now.up = value == special.up
                    polled_now.reason = "" if polled_now.up else polled_now.reason
                elif special.metric == RESPONSE:
                    polled_now.response_s = value

    def _gaps(self) -> None:
        rows = [
            {
                "agent_id": self.agent.id,
                "stream": gap.stream,
                "first": gap.first,
                "last": gap.last,
                "items": gap.items,
                "reason": gap.reason,
                "from_at": datetime.fromtimestamp(gap.from_at, UTC) if gap.from_at else None,
                "to_at": datetime.fromtimestamp(gap.to_at, UTC) if gap.to_at else None,
                "recorded_at": self.now,
            }
            for gap in self.delivery.report.gaps
        ]
        insert_missing(self.session, LostStretch, *rows)

    def _discovered(self) -> None:
        """What range jobs found, how far they are, and what came of trials; each for itself."""
        report = self.delivery.report
        for index, finding in enumerate(report.findings):
            try:
                with self.session.begin_nested():
                    discovery.take_finding(self.session, finding, self.agent, now=self.now)
            except ForbiddenError:
                self._foreign("findings", index, f"run {finding.run} {finding.address}")
            except DeskError as error:
                self._refuse("findings", index, error.code, error.field or "", str(error))
            except (IntegrityError, DataError) as error:
                self._refuse("findings", index, "conflict", "", str(error.orig)[:200])
        for index, told in enumerate(report.progress):
            if not discovery.take_progress(self.session, told, self.agent.id, now=self.now):
                self._foreign("progress", index, f"run {told.run}")
        for index, result in enumerate(report.trials):
            if not discovery.take_trial(self.session, result, self.agent.id, now=self.now):
                self._foreign("trials", index, f"trial {result.trial}")

    def _heard_of(self, scope: Scope) -> None:
        """Messages that listeners heard, of this agent's devices and of strangers."""
        good = []
        for index, one in enumerate(self.delivery.report.heard):
            if one.device and one.device not in scope.devices:
                self._foreign("heard", index, one.device)
            else:
                good.append(one)
        if good:
            discovery.take_heard(self.session, self.agent.id, good, now=self.now)

    def _foreign(self, kind: wire.ItemKind, index: int, subject: str) -> None:
        """Refuse an item of a device that is not this agent's, and keep that it was tried."""
        self._refuse(kind, index, "forbidden", "", FOREIGN.format(subject=subject))
        self.batch.refusals.append(
            Refusal(
                agent_id=self.agent.id,
                at=self.now,
                code="forbidden",
                kind=kind,
                subject=subject[:200],
                trace=self.delivery.trace,
            )
        )

    def _refuse(self, kind: wire.ItemKind, index: int, *said: str) -> None:
        """Refuse the `index`-th readable item, by its place in the list as it was sent."""
        place, left = index, self._unread.get(kind, set())
        for unread in sorted(left):
            place += unread <= place
        self.answers.append(wire.ItemAnswer(kind, place, "rejected", *said))


def note(batch: Batch, target_id: int, at: datetime) -> agents.Polled:
    """What the batch knows of a target's polling, with the newest moment; to be added to."""
    known = batch.polled.get(target_id)
    if known is None:
        known = batch.polled[target_id] = agents.Polled(target_id, at)
    elif at > known.at:
        known.at = at
    return known

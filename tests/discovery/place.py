"""A desk's database with one agent and a range job, and what that agent would tell."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from agent.discover.tell import shape
from rules import wire
from server.agents import service as agents
from server.agents.models import Agent
from server.discovery import jobs
from server.discovery.models import Policy
from server.intake import taking
from server.intake.items import Delivery
from server.intake.scope import Scopes
from server.kernel.db import Database

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
AT = NOON.timestamp()
ZONE = "Asia/Shanghai"
SYS = {"sysObjectID": "1.3.6.1.4.1.99999.1.7", "sysDescr": "Acme Widget 12 v3.4"}


@dataclass
class Place:
    """One agent with one job; runs are begun and told by hand."""

    db: Database
    agent_id: int
    job_id: int
    sequence: int = 0
    scopes: Scopes = field(default_factory=Scopes)

    def begin(self) -> int:
        """A run of the job."""
        return self.db.run_now(jobs.begin, self.job_id, by=None, now=NOON).id

    def report(self, now: datetime = NOON, **content: Any) -> wire.Answer:
        """One report of the agent, as it would come."""
        self.sequence += 1
        report = wire.Report(
            agent=self.agent_id, stream="events", sequence=self.sequence, sent_at=now.timestamp(), **content
        )
        answer = self.db.run_now(taking.take, [Delivery(report, now)], self.scopes, now=now)[0]
        assert answer.status == "accepted"
        return answer

    def found(self, run: int, address: str, **how: Any) -> wire.Finding:
        """A switch that is recognised, or what `how` says: kind, sure, serial, name, facts."""
        return finding(self.job_id, run, address, **how)


def finding(job: int, run: int, address: str, **how: Any) -> wire.Finding:
    kind, sure = how.get("kind", "switch"), how.get("sure", 0.9)
    serial, name = how.get("serial", f"SN-{address}"), how.get("name", f"dev-{address.replace('.', '-')}")
    facts: Mapping[str, str] = how.get("facts", SYS)
    guesses = {"name": wire.Guess(name, 1.0, "sysName", "standard")}
    if kind:
        guesses["device_class"] = wire.Guess(kind, sure, "speaks for it: lex descr:switch", "learned")
    keys = {"address": [address], "name": [name], **({"serial": [serial]} if serial else {})}
    seen = wire.Observation(
        f"found:{address}",
        how.get("at", AT),
        kind or "other",
        name,
        keys,
        {"vendor": "Acme", **how.get("attributes", {}), **({"serial": serial} if serial else {})},
    )
    return wire.Finding(
        job,
        run,
        address,
        how.get("at", AT),
        ways={"icmp": 0, "snmp": 161},
        credentials=how.get("credentials", {}),
        guesses=guesses,
        observation=seen,
        links=how.get("links", []),
        ports=how.get("ports", {}),
        truncated=how.get("truncated", False),
        attempts=how.get("attempts", []),
        facts=dict(facts),
        shape=shape(facts),
        stub="profile: acme-widget\nextends: snmp-device\n",
    )


def make(db: Database, policy: Policy = Policy.ASK, ranges: tuple[str, ...] = ("10.20.8.0/24",)) -> Place:
    """An agent that has joined, and a job of its own."""

    def write(session: Session) -> tuple[int, int]:
        token = agents.create_token(session, "agent-b1", now=NOON)
        joined = agents.enrol(session, wire.Enrol(token.token, "agent-b1", "host-1", "0.1"), now=NOON)
        new = jobs.NewJob("Offices", joined.agent_id, ranges, policy=policy)
        return joined.agent_id, jobs.create(session, new, zone=ZONE, now=NOON).id

    return Place(db, *db.run_now(write))


def agent(session: Session, place: Place) -> Agent:
    return session.get_one(Agent, place.agent_id)

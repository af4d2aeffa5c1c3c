"""Asks a device for what a plan names, over its transport, within one total deadline.

`Poller.poll` never raises for what a device or the network does: silence is a reading. Devices are
independent; one that hangs holds up nobody but itself. What is worth remembering between two polls
(learned answers, sessions, resolved names) is kept per target and dropped when the target changes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agent.poll_facts import reading_of, reading_of_words, registers_of
from agent.poll_services import Services, page_of, uses_json
from agent.poll_snmp import Converters, SnmpPoll, converters
from agent.reading import Reading, Target
from agent.transports import modbus, tcp
from agent.transports.facts import Facts
from agent.transports.host import Host
from agent.transports.http import Http
from agent.transports.icmp import Icmp
from agent.transports.snmp import Snmp
from agent.transports.trouble import TroubleError
from rules.plan import Plan
from rules.profile_form import Transport

if TYPE_CHECKING:
    from agent.transports.ssh import Ssh

GRACE_S = 1.0  # over the deadline a transport has itself
MAX_PLANS = 16  # kept of one profile: targets may narrow them
DEADLINE_S = 120.0  # whatever a target says


@dataclass(slots=True)
class _Kept:
    target: Target
    plan: Plan
    poll: SnmpPoll


def utcnow() -> datetime:
    """The time now; the program's clock may be another."""
    return datetime.now(UTC)


class Poller:
    """All polling of an agent. Make it inside the running loop; `close` it at the end."""

    def __init__(
        self, clock: Callable[[], datetime] = utcnow, checks: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """`checks`: the agent's own script checks by name, see `agent.transports.check`."""
        self.snmp = Snmp()
        self._services = Services(self._pages, clock, checks or {})
        self._icmp = Icmp()
        self._ssh: Ssh | None = None
        self._host = Host()
        self._http: Http | None = None
        self._clock = clock
        self._kept: dict[tuple[str, bool], _Kept] = {}
        self._plans: dict[str, list[tuple[Plan, Converters]]] = {}
        self._ways: dict[Transport, Callable[[Target, Plan, float], Awaitable[Reading]]] = {
            "snmp": self._by_snmp,
            "modbus": self._by_modbus,
            "http": self._by_http,
            "ssh": self._by_ssh,
            "icmp": self._by_icmp,
            "tcp": self._by_tcp,
            "host": self._by_host,
            **dict.fromkeys(self._services.transports, self._by_service),
        }

    async def close(self) -> None:
        """Let go of sockets, sessions and threads."""
        self.snmp.close()
        self._icmp.close()
        if self._ssh is not None:
            self._ssh.close()
        if self._http is not None:
            await self._http.close()

    def forget(self, key: str) -> None:
        """A target is gone."""
        for identifying in (False, True):
            self._kept.pop((key, identifying), None)
        if self._ssh is not None:
            self._ssh.forget(key)

    async def poll(self, target: Target, plan: Plan) -> Reading:
        """One reading, after at most the larger of the target's and the plan's timeout (and a second)."""
        timeout_s = min(DEADLINE_S, max(target.timeout_s, plan.timeout_s))
        try:
            async with asyncio.timeout(timeout_s + GRACE_S):
                reading = await self._ways[plan.transport](target, plan, timeout_s)
        except TroubleError as trouble:
            return trouble.reading()
        except TimeoutError:
            return Reading(up=False, reason="no_answer", detail=f"No answer in {timeout_s:g} s.")
        return reading

    async def _by_snmp(self, target: Target, plan: Plan, timeout_s: float) -> Reading:
        key = (target.key, bool(plan.identity))
        kept = self._kept.get(key)
        if kept is None or kept.target != target or (kept.plan is not plan and kept.plan != plan):
            kept = self._kept[key] = _Kept(target, plan, SnmpPoll(target, *self._shared(plan)))
        return await kept.poll.read(self.snmp, timeout_s)

    def _shared(self, plan: Plan) -> tuple[Plan, Converters]:
        """An equal plan that some device has already, with its converters; memory is per device otherwise."""
        known = self._plans.setdefault(plan.profile, [])
        for one in known:
            if one[0] is plan or one[0] == plan:
                return one
        made = (plan, converters(plan))
        known.append(made)
        del known[:-MAX_PLANS]
        return made

    async def _by_modbus(self, target: Target, plan: Plan, timeout_s: float) -> Reading:
        unit = target.params.get("unit", 1)
        if not isinstance(unit, int) or not 0 <= unit <= 255:
            raise TroubleError("configuration", "The Modbus unit is a number from 0 to 255.")
        words, rtt_s = await modbus.fetch(
            target.address, target.port, unit, registers_of(plan), timeout_s=timeout_s
        )
        return reading_of_words(plan, words, rtt_s)

    async def _by_http(self, target: Target, plan: Plan, timeout_s: float) -> Reading:
        page = page_of(target, plan.http or "/", json=uses_json(plan))
        return reading_of(plan, await self._pages().fetch(page, now=self._clock(), timeout_s=timeout_s))

    async def _by_service(self, target: Target, plan: Plan, timeout_s: float) -> Reading:
        return reading_of(plan, await self._services.fetch(plan.transport, target, plan, timeout_s))

    def _pages(self) -> Http:
        if self._http is None:
            self._http = Http()
        return self._http

    async def _by_ssh(self, target: Target, plan: Plan, timeout_s: float) -> Reading:
        if self._ssh is None:
            from agent.transports.ssh import Ssh  # noqa: PLC0415 - 9 MiB that most agents never need

            self._ssh = Ssh()
        inventoried, now = bool(plan.identity), self._clock()
        facts = await self._ssh.fetch(target, inventoried=inventoried, now=now, timeout_s=timeout_s)
        return reading_of(plan, facts)

    async def _by_icmp(self, target: Target, plan: Plan, timeout_s: float) -> Reading:
        count = target.params.get("count", 3)
        count = max(1, min(20, count)) if isinstance(count, int) else 3
        facts = await self._icmp.fetch(target.address, count=count, timeout_s=timeout_s)
        return reading_of(plan, facts)

    async def _by_tcp(self, target: Target, plan: Plan, timeout_s: float) -> Reading:
        if not target.port:
            raise TroubleError("configuration", "A TCP target needs a port.")
        banner = bool(target.params.get("banner", False))
        facts: Facts = await tcp.fetch(target.address, target.port, timeout_s=timeout_s, banner=banner)
        return reading_of(plan, facts)

    async def _by_host(self, target: Target, plan: Plan, timeout_s: float) -> Reading:  # noqa: ARG002
        return reading_of(plan, await self._host.fetch(timeout_s=timeout_s))

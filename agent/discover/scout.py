"""Find out what stands at one address: meet it, then ask it by every way that a job allows.

Meeting is knocking and the first word over SNMP: cheap, so a whole range is met before the first of many
devices has been asked. Asking takes the device's time and the agent's, so few are asked at once.

SNMP is asked first, for it tells most; a page or a register that a profile names, and a machine that takes
a pinned key and a sign-in, add to it. Whatever a device does, asking it ends within ADDRESS_S.
"""

import asyncio
import logging
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic

from agent.devices import Library
from agent.discover.answers import Learned
from agent.discover.asking import Asker
from agent.discover.by_page import PAGE_S, Pages
from agent.discover.evidence import SYS_DESCR, SYS_OBJECT_ID
from agent.discover.found import Attempt, Found
from agent.discover.guard import Guard
from agent.discover.opened import Opened
from agent.discover.probe import Known, failed, judge, read
from agent.discover.seen import Met, Seen, odd, outcome_of, take, take_banners, target_of
from agent.discover.sweep import PORTS, hail, knock
from agent.reading import Target
from agent.transports import modbus
from agent.transports.icmp import Icmp
from agent.transports.snmp import Ask, Device, version_of
from agent.transports.trouble import TroubleError
from rules.profile_form import Register
from rules.wire import RangeCredential, RangeJob

log = logging.getLogger("watchdesk.agent")
ADDRESS_S = 150.0  # for asking one device, whatever it does
AT_ONCE = 32  # devices that are asked thoroughly
SNMP_S = 3.0  # for the first answer to a community or user
V3 = 3
SWITCH_S = 0.0005  # recognition runs in a thread: at Python's 5 ms each answer and poll would wait for it
NETWORK_PROFILE = "network-cli"


class Scout:
    """Asks devices for all runs of an agent. Make it inside the running loop; close it at the end."""

    def __init__(self, library: Library, learned: Learned, opened: Opened | None = None) -> None:
        self.opened = opened or Opened()
        self._asker = Asker(library, self.opened)
        self.known = Known.packaged()
        self.learn(library, learned)
        self._pages = Pages(self._asker)
        self._icmp = Icmp()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._thinking = ThreadPoolExecutor(1, thread_name_prefix="recognise")
        sys.setswitchinterval(SWITCH_S)

    def learn(self, library: Library, learned: Learned) -> None:
        """Other profiles, or other answers of people."""
        self._asker.library = library
        self.known = Known(self.known.knowledge, self.known.models, library.profiles, learned)

    async def close(self) -> None:
        """Let go of sockets and threads."""
        self._icmp.close()
        self._thinking.shutdown(wait=False, cancel_futures=True)
        await self._asker.poller.close()
        await self._pages.close()

    async def meet(self, job: RangeJob, address: str, guard: Guard) -> Met | None:
        """Who is there, by which doors; None where nobody answers by any way."""
        begun = monotonic()
        seen = Seen(Found(address))
        signs = await knock(self._icmp, address, job.ways, job.ports)
        if signs.alive:
            seen.ways["icmp"] = 0
        for way, numbers in signs.open.items():
            seen.ways.setdefault(way, numbers[0])
        opened = None
        if "snmp" in job.ways:
            try:
                opened = await self._by_snmp(job, seen, guard)
            except Exception as error:  # one device's oddity must not hide that it is there
                log.exception("meeting %s failed", address)
                seen.attempts.append(odd(error))
        return Met(seen, signs, opened, monotonic() - begun) if seen.ways else None

    async def ask(
        self, job: RangeJob, met: Met, guard: Guard, *, over: Callable[[], bool] = lambda: False
    ) -> Seen | None:
        """What it is; few are asked at a time, so that nobody's answer is missed for it.

        None where the time was over before its turn came, as `over` says.
        """
        seen = met.seen
        if met.snmp is None and not met.signs.open:
            seen.took_s = met.took_s
            return seen
        async with self._room:
            if over():
                return None
            begun = monotonic()
            try:
                async with asyncio.timeout(ADDRESS_S):
                    await self._ask_all(job, met, guard)
            except TimeoutError:
                seen.found.truncated = True
                seen.attempts.append(Attempt("icmp", 0, "malformed", f"Not done within {ADDRESS_S:g} s."))
            except Exception as error:  # as in meet
                log.exception("asking %s failed", seen.found.address)
                seen.attempts.append(odd(error))
            seen.took_s = met.took_s + monotonic() - begun
        return seen

    async def _ask_all(self, job: RangeJob, met: Met, guard: Guard) -> None:
        seen, signs = met.seen, met.signs
        if met.snmp is not None:
            await self._recognised(seen, met.snmp)
        take_banners(seen, signs)
        for port in signs.open.get("http", ()):
            await self._pages.look(job, seen, guard, port)
        for port in signs.open.get("modbus", ()):
            await self._by_modbus(seen, port)
        for port in signs.open.get("ssh", ()):
            await self._by_ssh(job, seen, guard, port)
        for way, credential in seen.opened.items():
            self.opened.note(seen.found.address, way, credential)

    async def _by_snmp(self, job: RangeJob, seen: Seen, guard: Guard) -> Target | None:
        """The target with the first port and set that the device answers; the ports in turn for each set."""
        engines: dict[int, bool] = {}
        for one in self._asker.sets(job, seen, "snmp"):
            for target in [
                target_of(seen, one, "snmp", port) for port in job.ports.get("snmp", PORTS["snmp"])
            ]:
                if secure(target):
                    if target.port not in engines:
                        engines[target.port] = await hail(target.address, target.port)
                    if not engines[target.port]:
                        seen.attempts.append(Attempt("snmp", one.id, "silent", "No SNMPv3 engine answers."))
                        continue
                if await self._opens(seen, target, one, guard):
                    seen.ways["snmp"], seen.opened["snmp"] = target.port, one.id
                    return target
        return None

    async def _opens(self, seen: Seen, target: Target, one: RangeCredential, guard: Guard) -> bool:
        """Whether the device answers this community or user at all."""
        place = f"{seen.found.address}:{target.port}"
        async with guard.turn(place, one.id, account=secure(target)) as turn:
            if not turn.allowed:
                seen.attempts.append(Attempt("snmp", one.id, "held_back", turn.why))
                return False
            try:
                device = Device(target, Ask.of([SYS_DESCR, SYS_OBJECT_ID], []))
                await self._asker.poller.snmp.fetch(device, timeout_s=SNMP_S)
            except TroubleError as error:
                turn.refused = True if error.reason in {"auth", "security"} else None
                seen.attempts.append(failed(error, one.id))
                return False
            turn.refused = False
            return True

    async def _recognised(self, seen: Seen, target: Target) -> None:
        credential = seen.opened["snmp"]
        try:
            walked = await read(self._asker.poller.snmp, target, self.known.profiles, learned=True)
        except TroubleError as error:
            seen.attempts.append(failed(error, credential))
            return
        work = partial(judge, seen.found.address, walked, self.known, credential=credential)
        seen.found = await asyncio.get_running_loop().run_in_executor(self._thinking, work)
        seen.attempts += seen.found.attempts

    async def _by_modbus(self, seen: Seen, port: int) -> None:
        answered = False
        for form in self._asker.library.profiles.values():
            sign = form.match.modbus
            if sign is None:
                continue
            register = Register(sign.address, sign.kind)
            try:
                words, _ = await modbus.fetch(seen.found.address, port, 1, [register], timeout_s=PAGE_S)
            except TroubleError as error:
                answered |= error.reason == "bad_response"
                continue
            answered = True
            if words.get((sign.kind, sign.address)) == sign.equals and await self._asker.as_profile(
                seen, form, target_of(seen, None, "modbus", port), "modbus"
            ):
                break
        outcome = outcome_of("" if answered else "no_answer")
        seen.attempts.append(Attempt("modbus", 0, outcome, "unit 1"))

    async def _by_ssh(self, job: RangeJob, seen: Seen, guard: Guard, port: int) -> None:
        """One read-only command with each credential whose pinned key is the machine's."""
        form = self._asker.library.profiles.get("linux-ssh")
        for one in self._asker.sets(job, seen, "ssh") if form is not None else ():
            async with guard.turn(seen.found.address, one.id) as turn:
                if not turn.allowed:
                    seen.attempts.append(Attempt("ssh", one.id, "held_back", turn.why))
                    continue
                assert form is not None
                reading = await self._asker.ask(form, target_of(seen, one, "ssh", port))
                turn.refused = None if reading.reason == "no_answer" else reading.reason == "auth"
                outcome = "held_back" if reading.reason == "security" else outcome_of(reading.reason)
                seen.attempts.append(Attempt("ssh", one.id, outcome, reading.detail))
                if reading.up:
                    seen.opened["ssh"] = one.id
                    platform = reading.identity.get("platform", "")
                    if platform:
                        seen.found.facts["ssh_platform"] = platform
                        form = self._asker.library.profiles.get(NETWORK_PROFILE, form)
                    take(seen, form, reading, "ssh")
                    return


def secure(target: Target) -> bool:
    """Whether a target is asked by SNMPv3, as a user; a word that is no version is found out when asked."""
    try:
        return version_of(target) == V3
    except TroubleError:
        return False

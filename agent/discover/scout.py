"""Find out what stands at one address: meet it, then ask it by every way that a job allows.

Meeting is knocking and the first word over SNMP: cheap, so a whole range is met before the first of many
devices has been asked. Asking takes the device's time and the agent's, so few are asked at once.

SNMP is asked first, for it tells most; a page or a register that a profile names, and a machine that takes
a pinned key and a sign-in, add to it. Whatever a device does, asking it ends within ADDRESS_S.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from time import monotonic

from agent.devices import Library
from agent.discover.answers import Learned
from agent.discover.evidence import SYS_DESCR, SYS_OBJECT_ID
from agent.discover.found import Attempt, Found, Guess
from agent.discover.guard import Guard
from agent.discover.opened import Opened
from agent.discover.probe import Known, failed, judge, read
from agent.discover.sweep import PORTS, Signs, hail, knock
from agent.poll import Poller
from agent.reading import Reading, Target
from agent.transports import modbus
from agent.transports.http import Http, Page
from agent.transports.icmp import Icmp
from agent.transports.snmp import Ask, Device, version_of
from agent.transports.trouble import TroubleError, text_of
from rules import profile as profiles
from rules.pattern import Pattern
from rules.profile_form import Profile, Register
from rules.wire import Outcome, RangeCredential, RangeJob, Way

log = logging.getLogger("watchdesk.agent")
ADDRESS_S = 150.0  # for asking one device, whatever it does
AT_ONCE = 32  # devices that are asked thoroughly
SNMP_S = 3.0  # for the first answer to a community or user
PAGE_S = 5.0
V3 = 3
SWITCH_S = 0.0005  # recognition runs in a thread: at Python's 5 ms each answer and poll would wait for it
SECURE = {443, 8443}
IDENTITY = ("vendor", "model", "version", "serial", "name")
SURE_OF_PROFILE = 0.95
NETWORK_PROFILE = "network-cli"
HOST_WORDS = ("ubuntu", "debian", "raspbian", "freebsd", "openbsd")


@dataclass(slots=True)
class Seen:
    """What was learned of an address. `ways` have the port that answered, `opened` the credential."""

    found: Found
    ways: dict[Way, int] = field(default_factory=dict)
    opened: dict[Way, int] = field(default_factory=dict)
    identity: dict[str, str] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Met:
    """Somebody who is there. `snmp` is the target that answered over SNMP, `took_s` what that took."""

    seen: Seen
    signs: Signs
    snmp: Target | None
    took_s: float


@dataclass(frozen=True, slots=True)
class _Door:
    """A web server that asks for a sign-in."""

    seen: Seen
    guard: Guard
    base: str
    port: int


class Scout:
    """Asks devices for all runs of an agent. Make it inside the running loop; close it at the end."""

    def __init__(self, library: Library, learned: Learned, opened: Opened | None = None) -> None:
        self.library = library
        self.opened = opened or Opened()
        self.known = Known.packaged()
        self.learn(library, learned)
        self._poller = Poller()
        self._icmp = Icmp()
        self._http: Http | None = None
        self._room = asyncio.Semaphore(AT_ONCE)
        self._thinking = ThreadPoolExecutor(1, thread_name_prefix="recognise")
        sys.setswitchinterval(SWITCH_S)

    def learn(self, library: Library, learned: Learned) -> None:
        """Other profiles, or other answers of people."""
        self.library = library
        self.known = Known(self.known.knowledge, self.known.models, library.profiles, learned)

    async def close(self) -> None:
        """Let go of sockets and threads."""
        self._icmp.close()
        self._thinking.shutdown(wait=False, cancel_futures=True)
        await self._poller.close()
        if self._http is not None:
            await self._http.close()

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
                seen.attempts.append(_odd(error))
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
                seen.attempts.append(_odd(error))
            seen.took_s = met.took_s + monotonic() - begun
        return seen

    async def _ask_all(self, job: RangeJob, met: Met, guard: Guard) -> None:
        seen, signs = met.seen, met.signs
        if met.snmp is not None:
            await self._recognised(seen, met.snmp)
        self._banners(seen, signs)
        for port in signs.open.get("http", ()):
            await self._by_http(job, seen, guard, port)
        for port in signs.open.get("modbus", ()):
            await self._by_modbus(seen, port)
        for port in signs.open.get("ssh", ()):
            await self._by_ssh(job, seen, guard, port)
        for way, credential in seen.opened.items():
            self.opened.note(seen.found.address, way, credential)

    async def _by_snmp(self, job: RangeJob, seen: Seen, guard: Guard) -> Target | None:
        """The target with the first port and set that the device answers; the ports in turn for each set."""
        engines: dict[int, bool] = {}
        for one in self._sets(job, seen, "snmp"):
            for target in [_target(seen, one, "snmp", port) for port in job.ports.get("snmp", PORTS["snmp"])]:
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

    def _sets(self, job: RangeJob, seen: Seen, way: Way) -> list[RangeCredential]:
        """The sets of a way, that which opened the address last before the others."""
        mine = [one for one in job.credentials if one.transport == way]
        return self.opened.order(seen.found.address, way, mine)

    async def _opens(self, seen: Seen, target: Target, one: RangeCredential, guard: Guard) -> bool:
        """Whether the device answers this community or user at all."""
        place = f"{seen.found.address}:{target.port}"
        async with guard.turn(place, one.id, account=secure(target)) as turn:
            if not turn.allowed:
                seen.attempts.append(Attempt("snmp", one.id, "held_back", turn.why))
                return False
            try:
                device = Device(target, Ask.of([SYS_DESCR, SYS_OBJECT_ID], []))
                await self._poller.snmp.fetch(device, timeout_s=SNMP_S)
            except TroubleError as error:
                turn.refused = True if error.reason in {"auth", "security"} else None
                seen.attempts.append(failed(error, one.id))
                return False
            turn.refused = False
            return True

    async def _recognised(self, seen: Seen, target: Target) -> None:
        credential = seen.opened["snmp"]
        try:
            walked = await read(self._poller.snmp, target, self.known.profiles, learned=True)
        except TroubleError as error:
            seen.attempts.append(failed(error, credential))
            return
        work = partial(judge, seen.found.address, walked, self.known, credential=credential)
        seen.found = await asyncio.get_running_loop().run_in_executor(self._thinking, work)
        seen.attempts += seen.found.attempts

    async def _by_http(self, job: RangeJob, seen: Seen, guard: Guard, port: int) -> None:
        """Pages that profiles name, without a sign-in; those that ask for one, with each that the job has."""
        pages: dict[str, list[Profile]] = {}
        for form in self.library.profiles.values():
            if form.match.http is not None:
                pages.setdefault(form.match.http.path, []).append(form)
        scheme = "https" if port in SECURE else "http"
        base = f"{scheme}://{_bracketed(seen.found.address)}:{port}"
        await self._title(seen, base)
        closed = {}
        for path, forms in sorted(pages.items()):
            body = await self._page(Page(base + path, verify=False))
            if body is None:
                closed[path] = forms
            elif await self._fitting(seen, body, forms, None, port):
                return
        for one in self._sets(job, seen, "http") if closed else ():
            if await self._signed_in(_Door(seen, guard, base, port), one, closed):
                return

    async def _title(self, seen: Seen, base: str) -> None:
        """The front page's title as a fact."""
        try:
            told = await self._pages().read(Page(base + "/", verify=False), timeout_s=PAGE_S)
        except TroubleError as error:
            seen.attempts.append(Attempt("http", 0, _outcome(error.reason), error.detail))
            return
        seen.attempts.append(Attempt("http", 0, "answered", f"HTTP {told.status}"))
        title = Pattern(r"<title[^>]*>([^<]{1,200})").first(text_of(told.body[:65_536]))
        if title and title.strip():
            seen.found.facts.setdefault("http_title", title.strip()[:200])

    async def _page(self, page: Page) -> str | None:
        """A page's text; "" where there is none, None where it asks for a sign-in."""
        try:
            told = await self._pages().read(page, timeout_s=PAGE_S)
        except TroubleError as error:
            return None if error.reason == "auth" else ""
        return text_of(told.body, 200_000) if told.status == 200 else ""

    async def _signed_in(
        self, door: "_Door", one: RangeCredential, pages: Mapping[str, list[Profile]]
    ) -> bool:
        """Sign in once: a page that refuses ends it; where one was taken, so are the others."""
        seen, guard = door.seen, door.guard
        user, password, token = (str(one.values.get(name) or "") for name in ("user", "password", "token"))
        async with guard.turn(seen.found.address, one.id) as turn:
            if not turn.allowed:
                seen.attempts.append(Attempt("http", one.id, "held_back", turn.why))
                return False
            for path, forms in sorted(pages.items()):
                body = await self._page(Page(door.base + path, user, password, token, verify=False))
                turn.refused = body is None
                if body is None:
                    seen.attempts.append(Attempt("http", one.id, "refused", "The sign-in was not accepted."))
                    return False
                if await self._fitting(seen, body, forms, one, door.port):
                    seen.attempts.append(Attempt("http", one.id, "answered"))
                    return True
        return False

    async def _fitting(
        self, seen: Seen, body: str, forms: Sequence[Profile], one: RangeCredential | None, port: int
    ) -> bool:
        """The first profile whose words stand in the page; then the device is asked as that."""
        flat = " ".join(body.split())
        for form in forms:
            assert form.match.http is not None
            if Pattern(form.match.http.contains).found(flat):
                target = _target(seen, one, "http", port)
                if await self._as_profile(seen, form, target, "http"):
                    if one is not None:
                        seen.opened["http"] = one.id
                    return True
        return False

    async def _by_modbus(self, seen: Seen, port: int) -> None:
        answered = False
        for form in self.library.profiles.values():
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
            if words.get((sign.kind, sign.address)) == sign.equals and await self._as_profile(
                seen, form, _target(seen, None, "modbus", port), "modbus"
            ):
                break
        outcome = _outcome("" if answered else "no_answer")
        seen.attempts.append(Attempt("modbus", 0, outcome, "unit 1"))

    async def _by_ssh(self, job: RangeJob, seen: Seen, guard: Guard, port: int) -> None:
        """One read-only command with each credential whose pinned key is the machine's."""
        form = self.library.profiles.get("linux-ssh")
        for one in self._sets(job, seen, "ssh") if form is not None else ():
            async with guard.turn(seen.found.address, one.id) as turn:
                if not turn.allowed:
                    seen.attempts.append(Attempt("ssh", one.id, "held_back", turn.why))
                    continue
                assert form is not None
                reading = await self._ask(form, _target(seen, one, "ssh", port))
                turn.refused = None if reading.reason == "no_answer" else reading.reason == "auth"
                outcome = "held_back" if reading.reason == "security" else _outcome(reading.reason)
                seen.attempts.append(Attempt("ssh", one.id, outcome, reading.detail))
                if reading.up:
                    seen.opened["ssh"] = one.id
                    platform = reading.identity.get("platform", "")
                    if platform:
                        seen.found.facts["ssh_platform"] = platform
                        form = self.library.profiles.get(NETWORK_PROFILE, form)
                    self._take(seen, form, reading, "ssh")
                    return

    async def _as_profile(self, seen: Seen, form: Profile, target: Target, way: Way) -> bool:
        reading = await self._ask(form, target)
        if reading.up:
            seen.ways[way] = target.port
            self._take(seen, form, reading, way)
        return reading.up

    async def _ask(self, form: Profile, target: Target) -> Reading:
        try:
            return await self._poller.poll(target, profiles.plan(form, identify=True))
        except Exception as error:  # one device's oddity must not end the run
            log.exception("asking %s as %s failed", target.address, form.profile)
            detail = f"{type(error).__name__} while it was read."
            return Reading(up=False, reason="bad_response", detail=detail)
        finally:
            self._poller.forget(target.key)

    def _take(self, seen: Seen, form: Profile, reading: Reading, way: Way) -> None:
        """What a device said as a profile: it fills what SNMP left open."""
        found, reason = seen.found, f"the profile {form.profile} fits over {way.upper()}"
        if not found.profile:
            found.profile = form.profile
            found.guesses["device_class"] = Guess(
                reading.identity.get("device_class") or form.ci_class or "other",
                SURE_OF_PROFILE,
                reason,
                "profile",
            )
        told = {"vendor": form.vendor or "", **reading.identity}
        for name in IDENTITY:
            known = found.guesses.get(name)
            if told.get(name) and (known is None or known.confidence < SURE_OF_PROFILE):
                found.guesses[name] = Guess(str(told[name])[:4_000], SURE_OF_PROFILE, reason, "profile")
        found.interfaces = found.interfaces or reading.interfaces
        found.links = found.links or reading.links
        seen.identity = {**reading.identity, **seen.identity}

    def _banners(self, seen: Seen, signs: Signs) -> None:
        for port, banner in sorted(signs.banners.items()):
            way = "ssh" if port in signs.open.get("ssh", ()) else f"tcp_{port}"
            seen.found.facts.setdefault(f"{way}_banner", banner)
        banner = seen.found.facts.get("ssh_banner", "").lower()
        if any(word in banner for word in HOST_WORDS) and "device_class" not in seen.found.guesses:
            reason = f"its SSH server says {seen.found.facts['ssh_banner']}"
            seen.found.guesses["device_class"] = Guess("server", 0.6, reason, "reading")

    def _pages(self) -> Http:
        if self._http is None:
            self._http = Http()
        return self._http


def _odd(error: Exception) -> Attempt:
    return Attempt("icmp", 0, "malformed", f"{type(error).__name__} while it was read.")


def secure(target: Target) -> bool:
    """Whether a target is asked by SNMPv3, as a user; a word that is no version is found out when asked."""
    try:
        return version_of(target) == V3
    except TroubleError:
        return False


def _target(seen: Seen, one: RangeCredential | None, way: Way, port: int) -> Target:
    address = seen.found.address
    values = dict(one.values) if one is not None else {}
    params: dict[str, str | int | float | bool | None] = {"verify": False} if way == "http" else {}
    key = f"r:{address}:{port}:{one.id if one is not None else 0}"
    return Target(key, address, address, port, values, params)


def _outcome(reason: str) -> Outcome:
    """An attempt's outcome, by the reason of a reading."""
    if reason in {"", "limit"}:
        return "answered"
    if reason in {"no_answer", "unreachable"}:
        return "silent"
    return "malformed" if reason == "bad_response" else "refused"


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address

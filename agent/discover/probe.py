"""Ask one device over SNMP what it is, in few round trips, and recognise it from its answers.

One GET of identity scalars tells whether somebody is there; then the tables of IF-MIB, ENTITY-MIB and its
sensors, UPS-MIB and Printer-MIB by GETBULK (an absent table costs one round trip), then what the best profile
asks for, then the subtrees of makers, bounded by `MAKER_VARBINDS`, at last the neighbours it tells of; what
it learned of others (bridge tables, ARP, routes) only where that is wanted and it forwards. What a device
answers wrongly, endlessly or not at all ends in an attempt with its reason; its neighbours share nothing with
it but the socket.
"""

import asyncio
import json
import logging
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import msgspec

from agent.discover.answers import Learned, apply
from agent.discover.bench import line_of
from agent.discover.by_profile import GENERAL, choose, reads, wanted
from agent.discover.evidence import ENTERPRISES, ENTITY, SYS_DESCR, SYS_NAME, SYS_OBJECT_ID, SYS_SERVICES
from agent.discover.found import SURE, Attempt, Found, Link
from agent.discover.interfaces import of_values
from agent.discover.links import LLDP, MAX_NEIGHBOURS, links, mac_of
from agent.discover.models import Models
from agent.discover.models import packaged as packaged_models
from agent.discover.profiled import profiled
from agent.discover.recognise import recognise
from agent.discover.stub import stub
from agent.knowledge import Knowledge
from agent.knowledge import packaged as packaged_knowledge
from agent.reading import Target
from agent.transports import ber
from agent.transports.ber import Raw
from agent.transports.snmp import Ask, Device, Snmp
from agent.transports.trouble import TroubleError
from rules.profile import Profile
from rules.profile import asked as asks
from rules.profile import packaged as packaged_profiles

log = logging.getLogger("watchdesk.agent")
CHASSIS, BRIDGE = "1.0.8802.1.1.2.1.3.2.0", "1.3.6.1.2.1.17.1.1.0"  # the address neighbours know it by
FORWARDING = "1.3.6.1.2.1.4.1.0"
FORWARDS = 0b110  # layers 2 and 3 of sysServices (RFC 3418)
SCALARS = (
    SYS_DESCR,
    SYS_OBJECT_ID,
    SYS_NAME,
    SYS_SERVICES,
    *(f"1.3.6.1.2.1.33.1.1.{part}.0" for part in range(1, 6)),
    "1.3.6.1.2.1.43.5.1.1.17.1",
    "1.3.6.1.2.1.43.5.1.1.16.1",
    "1.3.6.1.2.1.25.3.2.1.3.1",
    CHASSIS,
    BRIDGE,
)
_IF, _IFX, _SENSOR = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1", "1.3.6.1.2.1.99.1.1.1"
TABLES = (
    [f"{_IF}.{column}" for column in (2, 3, 5, 6, 7, 8)],
    [f"{_IFX}.{column}" for column in (1, 15, 18)],
    [f"{ENTITY}{column}" for column in (2, 4, 5, 7, 8, 9, 10, 11, 12, 13)],
    [f"{_SENSOR}.{column}" for column in (1, 2, 3, 4, 5)],
    ["1.3.6.1.2.1.33.1"],
    [f"1.3.6.1.2.1.25.3.2.1.{column}" for column in (2, 3, 5)],
    ["1.3.6.1.2.1.43.10.2.1.4"],
    ["1.3.6.1.2.1.105.1.3.1.1"],
    ["1.3.6.1.3.94.1.6.1"],
    ["1.3.6.1.3.94.1.8.1"],
)
MAKER_VARBINDS, PROFILED_VARBINDS = 8_000, 2_000  # of makers' subtrees; the less where a profile reads them
TABLE_ROWS = 10_000
INTRODUCED = f"{LLDP}."
FIRST_S, REST_S = 5.0, 60.0
LINKS_S = 40.0  # for all that is asked of neighbours


class Line(msgspec.Struct):
    """One line of the targets' file."""

    address: str
    port: int = 161
    community: str = "public"
    version: str = "2c"
    recording: str = ""


class Asked:
    """One device on the network as a `Reader`; counts its round trips."""

    def __init__(self, snmp: Snmp, target: Target) -> None:
        self.snmp = snmp
        self.target = target
        self.round_trips = 0
        self.truncated = False
        self.silent = False  # once it did not answer
        self.until = math.inf  # by the monotonic clock; asking later is silence

    async def get(self, oids: Sequence[str]) -> Mapping[str, Raw]:
        """Instances that answered."""
        return await self._ask(Ask.of(list(oids), []), FIRST_S)

    async def walk(self, roots: Sequence[str], *, limit: int = 10_000) -> Mapping[str, Raw]:
        """All below some roots, each walked for itself."""
        return await self.tables([[root] for root in roots], limit=limit)

    async def tables(self, groups: Iterable[list[str]], *, limit: int = TABLE_ROWS) -> Mapping[str, Raw]:
        """Groups of columns, each group read side by side."""
        return await self._ask(Ask.of([], list(groups), max_rows=limit), REST_S)

    async def _ask(self, ask: Ask, timeout_s: float) -> dict[str, Raw]:
        left = min(timeout_s, self.until - monotonic())
        if left <= 0:
            self.silent = True
            raise TroubleError("no_answer", "Asking for its neighbours took too long.")
        try:
            answer = await self.snmp.fetch(Device(self.target, ask), timeout_s=left)
        except TroubleError:
            self.silent = True
            raise
        self.round_trips += answer.round_trips
        self.truncated |= answer.truncated
        names = [*ask.scalars, *(column for group in ask.groups for column in group)]
        return {
            ber.decode_oid(names[place] + suffix): value
            for (place, suffix), value in zip(answer.shape.keys, answer.values, strict=True)
        }


@dataclass(slots=True)
class _Kept:
    """A reader that keeps what neighbours introduced themselves with: recognition looks at it as well."""

    asked: Asked
    values: dict[str, Raw] = field(default_factory=dict)

    async def get(self, oids: Sequence[str]) -> Mapping[str, Raw]:
        return await self.asked.get(oids)

    async def walk(self, roots: Sequence[str], *, limit: int = MAX_NEIGHBOURS) -> Mapping[str, Raw]:
        told = await self.asked.walk(roots, limit=limit)
        self.values |= {oid: value for oid, value in told.items() if oid.startswith(INTRODUCED)}
        return told


@dataclass(frozen=True, slots=True)
class Known:
    """All that devices are recognised by; `learned` are operators' answers by `answers.fingerprint`."""

    knowledge: Knowledge
    models: Models
    profiles: Mapping[str, Profile]
    learned: Learned = field(default_factory=dict)

    @classmethod
    def packaged(cls) -> "Known":
        """What the package carries."""
        return cls(packaged_knowledge(), packaged_models(), packaged_profiles())

    def recognise(self, address: str, values: Mapping[str, Raw]) -> Found:
        """Recognise, let the profile and then the operator win; a stub where class or vendor stay unsure."""
        found = recognise(address, values, self.knowledge, self.models)
        profiled(found, values, self.profiles)
        apply(found, self.learned)
        unsure = [name for name in ("device_class", "vendor")
                  if name not in found.guesses or found.guesses[name].confidence < SURE]  # fmt: skip
        if unsure:
            found.stub = stub(found, self.knowledge)
        return found


@dataclass(slots=True)
class Walked:
    """What a device answered, in the order of its OIDs. `detail`: why the reading ended early."""

    values: dict[str, Raw]
    detail: str = ""
    round_trips: int = 0
    truncated: bool = False
    links: tuple[Link, ...] = ()


async def read(
    snmp: Snmp, target: Target, profiles: Mapping[str, Profile], *, learned: bool = False
) -> Walked:
    """Ask a device all that recognition and the best profile want, and who its neighbours are.

    Args:
        learned: also what a bridge or router learned of others from their frames.

    Raises TroubleError where it says nothing at all.
    """
    asked = Asked(snmp, target)
    values: dict[str, Raw] = {}
    told: tuple[Link, ...] = ()
    detail = ""
    try:
        values |= await asked.get(SCALARS)
        values |= await asked.tables(TABLES)
        limit = PROFILED_VARBINDS if await _by_profile(asked, values, profiles) else MAKER_VARBINDS
        values |= await asked.walk([ENTERPRISES.rstrip(".")], limit=limit)
        told = await _links(asked, values, learned=learned)
    except TroubleError as error:
        if not values:
            raise
        detail = error.detail
        asked.truncated = True
    ordered = dict(sorted(values.items(), key=lambda item: tuple(map(int, item[0].split(".")))))
    return Walked(ordered, detail, asked.round_trips, asked.truncated, told)


async def _links(asked: Asked, values: dict[str, Raw], *, learned: bool) -> tuple[Link, ...]:
    """Who its neighbours are; a table that has more than is asked for does not make the rest incomplete."""
    asked.until = monotonic() + LINKS_S
    cut = asked.truncated
    kept = _Kept(asked)
    deep = learned and await _forwards(asked, values)
    told = await links(kept, of_values(values), learned=deep)
    values |= kept.values
    asked.truncated = cut or asked.silent
    return told


async def _forwards(asked: Asked, values: Mapping[str, Raw]) -> bool:
    """Whether a device passes on what others send: only such learn who stands where."""
    services = values.get(SYS_SERVICES)
    if mac_of(values.get(BRIDGE)) or (isinstance(services, int) and services & FORWARDS):
        return True
    return (await asked.get([FORWARDING])).get(FORWARDING) == 1


def chassis_mac(values: Mapping[str, Raw]) -> str:
    """The hardware address of the device as a whole, "" where it tells none."""
    return mac_of(values.get(CHASSIS)) or mac_of(values.get(BRIDGE))


def judge(address: str, walked: Walked, known: Known, *, credential: int = 0) -> Found:
    """What stands behind an address, from what it answered. Pure, some ten milliseconds of work."""
    found = known.recognise(address, walked.values)
    found.ways = ("snmp",)
    found.links = walked.links
    if own := chassis_mac(walked.values):
        found.facts["chassis_mac"] = own
    found.attempts = (Attempt("snmp", credential, "answered", walked.detail),)
    found.round_trips, found.truncated = walked.round_trips, walked.truncated
    return found


async def probe(snmp: Snmp, target: Target, known: Known, *, credential: int = 0) -> Found:
    """What stands behind a target; never raises for what a device does."""
    try:
        walked = await read(snmp, target, known.profiles)
    except TroubleError as error:
        return Found(target.address, attempts=(failed(error, credential),))
    return judge(target.address, walked, known, credential=credential)


async def _by_profile(asked: Asked, values: dict[str, Raw], profiles: Mapping[str, Profile]) -> bool:
    """Read what the best profile asks for; whether there is one that knows the device by name."""
    probes = dict.fromkeys(oid for one in profiles.values() if reads(one) for oid in asks(one.match))
    if probes:
        values |= await asked.get([oid.strip(".") for oid in probes])
    name = choose(values, profiles)
    if not name or name == GENERAL:
        return False
    plan = wanted(profiles[name])
    if plan.instances:
        values |= await asked.get(plan.instances)
    if plan.columns:
        values |= await asked.tables(list(group) for group in plan.columns)
    return True


def failed(error: TroubleError, credential: int) -> Attempt:
    """An attempt that did not open the device, by its reason."""
    if error.reason == "no_answer":
        return Attempt("snmp", credential, "silent", error.detail)
    return Attempt(
        "snmp", credential, "malformed" if error.reason == "bad_response" else "refused", error.detail
    )


async def run(lines: list[Line], out: Path, concurrency: int) -> None:
    """Probe all targets, so many at once, and write a line for each as it comes."""
    snmp, gate = Snmp(), asyncio.Semaphore(max(1, concurrency))
    known = Known.packaged()
    with out.open("w", encoding="utf-8") as file:

        async def one(number: int, line: Line) -> None:
            async with gate:
                credential = {"community": line.community, "version": line.version}
                target = Target(f"t{number}", line.address, line.address, line.port, dict(credential))
                try:
                    found = await probe(snmp, target, known)
                except (
                    Exception
                ) as error:  # outermost loop: one device's oddity must not end the others' probe
                    log.exception("probe of %s failed", line.address)
                    odd = Attempt("snmp", 0, "malformed", f"{type(error).__name__} while it was read.")
                    found = Found(line.address, attempts=(odd,))
                told = line_of(line.recording or line.address, found)
                told |= {
                    "round_trips": found.round_trips,
                    "truncated": found.truncated,
                    "attempts": [attempt.outcome for attempt in found.attempts],
                }
                file.write(json.dumps(told) + "\n")

        try:
            async with asyncio.TaskGroup() as group:
                for number, line in enumerate(lines):
                    group.create_task(one(number, line))
        finally:
            snmp.close()


def command(targets: Path, out: Path, concurrency: int) -> int:
    """`watchdesk-agent probe`; 2 with a sentence where the file is no good."""
    lines: list[Line] = []
    for number, text in enumerate(targets.read_text(encoding="utf-8").splitlines(), 1):
        if text.strip():
            try:
                lines.append(msgspec.json.decode(text, type=Line))
            except msgspec.MsgspecError as error:
                sys.stderr.write(f"{targets}, line {number}: {error}\n")
                return 2
    asyncio.run(run(lines, out, concurrency))
    return 0

"""SNMP v1, v2c and v3: what to ask in, values by key out; one door over the two engines.

Measured on two shared cores, varbinds per CPU-second of ifTable and ifXTable whole (2,080 of a 48-port
switch), twenty switches, medians of three runs of one session: Prometheus' snmp_exporter (Go) 0.15 M;
gufo-snmp getbulk 0.58 M, fetch 0.54 M, get_many 0.75 M; a drained socket with a BER decoder in plain Python
1.3 M; this engine 0.62 M for a device's first poll and 3.6 M from the third on, when answers are compared as
a whole and cut by `struct` (`snmp_layout`). So v1 and v2c have the own engine; v3, where ciphers cost more
than decoding, stays with gufo-snmp.
"""

import asyncio
import socket
from dataclasses import dataclass, field

from agent.reading import Target
from agent.transports import ber
from agent.transports.snmp_engine import Engine, Peer
from agent.transports.snmp_v3 import SecureSession
from agent.transports.snmp_walk import Answer, Ask, Session
from agent.transports.trouble import TroubleError, of_os

PORT = 161
VERSIONS = {"1": 0, "v1": 0, "2c": 1, "v2c": 1, "2": 1, "3": 3, "v3": 3}

__all__ = ["PORT", "Answer", "Ask", "Device", "Snmp", "Walked", "walk"]


@dataclass(slots=True)
class Walked:
    """All below some roots, by OID as text."""

    values: dict[str, ber.Raw] = field(default_factory=dict)
    truncated: bool = False


class Device:
    """One target with what is remembered of it between polls."""

    def __init__(self, target: Target, ask: Ask) -> None:
        self.target = target
        self.version = version_of(target)
        self.peer: Peer | None = None
        self.family = socket.AF_INET
        self.ask = ask
        self.session: Session | None = None
        self.secure: SecureSession | None = None
        if self.version != 3:
            community = target.credential.get("community", "public")
            self.session = Session(self.version, str(community).encode(), ask)

    def change(self, ask: Ask) -> None:
        """Ask something else from now on."""
        self.ask = ask
        if self.session is not None:
            self.session = Session(self.version, self.session.community, ask)
        self.secure = None


def version_of(target: Target) -> int:
    """0 for v1, 1 for v2c, 3 for v3: as the credential says, else v3 where it names a user, else v2c."""
    said = str(target.credential.get("version") or ("3" if target.credential.get("user") else "2c")).lower()
    if said not in VERSIONS:
        raise TroubleError("configuration", f"SNMP has no version '{said}'.")
    return VERSIONS[said]


class Snmp:
    """All SNMP traffic of an agent. Make it inside the running loop; close it at the end."""

    def __init__(self) -> None:
        self._engines: dict[int, Engine] = {}
        self.kept = 0  # varbinds that were read and kept, of all devices

    def close(self) -> None:
        """Let go of the sockets."""
        for engine in self._engines.values():
            engine.close()
        self._engines.clear()

    @property
    def strange(self) -> int:
        """Answers that nobody waited for, or that came from elsewhere."""
        return sum(engine.strange for engine in self._engines.values())

    async def fetch(self, device: Device, *, timeout_s: float) -> Answer:
        """Ask a device all that it is to be asked; raises TroubleError, within `timeout_s` in all."""
        try:
            answer = await self._fetch(device, timeout_s)
        except TroubleError:
            device.peer = None  # the name may lead elsewhere by now
            raise
        self.kept += len(answer.values)
        return answer

    async def _fetch(self, device: Device, timeout_s: float) -> Answer:
        if device.peer is None:
            await self._resolve(device, timeout_s)
        assert device.peer is not None
        if device.version == 3:
            if device.secure is None or device.secure.peer != device.peer:
                device.secure = SecureSession(device.peer, device.target.credential, device.ask)
            return await device.secure.fetch(timeout_s)
        assert device.session is not None
        engine = self._engines.get(device.family)
        if engine is None:
            engine = self._engines[device.family] = Engine(socket.AddressFamily(device.family))
        retry_s = min(1.0, timeout_s / 3)
        return await engine.fetch(device.session, device.peer, timeout_s=timeout_s, retry_s=retry_s)

    async def _resolve(self, device: Device, timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        port = device.target.port or PORT
        try:
            async with asyncio.timeout(timeout_s):
                found = await loop.getaddrinfo(device.target.address, port, type=socket.SOCK_DGRAM)
        except OSError as error:
            raise of_os(error) from None
        family, _, _, _, address = found[0]
        device.family = family
        device.peer = (str(address[0]), int(address[1]))


async def walk(
    snmp: Snmp,
    target: Target,
    roots: list[str],
    instances: list[str] | None = None,
    *,
    timeout_s: float = 30.0,
) -> Walked:
    """Read instances and all below roots once, as discovery does; raises TroubleError.

    Each root is walked for itself, so that roots of any size and kind may be given.
    """
    ask = Ask.of(instances or [], [[root] for root in roots], max_rows=50_000)
    device = Device(target, ask)
    answer = await snmp.fetch(device, timeout_s=timeout_s)
    names = [*ask.scalars, *(column for group in ask.groups for column in group)]
    result = Walked(truncated=answer.truncated)
    for (place, suffix), value in zip(answer.shape.keys, answer.values, strict=True):
        result.values[ber.decode_oid(names[place] + suffix)] = value
    return result

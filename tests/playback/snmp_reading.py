"""Reads single values of a device's objects, past the network."""

from agent.playback import ber
from agent.playback.mib import Mib


def value(mib: Mib, name: str) -> tuple[int, bytes]:
    binding, there = mib.get(ber.parse_oid(name))
    assert there, name
    body, _ = ber.expect(ber.SEQUENCE, binding)
    _, at = ber.expect(ber.OID, body)
    tag, raw, _ = ber.read(body, at)
    return tag, raw


def integer(mib: Mib, name: str) -> int:
    return int.from_bytes(value(mib, name)[1], "big", signed=True)

"""Algorithms of SSH that are too weak to be spoken, and what a machine offers, to be named in a refusal.

Source: RFC 4253 section 7.1 (SSH_MSG_KEXINIT goes unencrypted), RFC 9142 (key exchanges left behind).
"""

import socket
import struct
from time import monotonic

from agent.transports.trouble import clean

WEAK = {
    "kex": [
        "diffie-hellman-group1-sha1",
        "diffie-hellman-group14-sha1",
        "diffie-hellman-group-exchange-sha1",
    ],
    "keys": ["ssh-rsa", "ssh-dss"],
    "ciphers": ["3des-cbc", "blowfish-cbc", "arcfour", "arcfour128", "arcfour256"],
    "macs": ["hmac-md5", "hmac-md5-96", "hmac-sha1-96"],
}
REFUSED = "No algorithm that is strong enough is offered"
_KEXINIT = 20
_LISTS = ("kex", "keys", "ciphers", "ciphers", "macs", "macs")
MAX_LINE = 8_192  # bytes before the identification line
MAX_PACKET = 35_000  # RFC 4253 section 6.1
MAX_NAMED = 600  # characters


def offered_by(address: str, port: int, until: float) -> str:
    """What a machine offers, by kind, for people to read. No credential is sent. `until`: steady clock."""
    try:
        with socket.create_connection((address, port), timeout=max(0.1, until - monotonic())) as door:
            door.sendall(b"SSH-2.0-watchdesk\r\n")
            offered = _offer(door, until)
    except (OSError, ValueError, struct.error):
        offered = {}
    told = "; ".join(f"{kind} {', '.join(names)}" for kind, names in offered.items())
    return clean(told, MAX_NAMED) or "it does not say which it has"


def _offer(door: socket.socket, until: float) -> dict[str, list[str]]:
    """The lists of names of the machine's first packet. Raises ValueError for what is none."""
    _identification(door, until)
    length, padding = struct.unpack(">IB", _exactly(door, 5, until))
    if not padding + 1 < length <= MAX_PACKET:
        raise ValueError("the length of the first packet makes no sense")
    packet = _exactly(door, length - 1, until)[: length - 1 - padding]
    if len(packet) < 17 or packet[0] != _KEXINIT:
        raise ValueError("the first packet offers no algorithms")
    found: dict[str, list[str]] = {}
    at = 17
    for kind in _LISTS:
        (size,) = struct.unpack_from(">I", packet, at)
        names = packet[at + 4 : at + 4 + size].decode("ascii", "replace").split(",")
        at += 4 + size
        known = found.setdefault(kind, [])
        known += [name for name in names if name and name not in known]
    return found


def _identification(door: socket.socket, until: float) -> None:
    seen = b""
    while len(seen) < MAX_LINE:
        seen += _exactly(door, 1, until)
        if seen.endswith(b"\n"):
            if seen.startswith(b"SSH-"):
                return
            seen = b""
    raise ValueError("no identification line")


def _exactly(door: socket.socket, count: int, until: float) -> bytes:
    out = bytearray()
    while len(out) < count:
        left = until - monotonic()
        if left <= 0:
            raise ValueError("the time is over")
        door.settimeout(left)
        chunk = door.recv(count - len(out))
        if not chunk:
            raise ValueError("the machine closed the connection")
        out += chunk
    return bytes(out)

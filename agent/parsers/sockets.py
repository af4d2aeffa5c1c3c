"""Who listens and who talks to whom: ss(8) of Linux, netstat(1) of Linux, the BSDs, AIX and Solaris."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from agent.parsers.text import lines
from rules.numbers import whole

_PROCESS = re.compile(r'users:\(\("([^"]{1,64})"')
_NETSTAT_PROCESS = re.compile(r"^\d{1,10}/(.{1,64})$")
_STATES = {
    "LISTEN": "listening",
    "UNCONN": "listening",
    "Idle": "listening",
    "ESTAB": "established",
    "ESTABLISHED": "established",
}
SIGN_INS = frozenset({22, 23, 3389, 5900, 5985, 5986})  # a person at work, not a dependency


@dataclass(frozen=True, slots=True)
class Socket:
    """An own end and, where `state` is established, the far one. `process` is "" where it is not told."""

    protocol: str
    state: str  # listening or established
    address: str
    port: int
    far: str = ""
    far_port: int = 0
    process: str = ""


def read_ss(text: str) -> list[Socket]:
    """`ss -H -tuanp`: Netid State Recv-Q Send-Q Local Peer Process."""
    found = []
    for line in lines(text):
        words = line.split(None, 6)
        if len(words) >= 6 and words[0] in {"tcp", "udp"}:
            process = _PROCESS.search(words[6]) if len(words) > 6 else None
            one = _socket(words[0], words[1], words[4], words[5], process[1] if process else "")
            found += [one] if one else []
    return found


def read_netstat(text: str) -> list[Socket]:
    """`netstat -an` in any of its forms: the ends are two words beside each other, the state is the last."""
    found = []
    protocol = "tcp"
    for line in lines(text):
        words = line.split()
        if words[0].rstrip(":").lower() in {"tcp", "udp"} and len(words) <= 3:  # Solaris' heading `TCP: IPv4`
            protocol = words[0].rstrip(":").lower()
            continue
        plain = words[0][:3].lower() in {"tcp", "udp"} and len(words) >= 5
        kind, ends = (words[0][:3].lower(), words[3:5]) if plain else (protocol, words[:2])
        rest = words[5:] if plain else words[2:]
        state = next((one for one in rest if one in _STATES), "LISTEN" if kind == "udp" and plain else "")
        told = next((match[1] for one in rest if (match := _NETSTAT_PROCESS.match(one))), "")
        if len(ends) == 2 and state and (one := _socket(kind, state, ends[0], ends[1], told)):
            found.append(one)
    return found


def _socket(protocol: str, state: str, here: str, there: str, process: str) -> Socket | None:
    own, far = _end(here), _end(there)
    word = _STATES.get(state)
    if word is None or own is None or not own[1]:
        return None
    if word == "listening":
        return Socket(protocol, word, own[0], own[1], process=process)
    if far is None or not far[1]:
        return None
    return Socket(protocol, word, own[0], own[1], far[0], far[1], process)


def _end(text: str) -> tuple[str, int] | None:
    """An address and a port (0: any): `0.0.0.0:22`, `[::1]:22`, `*.22`, `fe80::1%em0.22`."""
    address, sign, port = text.rpartition(":")
    if not sign or not (port.isdecimal() or port == "*"):
        address, sign, port = text.rpartition(".")
    number = 0 if port == "*" else whole(port)
    if not sign or number is None or number > 65_535:
        return None
    address = address.replace("[", "").replace("]", "").partition("%")[0]
    return ("*" if address in {"0.0.0.0", "::", "*", ""} else address[:64]), number  # noqa: S104 - compared, not bound


def services_asked(found: Iterable[Socket], own: Sequence[str] = ()) -> list[Socket]:
    """Connections that this machine opened to a service elsewhere: each far address and port once.

    The own port of such a connection is not one that listens; sign-ins of people do not count.
    """
    found = list(found)
    listening = {(one.protocol, one.port) for one in found if one.state == "listening"}
    asked: dict[tuple[str, int], Socket] = {}
    for one in found:
        outgoing = one.state == "established" and (one.protocol, one.port) not in listening
        if outgoing and one.far_port not in SIGN_INS and one.far not in own and _elsewhere(one.far):
            asked.setdefault((one.far, one.far_port), one)
    return [asked[key] for key in sorted(asked)]


def clients(found: Iterable[Socket]) -> dict[tuple[str, int], set[str]]:
    """Who asks the services of this machine: far addresses by own protocol and port."""
    found = list(found)
    listening = {(one.protocol, one.port) for one in found if one.state == "listening"}
    served: dict[tuple[str, int], set[str]] = {}
    for one in found:
        key = (one.protocol, one.port)
        if one.state == "established" and key in listening and _elsewhere(one.far):
            served.setdefault(key, set()).add(one.far)
    return served


def _elsewhere(address: str) -> bool:
    try:
        known = ip_address(address.removeprefix("::ffff:"))
    except ValueError:
        return False
    return not (known.is_loopback or known.is_unspecified or known.is_multicast or known.is_link_local)

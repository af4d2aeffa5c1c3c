"""Sends traps or syslog lines on loopback, as `watchdesk-agent bench` wants them: the load, not the measured.

    python -m agent.listeners.blast KIND PORT COUNT RATE SOURCES WIDE

RATE is in packets a second, 0: flat out. They come from SOURCES addresses, 127.1.0.1 and up. A WIDE of 0
repeats a thousand packets, 1 makes every packet another.
"""

import contextlib
import socket
import sys
import time

from agent.transports import ber

PORTS = 48
REPEATED = 1_000
BURST = 20


def addresses(count: int) -> list[str]:
    """The senders' addresses."""
    return [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(count)]


def trap(number: int, port: int) -> bytes:
    """A linkDown of v2c with six varbinds."""

    def bind(oid: str, encoded: bytes) -> bytes:
        return ber.tlv(ber.SEQUENCE, ber.tlv(ber.OID, ber.encode_oid(oid)) + encoded)

    row = "1.3.6.1.2.1.2.2.1"
    binds = (
        bind("1.3.6.1.2.1.1.3.0", ber.tlv(ber.TIMETICKS, (123_456 + number).to_bytes(4, "big")))
        + bind("1.3.6.1.6.3.1.1.4.1.0", ber.tlv(ber.OID, ber.encode_oid("1.3.6.1.6.3.1.1.5.3")))
        + bind(f"{row}.1.{port}", ber.integer(port))
        + bind(f"{row}.7.{port}", ber.integer(1))
        + bind(f"{row}.8.{port}", ber.integer(2))
        + bind(f"{row}.2.{port}", ber.tlv(ber.OCTETS, b"GigabitEthernet1/0/%d" % port))
    )
    pdu = ber.integer(number + 1) + ber.integer(0) * 2 + ber.tlv(ber.SEQUENCE, binds)
    return ber.tlv(ber.SEQUENCE, ber.integer(1) + ber.tlv(ber.OCTETS, b"public") + ber.tlv(0xA7, pdu))


def line(number: int, port: int) -> bytes:
    """Of two lines the first in the old form and of a link, the second in the new form and of a login."""
    if number % 2:
        return (
            b"<187>Nov 20 09:%02d:11 sw-core-%d %%LINK-3-UPDOWN: Interface GigabitEthernet1/0/%d, "
            b"changed state to down" % (number % 60, number % 50, port)
        )
    return (
        b'<134>1 2026-11-20T09:%02d:11.123456+00:00 srv-%d sshd %d ID47 [meta@32473 seq="%d"] '
        b"Accepted publickey for admin from 10.0.0.%d port 51234 ssh2"
        % (number % 60, number % 50, 1_000 + number % 999, number, number % 250)
    )


def packets(kind: str, count: int, *, wide: bool) -> list[bytes]:
    """What is sent, one after the other and again from the beginning."""
    make = trap if kind == "traps" else line
    many = count if wide else REPEATED
    return [make(number, number + 1 if wide else number % PORTS + 1) for number in range(many)]


def main(kind: str, port: int, count: int, rate: float, sources: int, wide: bool) -> None:  # noqa: FBT001, PLR0917
    """Send; each packet in the turn of its sender."""
    ready = packets(kind, count, wide=wide)
    sockets = []
    for address in addresses(sources):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind((address, 0))
        one.connect(("127.0.0.1", port))
        sockets.append(one)
    many, senders = len(ready), len(sockets)
    begun = time.perf_counter()
    for number in range(count):
        with contextlib.suppress(ConnectionRefusedError):
            sockets[number % senders].send(ready[number % many])
        if rate and number % BURST == BURST - 1:
            pause = begun + (number + 1) / rate - time.perf_counter()
            if pause > 0:
                time.sleep(pause)
    sys.stdout.write(f"{time.perf_counter() - begun:.3f}\n")


if __name__ == "__main__":
    _, told_kind, told_port, told_count, told_rate, told_sources, told_wide = sys.argv
    main(told_kind, int(told_port), int(told_count), float(told_rate), int(told_sources), told_wide == "1")

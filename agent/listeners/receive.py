"""Datagrams off a UDP port in a thread of its own, as many at once as have come.

The thread waits in the kernel, so that the loop's work holds nothing up; its socket's buffer takes what
comes meanwhile. On Linux `recvmmsg` brings up to `BATCH` datagrams with one call; elsewhere one by one.
What the kernel dropped all the same is read from its own table.
"""

import contextlib
import ctypes
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from agent.listeners.ear import Datagram, Kind
from agent.listeners.sources import packed

BATCH = 128
SLOT = 65_536  # octets; no datagram is longer
NAME = 32  # octets of a sender's address
BUFFER = 32 << 20  # asked of the kernel, as far as it allows
WAIT_S = 0.5  # between two looks whether to stop
GATHER_S = 0.002  # while much comes, it is awaited together: waking costs more than reading
BUSY = 8
_SO_RCVBUFFORCE = 33  # Linux, needs CAP_NET_ADMIN
_WAITFORONE = 0x10000
Take = Callable[[list[Datagram]], None]


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


class _Header(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_size", ctypes.c_uint),
        ("vector", ctypes.POINTER(_Vector)),
        ("vectors", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_size", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    _fields_ = (("header", _Header), ("received", ctypes.c_uint))


class _Batch:
    """Room for `BATCH` datagrams, and the call that fills it."""

    def __init__(self, library: ctypes.CDLL, fileno: int) -> None:
        self._call = library.recvmmsg
        self._fileno = fileno
        self._data = bytearray(BATCH * SLOT)
        self._names = bytearray(BATCH * NAME)
        data = ctypes.addressof(ctypes.c_char.from_buffer(self._data))
        names = ctypes.addressof(ctypes.c_char.from_buffer(self._names))
        self._vectors = (_Vector * BATCH)()
        self._messages = (_Message * BATCH)()
        for number in range(BATCH):
            self._vectors[number] = _Vector(data + number * SLOT, SLOT)
            header = self._messages[number].header
            header.name, header.name_size = names + number * NAME, NAME
            header.vector = ctypes.pointer(self._vectors[number])
            header.vectors = 1
        whole = memoryview(self._messages).cast("B").cast("I")
        size = ctypes.sizeof(_Message) // 4
        self._sizes = whole[_Message.received.offset // 4 :: size]
        self._view = memoryview(self._data)

    def receive(self) -> list[Datagram]:
        """What has come, at least one; [] after `WAIT_S` without any. Raises OSError."""
        count = self._call(self._fileno, self._messages, BATCH, _WAITFORONE, None)
        if count < 0:
            number = ctypes.get_errno()
            if number in {11, 4}:  # EAGAIN: the wait is over; EINTR
                return []
            raise OSError(number, os.strerror(number))
        found: list[Datagram] = []
        names, view = self._names, self._view
        at = name = 0
        for size in self._sizes[:count]:
            peer = bytes(names[name : name + 28])
            found.append((address_of(peer), bytes(view[at : at + size]), peer))
            at += SLOT
            name += NAME
        return found


def address_of(peer: bytes) -> bytes:
    """The octets of the address in a `sockaddr`; four of an IPv4 one that comes as IPv6."""
    if peer[0] == socket.AF_INET:
        return peer[4:8]
    address = peer[8:24]
    return address[12:] if address[:12] == b"\0" * 10 + b"\xff\xff" else address


class Receiver:
    """A bound port. `start` begins to take, `close` ends it; raises OSError where it cannot be bound.

    Args:
        kind: what comes there, for people.
        take: gets what came, in the receiver's thread.
    """

    def __init__(self, kind: Kind, host: str, port: int, take: Take) -> None:
        self.kind = kind
        self._take = take
        self._stopping = False
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            if family == socket.AF_INET6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            forced = (_SO_RCVBUFFORCE,) if sys.platform == "linux" else ()
            for option in (socket.SO_RCVBUF, *forced):
                with contextlib.suppress(OSError):
                    self._socket.setsockopt(socket.SOL_SOCKET, option, BUFFER)
            self._socket.bind((host, port))
            self.port: int = self._socket.getsockname()[1]
            self._inode = os.fstat(self._socket.fileno()).st_ino
        except OSError:
            self._socket.close()
            raise
        self._thread = threading.Thread(target=self._run, name=f"udp-{self.port}", daemon=True)

    def start(self) -> None:
        """Begin to take."""
        self._thread.start()

    def close(self) -> None:
        """Stop taking; what came before is taken."""
        self._stopping = True
        if self._thread.is_alive():
            self._thread.join(4 * WAIT_S)
        self._socket.close()

    def send(self, peer: object, data: bytes) -> None:
        """Answer a datagram; what cannot be sent is lost, as datagrams are."""
        with contextlib.suppress(OSError, ValueError):
            where = name_of(peer) if isinstance(peer, bytes) else peer
            self._socket.sendto(data, where)  # type: ignore[call-overload]

    def dropped(self) -> int:
        """How many datagrams the kernel had no room for; 0 where it does not say."""
        for name in ("udp", "udp6"):
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/net/{name}").read_text(encoding="ascii").splitlines()[1:]:
                    words = line.split()
                    if words[9] == str(self._inode):
                        return int(words[-1])
        return 0

    def _run(self) -> None:
        receive = self._batches()
        while True:
            try:
                batch = receive()
            except OSError:
                if self._stopping:
                    return
                continue  # an ICMP error of an answer that was sent
            if batch:
                self._take(batch)
                if len(batch) >= BUSY:
                    time.sleep(GATHER_S)
            elif self._stopping:
                return

    def _batches(self) -> Callable[[], list[Datagram]]:
        wait = struct.pack("@ll", int(WAIT_S), int(WAIT_S % 1 * 1e6))
        if sys.platform == "linux":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, wait)
            self._socket.setblocking(True)
            library = ctypes.CDLL(None, use_errno=True)
            if hasattr(library, "recvmmsg"):
                return _Batch(library, self._socket.fileno()).receive
        self._socket.settimeout(WAIT_S)
        return self._one

    def _one(self) -> list[Datagram]:
        """One datagram, by what every system has."""
        try:
            data, peer = self._socket.recvfrom(SLOT)
        except TimeoutError:
            return []
        return [(packed(peer[0]) or b"", data, peer)]


def name_of(peer: bytes) -> tuple[str, int] | tuple[str, int, int, int]:
    """A `sockaddr` as the socket module has it."""
    port = int.from_bytes(peer[2:4], "big")
    if peer[0] == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, peer[4:8]), port
    return socket.inet_ntop(socket.AF_INET6, peer[8:24]), port, 0, int.from_bytes(peer[24:28], sys.byteorder)

"""The objects one device answers: a sorted table of names, each with a fixed or a live value."""

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable

from agent.playback import ber
from agent.playback.ber import Oid

Number = int | float
Live = Callable[[], Number | None]
LiveText = Callable[[], str | None]

_U32, _U64 = 1 << 32, 1 << 64


def _key(name: Oid) -> bytes:
    """Bytes that sort as OIDs do: every number in four octets."""
    return struct.pack(f">{len(name)}I", *name)


class Mib:
    """A device's objects, in the order GETNEXT goes.

    A value is given as it is, or as a function that is asked at every reading. A live value that
    answers None does not exist at that moment, as a row of an alarm table without its alarm.
    """

    def __init__(self) -> None:
        self._rows: dict[bytes, tuple[bytes, bytes | Callable[[], bytes | None]]] = {}
        self._keys: list[bytes] = []
        self._columns: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._rows)

    def _put(self, name: str | Oid, value: bytes | Callable[[], bytes | None]) -> None:
        parts = ber.parse_oid(name) if isinstance(name, str) else name
        key = _key(parts)
        if key in self._rows:
            raise ValueError(f"{'.'.join(map(str, parts))} is given twice")
        head = ber.oid(parts)
        self._rows[key] = (head, ber.sequence(head, value) if isinstance(value, bytes) else value)
        self._columns.add(key[:-4])
        self._keys = []

    def _number(self, name: str | Oid, value: Number | Live, tag: int, low: int, high: int) -> None:
        def encode(number: Number | None) -> bytes | None:
            return None if number is None else ber.integer(min(max(int(number), low), high), tag)

        if callable(value):
            live = value
            self._put(name, lambda: encode(live()))
        else:
            self._put(name, encode(value) or b"")

    def integer(self, name: str | Oid, value: Number | Live) -> None:
        """INTEGER or Integer32; live numbers are cut to whole ones."""
        self._number(name, value, ber.INTEGER, -(1 << 31), (1 << 31) - 1)

    def gauge(self, name: str | Oid, value: Number | Live) -> None:
        """Gauge32 or Unsigned32; a greater value stays at the maximum, as RFC 2578 asks."""
        self._number(name, value, ber.GAUGE32, 0, _U32 - 1)

    def counter32(self, name: str | Oid, value: Live | Number) -> None:
        """Counter32; wraps."""
        live = value if callable(value) else (lambda: value)
        self._number(name, lambda: _wrapped(live(), _U32), ber.COUNTER32, 0, _U32 - 1)

    def counter64(self, name: str | Oid, value: Live | Number) -> None:
        """Counter64; wraps."""
        live = value if callable(value) else (lambda: value)
        self._number(name, lambda: _wrapped(live(), _U64), ber.COUNTER64, 0, _U64 - 1)

    def ticks(self, name: str | Oid, seconds: Live | Number) -> None:
        """TimeTicks, given in seconds; wraps after 497 days."""
        live = seconds if callable(seconds) else (lambda: seconds)

        def hundredths() -> Number | None:
            now = live()
            return None if now is None else int(now * 100) % _U32

        self._number(name, hundredths, ber.TIMETICKS, 0, _U32 - 1)

    def text(self, name: str | Oid, value: str | LiveText) -> None:
        """OCTET STRING of UTF-8 text."""
        if callable(value):
            live = value

            def encode() -> bytes | None:
                now = live()
                return None if now is None else ber.octets(now.encode())

            self._put(name, encode)
        else:
            self._put(name, ber.octets(value.encode()))

    def octets(self, name: str | Oid, value: bytes) -> None:
        """OCTET STRING of raw bytes, such as a MAC address."""
        self._put(name, ber.octets(value))

    def octets_while(self, name: str | Oid, value: bytes, present: Callable[[], bool]) -> None:
        """OCTET STRING of raw bytes, there only while `present` says so."""
        encoded = ber.octets(value)
        self._put(name, lambda: encoded if present() else None)

    def pointer(self, name: str | Oid, value: str, *, present: Callable[[], bool] | None = None) -> None:
        """OBJECT IDENTIFIER; there only while `present` says so."""
        encoded = ber.oid(ber.parse_oid(value))
        self._put(name, encoded if present is None else lambda: encoded if present() else None)

    def address(self, name: str | Oid, value: str) -> None:
        """IpAddress."""
        self._put(name, ber.tlv(ber.IP_ADDRESS, bytes(int(part) for part in value.split("."))))

    def _sorted(self) -> list[bytes]:
        if not self._keys:
            self._keys = sorted(self._rows)
        return self._keys

    def _binding(self, key: bytes) -> bytes | None:
        """The name and value encoded, or None where it does not exist now."""
        head, value = self._rows[key]
        if isinstance(value, bytes):
            return value
        now = value()
        return None if now is None else ber.sequence(head, now)

    def get(self, name: Oid) -> tuple[bytes, bool]:
        """The variable binding of a GET, and whether there is a value in it."""
        key = _key(name)
        if key in self._rows and (binding := self._binding(key)) is not None:
            return binding, True
        missing = ber.NO_SUCH_INSTANCE if key[:-4] in self._columns else ber.NO_SUCH_OBJECT
        return ber.sequence(ber.oid(name), missing), False

    def after(self, name: Oid, count: int) -> list[bytes]:
        """The bindings of up to `count` objects that follow a name."""
        keys = self._sorted()
        at = bisect_right(keys, _key(name))
        found: list[bytes] = []
        while at < len(keys) and len(found) < count:
            binding = self._binding(keys[at])
            if binding is not None:
                found.append(binding)
            at += 1
        return found

    def snapshot(self, under: str = "1") -> list[bytes]:
        """All bindings below a name as they are now, in order."""
        prefix = _key(ber.parse_oid(under))
        keys = self._sorted()
        chosen = keys[bisect_left(keys, prefix) :]
        return [b for k in chosen if k.startswith(prefix) and (b := self._binding(k)) is not None]


def _wrapped(value: Number | None, modulus: int) -> int | None:
    return None if value is None else int(value) % modulus

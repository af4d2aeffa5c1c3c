"""The objects one device answers: a sorted table of names, each with a fixed or a live value."""

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable

from agent.playback import ber
from agent.playback.ber import Oid

Number = int | float
Live = Callable[[], Number | None]
LiveText = Callable[[], str | None]

_U32 = 1 << 32
_WRAPS = {ber.COUNTER32: 1 << 32, ber.COUNTER64: 1 << 64}


def _key(name: Oid) -> bytes:
    """Bytes that sort as OIDs do: every number in four octets."""
    return struct.pack(f">{len(name)}I", *name)


class _Live:
    """A value that is asked at every reading: its encoded name, its tag, and who tells it."""

    __slots__ = ("head", "read", "tag")

    def __init__(self, head: bytes, tag: int, read: Live | LiveText | Callable[[], bytes | None]) -> None:
        self.head = head
        self.tag = tag
        self.read = read

    def binding(self) -> bytes | None:
        """The name and value encoded, or None where it does not exist now."""
        now = self.read()
        if now is None:
            return None
        if isinstance(now, bytes):  # encoded already
            return ber.sequence(self.head, now)
        if isinstance(now, str):
            return ber.sequence(self.head, ber.octets(now.encode()))
        return ber.sequence(self.head, _encoded(now, self.tag))


def _encoded(number: Number, tag: int) -> bytes:
    """A number in the range of its type: counters and time wrap, the others stay at the limit."""
    if tag == ber.TIMETICKS:
        return ber.integer(int(number * 100) % _U32, tag)
    if tag in _WRAPS:
        return ber.integer(int(number) % _WRAPS[tag], tag)
    low, high = (0, _U32 - 1) if tag == ber.GAUGE32 else (-(1 << 31), (1 << 31) - 1)
    return ber.integer(min(max(int(number), low), high), tag)


class Mib:
    """A device's objects, in the order GETNEXT goes.

    A value is given as it is, or as a function that is asked at every reading. A live value that
    answers None does not exist at that moment, as a row of an alarm table without its alarm.
    """

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes | _Live] = {}
        self._keys: list[bytes] = []
        self._columns: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._rows)

    def _put(
        self, name: str | Oid, tag: int, value: bytes | Live | LiveText | Callable[[], bytes | None]
    ) -> None:
        parts = ber.parse_oid(name) if isinstance(name, str) else name
        key = _key(parts)
        if key in self._rows:
            raise ValueError(f"{'.'.join(map(str, parts))} is given twice")
        head = ber.oid(parts)
        self._rows[key] = ber.sequence(head, value) if isinstance(value, bytes) else _Live(head, tag, value)
        self._columns.add(key[:-4])
        self._keys = []

    def _number(self, name: str | Oid, value: Number | Live, tag: int) -> None:
        self._put(name, tag, value if callable(value) else _encoded(value, tag))

    def integer(self, name: str | Oid, value: Number | Live) -> None:
        """INTEGER or Integer32; live numbers are cut to whole ones."""
        self._number(name, value, ber.INTEGER)

    def gauge(self, name: str | Oid, value: Number | Live) -> None:
        """Gauge32 or Unsigned32; a greater value stays at the maximum, as RFC 2578 asks."""
        self._number(name, value, ber.GAUGE32)

    def counter32(self, name: str | Oid, value: Live | Number) -> None:
        """Counter32; wraps."""
        self._number(name, value, ber.COUNTER32)

    def counter64(self, name: str | Oid, value: Live | Number) -> None:
        """Counter64; wraps."""
        self._number(name, value, ber.COUNTER64)

    def ticks(self, name: str | Oid, seconds: Live | Number) -> None:
        """TimeTicks, given in seconds; wraps after 497 days."""
        self._number(name, seconds, ber.TIMETICKS)

    def text(self, name: str | Oid, value: str | LiveText) -> None:
        """OCTET STRING of UTF-8 text."""
        self._put(name, ber.OCTETS, value if callable(value) else ber.octets(value.encode()))

    def octets(self, name: str | Oid, value: bytes) -> None:
        """OCTET STRING of raw bytes, such as a MAC address."""
        self._put(name, ber.OCTETS, ber.octets(value))

    def octets_while(self, name: str | Oid, value: bytes, present: Callable[[], bool]) -> None:
        """OCTET STRING of raw bytes, there only while `present` says so."""
        encoded = ber.octets(value)
        self._put(name, ber.OCTETS, lambda: encoded if present() else None)

    def pointer(self, name: str | Oid, value: str, *, present: Callable[[], bool] | None = None) -> None:
        """OBJECT IDENTIFIER; there only while `present` says so."""
        encoded = ber.oid(ber.parse_oid(value))
        self._put(name, ber.OID, encoded if present is None else lambda: encoded if present() else None)

    def address(self, name: str | Oid, value: str) -> None:
        """IpAddress."""
        self._put(
            name, ber.IP_ADDRESS, ber.tlv(ber.IP_ADDRESS, bytes(int(part) for part in value.split(".")))
        )

    def _sorted(self) -> list[bytes]:
        if not self._keys:
            self._keys = sorted(self._rows)
        return self._keys

    def _binding(self, key: bytes) -> bytes | None:
        """The name and value encoded, or None where it does not exist now."""
        row = self._rows[key]
        return row if isinstance(row, bytes) else row.binding()

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

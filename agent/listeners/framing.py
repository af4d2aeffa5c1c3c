"""Syslog messages out of a stream: counted in octets, or ended by a newline. Source: RFC 6587, RFC 5425.

A message that begins with digits, a space and `<` is counted, every other one ends with its line. Both may
come over one connection. A message longer than `MAX_MESSAGE` is cut, and what is beyond it is skipped.
"""

MAX_MESSAGE = 65_536  # octets that are kept of one
MAX_COUNT = 10_000_000  # octets that a sender may announce; beyond, it is no count


class Frames:
    """What came over one connection and is no whole message yet. Holds at most one message."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._skip = 0  # octets of a counted message that is too long
        self._skip_line = False
        self.cut = 0  # messages that were too long

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole by now, without their framing."""
        self._rest += data
        found: list[bytes] = []
        at = 0
        while at < len(self._rest):
            step = self._next(at, found)
            if step < 0:
                break
            at = step
        del self._rest[:at]
        return found

    def finish(self) -> list[bytes]:
        """The connection ended: an unfinished line is a message, an unfinished count is none."""
        rest, self._rest = bytes(self._rest), bytearray()
        if self._skip or self._skip_line or not rest.strip(b"\r\n\0 ") or _count(rest, 0) is not None:
            return []
        return [rest]

    def _next(self, at: int, found: list[bytes]) -> int:
        """Take one message beginning at a place; where the next begins, -1 where more must come."""
        rest = self._rest
        if self._skip or self._skip_line:
            return self._skipped(at)
        if rest[at] in b"\r\n\0 ":  # left over between messages
            return at + 1
        counted = _count(rest, at)
        if counted is not None:
            return self._whole(*counted, found)
        if len(rest) - at < 9 and rest[at:].isdigit():
            return -1  # it may become a count
        return self._line(at, found)

    def _skipped(self, at: int) -> int:
        """Past what is too long, as far as it has come."""
        rest = self._rest
        if self._skip:
            gone = min(self._skip, len(rest) - at)
            self._skip -= gone
            return at + gone
        end = rest.find(b"\n", at)
        self._skip_line = end < 0
        return len(rest) if end < 0 else end + 1

    def _whole(self, start: int, size: int, found: list[bytes]) -> int:
        """A counted message."""
        kept = min(size, MAX_MESSAGE)
        if len(self._rest) - start < kept:
            return -1
        found.append(bytes(self._rest[start : start + kept]))
        self.cut += size > kept
        self._skip = size - kept
        return start + kept

    def _line(self, at: int, found: list[bytes]) -> int:
        """A message that ends with its line."""
        rest = self._rest
        end = rest.find(b"\n", at, at + MAX_MESSAGE + 1)
        if end >= 0:
            found.append(bytes(rest[at:end]))
            return end + 1
        if len(rest) - at <= MAX_MESSAGE:
            return -1
        found.append(bytes(rest[at : at + MAX_MESSAGE]))
        self.cut += 1
        self._skip_line = True
        return at + MAX_MESSAGE


def _count(data: bytes | bytearray, at: int) -> tuple[int, int] | None:
    """Where a counted message begins and how long it is; None where none is announced here."""
    space = data.find(b" ", at, at + 9)
    if space <= at or data[at] not in b"123456789" or bytes(data[space + 1 : space + 2]) not in {b"<", b""}:
        return None
    digits = bytes(data[at:space])
    if not digits.isdigit() or int(digits) > MAX_COUNT:
        return None
    return space + 1, int(digits)

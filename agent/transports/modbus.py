"""Modbus TCP, reading only: functions 1 to 4 are all this client can say.

Source: MODBUS Application Protocol 1.1b3, Messaging on TCP/IP 1.0b. Registers that lie close together are
read in one request; where a device refuses a block, its registers are read one by one.
"""

import asyncio
import contextlib
import itertools
import struct
from collections.abc import Iterable
from time import monotonic

from agent.transports.trouble import BadResponseError, TroubleError, of_os
from rules.profile_form import Register, RegisterKind

PORT = 502
FUNCTION: dict[RegisterKind, int] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
MAX_WORDS = 100  # in one request; the protocol allows 125
GAP = 8  # unwanted words that are read rather than asking twice
MAX_REQUESTS = 200
_EXCEPTIONS = {
    1: "illegal function",
    2: "illegal address",
    3: "illegal value",
    4: "device failure",
    5: "acknowledge",
    6: "busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target failed to respond",
}
_BUSY = {5, 6, 10, 11}
Words = dict[tuple[RegisterKind, int], int]


class RefusedError(Exception):
    """The device answered with an exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(_EXCEPTIONS.get(code, f"exception {code}"))
        self.code = code


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, unit: int) -> None:
        self._reader, self._writer, self._unit = reader, writer, unit
        self._ids = itertools.count(1)

    async def read(self, kind: RegisterKind, address: int, count: int) -> list[int]:
        """Words (or bits) from an address; raises RefusedError or BadResponseError."""
        function, transaction = FUNCTION[kind], next(self._ids) & 0xFFFF
        request = struct.pack(">HHHBBHH", transaction, 0, 6, self._unit, function, address, count)
        self._writer.write(request)
        await self._writer.drain()
        head = await self._reader.readexactly(7)
        answered, protocol, length, unit = struct.unpack(">HHHB", head)
        if protocol != 0 or not 3 <= length <= 254:
            raise BadResponseError("The header of the answer is no Modbus.", place="header", evidence=head)
        body = await self._reader.readexactly(length - 1)
        evidence = head + body
        if answered != transaction:
            raise BadResponseError(
                "The answer belongs to another question.", place="transaction", evidence=evidence
            )
        if unit != self._unit:
            raise BadResponseError("The answer is of another unit.", place="unit", evidence=evidence)
        if body[0] == function | 0x80:
            raise RefusedError(body[1])
        wanted = (count + 7) // 8 if function < 3 else 2 * count
        if body[0] != function or len(body) != wanted + 2 or body[1] != wanted:
            raise BadResponseError(
                "The answer has another function or length than asked.", place="length", evidence=evidence
            )
        if function < 3:
            return [body[2 + bit // 8] >> bit % 8 & 1 for bit in range(count)]
        return list(struct.unpack(f">{count}H", body[2:]))


async def fetch(
    address: str, port: int, unit: int, registers: Iterable[Register], *, timeout_s: float = 5.0
) -> tuple[Words, float]:
    """Read registers within `timeout_s` in all: words by kind and address, and the seconds to connect.

    What a device refuses is left out. Raises TroubleError.
    """
    begun = monotonic()
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(address, port or PORT)
            took = monotonic() - begun
            try:
                return await _read_all(_Connection(reader, writer, unit), list(registers)), took
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise BadResponseError(
                "The answer ends too early.", place="length", evidence=error.partial
            ) from None
        raise TroubleError("refused", "The device closed the connection.") from None
    except OSError as error:
        raise of_os(error) from None


async def _read_all(connection: _Connection, registers: list[Register]) -> Words:
    words: Words = {}
    requests = answers = 0
    refused: RefusedError | None = None
    for kind, address, count, inside in blocks(registers):
        spans = [(address, count)]
        while spans:
            first, size = spans.pop(0)
            requests += 1
            if requests > MAX_REQUESTS:
                raise TroubleError("limit", f"More than {MAX_REQUESTS} questions were needed.")
            try:
                found = await connection.read(kind, first, size)
            except RefusedError as error:
                refused = error
                if error.code in _BUSY:
                    continue
                if (first, size) == (address, count) and len(inside) > 1:
                    spans = [(one.address, one.words) for one in inside]
                continue
            answers += 1
            words |= {(kind, first + number): word for number, word in enumerate(found)}
    if refused is not None and not answers:
        raise BadResponseError(f"The device refuses every register: {refused}.", place="exception")
    return words


def blocks(registers: Iterable[Register]) -> list[tuple[RegisterKind, int, int, list[Register]]]:
    """Registers as (kind, address, count, registers inside), close ones together."""
    out: list[tuple[RegisterKind, int, int, list[Register]]] = []
    for one in sorted(registers, key=lambda register: (register.kind, register.address, register.words)):
        if out:
            kind, first, count, inside = out[-1]
            stop = max(first + count, one.address + one.words)
            if kind == one.kind and one.address <= first + count + GAP and stop - first <= MAX_WORDS:
                out[-1] = (kind, first, stop - first, [*inside, one])
                continue
        out.append((one.kind, one.address, one.words, [one]))
    return out


def value_of(register: Register, words: Words) -> int | float | str | bool | None:
    """A register's value out of what was read, or None where the device has it not."""
    found = [words.get((register.kind, register.address + number)) for number in range(register.words)]
    if any(word is None for word in found):
        return None
    parts = [word for word in found if word is not None]
    if register.kind in {"coil", "discrete"} or register.type == "bool":
        return bool(parts[0] >> (register.bit or 0) & 1)
    if register.bit is not None:
        return parts[0] >> register.bit & 1
    if register.type == "text":
        return struct.pack(f">{len(parts)}H", *parts).rstrip(b"\x00 ").decode("utf-8", "replace")
    if register.order == "little":
        parts.reverse()
    raw = struct.pack(f">{len(parts)}H", *parts)
    form = {"int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "float32": ">f"}[register.type]
    value: int | float = struct.unpack(form, raw)[0]
    return value

"""The BER encoding that SNMP messages need. Source: ITU-T X.690, RFC 3416."""

import struct
from collections.abc import Iterable

Oid = tuple[int, ...]

INTEGER, OCTETS, NULL, OID, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
IP_ADDRESS, COUNTER32, GAUGE32, TIMETICKS, COUNTER64 = 0x40, 0x41, 0x42, 0x43, 0x46
NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_MIB_VIEW = b"\x80\x00", b"\x81\x00", b"\x82\x00"


class MalformedError(ValueError):
    """The datagram is not the BER that an SNMP message is made of."""


def parse_oid(text: str) -> Oid:
    """`1.3.6.1.2.1` as numbers; a leading dot is allowed."""
    return tuple(int(arc) for arc in text.strip(".").split("."))


def tlv(tag: int, body: bytes) -> bytes:
    """Tag, definite length, body."""
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    if size < 0x100:
        return bytes((tag, 0x81, size)) + body
    return bytes((tag, 0x82)) + struct.pack(">H", size) + body


def sequence(*parts: bytes, tag: int = SEQUENCE) -> bytes:
    """A constructed value of encoded parts."""
    return tlv(tag, b"".join(parts))


def integer(value: int, tag: int = INTEGER) -> bytes:
    """A signed integer in the fewest octets; unsigned types use the same form with their tag."""
    size = (value if value >= 0 else ~value).bit_length() // 8 + 1
    return tlv(tag, value.to_bytes(size, "big", signed=True))


def octets(value: bytes) -> bytes:
    """An OCTET STRING."""
    return tlv(OCTETS, value)


def _arc(value: int) -> bytes:
    groups = bytearray((value & 0x7F,))
    while value := value >> 7:
        groups.append(0x80 | (value & 0x7F))
    groups.reverse()
    return bytes(groups)


def oid(value: Oid) -> bytes:
    """An OBJECT IDENTIFIER; `0.0` stands for none."""
    first = value[0] * 40 + value[1]
    return tlv(OID, b"".join(_arc(arc) for arc in (first, *value[2:])))


def read(data: bytes, at: int = 0) -> tuple[int, bytes, int]:
    """The value at an offset: its tag, its body and where the next one begins.

    Raises:
        MalformedError: the data end before the value does, or its length is indefinite.
    """
    try:
        tag, size = data[at], data[at + 1]
    except IndexError:
        raise MalformedError("a value is missing") from None
    at += 2
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 3 or at + count > len(data):
            raise MalformedError("a length cannot be read")
        size = int.from_bytes(data[at : at + count], "big")
        at += count
    if at + size > len(data):
        raise MalformedError("a value is longer than the datagram")
    return tag, data[at : at + size], at + size


def expect(tag: int, data: bytes, at: int = 0) -> tuple[bytes, int]:
    """The body of a value that must have this tag, and where the next one begins."""
    found, body, end = read(data, at)
    if found != tag:
        raise MalformedError(f"tag {tag:#x} expected, {found:#x} found")
    return body, end


def read_integer(data: bytes, at: int = 0) -> tuple[int, int]:
    """An INTEGER and where the next value begins."""
    body, end = expect(INTEGER, data, at)
    return int.from_bytes(body, "big", signed=True), end


def read_oid(body: bytes) -> Oid:
    """The numbers of an encoded OBJECT IDENTIFIER's body."""
    if not body or body[-1] & 0x80:
        raise MalformedError("an object identifier ends within a number")
    arcs: list[int] = []
    value = 0
    for octet in body:
        value = value << 7 | (octet & 0x7F)
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    first = arcs[0]
    head = (first // 40, first % 40) if first < 80 else (2, first - 80)
    return (*head, *arcs[1:])


def read_oids(bindings: bytes) -> Iterable[Oid]:
    """The names of a variable-bindings list; the values a question carries are passed over."""
    at = 0
    while at < len(bindings):
        binding, at = expect(SEQUENCE, bindings, at)
        name, _ = expect(OID, binding)
        yield read_oid(name)

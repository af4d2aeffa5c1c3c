"""The BER of SNMP v1 and v2c messages: requests written, answers read with every length checked.

Reads a fixed depth without recursion and allocates nothing that the datagram (at most 64 KiB) does not
hold. Source: ITU-T X.690, RFC 1157, RFC 3416.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from agent.transports.trouble import BadResponseError

INTEGER, OCTETS, NULL, OID, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
IP_ADDRESS, COUNTER32, GAUGE32, TIMETICKS, OPAQUE, NSAP, COUNTER64, UINTEGER32 = range(0x40, 0x48)
NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_MIB = 0x80, 0x81, 0x82
ABSENT = frozenset((NULL, NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_MIB))
UNSIGNED = frozenset((COUNTER32, GAUGE32, TIMETICKS, COUNTER64, UINTEGER32))
KNOWN = frozenset((INTEGER, OCTETS, OID, IP_ADDRESS, OPAQUE, NSAP)) | ABSENT | UNSIGNED
GET, GET_NEXT, RESPONSE, GET_BULK = 0xA0, 0xA1, 0xA2, 0xA5
MAX_VARBINDS = 4_096  # in one message
MAX_OID = 512  # bytes of one encoded OID

Raw = int | float | bytes | str | None
_U32 = 0xFFFFFFFF


@dataclass(slots=True)
class Response:
    """An answer. Each varbind is (encoded OID, tag, start, stop): the places of its value in `data`."""

    data: bytes
    version: int
    request_id: int
    id_at: int  # place of the request id's bytes
    error_status: int
    error_index: int
    varbinds: list[tuple[bytes, int, int, int]]


def tlv(tag: int, body: bytes) -> bytes:
    """Tag, definite length, body of less than 64 KiB."""
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    if size < 0x100:
        return bytes((tag, 0x81, size)) + body
    return struct.pack(">BBH", tag, 0x82, size) + body


def encode_oid(text: str) -> bytes:
    """`1.3.6.1` as its content bytes; raises ValueError for what is no OID."""
    arcs = [int(arc) for arc in text.strip(".").split(".")]
    if len(arcs) < 2 or len(arcs) > 128 or arcs[0] > 2 or (arcs[0] < 2 and arcs[1] > 39):
        raise ValueError(f"'{text}' is no OID.")
    out = bytearray()
    for arc in (arcs[0] * 40 + arcs[1], *arcs[2:]):
        if not 0 <= arc <= _U32:
            raise ValueError(f"'{text}' is no OID.")
        out += sub_identifier(arc)
    return bytes(out)


def sub_identifier(arc: int) -> bytes:
    """One number of an OID, seven bits an octet."""
    chunk = [arc & 0x7F]
    while arc := arc >> 7:
        chunk.append(arc & 0x7F | 0x80)
    return bytes(reversed(chunk))


def arcs(raw: bytes) -> tuple[int, ...]:
    """The sub-identifiers of encoded bytes, as they stand (the first two of a whole OID still in one)."""
    if raw.isascii():
        return tuple(raw)
    out: list[int] = []
    value = 0
    for byte in raw:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            out.append(value)
            value = 0
    return tuple(out)


LONG_OID = 128  # octets; of longer ones nothing is remembered


def decode_oid(raw: bytes) -> str:
    """Encoded bytes as `1.3.6.1`; "" for none."""
    last = len(raw) - 1
    if not 0 < last < LONG_OID or raw[last] > 0x7F:
        return _decoded(raw)
    # Most of what is read are rows of columns: all but the last number was read a moment ago.
    value, shift = raw[last], 7
    while last > 1 and raw[last - 1] > 0x7F:
        last -= 1
        value |= (raw[last] & 0x7F) << shift
        shift += 7
    return _decoded(raw) if last == 1 and raw[0] > 0x7F else f"{_stem(raw[:last])}.{value}"


def _decoded(raw: bytes) -> str:
    parts = arcs(raw)
    if not parts:
        return ""
    first = min(parts[0] // 40, 2)
    return ".".join(map(str, (first, parts[0] - first * 40, *parts[1:])))


_stem = lru_cache(maxsize=8_192)(_decoded)


def after(new: bytes, old: bytes) -> bool:
    """Whether an encoded OID comes after another in the order of a walk."""
    if new.isascii() and old.isascii():
        return new > old
    return arcs(new) > arcs(old)


def integer(value: int) -> bytes:
    """A signed integer in the fewest octets."""
    return tlv(INTEGER, value.to_bytes((value ^ value >> 64).bit_length() // 8 + 1, "big", signed=True))


def request(version: int, community: bytes, kind: int, oids: list[bytes], repetitions: int = 0) -> bytes:
    """A request whose id is four zero bytes, to be patched at `request_id_at`.

    `repetitions` are GETBULK's; there are no non-repeaters.
    """
    names = b"".join(tlv(SEQUENCE, tlv(OID, oid) + b"\x05\x00") for oid in oids)
    body = b"\x02\x04\x00\x00\x00\x00" + integer(0) + integer(repetitions) + tlv(SEQUENCE, names)
    return tlv(SEQUENCE, integer(version) + tlv(OCTETS, community) + tlv(kind, body))


def request_id_at(message: bytes) -> int:
    """Where the id of a request that `request` made stands."""
    at = head(message, 0, len(message), "message")[1]
    at = head(message, at, len(message), "version")[2]
    at = head(message, at, len(message), "community")[2]
    at = head(message, at, len(message), "PDU")[1]
    return at + 2


def head(data: bytes, at: int, end: int, place: str) -> tuple[int, int, int]:
    """Tag, start and stop of the value at a place; its stop never lies after `end`."""
    if at + 2 > end:
        raise BadResponseError("The answer ends too early.", place=place, evidence=data)
    tag, size = data[at], data[at + 1]
    at += 2
    if size > 0x7F:
        octets = size & 0x7F
        if not 1 <= octets <= 4 or at + octets > end:
            raise BadResponseError("A length in the answer is impossible.", place=place, evidence=data)
        size = int.from_bytes(data[at : at + octets], "big")
        at += octets
    if at + size > end:
        raise BadResponseError("A value reaches beyond the end of the answer.", place=place, evidence=data)
    return tag, at, at + size


def expect(data: bytes, at: int, end: int, tag: int, place: str) -> tuple[int, int]:
    """Start and stop of a value of this tag; raises BadResponseError for another."""
    found, start, stop = head(data, at, end, place)
    if found != tag:
        raise BadResponseError(
            f"The answer has type 0x{found:02x} where 0x{tag:02x} belongs.", place=place, evidence=data
        )
    return start, stop


def number(data: bytes, at: int, end: int, place: str) -> tuple[int, int, int]:
    """A signed integer of at most eight octets, its start and stop."""
    start, stop = expect(data, at, end, INTEGER, place)
    if not 1 <= stop - start <= 8:
        raise BadResponseError("A number in the answer has an impossible length.", place=place, evidence=data)
    return int.from_bytes(data[start:stop], "big", signed=True), start, stop


def read(data: bytes) -> Response:
    """An answer of v1 or v2c; raises BadResponseError for all else. Bytes after the message are ignored."""
    start, end = expect(data, 0, len(data), SEQUENCE, "message")
    version, _, at = number(data, start, end, "version")
    if version not in {0, 1}:
        raise BadResponseError(f"The answer is of version {version}.", place="version", evidence=data)
    _, at = expect(data, at, end, OCTETS, "community")
    at, end = expect(data, at, end, RESPONSE, "PDU")
    request_id, id_at, at = number(data, at, end, "request-id")
    status, _, at = number(data, at, end, "error-status")
    index, _, at = number(data, at, end, "error-index")
    at, end = expect(data, at, end, SEQUENCE, "varbinds")
    return Response(data, version, request_id, id_at, status, index, varbinds(data, at, end))


def varbinds(data: bytes, at: int, end: int) -> list[tuple[bytes, int, int, int]]:
    """The varbinds between two places, as in `Response`; raises BadResponseError."""
    out: list[tuple[bytes, int, int, int]] = []
    add = out.append
    while at < end:
        if len(out) >= MAX_VARBINDS:
            raise BadResponseError(
                f"The answer has more than {MAX_VARBINDS} values.", place="varbinds", evidence=data
            )
        # The usual form in one step: a short varbind with a short OID and a short value that fills it.
        if at + 4 < end and data[at] == SEQUENCE and data[at + 2] == OID:
            size, name = data[at + 1], data[at + 3]
            stop, tag_at = at + 2 + size, at + 4 + name
            if (
                size < 0x80
                and 0 < name < 0x80
                and tag_at + 1 < stop <= end
                and stop == tag_at + 2 + data[tag_at + 1]
                and data[tag_at] in KNOWN
            ):
                add((data[at + 4 : tag_at], data[tag_at], tag_at + 2, stop))
                at = stop
                continue
        varbind, at = _varbind(data, at, end, f"varbind {len(out) + 1}")
        add(varbind)
    return out


def _varbind(data: bytes, at: int, end: int, place: str) -> tuple[tuple[bytes, int, int, int], int]:
    start, stop = expect(data, at, end, SEQUENCE, place)
    name, name_end = expect(data, start, stop, OID, f"{place} name")
    tag, value, value_end = head(data, name_end, stop, f"{place} value")
    if not 0 < name_end - name <= MAX_OID:
        raise BadResponseError("A name in the answer is empty or too long.", place=place, evidence=data)
    if tag not in KNOWN:
        raise BadResponseError(f"Type 0x{tag:02x} is not known.", place=f"{place} value", evidence=data)
    return (data[name:name_end], tag, value, value_end), stop


def _signed(raw: bytes) -> Raw:
    return int.from_bytes(raw, "big", signed=True) if 0 < len(raw) <= 8 else None


def _unsigned(raw: bytes) -> Raw:
    return int.from_bytes(raw, "big") & _U32 if 0 < len(raw) <= 9 else None


def _unsigned64(raw: bytes) -> Raw:
    return int.from_bytes(raw, "big") & 0xFFFFFFFFFFFFFFFF if 0 < len(raw) <= 9 else None


def _address(raw: bytes) -> Raw:
    return ".".join(map(str, raw)) if len(raw) == 4 else raw


def _opaque(raw: bytes) -> Raw:
    """Opaque: net-snmp's float and double inside, else the bytes."""
    if raw[:3] == b"\x9f\x78\x04" and len(raw) == 7:
        return float(struct.unpack(">f", raw[3:])[0])
    if raw[:3] == b"\x9f\x79\x08" and len(raw) == 11:
        return float(struct.unpack(">d", raw[3:])[0])
    return raw


_READ: dict[int, Callable[[bytes], Raw]] = {
    INTEGER: _signed,
    COUNTER32: _unsigned,
    GAUGE32: _unsigned,
    TIMETICKS: _unsigned,
    UINTEGER32: _unsigned,
    COUNTER64: _unsigned64,
    OCTETS: bytes,
    NSAP: bytes,
    OID: decode_oid,
    IP_ADDRESS: _address,
    OPAQUE: _opaque,
}


def value_of(tag: int, raw: bytes) -> Raw:
    """A value: numbers as they are, texts as bytes, OIDs and addresses as text, absent ones None.

    Unsigned 32-bit types that a device sends sign-extended are cut to 32 bits; a number of an impossible
    length is None.
    """
    read_as = _READ.get(tag)
    return None if read_as is None else read_as(raw)

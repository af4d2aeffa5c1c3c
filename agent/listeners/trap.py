"""Traps and informs of SNMP v1, v2c and, once opened, v3: read as far as it is asked.

The head tells which trap it is; its values are read by `Trap.varbinds`, so that what is a repetition of
something known costs no more than its head. v1 becomes v2 form by RFC 3584, section 3.1.
"""

from dataclasses import dataclass

from agent.transports import ber
from agent.transports.trouble import BadResponseError

INFORM, TRAP, TRAP_V1 = 0xA6, 0xA7, 0xA4
MAX_COMMUNITY = 255
SYS_UPTIME = ber.encode_oid("1.3.6.1.2.1.1.3.0")
TRAP_OID = ber.encode_oid("1.3.6.1.6.3.1.1.4.1.0")
TRAP_ADDRESS = ber.encode_oid("1.3.6.1.6.3.18.1.3.0")  # who sent it first, where a proxy passed it on
_GENERIC = [ber.encode_oid(f"1.3.6.1.6.3.1.1.5.{number}") for number in range(1, 7)]
_SPECIFIC = 6
_V2C = b"\x02\x01\x01\x04"
_NO_ERROR = b"\x02\x01\x00\x02\x01\x00\x30"
_TIME = ber.tlv(ber.OID, SYS_UPTIME) + bytes((ber.TIMETICKS,))
_NAME = ber.tlv(ber.OID, TRAP_OID) + bytes((ber.OID,))
_OF_V1 = frozenset((TRAP_V1,))
_OF_V2 = frozenset((TRAP, INFORM))
Varbind = tuple[bytes, int, int, int]  # name, tag, start and stop of the value in `data`


@dataclass(slots=True)
class Trap:
    """One notification in v2 form. `data` holds what `rest_at` and `end` are places in."""

    data: bytes
    version: int  # 0 for v1, 1 for v2c, 3
    community: bytes  # of v3 the user's name
    kind: int
    request_id: bytes  # its content octets; b"" in v1
    oid: bytes  # which trap: snmpTrapOID, encoded
    uptime: int  # hundredths of a second, 0 where it is not told
    first_at: int  # place of all varbinds, for the answer to an inform
    rest_at: int  # place of the varbinds that follow time and name
    end: int
    origin: bytes = b""  # v1's agent-addr, four octets

    @property
    def content(self) -> bytes:
        """What makes two traps of one source the same, whenever they were sent."""
        return self.oid + self.data[self.rest_at : self.end]

    def varbinds(self) -> list[Varbind]:
        """The values beside time and name; raises BadResponseError."""
        found = ber.varbinds(self.data, self.rest_at, self.end)
        return [one for one in found if one[0] not in {SYS_UPTIME, TRAP_OID}]


def head(data: bytes) -> tuple[int, int, int]:
    """Version (0, 1 or 3), where the rest begins and ends; raises BadResponseError for no message."""
    start, end = ber.expect(data, 0, len(data), ber.SEQUENCE, "message")
    version, _, at = ber.number(data, start, end, "version")
    if version not in {0, 1, 3}:
        raise BadResponseError(f"The trap is of version {version}.", place="version", evidence=data)
    return version, at, end


def read(data: bytes, version: int, at: int, end: int) -> Trap:
    """The trap or inform of v1 or v2c behind its `head`; raises BadResponseError for all else."""
    start, at = ber.expect(data, at, end, ber.OCTETS, "community")
    if at - start > MAX_COMMUNITY:
        raise BadResponseError("The community is too long.", place="community", evidence=data)
    if version == 0:
        return _read_v1(data, at, end, data[start:at])
    return read_pdu(data, at, end, version, data[start:at])


def usual(data: bytes) -> Trap | None:
    """A trap or inform of v2c as nearly all are written; None for what `head` and `read` must judge.

    The same as these two, a third of their time: lengths are as short as they can be, nothing is left over.
    """
    try:
        at, end = _short(data, 0)
        start, size = at + 5, data[at + 4]
        if data[0] != ber.SEQUENCE or end > len(data) or size > 0x7F or not data.startswith(_V2C, at):
            return None
        at = start + size
        community = data[start:at]
        kind = data[at]
        at, stop = _short(data, at)
        size = data[at + 1]
        if kind not in _OF_V2 or stop != end or data[at] != ber.INTEGER or not 0 < size <= 8:
            return None
        request_id = data[at + 2 : at + 2 + size]
        at += 2 + size
        first, stop = _short(data, at + 6)
        size = data[first + 13]
        if (
            stop != end
            or size > 5
            or data[first + 1] != 12 + size
            or not data.startswith(_NO_ERROR, at)
            or not data.startswith(_TIME, first + 2)
        ):
            return None
        at = first + 14 + size
        uptime = int.from_bytes(data[first + 14 : at], "big")
        size = data[at + 15]
        rest = at + 16 + size
        # Every part lies before `rest`, so all were there.
        if (
            rest > end
            or not 0 < size <= 0x70
            or data[at + 1] != 14 + size
            or data[at] != ber.SEQUENCE
            or data[first] != ber.SEQUENCE
            or not data.startswith(_NAME, at + 2)
        ):
            return None
        return Trap(data, 1, community, kind, request_id, data[at + 16 : rest], uptime, first, rest, end)
    except IndexError:
        return None


def _short(data: bytes, at: int) -> tuple[int, int]:
    """Start and stop of the value at a place, its length in one to three octets; any tag. May be too far."""
    size = data[at + 1]
    if size < 0x80:
        return at + 2, at + 2 + size
    if size == 0x81:
        return at + 3, at + 3 + data[at + 2]
    if size == 0x82:
        return at + 4, at + 4 + (data[at + 2] << 8 | data[at + 3])
    raise IndexError


def read_pdu(data: bytes, at: int, end: int, version: int, community: bytes) -> Trap:
    """The trap or inform at a place, in the form that v2c and v3 share; raises BadResponseError."""
    kind, at, end = ber.head(data, at, end, "PDU")
    if kind not in _OF_V2:
        raise BadResponseError(f"A PDU of type 0x{kind:02x} is no trap.", place="PDU", evidence=data)
    _, start, at = ber.number(data, at, end, "request-id")
    request_id = data[start:at]
    at = ber.number(data, at, end, "error-status")[2]
    at = ber.number(data, at, end, "error-index")[2]
    first, end = ber.expect(data, at, end, ber.SEQUENCE, "varbinds")
    name, tag, start, at = _next(data, first, end)
    uptime = 0
    if name == SYS_UPTIME:
        if tag == ber.TIMETICKS and at - start <= 5:
            uptime = int.from_bytes(data[start:at], "big")
        name, tag, start, at = _next(data, at, end)
    if name != TRAP_OID or tag != ber.OID or not 0 < at - start <= ber.MAX_OID:
        raise BadResponseError("It does not say which trap it is.", place="snmpTrapOID", evidence=data)
    return Trap(data, version, community, kind, request_id, data[start:at], uptime, first, at, end)


def _next(data: bytes, at: int, end: int) -> tuple[bytes, int, int, int]:
    """Name, tag and place of the value of one varbind; the next one begins where it stops."""
    # The usual form in one step, as in ber.varbinds.
    if at + 4 < end and data[at] == ber.SEQUENCE and data[at + 2] == ber.OID:
        size, name = data[at + 1], data[at + 3]
        stop, tag_at = at + 2 + size, at + 4 + name
        if size < 0x80 and name < 0x80 and tag_at + 1 < stop <= end and stop == tag_at + 2 + data[tag_at + 1]:
            return data[at + 4 : tag_at], data[tag_at], tag_at + 2, stop
    start, stop = ber.expect(data, at, end, ber.SEQUENCE, "varbind")
    name_at, name_end = ber.expect(data, start, stop, ber.OID, "varbind name")
    tag, value, value_end = ber.head(data, name_end, stop, "varbind value")
    if value_end != stop:
        raise BadResponseError(
            "A varbind holds more than a name and a value.", place="varbind", evidence=data
        )
    return data[name_at:name_end], tag, value, stop


def _read_v1(data: bytes, at: int, end: int, community: bytes) -> Trap:
    kind, at, end = ber.head(data, at, end, "PDU")
    if kind not in _OF_V1:
        raise BadResponseError(f"A PDU of type 0x{kind:02x} is no trap of v1.", place="PDU", evidence=data)
    start, at = ber.expect(data, at, end, ber.OID, "enterprise")
    enterprise = data[start:at]
    tag, start, at = ber.head(data, at, end, "agent-addr")
    origin = data[start:at] if tag == ber.IP_ADDRESS and at - start == 4 else b""
    generic, _, at = ber.number(data, at, end, "generic-trap")
    specific, _, at = ber.number(data, at, end, "specific-trap")
    _, start, at = ber.head(data, at, end, "time-stamp")
    uptime = int.from_bytes(data[start:at], "big") if at - start <= 5 else 0
    first, end = ber.expect(data, at, end, ber.SEQUENCE, "varbinds")
    if 0 <= generic < _SPECIFIC:
        oid = _GENERIC[generic]
    elif generic == _SPECIFIC and 0 < len(enterprise) <= ber.MAX_OID and 0 <= specific <= 0xFFFFFFFF:
        oid = enterprise + b"\0" + ber.sub_identifier(specific)
    else:
        raise BadResponseError("It does not say which trap it is.", place="generic-trap", evidence=data)
    return Trap(data, 0, community, kind, b"", oid, uptime, first, first, end, origin)


def answer(trap: Trap) -> bytes:
    """The acknowledgement of an inform as a PDU: the same id, the same values."""
    body = (
        ber.tlv(ber.INTEGER, trap.request_id)
        + ber.integer(0) * 2
        + ber.tlv(ber.SEQUENCE, trap.data[trap.first_at : trap.end])
    )
    return ber.tlv(ber.RESPONSE, body)


def answer_message(trap: Trap) -> bytes:
    """The acknowledgement of an inform of v2c as a message."""
    return ber.tlv(ber.SEQUENCE, ber.integer(1) + ber.tlv(ber.OCTETS, trap.community) + answer(trap))

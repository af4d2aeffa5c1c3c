"""Traps as senders write them, for the tests of the ears."""

from agent.transports import ber

LINK_DOWN, LINK_UP = "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.6.3.1.1.5.4"
UPTIME, TRAP_OID = "1.3.6.1.2.1.1.3.0", "1.3.6.1.6.3.1.1.4.1.0"


def value(told: int | str | bytes) -> bytes:
    """A number, a text, or octets as they stand."""
    if isinstance(told, int):
        return ber.integer(told)
    return ber.tlv(ber.OCTETS, told.encode() if isinstance(told, str) else told)


def bind(oid: str, encoded: bytes) -> bytes:
    return ber.tlv(ber.SEQUENCE, ber.tlv(ber.OID, ber.encode_oid(oid)) + encoded)


def v2c(
    oid: str,
    values: dict[str, int | str | bytes] | None = None,
    *,
    kind: int = 0xA7,
    community: bytes = b"public",
    uptime: int = 123_456,
    number: int = 7,
) -> bytes:
    """A trap of v2c, or an inform."""
    binds = bind(UPTIME, ber.tlv(ber.TIMETICKS, uptime.to_bytes(4, "big")))
    binds += bind(TRAP_OID, ber.tlv(ber.OID, ber.encode_oid(oid)))
    binds += b"".join(bind(name, value(told)) for name, told in (values or {}).items())
    pdu = ber.integer(number) + ber.integer(0) * 2 + ber.tlv(ber.SEQUENCE, binds)
    body = ber.integer(1) + ber.tlv(ber.OCTETS, community) + ber.tlv(kind, pdu)
    return ber.tlv(ber.SEQUENCE, body)


def v1(
    enterprise: str,
    generic: int,
    specific: int,
    values: dict[str, int | str | bytes] | None = None,
    *,
    origin: bytes = b"\x0a\0\0\x09",
) -> bytes:
    """A trap of v1."""
    binds = b"".join(bind(name, value(told)) for name, told in (values or {}).items())
    pdu = ber.tlv(ber.OID, ber.encode_oid(enterprise)) + ber.tlv(ber.IP_ADDRESS, origin)
    pdu += ber.integer(generic) + ber.integer(specific) + ber.tlv(ber.TIMETICKS, b"\x01")
    pdu += ber.tlv(ber.SEQUENCE, binds)
    return ber.tlv(ber.SEQUENCE, ber.integer(0) + ber.tlv(ber.OCTETS, b"public") + ber.tlv(0xA4, pdu))

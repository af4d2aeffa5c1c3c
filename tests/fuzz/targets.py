"""What is fuzzed: every decoder of bytes from outside, each with the only errors it may raise.

A target takes the bytes and returns; anything but its declared errors is a finding.
"""

from collections.abc import Callable

import msgspec

from agent.parcel import Parcel
from agent.transports import ber, check, ntp
from agent.transports.snmp_walk import MAX_ROUND_TRIPS, Ask, Session, Walk
from agent.transports.trouble import TroubleError, text_of
from rules import wire
from rules.document import Document, DocumentError
from rules.profile_form import Profile
from server.kernel import strictjson
from server.kernel.errors import DeskError

STEPS = MAX_ROUND_TRIPS + 1


def snmp_message(data: bytes) -> None:
    """An answer of a device, and every value in it."""
    try:
        answer = ber.read(data)
    except TroubleError:
        return
    for oid, tag, start, end in answer.varbinds:
        ber.decode_oid(oid)
        ber.value_of(tag, data[start:end])


def snmp_walk(data: bytes) -> None:
    """A device that answers whatever it likes to a walk: the walk ends, with a result or a reason.

    The first byte says into how many answers the rest is cut; request ids are made to fit.
    """
    if len(data) < 2:
        return
    pieces = data[0] % 8 + 1
    size = max(1, (len(data) - 1) // pieces)
    answers = [data[1 + at : 1 + at + size] for at in range(0, len(data) - 1, size)]
    walk = Walk(Session(1, b"public", Ask.of(["1.3.6.1.2.1.1.1.0"], [["1.3.6.1.2.1.2.2.1.2"]], 100)))
    for step in range(STEPS):
        walk.question()
        pdu = ber.integer(step) + ber.integer(0) * 2 + ber.tlv(0x30, answers[step % len(answers)])
        message = ber.tlv(0x30, ber.integer(1) + ber.tlv(4, b"public") + ber.tlv(0xA2, pdu))
        try:
            if walk.take(message):
                return
        except TroubleError:
            return
    raise AssertionError("the walk does not end")


def report(data: bytes) -> None:
    """A body at the agents' door."""
    try:
        wire.decode_report(data)
    except wire.WireError:
        return


def parcel(data: bytes) -> None:
    """A record of the agent's own outbox, damaged."""
    try:
        msgspec.msgpack.decode(data, type=Parcel)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return


def document(data: bytes) -> None:
    """A profile that somebody wrote."""
    try:
        Document(data.decode("utf-8", "replace"), "own.yaml").typed(Profile)
    except DocumentError:
        return


def json_body(data: bytes) -> None:
    """A body at the API's door."""
    try:
        strictjson.parse(data)
    except DeskError:
        return


def time_answer(data: bytes) -> None:
    """An answer of a time server."""
    try:
        ntp._read(data, 0.0, 1.0)
    except TroubleError:
        return


def figures(data: bytes) -> None:
    """What a script check prints."""
    _text, said = check._split(text_of(data, check.MAX_OUTPUT))
    check._figures(said)


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one
    for one in (snmp_message, snmp_walk, report, parcel, document, json_body, time_answer, figures)
}

"""What is fuzzed: every decoder of bytes from outside, each with the only errors it may raise.

A target takes the bytes and returns; anything but its declared errors is a finding.
"""

import contextlib
import io
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from agent.listeners import trap
from agent.listeners.framing import Frames
from agent.listeners.syslog import decoded, split
from agent.listeners.traps import text_of as trap_text
from agent.listeners.usm import Security, User
from agent.parcel import Parcel
from agent.parsers import inventory, network
from agent.parsers.families import FAMILIES
from agent.parsers.text import MARK
from agent.transports import ber, check, ntp
from agent.transports.facts import Facts
from agent.transports.snmp_walk import MAX_ROUND_TRIPS, Ask, Session, Walk
from agent.transports.trouble import TroubleError, text_of
from rules import codec
from rules import platform as platforms
from rules.document import Document, DocumentError
from rules.profile_form import Profile
from rules.syslog import parse
from server.kernel import prose, strictjson
from server.kernel.errors import DeskError
from server.knowledge import documents, files, importing, searching

MAX_OUTPUT = 65_536  # characters
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
        codec.decode_report(data)
    except codec.WireError:
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


USERS = {b"fuzz": User("fuzz", "sha256", "fuzz-auth-key", "aes", "fuzz-priv-key")}
ENGINE = Security(b"\x80\0\0\0\x05fuzz", 1, lambda: 100.0)


def trap_message(data: bytes) -> None:
    """A trap of v1, v2c or v3, with every value; what the quick way takes, the careful one reads alike."""
    try:
        version, at, end = trap.head(data)
        secure = version == 3
        told = ENGINE.open(data, USERS)[0] if secure else trap.read(data, version, at, end)
        for _name, tag, start, stop in told.varbinds():
            trap_text(tag, told.data[start:stop])
    except TroubleError:
        return
    quick = trap.usual(data)
    if quick is not None and quick != told:
        raise AssertionError("a trap is read in two ways")


def syslog_stream(data: bytes) -> None:
    """Octets of a connection: framed, decoded, parsed. The first one says how they are cut."""
    frames = Frames()
    size = data[0] % 64 + 1 if data else 1
    messages = [one for at in range(1, len(data), size) for one in frames.feed(data[at : at + size])]
    for message in [*messages, *frames.finish(), data]:
        number, rest = split(message)
        parse(number, decoded(rest))


PLATFORMS = [one for _name, one in sorted(platforms.packaged().items())]
HOSTS = [one for _name, one in sorted(FAMILIES.items())]
PARTS = {one.name: re.findall(rf"{MARK}([\w-]+)", one.poll + one.facts) for one in HOSTS}
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def command_line(data: bytes) -> None:
    """What a network device says to a command; the first two bytes say of which platform which command."""
    if len(data) < 2:
        return
    platform = PLATFORMS[data[0] % len(PLATFORMS)]
    command = platform.commands[data[1] % len(platform.commands)]
    network.read(platform, {command.send: network.tidy(text_of(data[2:], MAX_OUTPUT))})


def machine(data: bytes) -> None:
    """What a machine prints over SSH: the first byte says of which family.

    The rest is one part after the other, each begun with a byte that says which and ended by a NUL.
    """
    family = HOSTS[data[0] % len(HOSTS)] if data else HOSTS[0]
    output = text_of(data[1:], MAX_OUTPUT)
    if names := PARTS[family.name]:
        pieces = (one for one in data[1:].split(b"\0") if one)
        output = "".join(
            f"{MARK}{names[one[0] % len(names)]}\n{text_of(one[1:], MAX_OUTPUT)}\n" for one in pieces
        )
    facts = Facts()
    with contextlib.suppress(TroubleError):
        facts, _ticks = family.read(output, (1.0, 2.0))
    with contextlib.suppress(TroubleError):
        inventory.tell(family.tell(output), facts, now=NOON)


UPLOADS = ("x.md", "x.html", "x.docx", "x.csv", "x.zip")
WORD_PARTS = (
    "[Content_Types].xml",
    "word/document.xml",
    "word/_rels/document.xml.rels",
    "word/numbering.xml",
)


def article_import(data: bytes) -> None:
    """An upload of articles, and its texts as they are shown and found; the first byte says of which kind."""
    if len(data) < 2:
        return
    name = UPLOADS[data[0] % len(UPLOADS)]
    with contextlib.suppress(DeskError):
        for item in importing.read(name, data[1:]):
            for part in documents.PARTS:
                said = str(item.texts.get(part, ""))
                prose.html(said)
                list(searching.words_of(said))


def word_document(data: bytes) -> None:
    """The parts of a Word document, one after the other, each ended by a NUL; packed as a whole archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, part in zip(WORD_PARTS, data.split(b"\0"), strict=False):
            archive.writestr(name, part)
    with contextlib.suppress(DeskError):
        documents.of_word(out.getvalue(), "x.docx")


def attachment(data: bytes) -> None:
    """A file at an article: what it is by its content, and its name as people see it."""
    try:
        media = files.media_of(data, "x")
    except DeskError:
        return
    name = files.clean_name(data.decode("utf-8", "replace"), media)
    if "/" in name or not name:
        raise AssertionError("a name that leads elsewhere")


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one
    for one in (
        snmp_message,
        snmp_walk,
        report,
        parcel,
        document,
        json_body,
        time_answer,
        figures,
        trap_message,
        syslog_stream,
        command_line,
        machine,
        article_import,
        word_document,
        attachment,
    )
}

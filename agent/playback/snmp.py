"""An SNMP agent of versions 1, 2c and 3 over one device's objects. Read only.

Source: RFC 1157, RFC 3416 (operations), RFC 3584 (what version 1 does not see).
"""

from collections.abc import Callable
from dataclasses import dataclass

from agent.playback import ber
from agent.playback.ber import Oid
from agent.playback.mib import Mib
from agent.playback.usm import Engine

GET, GETNEXT, RESPONSE, SET, GETBULK = 0xA0, 0xA1, 0xA2, 0xA3, 0xA5
TOO_BIG, NO_SUCH_NAME, READ_ONLY, NOT_WRITABLE = 1, 2, 4, 17
MAX_BODY = 1400  # octets of bindings in one answer, so that a datagram is not cut to pieces
MAX_REPETITIONS = 64


@dataclass(frozen=True)
class Question:
    """What a request asks: `first` and `second` are non-repeaters and max-repetitions of GETBULK."""

    kind: int
    number: int
    first: int
    second: int
    names: tuple[Oid, ...]


def read_question(tag: int, body: bytes) -> Question:
    """The protocol data unit of a request.

    Raises:
        ber.MalformedError: it is none.
    """
    number, at = ber.read_integer(body)
    first, at = ber.read_integer(body, at)
    second, at = ber.read_integer(body, at)
    bindings, _ = ber.expect(ber.SEQUENCE, body, at)
    return Question(tag, number, first, second, tuple(ber.read_oids(bindings)))


def _answer(question: Question, bindings: list[bytes], error: int = 0, index: int = 0) -> bytes:
    return ber.sequence(
        ber.integer(question.number),
        ber.integer(error),
        ber.integer(index),
        ber.sequence(*bindings),
        tag=RESPONSE,
    )


def _echo(question: Question, error: int, index: int) -> bytes:
    null = bytes((ber.NULL, 0))
    return _answer(question, [ber.sequence(ber.oid(name), null) for name in question.names], error, index)


def _is_counter64(binding: bytes) -> bool:
    body, _ = ber.expect(ber.SEQUENCE, binding)
    _, at = ber.expect(ber.OID, body)
    return body[at] == ber.COUNTER64


def _next(mib: Mib, name: Oid, *, old: bool) -> bytes | None:
    """The binding after a name; version 1 passes over 64-bit counters."""
    while found := mib.after(name, 1):
        if not (old and _is_counter64(found[0])):
            return found[0]
        body, _ = ber.expect(ber.SEQUENCE, found[0])
        name = ber.read_oid(ber.expect(ber.OID, body)[0])
    return None


def _bulk(mib: Mib, question: Question) -> bytes:
    singles, repeated = question.names[: question.first], question.names[question.first :]
    bindings = [
        _next(mib, name, old=False) or ber.sequence(ber.oid(name), ber.END_OF_MIB_VIEW) for name in singles
    ]
    size = sum(map(len, bindings))
    times = min(max(question.second, 0), MAX_REPETITIONS)
    runs = [(name, mib.after(name, times)) for name in repeated]
    for step in range(times):
        row: list[bytes] = []
        for name, found in runs:
            if step < len(found):
                row.append(found[step])
            else:
                row.append(ber.sequence(_last_name(found, name), ber.END_OF_MIB_VIEW))
        size += sum(map(len, row))
        if size > MAX_BODY and bindings:
            break
        bindings += row
        if all(step >= len(found) for _, found in runs):
            break
    return _answer(question, bindings)


def _last_name(found: list[bytes], asked: Oid) -> bytes:
    if not found:
        return ber.oid(asked)
    body, _ = ber.expect(ber.SEQUENCE, found[-1])
    _, at = ber.expect(ber.OID, body)
    return body[:at]


def answer(mib: Mib, question: Question, *, old: bool) -> bytes | None:
    """The response to one request; None for what an agent does not answer.

    Args:
        mib: the device's objects.
        question: the request.
        old: version 1, which knows no exceptions and no 64-bit counters.
    """
    if question.kind == SET:
        return _echo(question, READ_ONLY if old else NOT_WRITABLE, 1)
    if question.kind == GETBULK:
        return None if old else _bulk(mib, question)
    if question.kind not in (GET, GETNEXT):
        return None
    bindings: list[bytes] = []
    for index, name in enumerate(question.names, 1):
        if question.kind == GET:
            binding, there = mib.get(name)
            if old and (not there or _is_counter64(binding)):
                return _echo(question, NO_SUCH_NAME, index)
        else:
            following = _next(mib, name, old=old)
            if following is None and old:
                return _echo(question, NO_SUCH_NAME, index)
            binding = following or ber.sequence(ber.oid(name), ber.END_OF_MIB_VIEW)
        bindings.append(binding)
    return _answer(question, bindings)


class SnmpDevice:
    """One device's agent: datagram in, datagram out; None is silence."""

    def __init__(self, mib: Mib, community: str, engine: Engine | None, alive: Callable[[], bool]) -> None:
        self.mib = mib
        self._community = community.encode()
        self._engine = engine
        self._alive = alive

    def respond(self, datagram: bytes) -> bytes | None:
        """Answer a request; silent to strangers, to nonsense, and when the device has no power."""
        if not self._alive():
            return None
        try:
            return self._respond(datagram)
        except ber.MalformedError:
            return None

    def _respond(self, datagram: bytes) -> bytes | None:
        message, _ = ber.expect(ber.SEQUENCE, datagram)
        version, at = ber.read_integer(message)
        if version == 3:
            return None if self._engine is None else self._engine.respond(message, at, self._scoped)
        community, at = ber.expect(ber.OCTETS, message, at)
        if version not in (0, 1) or not self._community or community != self._community:
            return None
        tag, body, _ = ber.read(message, at)
        said = answer(self.mib, read_question(tag, body), old=version == 0)
        if said is None:
            return None
        return ber.sequence(ber.integer(version), ber.octets(community), said)

    def _scoped(self, pdu: bytes) -> bytes | None:
        tag, body, _ = ber.read(pdu)
        return answer(self.mib, read_question(tag, body), old=False)

"""One device's questions and the way through its answers: scalars by GET, tables by GETBULK, by columns.

A walk is a plain machine without a socket: `question()` is the datagram to send, `take(data)` reads the
answer and says whether all is read. Bounds: varbinds, bytes and round trips in one poll, rows in a table.
"""

from dataclasses import dataclass, field

from agent.transports import ber
from agent.transports.snmp_layout import Field, Key, Layout, Part, State, learn
from agent.transports.trouble import BadResponseError, TroubleError

MAX_VARBINDS = 50_000
MAX_BYTES = 8 * 1024 * 1024
MAX_ROUND_TRIPS = 4_000
REPLY_BYTES = 1_300  # what an answer should weigh: below one Ethernet frame
GET_OIDS = 40
MAX_REPETITIONS = 60
FORGET_AFTER = 60  # polls after which what was missing is asked for again
_TOO_BIG, _NO_SUCH_NAME = 1, 2
_DENIED = {6: "noAccess", 16: "authorizationError"}


@dataclass(frozen=True, slots=True)
class Ask:
    """What to ask, encoded: instances, and groups of columns of one table. Places count through in order."""

    scalars: tuple[bytes, ...] = ()
    groups: tuple[tuple[bytes, ...], ...] = ()
    max_rows: int = 10_000

    @classmethod
    def of(cls, scalars: list[str], groups: list[list[str]], max_rows: int = 10_000) -> "Ask":
        """The same from OIDs as text; raises ValueError for what is no OID."""
        return cls(
            tuple(map(ber.encode_oid, scalars)),
            tuple(tuple(map(ber.encode_oid, group)) for group in groups),
            max_rows,
        )


@dataclass(slots=True, eq=False)
class Shape:
    """Names and types of an answer's values. The same object again means: nothing but values changed."""

    keys: list[Key]
    tags: bytes


@dataclass(slots=True, eq=False)
class Answer:
    """Values in the order of the shape's keys."""

    shape: Shape
    values: list[ber.Raw]
    truncated: bool = False
    round_trips: int = 0
    received: int = 0  # varbinds that came, kept or not


@dataclass(slots=True, eq=False)
class Session:
    """What is remembered of a device between polls. `version` 0 is v1, 1 is v2c."""

    version: int
    community: bytes
    ask: Ask
    polls: int = 0
    get_oids: int = GET_OIDS
    repetitions: int = 0  # after a device said "too big"; 0: by weight
    missing: set[int] = field(default_factory=set)
    kept: dict[int, int] = field(default_factory=dict)  # values of each table, last time
    weight: float = 24.0  # bytes of a varbind
    layouts: dict[State, Layout] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    shape: Shape | None = None

    def starting(self) -> None:
        """A poll begins."""
        if self.polls % FORGET_AFTER == FORGET_AFTER - 1:
            self.missing.clear()
            self.layouts.clear()
        self.polls += 1

    def finished(self, parts: list[Part]) -> Shape:
        """The shape of a whole answer: the last one, where every part is the same as then."""
        if self.shape is None or parts != self.parts:
            keys = [key for part in parts for key in part.keys]
            tags = b"".join(part.tags for part in parts)
            if self.shape is None or self.shape.keys != keys or self.shape.tags != tags:
                self.shape = Shape(keys, tags)
            self.parts = parts
        return self.shape


_KEYS: dict[Key, Key] = {}


def _shared(keys: list[Key]) -> tuple[Key, ...]:
    """Keys as one object each for all devices: most tables have the same rows."""
    if len(_KEYS) > MAX_VARBINDS:
        _KEYS.clear()
    return tuple(_KEYS.setdefault(key, key) for key in keys)


class Walk:
    """One poll of one device."""

    __slots__ = (
        "bytes",
        "layout",
        "parts",
        "previous",
        "received",
        "round_trips",
        "session",
        "state",
        "truncated",
        "values",
    )

    def __init__(self, session: Session) -> None:
        session.starting()
        self.session = session
        self.values: list[ber.Raw] = []
        self.parts: list[Part] = []
        self.truncated = False
        self.received = self.bytes = self.round_trips = 0
        self.previous: Layout | None = None
        self.state: State = self._enter(0)
        self.layout: Layout | None = session.layouts.get(self.state)

    @property
    def done(self) -> bool:
        """Whether nothing is left to ask."""
        ask = self.session.ask
        return self.state[0] >= len(ask.scalars) + len(ask.groups)

    def answer(self) -> Answer:
        """What was read."""
        shape = self.session.finished(self.parts)
        return Answer(shape, self.values, self.truncated, self.round_trips, self.received)

    def question(self) -> tuple[bytes, int]:
        """The next datagram, and where its four bytes of request id stand."""
        if self.layout is not None:
            return self.layout.question, self.layout.id_at
        made = self._question()
        return made, ber.request_id_at(made)

    def take(self, data: bytes) -> bool:
        """Read an answer; whether the walk is done. Raises TroubleError."""
        self.round_trips += 1
        self.bytes += len(data)
        layout = self.layout
        values = layout.values(data) if layout is not None else None
        if layout is None or values is None:
            self._slowly(data)
        else:
            self.values += values
            self.received += len(values)
            self.parts.append(layout)
            self.previous = layout
            self.state = layout.following
            self.layout = layout.then
        if (
            self.received > MAX_VARBINDS or self.bytes > MAX_BYTES or self.round_trips >= MAX_ROUND_TRIPS
        ) and not self.done:
            self.truncated = True
            return True
        return self.done

    def _enter(self, phase: int) -> State:
        """The state at the beginning of a phase: below the number of scalars a GET, above it a table."""
        ask, missing = self.session.ask, self.session.missing
        count = len(ask.scalars)
        while phase < count and phase in missing:
            phase += 1
        group = phase - count
        return phase, (ask.groups[group] if 0 <= group < len(ask.groups) else ()), 0

    def _wanted(self) -> list[int]:
        """Places of the scalars that the next GET asks for."""
        session, first = self.session, self.state[0]
        stop = min(len(session.ask.scalars), first + session.get_oids)
        return [place for place in range(first, stop) if place not in session.missing]

    def _question(self) -> bytes:
        session, (phase, cursors, kept) = self.session, self.state
        ask = session.ask
        if phase < len(ask.scalars):
            oids = [ask.scalars[place] for place in self._wanted()]
            return ber.request(session.version, session.community, ber.GET, oids)
        live = [cursor for cursor in cursors if cursor is not None]
        if session.version == 0:
            return ber.request(0, session.community, ber.GET_NEXT, live)
        fits = int(REPLY_BYTES / (session.weight * len(live)))
        repetitions = session.repetitions or max(1, min(MAX_REPETITIONS, fits))
        known = session.kept.get(phase)
        if known is not None and known >= kept:  # one row more than there were, to see the end
            repetitions = min(repetitions, -(-(known - kept) // len(live)) + 1)
        return ber.request(session.version, session.community, ber.GET_BULK, live, repetitions)

    def _slowly(self, data: bytes) -> None:
        """Read an answer varbind by varbind, and learn it where the device has been asked before."""
        session, before = self.session, self.state
        question = self.layout.question if self.layout is not None else self._question()
        answer = ber.read(data)
        if answer.version != session.version:
            raise BadResponseError("The answer is of another version.", place="version", evidence=data)
        self.received += len(answer.varbinds)
        if answer.varbinds and session.polls == 1:
            session.weight = 0.5 * session.weight + 0.5 * len(data) / len(answer.varbinds)
        cut_before = self.truncated
        fields: list[Field] = []
        keys: list[Key] = []
        if answer.error_status:
            self._error(answer)
        elif before[0] < len(session.ask.scalars):
            self._scalars(answer, keys, fields)
        else:
            self._rows(answer, keys, fields)
        part = Part(_shared(keys), bytes(tag for tag, _, _ in fields), self.state)
        for tag, start, stop in fields:
            self.values.append(ber.value_of(tag, data[start:stop]))
        learning = session.polls > 1 and not answer.error_status and self.truncated == cut_before
        self._keep(before, part, learn(answer, part, fields, question) if learning else None)

    def _keep(self, before: State, part: Part, layout: Layout | None) -> None:
        """Go on with a part; its layout, where there is one, stands for the state it was asked in."""
        session, previous = self.session, self.previous
        if len(session.layouts) > MAX_ROUND_TRIPS:
            session.layouts.clear()
        if layout is None:
            session.layouts.pop(before, None)
        else:
            session.layouts[before] = layout
        if previous is not None:
            previous.then = layout
        self.parts.append(layout or part)
        self.previous = layout
        self.layout = None if self.done else session.layouts.get(self.state)
        if layout is not None:
            layout.then = self.layout

    def _scalars(self, answer: ber.Response, keys: list[Key], fields: list[Field]) -> None:
        wanted = self._wanted()
        ask = self.session.ask
        places = {ask.scalars[place]: place for place in wanted}
        for oid, tag, start, stop in answer.varbinds:
            place = places.pop(oid, None)
            if place is None or tag in ber.ABSENT:
                continue
            keys.append((place, b""))
            fields.append((tag, start, stop))
        self.state = self._enter(wanted[-1] + 1)

    def _rows(self, answer: ber.Response, keys: list[Key], fields: list[Field]) -> None:
        """Hand each varbind to its column; a column ends outside itself, at no progress, or at its bound."""
        phase, cursors, kept = self.state
        ask = self.session.ask
        group = phase - len(ask.scalars)
        columns = ask.groups[group]
        base = len(ask.scalars) + sum(len(one) for one in ask.groups[:group])
        live = [place for place, cursor in enumerate(cursors) if cursor is not None]
        now = list(cursors)
        width = len(live)
        for number, (oid, tag, start, stop) in enumerate(answer.varbinds):
            place = live[number % width]
            last, column = now[place], columns[place]
            if last is None:
                continue
            if tag == ber.END_OF_MIB or not oid.startswith(column) or len(oid) == len(column):
                now[place] = None
            elif not ber.after(oid, last):
                self.truncated = True
                now[place] = None
            else:
                now[place] = oid
                if tag not in ber.ABSENT:
                    keys.append((base + place, oid[len(column) :]))
                    fields.append((tag, start, stop))
        kept += len(keys)
        if kept >= ask.max_rows * len(columns) and any(cursor is not None for cursor in now):
            self.truncated = True
            now = [None] * len(now)
        self._advance(phase, now, kept, moved=tuple(now) != cursors)

    def _advance(self, phase: int, now: list[bytes | None], kept: int, *, moved: bool) -> None:
        if moved and any(cursor is not None for cursor in now):
            self.state = (phase, tuple(now), kept)
            return
        self.session.kept[phase] = kept
        self.state = self._enter(phase + 1)

    def _error(self, answer: ber.Response) -> None:
        """The device refused a question: ask for less, or leave out what it stumbles over."""
        session, status, index = self.session, answer.error_status, answer.error_index
        phase, cursors, kept = self.state
        if status in _DENIED:
            raise TroubleError("auth", f"The device denies access ({_DENIED[status]}).")
        scalar = phase < len(session.ask.scalars)
        count = len(self._wanted()) if scalar else sum(cursor is not None for cursor in cursors)
        if status == _TOO_BIG and scalar and session.get_oids > 1:
            session.get_oids = max(1, min(session.get_oids, count) // 2)
        elif status == _TOO_BIG and not scalar and session.repetitions != 1:
            session.repetitions = max(1, (session.repetitions or 16) // 2)
        elif not 0 <= index <= max(count, 1):
            raise BadResponseError(
                "The device blames a value that was not asked.", place="error-index", evidence=answer.data
            )
        elif scalar:
            session.missing |= {self._wanted()[index - 1]} if index else set(self._wanted())
            self.state = self._enter(phase)
        else:
            live = [place for place, cursor in enumerate(cursors) if cursor is not None]
            gone = {live[index - 1]} if index else set(live)
            now = [None if place in gone else cursor for place, cursor in enumerate(cursors)]
            if status != _NO_SUCH_NAME:
                self.truncated = True
            self._advance(phase, now, kept, moved=True)

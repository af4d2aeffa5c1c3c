"""The ear for traps: security, limits, repetitions, and what the rules say of each.

A trap that is the same as one of a second ago, but for its time, is counted and not looked at. What of
v1 and v2c is believed: that it came from a configured address. A device whose credential is of v3 is not
heard in anything weaker.
"""

from collections.abc import Callable, Iterable
from time import monotonic

from agent.listeners import trap
from agent.listeners.ear import AGAIN_S, Datagram, Ear, Heard, Sample
from agent.listeners.sources import Address, Source
from agent.listeners.trap import Trap
from agent.listeners.usm import Message, RefusedError, Security, User
from agent.transports import ber
from agent.transports.trouble import BadResponseError, clean, printable
from rules.heard import HeardRule, judge_trap

MAX_VALUES = 100  # of one trap that are looked at
MAX_VALUE = 500  # characters
MAX_WHAT = 200  # characters of an OID that are told as a kind
MAX_NAMES = 50_000  # OIDs whose text is remembered
VERSIONS = {0: "1", 1: "2c", 3: "3"}
Send = Callable[[object, bytes], None]


class TrapEar(Ear):
    """All traps of an agent.

    Args:
        security: our own engine and those of the senders.
        communities: that v1 and v2c must carry one of; empty: any, as none of them proves anything.
        send: answers a sender; gets the datagram's last part.
    """

    def __init__(
        self,
        security: Security,
        *,
        in_all: float,
        wake: Callable[[], None],
        communities: Iterable[str] = (),
        send: Send | None = None,
    ) -> None:
        super().__init__("trap", in_all, wake)
        self.security = security
        self.send = send
        self._communities = frozenset(one.encode() for one in communities)
        self._rules: tuple[HeardRule, ...] = ()
        self._by_oid: dict[bytes, tuple[HeardRule, ...]] = {}
        self._names: dict[bytes, str] = {}

    def know(self, rules: Iterable[HeardRule]) -> None:
        """Judge by these rules from now on."""
        with self.lock:
            self._rules = tuple(rule for rule in rules if rule.trap is not None)
            self._by_oid.clear()
            for source in self.sources.values():
                source.recent.clear()

    def take(self, batch: Iterable[Datagram]) -> None:
        """Datagrams that came together. Nothing in them raises."""
        now = monotonic()
        with self.lock:
            self.refill(now)
            for address, data, peer in batch:
                source = self.admit(address, data, now)
                if source is not None:
                    try:
                        self._take(source, data, peer, now)
                    except RefusedError as error:
                        self.counts["security"] += 1
                        self._answer(peer, error.report)
                    except BadResponseError:
                        self.counts["malformed"] += 1

    def _take(self, source: Source, data: bytes, peer: object, now: float) -> None:
        told = trap.usual(data)
        secure: tuple[Message, User] | None = None
        if told is None:
            version, at, end = trap.head(data)
            if version == 3:
                told, message, user = self.security.open(data, source.users)
                secure = message, user
            else:
                told = trap.read(data, version, at, end)
        if secure is None:
            if source.users:
                raise RefusedError("It is weaker than the device's credential.")
            if self._communities and told.community not in self._communities:
                raise RefusedError("Its community is another.")
        if source.relay:
            origin = self._origin(told, now)
            if origin is None:
                return
            source = origin
        again = source.repeats(told.content, now, AGAIN_S)
        if not again:
            self._judge(source, told, now)
        if told.kind == trap.INFORM:  # only what could be read is acknowledged
            answer = trap.answer_message(told) if secure is None else self.security.acknowledge(told, *secure)
            self._answer(peer, answer)
        self.counts["repeated" if again else "taken"] += 1

    def _answer(self, peer: object, data: bytes | None) -> None:
        if data is not None and self.send is not None:
            self.send(peer, data)

    def _origin(self, told: Trap, now: float) -> Source | None:
        """Who sent what a relay passed on; None where that is nobody we know."""
        origin: Address = told.origin
        for name, tag, start, stop in told.varbinds():
            if name == trap.TRAP_ADDRESS and tag == ber.IP_ADDRESS and stop - start == 4:
                origin = told.data[start:stop]
        source = self.sources.get(origin)
        if source is None or source.relay:
            self.strangers.count(origin or bytes(4), now)
            return None
        return source

    def sample_of(self, source: str, data: bytes) -> Sample | None:
        """A trap of v1 or v2c that a stranger sent; what is encrypted stays closed."""
        try:
            told = trap.usual(data)
            if told is None:
                version, at, end = trap.head(data)
                if version == 3:
                    return None
                told = trap.read(data, version, at, end)
            values = self._values(told)
        except BadResponseError:
            return None
        oid = self._name(told.oid)
        rules = tuple(rule.name for rule in self._wanted(told.oid, oid))
        return Sample("", source, oid[:MAX_WHAT], rules, VERSIONS[told.version], values)

    def _values(self, told: Trap) -> dict[str, str]:
        varbinds = told.varbinds()[:MAX_VALUES]
        return {self._name(name): text_of(tag, told.data[start:stop]) for name, tag, start, stop in varbinds}

    def _judge(self, source: Source, told: Trap, now: float) -> None:
        values = self._values(told)
        oid = self._name(told.oid)
        version = VERSIONS[told.version]
        if self.ignored and self.ignores(source.address, oid[:MAX_WHAT]):
            self.counts["ignored"] += 1
            return
        rules = [
            rule
            for rule in self._wanted(told.oid, oid)
            if rule.hears(source.key, source.name, source.address)
        ]
        if self.looks > 0 and source.looks.fresh(oid, now):  # repetitions spend nothing
            self.looks -= 1
            names = tuple(rule.name for rule in rules)
            self.samples.append(Sample(source.key, source.address, oid[:MAX_WHAT], names, version, values))
        if not rules:
            self.counts["unknown_trap"] += 1
            self.hear(Heard("trap", source.key, source.address, None, oid, version, values))
            return
        for finding in judge_trap(rules, oid, values):
            self.hear(Heard("trap", source.key, source.address, finding, oid, version, values))

    def _wanted(self, raw: bytes, oid: str) -> tuple[HeardRule, ...]:
        """The rules that name a trap, as a beginning or as an end."""
        known = self._by_oid.get(raw)
        if known is None:
            known = tuple(
                rule
                for rule in self._rules
                if (rule.trap is not None and rule.trap.names(oid))
                or (rule.ends_trap is not None and rule.ends_trap.names(oid))
            )
            if len(self._by_oid) >= MAX_NAMES:
                self._by_oid.clear()
            self._by_oid[raw] = known
        return known

    def _name(self, raw: bytes) -> str:
        known = self._names.get(raw)
        if known is None:
            if len(self._names) >= MAX_NAMES:
                self._names.clear()
            known = self._names[raw] = ber.decode_oid(raw)
        return known


def text_of(tag: int, raw: bytes) -> str:
    """A value as text: numbers in digits, octets as they read or in hex, nothing as ""."""
    value = ber.value_of(tag, raw)
    if value is None:
        return ""
    if not isinstance(value, bytes):
        return str(value)
    value = value[: 4 * MAX_VALUE].rstrip(b"\0")
    if value.isascii() and value.decode("ascii").isprintable():
        return value.decode("ascii")[:MAX_VALUE]
    if printable(value):
        return clean(value.decode("utf-8"), MAX_VALUE)
    try:
        text = value.decode("gb18030")
    except UnicodeDecodeError:
        text = ""
    if text.isprintable() and text and not any("\ue000" <= sign <= "\uf8ff" for sign in text):
        return text[:MAX_VALUE]
    return value.hex(":")[:MAX_VALUE]

"""The ear for syslog: limits, one search for all patterns at once, and what rules say of the few that hit.

Lines that no rule wants are counted by level and gone; this is nearly all of them, so nothing more than the
priority is read before.
"""

from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any

import re2  # type: ignore[import-untyped]

from agent.listeners.ear import AGAIN_S, Datagram, Ear, Heard, Sample
from agent.listeners.sources import Address, Source, packed
from agent.listeners.syslog import decoded, split
from rules.heard import HeardRule, judge_line
from rules.heard_form import FACILITIES, LEVELS
from rules.syslog import Line, parse, shape

MEMORY = 32 << 20  # octets that the automaton of all patterns may use
MAX_TEXT = 1_000


class LineEar(Ear):
    """All syslog of an agent."""

    def __init__(self, *, in_all: float, wake: Callable[[], None]) -> None:
        super().__init__("syslog", in_all, wake)
        self.levels = [0] * 8
        self._of: list[
            tuple[HeardRule, bool]
        ] = []  # of each pattern in the set the rule, and whether it ends it
        self._set: Any = None
        self._by_name: dict[str, Source] = {}

    def heed(self, sources: dict[Address, Source]) -> None:  # type: ignore[override]
        """Hear these from now on."""
        super().heed(sources)
        self._by_name = {
            name: one for one in sources.values() if not one.relay for name in _names(one) if name
        }

    def know(self, rules: Iterable[HeardRule]) -> None:
        """Judge by these rules from now on."""
        mine = tuple(rule for rule in rules if rule.line is not None)
        options = re2.Options()
        options.log_errors = False
        options.max_mem = MEMORY
        patterns = re2.Set.SearchSet(options)
        of: list[tuple[HeardRule, bool]] = []
        for rule in mine:
            for match, ended in ((rule.ends_line, True), (rule.line, False)):
                if match is not None:
                    patterns.Add(match.pattern.text)
                    of.append((rule, ended))
        if of:
            patterns.Compile()
        with self.lock:
            self._of, self._set = of, patterns if of else None
            for source in self.sources.values():
                source.recent.clear()

    def take(self, batch: Iterable[Datagram]) -> None:
        """Messages that came together. Nothing in them raises."""
        now = monotonic()
        with self.lock:
            self.refill(now)
            levels, taken = self.levels, 0
            match = self._set.Match if self._set is not None else _nothing
            for address, data, _peer in batch:
                source = self.admit(address, data, now)
                if source is None:
                    continue
                taken += 1
                number, rest = split(data)
                levels[number & 7] += 1
                if source.relay:
                    self._relayed(number, rest, now)
                elif hits := match(rest if rest.isascii() else decoded(rest).encode()):
                    if source.repeats(rest, now, AGAIN_S):
                        self.counts["repeated"] += 1
                    else:
                        self._judge(source, number, parse(number, decoded(rest)), hits, now)
                elif self.looks > 0 and source.looks.due(now):
                    self._look(source, number, parse(number, decoded(rest)), now)
            self.counts["taken"] += taken

    def _relayed(self, number: int, rest: bytes, now: float) -> None:
        """A line that a relay passed on: whose it is says the host in it."""
        line = parse(number, decoded(rest))
        source = self._by_name.get(line.host.lower())
        if source is None:
            self.counts["unknown_host"] += 1
            return
        if not source.spend(now):
            self.counts["limited"] += 1
            return
        hits = self._set.Match(line.whole.encode()) if self._set is not None else []
        if not hits:
            if self.looks > 0 and source.looks.due(now):
                self._look(source, number, line, now)
            return
        if source.repeats(rest, now, AGAIN_S):
            self.counts["repeated"] += 1
        else:
            self._judge(source, number, line, hits, now)

    def sample_of(self, source: str, data: bytes) -> Sample | None:
        """A line that a stranger sent."""
        number, rest = split(data)
        line = parse(number, decoded(rest))
        hits = self._set.Match(line.whole.encode()) if self._set is not None else None
        found = judge_line([self._of[hit] for hit in sorted(hits or [])], line)
        rules = tuple(one.rule.name for one in found)
        return Sample("", source, shape(line), rules, priority=number, line=line.whole[:MAX_TEXT])

    def _look(self, source: Source, number: int, line: Line, now: float, rules: tuple[str, ...] = ()) -> None:
        """Let people see a line."""
        shown = Sample(source.key, source.address, shape(line), rules, "", {}, number, line.whole[:MAX_TEXT])
        self.show(shown, source.looks, now)

    def _judge(self, source: Source, number: int, line: Line, hits: list[int], now: float) -> None:
        of = self._of
        if self.ignored and self.ignores(source.address, shape(line)):
            self.counts["ignored"] += 1
            return
        found = [
            one
            for one in judge_line([of[hit] for hit in sorted(hits)], line)
            if one.rule.hears(source.key, source.name, source.address)
        ]
        if self.looks > 0 and source.looks.due(now):
            self._look(source, number, line, now, tuple(one.rule.name for one in found))
        if not found:
            return
        values = {
            "line": line.whole[:MAX_TEXT],
            "level": LEVELS[line.level],
            "facility": FACILITIES[line.facility],
            "program": line.program,
            "host": line.host,
            "time": line.time,
        }
        for finding in found:
            self.counts["matched"] += 1
            self.hear(Heard("syslog", source.key, source.address, finding, values=values))


def _names(source: Source) -> tuple[str, ...]:
    """What a relay may call a device: its name, the first part of it, its address."""
    name = source.name.lower()
    return name, name.partition(".")[0] if packed(name) is None else "", source.address.lower()


def _nothing(_line: bytes) -> list[int]:
    return []

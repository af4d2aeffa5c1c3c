"""When which device is asked: spread evenly by a hash, backed off when dead, its lag measured.

A device that needs long to answer is asked less often, so that it has at least as long a rest: asking it
again at once would only make it slower. It has its own interval back as soon as it answers quickly again.

Times are seconds of a clock that does not run backwards.
"""

import hashlib
import heapq
import random
from dataclasses import dataclass, field

PATIENCE = 4  # polls without an answer before a device is asked less often
SLOWEST_S = 300.0
JITTER = 0.1
BUSY = 0.5  # of its interval that a device may be asked; slower ones get a longer interval
CALM = 0.3  # weight of the latest poll in how long a device needs


@dataclass(slots=True)
class Turn:
    """A device in the schedule."""

    key: str
    every_s: float
    parents: tuple[str, ...] = ()
    due: float = 0.0
    failures: int = 0
    took_s: float = 0.0  # how long a poll takes, smoothed
    running: bool = False
    generation: int = 0  # entries of the heap with another one are stale


@dataclass(slots=True)
class Lag:
    """How late polls began, in seconds, since the last look."""

    count: int = 0
    total: float = 0.0
    worst: float = 0.0
    skipped: int = 0  # turns that were left out because the one before was not over

    def take(self, late: float) -> None:
        """Count one poll."""
        self.count += 1
        self.total += late
        self.worst = max(self.worst, late)


@dataclass(slots=True)
class Schedule:
    """The turns of all devices. `seed` tells agents apart, so that two do not ask in step."""

    seed: str
    lag: Lag = field(default_factory=Lag)
    _turns: dict[str, Turn] = field(default_factory=dict)
    _heap: list[tuple[float, int, str]] = field(default_factory=list)
    _random: random.Random = field(default_factory=random.Random)
    _generation: int = 0

    def put(self, key: str, every_s: float, now: float, *, parents: tuple[str, ...] = ()) -> None:
        """Add a device, or give it another interval; one that is there keeps its place in time."""
        turn = self._turns.get(key)
        if turn is not None and turn.every_s == every_s:
            turn.parents = parents
            return
        turn = self._turns[key] = Turn(key, every_s, parents)
        self._at(turn, now + phase(self.seed, key, every_s))

    def drop(self, key: str) -> None:
        """Take a device out."""
        self._turns.pop(key, None)

    def failing(self, key: str) -> bool:
        """Whether a device did not answer its last poll."""
        turn = self._turns.get(key)
        return turn is not None and turn.failures > 0

    def keys(self) -> set[str]:
        """The devices in the schedule."""
        return set(self._turns)

    def wait(self, now: float) -> float | None:
        """Seconds until the next turn (0 where one is due), or None where there is none."""
        self._clean()
        return max(0.0, self._heap[0][0] - now) if self._heap else None

    def take(self, now: float) -> str | None:
        """The next device that is due, its lag counted; the caller says `done` afterwards."""
        self._clean()
        if not self._heap or self._heap[0][0] > now:
            return None
        due, _generation, key = heapq.heappop(self._heap)
        turn = self._turns[key]
        self.lag.take(now - due)
        turn.running = True
        return key

    def done(self, key: str, now: float, *, up: bool, took_s: float = 0.0) -> list[str]:
        """A poll is over: the next turn is set. Returns parents to be asked at once, where it just failed.

        Args:
            took_s: how long it took; of a device that is silent this says nothing of its load.
        """
        turn = self._turns.get(key)
        if turn is None:
            return []
        turn.running = False
        turn.failures = 0 if up else turn.failures + 1
        if up:
            turn.took_s += CALM * (took_s - turn.took_s)
        interval = self._interval(turn)
        following = turn.due + interval
        if following <= now:
            missed = int((now - turn.due) // interval)
            self.lag.skipped += missed
            following = turn.due + (missed + 1) * interval
        self._at(turn, following)
        return [one for one in turn.parents if one in self._turns] if turn.failures == 1 else []

    def hasten(self, key: str, now: float) -> None:
        """Ask a device now, unless it is being asked."""
        turn = self._turns.get(key)
        if turn is not None and not turn.running and turn.due > now:
            self._at(turn, now)

    def _interval(self, turn: Turn) -> float:
        """The interval: longer for a slow device, doubled with every failure beyond PATIENCE, with jitter.

        At most SLOWEST_S, or the interval itself where that is longer.
        """
        most = max(SLOWEST_S, turn.every_s)
        usual = min(max(turn.every_s, turn.took_s / BUSY), most)
        beyond = turn.failures - PATIENCE
        if beyond <= 0:
            return usual
        slow = min(usual * 2.0 ** min(beyond, 10), most)
        return slow * (1 + self._random.uniform(-JITTER, JITTER))

    def _at(self, turn: Turn, due: float) -> None:
        self._generation += 1
        turn.generation = self._generation
        turn.due = due
        heapq.heappush(self._heap, (due, turn.generation, turn.key))

    def _clean(self) -> None:
        """Drop entries that were superseded."""
        while self._heap:
            _due, generation, key = self._heap[0]
            turn = self._turns.get(key)
            if turn is not None and turn.generation == generation and not turn.running:
                return
            heapq.heappop(self._heap)


def phase(seed: str, key: str, every_s: float) -> float:
    """Where in its interval a device has its turn: evenly spread, the same on every start."""
    digest = hashlib.blake2b(f"{seed}\n{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2.0**64 * every_s

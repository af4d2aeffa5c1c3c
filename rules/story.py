"""One group of alerts and what each possible cause of it costs: the cheapest story wins.

`cost(cause) = prior + sum of -log p over what it explains + 9 for each alert it does not explain
+ 2.3 for each watched item that should be silent by now and answers`, in nats. Sums are kept per cause,
so that a new alert costs as much work as it has candidates, however large the group is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rules.causes import Candidate, Cause, expected
from rules.reach import PRIOR
from rules.symptom import Symptom
from rules.topology import Graph

UNEXPLAINED = 9.0  # as much as a new incident costs, so that nothing joins because it is near
SILENT = 2.3  # a watched item that should be silent and answers: one in ten does by chance
SILENT_MOST = 8  # items that count; from there on the answer is plain
SELF_TOLD = 0.3  # of that, where the cause has reported itself
DUE = 150.0  # s; a poll and its hold: from then on silence counts in full
ORDER_FIRST = -1.0  # the cause's own alarm came first
ORDER_LATER = -0.3  # it came, after some of its symptoms
ORDER_SILENT = 1.5  # it is watched and has not reported itself
CHANGED = -1.5  # the item was changed in the day before


NOTHING = Cause(Symptom.OTHER, 0)


class Severity(StrEnum):
    """How bad a single condition is."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    INFO = "info"


@dataclass(slots=True)
class Episode:
    """One alert from its beginning to its end; repeats of the news belong to it.

    Attributes:
        key: the alert's own key.
        fingerprint: identity of the condition, the same at its next episode.
        node: the item in the graph, or any number that is not in it.
        at: s since 1970, when it began.
        far: the other end of a port, where it is named.
    """

    key: int
    fingerprint: str
    node: int
    symptom: Symptom
    severity: Severity
    at: float
    far: int | None = None
    intermittent: bool = False
    over: bool = False


@dataclass(slots=True)
class Tally:
    """What one cause explains of a group."""

    cost: float = 0.0
    explained: int = 0
    silent: int = 0  # explained episodes that are items which should be silent
    due: int = 0  # items that should be silent, at most SILENT_MOST more than are


class Stage(StrEnum):
    """Where a group stands."""

    PENDING = "pending"  # may still change; nobody is told
    OPEN = "open"  # told
    RECOVERING = "recovering"  # half of it is over: no strangers join
    ENDED = "ended"
    MERGED = "merged"


@dataclass(slots=True)
class Story:
    """A group: its episodes, the tallies of its causes, and the best of them."""

    id: int
    started: float
    stage: Stage = Stage.PENDING
    hold_until: float = 0.0
    ended: float = 0.0
    merged_into: int = 0
    told: bool = False
    over: int = 0  # how many episodes are over
    episodes: dict[int, Episode] = field(default_factory=dict)
    candidates: dict[int, tuple[Candidate, ...]] = field(default_factory=dict)
    tallies: dict[Cause, Tally] = field(default_factory=dict)
    own: dict[Cause, float] = field(default_factory=dict)  # causes whose own alarm is here, and since when
    best: Cause = NOTHING
    cost: float = 0.0

    @property
    def size(self) -> int:
        """How many episodes."""
        return len(self.episodes)

    @property
    def living(self) -> int:
        """How many of them are not over."""
        return len(self.episodes) - self.over

    @property
    def cause_lives(self) -> bool:
        """Whether the best cause's own alarm is here and not over."""
        return self.best in self.own and any(
            e.node == self.best.node and e.symptom is self.best.mode and not e.over
            for e in self.episodes.values()
        )

    def anchor(self, cause: Cause) -> float:
        """When the cause began: at its own alarm, else at the first symptom. Never the last event."""
        return self.own.get(cause, self.started)


class Weigher:
    """Weighs causes over one graph.

    Args:
        graph: as it stands.
        changed: when items were changed lately, s since 1970.
    """

    def __init__(self, graph: Graph, changed: Mapping[int, float] | None = None) -> None:
        self.graph = graph
        self.changed = changed if changed is not None else {}
        self._expected: dict[Cause, frozenset[int]] = {}

    def expected(self, cause: Cause) -> frozenset[int]:
        """Watched items that must be silent under this cause (kept)."""
        if (known := self._expected.get(cause)) is None:
            known = self._expected[cause] = expected(self.graph, cause)
        return known

    def explains(
        self, story: Story, candidate: Candidate, episode: Episode, alarmed: Mapping[int, float]
    ) -> float | None:
        """-log p of the episode under the candidate in this story, or None if it cannot explain it."""
        cause, reach = candidate.cause, candidate.reach
        if reach.gated and cause not in story.own:
            return None
        anchor = story.anchor(cause)
        if not anchor - reach.early <= episode.at <= anchor + reach.late:
            return None
        if candidate.second and all(other in alarmed for other in candidate.second):
            return 0.4  # every other feed is alarmed too: nothing holds it any more
        return candidate.cost

    def base(self, story: Story, cause: Cause) -> float:
        """Nats of a cause beside its symptoms: how rare, in which order, after which change."""
        cost = PRIOR[cause.mode] + self.order(story, cause) + self.change(story, cause)
        return max(cost, 1.0)

    def order(self, story: Story, cause: Cause) -> float:
        """Nats for its own alarm: first, later, or not there."""
        own = story.own.get(cause)
        if own is None:
            node = self.graph.nodes.get(cause.node)
            return ORDER_SILENT if node is not None and node.watched else 0.0
        return ORDER_FIRST if own <= story.started else ORDER_LATER

    def change(self, story: Story, cause: Cause) -> float:
        """Nats for a change of the item in the day before the story began."""
        for node in (cause.node, cause.other):
            at = self.changed.get(node)
            if at is not None and 0 <= story.started - at <= 86_400:
                return CHANGED
        return 0.0

    def silence(self, story: Story, cause: Cause, tally: Tally, now: float) -> float:
        """Nats for items that should be silent and answer; grows until their polls are due.

        A cause that reported itself is doubted less: its management may be dead alone, while what lies
        behind it goes on.
        """
        missing = min(max(tally.due - tally.silent, 0), SILENT_MOST)
        if missing == 0:
            return 0.0
        own = SELF_TOLD if cause in story.own else 1.0
        return own * SILENT * missing * min(1.0, max(0.0, now - story.started) / DUE)

    def cost(self, story: Story, cause: Cause, now: float, *, plus: float | None = None) -> float:
        """Nats of the story under a cause; `plus`: with one more episode explained at that cost."""
        tally = story.tallies.get(cause) or self._empty(cause)
        unexplained = story.size - tally.explained
        total = self.base(story, cause) + tally.cost + UNEXPLAINED * unexplained
        total += self.silence(story, cause, tally, now)
        return total if plus is None else total + plus

    def _empty(self, cause: Cause) -> Tally:
        return Tally(due=len(self.expected(cause)))

    def add(
        self, story: Story, episode: Episode, found: tuple[Candidate, ...], alarmed: Mapping[int, float]
    ) -> None:
        """Put an episode into a story and bring the tallies up to date."""
        own = Cause(episode.symptom, episode.node)
        news = own not in story.own
        if news or episode.at < story.own[own]:
            story.own[own] = episode.at
        if episode.key not in story.episodes:
            story.over += episode.over
        story.episodes[episode.key] = episode
        story.candidates[episode.key] = found
        story.started = min(story.started, episode.at)
        if episode.symptom is Symptom.PORT and episode.far is not None:
            story.own.setdefault(Cause(Symptom.PORT, *sorted((episode.node, episode.far))), episode.at)
        for candidate in found:
            self._count(story, candidate, episode, alarmed)
        if news:
            self._recount(story, own, alarmed)

    def _count(
        self, story: Story, candidate: Candidate, episode: Episode, alarmed: Mapping[int, float]
    ) -> None:
        tally = story.tallies.get(candidate.cause)
        if tally is None:
            tally = story.tallies[candidate.cause] = self._empty(candidate.cause)
        cost = self.explains(story, candidate, episode, alarmed)
        if cost is None:
            return
        tally.cost += min(cost, UNEXPLAINED)
        tally.explained += 1
        if episode.symptom is Symptom.UNREACHABLE and episode.node in self.expected(candidate.cause):
            tally.silent += 1

    def _recount(self, story: Story, cause: Cause, alarmed: Mapping[int, float]) -> None:
        """The cause's own alarm came: its gates are open now, and its windows start there."""
        if cause not in story.tallies:
            return
        story.tallies[cause] = self._empty(cause)
        for key, found in story.candidates.items():
            for candidate in found:
                if candidate.cause == cause:
                    self._count(story, candidate, story.episodes[key], alarmed)

    def settle(self, story: Story, now: float, among: Iterable[Cause] | None = None) -> Cause:
        """Find the cheapest cause; causes whose unexplained symptoms alone cost more are not weighed."""
        best, least = story.best, float("inf")
        if among is None:
            among = story.tallies
        elif story.best in story.tallies:
            least = self.cost(story, best, now)
        for cause in among:
            tally = story.tallies[cause]
            if UNEXPLAINED * (story.size - tally.explained) + tally.cost < least:
                cost = self.cost(story, cause, now)
                if (cost, cause) < (least, best):
                    best, least = cause, cost
        story.best, story.cost = best, least
        return best

"""A storm becomes a few groups, each with a cause: pure, incremental, a few candidates per alert.

A new alert joins the open group whose story grows least by it, or begins one if that is cheaper. A group
is held until it is worth telling; until then it may change. After telling it only grows: a cause that
reports late becomes the group's root, and two groups that one cause tells more cheaply become one.
Nothing joins because it is near: only a cause that explains old and new together makes a group grow.

The state is a plain value that follows from the groups and their alerts; `restore` rebuilds it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from heapq import heappop, heappush

from rules.causes import Candidate, Cause, candidates
from rules.decision import DEFAULT_POLICY, Decision, Kind, Policy
from rules.story import Episode, Severity, Stage, Story, Weigher
from rules.symptom import Symptom
from rules.topology import Graph

NEW_GROUP = 0.5  # nats a new group costs beside its cause, so that an equal story joins
RECURRENCE = 0.7  # nats at which a group that had the same condition lately competes
MERGE_GAIN = 3.0  # nats that one story must be cheaper than two


class Correlator:
    """Open groups over one graph.

    Args:
        graph: as it stands; a new one is given with `regraph`.
        next_group: gives the number of a new group.
        policy: when to tell.
        changed: when items were changed lately, s since 1970.
    """

    def __init__(
        self,
        graph: Graph,
        next_group: Callable[[], int],
        *,
        policy: Policy = DEFAULT_POLICY,
        changed: Mapping[int, float] | None = None,
    ) -> None:
        self.policy = policy
        self.weigher = Weigher(graph, changed)
        self.stories: dict[int, Story] = {}
        self.group_of: dict[int, int] = {}
        self.next_group = next_group
        self._by_cause: dict[Cause, set[int]] = {}
        self._recent: dict[str, int] = {}  # fingerprint -> the group that had it last
        self.alarmed: dict[int, float] = {}  # nodes whose power alarm is open
        self._holds: list[tuple[float, int]] = []  # heap of hold ends; an entry is stale if it differs
        self._ended: deque[tuple[float, int]] = deque()
        self._candidates: dict[tuple[int, Symptom, int | None], tuple[Candidate, ...]] = {}

    @property
    def graph(self) -> Graph:
        """The graph in use."""
        return self.weigher.graph

    def regraph(self, graph: Graph, changed: Mapping[int, float] | None = None) -> None:
        """Use a newer graph from now on; groups keep what they have."""
        self.weigher = Weigher(graph, changed)
        self._candidates.clear()

    def candidates(self, episode: Episode) -> tuple[Candidate, ...]:
        """The causes that could stand behind an episode (kept)."""
        key = (episode.node, episode.symptom, episode.far)
        if (known := self._candidates.get(key)) is None:
            if len(self._candidates) > 50_000:
                self._candidates.clear()
            known = self._candidates[key] = candidates(self.graph, *key)
        return known

    # -- news ---------------------------------------------------------------------------------

    def fire(self, episode: Episode) -> list[Decision]:
        """An alert began. Returns what became of the groups, in order."""
        found = self.candidates(episode)
        if episode.symptom is Symptom.POWER:
            self.alarmed[episode.node] = episode.at
        story, reopened = self._choose(episode, found)
        if story is None:
            return self._begin(episode, found)
        decisions = [Decision(Kind.REOPENED, story.id, episode.key)] if reopened else []
        if story.stage in (Stage.RECOVERING, Stage.ENDED):
            story.stage = Stage.OPEN if story.told else Stage.PENDING
        if reopened and not story.told:
            self._hold(story, episode.at + self.policy.hold(episode))
        was = story.best
        self._put(story, episode, found)
        self.weigher.settle(story, self._now(story, episode.at))
        decisions.append(Decision(Kind.JOINED, story.id, episode.key))
        if story.best != was:
            decisions.append(Decision(Kind.REROOTED, story.id, episode.key))
        if story.stage is Stage.PENDING:
            self._hold(
                story,
                story.hold_until,
                episode.at + self.policy.hold(episode),
                story.started + self._together(story),
            )
        decisions += self._merge(story, episode.at)
        return decisions + self._tell(self.stories[decisions[-1].group], episode.at, episode.key)

    def clear(self, key: int, at: float) -> list[Decision]:
        """An alert is over."""
        story = self.stories.get(self.group_of.get(key, 0))
        if story is None or story.episodes[key].over:
            return []
        episode = story.episodes[key]
        episode.over = True
        story.over += 1
        if episode.symptom is Symptom.POWER:
            self.alarmed.pop(episode.node, None)
        decisions = [Decision(Kind.EASED, story.id, key)]
        living = story.living
        if living == 0:
            story.stage, story.ended = Stage.ENDED, at
            self._ended.append((at, story.id))
            decisions.append(Decision(Kind.ENDED, story.id, key))
        elif story.stage is Stage.OPEN and living * 2 <= story.size and not story.cause_lives:
            story.stage = Stage.RECOVERING
        return decisions

    def again(self, key: int, at: float) -> list[Decision]:
        """An alert that was over fires again, within the time in which it counts as the same."""
        story = self.stories[self.group_of[key]]
        episode = story.episodes[key]
        if not episode.over:
            return []
        episode.over = False
        story.over -= 1
        if episode.symptom is Symptom.POWER:
            self.alarmed[episode.node] = at
        ended = story.stage is Stage.ENDED
        if story.stage in (Stage.RECOVERING, Stage.ENDED):
            story.stage = Stage.OPEN if story.told else Stage.PENDING
        if ended and not story.told:
            self._hold(story, at + self.policy.hold(episode))
        decisions = [Decision(Kind.REOPENED if ended else Kind.JOINED, story.id, key)]
        return decisions + self._tell(story, at, key)

    def reweigh(self, key: int, severity: Severity, at: float) -> list[Decision]:
        """An alert's severity changed; a graver one may be worth telling sooner."""
        story = self.stories.get(self.group_of.get(key, 0))
        if story is None:
            return []
        episode = story.episodes[key]
        episode.severity = severity
        if story.stage is Stage.PENDING:
            self._hold(story, story.hold_until, at + self.policy.hold(episode))
        return [Decision(Kind.CHANGED, story.id, key), *self._tell(story, at, key)]

    def tick(self, now: float) -> list[Decision]:
        """Time passed: holds end, items that should be silent have been asked, old groups go."""
        decisions: list[Decision] = []
        while self._holds and self._holds[0][0] <= now:
            hold, group = heappop(self._holds)
            story = self.stories.get(group)
            if story is None or story.stage is not Stage.PENDING or story.hold_until != hold:
                continue
            was = story.best
            if self.weigher.settle(story, now) != was:
                decisions.append(Decision(Kind.REROOTED, story.id))
            decisions += self._tell(story, now, 0)
        while self._ended and now - self._ended[0][0] > self.policy.keep:
            ended, group = self._ended.popleft()
            story = self.stories.get(group)
            if story is not None and story.stage in (Stage.ENDED, Stage.MERGED) and story.ended == ended:
                self._forget(story)
        return decisions

    def due(self) -> float | None:
        """When the next hold ends, s since 1970; None where nothing waits."""
        while self._holds:
            hold, group = self._holds[0]
            story = self.stories.get(group)
            if story is not None and story.stage is Stage.PENDING and story.hold_until == hold:
                return hold
            heappop(self._holds)
        return None

    def _hold(self, story: Story, *until: float) -> None:
        """Hold a story until the earliest of these moments."""
        story.hold_until = min(until)
        if story.stage is Stage.PENDING and story.hold_until != float("inf"):
            heappush(self._holds, (story.hold_until, story.id))

    def restore(self, story: Story, episodes: Iterable[Episode]) -> None:
        """Put a stored group back as it was, without deciding anything anew."""
        self.stories[story.id] = story
        self._hold(story, story.hold_until)
        if story.stage is Stage.ENDED:
            self._ended.append((story.ended, story.id))
        best = story.best
        for episode in sorted(episodes, key=lambda e: (e.at, e.key)):
            if episode.symptom is Symptom.POWER and not episode.over:
                self.alarmed[episode.node] = episode.at
            self._put(story, episode, self.candidates(episode))
        if best in story.tallies:
            story.best = best
            story.cost = self.weigher.cost(story, best, story.started)
        elif story.episodes:
            self.weigher.settle(story, story.started)

    def move(self, key: int, group: int) -> None:
        """A person moved an alert to another group; it stays there."""
        episode, found = self._take_out(key)
        if (story := self.stories.get(group)) is None:
            story = self.stories[group] = Story(group, episode.at, stage=Stage.OPEN, told=True)
        self._put(story, episode, found)
        self.weigher.settle(story, self._now(story, episode.at))

    # -- choosing -----------------------------------------------------------------------------

    def _choose(self, episode: Episode, found: tuple[Candidate, ...]) -> tuple[Story | None, bool]:
        best, least = None, self._alone(episode, found)
        for candidate in found:
            for group in self._by_cause.get(candidate.cause, ()):
                story = self.stories[group]
                if story.stage in (Stage.PENDING, Stage.OPEN) or _lingers(story, candidate, episode):
                    grown = self._growth(story, episode, candidate)
                    if grown is not None and grown < least:
                        best, least = story, grown
        again = self.stories.get(self._recent.get(episode.fingerprint, 0))
        if again is not None and again is not best and least > RECURRENCE and self._takes_up(again, episode):
            return again, again.stage is Stage.ENDED
        return best, best is not None and best.stage is Stage.ENDED

    def _alone(self, episode: Episode, found: tuple[Candidate, ...]) -> float:
        empty = Story(0, episode.at)
        empty.own[Cause(episode.symptom, episode.node)] = episode.at
        least = float("inf")
        for candidate in found:
            cost = self.weigher.explains(empty, candidate, episode, self.alarmed)
            if cost is not None:
                least = min(least, self.weigher.base(empty, candidate.cause) + cost)
        return least + NEW_GROUP

    def _growth(self, story: Story, episode: Episode, candidate: Candidate) -> float | None:
        """Nats by which the story grows if this cause is to explain the episode too."""
        cause = candidate.cause
        now = self._now(story, episode.at)
        if cause == Cause(episode.symptom, episode.node) and cause not in story.own:
            return self._growth_by_own(story, episode, candidate, now)
        plus = self.weigher.explains(story, candidate, episode, self.alarmed)
        if plus is None:
            return None
        return self.weigher.cost(story, cause, now, plus=plus) - story.cost

    def _growth_by_own(self, story: Story, episode: Episode, candidate: Candidate, now: float) -> float:
        """As `_growth`, where the episode is the cause's own alarm, which opens the cause's gates."""
        cause = candidate.cause
        story.own[cause] = episode.at
        explained, total = 0, candidate.cost
        for key, found in story.candidates.items():
            for other in found:
                if other.cause == cause:
                    cost = self.weigher.explains(story, other, story.episodes[key], self.alarmed)
                    if cost is not None:
                        explained, total = explained + 1, total + cost
        total += self.weigher.base(story, cause) + 9.0 * (story.size - explained)
        total += self.weigher.silence(story, cause, story.tallies[cause], now)
        del story.own[cause]
        return total - story.cost

    def _takes_up(self, story: Story, episode: Episode) -> bool:
        if story.stage is Stage.MERGED:
            return False
        if story.stage is not Stage.ENDED:
            return True
        within = self.policy.reopen_intermittent if episode.intermittent else self.policy.reopen
        return 0 <= episode.at - story.ended <= within

    # -- changing -----------------------------------------------------------------------------

    def _begin(self, episode: Episode, found: tuple[Candidate, ...]) -> list[Decision]:
        story = Story(self.next_group(), episode.at)
        self.stories[story.id] = story
        self._put(story, episode, found)
        self.weigher.settle(story, episode.at)
        self._hold(story, episode.at + self.policy.hold(episode))
        decisions = [Decision(Kind.BEGUN, story.id, episode.key)]
        decisions += self._merge(story, episode.at)
        return decisions + self._tell(self.stories[decisions[-1].group], episode.at, episode.key)

    def _put(self, story: Story, episode: Episode, found: tuple[Candidate, ...]) -> None:
        self.weigher.add(story, episode, found, self.alarmed)
        self.group_of[episode.key] = story.id
        self._recent[episode.fingerprint] = story.id
        for candidate in found:
            self._by_cause.setdefault(candidate.cause, set()).add(story.id)

    def _tell(self, story: Story, now: float, key: int) -> list[Decision]:
        if story.stage is not Stage.PENDING or now < story.hold_until:
            return []
        story.stage, story.told = Stage.OPEN, True
        return [Decision(Kind.TOLD, story.id, key)]

    def _together(self, story: Story) -> float:
        informing = sum(e.severity is not Severity.INFO for e in story.episodes.values())
        return self.policy.together if informing > 1 else float("inf")

    def _merge(self, story: Story, now: float) -> list[Decision]:
        """Join another open group into this story, or this into it, where one cause tells both cheaper."""
        for group in sorted(self._by_cause.get(story.best, ())):
            other = self.stories[group]
            if other is story or other.stage not in (Stage.PENDING, Stage.OPEN):
                continue
            elder, younger = sorted((story, other), key=lambda s: (s.stage is Stage.PENDING, s.started, s.id))
            both = self._both(story, other, now)
            if both + MERGE_GAIN <= story.cost + other.cost:
                return self._unite(elder, younger, now)
        return []

    def _both(self, story: Story, other: Story, now: float) -> float:
        """Nats of one story of both under the first one's best cause."""
        union = Story(0, min(story.started, other.started), own=dict(story.own), best=story.best)
        union.episodes = {**story.episodes}
        tally = story.tallies[story.best]
        explained, cost = 0, 0.0
        for key, found in other.candidates.items():
            for candidate in found:
                if candidate.cause == story.best:
                    plus = self.weigher.explains(story, candidate, other.episodes[key], self.alarmed)
                    if plus is not None:
                        explained, cost = explained + 1, cost + plus
        left = story.size - tally.explained + other.size - explained
        total = self.weigher.base(story, story.best) + tally.cost + cost + 9.0 * left
        return total + self.weigher.silence(story, story.best, tally, now)

    def _unite(self, elder: Story, younger: Story, now: float) -> list[Decision]:
        was = elder.best
        moved = tuple(younger.episodes)
        for key in moved:
            self._put(elder, younger.episodes[key], younger.candidates[key])
        if elder.stage is Stage.PENDING:
            self._hold(elder, elder.hold_until, younger.hold_until, elder.started + self._together(elder))
        younger.stage, younger.ended, younger.merged_into = Stage.MERGED, now, elder.id
        self._ended.append((now, younger.id))
        for found in younger.candidates.values():
            for candidate in found:
                self._by_cause.get(candidate.cause, set()).discard(younger.id)
        self.weigher.settle(elder, now)
        decisions = [Decision(Kind.MERGED, elder.id, other=younger.id, moved=moved)]
        if elder.best != was:
            decisions.append(Decision(Kind.REROOTED, elder.id))
        return decisions

    def _take_out(self, key: int) -> tuple[Episode, tuple[Candidate, ...]]:
        story = self.stories[self.group_of[key]]
        rest = [e for k, e in story.episodes.items() if k != key]
        episode, found = story.episodes[key], story.candidates[key]
        fresh = Story(
            story.id, min((e.at for e in rest), default=story.started), stage=story.stage, told=story.told
        )
        self._forget(story)
        self.stories[story.id] = fresh
        for other in rest:
            self._put(fresh, other, self.candidates(other))
        if rest:
            self.weigher.settle(fresh, fresh.started)
        else:
            fresh.stage, fresh.ended = Stage.ENDED, episode.at
            self._ended.append((fresh.ended, fresh.id))
        return episode, found

    def _forget(self, story: Story) -> None:
        self.stories.pop(story.id, None)
        for key, found in story.candidates.items():
            self.group_of.pop(key, None)
            if self._recent.get(story.episodes[key].fingerprint) == story.id:
                del self._recent[story.episodes[key].fingerprint]
            for candidate in found:
                groups = self._by_cause.get(candidate.cause)
                if groups is not None:
                    groups.discard(story.id)
                    if not groups:
                        del self._by_cause[candidate.cause]

    @staticmethod
    def _now(story: Story, at: float) -> float:
        return max(at, story.started)


def _lingers(story: Story, candidate: Candidate, episode: Episode) -> bool:
    """Whether a slow effect of a group that eases, or has just ended, may still appear."""
    if story.stage is Stage.RECOVERING:
        return candidate.reach.lingers > 0
    return story.stage is Stage.ENDED and 0 <= episode.at - story.ended <= candidate.reach.lingers

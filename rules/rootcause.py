"""Why this cause: the ranking of a group's causes, its terms in numbers, and one counter-fact.

The terms are those of the sum that decided (`rules.story`), so what is shown is what was weighed: a
positive number speaks for the cause. Words for people are made where people are known; here are codes,
numbers and node ids.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.causes import Candidate, Cause
from rules.story import UNEXPLAINED, Story, Weigher
from rules.symptom import Symptom
from rules.topology import BEARING

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Term:
    """One reason, in nats; above zero it speaks for the cause.

    `code` names the sentence, `places` fill it: node ids under names that end in `_node`.
    """

    name: str  # path, order, change, redundancy, silence
    value: float
    code: str
    places: Mapping[str, int | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rank:
    """A cause and how it compares."""

    cause: Cause
    cost: float
    share: float  # of 1, by weight exp(-cost) among all causes of the group
    unexplained: int
    silent: int  # items that should be silent and answer


@dataclass(frozen=True, slots=True)
class Counterfact:
    """Without the connection between two items, the cause would come at this rank (0: not at all)."""

    source: int
    target: int
    rank: int
    alerts: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is shown of a probable cause."""

    ranks: tuple[Rank, ...]
    terms: tuple[Term, ...]
    counter: Counterfact | None

    @property
    def best(self) -> Cause:
        """The probable cause."""
        return self.ranks[0].cause

    def as_json(self) -> dict[str, Any]:
        """As stored with the group."""
        return {
            "ranks": [
                {
                    "mode": rank.cause.mode.value,
                    "node": rank.cause.node,
                    "other": rank.cause.other,
                    "cost": round(rank.cost, 2),
                    "share": round(rank.share, 3),
                    "unexplained": rank.unexplained,
                    "silent": rank.silent,
                }
                for rank in self.ranks
            ],
            "terms": [
                {"term": t.name, "value": round(t.value, 2), "code": t.code, "places": dict(t.places)}
                for t in self.terms
            ],
            "counter": None
            if self.counter is None
            else {
                "source": self.counter.source,
                "target": self.counter.target,
                "rank": self.counter.rank,
                "alerts": self.counter.alerts,
            },
        }


def explain(
    story: Story, weigher: Weigher, now: float, alarmed: Mapping[int, float] | None = None
) -> Explanation:
    """Rank the causes of a group and say why the first is first.

    Args:
        story: a group with at least one episode.
        weigher: over the graph that the group was weighed with.
        now: s since 1970.
        alarmed: nodes with an open power alarm, for feeds that are no longer redundant.
    """
    costs = {cause: weigher.cost(story, cause, now) for cause in _worth(story)}
    first = sorted(costs, key=lambda cause: (costs[cause], cause))[:SHOWN]
    least = costs[first[0]]
    total = sum(math.exp(least - cost) for cause, cost in costs.items() if not _twin(cause, first[0]))
    ranks = tuple(_rank(story, c, costs[c], math.exp(least - costs[c]) / total) for c in first)
    best = first[0]
    explained = _explained(story, weigher, best, alarmed or {})
    terms = (
        _path(story, best, explained),
        _order(story, weigher, best),
        _change(story, weigher, best),
        *_redundancy(explained),
        *_silence(story, weigher, best, now),
    )
    counter = _counter(weigher, best, explained, costs)
    return Explanation(ranks, terms, counter)


def _worth(story: Story) -> Iterable[Cause]:
    """The causes that explain something; at least those that explain most."""
    return [c for c, tally in story.tallies.items() if tally.explained] or list(story.tallies)


def _twin(cause: Cause, best: Cause) -> bool:
    """Whether two causes are the same item in two words: no rival for the other's share."""
    return cause != best and cause.node == best.node and not cause.other and not best.other


def _rank(story: Story, cause: Cause, cost: float, share: float) -> Rank:
    tally = story.tallies[cause]
    missing = max(tally.due - tally.silent, 0)
    return Rank(cause, cost, share, story.size - tally.explained, missing)


def _explained(
    story: Story, weigher: Weigher, cause: Cause, alarmed: Mapping[int, float]
) -> dict[int, tuple[Candidate, float]]:
    """Episodes that the cause explains, each with the reach and its cost."""
    found = {}
    for key, candidates in story.candidates.items():
        for candidate in candidates:
            if candidate.cause == cause:
                cost = weigher.explains(story, candidate, story.episodes[key], alarmed)
                if cost is not None:
                    found[key] = (candidate, cost)
    return found


def _path(story: Story, cause: Cause, explained: Mapping[int, tuple[Candidate, float]]) -> Term:
    others = {k: v for k, v in explained.items() if v[0].reach.relation != "own"}
    value = sum(UNEXPLAINED - cost for _, cost in others.values())
    total = sum(1 for e in story.episodes.values() if not _is_own(cause, e.node, e.symptom))
    relations = Counter(candidate.reach.relation for candidate, _ in others.values())
    if not total:
        return Term("path", 0.0, "alone")
    places: dict[str, int | float] = {"explained": len(others), "total": total}
    places |= {f"by_{relation}": n for relation, n in relations.items()}
    return Term("path", value, "path_all" if len(others) == total else "path_some", places)


def _is_own(cause: Cause, node: int, symptom: Symptom) -> bool:
    return node == cause.node and symptom is cause.mode


def _order(story: Story, weigher: Weigher, cause: Cause) -> Term:
    own = story.own.get(cause)
    others = [e.at for e in story.episodes.values() if not _is_own(cause, e.node, e.symptom)]
    if own is None:
        return Term("order", -weigher.order(story, cause), "order_silent")
    value = -weigher.order(story, cause)
    if not others:
        return Term("order", value, "order_alone")
    gap = round(min(others) - own)
    code = "order_first" if gap > 0 else "order_same" if gap == 0 else "order_later"
    return Term("order", value, code, {"seconds": abs(gap)})


def _change(story: Story, weigher: Weigher, cause: Cause) -> Term:
    value = -weigher.change(story, cause)
    if not value:
        return Term("change", 0.0, "change_none")
    ats = [weigher.changed[n] for n in (cause.node, cause.other) if n in weigher.changed]
    return Term("change", value, "change_recent", {"minutes": round((story.started - max(ats)) / 60)})


def _redundancy(explained: Mapping[int, tuple[Candidate, float]]) -> list[Term]:
    held = [(c, cost) for c, cost in explained.values() if c.second]
    lost = sum(1 for candidate, cost in held if cost < candidate.cost)
    standing = len(held) - lost
    sole = sum(
        1 for c, _ in explained.values() if not c.second and c.reach.relation in ("path", "power", "host")
    )
    if standing:
        value = -sum(cost for candidate, cost in held if cost >= candidate.cost)
        return [Term("redundancy", value, "redundancy_stands", {"items": standing})]
    if lost:
        value = sum(candidate.cost - cost for candidate, cost in held if cost < candidate.cost)
        return [Term("redundancy", value, "redundancy_lost", {"items": lost})]
    if sole:
        return [Term("redundancy", 0.0, "redundancy_none", {"items": sole})]
    return []


def _silence(story: Story, weigher: Weigher, cause: Cause, now: float) -> list[Term]:
    tally = story.tallies[cause]
    value = -weigher.silence(story, cause, tally, now)
    missing = max(tally.due - tally.silent, 0)
    if tally.due == 0:
        return []
    if missing == 0:
        return [Term("silence", 0.0, "silence_all", {"items": tally.due})]
    return [Term("silence", value, "silence_answers", {"items": missing, "due": tally.due})]


def _counter(
    weigher: Weigher,
    cause: Cause,
    explained: Mapping[int, tuple[Candidate, float]],
    costs: Mapping[Cause, float],
) -> Counterfact | None:
    """The edge that most of the explanation hangs on, and the cause's rank without it."""
    through: dict[tuple[int, int], list[int]] = {}
    for key, (candidate, _) in explained.items():
        if candidate.reach.relation != "own" and (edge := _last_edge(weigher, candidate)) is not None:
            through.setdefault(edge, []).append(key)
    worst: Counterfact | None = None
    for (source, target), keys in sorted(through.items()):
        without = costs[cause] + sum(UNEXPLAINED - explained[key][1] for key in keys)
        rank = 1 + sum(
            1 for c, cost in costs.items() if cost < without and not _twin(c, cause) and c != cause
        )
        if worst is None or (rank, len(keys)) > (worst.rank, worst.alerts):
            worst = Counterfact(source, target, rank, len(keys))
    return worst


def _last_edge(weigher: Weigher, candidate: Candidate) -> tuple[int, int] | None:
    """The edge of the chain that ends at the cause."""
    cause, graph = candidate.cause, weigher.graph
    if cause.other:
        return cause.node, cause.other
    if candidate.via not in graph or cause.node not in graph:
        return None
    chain = graph.path(candidate.via, cause.node)
    if chain:
        return chain[-1].source, chain[-1].target
    for kind in BEARING:  # no chain: a witness; the feed that both hang on
        shared = {f for f, _ in graph.feeds(candidate.via, kind)} & {
            f for f, _ in graph.feeds(cause.node, kind)
        }
        for edge in graph.needs(cause.node, kind):
            if edge.target in shared:
                return cause.node, edge.target
    return None

"""A storm becomes a few groups with the right cause, whatever the order of its news."""

from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.causes import Cause, candidates
from rules.correlate import Correlator
from rules.decision import Decision, Kind
from rules.rootcause import explain
from rules.story import Episode, Severity, Stage, Story, Weigher
from rules.symptom import Symptom, intermittent, symptom_of
from rules.topology import Edge, Graph, Node, RelationKind

K, S = RelationKind, Symptom
CRIT, MAJOR, MINOR, INFO = Severity
MAINS, UPS_A, UPS_B, PDU, CRAC, SENSOR, CORE, ACC1, ACC2, SRV1, SRV2, SRV3, DOOR, LEAK, APP = range(1, 16)
CLASSES = {MAINS: "breaker", UPS_A: "ups", UPS_B: "ups", PDU: "pdu", CRAC: "air_conditioner"}


def room(*, mains: bool = True) -> Graph:
    """One room: mains -> UPS -> PDU -> all; an air conditioner on the mains; two access switches."""
    nodes = [Node(i, f"n{i}", CLASSES.get(i, "device"), 1, watched=i != MAINS) for i in range(1, 16)]
    edges = [
        *(Edge(K.POWERED_BY, i, MAINS) for i in (UPS_A, UPS_B, CRAC) if mains),
        Edge(K.POWERED_BY, PDU, UPS_A),
        *(Edge(K.POWERED_BY, i, PDU) for i in (CORE, ACC1, ACC2, SRV1, SRV2)),
        Edge(K.POWERED_BY, SRV3, PDU),
        Edge(K.POWERED_BY, SRV3, UPS_B),
        *(Edge(K.COOLED_BY, i, CRAC) for i in (SRV1, SRV2, SRV3, SENSOR)),
        Edge(K.CONNECTS_TO, ACC1, CORE),
        Edge(K.CONNECTS_TO, ACC2, CORE),
        Edge(K.CONNECTS_TO, SRV1, ACC1),
        Edge(K.CONNECTS_TO, SRV2, ACC1),
        Edge(K.CONNECTS_TO, SRV3, ACC2),
        Edge(K.RUNS_ON, APP, SRV1),
    ]
    return Graph(nodes, edges, version=1)


class Desk:
    """A correlator with its own alert keys."""

    def __init__(self, graph: Graph) -> None:
        self.engine = Correlator(graph, count(1).__next__)
        self.keys = count(1)
        self.log: list[Decision] = []
        self.key_of: dict[tuple[int, Symptom], int] = {}

    def fire(self, node: int, symptom: Symptom, at: float, severity: Severity = CRIT, **more: int) -> None:
        key = next(self.keys)
        self.key_of[node, symptom] = key
        far = more.get("far")
        episode = Episode(key, f"{node}/{symptom}/{far}", node, symptom, severity, at, far)
        self.log += self.engine.fire(episode)

    def clear(self, node: int, symptom: Symptom, at: float) -> None:
        self.log += self.engine.clear(self.key_of[node, symptom], at)

    def tick(self, at: float) -> None:
        self.log += self.engine.tick(at)

    @property
    def told(self) -> list[Story]:
        return [s for s in self.engine.stories.values() if s.told and s.stage is not Stage.MERGED]

    def kinds(self) -> list[Kind]:
        return [decision.kind for decision in self.log]


MAINS_FAILURE = [
    (UPS_A, S.POWER, 0, CRIT),
    (UPS_B, S.POWER, 3, CRIT),
    (CRAC, S.COOLING, 20, CRIT),
    (SENSOR, S.HEAT, 240, MAJOR),
    (SRV1, S.HEAT, 400, MAJOR),
    (ACC1, S.UNREACHABLE, 900, CRIT),
    (SRV1, S.UNREACHABLE, 905, CRIT),
    (SRV2, S.UNREACHABLE, 910, CRIT),
    (CORE, S.PORT, 915, MAJOR),
    (CORE, S.UNREACHABLE, 930, CRIT),
    (SRV3, S.UNREACHABLE, 940, CRIT),
]


@pytest.mark.parametrize("mains", [True, False])
def test_a_mains_failure_is_one_incident_on_the_ups(mains: bool) -> None:  # noqa: FBT001
    desk = Desk(room(mains=mains))
    for node, symptom, at, severity in MAINS_FAILURE:
        desk.fire(node, symptom, at, severity)
        desk.tick(at + 1)
    desk.tick(2000)
    assert len(desk.told) == 1
    assert desk.told[0].best == Cause(S.POWER, UPS_A)
    assert desk.told[0].size == len(MAINS_FAILURE)


@given(order=st.permutations(MAINS_FAILURE[:5]))
def test_the_ups_becomes_the_cause_even_when_it_reports_after_its_symptoms(
    order: list[tuple[int, Symptom, int, Severity]],
) -> None:
    desk = Desk(room())
    for i, (node, symptom, _, severity) in enumerate(order):
        desk.fire(node, symptom, i * 8.0, severity)
        desk.tick(i * 8.0 + 1)
    desk.tick(500)
    assert len(desk.told) == 1
    assert desk.told[0].best.mode is S.POWER
    assert desk.told[0].best.node in (UPS_A, UPS_B)


def test_a_battery_that_drains_later_belongs_to_the_feed_that_failed() -> None:
    desk = Desk(room())
    desk.fire(UPS_A, S.POWER, 0, CRIT)
    desk.fire(PDU, S.POWER, 1, MAJOR)
    desk.fire(PDU, S.POWER, 600, CRIT)
    assert len(desk.told) == 1


def test_heat_that_shows_when_the_mains_is_back_takes_the_incident_up_again() -> None:
    desk = Desk(room())
    desk.fire(UPS_A, S.POWER, 0, CRIT)
    desk.fire(CRAC, S.COOLING, 20, CRIT)
    desk.clear(UPS_A, S.POWER, 120)
    desk.clear(CRAC, S.COOLING, 130)
    desk.fire(SENSOR, S.HEAT, 150, MAJOR)
    assert len(desk.told) == 1
    assert Kind.REOPENED in desk.kinds()


def test_heat_long_after_the_mains_was_back_is_another_trouble() -> None:
    desk = Desk(room())
    desk.fire(UPS_A, S.POWER, 0, CRIT)
    desk.fire(CRAC, S.COOLING, 20, CRIT)
    desk.clear(UPS_A, S.POWER, 120)
    desk.clear(CRAC, S.COOLING, 130)
    desk.fire(SENSOR, S.HEAT, 5000, MAJOR)
    desk.tick(6000)
    assert len(desk.told) == 2


def test_the_critical_cause_is_told_at_once_and_its_symptoms_never_alone() -> None:
    desk = Desk(room())
    desk.fire(UPS_A, S.POWER, 0)
    assert desk.kinds() == [Kind.BEGUN, Kind.TOLD]
    desk.fire(SRV1, S.UNREACHABLE, 100)
    desk.tick(1000)
    assert desk.kinds() == [Kind.BEGUN, Kind.TOLD, Kind.JOINED]


def test_what_is_behind_a_dead_switch_joins_it_and_the_switch_is_the_cause() -> None:
    desk = Desk(room())
    desk.fire(SRV2, S.UNREACHABLE, 0)
    desk.fire(SRV1, S.UNREACHABLE, 5)
    desk.fire(ACC1, S.UNREACHABLE, 40)
    desk.tick(60)
    desk.tick(200)
    assert len(desk.told) == 1
    assert desk.told[0].best == Cause(S.UNREACHABLE, ACC1)


def test_a_server_with_another_feed_is_laid_to_the_ups_only_when_that_feed_is_gone_too() -> None:
    graph = Graph(
        [Node(i, f"n{i}", CLASSES.get(i, "server")) for i in (UPS_A, UPS_B, SRV1, SRV2)],
        [Edge(K.POWERED_BY, SRV3, UPS_A), Edge(K.POWERED_BY, SRV1, UPS_A), Edge(K.POWERED_BY, SRV1, UPS_B)],
    )
    weigher = Weigher(graph)
    (feed,) = (c for c in candidates(graph, SRV1, S.UNREACHABLE) if c.cause == Cause(S.POWER, UPS_A))
    story = Story(1, 0, own={Cause(S.POWER, UPS_A): 0})
    episode = Episode(1, "x", SRV1, S.UNREACHABLE, CRIT, 600)
    alone = weigher.explains(story, feed, episode, {})
    both = weigher.explains(story, feed, episode, {UPS_A: 0, UPS_B: 0})
    assert alone is not None
    assert both is not None
    assert alone > 2.5
    assert both < 1


@pytest.mark.parametrize(
    ("node", "symptom"), [(LEAK, S.WATER), (DOOR, S.SECURITY), (SRV2, S.DISK), (ACC2, S.PORT)]
)
def test_troubles_of_different_kinds_are_incidents_of_their_own(node: int, symptom: Symptom) -> None:
    desk = Desk(room())
    desk.fire(UPS_A, S.POWER, 0)
    desk.clear(UPS_A, S.POWER, 600)
    desk.fire(LEAK if node != LEAK else DOOR, S.WATER if node != LEAK else S.SECURITY, 5000)
    desk.fire(node, symptom, 9000, MAJOR)
    desk.tick(9500)
    assert len(desk.told) == 3
    assert {story.best.node for story in desk.told} >= {UPS_A, node}


def test_a_forced_door_that_three_items_see_is_one_incident_on_the_first() -> None:
    desk = Desk(room())
    for i, node in enumerate((DOOR, LEAK, SENSOR)):
        desk.fire(node, S.SECURITY, i * 5.0, MAJOR)
        desk.tick(i * 5.0 + 1)
    desk.tick(300)
    assert [story.best for story in desk.told] == [Cause(S.SECURITY, DOOR)]


def test_a_flapping_link_that_both_ends_report_is_one_incident() -> None:
    desk = Desk(room())
    desk.fire(ACC2, S.PORT, 0, MAJOR)
    desk.fire(CORE, S.PORT, 4, MAJOR)
    desk.fire(ACC2, S.PATH, 20, MINOR)
    desk.tick(400)
    (story,) = desk.told
    assert story.best == Cause(S.PORT, CORE, ACC2)


def test_a_lone_minor_waits_and_one_that_is_over_is_never_told() -> None:
    desk = Desk(room())
    desk.fire(APP, S.SERVICE, 0, MINOR)
    desk.tick(60)
    assert not desk.told
    desk.clear(APP, S.SERVICE, 90)
    desk.tick(1000)
    assert Kind.TOLD not in desk.kinds()


def test_news_for_information_is_never_told_alone() -> None:
    desk = Desk(room())
    desk.fire(APP, S.OTHER, 0, INFO)
    desk.tick(100_000)
    assert not desk.told


def test_the_group_ends_with_its_last_alert_and_a_recurrence_takes_it_up_again() -> None:
    desk = Desk(room())
    desk.fire(LEAK, S.WATER, 0)
    desk.clear(LEAK, S.WATER, 60)
    assert desk.kinds()[-2:] == [Kind.EASED, Kind.ENDED]
    desk.fire(LEAK, S.WATER, 200)
    assert desk.kinds()[-2:] == [Kind.REOPENED, Kind.JOINED]
    desk.clear(LEAK, S.WATER, 260)
    desk.fire(LEAK, S.WATER, 5000)
    assert desk.kinds()[-2:] == [Kind.BEGUN, Kind.TOLD]
    assert len(desk.engine.stories) == 2


def test_the_explanation_shows_its_terms_and_a_counter_fact() -> None:
    desk = Desk(room())
    for node, symptom, at, severity in MAINS_FAILURE:
        desk.fire(node, symptom, at, severity)
    why = explain(desk.told[0], desk.engine.weigher, 1000)
    terms = {term.name: term for term in why.terms}
    assert terms["path"].value > 20
    assert terms["order"].code == "order_first"
    assert why.counter is not None
    assert why.counter.rank > 1
    assert why.ranks[0].share > 0.5
    assert len(why.ranks) == 3
    assert why.as_json()["ranks"][0]["node"] == UPS_A


def test_a_change_shortly_before_speaks_for_the_changed_item() -> None:
    engine = Correlator(room(), count(1).__next__, changed={ACC1: -600.0})
    for key, node in enumerate((SRV1, SRV2), 1):
        engine.fire(Episode(key, str(node), node, S.UNREACHABLE, CRIT, 5.0 * key))
    (story,) = (s for s in engine.stories.values() if s.stage is not Stage.MERGED)
    assert story.best.node == ACC1
    why = explain(story, engine.weigher, 100)
    assert any(t.name == "change" and t.value > 1 for t in why.terms)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["fire", "clear", "tick"]),
        st.integers(1, 15),
        st.sampled_from([S.POWER, S.COOLING, S.HEAT, S.UNREACHABLE, S.PORT, S.SERVICE, S.DISK, S.OTHER]),
        st.sampled_from(list(Severity)),
        st.integers(0, 400),
    ),
    max_size=40,
)


def play(steps: list[tuple[str, int, Symptom, Severity, int]]) -> Iterator[Correlator]:
    engine = Correlator(room(), count(1).__next__)
    keys, at = count(1), 0.0
    living: dict[tuple[int, Symptom], int] = {}
    for what, node, symptom, severity, wait in steps:
        at += wait
        if what == "tick":
            engine.tick(at)
        elif what == "fire" and (node, symptom) not in living:
            living[node, symptom] = key = next(keys)
            engine.fire(Episode(key, f"{node}/{symptom}", node, symptom, severity, at))
        elif what == "clear" and (node, symptom) in living:
            engine.clear(living.pop((node, symptom)), at)
        yield engine


@settings(deadline=None)
@given(steps=STEPS)
def test_every_alert_is_in_one_group_and_the_sums_are_what_a_recount_gives(
    steps: list[tuple[str, int, Symptom, Severity, int]],
) -> None:
    engine = None
    for engine in play(steps):
        homes: dict[int, int] = {}
        for story in engine.stories.values():
            if story.stage is not Stage.MERGED:
                for key in story.episodes:
                    assert homes.setdefault(key, story.id) == story.id
                assert story.living == sum(not e.over for e in story.episodes.values())
                assert (story.living == 0) == (story.stage is Stage.ENDED)
        assert homes == engine.group_of
    for story in engine.stories.values() if engine else ():
        for cause, tally in story.tallies.items():
            assert 0 <= tally.explained <= story.size
            assert tally.cost >= 0
            assert engine is not None
            assert engine.weigher.cost(story, cause, 0) > 0


@settings(deadline=None)
@given(steps=STEPS)
def test_the_state_restored_from_its_groups_decides_as_the_state_that_lived(
    steps: list[tuple[str, int, Symptom, Severity, int]],
) -> None:
    engine = list(play([*steps, ("tick", 1, S.OTHER, INFO, 0)]))[-1]
    again = Correlator(room(), count(10_000).__next__)
    for story in sorted(engine.stories.values(), key=lambda s: s.id):
        if story.stage is not Stage.MERGED:
            copy = Story(
                story.id,
                story.started,
                story.stage,
                story.hold_until,
                story.ended,
                told=story.told,
                best=story.best,
            )
            again.restore(copy, story.episodes.values())
    for story in again.stories.values():
        was = engine.stories[story.id]
        assert story.best == was.best
        assert set(story.episodes) == set(was.episodes)
        assert (story.stage, story.told, story.over) == (was.stage, was.told, was.over)


def test_words_give_the_class_of_alerts_never_seen() -> None:
    assert symptom_of("UpsOnBattery") is S.POWER
    assert symptom_of("UpsUnreachable") is S.UNREACHABLE
    assert symptom_of("CracStopped") is S.COOLING
    assert symptom_of("RoomTemperatureHigh") is S.HEAT
    assert symptom_of("InterfaceDown") is S.PORT
    assert symptom_of("LinkFlapping") is S.PORT
    assert intermittent("LinkFlapping")
    assert symptom_of("FilesystemFilling") is S.DISK
    assert symptom_of("DoorForcedOpen") is S.SECURITY
    assert symptom_of("LeakDetected") is S.WATER
    assert symptom_of("NodeDown") is S.UNREACHABLE
    assert symptom_of("ServiceDown") is S.SERVICE
    assert symptom_of("x", text="机房漏水") is S.WATER
    assert symptom_of("Quux") is S.OTHER


def test_an_item_outside_the_graph_has_only_its_own_cause() -> None:
    assert [c.cause for c in candidates(Graph(), 7, S.WATER)] == [Cause(S.WATER, 7)]
    weigher = Weigher(Graph())
    assert weigher.expected(Cause(S.UNREACHABLE, 7)) == frozenset()

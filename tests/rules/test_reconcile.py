from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rules.reconcile import Claim, Rank, same, settle

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RANKING = {
    "agent": Rank(1, timedelta(hours=1)),
    "inspection": Rank(3, timedelta(days=90)),
    "entered": Rank(4),
    "import": Rank(5, timedelta(days=365)),
}


def claim(source: str, value: object, *, ago: timedelta = timedelta(), reverted: bool = False) -> Claim:
    return Claim(source, value, NOON - ago, NOON - ago, reverted)


def test_the_best_rank_is_shown_and_every_other_says_why_it_lost() -> None:
    settled = settle(
        [
            claim("import:racks.csv", "V300R002C00", ago=timedelta(days=580)),
            claim("inspection", "V300R002C10SPC200", ago=timedelta(days=17)),
            claim("agent:agent-b1-01", "V300R002C10SPC210"),
        ],
        RANKING,
        now=NOON,
    )
    assert settled.shown is not None
    assert settled.shown.value == "V300R002C10SPC210"
    assert [verdict.reason for verdict in settled.verdicts] == ["shown", "lower_rank", "expired"]
    assert settled.verdicts[2].expired_at == NOON - timedelta(days=580 - 365)
    assert settled.conflict
    assert not settled.stale


def test_a_source_that_fell_silent_hands_over_to_the_next() -> None:
    claims = [claim("agent:a", "1.0", ago=timedelta(hours=2)), claim("entered", "0.9", ago=timedelta(days=9))]
    settled = settle(claims, RANKING, now=NOON)
    assert settled.shown is not None
    assert settled.shown.source == "entered"
    alone = settle(claims[:1], RANKING, now=NOON)
    assert alone.shown == claims[0]
    assert alone.stale


def test_a_reverted_claim_never_wins() -> None:
    settled = settle([claim("agent:a", 1, reverted=True), claim("entered", 2)], RANKING, now=NOON)
    assert settled.shown is not None
    assert settled.shown.value == 2
    assert settle([claim("agent:a", 1, reverted=True)], RANKING, now=NOON).shown is None


def test_spelling_is_no_conflict() -> None:
    assert same("Huawei ", "HUAWEI")
    assert same(2, 2.0)
    assert same("2", 2)
    assert same(["b", "a"], ["a", "b"])
    assert not same("2.10", "2.1")
    assert not same(True, 1)


SOURCES = ["agent:a", "agent:b", "inspection", "entered", "import:x", "script"]
CLAIMS = st.lists(
    st.builds(
        claim,
        st.sampled_from(SOURCES),
        st.sampled_from(["1", "2", 2, "x"]),
        ago=st.timedeltas(timedelta(0), timedelta(days=700)),
        reverted=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda one: one.source,
)


@given(claims=CLAIMS, data=st.data())
def test_the_order_of_sources_does_not_matter(claims: list[Claim], data: st.DataObject) -> None:
    turned = data.draw(st.permutations(claims))
    assert settle(turned, RANKING, now=NOON) == settle(claims, RANKING, now=NOON)


@given(claims=CLAIMS)
def test_each_claim_gets_one_verdict_and_what_is_shown_is_a_claim(claims: list[Claim]) -> None:
    settled = settle(claims, RANKING, now=NOON)
    assert len(settled.verdicts) == len(claims)
    assert [verdict.reason for verdict in settled.verdicts].count("shown") == (settled.shown is not None)
    assert (settled.shown is None) == all(one.reverted for one in claims)

"""Priority: the matrix, what raises it, and its bounds."""

from hypothesis import given
from hypothesis import strategies as st

from rules.priority import DEFAULT_MATRIX, impact_of, weigh

LEVEL = st.integers(1, 4)


def test_high_by_high_is_critical_and_low_by_low_is_planning() -> None:
    assert DEFAULT_MATRIX[1, 1] == 1
    assert DEFAULT_MATRIX[2, 2] == 3
    assert DEFAULT_MATRIX[3, 3] == 5


def test_a_vip_and_a_critical_service_raise_it_with_their_names() -> None:
    weighed = weigh(2, 3, vip=1, vip_name="Dana", service_criticality=1, service_name="Billing")
    assert (weighed.base, weighed.priority) == (4, 2)
    assert [(r.reason, r.name) for r in weighed.raises] == [("vip", "Dana"), ("service", "Billing")]


@given(
    impact=st.integers(-3, 9), urgency=st.integers(-3, 9), vip=st.integers(0, 5), service=st.none() | LEVEL
)
def test_it_stays_within_bounds_and_never_falls_by_a_raise(
    impact: int, urgency: int, vip: int, service: int | None
) -> None:
    weighed = weigh(impact, urgency, vip=vip, service_criticality=service)
    assert 1 <= weighed.priority <= weighed.base <= 5


@given(impact=LEVEL, urgency=LEVEL)
def test_graver_is_never_less_urgent(impact: int, urgency: int) -> None:
    assert weigh(impact, urgency).priority >= weigh(max(impact - 1, 1), urgency).priority


@given(criticality=st.none() | LEVEL, stopped=st.integers(0, 50))
def test_the_impact_of_an_item_is_a_level(criticality: int | None, stopped: int) -> None:
    assert 1 <= impact_of(criticality, stopped) <= 4

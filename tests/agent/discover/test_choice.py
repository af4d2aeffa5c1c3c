"""As many sensors are told as are worth it: rows of a column stand or fall together."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.discover.choice import Chance, choose
from agent.discover.found import Sensor


def column(name: str, rows: int, wanted: float, right: float | None = None) -> list[Chance]:
    told = [
        Sensor("voltage", name, 230.0, "V", f"{name}.{row}", "", wanted, "learned") for row in range(rows)
    ]
    return [Chance(wanted, wanted if right is None else right, one) for one in told]


def names(columns: list[list[Chance]]) -> set[str]:
    return {one.name for one in choose(columns)}


def test_a_doubtful_column_of_many_rows_does_not_drown_the_sure_ones() -> None:
    sure = [column(name, 1, 0.9) for name in ("input", "output", "battery", "bypass")]
    assert names([*sure, column("outlets", 64, 0.35)]) == {"input", "output", "battery", "bypass"}


def test_a_doubtful_column_is_told_where_there_is_nothing_better() -> None:
    assert names([column("outlets", 64, 0.35)]) == {"outlets"}


def test_what_is_surely_no_sensor_is_not_told() -> None:
    assert names([column("serial", 8, 0.01), column("port", 300, 0.02)]) == set()
    assert names([]) == names([[]]) == set()


def test_a_reading_that_would_be_told_wrongly_is_no_gain() -> None:
    assert names([column("input", 3, 0.95), column("raw", 6, 0.5, 0.06)]) == {"input"}


SHARES = st.floats(0, 1)
COLUMNS = st.lists(st.tuples(st.integers(1, 9), SHARES, SHARES), max_size=12)


@settings(deadline=None, max_examples=60)
@given(COLUMNS)
def test_whatever_the_chances_each_number_is_told_at_most_once_and_the_same_each_time(
    shapes: list[tuple[int, float, float]],
) -> None:
    columns = [column(f"c{place}", rows, max(a, b), min(a, b)) for place, (rows, a, b) in enumerate(shapes)]
    told = [one.oid for one in choose(columns)]
    assert len(told) == len(set(told))
    assert set(told) <= {one.item.oid for rows in columns for one in rows}
    assert told == [one.oid for one in choose(columns)]

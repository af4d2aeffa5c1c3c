"""What the lines of a chart are called: enough to tell them apart, in words, and nothing twice."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from server.kernel.db import Database
from server.kernel.i18n import use_language
from server.metrics import charts, service
from server.metrics.models import Series

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
VOLTS, CHARGE = "ups_input_volts", "ups_battery_charge_ratio"


@pytest.mark.parametrize(
    ("shown", "names"),
    [
        ([(CHARGE, "")], ["Battery charge"]),
        ([(VOLTS, "1")], ["Input voltage 1"]),
        ([(VOLTS, "1"), (VOLTS, "2")], ["1", "2"]),
        (
            [(VOLTS, "1"), (VOLTS, "2"), (CHARGE, "")],
            ["Input voltage 1", "Input voltage 2", "Battery charge"],
        ),
    ],
)
def test_a_line_is_called_by_its_metric_where_that_tells_something(
    db: Database, shown: list[tuple[str, str]], names: list[str]
) -> None:
    def draw(session: Session) -> charts.Chart:
        lines = []
        for metric, phase in shown:
            number = service.register(session, 1, metric, {"phase": phase} if phase else {}, now=NOON)
            lines.append(session.get_one(Series, number))
        return charts.chart(session, lines, NOON - timedelta(hours=1), NOON, now=NOON)

    with use_language("en"):
        drawn = db.run_now(draw)
    assert [line["name"] for line in drawn.series] == names

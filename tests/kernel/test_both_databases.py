from datetime import UTC, datetime

from server.kernel import ticket
from server.kernel.db import Database

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_numbers_count_on_for_each_prefix(db: Database) -> None:
    given = [db.run_now(ticket.next_number, prefix) for prefix in ("INC", "INC", "CHG")]
    assert given == ["INC-000001", "INC-000002", "CHG-000001"]


def test_a_link_told_twice_is_one_link_seen_from_both_ends(db: Database) -> None:
    for _ in range(2):
        db.run_now(ticket.link, "INC-000001", "CHG-000001", "caused_by", now=NOON)
    (seen,) = db.read_now(ticket.links, "CHG-000001")
    assert (seen.other, seen.kind, seen.forward) == ("INC-000001", "caused_by", False)

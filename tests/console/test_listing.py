"""Table pages answer the same rows as a plain oracle, on both databases, whatever is asked."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import DateTime, MetaData, String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from server.kernel.call import Actor
from server.kernel.db import Database, UtcDateTime
from server.kernel.errors import ForbiddenError, InvalidError, NotFoundError
from server.kernel.i18n import use_language
from server.kernel.listing import Bulk, Choice, Column, Filter, Listing, View, as_csv, page, saved
from server.kernel.listing.export import neutral
from server.kernel.listing.query import fold
from server.kernel.listing.wish import from_text, read

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ALICE = Actor(1, "alice", {"en": "Alice"}, frozenset({saved.SHARE}))
BOB = Actor(2, "bob", {"en": "Bob"}, frozenset())
STATES = ("new", "assigned", "resolved")
NAMES = ("UPS-B1-A", "UPS-B1-B", "ups_b1", "SW-3F-01", "100%", "机房 B1", "a\\b", "Äpfel", "=1+1", "")


class Rooms(DeclarativeBase):
    metadata = MetaData()
    type_annotation_map: ClassVar = {datetime: UtcDateTime}


class Thing(Rooms):
    __tablename__ = "listing_thing"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    note: Mapped[str | None] = mapped_column(String(60))
    state: Mapped[str] = mapped_column(String(20))
    owner_id: Mapped[int | None]
    opened_at: Mapped[datetime] = mapped_column(DateTime(timezone=True).with_variant(UtcDateTime(), "sqlite"))
    hidden: Mapped[int] = mapped_column(default=0)


THINGS = Listing(
    name="things",
    url="/things",
    title="Things",
    statement=lambda _actor: select(Thing),
    key=Thing.id,
    columns=(
        Column("name", "Name", sort=Thing.name, phone="title"),
        Column("note", "Note", sort=Thing.note),
        Column("state", "State", sort=Thing.state),
        Column("opened_at", "Opened", kind="moment", sort=Thing.opened_at),
        Column("owner_id", "Owner", kind="number"),
    ),
    filters=(
        Filter("name", "Name", "text", Thing.name),
        Filter(
            "state",
            "State",
            "choice",
            Thing.state,
            choices=(
                *(Choice(one, one) for one in STATES),
                Choice("open", "open", Thing.state != "resolved"),
            ),
        ),
        Filter("owner", "Owner", "person", Thing.owner_id),
        Filter("opened", "Opened", "date", Thing.opened_at),
    ),
    views=(View("open", "Open", "state:open", "-opened_at"), View("mine", "Mine", "owner:me")),
    search=(Thing.name, Thing.note),
    sort="name",
    row_url=lambda row: f"/things/{row.id}",
    bulk=(Bulk("close", "Close", "/things/close"),),
    page_size=7,
)

things: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.builds(
        dict,
        name=st.sampled_from(NAMES),
        note=st.none() | st.sampled_from(NAMES),
        state=st.sampled_from(STATES),
        owner_id=st.none() | st.integers(1, 3),
        opened_at=st.integers(-72, 72).map(lambda hours: NOON + timedelta(hours=hours)),
    ),
    max_size=24,
)
pairs = st.lists(
    st.one_of(
        st.tuples(
            st.just("name"),
            st.sampled_from(["ups", "UPS-*", "*-B1-*", "%", "_", "\\", "机房", "ä", "B1", "=1"]),
        ),
        st.tuples(st.just("state"), st.sampled_from([*STATES, "open"])),
        st.tuples(st.just("owner"), st.sampled_from(["me", "none", "2", "9"])),
        st.tuples(
            st.just("opened"),
            st.sampled_from(["1d", "30h", "2026-11-20", "2026-11-19..2026-11-20", "..2026-11-18"]),
        ),
        st.tuples(st.just("q"), st.sampled_from(["ups", "B1", "机房", "ups b1", "%"])),
        st.tuples(
            st.just("sort"),
            st.sampled_from(["name", "-name", "note", "-note", "opened_at", "-opened_at", "state"]),
        ),
    ),
    max_size=6,
)


def contains(text: str | None, wanted: str) -> bool:
    if text is None:
        return False
    value, pattern = fold(text), fold(wanted)
    if "*" not in pattern:
        return pattern in value
    parts = pattern.split("*")
    if not value.startswith(parts[0]) or not value.endswith(parts[-1]):
        return False
    rest = (
        value[len(parts[0]) : len(value) - len(parts[-1])]
        if len(value) >= len(parts[0] + parts[-1])
        else None
    )
    if rest is None:
        return False
    for part in parts[1:-1]:
        at = rest.find(part)
        if at < 0:
            return False
        rest = rest[at + len(part) :]
    return True


def in_days(at: datetime, wanted: str) -> bool:
    if wanted[-1] in "dh" and wanted[:-1].isdigit():
        return at >= NOON - timedelta(**{"days" if wanted[-1] == "d" else "hours": int(wanted[:-1])})
    start, dots, end = wanted.partition("..")
    day = at.date().isoformat()
    return (not start or day >= start) and day <= (end or ("9999" if dots else start))


TESTS: dict[str, Callable[[dict[str, Any], str], bool]] = {
    "name": lambda row, wanted: contains(row["name"], wanted),
    "state": lambda row, wanted: row["state"] != "resolved" if wanted == "open" else row["state"] == wanted,
    "owner": lambda row, wanted: (
        row["owner_id"] == {"me": 1, "none": None}.get(wanted, int(wanted) if wanted.isdigit() else 0)
    ),
    "opened": lambda row, wanted: in_days(row["opened_at"], wanted),
}


def oracle(rows: list[dict[str, Any]], asked: list[tuple[str, str]]) -> list[int]:
    left = list(rows)
    for key, test in TESTS.items():
        wanted = [value for name, value in asked if name == key]
        if wanted:
            left = [row for row in left if any(test(row, value) for value in wanted)]
    for word in " ".join(value for name, value in asked if name == "q").split():
        left = [row for row in left if contains(row["name"], word) or contains(row["note"], word)]
    sort = next((value for name, value in reversed(asked) if name == "sort"), "name")
    column = sort.removeprefix("-")
    comparable = [(row, fold(row[column]) if isinstance(row[column], str) else row[column]) for row in left]
    there = sorted((pair for pair in comparable if pair[1] is not None), key=lambda pair: pair[0]["id"])
    there.sort(key=lambda pair: pair[1], reverse=sort.startswith("-"))
    absent = sorted(pair[0]["id"] for pair in comparable if pair[1] is None)
    return [pair[0]["id"] for pair in there] + absent


@given(rows=things, asked=pairs)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_filters_and_order_answer_the_oracles_rows(
    db: Database, rows: list[dict[str, Any]], asked: list[tuple[str, str]]
) -> None:
    Rooms.metadata.create_all(db.engine)
    numbered = [{"id": n, "hidden": 0, **row} for n, row in enumerate(rows, 1)]

    def fill(session: Session) -> None:
        session.query(Thing).delete()
        session.add_all(Thing(**row) for row in numbered)

    db.run_now(fill)
    wanted = oracle(numbered, asked)
    asked = asked or [("view", "")]
    found: list[int] = []
    shown = db.read_now(page, THINGS, asked, actor=ALICE, now=NOON)
    for number in range(1, shown.pages + 1):
        one = db.read_now(page, THINGS, [*asked, ("page", str(number))], actor=ALICE, now=NOON)
        found += [row.id for row in one.rows]
    assert found == wanted
    assert shown.total == len(wanted)


@pytest.fixture
def filled(db: Database) -> Database:
    Rooms.metadata.create_all(db.engine)
    rows = [
        Thing(id=n, name=f"T-{n}", note="=1+1", state=STATES[n % 3], owner_id=n % 4 or None, opened_at=NOON)
        for n in range(1, 21)
    ]
    db.run_now(lambda session: session.add_all(rows))
    return db


@pytest.mark.parametrize(
    "asked",
    [
        [("hidden", "1")],
        [("sort", "hidden")],
        [("sort", "owner_id")],
        [("sort", "-")],
        [("state", "unknown")],
        [("owner", "abc")],
        [("opened", "yesterday")],
        [("opened", "1969-12-31")],
        [("opened", "2200-01-01")],
        [("page", "0")],
        [("page", "-1")],
        [("page", "9999999999999999999")],
        [("name", "a\x00b")],
        [("name", "\ud800")],
        [("name", "x" * 201)],
        [("text", "hidden:1")],
    ],
)
def test_what_the_page_does_not_show_cannot_be_asked(filled: Database, asked: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidError):
        filled.read_now(page, THINGS, asked, actor=ALICE, now=NOON)


def test_the_first_view_is_shown_when_nothing_is_asked_and_tabs_count(filled: Database) -> None:
    shown = filled.read_now(page, THINGS, [], actor=ALICE, now=NOON)
    assert [tab.current for tab in shown.tabs] == [True, False]
    assert [tab.count for tab in shown.tabs] == [13, 5]
    assert shown.total == 13
    assert {row.state for row in shown.rows} == {"new", "assigned"}
    assert [chip.key for chip in shown.chips] == ["state"]


def test_the_text_form_reads_what_it_writes() -> None:
    wish = from_text(THINGS, 'state:new,assigned name:"UPS B1",SW-* no access "to billing"')
    assert wish.filters == {"state": ("new", "assigned"), "name": ("UPS B1", "SW-*")}
    assert wish.words == "no access to billing"
    assert from_text(THINGS, wish.text()) == wish
    assert read(THINGS, wish.pairs()).filters == wish.filters


def test_a_changed_view_is_marked_and_a_saved_one_is_a_tab(filled: Database) -> None:
    shown = filled.read_now(page, THINGS, [("view", "open"), ("state", "new")], actor=ALICE, now=NOON)
    assert [tab.dirty for tab in shown.tabs] == [True, False]
    view = filled.run_now(
        saved.save, "things", name=" new ones ", query="state=new", shared=True, actor=ALICE, now=NOON
    )
    bobs = filled.read_now(page, THINGS, [("view", f"v{view.id}")], actor=BOB, now=NOON)
    assert [(tab.label, tab.current, tab.mine) for tab in bobs.tabs][-1] == ("new ones", True, False)
    assert {row.state for row in bobs.rows} == {"new"}


def test_charlie_neither_shares_nor_deletes_what_is_not_his(filled: Database) -> None:
    view = filled.run_now(saved.save, "things", name="mine", query="", shared=False, actor=ALICE, now=NOON)
    with pytest.raises(ForbiddenError):
        filled.run_now(saved.save, "things", name="x", query="", shared=True, actor=BOB, now=NOON)
    with pytest.raises(NotFoundError):
        filled.run_now(saved.delete, view.id, actor=BOB)


def test_a_view_whose_field_is_gone_is_left_out(filled: Database) -> None:
    filled.run_now(saved.save, "things", name="old", query="gone=1", shared=False, actor=ALICE, now=NOON)
    shown = filled.read_now(page, THINGS, [], actor=ALICE, now=NOON)
    assert [tab.label for tab in shown.tabs] == ["Open", "Mine"]


def test_the_file_holds_all_rows_and_no_formula(filled: Database) -> None:
    body = filled.read_now(as_csv, THINGS, [("view", ""), ("format", "csv")], actor=ALICE, now=NOON)
    assert body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert rows[0] == ["Name", "Note", "State", "Opened", "Owner"]
    assert len(rows) == 21
    assert rows[1][1] == "'=1+1"


@given(st.text())
def test_no_cell_is_ever_a_formula(text: str) -> None:
    with use_language("en"):
        cell = neutral(text)
    assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert neutral(-12.5) == "-12.5"


def test_a_page_costs_few_queries(filled: Database) -> None:
    from sqlalchemy import event

    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(filled.reader, "before_cursor_execute", note)
    filled.read_now(page, THINGS, [("state", "new"), ("q", "T")], actor=ALICE, now=NOON)
    event.remove(filled.reader, "before_cursor_execute", note)
    assert len([one for one in seen if one.startswith("SELECT")]) <= 4

"""What is searched is found: Chinese of two signs, error codes, parts of identifiers, odd signs literally."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from server.kernel.call import Actor
from server.kernel.clock import ManualClock
from server.kernel.db import Database
from server.kernel.errors import TooLongError
from server.kernel.timelimit import within
from server.knowledge import finding, searching, service
from server.knowledge.models import ArticleWord
from tests.desk_client import open_desk
from tests.knowledge.conftest import NOON, Publish

READER = Actor(9, "r", {"en": "R"}, frozenset({"knowledge.read"}))
SHELF = {
    "UPS": (
        "机房市电中断，不间断电源转电池",
        "检查配电柜断路器。看 upsOutputSource 与 1.3.6.1.2.1.33.1.4.1.0",
    ),
    "ORA": ("Login fails with ORA-01017", "Reset the password of the batch user, error 0x80070005."),
    "disk": (
        "Disk full on /var/log/journal",
        "journalctl --vacuum-size=1G; watch node_filesystem_avail_bytes",
    ),
    "percent": ("Load stands at 100%", "Kill job_a, not job'b; see {{7*7}}"),
    "fold": ("ＦＡＮ tray　２ stopped", "Replace batteries of the tray."),
}


def numbers(db: Database, said: str) -> list[str]:
    found, total = db.read_now(finding.articles, READER, state=None, words=said, limit=50, offset=0)
    assert total == len(found)
    return [one.number for one in found]


@pytest.fixture
def shelf(publish: Publish) -> dict[str, str]:
    return {key: publish(title, solution) for key, (title, solution) in SHELF.items()}


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("市电", "UPS"), ("电池", "UPS"), ("断路", "UPS"), ("不间断电源", "UPS"), ("upsOutput", "UPS"),
        ("outputsource", "UPS"), ("source", "UPS"), ("1.3.6.1.2.1.33", "UPS"), ("33.1.4", "UPS"),
        ("ORA-01017", "ORA"), ("01017", "ORA"), ("ora", "ORA"), ("0x80070005", "ORA"), ("passwords", "ORA"),
        ("/var/log", "disk"), ("journal", "disk"), ("filesystem_avail", "disk"), ("avail_bytes", "disk"),
        ("100%", "percent"), ("job_a", "percent"), ("job'b", "percent"), ("{{7*7}}", "percent"),
        ("fan 2", "fold"), ("ｆａｎ", "fold"), ("battery", "fold"), ("KB-000001", "UPS"),
        ("市电 upsoutput", "UPS"), ("login, ora-01017!", "ORA"),
    ],
)  # fmt: skip
def test_one_article_is_found_by_its_words_and_their_parts(
    db: Database, shelf: dict[str, str], said: str, key: str
) -> None:
    assert numbers(db, said) == [shelf[key]]


@pytest.mark.parametrize(
    "said", ["%", "_", "job%", "1_0%", "'", '"', "\\", "' OR 1=1 --", "电市", "xyzzy", "~tray"]
)
def test_signs_stand_for_nothing_but_themselves(db: Database, shelf: dict[str, str], said: str) -> None:
    held = {
        shelf[key]
        for key, texts in SHELF.items()
        if all(any(word.lower() in text.lower() for text in texts) for word in said.split())
    }
    assert set(numbers(db, said)) == held


def test_what_fits_in_the_title_stands_before_what_only_mentions_it(db: Database, publish: Publish) -> None:
    mentions = publish("Switch reboots", "Look at the chiller as well.")
    named = publish("Chiller stops", "Start it.")
    assert numbers(db, "chiller") == [named, mentions]


def test_a_changed_article_is_found_by_its_new_words_only(db: Database, publish: Publish) -> None:
    number = publish("Old words here")
    db.run_now(service.revise, number, {"title": "Fresh words"}, version=1, by=1, now=NOON)
    assert numbers(db, "old") == []
    assert numbers(db, "fresh") == [number]


def test_the_address_of_a_picture_finds_nothing_and_its_label_does(db: Database, publish: Publish) -> None:
    number = publish("Tray jams", "Look ![open tray](/knowledge/KB-000001/files/c0ffee123456?show=1)")
    assert numbers(db, "open tray") == [number]
    assert numbers(db, "c0ffee") == []


def test_articles_of_an_older_form_get_their_words(db: Database, publish: Publish) -> None:
    number = publish("Chiller stops")

    def forget(session: Session) -> None:
        article = service.article(session, number)
        article.words_form = 0
        session.execute(delete(ArticleWord))

    db.run_now(forget)
    assert numbers(db, "chiller") == []
    assert db.run_now(searching.index_stale) == 1
    assert db.run_now(searching.index_stale) == 0
    assert numbers(db, "chiller") == [number]


@given(said=st.text(max_size=60))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_typed_is_answered(db: Database, said: str) -> None:
    said = said.encode("utf-8", "replace").decode()
    numbers(db, said)


@example(word="SAjZiS_i1637b_3l3e2.3ehkc9")
@given(word=st.from_regex(r"[A-Za-z]{2,8}([._-][A-Za-z0-9]{1,6}){0,3}", fullmatch=True))
@settings(max_examples=60, deadline=None)
def test_an_identifier_is_found_by_each_beginning_of_each_part(word: str) -> None:
    kept = set(searching.words_of(f"see {word} there"))
    starts = [0, *(match.end() for match in re.finditer(r"[._-]", word))]
    for start in starts:
        for end in range(start + 2, len(word) + 1):
            typed = word[start:end].rstrip("._-")
            if len(typed) < 2:
                continue
            wanted, literal = searching.terms(typed)
            assert literal == ""
            assert all(any(one.startswith(term.word) for one in kept) for term in wanted), typed


def test_a_search_leaves_the_limit_of_statements_as_it_was(db: Database) -> None:
    def slow(session: Session) -> None:
        session.execute(
            text(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000000) "
                "SELECT count(*) FROM n"
            )
        )

    assert numbers(db, "fine before") == []
    with within(0.2), pytest.raises(TooLongError):
        db.read_now(slow)
    assert numbers(db, "fine again") == []


async def test_list_palette_and_api_find_the_same(db: Database, clock: ManualClock, tmp_path: Path) -> None:
    async with open_desk(db, clock, tmp_path) as desk:
        await desk.post(
            "/knowledge/new",
            {"title": "市电中断 upsOnBattery", "language": "zh", "solution": "合闸", "symptom": "E4711"},
        )
        await desk.post("/knowledge/new", {"title": "Printer", "language": "en", "solution": "Paper"})
        for said in ("市电", "onbattery", "E4711", "4711"):
            asked = quote(said)
            page = await desk.text(f"/knowledge?q={asked}&view=")
            assert "upsOnBattery" in page, said
            assert "Printer" not in page, said
            found = await desk.json(f"/api/v1/articles?words={asked}")
            assert [one["title"] for one in found["items"]] == ["市电中断 upsOnBattery"], said
            palette = await desk.json(f"/palette?q={asked}")
            assert any("upsOnBattery" in str(entry) for entry in palette["entries"]), said

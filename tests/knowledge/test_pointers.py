"""A text that only points at another one is told from a text that says something, in both languages."""

import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.kernel.call import Actor
from server.kernel.db import Database
from server.knowledge import record
from server.knowledge.pointers import LONGEST, pointer_in, pointer_of
from server.knowledge.suggesting.suggest import Query, suggest
from tests.knowledge.conftest import Publish

READER = Actor(3, "charlie", {"en": "Charlie"}, frozenset({"knowledge.read"}))
POINTING = [
    ("See [Printer tray jams](feed.md).", "Printer tray jams"),
    ("This article has been moved to [Fan trays](https://kb.example/7).", "https://kb.example/7"),
    ("Superseded by KB-000012, please refer to it.", "KB-000012"),
    ("**Deprecated.** For more information see <https://kb.example/a/b>", "https://kb.example/a/b"),
    ("[Fan trays](fans.md)", "fans.md"),
    ("See also: KB-000001, KB-000002", "KB-000002"),
    ("请参见《打印机卡纸》。", "打印机卡纸"),
    ("本文已合并到 KB-000012。", "KB-000012"),
    ("此条目已移至[风扇故障](fan.md)，请查看该文档。", "fan.md"),
]
SAYING = [
    "",
    "Restart the service.",
    "1. Open the tray.\n2. See KB-000001 for the part.",
    "Download the fix: https://vendor.example/patch",
    "Reset the breaker, see [plan](plan.md).",
    "1. Open it.\n2. See [fan](fan.html) and [far](../../x.md).",
    "See ![the panel](panel.png) and [plan](plan.md).",
    "重启服务，参见 KB-000003",
    "检查链接",
    "查看 UPS 面板。",
    "[a](b) [c](d) [e](f) [g](h)",
    'Set "mode" to "auto".',
    "The fan is loud. For more information, see Fan trays.",
    "See the log. If it names a disk, change that disk and wait for [the rebuild](rebuild.md).",
]


@pytest.mark.parametrize(("said", "target"), POINTING)
def test_what_only_points_is_told_with_its_target(said: str, target: str) -> None:
    pointer = pointer_in(said)
    assert target in pointer.targets
    assert pointer.sure


@pytest.mark.parametrize("said", SAYING)
def test_what_says_something_points_at_nothing(said: str) -> None:
    assert pointer_in(said).targets == ()


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("See Printing from the guest network.", "Printing from the guest network"),
        ("详见打印机卡纸", "打印机卡纸"),
        ("There is a similar alert. For more information, see fan_speed_low.", "fan_speed_low"),
        ("This page has been moved to guides/fan/tray.md", "tray"),
        ("本文已迁移至：风扇故障处理。", "风扇故障处理"),
    ],
)
def test_a_title_without_marks_is_offered_and_not_sure(said: str, title: str) -> None:
    assert pointer_in(said).targets[-1] == title
    assert not pointer_in(said).sure


@given(said=st.text(max_size=700))
@settings(max_examples=200, deadline=None)
def test_any_text_is_judged_and_a_longer_one_says_something(said: str) -> None:
    pointer = pointer_in(said)
    assert len(said.strip()) <= LONGEST or not pointer.targets
    assert len(pointer.targets) <= 6


@given(verb=st.sampled_from(["See", "Moved to", "Refer to"]), steps=st.integers(3, 9))
def test_steps_are_never_taken_for_a_pointer(verb: str, steps: int) -> None:
    said = "\n".join(f"{n}. Change fuse {n} of the panel" for n in range(steps))
    assert pointer_in(f"{said}\n\n{verb} KB-000001.").targets == ()


@pytest.mark.parametrize("bomb", ["[" * LONGEST, "[a](" * 150, "“" * LONGEST, "see " * 150, "<https://" * 60])
def test_a_text_of_brackets_is_judged_at_once(bomb: str) -> None:
    began = time.process_time()
    pointer_in(bomb)
    assert time.process_time() - began < 0.1


def test_the_solution_decides_where_there_is_one() -> None:
    assert pointer_of({"symptom": "Fan is loud", "solution": "See KB-000001."}).targets
    assert not pointer_of({"symptom": "See KB-000001.", "solution": "Change the fan."}).targets
    assert pointer_of({"symptom": "See KB-000001.", "solution": ""}).targets


def test_the_page_of_a_pointer_leads_to_what_it_means(db: Database, publish: Publish) -> None:
    real = publish("Fan tray fails", "1. Change the tray.\n2. Watch it.")
    for said in (
        f"See {real}.",
        "See [the fan page](/knowledge/x) or “Fan tray fails”.",
        "See fan tray FAILS.",
    ):
        stub = publish(f"Old page: {said}", said)
        pointed = db.read_now(record.view, stub, actor=READER).pointed
        assert pointed is not None, said
        assert pointed.url == f"/knowledge/{real}"
    assert db.read_now(record.view, real, actor=READER).pointed is None


def test_T13_a_pointer_names_no_article_that_its_reader_may_not_see(  # noqa: N802
    db: Database, publish: Publish
) -> None:
    from server.knowledge import service
    from tests.knowledge.conftest import NOON

    hidden = db.run_now(
        service.write, {"title": "Door code rotation", "solution": "x", "language": "en"}, by=1, now=NOON
    )
    stub = publish("Old page", f"See {hidden.number}.")
    told = publish("Older page", "See Door code rotation.")
    assert db.read_now(record.view, stub, actor=READER).pointed == record.Target(hidden.number)
    assert db.read_now(record.view, told, actor=READER).pointed is None


def test_what_an_article_only_points_at_is_suggested_in_its_place_and_once(
    db: Database, publish: Publish
) -> None:
    named = publish("Fan tray of the core switch is noisy", "1. Replace the tray.")
    pointer = publish("Core switch hums loudly at night", f"See {named}.")
    publish("Badge reader at the north door is dead", "1. Restart it.")
    for asked in ("Core switch hums loudly at night", "Core switch hums loudly, fan tray noisy"):
        found = [one.number for one in db.read_now(suggest, Query(asked), limit=9, least=0.0)]
        assert found[0] == named
        assert found.count(named) == 1
        assert pointer not in found


def test_a_pointer_at_what_the_reader_may_not_see_stays_as_it_is(db: Database, publish: Publish) -> None:
    named = publish("Fan tray of the core switch is noisy", "1. Replace the tray.")
    pointer = publish("Core switch hums loudly at night", f"See {named}.")

    def seen(numbers: Sequence[str]) -> list[str]:
        return [one for one in numbers if one != named]

    asked = Query("Core switch hums loudly at night")
    found = [one.number for one in db.read_now(suggest, asked, limit=9, least=0.0, seen=seen)]
    assert found == [pointer]


def test_two_articles_that_point_at_each_other_are_both_found(db: Database, publish: Publish) -> None:
    first = publish("Core switch hums loudly at night", "See \u201cFan tray is noisy\u201d.")
    second = publish("Fan tray is noisy", f"See {first}.")
    found = {one.number for one in db.read_now(suggest, Query("Fan tray is noisy"), limit=9, least=0.0)}
    assert found <= {first, second}
    assert found

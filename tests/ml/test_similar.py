"""The index answers the same however it grew, and says why."""

import math
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml import postings
from ml.answers import Document
from ml.similar import K1, B, Index, StaleIndexError
from ml.tokens import tokens

WORDS = st.sampled_from(
    [
        "mains",
        "lost",
        "UPS",
        "battery",
        "switch",
        "port",
        "flaps",
        "空调",
        "停机",
        "漏水",
        "ifOperStatus",
        "E4021",
    ]
)
TEXTS = st.lists(WORDS, min_size=1, max_size=8).map(" ".join)
STEPS = st.lists(st.tuples(st.integers(0, 9), st.one_of(st.none(), TEXTS)), min_size=1, max_size=40)


def grown(steps: list[tuple[int, str | None]]) -> Index:
    index = Index()
    for number, text in steps:
        if text is None:
            index.withdraw(f"KB-{number}")
        else:
            index.add(f"KB-{number}", Document({"title": text}))
    return index


@given(steps=STEPS, query=TEXTS)
@settings(max_examples=60, deadline=None)
def test_changing_and_withdrawing_leave_what_a_fresh_index_would_hold(
    steps: list[tuple[int, str | None]], query: str
) -> None:
    last = dict(steps)
    fresh = grown([(n, t) for n, t in last.items() if t is not None])
    for tail in (postings.TAIL, 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(postings, "TAIL", tail)
            index = grown(steps)
        assert len(index) == len(fresh)
        found = {hit.key: pytest.approx(hit.score, abs=1e-5) for hit in index.search(query, limit=20)}
        assert found == {hit.key: hit.score for hit in fresh.search(query, limit=20)}


@given(steps=STEPS, query=TEXTS, later=TEXTS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_saved_answers_and_grows_as_what_was_not(
    tmp_path: Path, steps: list[tuple[int, str | None]], query: str, later: str
) -> None:
    index = grown(steps)
    index.save(tmp_path / "kept")
    loaded = Index.load(tmp_path / "kept")
    for one in (index, loaded):
        one.withdraw("KB-1")
        one.add("KB-later", Document({"title": later}, {"ci": "UPS-1"}), stamp=7)
    facets = {"ci": "UPS-1"}
    assert loaded.search(query, facets=facets, limit=20) == index.search(query, facets=facets, limit=20)
    assert loaded.stamps() == index.stamps()


def test_a_file_that_was_cut_damaged_or_never_there_is_refused(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with pytest.raises(StaleIndexError):
        Index.load(kept)
    grown([(n, "mains lost UPS battery") for n in range(9)]).save(kept)
    whole = kept.read_bytes()
    for damaged in (b"", whole[:-1], whole[:40], whole[:100] + b"?" + whole[101:], b"\xff" * len(whole)):
        kept.write_bytes(damaged)
        with pytest.raises(StaleIndexError):
            Index.load(kept)


@given(steps=STEPS, query=TEXTS)
@settings(max_examples=30, deadline=None)
def test_segments_that_become_one_answer_the_same(steps: list[tuple[int, str | None]], query: str) -> None:
    plain = grown(steps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postings, "TAIL", 1)
        patch.setattr(postings, "FAN", 2)
        folded = grown(steps)
    found = {hit.key: pytest.approx(hit.score, abs=1e-5) for hit in plain.search(query, limit=20)}
    assert found == {hit.key: hit.score for hit in folded.search(query, limit=20)}


@given(texts=st.lists(TEXTS, min_size=2, max_size=8), query=TEXTS)
@settings(max_examples=60, deadline=None)
def test_the_order_is_that_of_bm25_written_out(texts: list[str], query: str) -> None:
    index = Index()
    for number, text in enumerate(texts):
        index.add(str(number), Document({"text": text}))
    bags = [Counter(tokens(text)) for text in texts]
    mean = max(1.0, sum(bag.total() for bag in bags) / len(bags))

    def oracle(bag: Counter[str]) -> float:
        total = 0.0
        for term, times in Counter(tokens(query)).items():
            n = sum(term in other for other in bags)
            idf = math.log(1 + (len(bags) - n + 0.5) / (n + 0.5))
            norm = K1 * (1 - B + B * bag.total() / mean)
            total += 2 * (1 + math.log(times)) * idf * bag[term] * (K1 + 1) / (bag[term] + norm)
        return total

    hits = [oracle(bags[int(hit.key)]) for hit in index.search(query, limit=20)]
    assert (
        hits == sorted(hits, reverse=True)
        or max(abs(a - b) for a, b in zip(hits, sorted(hits)[::-1], strict=True)) < 1e-4
    )


def test_a_hit_says_which_words_and_facets_brought_it() -> None:
    index = Index()
    index.add(
        "KB-1",
        Document({"title": "UPS on battery: mains feed lost"}, {"alert": "UpsOnBattery", "ci_class": "ups"}),
    )
    index.add("KB-2", Document({"title": "Printer prints blank pages"}, {"ci_class": "printer"}))
    [hit, *_] = index.search("mains lost in room B1", facets={"alert": "UpsOnBattery", "ci_class": "ups"})
    assert hit.key == "KB-1"
    assert {word for word, _ in hit.words} == {"main", "lost"}
    assert hit.facets == {"alert": "UpsOnBattery", "ci_class": "ups"}
    assert 0 < hit.score <= 1


def test_nothing_alike_is_nothing_found() -> None:
    index = Index()
    assert index.search("anything") == []
    index.add("KB-1", Document({"title": "UPS on battery"}))
    assert index.search("打印机卡纸") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ifOperStatus.10 is down", ["ifoperstatus.10", "oper", "status", "10", "down"]),
        ("空调停机", ["空调", "调停", "停机"]),
        ("at 2026-11-20T03:07:16 from 10.1.2.3:161", []),
        ("ＵＰＳ　battery", ["up", "batteri"]),
        ("1.3.6.1.2.1.33.1.4.1.0", ["1.3.6.1.2.1.33.1.4.1.0", "33"]),
    ],
)
def test_identifiers_stay_whole_and_noise_goes(text: str, expected: list[str]) -> None:
    assert [token for token in tokens(text) if token in expected] == expected
    if not expected:
        assert tokens(text) == []


@given(st.integers(1, 60))
@settings(deadline=None, max_examples=10)
def test_however_many_cases_repeat_themselves_the_article_is_found_too(cases: int) -> None:
    index = Index()
    index.add("KB-1", Document({"title": "Pump stops: bleed the line"}, {"alert": "PumpStopped"}, "article"))
    for number in range(cases):
        fields = {"title": "pump P-7 stops", "solution": "pump bled"}
        index.add(f"INC-{number}", Document(fields, {"alert": "PumpStopped", "ci": "P-7"}, "case"))
    hits = index.search("pump P-7 stops", facets={"alert": "PumpStopped", "ci": "P-7"}, limit=3)
    assert "KB-1" in {hit.key for hit in hits}
    assert len(hits) <= 6
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)

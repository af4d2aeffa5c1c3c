"""What tells a right article from a near one: a page of contents is known, and what a candidate lacks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml import contents, rerank, telling
from ml.answers import Document
from ml.features import NAMES, features
from ml.similar import Index

TITLES = (
    "Pump bearing temperature climbs slowly",
    "Pump seal leaks coolant at night",
    "Pump motor trips after restart command",
)


def asked(index: Index, text: str) -> dict[str, np.ndarray]:
    """The features of each candidate, by key."""
    found = index.candidates(text)
    return {
        index.key(slot): row for slot, row in zip(found.slots.tolist(), features(index, found), strict=True)
    }


def worked_out(index: Index) -> None:
    for number, title in enumerate(TITLES):
        index.add(f"A{number}", Document({"title": title, "text": "Replace the worn part and record it."}))


def test_a_page_of_contents_has_little_of_its_own_and_an_article_all() -> None:
    index = Index()
    worked_out(index)
    index.add("LIST", Document({"title": "About pumps", "text": "\n".join(f"- {one}" for one in TITLES)}))
    own = {key: float(row[NAMES.index("own")]) for key, row in asked(index, TITLES[1]).items()}
    assert own["LIST"] == pytest.approx(0.0)
    assert {own[f"A{number}"] for number in range(3)} == {1.0}


def test_a_reference_to_one_other_article_is_no_page_of_contents() -> None:
    index = Index()
    worked_out(index)
    index.add("SEE", Document({"title": "Coolant on the floor", "text": f"See {TITLES[1]}."}))
    assert asked(index, "Pump seal leaks coolant")["SEE"][NAMES.index("own")] == 1.0


def test_of_a_page_of_contents_and_the_article_itself_the_article_leads() -> None:
    index = Index()
    worked_out(index)
    index.add("LIST", Document({"title": "About pumps", "text": "\n".join(f"- {one}" for one in TITLES)}))
    rows = asked(index, "Pump seal leaks coolant at night")
    worths = rerank.worth(rerank.begun(), np.stack(list(rows.values())))
    assert list(rows)[int(np.argmax(worths))] == "A1"


@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=6), seed=st.integers(0, 999))
@settings(max_examples=40, deadline=None)
def test_own_is_a_share_and_agrees_with_looking_for_every_title(lengths: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    parts = [(random.integers(0, 3, n), random.integers(0, 3, 12)) for n in lengths]
    term = np.concatenate([np.concatenate(part) for part in parts]).astype(np.int32)
    zone = np.concatenate([[0] * len(title) + [1] * len(body) for title, body in parts])
    starts = np.cumsum([0, *(len(title) + len(body) for title, body in parts)])
    titles = [tuple(title.tolist()) for title, _body in parts]
    for place, (mine, (_title, body)) in enumerate(zip(titles, parts, strict=True)):
        others = {one for one in titles if len(one) >= contents.SHORTEST and one != mine}
        told, met = set[int](), set[tuple[int, ...]]()
        for title in others:
            for at in range(len(body) - len(title) + 1):
                if tuple(body[at : at + len(title)].tolist()) == title:
                    told |= set(range(at, at + len(title)))
                    met.add(title)
        expected = 1 - len(told) / 12 if len(met) >= contents.FEWEST else 1.0
        assert contents.own(term, zone.astype(np.int64), starts)[place] == pytest.approx(expected)


def test_the_word_that_only_one_candidate_has_tells_it_apart() -> None:
    index = Index()
    for part in ("bearing", "seal", "motor"):
        index.add(part, Document({"title": f"Pump {part} alarm", "text": "Replace the part."}))
    rows = asked(index, "pump seal alarm")
    apart = {key: float(row[NAMES.index("apart")]) for key, row in rows.items()}
    unsurpassed = {key: float(row[NAMES.index("unsurpassed")]) for key, row in rows.items()}
    assert apart["seal"] > apart["motor"]
    assert unsurpassed["seal"] == 1.0 > unsurpassed["motor"]


def test_where_a_question_is_met_adds_up_to_all_of_it() -> None:
    index = Index()
    worked_out(index)
    for row in asked(index, "Pump seal leaks\nthe coolant drips since the night shift").values():
        shares = [float(row[NAMES.index(name)]) for name in telling.SHARES]
        assert min(shares) >= 0
        assert sum(shares) == pytest.approx(1.0, abs=1e-4)

"""What a ticket and an article say in the same words, as they are written."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml import beginnings, rerank
from ml.answers import Document
from ml.features import NAMES, features
from ml.similar import Index
from ml.tokens import STOP_WORDS
from ml.written import BESIDE, LENGTH, written

WORDS = ("fan", "Fans", "is", "not", "blocked", "blocking", "after", "17", "风", "扇", "停")
texts = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)


def columns(index: Index, text: str) -> dict[str, dict[str, float]]:
    """The features by key and name."""
    found = index.candidates(text)
    return {
        index.key(slot): {name: float(row[NAMES.index(name)]) for name in beginnings.NAMES}
        for slot, row in zip(found.slots.tolist(), features(index, found), strict=True)
    }


def plain(text: str) -> list[str]:
    """The words of these texts by plain means."""
    return [one.lower() for one in text.replace(".", " ").split()]


@given(question=texts, articles=st.lists(st.tuples(texts, texts), min_size=1, max_size=6))
@settings(max_examples=80, deadline=None)
def test_every_column_agrees_with_the_words_counted_by_hand(
    question: str, articles: list[tuple[str, str]]
) -> None:
    index = Index()
    for number, (title, text) in enumerate(articles):
        index.add(f"A{number}", Document({"title": title, "text": text}))
    begun = [plain(f"{title} . {text}")[:LENGTH] for title, text in articles]

    def idf(word: str) -> float:
        n = sum(word in one for one in begun) + BESIDE // 2 * (word in STOP_WORDS)
        return math.log1p((len(articles) + BESIDE - n + 0.5) / (n + 0.5))

    asked = set(plain(question))
    pairs = set(pairwise(plain(question)))
    for key, row in columns(index, question).items():
        words = begun[int(key[1:])]
        head = plain(articles[int(key[1:])][0])
        both = asked & set(words)
        lengths = math.sqrt(sum(idf(w) ** 2 for w in asked) * sum(idf(w) ** 2 for w in set(words)))
        assert row["begun_alike"] == pytest.approx(sum(idf(w) ** 2 for w in both) / lengths, abs=1e-4)
        assert row["begun_said"] == pytest.approx(sum(map(idf, both)) / sum(map(idf, asked)), abs=1e-4)

        def worth(of: set[tuple[str, str]]) -> float:
            return sum((idf(one) + idf(other)) / 2 for one, other in of)

        whole, titled = worth(pairs) or 1.0, set(pairwise(head))
        assert row["begun_pairs"] == pytest.approx(worth(pairs & set(pairwise(words))) / whole, abs=1e-4)
        assert row["pairs_in_title"] == pytest.approx(worth(pairs & titled) / whole, abs=1e-4)
        assert row["title_as_written"] == pytest.approx(
            worth(pairs & titled) / (worth(titled) or 1.0), abs=1e-4
        )


def test_words_are_told_apart_by_their_endings_and_by_what_is_no_word_of_a_subject() -> None:
    assert written("The fan is not blocked").tolist() != written("The fans are blocked").tolist()
    assert len(set(written("Fan FAN fan").tolist())) == 1
    assert len(written("风扇停转 17")) == 5


def test_of_two_articles_with_the_same_stems_that_one_leads_which_says_it_in_the_tickets_words() -> None:
    index = Index()
    said = "Badge reader is not answering after the update"
    index.add("NEAR", Document({"title": "Updating an answered badge reader", "text": "Choose the version."}))
    index.add("SAME", Document({"title": said, "text": "Choose the version."}))
    found = index.candidates(f"{said}.\nThe door stays shut.")
    worths = rerank.worth(rerank.begun(), features(index, found))
    assert index.key(int(found.slots[np.argmax(worths)])) == "SAME"


@given(before=st.lists(st.tuples(texts, texts), max_size=5), question=texts)
@settings(max_examples=30, deadline=None)
def test_what_was_withdrawn_or_kept_on_disk_leaves_no_trace(
    tmp_path_factory: pytest.TempPathFactory, before: list[tuple[str, str]], question: str
) -> None:
    fresh, worn = Index(), Index()
    for index in (worn, fresh):
        index.add("A", Document({"title": "fan is blocked", "text": "not after 17"}))
    for number, (title, text) in enumerate(before):
        worn.add(f"B{number}", Document({"title": title, "text": text}))
    for number in range(len(before)):
        worn.withdraw(f"B{number}")
    path: Path = tmp_path_factory.mktemp("kept") / "index"
    worn.save(path)
    assert columns(worn, question) == columns(fresh, question)
    assert columns(Index.load(path), question) == columns(fresh, question)


@given(
    question=texts, articles=st.lists(st.tuples(texts, texts), min_size=2, max_size=6), gone=st.integers(0, 1)
)
@settings(max_examples=30, deadline=None)
def test_passing_over_a_document_shows_the_others_as_they_are(
    question: str, articles: list[tuple[str, str]], gone: int
) -> None:
    index = Index()
    for number, (title, text) in enumerate(articles):
        index.add(f"A{number}", Document({"title": title, "text": text}))
    whole = index.candidates(question)
    less = index.candidates(question, without=[f"A{gone}"])
    keys = [index.key(slot) for slot in whole.slots.tolist()]
    assert [index.key(slot) for slot in less.slots.tolist()] == [key for key in keys if key != f"A{gone}"]
    assert f"A{gone}" in index

"""A model of sentences as a second look: what it does to suggestions, and that nothing hangs on it."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from structlog.testing import capture_logs
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from ml.answers import Hit
from server.kernel.db import Database
from server.knowledge.suggesting import reranking, shelves
from server.knowledge.suggesting.ranking import Ranked
from server.knowledge.suggesting.reranking import RerankerError
from server.knowledge.suggesting.sentence_model import PASSAGE, PASSAGES, BadModelError, passages
from server.knowledge.suggesting.suggest import Query, Suggestion, suggest
from tests.knowledge.conftest import Publish

MEANS = {  # word by word: power, paper, pump
    "[UNK]": (0, 0, 0),
    "accumulator": (1, 0, 0),
    "battery": (0.9, 0.1, 0),
    "printer": (0.2, 1, 0),
    "jam": (0, 0.9, 0.1),
    "pump": (0, 0, 1),
    "ask": (0, 0, 3),
    "电": (1, 0, 0),
}


def folder(path: Path, **said: Any) -> str:
    """A model that knows what each word means, and no more: a row of a table for each token."""
    table = numpy_helper.from_array(np.asarray(list(MEANS.values()), dtype=np.float32), "table")
    node = helper.make_node("Gather", ["table", "input_ids"], ["told"])
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["texts", "tokens"])
    told = helper.make_tensor_value_info("told", TensorProto.FLOAT, ["texts", "tokens", 3])
    graph = helper.make_graph([node], "means", [ids], [told], [table])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9),
        path / "model.onnx",
    )
    tokenizer = Tokenizer(models.WordLevel({word: row for row, word in enumerate(MEANS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(path / "tokenizer.json"))
    (path / "reranker.json").write_text(json.dumps({"kind": "onnx", **said}))
    return str(path)


def loaded(path: Path, **said: Any) -> reranking.Reranker:
    model = reranking.load(folder(path, **said))
    assert model is not None
    return model


def test_what_means_the_same_is_near_without_a_letter_in_common(tmp_path: Path) -> None:
    near, far, nothing = loaded(tmp_path).scores("The accumulator", ["Battery", "Printer jam", "Of nothing"])
    assert near > 0.9 > far > nothing == 0
    near, far = loaded(tmp_path).scores("电池", ["battery", "printer"])
    assert near > far


def test_the_nearest_passage_counts_and_the_first_line_has_a_say_of_its_own(tmp_path: Path) -> None:
    model = loaded(tmp_path)
    late = "Printer\n" + "jam " * PASSAGE + "accumulator " * PASSAGE
    never = "Printer\n" + "jam " * PASSAGE * PASSAGES + "accumulator " * PASSAGE
    scores = model.scores("battery", [late, never])
    assert scores[0] > 0.9 > scores[1]
    whole, first = model.scores("battery\npump pump pump", ["pump", "accumulator"])
    assert model.scores("pump pump pump\nbattery", ["pump", "accumulator"])[0] > whole > first


def test_a_text_is_read_as_its_title_and_in_passages_that_bear_it_and_lose_no_word() -> None:
    words = [f"word{number}" for number in range(PASSAGE * PASSAGES)]
    title, *parts = passages("Title\n" + " ".join(words))
    assert title == "Title"
    assert len(parts) == PASSAGES
    assert all(part.startswith("Title\n") for part in parts)
    assert " ".join(part.partition("\n")[2] for part in parts).split() == words
    assert passages("Title") == ["Title"] == passages("Title\n \n")
    assert [len(part) for part in passages("题\n" + "电" * 2 * PASSAGE)] == [1, PASSAGE + 2, PASSAGE + 2]


def test_what_was_read_once_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model: Any = loaded(tmp_path)
    texts = [f"battery {number}" for number in range(20)]
    read: list[str] = []
    plainly = model._read

    def reading(some: list[str]) -> Any:
        read.extend(some)
        return plainly(some)

    monkeypatch.setattr(model, "_read", reading)
    once = model.scores("accumulator", texts)
    assert len(read) == 22
    assert model.scores("accumulator", texts[::-1]) == once[::-1]
    assert len(read) == 24, "only the question again"


def test_the_manifest_says_how_vectors_become_one_and_what_stands_before_a_text(tmp_path: Path) -> None:
    for name in ("mean", "cls", "prefixed"):
        (tmp_path / name).mkdir()
    texts = ["printer battery battery battery"]
    mean = loaded(tmp_path / "mean").scores("battery", texts)[0]
    first = loaded(tmp_path / "cls", pooling="cls").scores("battery", texts)[0]
    assert mean > 0.9 > first
    prefixed = loaded(tmp_path / "prefixed", question_prefix="ask ", passage_prefix="ask ")
    assert (
        prefixed.scores("battery", ["printer"])[0]
        > 0.8
        > loaded(tmp_path / "mean").scores("battery", ["printer"])[0]
    )


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"pooling": "sum"}, "its manifest says what is not known here: .*pooling"),
        ({"layers": 3}, "its manifest says what is not known here: .*layers"),
        ({"tokens": 4}, "tokens are 8 to 512, not 4"),
    ],
)
def test_a_manifest_that_is_not_understood_is_refused(
    tmp_path: Path, said: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(RerankerError, match=complaint):
        loaded(tmp_path, **said)


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json"])
@pytest.mark.parametrize("content", [None, b"", b"\x80not a model", b"{}"])
def test_a_file_that_is_absent_or_no_model_is_refused(
    tmp_path: Path, file: str, content: bytes | None
) -> None:
    named = folder(tmp_path)
    (tmp_path / file).unlink() if content is None else (tmp_path / file).write_bytes(content)
    with pytest.raises(RerankerError, match=r"cannot be read|cannot be asked"):
        reranking.load(named)


def test_without_the_extra_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(RerankerError, match=r"run \./watchdesk dense"):
        loaded(tmp_path)


# -- in suggestions ---------------------------------------------------------------------------


def found(db: Database, language: str = "en") -> list[Suggestion]:
    text = "Alarm of the accumulator in the room\nthe alarm does not end"
    return db.read_now(suggest, Query(text, language=language), limit=3, least=0.0)


def two_articles(publish: Publish) -> tuple[str, str]:
    """Two that share as many words with the alarm; the second shares its meaning."""
    words = publish("Alarm of the printer in the room", symptom="the alarm does not end")
    meaning = publish("Alarm of the battery in the room", symptom="the alarm does not end")
    return words, meaning


def test_what_means_the_same_goes_before_what_has_as_many_of_the_words(
    db: Database, publish: Publish, tmp_path: Path
) -> None:
    words, meaning = two_articles(publish)
    assert [one.number for one in found(db)] == [words, meaning]
    shelves.look_again(db, folder(tmp_path))
    assert [one.number for one in found(db)] == [meaning, words]


def test_cases_are_compared_with_cases_and_a_trouble_that_came_back_is_judged_once() -> None:
    class Counting:
        def __init__(self) -> None:
            self.asked: list[str] = []

        def scores(self, question: str, texts: Sequence[str]) -> list[float]:
            self.asked += texts
            return [0.9 if "same" in text else 0.1 for text in texts]

    def answer(key: str, kind: str, worth: float) -> Ranked:
        return Ranked(Hit(key, 0.5, (), {}), worth, 0.5, kind)

    cases = [answer(f"INC-{number}", "case", 9.0) for number in range(30)]
    others = [answer(f"INC-{number}", "case", 4.0 - number / 10) for number in range(30, 40)]
    articles = [answer("KB-1", "article", 8.0), answer("KB-2", "article", 8.0)]
    said = {one.hit.key: "title" for one in (*cases, *others, *articles)}
    said |= {one.hit.key: "same trouble" for one in cases} | {"KB-2": "the same"}
    model = Counting()
    found = reranking.by_meaning(model, "trouble", [*cases, *articles, *others], said)
    assert len(model.asked) == 10 + 2
    assert (
        len({(one.worth, one.sure) for one in found if one.hit.key in {case.hit.key for case in cases}}) == 1
    )
    by_key = {one.hit.key: one for one in found}
    assert by_key["KB-2"].worth > 8.0 > by_key["KB-1"].worth
    assert by_key["KB-2"].sure > 0.5 > by_key["KB-1"].sure, "the cases say nothing against the article"
    assert by_key["INC-0"].sure > 0.5 > by_key["INC-30"].sure


def test_what_nobody_reads_yet_is_found_without_the_model(
    db: Database, publish: Publish, tmp_path: Path
) -> None:
    two_articles(publish)
    without = found(db, language="")
    shelves.look_again(db, folder(tmp_path))
    assert found(db, language="") == without


class Faulty:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def scores(self, question: str, texts: Sequence[str]) -> Any:
        return self.answer(texts)


@pytest.mark.parametrize(
    "answer",
    [
        lambda texts: [float("nan")] * len(texts),
        lambda texts: [float("inf")] * len(texts),
        lambda texts: [0.5],
        lambda texts: ["much"] * len(texts),
        lambda texts: None,
        lambda texts: 1 / 0,
    ],
    ids=["nan", "inf", "one", "words", "none", "fault"],
)
def test_a_model_that_answers_absurdly_or_fails_changes_nothing(
    db: Database, publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    two_articles(publish)
    without = found(db)
    (tmp_path / reranking.MANIFEST).write_text('{"kind": "faulty"}')
    monkeypatch.setitem(reranking.KINDS, "faulty", lambda folder, manifest: Faulty(answer))
    shelves.look_again(db, str(tmp_path))
    with capture_logs() as logs:
        assert found(db) == without
    assert [one["event"] for one in logs if one["log_level"] == "warning"]


def test_a_model_that_cannot_be_loaded_is_tried_again_only_when_its_files_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Path] = []

    def faulty(folder: Path, manifest: bytes) -> Faulty:
        tried.append(folder)
        raise BadModelError("it is broken")

    (tmp_path / reranking.MANIFEST).write_text('{"kind": "faulty"}')
    monkeypatch.setitem(reranking.KINDS, "faulty", faulty)
    assert [reranking.usable(str(tmp_path)) for _ in range(3)] == [None] * 3
    assert len(tried) == 1
    (tmp_path / reranking.MANIFEST).write_text('{"kind": "faulty" }')
    with pytest.raises(RerankerError, match="it is broken"):
        reranking.load(str(tmp_path))
    assert len(tried) == 2


def test_one_answer_alone_is_not_read(tmp_path: Path) -> None:
    alone = [Ranked(Hit("KB-1", 0.5, (), {}), 8.0, 0.5, "article")]
    unasked = Faulty(lambda texts: pytest.fail("there is nothing to compare it with"))
    assert reranking.by_meaning(unasked, "trouble", alone, {"KB-1": "title"}) == alone


def test_a_folder_that_cannot_be_used_changes_nothing(db: Database, publish: Publish, tmp_path: Path) -> None:
    two_articles(publish)
    without = found(db)
    shelves.look_again(db, str(tmp_path / "nowhere"))
    assert found(db) == without

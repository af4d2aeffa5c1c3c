"""Documents and questions of a folder, as the benches of suggestions ask them.

Questions are asked in the order of their days where they have one, so that only documents that existed are
known.
"""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.answers import Document
from server.knowledge.suggesting.ranking import Ranking


@dataclass(frozen=True)
class Question:
    """A question of a set; `right` are the documents that answer it, as far as that is known."""

    id: str
    text: str
    facets: Mapping[str, str]
    created: str
    right: frozenset[str]


@dataclass(frozen=True)
class Text:
    """A document of a set."""

    id: str
    document: Document
    created: str


@dataclass(frozen=True)
class TestSet:
    """Documents and questions of a folder, the earliest first where they have days."""

    texts: Sequence[Text]
    questions: Sequence[Question]


class BadSetError(Exception):
    """A folder that is no set; the text names the file and what is wrong."""


def read_set(folder: Path, *, judged: bool) -> TestSet:
    """A folder's corpus.jsonl.gz, queries.jsonl and, if `judged`, qrels.tsv.

    Where documents tell the product whose tickets they are (`source` beside `created`), it is the facet
    `service` on both sides; nothing else than text is used otherwise.

    Raises:
        BadSetError: a file is missing or a line of it cannot be read.
    """
    right = _right(folder / "qrels.tsv") if judged else {}
    dated = False
    texts = []
    for line in _lines(folder / "corpus.jsonl.gz"):
        dated = dated or "created" in line
        fields = {name: str(line[name]) for name in ("title", "text") if line.get(name)}
        texts.append(Text(str(line["id"]), Document(fields, _facets(line)), str(line.get("created", ""))))
    questions = [
        Question(
            str(line["id"]),
            str(line["text"]),
            _facets(line) if dated else {},
            str(line.get("created", "")),
            frozenset(right.get(str(line["id"]), ())),
        )
        for line in _lines(folder / "queries.jsonl")
    ]
    texts.sort(key=lambda one: one.created)
    questions.sort(key=lambda one: one.created)
    return TestSet(texts, questions)


def _facets(line: Mapping[str, Any]) -> dict[str, str]:
    return {"service": str(line["source"])} if line.get("created") and line.get("source") else {}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8") as lines
        ):
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                told = json.loads(line)
                if not isinstance(told, dict) or "id" not in told:
                    raise BadSetError(f"{path}, line {number}: an object with an id is expected.")
                yield told
    except OSError as error:
        raise BadSetError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadSetError(f"{path}, line {number}: {error}.") from error


def _right(path: Path) -> dict[str, set[str]]:
    right: dict[str, set[str]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BadSetError(f"{path} cannot be read: {error.strerror or error}.") from error
    for number, line in enumerate(lines, 1):
        parts = line.split("\t")
        if number == 1 and parts[0] == "query_id":
            continue
        if len(parts) != 3 or not parts[2].strip().lstrip("-").isdigit():
            raise BadSetError(f"{path}, line {number}: query_id, doc_id and relevance are expected.")
        if int(parts[2]) > 0:
            right.setdefault(parts[0], set()).add(parts[1])
    return right


def walked(texts: TestSet, visit: Callable[[Ranking, Question], None], ranking: Ranking) -> None:
    """Visit the questions in their order, each when exactly the documents of its day and before are known."""
    at = 0
    for question in texts.questions:
        while at < len(texts.texts) and _exists(texts.texts[at], question):
            ranking.add(texts.texts[at].id, texts.texts[at].document)
            at += 1
        visit(ranking, question)


def _exists(text: Text, question: Question) -> bool:
    return not question.created or text.created <= question.created

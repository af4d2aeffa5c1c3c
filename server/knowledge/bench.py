"""How good and how fast the suggestions are: the production ranker on given documents and questions.

`suggest` writes a run for a scorer: documents and questions of a folder, the questions in the order of their
days where they have one, so that only documents that existed are known. `--train` takes the questions and
judgements of a folder as engineers' feedback; where it is the same folder, five-fold cross-validation keeps
every question from its own answer. `silence` tells how sure the answers are and when none is given. `speed`
measures time and memory over made documents.
"""

import contextlib
import gzip
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ml import measure, rerank
from ml.similar import Document
from server.knowledge.ranking import Ranking

COMMAND = typer.Typer(no_args_is_help=True)
Set = Annotated[Path, typer.Option("--set", help="folder with corpus.jsonl.gz and queries.jsonl")]
Train = Annotated[
    Path | None,
    typer.Option("--train", help="folder whose queries and qrels are feedback; the set itself: five-fold"),
]
FOLDS = 5
DEPTH = 100  # answers of a question in a run
SEED = 20_261


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


def judged_of(texts: TestSet) -> dict[str, rerank.Judged]:
    """What engineers would have said of the questions: these documents helped."""
    found: dict[str, rerank.Judged] = {}

    def visit(ranking: Ranking, question: Question) -> None:
        look = ranking.look(question.text, facets=question.facets)
        right = look.where(question.right)
        found[question.id] = rerank.Judged(look.rows, right, np.zeros_like(right))

    walked(texts, visit, Ranking())
    return found


def taught(judged: Sequence[rerank.Judged]) -> rerank.Weights:
    """What production learns from such feedback: the order, then how sure it is."""
    return rerank.calibrated(rerank.learn(judged, rerank.begun()), judged)


def rankers(texts: TestSet, folder: Path, train: Path | None) -> Callable[[Question], rerank.Weights]:
    """The weights with which each question is asked.

    A folder that teaches itself is cross-validated: a question meets weights that never saw it.
    """
    if train is None:
        return lambda _question: rerank.begun()
    if train.resolve() != folder.resolve():
        weights = taught(list(judged_of(read_set(train, judged=True)).values()))
        return lambda _question: weights
    judged = judged_of(texts)
    fold_of = measure.folds([question.id for question in texts.questions], FOLDS, seed=SEED)
    by_fold = [
        taught([one for name, one in judged.items() if fold_of[name] != fold]) for fold in range(FOLDS)
    ]
    return lambda question: by_fold[fold_of[question.id]]


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """A folder that is no set is a sentence on standard error and exit code 2."""
    try:
        yield
    except BadSetError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from error


@COMMAND.callback()
def _group() -> None:
    """Measure the production code."""


@COMMAND.command("suggest")
def suggest(
    folder: Set,
    out: Annotated[Path, typer.Option("--out", help="run file to write: query_id, doc_id, rank, score")],
    train: Train = None,
) -> None:
    """Rank a set's documents for its questions with the production index and ranker."""
    with _refusing():
        itself = train is not None and train.resolve() == folder.resolve()
        texts = read_set(folder, judged=itself)
        weights_of = rankers(texts, folder, train)
        with out.open("w", encoding="utf-8") as run:
            run.write("query_id\tdoc_id\trank\tscore\n")

            def visit(ranking: Ranking, question: Question) -> None:
                ranking.weights = weights_of(question)
                found = ranking.ask(question.text, facets=question.facets, limit=DEPTH)
                for rank, one in enumerate(found, 1):
                    run.write(f"{question.id}\t{one.hit.key}\t{rank}\t{one.worth:.6f}\n")

            walked(texts, visit, Ranking())
    typer.echo(json.dumps({"questions": len(texts.questions), "documents": len(texts.texts)}))

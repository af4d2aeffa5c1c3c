"""How good and how fast the suggestions are: the production ranker on given documents and questions.

`suggest` writes a run for a scorer: documents and questions of a folder, the questions in the order of their
days where they have one, so that only documents that existed are known. `--train` takes the questions and
judgements of a folder as engineers' feedback; where it is the same folder, ten-fold cross-validation keeps
every question from its own answer. `--reranker` lets a model of a local folder look at the best answers as
well. `silence` tells how sure the answers are and when none is given. `speed` measures time and memory over
made documents.
"""

import contextlib
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import typer

from ml import measure, rerank
from server.knowledge.suggesting import reranking
from server.knowledge.suggesting.bench_sets import BadSetError, Question, TestSet, read_set, walked
from server.knowledge.suggesting.bench_speed import speed
from server.knowledge.suggesting.learned import LEAST_SCORE
from server.knowledge.suggesting.ranking import Ranked, Ranking
from server.knowledge.suggesting.suggest import LOOK_AT

COMMAND = typer.Typer(no_args_is_help=True)
Set = Annotated[Path, typer.Option("--set", help="folder with corpus.jsonl.gz and queries.jsonl")]
Train = Annotated[
    Path | None,
    typer.Option("--train", help="folder whose queries and qrels are feedback; the set itself: ten-fold"),
]
Model = Annotated[str, typer.Option("--reranker", help="folder of a model as `reranker_folder` names it")]
FOLDS = 10
DEPTH = 100  # answers of a question in a run
SEED = 20_261
SMALL_SHELVES = 240  # of a set
SHELF_SIZES = (3, 10, 40, 200)  # documents


def judged_of(texts: TestSet) -> dict[str, rerank.Judged]:
    """What engineers would have said of the questions: these documents helped."""
    found: dict[str, rerank.Judged] = {}

    def visit(ranking: Ranking, question: Question) -> None:
        found[question.id] = _judged(ranking, question)

    walked(texts, visit, Ranking())
    return found


def _judged(ranking: Ranking, question: Question) -> rerank.Judged:
    look = ranking.look(question.text, facets=question.facets)
    right = look.where(question.right)
    missing = ranking.look(question.text, facets=question.facets, without=question.right)
    return rerank.Judged(
        look.rows,
        right,
        np.zeros_like(right),
        missing=missing.rows,
        kinds=look.kinds,
        missing_kinds=missing.kinds,
    )


def small_shelves(texts: TestSet) -> list[rerank.Judged]:
    """Some of the questions, each asked of a shelf of few documents with those that answer it.

    A desk begins with few articles, and people type few words; how sure it may be there is not learned from
    long tickets and many thousands. Every other question is cut to its first words.
    """
    random = np.random.default_rng(SEED)
    documents = {text.id: text.document for text in texts.texts}
    keys = sorted(documents)
    found = []
    step = max(1, len(texts.questions) // SMALL_SHELVES)
    for number, question in enumerate(texts.questions[::step]):
        size = SHELF_SIZES[number // 2 % len(SHELF_SIZES)]
        few = _first_words(question.text, 2 + number // 2 % 4)
        ranking = Ranking()
        for key in {*question.right, *random.choice(keys, size).tolist()}:
            if key in documents:
                ranking.add(key, documents[key])
        found.append(_judged(ranking, replace(question, text=few) if number % 2 else question))
        ranking.index.close()
    return found


def _first_words(text: str, count: int) -> str:
    """The first words of a text; two Han signs are as much as a word."""
    words = re.findall(r"[\u3400-\u9fff]{1,2}|[^\s\u3400-\u9fff]+", text.partition("\n")[0])
    return (" " if text.isascii() else "").join(words[:count])


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
    except (BadSetError, reranking.RerankerError) as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from error


@dataclass(frozen=True)
class Asking:
    """How production answers a question: ranked, and looked at again where there is a model."""

    texts: Mapping[str, str]
    model: reranking.Reranker | None

    @classmethod
    def of(cls, texts: TestSet, folder: str) -> "Asking":
        """Of a set's documents and the model of a folder."""
        said = {one.id: "\n".join(one.document.fields.values()) for one in texts.texts}
        return cls(said, reranking.load(folder))

    def answers(self, ranking: Ranking, question: Question, *, limit: int) -> list[Ranked]:
        """The best answers, best first."""
        looked = max(limit, LOOK_AT) if self.model is not None else limit
        found = ranking.ask(question.text, facets=question.facets, limit=looked)
        if self.model is not None:
            found = reranking.by_meaning(self.model, question.text, found, self.texts)
        return found[:limit]


@COMMAND.callback()
def _group() -> None:
    """Measure the production code."""


@COMMAND.command("suggest")
def suggest(
    folder: Set,
    out: Annotated[Path, typer.Option("--out", help="run file to write: query_id, doc_id, rank, score")],
    train: Train = None,
    model: Model = "",
) -> None:
    """Rank a set's documents for its questions with the production index and ranker."""
    with _refusing():
        itself = train is not None and train.resolve() == folder.resolve()
        texts = read_set(folder, judged=itself)
        weights_of, asking = rankers(texts, folder, train), Asking.of(texts, model)
        with out.open("w", encoding="utf-8") as run:
            run.write("query_id\tdoc_id\trank\tscore\n")

            def visit(ranking: Ranking, question: Question) -> None:
                ranking.weights = weights_of(question)
                for rank, one in enumerate(asking.answers(ranking, question, limit=DEPTH), 1):
                    run.write(f"{question.id}\t{one.hit.key}\t{rank}\t{one.worth:.6f}\n")

            walked(texts, visit, Ranking())
    typer.echo(json.dumps({"questions": len(texts.questions), "documents": len(texts.texts)}))


@COMMAND.command("suggest-start")
def suggest_start(
    folders: Annotated[list[Path], typer.Option("--set", help="a folder as of `suggest`; several times")],
    out: Annotated[Path | None, typer.Option("--out", help="file for the weights of all of them")] = None,
) -> None:
    """Make the weights that every ranker begins with; the last line is one JSON object.

    It tells for each set the mean average precision and how often the first is right: with the carried
    weights if they are of the present form, with weights made of the other sets alone, and with weights made
    of all.
    """
    with _refusing():
        sets = {folder: read_set(folder, judged=True) for folder in folders}
    judged = {folder: list(judged_of(texts).values()) for folder, texts in sets.items()}
    small = {folder: small_shelves(texts) for folder, texts in sets.items()}
    whole = rerank.started(list(judged.values()), list(small.values()))
    if out is not None:
        out.write_bytes(msgspec.json.format(msgspec.json.encode(whole)) + b"\n")
    figures = {}
    carried = {"carried": rerank.begun()} if rerank.begun().form == rerank.FORM else {}
    for folder, texts in sets.items():
        rest = [other for other in sets if other != folder]
        others = rerank.started([judged[other] for other in rest], [small[other] for other in rest])
        there = [len(question.right) for question in texts.questions]
        figures[str(folder)] = {
            name: quality_of(weights, judged[folder], there)
            for name, weights in (carried | {"left_out": others, "all": whole}).items()
        }
    typer.echo(json.dumps(figures))


def quality_of(
    weights: rerank.Weights, judged: Sequence[rerank.Judged], there: Sequence[int]
) -> dict[str, float]:
    """Mean average precision and the share of questions whose first answer is right."""
    worths = [rerank.worth(weights, one.rows) for one in judged]
    precision = [
        measure.average_precision(worth, one.right, there=count)
        for worth, one, count in zip(worths, judged, there, strict=True)
    ]
    first = [
        bool(one.right[np.argmax(worth)]) if len(worth) else False
        for worth, one in zip(worths, judged, strict=True)
    ]
    return {"map": round(float(np.mean(precision)), 4), "first_right": round(float(np.mean(first)), 4)}


# -- silence ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """The first answer to a question: how sure it was and whether it was right; `gone`: its answer was."""

    sure: float
    right: bool
    gone: bool


@COMMAND.command("suggest-silence")
def suggest_silence(folder: Set, train: Train = None, model: Model = "") -> None:
    """Measure when the ranker rightly says nothing: each question is asked with and without its answers.

    The last line is one JSON object: calibration error, and at the silence and the answered share that were
    asked for what the other figures are.
    """
    with _refusing():
        texts = read_set(folder, judged=True)
        told = _asked_twice(texts, rankers(texts, folder, train), Asking.of(texts, model))
    typer.echo(json.dumps(silence(told)))


def _asked_twice(
    texts: TestSet, weights_of: Callable[[Question], rerank.Weights], asking: Asking
) -> list[Told]:
    documents = {text.id: text.document for text in texts.texts}
    told: list[Told] = []

    def visit(ranking: Ranking, question: Question) -> None:
        ranking.weights = weights_of(question)
        there = [key for key in sorted(question.right) if key in ranking.index]
        if not there:
            return
        for gone in (False, True):
            if gone:
                for key in there:
                    ranking.withdraw(key)
            found = asking.answers(ranking, question, limit=1)
            sure, right = (found[0].sure, found[0].hit.key in question.right) if found else (0.0, False)
            told.append(Told(sure, right, gone))
        for key in there:
            ranking.add(key, documents[key])

    walked(texts, visit, Ranking())
    return told


def silence(told: Sequence[Told]) -> dict[str, float]:
    """What answers are worth at production's threshold, at nine tenths of silence, at seven of answers."""
    sure = np.asarray([one.sure for one in told])
    right = np.asarray([one.right for one in told], dtype=bool)
    gone = np.asarray([one.gone for one in told], dtype=bool)
    figures = {"questions": float((~gone).sum()), "calibration_error": measure.calibration_error(sure, right)}
    limits = {
        "": LEAST_SCORE,
        "_at_silent_90": float(np.quantile(sure[gone], 0.9, method="higher")),
        "_at_answered_70": float(np.quantile(sure[~gone], 0.3, method="lower")),
    }
    for name, limit in limits.items():
        answers = sure >= limit if not name.endswith("90") else sure > limit
        figures |= {
            f"threshold{name}": limit,
            f"silent_of_unanswerable{name}": float((~answers[gone]).mean()),
            f"answered_of_answerable{name}": float(answers[~gone].mean()),
            f"first_right_of_answered{name}": float(right[answers & ~gone].mean())
            if (answers & ~gone).any()
            else 0.0,
        }
    return {name: round(value, 4) for name, value in figures.items()}


@COMMAND.command("suggest-speed")
def suggest_speed(
    count: Annotated[int, typer.Option("--documents", help="made documents to rank among")] = 100_000,
) -> None:
    """Measure time and memory of the production ranker; the last line is one JSON object."""
    typer.echo(json.dumps(speed(count)))

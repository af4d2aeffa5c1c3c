"""How fast the suggestions are: time and memory of the production ranker over made documents."""

import gc
import resource
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from ml.answers import Document
from ml.similar import Index
from server.knowledge.suggesting.ranking import Ranking

SEED = 20_261
WORDS = 60_000  # of the made language
TOKENS = (35, 100)  # of a document; about 55 distinct words, as a case has
ASKED = (12, 40)  # words of a question
QUESTIONS = 400
PART = 1_000  # documents made at once


def made_documents(count: int, *, seed: int = SEED) -> Iterator[tuple[str, Document]]:
    """Cases in a made language, whose words are as unequal as those of people: rank r about 1 / r."""
    random = np.random.default_rng(seed)
    words = _made_words()
    for number in range(count):
        told = _said(random, words, int(random.integers(*TOKENS)))
        cut = len(told) // 2
        fields = {
            "title": " ".join(told[:8]),
            "symptom": " ".join(told[8:cut]),
            "solution": " ".join(told[cut:]),
        }
        facets = {"ci_class": f"class{random.integers(30)}", "ci": f"ci{random.integers(5_000)}"}
        yield f"INC-{number:06}", Document(fields, facets, kind="case")


def _made_words() -> NDArray[np.str_]:
    random = np.random.default_rng(SEED)
    letters = np.asarray(list("abcdefghiklmnoprstuvwxyz"))
    lengths = random.integers(4, 11, WORDS)
    return np.asarray(["".join(random.choice(letters, length)) for length in lengths])


def _said(random: np.random.Generator, words: NDArray[np.str_], count: int) -> list[str]:
    places = np.exp(random.random(count) * np.log(WORDS)).astype(int) % WORDS
    return [str(word) for word in words[places]]


def speed(count: int) -> dict[str, object]:
    """Grow an index of `count` documents, keep and load it, add to it, ask it; milliseconds are of CPU."""
    with tempfile.TemporaryDirectory(prefix="watchdesk-bench-") as folder:
        path = Path(folder) / "index"
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:  # leaves no memory behind
            grown_s = apart.submit(_grow, count, path).result()
        gc.collect()
        before = _resident_mb()
        began, began_wall = time.process_time(), time.perf_counter()
        loaded = Ranking(index=Index.load(path))
        ready_s, ready_cpu_s = time.perf_counter() - began_wall, time.process_time() - began
    gc.collect()
    memory = _resident_mb() - before
    asked, added = _asked_and_added(loaded, count)
    return {
        "items": count,
        "documents": count,
        "ask_p50_ms": round(float(np.percentile(asked, 50)), 2),
        "ask_p99_ms": round(float(np.percentile(asked, 99)), 2),
        "add_p50_ms": round(float(np.percentile(added, 50)), 2),
        "add_p99_ms": round(float(np.percentile(added, 99)), 2),
        "memory_mb": round(memory, 1),
        "ready_s": round(ready_s, 2),
        "cpu_s": round(grown_s + ready_cpu_s, 1),
        "per_cpu_s": round(count / grown_s),
        "wall_s": round(ready_s, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def _grow(count: int, path: Path) -> float:
    """Make an index and keep it; returns the seconds of CPU."""
    ranking, spent = Ranking(), 0.0
    documents = made_documents(count)
    while part := list(islice(documents, PART)):  # making them up is not counted
        began = time.process_time()
        for key, document in part:
            ranking.add(key, document)
        spent += time.process_time() - began
    began = time.process_time()
    ranking.index.save(path)
    return spent + time.process_time() - began


def _asked_and_added(ranking: Ranking, count: int) -> tuple[list[float], list[float]]:
    random, words = np.random.default_rng(SEED + 1), _made_words()
    fresh = made_documents(QUESTIONS, seed=SEED + 2)
    asked, added = [], []
    for key, document in fresh:
        began = time.process_time()
        ranking.add(f"{key}-{count}", document)
        added.append((time.process_time() - began) * 1e3)
        text = (
            " ".join(_said(random, words, 8))
            + "\n"
            + " ".join(_said(random, words, int(random.integers(*ASKED))))
        )
        began = time.process_time()
        ranking.ask(text, facets={"ci_class": "class3", "ci": "ci77"})
        asked.append((time.process_time() - began) * 1e3)
    return asked[10:], added[10:]


def _resident_mb() -> float:
    return psutil.Process().memory_info().rss / 2**20

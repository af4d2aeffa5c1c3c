"""A ticket's kind is guessed from its words, with a confidence that keeps its promise, or not at all."""

import subprocess
import sys

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ml import classify
from ml.classify import Classifier, Task

KINDS = {
    "power": "mains battery breaker feed rectifier",
    "network": "port link switch packet vlan",
    "cooling": "空调停机 温度 过高 制冷 压缩机",
}
FILLER = "today again please check since morning on floor three it was seen by staff".split()


def tickets(count: int, *, seed: int = 1, muddle: float = 0.0) -> tuple[list[str], list[str]]:
    """Tickets of three kinds; a share `muddle` of them says nothing of its kind."""
    random = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(count):
        label = str(random.choice(sorted(KINDS)))
        own = [] if random.random() < muddle else list(random.choice(KINDS[label].split(), 2))
        texts.append(" ".join([*own, *random.choice(FILLER, 4)]))
        labels.append(label)
    return texts, labels


def learned(count: int = 200, muddle: float = 0.0) -> Classifier:
    classifier = classify.learn(*tickets(count, muddle=muddle))
    assert classifier is not None
    return classifier


def test_the_kind_of_a_ticket_is_told_in_both_languages_with_the_words_for_it() -> None:
    classifier = learned()
    for text, label, word in (
        ("Breaker open, battery empty", "power", "batteri"),
        ("三楼空调停机", "cooling", "停机"),
    ):
        guess = classify.guess(classifier, text)
        assert guess is not None
        assert guess.label == label
        assert word in guess.words


def test_what_says_nothing_of_its_kind_gets_no_guess() -> None:
    classifier = learned(400, muddle=0.4)
    assert classify.guess(classifier, "please check again since morning") is None
    assert classify.guess(classifier, "") is None
    assert classify.guess(classifier, "xylophone") is None


def test_what_is_said_is_right_as_often_as_promised_on_tickets_not_seen() -> None:
    classifier = learned(600, muddle=0.4)
    guesses = [classify.guess(classifier, text) for text in tickets(600, seed=2, muddle=0.4)[0]]
    labels = tickets(600, seed=2, muddle=0.4)[1]
    said = [(guess.label, label) for guess, label in zip(guesses, labels, strict=True) if guess is not None]
    assert len(said) > 200
    assert sum(one == other for one, other in said) / len(said) >= classify.PRECISION - 0.05
    assert classifier.figures["calibration_error"] < 0.08


def test_of_too_few_tickets_or_one_kind_nothing_is_learned() -> None:
    texts, labels = tickets(classify.FEWEST - 1)
    assert classify.learn(texts, labels) is None
    assert classify.learn(texts * 2, ["power"] * 2 * len(texts)) is None
    assert classify.learn([], []) is None
    assert classify.learn(["..."] * 100, ["a", "b"] * 50) is None


@given(labels=st.lists(st.sampled_from(["a", "b", ""]), min_size=60, max_size=60))
@settings(max_examples=5, deadline=None)
def test_labels_that_words_do_not_tell_apart_are_not_guessed_with_confidence(labels: list[str]) -> None:
    texts = [f"{FILLER[n % 7]} {FILLER[n % 5]} {FILLER[n % 3]}" for n in range(60)]
    classifier = classify.learn(texts, labels)
    if classifier is not None and classifier.least <= 1:
        assert classifier.figures["right"] >= classify.PRECISION


def test_it_is_learned_in_a_process_of_its_own() -> None:
    texts, labels = tickets(120)
    tasks = {"category": Task(texts, labels), "group": Task([], [])}
    done = subprocess.run(
        [sys.executable, "-m", "ml.classify"],
        input=msgspec.msgpack.encode(tasks),
        capture_output=True,
        check=True,
    )
    told = msgspec.msgpack.decode(done.stdout, type=dict[str, Classifier | None])
    assert told["group"] is None
    assert told["category"] == classify.learn(texts, labels)

"""A ticket's kind is guessed from its words, with a confidence that keeps its promise, or not at all."""

import subprocess
import sys

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml import classify, measure
from ml.classify import Classifier, Task

KINDS = {
    "power": "mains battery breaker feed rectifier",
    "network": "port link switch packet vlan",
    "cooling": "空调停机 温度 过高 制冷 压缩机",
}
FILLER = "today again please check since morning on floor three it was seen by staff".split()


def tickets(
    count: int, *, seed: int = 1, muddle: float = 0.0, again: float = 0.0
) -> tuple[list[str], list[str]]:
    """Tickets of three kinds.

    A share `muddle` of them says nothing of its kind, a share `again` repeats another word for word.
    """
    random = np.random.default_rng(seed)
    texts, labels = list[str](), list[str]()
    for _ in range(count):
        if texts and random.random() < again:
            place = int(random.integers(len(texts)))
            texts.append(texts[place])
            labels.append(labels[place])
            continue
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


@pytest.mark.parametrize("again", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("muddle", [0.2, 0.7])
def test_confidence_is_the_share_of_right_guesses_also_where_tickets_repeat_each_other(
    muddle: float, again: float
) -> None:
    classifier = classify.learn(*tickets(500, seed=3, muddle=muddle, again=again))
    assert classifier is not None
    texts, labels = tickets(1_000, seed=4, muddle=muddle)
    likeliest = [classify.likeliest(classifier, text) for text in texts]
    told = [(one, one.label == label) for one, label in zip(likeliest, labels, strict=True) if one]
    error = measure.calibration_error([one.sure for one, _right in told], [right for _one, right in told])
    assert error < 0.1
    said = [(one.sure, right) for one, right in told if one.sure >= classifier.least]
    assert all(sure >= classify.LEAST_SURE for sure, _right in said)
    if len(said) > 100:
        assert np.mean([right for _sure, right in said]) >= classify.PRECISION - 0.05


def test_words_that_were_never_seen_make_a_guess_less_sure() -> None:
    classifier, sure = learned(300, muddle=0.3), []
    for strange in range(0, 40, 8):
        found = classify.likeliest(
            classifier, " ".join(["breaker", *(f"zeppelin{n}q" for n in range(strange))])
        )
        assert found is not None
        sure.append(found.sure)
    assert sure == sorted(sure, reverse=True)
    assert sure[-1] < sure[0]


def test_one_text_a_hundred_times_is_not_a_hundred_tickets() -> None:
    assert classify.learn(["breaker open", "switch port down"] * 100, ["power", "network"] * 100) is None


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

"""A second opinion: what a model of meanings may do to the order and to how sure an answer is."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ml.meaning import blended, standing

Answers = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


@st.composite
def answers(draw: st.DrawFn, fewest: int = 2) -> Answers:
    """Worth, sureness and score of several answers, best first by worth."""
    count = draw(st.integers(fewest, 12))
    worths = sorted(draw(st.lists(st.floats(-20, 20), min_size=count, max_size=count)), reverse=True)
    sure = draw(st.lists(st.floats(0.001, 0.999), min_size=count, max_size=count))
    scores = draw(st.lists(st.floats(-1, 1), min_size=count, max_size=count))
    return np.asarray(worths), np.asarray(sure), np.asarray(scores)


@given(answers(), st.floats(-1, 1))
def test_on_which_number_a_model_begins_to_count_changes_nothing(told: Answers, shift: float) -> None:
    worths, sure, scores = told
    one, other = blended(worths, sure, scores), blended(worths, sure, scores + shift)
    assert np.allclose(one, other)


@given(answers())
def test_a_model_that_sees_no_difference_leaves_the_order(told: Answers) -> None:
    worths, sure, scores = told
    after, _sure = blended(worths, sure, np.full_like(scores, scores[0]))
    assert np.allclose(after, worths)


@given(answers())
def test_what_both_put_first_stays_first_and_is_the_surest(told: Answers) -> None:
    worths, sure, scores = told
    sure = np.full_like(sure, sure[0])
    scores = np.sort(scores)[::-1]
    after, surer = blended(worths, sure, scores)
    assert after[0] >= after.max() - 1e-9
    assert surer[0] >= surer.max() - 1e-9
    assert ((surer > 0) & (surer < 1)).all()


@given(answers(fewest=3), st.data())
def test_what_the_model_was_not_asked_stands_as_the_worst_it_was_asked(
    told: Answers, data: st.DataObject
) -> None:
    worths, sure, scores = told
    unasked = data.draw(st.integers(0, len(scores) - 3)) if len(scores) > 3 else 0
    scores[len(scores) - unasked :] = np.nan
    stands = standing(scores)
    assert np.isfinite(stands).all()
    assert (stands[len(scores) - unasked :] == stands.min()).all()
    assert np.isfinite(blended(worths, sure, scores)[0]).all()


@given(answers())
def test_one_answer_alone_has_nothing_to_be_compared_with(told: Answers) -> None:
    worths, sure, scores = told
    scores[1:] = np.nan
    after = blended(worths, sure, scores)
    assert np.array_equal(after, (worths, sure))

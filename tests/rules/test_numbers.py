"""Whole numbers in words from outside: what is taken for one is one, and nothing raises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.numbers import LONGEST, signed, whole

digits = st.text(st.characters(categories=("Nd", "No", "Nl")), max_size=24)


@given(st.text(max_size=30) | digits)
def test_whatever_is_said_is_a_number_of_64_bits_or_none(word: str) -> None:
    for number in (whole(word), signed(word), signed(f"-{word}")):
        assert number is None or -(2**63) <= number < 2**63


@given(st.integers(0, 10**LONGEST - 1))
def test_what_was_written_is_read_the_same(number: int) -> None:
    assert whole(str(number)) == signed(str(number)) == number
    assert signed(f"-{number}") == -number


@pytest.mark.parametrize("word", ["", "²", "٣", "1.0", "+1", "--1", " 1", "9" * 5_000, "-"])
def test_what_only_looks_like_one_is_none(word: str) -> None:
    assert whole(word) is None
    assert signed(word) is None

"""YAML that is written here is read the same, though two versions of YAML disagree on what a word is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.document import Document, DocumentError, written

numberlike = st.from_regex(r"[-+]?[0-9_.]{1,4}([eE][-+]?[0-9]{1,2})?|0x[0-9a-f]{1,4}", fullmatch=True)
worded = st.sampled_from(
    ["", "~", "null", "true", "off", "yes", "1e5", "- a", "a: b", "#", "0o17", "=", "<<"]
)
plain = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=12)
texts = numberlike | worded | plain
whole = st.integers(-(2**63), 2**64 - 1)
values = texts | whole | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.lists(texts)


@given(st.lists(st.dictionaries(texts, values), max_size=4))
def test_what_is_written_is_read_the_same(data: list[dict[str, object]]) -> None:
    assert Document(written(data), "own.yaml").data == data


@given(st.integers(2**64, 2**80) | st.integers(-(2**80), -(2**63) - 1))
def test_a_number_longer_than_64_bits_is_read_as_near_as_a_float_comes(number: int) -> None:
    assert Document(f"limit: {number}", "own.yaml").data == {"limit": float(number)}


def test_a_number_that_no_float_can_hold_is_refused_where_a_number_is_asked() -> None:
    with pytest.raises(DocumentError, match=r"own\.yaml:1:.*limit: expected `float`, got `str`"):
        Document("limit: 1e999", "own.yaml").typed(dict[str, float])

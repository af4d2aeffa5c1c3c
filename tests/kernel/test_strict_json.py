import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kernel import strictjson
from server.kernel.errors import DeskError, InvalidError

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_honest_json_is_read_as_it_is(value: object) -> None:
    assert strictjson.parse(json.dumps(value).encode()) == value


@given(st.binary(max_size=60))
def test_rubbish_is_refused_in_words_and_never_raises_anything_else(raw: bytes) -> None:
    with suppress(DeskError):
        strictjson.parse(raw)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ('{"a": NaN}', "/a"),
        ('{"a": [1, Infinity]}', "/a/1"),
        ('{"a": -Infinity}', "/a"),
        ('{"a": 1e999}', "/a"),
        ('{"a": 9223372036854775808}', "/a"),
        ('{"a": ' + "9" * 5000 + "}", "/a"),
        ('{"a": {"b": 1, "b": 2}}', "/a/b"),
        ('{"a/b": "\\u0000"}', "/a~1b"),
        ('{"a": "\\ud800"}', "/a"),
        ('{"\\ud800": 1}', ""),
    ],
)
def test_what_cannot_be_stored_is_named_by_its_place(body: str, place: str) -> None:
    with pytest.raises(InvalidError) as refused:
        strictjson.parse(body.encode())
    assert refused.value.field == place


@pytest.mark.parametrize(
    "body", ["[" * 33 + "]" * 33, "[" * 100_000, '{"a":' * 40 + "1" + "}" * 40, "", "{", '"\x01"']
)
def test_what_is_no_json_or_too_deep_is_refused_at_once(body: str) -> None:
    with pytest.raises(strictjson.JsonError):
        strictjson.parse(body.encode())


def test_brackets_inside_text_are_no_depth() -> None:
    assert strictjson.parse(b'["[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\"[["]') != []

"""YAML that is written here is read the same, though two versions of YAML disagree on what a word is."""

from hypothesis import given
from hypothesis import strategies as st

from rules.document import Document, written

numberlike = st.from_regex(r"[-+]?[0-9_.]{1,4}([eE][-+]?[0-9]{1,2})?|0x[0-9a-f]{1,4}", fullmatch=True)
worded = st.sampled_from(
    ["", "~", "null", "true", "off", "yes", "1e5", "- a", "a: b", "#", "0o17", "=", "<<"]
)
plain = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=12)
texts = numberlike | worded | plain


@given(st.lists(st.dictionaries(texts, texts | st.integers() | st.booleans() | st.lists(texts)), max_size=4))
def test_what_is_written_is_read_the_same(data: list[dict[str, object]]) -> None:
    assert Document(written(data), "own.yaml").data == data

"""What texts have in common is said in words that a reader finds in them."""

from hypothesis import given
from hypothesis import strategies as st

from ml.cluster import Said, shared

TEXTS = st.lists(
    st.text(alphabet="备份未完成任务统计 SRV-2\n", min_size=2, max_size=40), min_size=2, max_size=7
)


def said(*texts: str) -> list[Said]:
    return [Said(str(number), text) for number, text in enumerate(texts)]


def test_of_han_whole_phrases_are_said_and_no_halves_of_words() -> None:
    found = shared(
        said(
            "SRV-2 备份未在窗口内完成\n备份任务与统计任务同时运行",
            "SRV-2 备份未在窗口内完成，备份任务与统计任务冲突",
            "备份未在窗口内完成",
            "backup of SRV-2 late: 备份任务与统计",
        )
    )
    assert found == ["备份未在窗口内完成", "备份任务与统计", "SRV-2"]


def test_words_of_other_scripts_are_said_as_they_are_written() -> None:
    assert shared(said("File system /var full on SRV-1", "SRV-1: /var is full", "disk")) == [
        "SRV-1",
        "full",
        "var",
    ]


@given(texts=TEXTS)
def test_what_is_said_stands_in_more_than_half_of_the_texts(texts: list[str]) -> None:
    for phrase in shared(said(*texts), most=50):
        holds = sum(phrase.casefold() in text.casefold() for text in texts)
        assert holds * 2 > len(texts), phrase

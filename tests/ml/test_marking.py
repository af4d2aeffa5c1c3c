"""What two texts have in common is shown as people write it, at its place."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ml.marking import parts, words
from ml.tokens import tokens

TEXTS = st.lists(
    st.sampled_from(
        [
            "Printers",
            "printing",
            "ifOperStatus",
            "SRV-2",
            "备份未在窗口内完成",
            "ＣＰＵ",
            "90℃",
            "，",
            "e\u0301",
            "/var/log",
            "the",
            "x",
            "，磁盘空间不足",
            "0x8007",
            "ﬁle",
            "\n",
            "1.3.6.1.2",
        ]
    ),
    max_size=8,
).map(" ".join)


def both(one: str, other: str) -> list[str]:
    there = set(tokens(other))
    return [token for token in dict.fromkeys(tokens(one)) if token in there]


def shown(text: str, other: str, most: int = 4) -> list[str]:
    return words(text, both(text, other), other, most=most)


@given(text=TEXTS, other=TEXTS)
def test_the_parts_are_the_text_and_what_is_marked_is_in_common(text: str, other: str) -> None:
    found = parts(text, both(text, other), other)
    assert "".join(part.text for part in found) == text
    assert all(one.marked != other.marked for one, other in pairwise(found))
    for part in found:
        if part.marked:
            assert set(tokens(part.text)) & set(tokens(other))


@given(text=TEXTS, other=TEXTS)
def test_words_stand_in_the_text_and_none_is_part_of_another(text: str, other: str) -> None:
    found = shown(text, other, most=20)
    assert all(word in text for word in found)
    lower = [word.lower() for word in found]
    assert not any(one in other for one in lower for other in lower if one != other)
    assert len(set(lower)) == len(lower)


def test_an_english_word_is_shown_whole_and_a_part_of_an_identifier_as_that_part() -> None:
    assert shown("Printers fail", "the printer is printing") == ["Printers"]
    assert shown("SRV-2 is down", "SRV-1 was rebooted") == ["SRV"]
    assert shown("SRV-2 is down", "look at SRV-2") == ["SRV-2"]
    assert shown("ifOperStatus", "the oper state") == ["Oper"]


def test_pairs_of_chinese_signs_become_the_longest_run_that_both_texts_have() -> None:
    text, other = "人力资源数据库备份未在窗口内完成", "SRV-1 备份未在窗口内完成"
    assert words(text, ["未在", "口内"], other, most=4) == ["备份未在窗口内完成"]
    marked = [part.text for part in parts(other, ["窗口"], text) if part.marked]
    assert marked == ["备份未在窗口内完成"]


def test_full_width_text_keeps_its_signs() -> None:
    found = parts("ＣＰＵ 使用率９０％", both("CPU", "cpu"), "cpu")
    assert [part.text for part in found if part.marked] == ["ＣＰＵ"]

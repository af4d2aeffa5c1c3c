"""Markdown from people is shown as they mean it and runs nothing."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.kernel.prose import LARGEST, html

ATTACKS = [
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "![x](https://elsewhere.example/pixel.png)",
    "![x](//elsewhere.example/pixel.png)",
    "<img src=x onerror=alert(1)>",
    '<a href="/" onclick="alert(1)">x</a>',
    "<svg/onload=alert(1)>",
    "<style>*{display:none}</style>",
    "[x](  java\tscript:alert(1))",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_was_written_runs_or_reaches_out(attack: str) -> None:
    shown = html(f"before {attack} after").lower()
    for trace in (
        "<script",
        "<svg",
        "<style",
        'href="javascript',
        'href="data',
        'src="http',
        'src="//',
        '<img src="x',
    ):
        assert trace not in shown


@given(text=st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_text_is_shown_without_event_handlers(text: str) -> None:
    shown = html(text)
    assert "<script" not in shown
    assert "<iframe" not in shown


def test_steps_tables_and_code_are_shown() -> None:
    shown = html("# Do\n\n1. one `upsOutputSource`\n2. two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert "<h2>Do</h2>" in shown
    assert "<ol>" in shown
    assert "<code>upsOutputSource</code>" in shown
    assert "<table>" in shown


def test_a_large_table_is_shown_and_one_of_cells_that_nobody_wrote_is_not() -> None:
    assert html("|a|b|c|d|\n|-|-|-|-|\n" + "|1|2|3|4|\n" * 400).count("<tr>") == 401
    assert "<table>" not in html("|" + "a|" * 1_000 + "\n|" + "-|" * 1_000 + "\n" + "|\n" * 8_000)


@pytest.mark.parametrize("sign", ["\u202e", "\u2066", "\u200b", "\ufeff", "\x07"])
def test_signs_that_change_what_is_seen_stand_as_a_mark(sign: str) -> None:
    shown = html(f"reboot {sign}gnp.exe `x{sign}y` [l{sign}](https://a.example/)")
    assert sign not in shown
    assert shown.count("\ufffd") == 3
    assert html("\u4e2d\u6587\u200d\u200c") == "<p>\u4e2d\u6587\u200d\u200c</p>\n"


ORDINARY = "Read `upsOutputSource`, then [the plan](/knowledge/KB-000001) of *both* feeds.\n\n"
DEAREST = 60  # times an ordinary page of that length; a run of picture brackets costs 20 times


def seconds(text: str) -> float:
    html.cache_clear()
    began = time.process_time()
    html(text)
    return time.process_time() - began


@pytest.mark.parametrize(
    "bomb",
    [
        "[" * LARGEST,
        "![" * (LARGEST // 2),
        "[a](" * (LARGEST // 4),
        "> " * (LARGEST // 2),
        "*a " * (LARGEST // 3),
        "`" * LARGEST,
        "|" + "a|" * 1_000 + "\n|" + "-|" * 1_000 + "\n" + "|\n" * 8_000,
        "> |" + "a|" * 1_000 + "\n> |" + "-|" * 1_000 + "\n" + "> |\n" * 5_000,
        ("|" + "a|" * 50 + "\n|" + "-|" * 50 + "\n" + "|\n" * 150 + "\n") * 30,
        "- |a|b|\n  |-|-|\n" + "  |\n" * 5_000,
    ],
)
def test_a_page_of_brackets_costs_little_more_than_any_page(bomb: str) -> None:
    ordinary = seconds((ORDINARY * LARGEST)[:LARGEST])
    assert seconds(bomb * 2) < DEAREST * ordinary

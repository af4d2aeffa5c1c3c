"""Links and pictures of a text are found and led elsewhere; code, and what leads out of a folder, is not."""

import time
from posixpath import isabs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.knowledge.references import Reference, is_relative, led, neighbour, plain, references

TEXT = """Look at [the plan](plan.md "Plan") and ![tray](img/tray%201.png).

```
[not](this.md)
```
Then `[nor](this.md)` and [that](<that.md>), then [web](https://a.example/x).
"""


def test_links_and_pictures_are_found_and_code_is_left() -> None:
    assert list(references(TEXT)) == [
        Reference("the plan", "plan.md", picture=False),
        Reference("tray", "img/tray%201.png", picture=True),
        Reference("that", "that.md", picture=False),
        Reference("web", "https://a.example/x", picture=False),
    ]


def test_what_is_led_elsewhere_leaves_the_rest_as_it_is() -> None:
    said = led(TEXT, lambda one: "HERE" if one.target == "that.md" else None)
    assert said == TEXT.replace("[that](<that.md>)", "HERE")


@given(said=st.text(alphabet="[]()!`~<>a.\n\"' ", max_size=200))
@settings(max_examples=200, deadline=None)
def test_leading_nothing_changes_nothing(said: str) -> None:
    assert led(said, lambda _one: None) == said


@pytest.mark.parametrize(
    ("source", "target", "path"),
    [
        ("docs/feed.md", "img/tray.png", "docs/img/tray.png"),
        ("docs/feed.md", "../img/tray.png?x=1#y", "img/tray.png"),
        ("feed.md", "./fan.md", "fan.md"),
        ("docs/feed.md", "img%5Ctray.png", "docs/img/tray.png"),
        ("docs/feed.md", "../../etc/passwd", ""),
        ("docs/feed.md", "/etc/passwd", ""),
        ("docs/feed.md", "%2e%2e/%2e%2e/x", ""),
        ("docs/feed.md", "javascript:alert(1)", ""),
        ("docs/feed.md", "//evil.example/x", ""),
        ("docs/feed.md", "#part", ""),
    ],
)
def test_a_target_means_a_path_within_the_folder_or_none(source: str, target: str, path: str) -> None:
    assert neighbour(source, target) == path


@given(source=st.text(max_size=30), target=st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_no_target_leads_out_of_the_folder(source: str, target: str) -> None:
    path = neighbour(source.replace("..", ""), target)
    assert not isabs(path)
    assert ".." not in path.split("/")
    assert not path or is_relative(target)


def test_the_gist_of_a_text_has_no_marks() -> None:
    said = "## Seen\n\n- **Fan** `0 rpm` ![x](y.png)\n- see [plan](p.md)\n\n| a |\n|---|\n| 1 |"
    assert plain(said) == "Seen Fan 0 rpm see plan a 1"


@pytest.mark.parametrize("part", ["[", "[a](", "![", "`", "```\n", "[](x", "[a](b", "(<"])
def test_a_text_of_brackets_costs_what_its_length_costs(part: str) -> None:
    def seconds(length: int) -> float:
        said = part * (length // len(part))
        began = time.process_time()
        for _ in range(3):
            led(said, lambda _one: None)
        return time.process_time() - began

    assert seconds(40_000) < 12 * max(seconds(10_000), 0.001)

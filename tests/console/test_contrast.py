"""Colours: each text on each ground, each mark on its surface, in both themes; no colour elsewhere."""

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parent.parent.parent / "server" / "kernel" / "static"
CSS = (STATIC / "watchdesk.css").read_text(encoding="utf-8")
MARKS = ("crit", "major", "minor", "info", "ok", "unk")
TEXT, MARK = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def tokens(theme: str) -> dict[str, str]:
    block = re.search(rf'\[data-bs-theme="{theme}"\] \{{(.*?)\n\}}', CSS, re.DOTALL)
    assert block
    return dict(re.findall(r"--wd-([\w-]+): (#[0-9a-f]{6})", block[1]))


def pairs(theme: str) -> list[tuple[str, str, float]]:
    grounds = ("surface", "canvas", "sunken", "hover", "sel")
    found = [(text, ground, TEXT) for text in ("ink", "ink-2", "ink-3", "accent") for ground in grounds]
    found += [("accent-on", "accent-fill", TEXT), ("line-ctl", "surface", MARK), ("accent", "surface", MARK)]
    for mark in MARKS:
        found += [(f"{mark}-on", mark, TEXT)]
        found += [(f"{mark}-ink", ground, TEXT) for ground in (f"{mark}-soft", "surface", "canvas", "sel")]
        if (theme, mark) != ("light", "minor"):  # the yellow diamond has an edge in its ink
            found.append((mark, "surface", MARK))
    return found + [(f"c{n}", "surface", MARK) for n in range(1, 7)]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_pair_of_colours_can_be_read(theme: str) -> None:
    token = tokens(theme)
    low = [
        f"{one} on {other}: {ratio(token[one], token[other]):.2f}"
        for one, other, least in pairs(theme)
        if ratio(token[one], token[other]) < least
    ]
    assert not low


def test_colours_are_written_in_the_token_block_only() -> None:
    rest = CSS[CSS.index("/* ---------- 2 ground") :]
    named = {path.name: path.read_text(encoding="utf-8") for path in STATIC.glob("*.css")}
    named["watchdesk.css"] = rest
    scripts = Path(__file__).parent.parent.parent.glob("server/*/static/**/*.js")
    named |= {path.name: path.read_text(encoding="utf-8") for path in scripts if "vendor" not in path.parts}
    found = {name: re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[\s;,)\"'])", text) for name, text in named.items()}
    assert {name: colours for name, colours in found.items() if colours} == {}


def test_no_type_is_smaller_than_eleven_pixels_and_text_not_than_twelve() -> None:
    sizes = [float(size) for size in re.findall(r"font(?:-size)?:[^;}]*?\b(\d+(?:\.\d+)?)px", CSS)]
    small = sorted(size for size in sizes if size < 12)
    assert all(size >= 9 for size in small)
    assert len(small) <= 8  # keys, initials, the dot of a changed view: none of them is a sentence

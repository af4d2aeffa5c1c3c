"""Scripts that mark the output of each of their parts, and small readings of words and numbers."""

import re
from collections.abc import Mapping
from shlex import quote

Ticks = tuple[float, float]  # of all processors since the start: busy, total

MARK = "==watchdesk=="
MOST = 1e18  # a number beyond it counts nothing that a machine has
MAX_LINES = 5_000  # of one part
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def script(parts: Mapping[str, str], *, wrapped: bool = False) -> str:
    """One command that runs all parts, each after a line that names it. Parts are constant texts of ours.

    `wrapped`: for machines whose log-in shell may be a C shell, the parts run in `sh`.
    """
    line = "LC_ALL=C; export LC_ALL; " + "; ".join(
        f"echo {MARK}{name}; {part} 2>/dev/null" for name, part in parts.items()
    )
    return f"exec sh -c {quote(line)}" if wrapped else line


def sections(output: str) -> dict[str, str]:
    """The parts of what a script printed, by name."""
    found: dict[str, str] = {}
    for block in output.split(MARK)[1:]:
        name, _, body = block.partition("\n")
        found.setdefault(name.strip(), body)
    return found


def lines(text: str) -> list[str]:
    """The lines of a part that are not empty, bounded."""
    return [one for one in text.splitlines()[:MAX_LINES] if one.strip()]


def first(text: str) -> str:
    """The first line that is not empty, at most 200 characters."""
    return next((one.strip()[:200] for one in text.splitlines()[:20] if one.strip()), "")


def floats(text: str) -> list[float]:
    """The numbers at the beginning of a text, up to the first word that is none."""
    out: list[float] = []
    for word in text.split()[:64]:
        try:
            value = float(word)
        except ValueError:
            break
        if not abs(value) < MOST:  # nan and infinity as well
            break
        out.append(value)
    return out


def numbers(text: str) -> list[float]:
    """All numbers in a text, whatever stands between them."""
    return [value for one in _NUMBER.findall(text[:2_000])[:64] if (value := float(one)) < MOST]


def ratio(part: float, whole: float) -> float:
    """A share between 0 and 1; 0 of nothing."""
    return max(0.0, min(1.0, part / whole)) if whole > 0 else 0.0


def cpu(ticks: Ticks | None, before: Ticks | None) -> dict[str, float]:
    """`cpu_ratio` from two counts of (busy, total) ticks; nothing the first time, or where they went back."""
    if not ticks or not before or ticks[1] <= before[1] or ticks[0] < before[0]:
        return {}
    return {"cpu_ratio": ratio(ticks[0] - before[0], ticks[1] - before[1])}

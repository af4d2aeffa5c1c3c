"""What a test run really met: the real thing, a fallback, or nothing, and why.

A fixture that starts a peer says so with `note("PostgreSQL", "real", "18.1, from the wheel")`. Skipped
tests are noted by the pytest hook below. `tests.suites` prints all of it as one table at the end.
"""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Literal

import pytest

Kind = Literal["real", "fallback", "skipped"]
FILE = "REALNESS_NOTES"


def note(resource: str, kind: Kind, why: str) -> None:
    """Remember how a resource was met; repeated notes count once."""
    path = os.environ.get(FILE)
    if path:
        with Path(path).open("a", encoding="utf-8") as out:
            out.write(json.dumps([resource, kind, why]) + "\n")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note each skipped test under its reason."""
    if report.skipped and isinstance(report.longrepr, tuple):
        note(
            report.nodeid.split("::", maxsplit=1)[0],
            "skipped",
            str(report.longrepr[2]).removeprefix("Skipped: "),
        )


def table(path: Path) -> str:
    """The notes of a whole run as aligned lines, real first."""
    told = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    notes = Counter(tuple(json.loads(line)) for line in told)
    order = {"real": 0, "fallback": 1, "skipped": 2}
    rows = sorted(notes, key=lambda row: (order[row[1]], row[0]))
    width = max((len(row[0]) for row in rows), default=8)
    lines = []
    for row in rows:
        resource, kind, why = row
        times = f"  ({notes[row]} tests)" if kind == "skipped" else ""
        lines.append(f"{kind:<9} {resource:<{width}}  {why}{times}")
    return "\n".join(lines)

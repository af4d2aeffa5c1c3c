"""Every suite, one after another, and at the end the table of what was real. `./watchdesk test` runs it.

Unit and property tests run on two workers, and so does what starts whole programs: those mostly wait, for
kills and for alerts that rest. The browser runs alone. On a machine that others load, a time may pass unmet:
what failed is run once more by itself, and the table names the suite that needed it. What fails twice has
failed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests import realness

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "tests.realness", "--durations=5"]

SUITES: dict[str, list[str]] = {
    "format": [str(BIN / "ruff"), "format", "--check", "--quiet", "."],
    "lint": [str(BIN / "ruff"), "check", "--quiet", "."],
    "types": [str(BIN / "mypy"), "--no-error-summary"],
    "imports": [str(BIN / "lint-imports"), "--no-cache"],
    "unit": [*PYTEST, "-n", "2", "--dist", "loadfile", "-m", "not flow and not browser"],
    "flow": [*PYTEST, "-n", "2", "--dist", "worksteal", "-m", "flow"],
    "browser": [*PYTEST, "-m", "browser"],
}
TWICE = {"unit", "flow", "browser"}
FAILED = 1  # pytest's status where tests ran and some failed


@dataclass(frozen=True)
class Row:
    """How a suite went. `again`: some of it passed only at the second try."""

    name: str
    status: int
    seconds: float
    again: bool = False

    def __str__(self) -> str:
        said = "passed" if self.status == 0 else f"FAILED ({self.status})"
        return f"{said:<12} {self.name:<9} {self.seconds:7.1f} s{'  at the second try' * self.again}"


def run(name: str, env: dict[str, str], cache: Path) -> Row:
    """Run one suite; of tests, what failed once more."""
    command = SUITES[name]
    if name in TWICE:
        command = [*command, "-o", f"cache_dir={cache}"]
    print(f"== {name}", flush=True)
    began = time.monotonic()
    status = subprocess.run(command, cwd=ROOT, env=env, check=False).returncode
    again = name in TWICE and status == FAILED
    if again:
        print(f"== {name}, once more what failed", flush=True)
        status = subprocess.run([*command, "--last-failed"], cwd=ROOT, env=env, check=False).returncode
    return Row(name, status, time.monotonic() - began, again and status == 0)


def main() -> int:
    """Run the suites named on the command line, or all; returns the exit status for the shell."""
    wanted = sys.argv[1:] or list(SUITES)
    folder = Path(tempfile.mkdtemp(prefix="watchdesk-test-"))
    notes = folder / "notes.jsonl"
    env = os.environ | {realness.FILE: str(notes), "PYTHONPATH": str(ROOT)}
    rows = [run(name, env, folder / f"cache-{name}") for name in wanted]
    print("\n== what was real\n" + realness.table(notes))
    print("\n== suites")
    for row in rows:
        print(row)
    shutil.rmtree(folder)
    bad = sum(row.status != 0 for row in rows)
    print(f"\nsuites: {len(rows) - bad} passed, {bad} failed")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())

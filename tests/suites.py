"""Every suite, one after another, and at the end the table of what was real. `./watchdesk test` runs it.

Unit and property tests run on two workers; what starts whole programs or a browser runs alone, because
those tests hold times.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
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
    "flow": [*PYTEST, "-m", "flow"],
    "browser": [*PYTEST, "-m", "browser"],
}
NO_TESTS = 5


def main() -> int:
    """Run the suites named on the command line, or all; returns the exit status for the shell."""
    wanted = sys.argv[1:] or list(SUITES)
    folder = Path(tempfile.mkdtemp(prefix="watchdesk-test-"))
    notes = folder / "notes.jsonl"
    env = os.environ | {realness.FILE: str(notes), "PYTHONPATH": str(ROOT)}
    rows: list[tuple[str, int, float]] = []
    for name in wanted:
        print(f"== {name}", flush=True)
        began = time.monotonic()
        status = subprocess.run(SUITES[name], cwd=ROOT, env=env, check=False).returncode
        rows.append((name, status, time.monotonic() - began))
    print("\n== what was real\n" + realness.table(notes))
    print("\n== suites")
    for name, status, seconds in rows:
        print(f"{'passed' if status == 0 else f'FAILED ({status})':<12} {name:<9} {seconds:7.1f} s")
    shutil.rmtree(folder)
    bad = sum(status != 0 for _, status, _ in rows)
    print(f"\nsuites: {len(rows) - bad} passed, {bad} failed")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())

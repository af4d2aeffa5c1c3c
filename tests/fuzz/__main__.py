"""`./watchdesk bench fuzz [--seconds 60] [TARGET ...]`: coverage-guided fuzzing of the decoders.

It takes a fixed time. Each target runs in a process of its own with atheris (libFuzzer): its crash, a hang of
over 5 s, or 512 MiB of memory is a finding, kept under tests/artifacts/fuzz/ as the bytes that made it. The
last line is one JSON object: items (runs), cpu_s, runs of each target, findings. Exit code 1 where there are
findings.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ARTIFACTS = Path(__file__).parent.parent / "artifacts" / "fuzz"
LONGEST_INPUT = 4_096
SLOWEST_S = 5
MOST_MB = 512
ONE = "--one"


def main() -> int:
    """Fuzz the named targets, or all, sharing the time between them."""
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="./watchdesk bench fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS])
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
    chosen = parser.parse_args()
    names = chosen.targets or list(TARGETS)
    each = max(2, chosen.seconds // len(names))
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    runs, findings = {}, []
    for name in names:
        runs[name], found = fuzz(name, each)
        print(f"{name:<14} {runs[name]:>9} runs{'  FOUND ' + str(found) if found else ''}", flush=True)
        findings += [str(found)] if found else []
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = sum(runs.values())
    cpu = used.ru_utime + used.ru_stime
    told = {
        "items": total,
        "cpu_s": round(cpu, 2),
        "per_cpu_s": round(total / max(cpu, 1e-9)),
        "wall_s": round(time.monotonic() - began, 1),
        "peak_mb": round(used.ru_maxrss / 1024, 1),
        "runs": runs,
        "findings": findings,
    }
    print(json.dumps(told))
    return int(bool(findings))


def fuzz(name: str, seconds: int) -> tuple[int, Path | None]:
    """How often a target ran in so many seconds, and the file of what broke it, if anything did."""
    with tempfile.TemporaryDirectory() as corpus:
        prefix = ARTIFACTS / f"{name}-"
        limits = [
            f"-max_total_time={seconds}",
            f"-max_len={LONGEST_INPUT}",
            f"-timeout={SLOWEST_S}",
            f"-rss_limit_mb={MOST_MB}",
            f"-artifact_prefix={prefix}",
            "-print_final_stats=1",
        ]
        command = [sys.executable, "-m", "tests.fuzz", ONE, name, *limits, corpus]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    counted = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    runs = int(counted.group(1)) if counted else 0
    if done.returncode == 0 and runs:
        return runs, None
    kept = re.search(r"Test unit written to (\S+)", done.stderr)
    log = prefix.with_name(f"{name}.log")
    log.write_text(done.stdout + done.stderr)
    return runs, Path(kept.group(1)) if kept else log


def one(name: str, arguments: list[str]) -> None:
    """The process of one target; atheris ends it."""
    import atheris

    with atheris.instrument_imports(include=["agent", "rules", "server.kernel.strictjson"]):
        from tests.fuzz.targets import TARGETS

    atheris.Setup(["fuzz", *arguments], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == [ONE]:
        one(sys.argv[2], sys.argv[3:])
    sys.exit(main())

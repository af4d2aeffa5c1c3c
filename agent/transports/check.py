"""Script checks as they stand: exit code, text and performance data. Source: Monitoring Plugins Guidelines.

The commands are the agent's own: `[checks.NAME] command = [...]` in its settings, an argument list that no
shell reads. A target names one of them (`params: check`); `$HOSTADDRESS$` in an argument becomes the
target's address. The server cannot add a command.

Readings: `state` (0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN), `text` (the first line), `run_seconds`. Tables of
the performance data by kind of unit, rows with `label` and `value`: `seconds`, `bytes`, `ratios` (from %),
`counters` (c), `numbers`.
"""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Mapping, Sequence
from time import monotonic

from agent.reading import Target
from agent.transports.facts import Facts
from agent.transports.trouble import TroubleError, of_os, text_of

MAX_OUTPUT = 64 * 1024
MAX_FIGURES = 200
STATES = {0, 1, 2, 3}
MACRO = "$HOSTADDRESS$"
_FIGURE = re.compile(
    r"(?:'((?:[^'=]|'')+)'|([^\s'=]+))=(-?[0-9]+(?:[.,][0-9]+)?(?:[eE][-+]?[0-9]{1,3})?)([A-Za-z%]*)"
)
UNITS = {
    "": ("numbers", 1.0),
    "s": ("seconds", 1.0),
    "ms": ("seconds", 1e-3),
    "us": ("seconds", 1e-6),
    "%": ("ratios", 0.01),
    "b": ("bytes", 1.0),
    "kb": ("bytes", 1024.0),
    "mb": ("bytes", 1024.0**2),
    "gb": ("bytes", 1024.0**3),
    "tb": ("bytes", 1024.0**4),
    "c": ("counters", 1.0),
}


async def fetch(target: Target, checks: Mapping[str, Sequence[str]], *, timeout_s: float = 30.0) -> Facts:
    """Run the check a target names, within `timeout_s`; raises TroubleError."""
    name = str(target.params.get("check") or "")
    command = checks.get(name)
    if not command:
        raise TroubleError("configuration", f"The agent's settings have no check '{name}'.")
    if target.address.startswith("-"):
        raise TroubleError("configuration", "The address begins with a dash.")
    argv = [part.replace(MACRO, target.address) for part in command]
    begun = monotonic()
    code, output, truncated = await _run(argv, timeout_s)
    took = monotonic() - begun
    text, figures = _split(text_of(output, MAX_OUTPUT))
    if code not in STATES:
        raise TroubleError("bad_response", f"The check ended with {code}: {text[:200]}", evidence=output)
    facts = Facts({"state": code, "text": text, "run_seconds": took}, rtt_s=took, truncated=truncated)
    for kind, label, value in _figures(figures):
        facts.tables.setdefault(kind, []).append({"label": label, "value": value})
    return facts


async def _run(argv: list[str], timeout_s: float) -> tuple[int, bytes, bool]:
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ},
            start_new_session=True,
        )
    except OSError as error:
        reason = of_os(error).detail if error.errno is None else error.strerror
        raise TroubleError("configuration", f"{argv[0]} cannot be run: {reason}.") from None
    assert process.stdout is not None
    kept, truncated = bytearray(), False
    try:
        async with asyncio.timeout(timeout_s):
            while chunk := await process.stdout.read(8192):
                kept += chunk[: max(0, MAX_OUTPUT - len(kept))]
                truncated = truncated or len(kept) >= MAX_OUTPUT
            code = await process.wait()
    except TimeoutError:
        raise TroubleError("no_answer", f"The check did not end in {timeout_s:g} s.") from None
    finally:
        await _end(process)
    return code, bytes(kept), truncated


async def _end(process: asyncio.subprocess.Process) -> None:
    """Nothing of a check outlives its turn, nor what it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _split(output: str) -> tuple[str, str]:
    """The first line's text, and all performance data: behind `|` in the first line, and in the long part."""
    first, _, rest = output.partition("\n")
    text, _, figures = first.partition("|")
    _long, _, more = rest.partition("|")
    return text.strip(), f"{figures} {more}"


def _figures(text: str) -> list[tuple[str, str, float]]:
    found = []
    for quoted, bare, number, unit in _FIGURE.findall(text)[:MAX_FIGURES]:
        kind, scale = UNITS.get(unit.lower(), ("numbers", 1.0))
        label = quoted.replace("''", "'") or bare
        found.append((kind, label[:200], float(number.replace(",", ".")) * scale))
    return found

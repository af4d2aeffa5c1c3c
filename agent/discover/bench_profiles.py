"""`watchdesk-agent bench profiles`: what the packaged profiles make of recorded devices.

    watchdesk-agent bench profiles --devices-dir DIR --scorer FILE [--out R.jsonl]

DIR holds `recordings.tar.xz` and `truth.jsonl`; FILE the comparisons that count. Devices are recognised as
the agent does, with the packaged models and profiles: these were made with such devices in sight, so the
figures say what is known, not what would be guessed (`bench recognise` says that). The last line is JSON.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from agent.discover.bench import line_of, report, say
from agent.discover.probe import Known
from agent.discover.recording import recordings
from agent.discover.training import comparisons


def bench(devices: Path, scorer: Path, out: Path | None) -> int:
    """Recognise every recording and print the table of figures."""
    same, known = comparisons(scorer), Known.packaged()
    lines = (devices / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    truth = {one["recording"]: one for one in map(json.loads, filter(str.strip, lines))}
    results: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for name, values in recordings(devices / "recordings.tar.xz"):
        if name in truth:
            results.append((truth[name], line_of(name, known.recognise("", values))))
    if out is not None:
        out.write_text("".join(json.dumps(line) + "\n" for _, line in results), encoding="utf-8")
    by_profile = Counter(line["profile"] or "none" for _, line in results)
    say(f"{len(results)} devices by {len(by_profile)} profiles: {dict(by_profile.most_common(12))}")
    sys.stdout.write(json.dumps(report(results, same)) + "\n")
    return 0

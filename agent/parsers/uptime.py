"""uptime(1) as the BSDs, AIX, Solaris and Linux print it: how long the machine is up, and its load.

3:41PM  up 12 days,  4:05, 2 users, load averages: 0.55, 0.47, 0.43
03:41PM   up 12 days,   4 hrs,  2 users,  load average: 1.05, 0.97, 0.93
3:41pm  up 12 day(s), 41 min(s),  1 user,  load average: 0.05, 0.07, 0.06
"""

import re

from agent.transports.facts import Raw

_PARTS = (
    (re.compile(r"(\d{1,6}) ?days?\b"), 86_400),
    (re.compile(r"(\d{1,6}) ?day\(s\)"), 86_400),
    (re.compile(r"(\d{1,2}) ?(?:hrs?|hours?|hr\(s\))"), 3_600),
    (re.compile(r"(\d{1,2}) ?(?:mins?|minutes?|min\(s\))"), 60),
    (re.compile(r"(\d{1,2}) ?secs?\b"), 1),
)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
_LOAD = re.compile(r"load averages?: *([\d.]{1,9}),? +([\d.]{1,9}),? +([\d.]{1,9})")


def read(text: str) -> dict[str, Raw]:
    """uptime_seconds, load1, load5, load15; empty where the text is not that of uptime."""
    head, found, rest = text[:400].partition(" up ")
    if not found or "\n" in head.strip():
        return {}
    stood = re.split(r"\d+ users?|load average", rest, maxsplit=1)[0]
    seconds = 0
    for pattern, unit in _PARTS:
        if said := pattern.search(stood):
            seconds += int(said[1]) * unit
    if clock := _CLOCK.search(stood):
        seconds += int(clock[1]) * 3_600 + int(clock[2]) * 60
    readings: dict[str, Raw] = {"uptime_seconds": float(seconds)}
    if load := _LOAD.search(rest):
        for name, value in zip(("load1", "load5", "load15"), load.groups(), strict=True):
            if value.replace(".", "", 1).isdecimal():
                readings[name] = float(value)
    return readings

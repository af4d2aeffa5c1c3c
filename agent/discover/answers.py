"""What operators answered about unknown devices, used for the next one of the same shape."""

import re
from collections.abc import Mapping

from agent.discover.found import Found, Guess

FIELDS = ("device_class", "vendor", "model")
CONFIDENCE = 0.95
_NUMBER = re.compile(r"\d+")
_BLANK = re.compile(r"\s+")
Learned = Mapping[str, Mapping[str, str]]


def fingerprint(sys_object_id: str, sys_descr: str) -> str:
    """The shape of a device's first answers: its sysObjectID, and sysDescr without its numbers.

    Two devices of a kind share it whatever their versions and serial numbers; a host's own name in the output
    of uname is left out too.
    """
    text = _BLANK.sub(" ", sys_descr).strip().lower()
    words = text.split(" ")
    if words[0] in {"linux", "freebsd", "openbsd", "netbsd", "sunos", "darwin", "aix"} and len(words) > 1:
        words[1] = "*"
    return f"{sys_object_id.strip('.')}|{_NUMBER.sub('9', ' '.join(words))[:200]}"


def apply(found: Found, learned: Learned) -> bool:
    """Put an operator's answers over what was guessed; whether there were any."""
    key = fingerprint(found.facts.get("sysObjectID", ""), found.facts.get("sysDescr", ""))
    told = learned.get(key, {})
    for field in FIELDS:
        if told.get(field):
            reason = "answered by an operator for a device of this shape"
            found.guesses[field] = Guess(told[field], CONFIDENCE, reason, "operator")
    return bool(told)

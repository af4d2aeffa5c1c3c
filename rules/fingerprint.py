"""Which condition is it? The identity of an alert, the same on agent and server, on every start."""

import hashlib
import json
from collections.abc import Mapping


def identity(ci: str, rule: str, key: Mapping[str, str]) -> str:
    """32 hexadecimal digits for a condition: this rule, on this CI (or device), on this instance.

    Severity, value and summary are no part of it: the severities of one check are one alert.

    Args:
        ci: number of the CI, or `agent-<id>/<device>` as long as there is none.
        rule: name of the alert rule.
        key: the labels that tell its instances apart; their order does not count.
    """
    told = json.dumps([ci, rule, sorted(key.items())], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(told.encode("utf-8", "backslashreplace")).hexdigest()[:32]

"""Patterns that people write: matched in linear time (RE2), whatever the pattern and the text."""

from collections.abc import Mapping
from typing import Any

import re2  # type: ignore[import-untyped]

MAX_PATTERN = 1_000  # characters
MAX_TEXT = 4_096  # characters of a text that are looked at
_MEMORY = 1 << 20  # bytes that RE2 may use for one pattern


class Pattern:
    """A compiled pattern. Lookarounds and backreferences do not exist here; counted repeats are bounded."""

    def __init__(self, text: str) -> None:
        """Raises ValueError, with the reason, for what is no pattern of this kind."""
        if len(text) > MAX_PATTERN:
            raise ValueError(f"The pattern has {len(text)} characters; {MAX_PATTERN} are the limit.")
        options = re2.Options()
        options.log_errors = False
        options.max_mem = _MEMORY
        try:
            self._compiled: Any = re2.compile(text, options)
        except re2.error as error:
            reason = error.args[0] if error.args else "unknown"
            reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
            raise ValueError(f"Not a pattern that can be matched in linear time: {reason}") from None
        self.text = text

    @property
    def groups(self) -> frozenset[str]:
        """The names of its groups."""
        return frozenset(self._compiled.groupindex)

    def found(self, text: str) -> bool:
        """Whether the pattern occurs in the text."""
        return self._compiled.search(text[:MAX_TEXT]) is not None

    def first(self, text: str) -> str | None:
        """The first group (or the whole match where there is none) of the first occurrence, or None."""
        match = self._compiled.search(text[:MAX_TEXT])
        if match is None:
            return None
        groups = [one for one in match.groups() if one is not None]
        return str(groups[0] if groups else match.group(0))

    def named(self, text: str) -> Mapping[str, str] | None:
        """The named groups of the first occurrence that took part, or None where there is no occurrence."""
        match = self._compiled.search(text[:MAX_TEXT])
        if match is None:
            return None
        return {name: value for name, value in match.groupdict().items() if value is not None}

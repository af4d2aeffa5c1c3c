"""Who reads: the language and the time zone of the running request.

Both are context variables, so that a service, a template or an error can ask without being told.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LANGUAGES = ("en", "zh")
"""The languages of the console; the first is the one the texts are written in."""

_language: ContextVar[str] = ContextVar("language", default="en")
_zone: ContextVar[tzinfo] = ContextVar("zone", default=UTC)


def current_language() -> str:
    """The reader's language, one of LANGUAGES."""
    return _language.get()


def current_zone() -> tzinfo:
    """The reader's time zone."""
    return _zone.get()


@lru_cache(maxsize=128)
def zone(name: str) -> tzinfo:
    """The zone of an IANA name such as `Asia/Shanghai`; UTC where the name is not known."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


@contextmanager
def use_language(language: str, timezone: str | None = None) -> Iterator[None]:
    """Speak `language` within the block, and tell times in the IANA zone `timezone` if given.

    A language the console does not have is taken for English.
    """
    spoken = _language.set(language if language in LANGUAGES else LANGUAGES[0])
    placed = _zone.set(zone(timezone)) if timezone is not None else None
    try:
        yield
    finally:
        _language.reset(spoken)
        if placed is not None:
            _zone.reset(placed)


def set_reader(language: str, timezone: str) -> None:
    """As `use_language`, until the running task ends; for the middleware that learns who asks."""
    _language.set(language if language in LANGUAGES else LANGUAGES[0])
    _zone.set(zone(timezone))

"""Texts for people, in English and Simplified Chinese.

Sources are English msgids. `N_` marks one that is translated later; `_` and `ngettext` translate
at once into the language of the running request (`use_language`). Each practice keeps its own
catalogue, `server/locale/zh_CN/PRACTICE.po`; all are merged when the program starts.
"""

from contextvars import ContextVar

LANGUAGES = ("en", "zh")
_language: ContextVar[str] = ContextVar("language", default="en")


def N_(msgid: str) -> str:  # noqa: N802  gettext's own name, which extraction looks for
    """Mark an English text for translation; returns it unchanged."""
    return msgid

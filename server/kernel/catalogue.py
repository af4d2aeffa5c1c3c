"""The texts in Chinese: every practice's `.po` file, merged.

The files are plain: `msgctxt`, `msgid`, `msgid_plural`, `msgstr` and comments. Reading them takes a
few milliseconds, so nothing is compiled and nothing can be out of date.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from server.kernel.language import current_language

LOCALE = Path(__file__).parent.parent / "locale"
FOLDERS = {"zh": "zh_CN"}

_LINE = re.compile(r'(?:(msgctxt|msgid_plural|msgid|msgstr(?:\[\d\])?)\s+)?(".*")\s*$')


@dataclass(frozen=True)
class Entry:
    """One text of a catalogue file. Chinese has one plural form, so `msgstr` serves both."""

    msgid: str
    msgstr: str
    context: str = ""
    plural: str = ""
    line: int = 0


@dataclass
class _Parts:
    line: int = 0
    texts: dict[str, str] = field(default_factory=dict)


def read_po(path: Path) -> Iterator[Entry]:
    """Read the entries of a `.po` file, in its order; the header is left out.

    Raises:
        ValueError: a line that is no part of an entry, named by file and line.
    """
    parts, key = _Parts(), ""
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = raw.strip()
        if not text or text.startswith("#"):
            continue
        found = _LINE.match(text)
        if found is None:
            raise ValueError(f"{path}:{number}: not a line of a catalogue: {text}")
        keyword, quoted = found.groups()
        if keyword:
            if keyword == "msgctxt" or (keyword == "msgid" and "msgid" in parts.texts):
                yield from _entry(parts)
                parts = _Parts()
            parts.line = parts.line or number
            key = keyword
        parts.texts[key] = parts.texts.get(key, "") + str(ast.literal_eval(quoted))
    yield from _entry(parts)


def _entry(parts: _Parts) -> Iterator[Entry]:
    msgid = parts.texts.get("msgid", "")
    if not msgid:
        return
    said = parts.texts.get("msgstr") or parts.texts.get("msgstr[0]", "")
    yield Entry(
        msgid,
        said,
        context=parts.texts.get("msgctxt", ""),
        plural=parts.texts.get("msgid_plural", ""),
        line=parts.line,
    )


def catalogue_files(language: str) -> list[Path]:
    """The catalogue files of a language, by name of the practice."""
    folder = FOLDERS.get(language)
    return sorted((LOCALE / folder).glob("*.po")) if folder else []


@cache
def texts(language: str) -> dict[tuple[str, str], str]:
    """All texts of a language by (context, English text)."""
    merged: dict[tuple[str, str], str] = {}
    for path in catalogue_files(language):
        for entry in read_po(path):
            if entry.msgstr:
                merged[entry.context, entry.msgid] = entry.msgstr
    return merged


def N_(msgid: str) -> str:  # noqa: N802  gettext's own name, which extraction looks for
    """Mark an English text for translation; returns it unchanged."""
    return msgid


def translate(msgid: str, context: str = "") -> str:
    """The text in the reader's language; the English where the catalogue has none."""
    language = current_language()
    if language == "en" or not msgid:
        return msgid
    found = texts(language)
    return found.get((context, msgid)) or found.get(("", msgid)) or msgid


def _(msgid: str) -> str:
    """The text in the reader's language. Fill its places with `.format`."""
    return translate(msgid)


def pgettext(context: str, msgid: str) -> str:
    """As `_`, where the same English means two things: `pgettext("state", "Open")`."""
    return translate(msgid, context)


def ngettext(singular: str, plural: str, n: float) -> str:
    """The text for `n` things in the reader's language. Fill its places with `.format(n=n)`."""
    if current_language() == "en":
        return singular if n == 1 else plural
    found = translate(singular)
    return found if found != singular else (singular if n == 1 else plural)

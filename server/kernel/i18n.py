"""Texts for people, in English and Simplified Chinese: the one door to language and formats.

Sources are English msgids. `N_` marks one that is translated later; `_`, `pgettext` and `ngettext`
translate at once into the language of the running request (`use_language`). Each practice keeps its
own catalogue, `server/locale/zh_CN/PRACTICE.po`; all are merged when the first text is asked for.
"""

from collections.abc import Mapping

from server.kernel.catalogue import N_, _, ngettext, pgettext
from server.kernel.formats import (
    Style,
    format_bytes,
    format_count,
    format_date,
    format_day,
    format_duration,
    format_left,
    format_moment,
    format_number,
    format_relative,
    format_unit,
    format_weekday,
    local,
)
from server.kernel.language import LANGUAGES, current_language, current_zone, set_reader, use_language

__all__ = [
    "LANGUAGES",
    "N_",
    "Style",
    "_",
    "current_language",
    "current_zone",
    "format_bytes",
    "format_count",
    "format_date",
    "format_day",
    "format_duration",
    "format_left",
    "format_moment",
    "format_number",
    "format_relative",
    "format_unit",
    "format_weekday",
    "loc",
    "local",
    "ngettext",
    "pgettext",
    "set_reader",
    "use_language",
]


def loc(value: Mapping[str, str] | str | None) -> str:
    """A text kept in two languages, `{"en": ..., "zh": ...}`: the reader's, else the other.

    A plain string is returned as it is, None as nothing.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    said = value.get(current_language())
    return said or next((text for text in value.values() if text), "")

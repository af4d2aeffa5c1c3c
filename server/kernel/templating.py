"""The console's templates: one Jinja2 environment with the furniture in it.

Every template has, without importing: `_ N_ ngettext pgettext` (texts), `m` (marks and chips),
`f` (forms), `lists` (tables), `states` (empty, error, no right, loading), `tl` (timeline),
`charts` (chart island), `asset("kernel/js/shell.js")`, `icon("flame")`, `csrf_field()`, and the filters
`loc moment date day weekday duration relative ago iso number unit count bytes pct initials hue`.

`{{ _("{n} alerts joined", n=3) }}` fills its places at once. A place that is markup (a link inside
a sentence) stays markup; everything else is escaped.
"""

import os
import zlib
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemBytecodeCache,
    FileSystemLoader,
    StrictUndefined,
)
from markupsafe import Markup, escape

from server.kernel import i18n
from server.kernel.assets import Assets
from server.kernel.console_texts import texts_json
from server.kernel.inert import inert

TEMPLATES = Path(__file__).parent / "templates"
COMPILED = Path(__file__).parent / "__pycache__" / "templates"  # beside what Python compiled
MODULES = {  # in this order: each may use those before it
    "m": "_m.html",
    "states": "_state.html",
    "f": "_form.html",
    "lists": "_list.html",
    "tl": "_timeline.html",
    "charts": "_chart.html",
}


@dataclass(frozen=True)
class NavEntry:
    """One line of the navigation as this person sees it; `count` None shows no number."""

    key: str
    label: str
    icon: str
    url: str
    count: int | None = None
    hot: bool = False


@dataclass(frozen=True)
class Toast:
    """A sentence at the bottom left; `undo_url` is posted to take the act back within 10 s."""

    text: str
    undo_url: str = ""
    undo_values: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""  # "" or "error"; errors do not vanish


@dataclass(frozen=True)
class Shell:
    """What `shell.html` shows around the page; `Call.render` passes it as `shell`."""

    name: Mapping[str, str] | str = ""  # the person's name; "" when nobody is logged in
    username: str = ""
    language: str = "en"
    theme: str = "system"  # system, light, dark
    density: str = "normal"  # compact, normal, touch
    path: str = "/"
    csrf: str = ""
    version: str = ""
    build: str = ""
    site: str = ""  # the site's name
    role: str = ""  # the breadcrumb of the home page
    topics: tuple[str, ...] = ()  # what the page wants to hear of through /events
    heard: int = 0  # the event after which it wants to hear
    navigation: Mapping[str, tuple[NavEntry, ...]] = field(default_factory=dict)  # by group
    toast: Toast | None = None
    trace: str = ""


@dataclass(frozen=True)
class _Page:
    now: datetime
    csrf: str


_page: ContextVar[_Page] = ContextVar("page")


def environment(templates: Mapping[str, Path], assets: Assets, *, reload: bool = False) -> Environment:
    """Build the environment.

    Args:
        templates: the template folder of each practice that has one. A practice keeps its pages in
            `templates/PRACTICE/`, so that a template is named `PRACTICE/page.html`.
        assets: finds static files.
        reload: look at the files again on every page, for development.
    """
    loaders: list[BaseLoader] = [FileSystemLoader(TEMPLATES)]
    loaders += [FileSystemLoader(folder) for _name, folder in sorted(templates.items())]
    env = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        finalize=inert,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=reload,
        cache_size=-1,
        bytecode_cache=_compiled(),
    )
    env.globals.update(
        {
            "_": _text,
            "N_": i18n.N_,
            "ngettext": _plural,
            "pgettext": _in_context,
            "asset": assets.url,
            "vendor": assets.vendor,
            "icon": assets.icon,
            "csrf_field": _csrf_field,
            "csrf_token": _csrf_token,
            "page_now": _now,
            "texts_json": texts_json,
            "language": i18n.current_language,
            "zone_name": lambda: str(i18n.current_zone()),
        }
    )
    env.filters.update(_filters())
    for name, template in MODULES.items():
        if any(template in loader.list_templates() for loader in loaders[:1]):
            env.globals[name] = env.get_template(template).module
    return env


def _compiled() -> FileSystemBytecodeCache | None:
    """Where compiled templates are kept, so that the first pages after a start need not wait for them.

    As with Python's own: where the folder cannot be written, nothing is kept.
    """
    try:
        COMPILED.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return FileSystemBytecodeCache(str(COMPILED)) if os.access(COMPILED, os.W_OK) else None


def render(
    env: Environment, template: str, context: Mapping[str, Any], *, now: datetime, csrf: str = ""
) -> str:
    """Render a page or fragment in the reader's language (`use_language`)."""
    token = _page.set(_Page(now, csrf))
    try:
        return env.get_template(template).render({"now": now, **context})
    finally:
        _page.reset(token)


def _now() -> datetime:
    return _page.get().now


def _csrf_token() -> str:
    return _page.get().csrf


def _csrf_field() -> Markup:
    return Markup('<input type="hidden" name="csrf" value="{}">').format(_csrf_token())


def _fill(said: str, places: dict[str, Any]) -> str:
    if not places:
        return said
    if any(hasattr(value, "__html__") for value in places.values()):
        return Markup(escape(said)).format(**places)  # noqa: S704  escaped first
    return said.format(**places)


def _text(msgid: str, **places: Any) -> str:
    return _fill(i18n._(msgid), places)


def _in_context(context: str, msgid: str, **places: Any) -> str:
    return _fill(i18n.pgettext(context, msgid), places)


def _plural(singular: str, plural: str, n: float, **places: Any) -> str:
    shown = i18n.format_number(n) if isinstance(n, int) else n
    return _fill(i18n.ngettext(singular, plural, n), {"n": shown, **places})


def _filters() -> dict[str, Any]:
    return {
        "loc": i18n.loc,
        "moment": _moment,
        "date": _date,
        "day": lambda value: i18n.format_day(_as_date(value)),
        "weekday": lambda value: i18n.format_weekday(_as_date(value)),
        "duration": _duration,
        "left": i18n.format_left,
        "relative": i18n.format_relative,
        "ago": lambda at: i18n.format_relative(at, _now()),
        "iso": lambda at: at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "number": i18n.format_number,
        "unit": i18n.format_unit,
        "count": i18n.format_count,
        "bytes": i18n.format_bytes,
        "pct": _percent,
        "initials": initials,
        "hue": _hue,
        "sparkline": sparkline,
    }


def _moment(at: datetime | None, style: i18n.Style = "moment") -> str:
    return "–" if at is None else i18n.format_moment(at, style)


def _as_date(value: datetime | date) -> date:
    return i18n.local(value).date() if isinstance(value, datetime) else value


def _date(value: datetime | date | None) -> str:
    return "–" if value is None else i18n.format_date(_as_date(value))


def _duration(value: timedelta | float, parts: int = 2) -> str:
    """A timedelta, or seconds, in words."""
    span = value if isinstance(value, timedelta) else timedelta(seconds=value)
    return i18n.format_duration(span, parts=parts)


def _percent(value: float | None) -> int:
    """A whole number of 0 to 100, for bars."""
    return 0 if value is None or value != value else max(0, min(100, round(value)))  # noqa: PLR0124  NaN


def initials(name: str) -> str:
    """The letters of a person's disc: family name of a Chinese name, else the first letters."""
    said = name.strip()
    if not said:
        return "?"
    if said[0] >= "\u2e80":
        return said[0]
    words = [word for word in said.replace("-", " ").split() if word[0].isalnum()]
    return "".join(word[0] for word in words[:2]).upper() or said[0].upper()


def sparkline(values: Sequence[float | None], width: int = 96, height: int = 24) -> list[str]:
    """The polylines of a small chart; a None parts the line. Flat values lie in the middle."""
    known = [value for value in values if value is not None]
    if not known:
        return []
    low, high = min(known), max(known)
    step = (width - 2) / max(1, len(values) - 1)
    lines: list[list[str]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            lines.append([])
            continue
        share = (value - low) / (high - low) if high > low else 0.5
        lines[-1].append(f"{1 + place * step:.1f},{height - 2 - share * (height - 4):.1f}")
    return [" ".join(line) for line in lines if line]


def _hue(name: str) -> int:
    """One of five colours, always the same for a name."""
    return zlib.crc32(name.encode()) % 5 + 1

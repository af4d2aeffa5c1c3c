"""What a practice brings into the house, in one value: `PRACTICE` of its folder.

`server.app` finds every folder of `server/` that has one. A practice that is not there is simply
absent from navigation, routes, roles and schedules; nothing names another practice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy.orm import Session

if TYPE_CHECKING:
    import typer
    from aiohttp import web

    from server.kernel.call import Actor, Authenticator
    from server.kernel.events import Signal
    from server.kernel.jobs import Work
    from server.kernel.routing import Routes
    from server.kernel.settings import Settings

Count: TypeAlias = "Callable[[Session, Actor, datetime], tuple[int, bool]]"
Search: TypeAlias = "Callable[[Session, Actor, str], Sequence[PaletteEntry]]"


@dataclass(frozen=True)
class Permission:
    """A right that routes ask for, as `incident.resolve`.

    `roles` are the shipped roles that have it; `administrator` has every permission and
    `auditor` every one that ends in `.read`, without being named.
    """

    key: str
    label: str  # marked with N_
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class NavItem:
    """An entry of the side navigation, shown to those who have `permission` (None: to all).

    `group` is one of "" (top), operate, desk, assets, insight, foot. `count(session, actor, now)`
    returns how many wait for this person, and whether one of them is late.
    """

    key: str
    group: str
    label: str  # marked with N_
    icon: str  # Tabler outline name
    url: str
    permission: str | None = None
    order: int = 50
    count: Count | None = None


@dataclass(frozen=True)
class SettingsPage:
    """A page under /settings, found by the search of its index through label, hint and words."""

    key: str
    label: str  # marked with N_
    hint: str  # marked with N_: what it changes, in a sentence
    url: str
    icon: str
    permission: str | None
    group: str = "site"  # people, monitoring, desk, site
    words: str = ""  # marked with N_: further words people search for
    order: int = 50


@dataclass(frozen=True)
class PaletteEntry:
    """One answer of the command palette."""

    title: str
    url: str
    hint: str = ""
    icon: str = "arrow-right"
    score: float = 1.0  # 0 to 1; entries of all practices are shown best first


@dataclass(frozen=True)
class Job:
    """Work done in the background by `handler`, at least once, under a lease.

    A run that takes longer than `timeout` is cut and tried again; after `tries` failures the job
    rests in the dead-letter list. At most `width` runs of this name go on at once in one server.
    """

    name: str
    handler: Callable[[Work], Awaitable[None]]
    timeout: timedelta = timedelta(minutes=5)
    tries: int = 8
    width: int = 2


@dataclass(frozen=True)
class Schedule:
    """Enqueues `job` at planned times: `every` so often, or by a five-field `cron` in UTC.

    Runs that were missed while no server was up coalesce into one.
    """

    name: str
    job: str
    every: timedelta | None = None
    cron: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.every is None) == (self.cron is None):
            raise ValueError(f"schedule {self.name} needs either every or cron")


@dataclass(frozen=True)
class Practice:
    """All that one folder of the server brings."""

    name: str
    title: str = ""  # marked with N_: as people call it; the name with a capital if it is empty
    routes: Sequence[Routes] = ()
    permissions: Sequence[Permission] = ()
    navigation: Sequence[NavItem] = ()
    settings_pages: Sequence[SettingsPage] = ()
    subscriptions: Sequence[tuple[Signal, Callable[..., None]]] = ()
    jobs: Sequence[Job] = ()
    schedules: Sequence[Schedule] = ()
    startup: Sequence[Callable[[web.Application], Awaitable[None]]] = ()
    cleanup: Sequence[Callable[[web.Application], Awaitable[None]]] = ()
    palette: Search | None = None
    topics: Mapping[str, str] = field(default_factory=dict)  # "incidents": the permission to hear of them
    commands: Sequence[tuple[str, Callable[[], typer.Typer]]] = ()  # ("bench", function that returns a Typer)
    authenticator: Authenticator | None = None  # exactly one practice brings it
    enabled: Callable[[Settings], bool] = lambda _settings: True  # the demo's practice is not always there

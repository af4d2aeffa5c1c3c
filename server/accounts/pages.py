"""What the pages under /settings share: the sections at the side."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from server.kernel import keys
from server.kernel.call import Call
from server.kernel.i18n import LANGUAGES, N_, _
from server.kernel.practice import SettingsPage
from server.kernel.web import Pages

pages = Pages("accounts")

GROUPS = {
    "own": N_("My account"),
    "people": N_("People and access"),
    "monitoring": N_("Monitoring"),
    "desk": N_("Service desk"),
    "site": N_("This site"),
}

Sections = Mapping[str, Sequence[SettingsPage]]


def sections(call: Call) -> Sections:
    """The settings pages this person may open, by the heading they stand under."""
    found: dict[str, list[SettingsPage]] = {group: [] for group in GROUPS}
    for practice in call.app[keys.PRACTICES]:
        for page in practice.settings_pages:
            if page.permission is None or call.may(page.permission):
                found.setdefault(page.group, []).append(page)
    return {
        GROUPS.get(group, group): sorted(listed, key=lambda page: (page.order, page.key))
        for group, listed in found.items()
        if listed
    }


def matching(found: Sections, text: str) -> Sections:
    """The pages whose label, hint or words hold each word of `text`, in the reader's language."""
    words = text.casefold().split()
    kept = {
        group: [page for page in listed if all(word in _said(page) for word in words)]
        for group, listed in found.items()
    }
    return {group: listed for group, listed in kept.items() if listed}


def shown(call: Call, template: str, section: str, *, status: int = 200, **context: Any) -> web.Response:
    """A page under /settings with its sections at the side."""
    return call.render(template, status=status, sections=sections(call), section=section, **context)


def localized(english: str, chinese: str) -> dict[str, str]:
    """Two fields of a form as one localized text."""
    return dict(zip(LANGUAGES, (english, chinese), strict=True))


def _said(page: SettingsPage) -> str:
    told = (page.label, page.hint, page.words)
    return " ".join((page.url, *told, *(_(text) for text in told if text))).casefold()

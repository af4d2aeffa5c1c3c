"""What stands behind the web pages of a found device: their title, and what profiles look for in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.discover.asking import Asker
from agent.discover.found import Attempt
from agent.discover.guard import Guard
from agent.discover.seen import Seen, outcome_of, target_of
from agent.transports.http import Http, Page
from agent.transports.trouble import TroubleError, text_of
from rules.pattern import Pattern
from rules.profile_form import Profile
from rules.wire import RangeCredential, RangeJob

PAGE_S = 5.0
SECURE = {443, 8443}


@dataclass(frozen=True, slots=True)
class _Door:
    """A web server that asks for a sign-in."""

    seen: Seen
    guard: Guard
    base: str
    port: int


class Pages:
    """Reads the pages of devices. Make it inside the running loop; close it at the end."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._http: Http | None = None

    async def close(self) -> None:
        """Let go of the connections."""
        if self._http is not None:
            await self._http.close()

    async def look(self, job: RangeJob, seen: Seen, guard: Guard, port: int) -> None:
        """Pages that profiles name, without a sign-in; those that ask for one, with each that the job has."""
        pages: dict[str, list[Profile]] = {}
        for form in self._asker.library.profiles.values():
            if form.match.http is not None:
                pages.setdefault(form.match.http.path, []).append(form)
        scheme = "https" if port in SECURE else "http"
        base = f"{scheme}://{_bracketed(seen.found.address)}:{port}"
        await self._title(seen, base)
        closed = {}
        for path, forms in sorted(pages.items()):
            body = await self._page(Page(base + path, verify=False))
            if body is None:
                closed[path] = forms
            elif await self._fitting(seen, body, forms, None, port):
                return
        for one in self._asker.sets(job, seen, "http") if closed else ():
            if await self._signed_in(_Door(seen, guard, base, port), one, closed):
                return

    async def _title(self, seen: Seen, base: str) -> None:
        """The front page's title as a fact."""
        try:
            told = await self._open().read(Page(base + "/", verify=False), timeout_s=PAGE_S)
        except TroubleError as error:
            seen.attempts.append(Attempt("http", 0, outcome_of(error.reason), error.detail))
            return
        seen.attempts.append(Attempt("http", 0, "answered", f"HTTP {told.status}"))
        title = Pattern(r"<title[^>]*>([^<]{1,200})").first(text_of(told.body[:65_536]))
        if title and title.strip():
            seen.found.facts.setdefault("http_title", title.strip()[:200])

    async def _page(self, page: Page) -> str | None:
        """A page's text; "" where there is none, None where it asks for a sign-in."""
        try:
            told = await self._open().read(page, timeout_s=PAGE_S)
        except TroubleError as error:
            return None if error.reason == "auth" else ""
        return text_of(told.body, 200_000) if told.status == 200 else ""

    async def _signed_in(self, door: _Door, one: RangeCredential, pages: Mapping[str, list[Profile]]) -> bool:
        """Sign in once: a page that refuses ends it; where one was taken, so are the others."""
        seen, guard = door.seen, door.guard
        user, password, token = (str(one.values.get(name) or "") for name in ("user", "password", "token"))
        async with guard.turn(seen.found.address, one.id) as turn:
            if not turn.allowed:
                seen.attempts.append(Attempt("http", one.id, "held_back", turn.why))
                return False
            for path, forms in sorted(pages.items()):
                body = await self._page(Page(door.base + path, user, password, token, verify=False))
                turn.refused = body is None
                if body is None:
                    seen.attempts.append(Attempt("http", one.id, "refused", "The sign-in was not accepted."))
                    return False
                if await self._fitting(seen, body, forms, one, door.port):
                    seen.attempts.append(Attempt("http", one.id, "answered"))
                    return True
        return False

    async def _fitting(
        self, seen: Seen, body: str, forms: Sequence[Profile], one: RangeCredential | None, port: int
    ) -> bool:
        """The first profile whose words stand in the page; then the device is asked as that."""
        flat = " ".join(body.split())
        for form in forms:
            assert form.match.http is not None
            if Pattern(form.match.http.contains).found(flat):
                target = target_of(seen, one, "http", port)
                if await self._asker.as_profile(seen, form, target, "http"):
                    if one is not None:
                        seen.opened["http"] = one.id
                    return True
        return False

    def _open(self) -> Http:
        if self._http is None:
            self._http = Http()
        return self._http


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address

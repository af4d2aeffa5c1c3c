"""The gate before every page and API call: who asks, may they, is the request honest.

Deny by default: a route opens by its permission, by being for anyone signed in, by a guard of its
practice, or by being public. State is changed only by requests that carry the session's CSRF
token and come from this site.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from aiohttp import web
from multidict import MultiDict, MultiDictProxy
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from server.kernel import audit, i18n, keys, templating
from server.kernel.call import Actor, Authenticator, Call, Visit
from server.kernel.errors import (
    ForbiddenError,
    NotFoundError,
    TooLargeError,
    TooManyError,
    TooSlowError,
    UnauthenticatedError,
    UnavailableError,
)
from server.kernel.i18n import N_
from server.kernel.practice import NavItem
from server.kernel.routing import Route, convert

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
TOAST = "wd_toast"
GUEST = "wd_guest"
COUNTS_KEPT_S = 5.0
TOUCH = timedelta(minutes=1)
AT_ONCE = 32
BODY_S = 60.0  # for a body to arrive
NOT_FOUND = N_("There is nothing here, or it is not for you to see.")


def session_cookie(*, https: bool) -> str:
    """The name of the session cookie; `__Host-` binds it to this very host by https."""
    return "__Host-watchdesk" if https else "watchdesk"


async def admit(route: Route, request: web.Request) -> tuple[Call, dict[str, Any]]:
    """Make the call of a request, or raise what keeps it out."""
    values = convert(route, request)
    hub = request.app.get(keys.HUB)
    call = Call(
        request=request,
        route=route,
        now=request.app[keys.CLOCK].now(),
        heard=hub.last if hub is not None else 0,
    )
    await _recognise(call)
    _speak(call)
    request[keys.CALL] = call  # from here on a refusal is told on a page with the person's navigation
    if call.actor_or_none is not None:
        via = "api" if route.kind == "api" else "web"
        audit.origin.set(audit.Origin(call.actor_or_none.username, via, request[keys.REQUEST_ID]))
    if route.guard is not None:
        await route.guard(call)
    elif not route.public:
        _permit(call)
    if values is None:
        raise NotFoundError(NOT_FOUND)
    if request.method not in SAFE and route.guard is None:
        await _honest(call)
    return call, values


async def _recognise(call: Call) -> None:
    """Find the person by bearer token or session cookie."""
    request, who = call.request, call.app[keys.AUTHENTICATOR]
    if call.route.guard is not None:
        return
    header = request.headers.get("Authorization", "")
    if header:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or call.route.kind == "page":
            raise UnauthenticatedError(N_("Use an API token: Authorization: Bearer TOKEN."))
        call.actor_or_none = await call.db.read(who.bearer, token.strip(), call.now)
        if call.actor_or_none is None:
            raise UnauthenticatedError(N_("The API token is not good, or no longer."))
        return
    https = is_https(call)
    token = request.cookies.get(session_cookie(https=https), "")
    if not token:
        _as_guest(call)
        return
    shell = call.route.kind == "page" and not call.wants_fragment
    found = await call.db.read(_visit, who, token, call, shell)
    if found is None:
        _as_guest(call)
        return
    call.visit, call.navigation = found
    call.actor_or_none = call.visit.actor
    call.csrf = _csrf(token)
    _touch(call, call.visit)
    if shell:
        call.toast = _toast(call, token)


_under_way: Counter[tuple[int, str]] = Counter()


@contextlib.contextmanager
def turn(call: Call) -> Iterator[None]:
    """Let one person (or, not signed in, one source) have at most 32 requests under way.

    Agents and streams have limits of their own.

    Raises:
        TooManyError: that many are under way.
    """
    if call.route.kind == "raw":
        yield
        return
    who = call.actor_or_none.username if call.actor_or_none is not None else call.request.remote or ""
    place = (id(call.app), who)
    if _under_way[place] >= AT_ONCE:
        raise TooManyError(N_("Too many requests at once. Wait a moment."))
    _under_way[place] += 1
    try:
        yield
    finally:
        _under_way[place] -= 1
        if not _under_way[place]:
            del _under_way[place]


_touching: set[asyncio.Task[None]] = set()


def _touch(call: Call, visit: Visit) -> None:
    """Note once a minute that a session is in use, beside the request."""
    if visit.last_seen_at is None or call.now - visit.last_seen_at < TOUCH:
        return
    task = asyncio.create_task(_touched(call, visit), name="touch session")
    _touching.add(task)
    task.add_done_callback(_touching.discard)


async def _touched(call: Call, visit: Visit) -> None:
    with contextlib.suppress(DBAPIError, UnavailableError, RuntimeError):
        await call.db.run(call.app[keys.AUTHENTICATOR].touch, visit.session_id, call.now)


def _visit(
    session: Session,
    who: Authenticator,
    token: str,
    call: Call,
    shell: bool,  # noqa: FBT001
) -> tuple[Visit, Mapping[str, tuple[templating.NavEntry, ...]]] | None:
    visit = who.visit(session, token, call.now)
    if visit is None:
        return None
    navigation = {}
    if shell:
        with i18n.use_language(visit.actor.language):
            navigation = _navigation(session, call.app, visit.actor, call.now, call.request.method)
    return visit, navigation


def _navigation(
    session: Session, app: web.Application, actor: Actor, now: datetime, method: str
) -> dict[str, tuple[templating.NavEntry, ...]]:
    groups: dict[str, list[templating.NavEntry]] = {}
    items = [item for practice in app[keys.PRACTICES] for item in practice.navigation]
    for item in sorted(items, key=lambda item: (item.order, item.key)):
        if item.permission is not None and not actor.may(item.permission):
            continue
        number, hot = _count(session, app, item, actor, now, fresh=method != "GET")
        entry = templating.NavEntry(item.key, i18n._(item.label), item.icon, item.url, number, hot)
        groups.setdefault(item.group, []).append(entry)
    return {group: tuple(entries) for group, entries in groups.items()}


_counts: dict[tuple[int, int, str], tuple[float, int, bool]] = {}


def _count(
    session: Session, app: web.Application, item: NavItem, actor: Actor, now: datetime, *, fresh: bool
) -> tuple[int | None, bool]:
    """A navigation count, at most 5 s old for one person; none for an item that counts nothing."""
    if item.count is None:
        return None, False
    place, moment = (id(app), actor.id, item.key), time.monotonic()
    kept = _counts.get(place)
    if kept is None or fresh or moment - kept[0] > COUNTS_KEPT_S:
        number, hot = item.count(session, actor, now)
        if len(_counts) > 20_000:
            _counts.clear()
        kept = _counts[place] = (moment, number, hot)
    return kept[1] or None, kept[2]


def forget_counts(app: web.Application, actor_id: int) -> None:
    """The person has just changed something: count anew on the next page."""
    for place in [place for place in _counts if place[0] == id(app) and place[1] == actor_id]:
        _counts.pop(place, None)


def _speak(call: Call) -> None:
    """Set the reader's language: the person's, the one chosen on the login page, or the browser's."""
    actor, settings = call.actor_or_none, call.settings
    if actor is not None:
        i18n.set_reader(actor.language, actor.timezone)
        return
    chosen = call.request.cookies.get("language", "")
    if chosen not in i18n.LANGUAGES:
        chosen = browser_language(call.request, settings.site_language)
    i18n.set_reader(chosen, settings.timezone)


def browser_language(request: web.Request, default: str) -> str:
    """The first language of Accept-Language that we have."""
    for part in request.headers.get("Accept-Language", "")[:200].split(","):
        code = part.split(";")[0].strip().lower()[:2]
        if code in i18n.LANGUAGES:
            return code
    return default


def _permit(call: Call) -> None:
    route = call.route
    if call.actor_or_none is None:
        raise UnauthenticatedError(N_("Sign in first."))
    if route.permission is not None and not call.actor_or_none.may(route.permission):
        raise ForbiddenError(N_("Your roles do not include this step."), permission=route.permission)


async def _honest(call: Call) -> None:
    """Refuse what another site made the browser send; read the form."""
    request = call.request
    if call.actor_or_none is not None and call.actor_or_none.via == "token":
        return
    same_origin(request, call.settings.public_url)
    sent = request.headers.get("X-CSRF-Token", "")
    if call.route.kind == "page":
        call.form = await read_form(request, call.route.body_limit)
        sent = sent or str(call.form.get("csrf", ""))
    if call.visit is None and call.route.kind != "page" and call.route.public:
        return
    if not hmac.compare_digest(sent.encode("utf-8", "replace"), call.csrf.encode()):
        raise ForbiddenError(N_("This page is older than your session. Load it again, then repeat the step."))


def same_origin(request: web.Request, public_url: str) -> None:
    """Raise ForbiddenError for a request that a page of another site has caused."""
    fetch = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    own = {urlsplit(public_url).netloc, request.host} if public_url else {request.host}
    foreign = origin is not None and (origin == "null" or urlsplit(origin).netloc not in own)
    if foreign or (fetch is not None and fetch not in {"same-origin", "none"}):
        raise ForbiddenError(N_("The request came from another site."))


async def read_form(request: web.Request, limit: int) -> MultiDictProxy[Any]:
    """The form of a request, at most `limit` bytes and 1,000 fields; no NUL, no lone surrogates."""
    if request.content_length is not None and request.content_length > limit:
        raise TooLargeError(N_("The form is larger than {limit} bytes."), limit=limit)
    if request.content_type == "multipart/form-data":
        return await request.clone(client_max_size=limit).post()
    raw = await read_body(request, limit)
    from urllib.parse import parse_qsl  # noqa: PLC0415

    try:
        pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=1000, errors="strict")
    except ValueError as error:
        raise ForbiddenError(
            N_("The form cannot be read: it is not UTF-8, or has over 1,000 fields.")
        ) from error
    return MultiDictProxy(MultiDict((name, value.replace("\x00", "\ufffd")) for name, value in pairs))


async def read_body(request: web.Request, limit: int) -> bytes:
    """The body of a request, after decompression; refused at the first byte over `limit`."""
    parts, size = [], 0
    if request.content_length is not None and request.content_length > limit:
        raise TooLargeError(N_("The body is larger than {limit} bytes."), limit=limit)
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.content.iter_chunked(65536):
                size += len(part)
                if size > limit:
                    raise TooLargeError(N_("The body is larger than {limit} bytes."), limit=limit)
                parts.append(part)
    except TimeoutError as error:
        raise TooSlowError(N_("The body took longer than {seconds} s."), seconds=BODY_S) from error
    return b"".join(parts)


def is_https(call: Call) -> bool:
    """Whether the person's browser speaks https with us or with our proxy."""
    return call.settings.https or call.request.scheme == "https"


def _csrf(secret: str) -> str:
    return hmac.new(secret.encode(), b"watchdesk csrf", hashlib.sha256).hexdigest()


def _as_guest(call: Call) -> None:
    """A visitor's forms are signed with a secret of their own cookie."""
    secret = call.request.cookies.get(GUEST, "")
    if not 20 <= len(secret) <= 64:
        secret = call.guest = secrets.token_urlsafe(24)
    call.csrf = _csrf(secret)


def finish(call: Call, response: web.StreamResponse) -> None:
    """Set the cookies that belong to an answer."""
    if response.prepared:
        return
    https = is_https(call)
    if call.guest is not None and call.route.kind == "page":
        response.set_cookie(GUEST, call.guest, httponly=True, samesite="Lax", secure=https, path="/")
    said = response.headers.pop("X-Toast", None)
    if said is not None and call.visit is not None:
        body = base64.urlsafe_b64encode(said.encode()).decode()
        signed = f"{body}.{_sign(call.visit.token, body)}"
        response.set_cookie(TOAST, signed, max_age=60, httponly=True, samesite="Lax", secure=https, path="/")
    elif call.toast is not None:
        response.del_cookie(TOAST, path="/")


def _toast(call: Call, token: str) -> templating.Toast | None:
    body, _, signature = call.request.cookies.get(TOAST, "").partition(".")
    if not body or not hmac.compare_digest(signature.encode(), _sign(token, body).encode()):
        return None
    said = json.loads(base64.urlsafe_b64decode(body))
    return templating.Toast(**said)


def _sign(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), b"toast" + text.encode(), hashlib.sha256).hexdigest()[:32]


def login_url(request: web.Request) -> str:
    """The login page, which leads back here."""
    back = request.path_qs if request.method == "GET" else "/"
    return "/login" if back == "/" else f"/login?next={quote(back, safe='/')}"

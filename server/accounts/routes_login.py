"""Signing in and out."""

from aiohttp import web

from server.accounts import login, people
from server.kernel import gate, space
from server.kernel.call import Call, on_site
from server.kernel.i18n import LANGUAGES
from server.kernel.web import Pages

pages = Pages("accounts")
YEAR_S = 365 * 24 * 3600


@pages.get("/login", public=True)
async def login_page(call: Call) -> web.Response:
    """The login page; someone signed in goes on."""
    target = on_site(call.request.query.get("next", "/"))
    if call.actor_or_none is not None:
        return call.redirect(target)
    return call.render("login.html", next=target, username="", error="", tries_left=None)


@pages.post("/login", public=True)
async def sign_in(call: Call) -> web.Response:
    """Check name and password; the session is always a fresh one."""
    target = on_site(str(call.form.get("next", "/")))
    username, password = str(call.form.get("username", "")), str(call.form.get("password", ""))
    with space.vital():  # a full disk keeps nobody out
        tried = await login.sign_in(
            call.db,
            username,
            password,
            now=call.now,
            hours=call.settings.session_hours,
            address=call.request.remote or "",
            browser=call.request.headers.get("User-Agent", ""),
            replaces=call.visit.session_id if call.visit else None,
        )
    if tried.token is None:
        return call.render(
            "login.html",
            status=401 if tried.tries_left else 429,
            next=target,
            username=username[:64],
            error="limited" if not tried.tries_left else "wrong",
            tries_left=tried.tries_left,
        )
    response = call.redirect(target)
    https = gate.is_https(call)
    response.set_cookie(
        gate.session_cookie(https=https),
        tried.token,
        max_age=call.settings.session_hours * 3600,
        httponly=True,
        secure=https,
        samesite="Lax",
        path="/",
    )
    response.del_cookie(gate.GUEST, path="/")
    return response


@pages.post("/logout", signed_in=True)
async def sign_out(call: Call) -> web.Response:
    """End this session."""
    assert call.visit is not None
    with space.vital():
        await call.db.run(login.sign_out, call.visit.session_id, call.actor.id, now=call.now)
    response = call.redirect("/login")
    response.del_cookie(gate.session_cookie(https=gate.is_https(call)), path="/")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@pages.post("/login/language", public=True)
async def choose_language(call: Call) -> web.Response:
    """Choose the language of the pages before signing in."""
    response = call.redirect("/login?next=" + on_site(str(call.form.get("next", "/"))))
    chosen = str(call.form.get("language", ""))
    if chosen in LANGUAGES:
        response.set_cookie("language", chosen, max_age=YEAR_S, samesite="Lax", path="/")
    return response


@pages.post("/appearance", signed_in=True)
async def appearance(call: Call) -> web.Response:
    """Change language, theme or density, and go back to the page."""
    chosen = {name: str(call.form[name]) for name in ("language", "theme", "density") if name in call.form}
    await call.db.run(people.set_appearance, call.actor.id, chosen)
    return call.redirect(str(call.form.get("back", "/")))

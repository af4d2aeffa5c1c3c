"""The pages of the CMDB: list, record, history, form, graph."""

from datetime import UTC, datetime
from typing import Any

from server.cmdb import card, editing, forms, graphpage, links, past, record, service, table, words
from server.cmdb.classes import catalogue
from server.cmdb.importing import from_csv, import_rows
from server.kernel.errors import DeskError, InvalidError
from server.kernel.formdata import FormError
from server.kernel.i18n import N_, _, current_zone, loc, local
from server.kernel.listing import show
from server.kernel.web import Call, Pages, web

pages = Pages("cmdb")

WORDS: dict[str, Any] = {
    "icon_of": service.icon,
    "source_icon": words.source_icon,
    "source_words": words.source,
    "relation_words": words.relation,
}

IMPORT_LIMIT = 4 * 1024 * 1024  # bytes of an import


@pages.get("/cis", permission="ci.read")
async def listed(call: Call) -> web.StreamResponse:
    """The list."""
    return await show(call, table.CIS, "cmdb/list.html")


@pages.get("/cis/new", permission="ci.edit")
async def new(call: Call) -> web.Response:
    """The form of a new item; its class is chosen first."""
    code = call.request.query.get("class", "")
    if not catalogue().knows(code):
        return call.render("cmdb/choose_class.html", groups=forms.class_groups())
    form = await call.db.read(forms.blank, code)
    return call.render("cmdb/form.html", form=form, errors={})


@pages.post("/cis/new", permission="ci.edit")
async def create(call: Call) -> web.Response:
    """Enter a new item."""
    code = str(call.form.get("class", ""))
    if not catalogue().knows(code):
        raise InvalidError(N_("There is no class {code}."), field="/class", code=code)
    try:
        values = forms.values(code, call.form)
        ci = await call.db.run(
            service.create,
            code,
            {name: one for name, one in values.items() if one is not None},
            by=call.actor.username,
            now=call.now,
        )
    except FormError:
        raise
    except DeskError as error:
        form = await call.db.read(forms.blank, code, call.form)
        return call.render("cmdb/form.html", status=error.status, form=form, errors=forms.errors_of(error))
    return call.redirect(f"/cis/{ci.number}", N_("Entered {name}."), name=ci.name)


@pages.get("/cis/lookup", permission="ci.read")
async def lookup(call: Call) -> web.Response:
    """Answers of a lookup field: items by name, number, address or serial."""
    found = await call.db.read(table.lookup, call.request.query.get("q", ""))
    key = "number" if call.request.query.get("by") == "number" else "id"
    return call.fragment(
        "cmdb/lookup.html", items=[(getattr(one, key), one, service.icon(one.class_code)) for one in found]
    )


@pages.get("/cis/import", permission="ci.import")
async def import_form(call: Call) -> web.Response:
    """The form of an import."""
    return call.render("cmdb/import.html", text="", result=None, dry=True)


@pages.post("/cis/import", permission="ci.import", body_limit=IMPORT_LIMIT)
async def import_(call: Call) -> web.Response:
    """Try or do an import of pasted CSV."""
    text = str(call.form.get("rows", ""))
    dry = call.form.get("do") != "import"
    rows = from_csv(text)
    result = await call.db.run(
        import_rows, rows, by=call.actor.username, now=call.now, source="import:console", dry_run=dry
    )
    if not dry and not result.errors:
        return call.redirect(
            "/cis", N_("Imported: {n} new, {m} changed."), n=result.created, m=result.updated
        )
    return call.render("cmdb/import.html", text=text, result=result, dry=dry)


@pages.get("/cis/{number}", permission="ci.read")
async def shown(call: Call, number: str) -> web.Response:
    """The record."""
    view = await call.db.read(record.view, number, actor=call.actor, now=call.now)
    call.topics = (f"ci:{number}", "alerts")
    return call.render(
        "cmdb/record.html",
        view=view,
        only=_choice(call, "show", ("all", "disputed", "stale")),
        first_conflict=next((n for n, fact in enumerate(view.facts, 1) if fact.conflict), 0),
        state_words=words.value("state", view.ci.state),
        seen_words=_(words.PRESENCES[view.ci.presence]),
        relation_kinds=[(kind, loc(form.label)) for kind, form in catalogue().relations.items()],
        **WORDS,
    )


@pages.get("/cis/{number}/card", permission="ci.read")
async def card_(call: Call, number: str) -> web.Response:
    """What is shown beside its chip."""
    found = await call.db.read(card.view, number, actor=call.actor, now=call.now)
    return call.render("cmdb/card.html", card=found, seen_words=_(words.PRESENCES[found.ci.presence]))


@pages.get("/cis/{number}/history", permission="ci.read")
async def past_(call: Call, number: str) -> web.Response:
    """Versions, a past moment, or two versions side by side."""
    query = call.request.query
    view = await call.db.read(
        past.view,
        number,
        at=_moment(query.get("at")),
        known_at=_moment(query.get("known")),
        pair=(_revision(query.get("was")), _revision(query.get("now"))),
    )
    return call.render(
        "cmdb/history.html",
        view=view,
        at_value=local(view.at).strftime("%Y-%m-%dT%H:%M") if view.at else "",
        zone=str(current_zone()),
        **WORDS,
    )


@pages.get("/cis/{number}/edit", permission="ci.edit")
async def edit(call: Call, number: str) -> web.Response:
    """The form of a known item."""
    form = await call.db.read(forms.of, number)
    return call.render("cmdb/form.html", form=form, errors={})


@pages.post("/cis/{number}/edit", permission="ci.edit")
async def change(call: Call, number: str) -> web.Response:
    """Take in what was changed in the form."""
    revision = _revision(str(call.form.get("revision", "")))
    try:
        await call.db.run(
            forms.save, number, call.form, by=call.actor.username, revision=revision, now=call.now
        )
    except FormError:
        raise
    except DeskError as error:
        form = await call.db.read(forms.of, number, call.form)
        return call.render("cmdb/form.html", status=error.status, form=form, errors=forms.errors_of(error))
    return call.redirect(f"/cis/{number}", N_("Saved."))


@pages.post("/cis/{number}/revert", permission="ci.edit")
async def revert(call: Call, number: str) -> web.Response:
    """Take a source's value out of the race, or put it back."""
    source, attribute = str(call.form.get("source", "")), str(call.form.get("attribute", ""))
    back = call.form.get("back") == "1"

    def work(session: Any) -> None:
        ci = service.ci(session, number)
        editing.revert(session, ci, source, attribute, by=call.actor.username, now=call.now, back=back)

    await call.db.run(work)
    return call.redirect(
        f"/cis/{number}",
        N_("Put the value back.") if back else N_("Took the value out."),
        undo_url=f"/cis/{number}/revert",
        undo_values={"source": source, "attribute": attribute, "back": "" if back else "1"},
    )


@pages.post("/cis/{number}/relations", permission="ci.edit")
async def relate(call: Call, number: str) -> web.Response:
    """Enter a relation of the item."""
    kind, way, other = (str(call.form.get(name, "")) for name in ("kind", "way", "other"))

    def work(session: Any) -> None:
        mine, theirs = service.ci(session, number), service.ci(session, _id(other))
        ends = (theirs.id, mine.id) if way == "back" else (mine.id, theirs.id)
        links.relate(session, kind, *ends, now=call.now, source="entered")

    await call.db.run(work)
    return call.redirect(f"/cis/{number}#relations", N_("Related."))


@pages.post("/cis/{number}/relations/{relation}/end", permission="ci.edit")
async def end(call: Call, number: str, relation: int) -> web.Response:
    """End a relation; it stays in the history."""
    await call.db.run(links.end, relation, now=call.now)
    return call.redirect(f"/cis/{number}#relations", N_("Ended the relation."))


@pages.get("/graph", permission="ci.read")
async def graph(call: Call) -> web.Response:
    """The dependency graph around an item."""
    query = call.request.query
    wish = graphpage.Wish(
        root=query.get("root", ""),
        way=_choice(call, "way", ("both", "impact", "needs")),
        steps=_within(query.get("steps"), 1, 8, 2),
        fold=_within(query.get("fold"), 2, 50, 4),
        kinds=_choice(call, "kinds", ("", "all", "power", "network")),
    )
    view = await call.db.read(graphpage.view, wish)
    call.topics = ("alerts",)
    return call.render("cmdb/graph.html", view=view, wish=wish, **WORDS)


def _choice(call: Call, name: str, among: tuple[str, ...]) -> Any:
    asked = call.request.query.get(name, "")
    return asked if asked in among else among[0]


def _within(text: str | None, least: int, most: int, other: int) -> int:
    return (
        min(most, max(least, int(text)))
        if text and text.isascii() and text.isdigit() and len(text) < 4
        else other
    )


def _revision(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def _id(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else text


def _moment(text: str | None) -> datetime | None:
    """A moment of a query, with zone or in the reader's; InvalidError for what is none."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidError(
            N_("{text} is no moment; write it as 2026-11-20T03:07Z."), field="/at", text=text
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=current_zone())).astimezone(UTC)

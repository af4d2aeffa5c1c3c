"""The pages of what is heard: sources, kinds, a message, what is ignored, own rules with their try-out."""

from dataclasses import asdict
from typing import Any

from sqlalchemy.orm import Session

from rules.heard_form import FACILITIES, LEVELS
from server.discovery import beginnings, heard, heard_rules, ignoring, jobs, messages, views, words
from server.discovery.inputs import HeardRuleForm, IgnoreForm
from server.discovery.models import IgnoredHeard
from server.discovery.rule_form import RuleForm, text_of
from server.kernel.errors import DeskError
from server.kernel.formdata import field_errors
from server.kernel.i18n import N_, _
from server.kernel.web import Call, Pages, web

heard_pages = Pages("discovery")
HOME = "/discovery/heard"


@heard_pages.get("/discovery/heard", permission="discovery.read")
async def heard_sources(call: Call) -> web.Response:
    """Who speaks to the listeners and is no target, what targets send, own rules, what is ignored."""
    every = call.request.query.get("view", "") == "all"

    def read(session: Session) -> dict[str, Any]:
        ignored = ignoring.shown(session, now=call.now)
        gone = ignoring.sources(ignored)
        rows = [
            one
            for one in heard.sources(session, now=call.now)
            if not gone & {(one.agent_id, one.kind, one.address), (None, one.kind, one.address)}
        ]
        return {
            "rows": rows,
            "looks": messages.newest_of(session, {one.address for one in rows}),
            "kinds": [
                one
                for one in messages.kinds(session, unknown=not every)
                if ignoring.covers(ignored, one.latest.row) is None
            ],
            "rules": heard_rules.rules(session),
            "ignored": ignored,
            "counts": views.counts(session),
        }

    shown = await call.db.read(read)
    call.topics = (jobs.TOPIC,)
    return call.render("discovery/heard.html", **shown, every=every, words=words)


@heard_pages.get("/discovery/heard/messages/{message_id}", permission="discovery.read")
async def heard_message(call: Call, message_id: int) -> web.Response:
    """One message as it was heard, what else its source sends, and who else sends the same."""

    def read(session: Session) -> tuple[Any, ...]:
        one = messages.message(session, message_id)
        ignored = ignoring.covers(ignoring.shown(session, now=call.now), one.row)
        return one, messages.alike(session, one), messages.of_source(session, one), ignored

    one, alike, others, ignored = await call.db.read(read)
    return call.render(
        "discovery/heard_message.html", one=one, alike=alike, others=others, ignored=ignored, words=words
    )


@heard_pages.post("/discovery/heard/ignore", permission="discovery.manage")
async def ignore(call: Call) -> web.Response:
    """Ignore a source, a kind of message, or both together."""
    form = call.form_as(IgnoreForm)

    def write(session: Session) -> IgnoredHeard:
        shown = messages.message(session, form.message) if form.message else None
        new = form.ignoring(shown, now=call.now)
        return ignoring.begin(session, new, by=call.actor.id, now=call.now)

    row = await call.db.run(write)
    return call.redirect(
        HOME,
        N_("{what} is ignored from now on."),
        undo_url=f"/discovery/heard/ignored/{row.id}/end",
        what=row.name or row.what or row.source,
    )


@heard_pages.post("/discovery/heard/ignored/{ignored_id}/end", permission="discovery.manage")
async def hear_again(call: Call, ignored_id: int) -> web.Response:
    """Hear it again."""
    row = await call.db.run(ignoring.end, ignored_id)
    return call.redirect(HOME, N_("{what} is heard again."), what=row.name or row.what or row.source)


@heard_pages.get("/discovery/heard/rules/new", permission="discovery.manage")
async def new_rule(call: Call) -> web.Response:
    """The form of a new rule: made of a message, or empty."""
    asked = call.request.query.get("message", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 10:
        form = beginnings.beginning(await call.db.read(messages.message, int(asked)))
    else:
        kind = "syslog" if call.request.query.get("kind") == "syslog" else "trap"
        form = RuleForm("", kind)
    return await _form(call, asdict(form), None)


@heard_pages.post("/discovery/heard/rules/new", permission="discovery.manage")
async def create_rule(call: Call) -> web.Response:
    """Keep a new rule."""
    return await _save(call, None)


@heard_pages.post("/discovery/heard/rules/try", permission="discovery.manage")
async def try_new_rule(call: Call) -> web.Response:
    """What a new rule would make of what was heard lately; nothing is kept."""
    return await _try(call, None)


@heard_pages.get("/discovery/heard/rules/{rule_id}", permission="discovery.read")
async def rule(call: Call, rule_id: int) -> web.Response:
    """A rule in its form, with the YAML that agents get."""
    row = await call.db.read(heard_rules.rule_of, rule_id)
    return await _form(call, {**row.form, "version": row.version}, rule_id)


@heard_pages.post("/discovery/heard/rules/{rule_id}", permission="discovery.manage")
async def change_rule(call: Call, rule_id: int) -> web.Response:
    """Change a rule."""
    return await _save(call, rule_id)


@heard_pages.post("/discovery/heard/rules/{rule_id}/try", permission="discovery.manage")
async def try_rule(call: Call, rule_id: int) -> web.Response:
    """What the changed rule would make of what was heard lately; nothing is kept."""
    return await _try(call, rule_id)


@heard_pages.post("/discovery/heard/rules/{rule_id}/enable", permission="discovery.manage")
async def enable_rule(call: Call, rule_id: int) -> web.Response:
    """Have agents judge by it, or leave it out."""
    on = str(call.form.get("on", "")) == "1"
    row = await call.db.run(heard_rules.enable, rule_id, enabled=on, by=call.actor.id, now=call.now)
    said = N_("Agents use {name}.") if on else N_("Agents leave {name} out.")
    return call.redirect(HOME, said, name=row.name)


@heard_pages.post("/discovery/heard/rules/{rule_id}/remove", permission="discovery.manage")
async def remove_rule(call: Call, rule_id: int) -> web.Response:
    """Delete a rule."""
    row = await call.db.run(heard_rules.remove, rule_id)
    return call.redirect(
        HOME, N_("The rule {name} is deleted; what it told ends when it expires."), name=row.name
    )


async def _save(call: Call, rule_id: int | None) -> web.Response:
    try:
        form = call.form_as(HeardRuleForm)
        row = await call.db.run(
            heard_rules.save,
            form.form(),
            rule_id=rule_id,
            version=form.version,
            by=call.actor.id,
            now=call.now,
        )
    except DeskError as error:
        return await _form(call, _typed(call), rule_id, error=error)
    return call.redirect(HOME, N_("{name} is kept; agents judge by it within a minute."), name=row.name)


async def _try(call: Call, rule_id: int | None) -> web.Response:
    def read(session: Session, form: HeardRuleForm) -> heard_rules.Trial:
        row = heard_rules.rule_of(session, rule_id) if rule_id is not None else None
        return heard_rules.tried(session, form.form(), form.lines, row)

    try:
        trial = await call.db.read(read, call.form_as(HeardRuleForm))
    except DeskError as error:
        return await _form(call, _typed(call), rule_id, error=error)
    return await _form(call, _typed(call), rule_id, trial=trial)


async def _form(
    call: Call,
    values: dict[str, Any],
    rule_id: int | None,
    *,
    error: DeskError | None = None,
    trial: heard_rules.Trial | None = None,
) -> web.Response:
    def read(session: Session) -> tuple[Any, ...]:
        row = heard_rules.rule_of(session, rule_id) if rule_id is not None else None
        return row, heard_rules.ci_name(session, str(values.get("ci") or ""))

    row, ci = await call.db.read(read)
    return call.render(
        "discovery/heard_rule.html",
        status=error.status if error is not None else 200,
        row=row,
        yaml=text_of(heard_rules.form_of(row)) if row is not None else "",
        v={"lines": "", "version": "", **values},
        ci=ci,
        trial=trial,
        errors=field_errors(error) if error is not None else {},
        facilities=[(one, one) for one in FACILITIES],
        levels=[(one, words.level(one)) for one in LEVELS],
        severities=[(one, _(text)) for one, text in words.SEVERITIES.items()],
        words=words,
    )


def _typed(call: Call) -> dict[str, Any]:
    """What the form held."""
    values = {name: str(call.form.get(name, "")) for name in HeardRuleForm.model_fields}
    values["kind"] = "syslog" if values["kind"] == "syslog" else "trap"
    return values

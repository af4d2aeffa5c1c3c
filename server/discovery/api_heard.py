"""What is heard, over the API: messages, own rules with their try-out, and what is ignored."""

from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.discovery import heard_rules, ignoring, messages
from server.discovery.inputs import HeardKind, HeardRuleChange, HeardRuleIn, IgnoreIn
from server.discovery.models import HeardMessage, IgnoredHeard, OwnHeardRule
from server.discovery.rule_form import text_of
from server.kernel.api import Api, ApiModel, Id, Moment, Page, PageQuery
from server.kernel.call import Call
from server.kernel.i18n import N_

heard_api = Api("discovery")


class MessageOut(ApiModel):
    """The latest message of a kind from a source, `told` with its values or its line; it met `rules`."""

    id: Id
    agent_id: Id
    kind: str
    source: str
    what: str
    device: str
    ci: str
    rules: list[str]
    told: dict[str, Any]
    first_at: Moment
    at: Moment


class MessagesQuery(PageQuery):
    """Which messages."""

    kind: HeardKind | None = None


class RuleOut(ApiModel):
    """An own rule; `yaml`: as agents get it, but for the devices of its item."""

    id: Id
    name: str
    kind: str
    form: dict[str, str]
    enabled: bool
    changed_at: Moment
    version: int
    yaml: str


class Enabled(ApiModel):
    """Whether agents judge by it."""

    enabled: bool


class TryIn(HeardRuleIn):
    """A rule that may not be kept yet, and lines of one's own to try it on."""

    lines: Annotated[str, Field(max_length=20_000)] = ""


class HitOut(ApiModel):
    """A message or line that a rule is about; `hindrance` to an alert: stranger, other_ci, or none."""

    message_id: Id | None
    line: str
    status: str
    severity: str
    summary: dict[str, str]
    key: dict[str, str]
    hindrance: str


class TryOut(ApiModel):
    """What a rule would make of `asked` messages."""

    asked: int
    hits: list[HitOut]
    yaml: str


class IgnoredOut(ApiModel):
    """Something that is ignored."""

    id: Id
    agent_id: Id | None
    kind: str
    source: str
    what: str
    reason: str
    until_at: Moment | None
    at: Moment


@heard_api.get(
    "/discovery/heard/messages",
    permission="discovery.read",
    query=MessagesQuery,
    answer=Page[MessageOut],
    summary=N_("List traps and syslog lines that were heard"),
)
async def list_messages(call: Call, query: MessagesQuery) -> Page[MessageOut]:
    """One of each kind and source, the latest first."""

    def read(session: Session) -> tuple[list[MessageOut], int]:
        chosen = select(func.count()).select_from(HeardMessage)
        if query.kind is not None:
            chosen = chosen.where(HeardMessage.kind == query.kind)
        found = messages.newest(session, query.kind, limit=query.limit, offset=query.offset)
        return [_message(one) for one in found], session.scalar(chosen) or 0

    items, total = await call.db.read(read)
    return Page[MessageOut](items=items, total=total, limit=query.limit, offset=query.offset)


@heard_api.get(
    "/discovery/heard/rules",
    permission="discovery.read",
    answer=list[RuleOut],
    summary=N_("List own rules for traps and syslog"),
)
async def list_rules(call: Call) -> list[RuleOut]:
    """By name."""
    return [_rule(one.row) for one in await call.db.read(heard_rules.rules)]


@heard_api.post(
    "/discovery/heard/rules",
    permission="discovery.manage",
    body=HeardRuleIn,
    answer=RuleOut,
    status=201,
    summary=N_("Write a rule for traps or syslog"),
)
async def create_rule(call: Call, body: HeardRuleIn) -> RuleOut:
    """Agents judge by it from then on."""
    return _rule(await call.db.run(heard_rules.save, body.form(), by=call.actor.id, now=call.now))


@heard_api.post(
    "/discovery/heard/rules/try",
    permission="discovery.read",
    body=TryIn,
    answer=TryOut,
    summary=N_("Try a rule on what was heard"),
)
async def try_rule(call: Call, body: TryIn) -> TryOut:
    """Nothing is kept."""

    def read(session: Session) -> heard_rules.Trial:
        known = session.scalar(select(OwnHeardRule).where(OwnHeardRule.name == body.name))
        return heard_rules.tried(session, body.form(), body.lines, known)

    told = await call.db.read(read)
    hits = [
        HitOut(
            message_id=one.message.row.id if one.message is not None else None,
            line=one.line,
            status=one.status,
            severity=one.severity,
            summary=dict(one.summary),
            key=dict(one.key),
            hindrance=one.hindrance,
        )
        for one in told.hits
    ]
    return TryOut(asked=told.asked, hits=hits, yaml=told.yaml)


@heard_api.put(
    "/discovery/heard/rules/{rule_id}",
    permission="discovery.manage",
    body=HeardRuleChange,
    answer=RuleOut,
    summary=N_("Change a rule for traps or syslog"),
)
async def change_rule(call: Call, rule_id: int, body: HeardRuleChange) -> RuleOut:
    """Refused where somebody changed it meanwhile."""
    made = await call.db.run(
        heard_rules.save,
        body.form(),
        rule_id=rule_id,
        version=body.version,
        by=call.actor.id,
        now=call.now,
    )
    return _rule(made)


@heard_api.post(
    "/discovery/heard/rules/{rule_id}/enable",
    permission="discovery.manage",
    body=Enabled,
    answer=RuleOut,
    summary=N_("Have agents use a rule for traps or syslog, or leave it out"),
)
async def enable_rule(call: Call, rule_id: int, body: Enabled) -> RuleOut:
    """Within a minute."""
    return _rule(
        await call.db.run(heard_rules.enable, rule_id, enabled=body.enabled, by=call.actor.id, now=call.now)
    )


@heard_api.delete(
    "/discovery/heard/rules/{rule_id}",
    permission="discovery.manage",
    summary=N_("Delete a rule for traps or syslog"),
)
async def remove_rule(call: Call, rule_id: int) -> None:
    """What it told ends when it expires."""
    await call.db.run(heard_rules.remove, rule_id)


@heard_api.get(
    "/discovery/heard/ignored",
    permission="discovery.read",
    answer=list[IgnoredOut],
    summary=N_("List what is ignored of traps and syslog"),
)
async def list_ignored(call: Call) -> list[IgnoredOut]:
    """The latest first."""
    return [_ignored(one.row) for one in await call.db.read(ignoring.shown, now=call.now)]


@heard_api.post(
    "/discovery/heard/ignored",
    permission="discovery.manage",
    body=IgnoreIn,
    answer=IgnoredOut,
    status=201,
    summary=N_("Ignore a source or a kind of traps or syslog"),
)
async def ignore(call: Call, body: IgnoreIn) -> IgnoredOut:
    """For so many days, 0: until it is taken back."""
    new = body.ignoring(now=call.now)
    return _ignored(await call.db.run(ignoring.begin, new, by=call.actor.id, now=call.now))


@heard_api.delete(
    "/discovery/heard/ignored/{ignored_id}",
    permission="discovery.manage",
    summary=N_("Hear what was ignored again"),
)
async def hear_again(call: Call, ignored_id: int) -> None:
    """From its next message on."""
    await call.db.run(ignoring.end, ignored_id)


def _message(one: messages.Message) -> MessageOut:
    row = one.row
    return MessageOut(
        id=row.id,
        agent_id=row.agent_id,
        kind=row.kind,
        source=row.source,
        what=row.what,
        device=row.device,
        ci=one.ci.number if one.ci is not None else "",
        rules=row.rules,
        told=row.told,
        first_at=row.first_at,
        at=row.at,
    )


def _rule(row: OwnHeardRule) -> RuleOut:
    return RuleOut(
        id=row.id,
        name=row.name,
        kind=row.kind,
        form=row.form,
        enabled=row.enabled,
        changed_at=row.changed_at,
        version=row.version,
        yaml=text_of(heard_rules.form_of(row)),
    )


def _ignored(row: IgnoredHeard) -> IgnoredOut:
    return IgnoredOut.model_validate({name: getattr(row, name) for name in IgnoredOut.model_fields})

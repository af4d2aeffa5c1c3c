"""The audit log: searched, and its chain checked."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from server.accounts.models import AccessEvent
from server.accounts.pages import pages, sections, shown
from server.kernel import audit
from server.kernel.audit import AuditRow
from server.kernel.call import Actor, Call
from server.kernel.errors import NotFoundError
from server.kernel.i18n import N_, _
from server.kernel.listing import Choice, Column, Filter, Listing, show


def _statement(_actor: Actor) -> Select[Any]:
    return select(AuditRow)


def _rows(_session: Session, rows: Sequence[Any], _actor: Actor, _now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "id": row.id,
            "at": row.at,
            "actor": row.actor,
            "source": row.source,
            "what": _what(row),
            "hash": row.hash[:10],
        }
        for row in rows
    ]


KINDS = {
    "insert": N_("{table} {keys} created"),
    "update": N_("{table} {keys} changed"),
    "delete": N_("{table} {keys} removed"),
    "update many": N_("{table}: many changed"),
    "delete many": N_("{table}: many removed"),
}


def _what(row: AuditRow) -> str:
    """The kinds of the changed records with the keys of their rows, in a line."""
    told: dict[tuple[str, str], dict[str, None]] = {}
    for change in row.changes:
        key = "/".join(str(part) for part in change.get("key", ()))
        told.setdefault((change["kind"], called(change["table"])), {})[key] = None
    return _("; ").join(
        _(KINDS.get(kind, "{table} {keys}")).format(
            table=table, keys=", ".join(list(found)[:5]) + (" …" if len(found) > 5 else "")
        )
        for (kind, table), found in told.items()
    )


def called(table: str) -> str:
    """How people call the records of a table; its own name where it is gone since."""
    return _(audit.names()[table]) if table in audit.names() else table


def _kinds(_session: Session, _actor: Actor) -> list[Choice]:
    tables = " " + AuditRow.tables + " "
    found = [Choice(table, name, tables.contains(f" {table} ")) for table, name in audit.names().items()]
    return sorted(found, key=lambda one: _(one.label))


LOG = Listing(
    name="audit",
    url="/settings/audit",
    title=N_("Audit log"),
    statement=_statement,
    key=AuditRow.id,
    sort="-number",
    search=(AuditRow.actor, AuditRow.source, AuditRow.tables, AuditRow.changes, AuditRow.request_id),
    columns=(
        Column("number", N_("No."), sort=AuditRow.id, value=lambda row: row["id"], width="narrow"),
        Column("at", N_("Time"), kind="moment", sort=AuditRow.at, phone="end"),
        Column("actor", N_("Who"), sort=AuditRow.actor, phone="meta"),
        Column("source", N_("Through"), sort=AuditRow.source, phone="meta"),
        Column("what", N_("What changed"), width="wide", phone="title"),
        Column("hash", N_("Hash"), kind="id"),
    ),
    filters=(
        Filter("who", N_("Who"), "text", AuditRow.actor),
        Filter("through", N_("Through"), "text", AuditRow.source),
        Filter("table", N_("Kind of record"), "choice", choices=_kinds),
        Filter("at", N_("Time"), "date", AuditRow.at),
    ),
    prepare=_rows,
    row_id=lambda row: str(row["id"]),
    row_url=lambda row: f"/settings/audit/{row['id']}",
)

ACCESS = Listing(
    name="access",
    url="/settings/access",
    title=N_("Sign-ins"),
    statement=lambda _actor: select(AccessEvent),
    key=AccessEvent.id,
    sort="-at",
    search=(AccessEvent.account, AccessEvent.source),
    columns=(
        Column("kind", N_("What"), kind="custom", phone="title"),
        Column("account", N_("Account"), sort=AccessEvent.account, phone="meta"),
        Column("source", N_("From"), sort=AccessEvent.source, phone="meta"),
        Column("at", N_("Time"), kind="moment", sort=AccessEvent.at, phone="end"),
    ),
    filters=(
        Filter(
            "kind",
            N_("What"),
            "choice",
            AccessEvent.kind,
            choices=(
                Choice("login", N_("Signed in")),
                Choice("failed", N_("Failed")),
                Choice("limited", N_("Held back")),
                Choice("logout", N_("Signed out")),
                Choice("setup", N_("Set up")),
            ),
        ),
        Filter("account", N_("Account"), "text", AccessEvent.account),
        Filter("from", N_("From"), "text", AccessEvent.source),
        Filter("at", N_("Time"), "date", AccessEvent.at),
    ),
)


@pages.get("/settings/audit", permission="audit.read")
async def audit_log(call: Call) -> web.StreamResponse:
    """What was changed, by whom, newest first."""
    return await show(call, LOG, "accounts/audit.html", sections=sections(call), section="audit")


@pages.post("/settings/audit/check", permission="audit.read")
async def check_chain(call: Call) -> web.Response:
    """Walk the whole chain and say whether it is whole."""
    state = await call.db.read(audit.verify)
    return shown(call, "accounts/audit_chain.html", "audit", state=state)


@pages.get("/settings/audit/{row_id}", permission="audit.read")
async def audit_row(call: Call, row_id: int) -> web.Response:
    """One transaction: each changed row, before and after."""
    row = await call.db.read(_row, row_id)
    return shown(call, "accounts/audit_row.html", "audit", row=row, called=called)


@pages.get("/settings/access", permission="audit.read")
async def access_log(call: Call) -> web.StreamResponse:
    """Who signed in or tried to."""
    return await show(call, ACCESS, "accounts/access.html", sections=sections(call), section="access")


def _row(session: Session, row_id: int) -> AuditRow:
    row = session.get(AuditRow, row_id)
    if row is None:
        raise NotFoundError(N_("There is no such row."))
    return row

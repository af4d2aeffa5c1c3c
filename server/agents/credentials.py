"""Credentials: sealed when they are written, opened only to be sent to an agent that needs them."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.agents.generation import touch_users
from server.agents.models import Credential, Target
from server.kernel.errors import ConflictError, InvalidError, NotFoundError
from server.kernel.i18n import N_
from server.kernel.secrets import seal, unseal

FIELDS: Mapping[str, tuple[str, ...]] = {
    "snmp": (
        "version",
        "community",
        "user",
        "auth_protocol",
        "auth_password",
        "priv_protocol",
        "priv_password",
    ),
    "ssh": ("user", "password", "key", "passphrase", "host_key", "enable"),
    "http": ("user", "password", "token"),
    "sql": ("user", "password"),
    "redfish": ("user", "password"),
    "exporter": ("user", "password", "token"),
    "modbus": (),
}
LONGEST = 8_000  # characters of one value: a private key fits


def save(
    session: Session,
    name: str,
    transport: str,
    values: Mapping[str, str],
    *,
    now: datetime,
    credential: Credential | None = None,
) -> Credential:
    """Make a credential, or replace all that is in one.

    Args:
        values: by the transport's field names; empty ones are left out.
        credential: the one to replace; its transport stays.

    Raises:
        InvalidError: a field is not one of the transport, too long, or nothing is given.
        ConflictError: another credential has the name.
    """
    known = FIELDS.get(transport)
    if not known:
        raise InvalidError(
            N_("Nothing is needed to sign in over {transport}."), field="/transport", transport=transport
        )
    given = {field: text for field, text in values.items() if text}
    for field, text in given.items():
        if field not in known:
            raise InvalidError(N_("This field is not known here."), field=f"/values/{field}")
        if len(text) > LONGEST or "\x00" in text:
            raise InvalidError(N_("At most {most} characters."), field=f"/values/{field}", most=LONGEST)
    if not set(given) - {"version", "auth_protocol", "priv_protocol"}:
        raise InvalidError(N_("Give at least one secret or name to sign in with."), field="/values")
    taken = session.scalar(select(Credential.id).where(Credential.name == name))
    if taken is not None and (credential is None or taken != credential.id):
        raise ConflictError(N_("There is a credential of that name already."), field="/name")
    if credential is None:
        credential = Credential(
            name=name, transport=transport, fields=[], sealed=b"", created_at=now, changed_at=now
        )
        session.add(credential)
        session.flush()
    else:
        touch_users(session, credential.id)
    credential.name = name
    credential.fields = sorted(given)
    credential.changed_at = now
    credential.sealed = seal(json.dumps(given).encode(), credential.seal_context)
    return credential


def open_sealed(credential: Credential) -> dict[str, Any]:
    """The values, for the agent."""
    values: dict[str, Any] = json.loads(unseal(credential.sealed, credential.seal_context))
    return values


def all_of(session: Session) -> list[tuple[Credential, int]]:
    """Every credential by name, and how many targets use it."""
    uses = select(Target.credential_id, func.count()).group_by(Target.credential_id)
    counts = {row[0]: row[1] for row in session.execute(uses)}
    rows = session.scalars(select(Credential).order_by(Credential.name))
    return [(one, counts.get(one.id, 0)) for one in rows]


def one_of(session: Session, credential_id: int) -> Credential:
    """The credential of an id."""
    found = session.get(Credential, credential_id)
    if found is None:
        raise NotFoundError(N_("There is no such credential."))
    return found


def by_name(session: Session, name: str) -> Credential | None:
    """The credential of a name, if there is one."""
    return session.scalar(select(Credential).where(Credential.name == name))


def free_name(session: Session, wanted: str) -> str:
    """A name no credential has: the wanted one, else with a number."""
    wanted = wanted[:190]
    name, number = wanted, 1
    while by_name(session, name) is not None:
        number += 1
        name = f"{wanted} {number}"
    return name


def delete(session: Session, credential_id: int) -> None:
    """Forget a credential that no target uses."""
    credential = one_of(session, credential_id)
    uses = session.scalar(select(func.count()).where(Target.credential_id == credential_id)) or 0
    if uses:
        raise ConflictError(N_("{n} targets use this credential. Give them another one first."), n=uses)
    session.delete(credential)

"""The machine room as entered data: configuration items, and an agent with its targets."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.agents import credentials, enrolment
from server.agents.models import Agent
from server.agents.targets import NewTarget, add_target
from server.cmdb.importing import import_rows
from server.cmdb.models import Ci
from server.demo.living import AGENT_NAME
from server.discovery import jobs
from server.discovery.jobs import NewJob

SITE = "HQ"
ZONE = "Asia/Shanghai"  # in which the demo's company keeps its nights
FIELD_OF = {"auth": "auth_protocol", "priv": "priv_protocol"}
TRANSPORT_OF = {"snmp-v1": "snmp", "snmp-v2c": "snmp", "snmp-v3": "snmp", "ssh": "ssh", "http": "http"}


def write(session: Session, told: Mapping[str, Any], *, now: datetime) -> str:
    """Enter what the room says of itself and give an agent its targets.

    Args:
        told: what the playback describes: devices, relations, locations, services, credentials.

    Returns:
        The one-time token with which the agent enrols.

    Raises:
        ValueError: a row was not taken; says which.
    """
    result = import_rows(session, told, by="admin", now=now)
    if result.errors:
        raise ValueError(f"{result.errors[0].part} row {result.errors[0].row}: {result.errors[0]}")
    kept = _credentials(session, told["credentials"], now=now)
    token = enrolment.create_token(session, AGENT_NAME, SITE, now=now)
    agent_id = session.scalars(select(Agent.id).where(Agent.name == AGENT_NAME)).one()
    items = {ci.name: ci for ci in session.scalars(select(Ci))}
    for device in told["devices"]:
        ci = items[device["name"]]
        for place, way in enumerate([device, *device["more_targets"]]):
            new = NewTarget(
                name=device["name"] if place == 0 else f"{device['name']} ({way['transport']})",
                address=device["address"],
                port=way["port"],
                transport=way["transport"],
                profile=way["profile"],
                credential_id=kept.get(way["credential"]),
                every_s=max(5.0, way["every_s"]),
                timeout_s=3.0,
                ci_id=ci.id,
                ci=ci.number,
            )
            add_target(session, agent_id, new, now=now)
    _range_job(session, told, agent_id, list(kept.values()), now=now)
    return token.token


def _range_job(
    session: Session, told: Mapping[str, Any], agent_id: int, sets: list[int], *, now: datetime
) -> None:
    """A range job over the room's addresses, to be run by hand or at night."""
    ports: dict[str, set[int]] = {}
    for device in told["devices"]:
        for way in [device, *device["more_targets"]]:
            ports.setdefault(way["transport"], set()).add(int(way["port"]))
    new = NewJob(
        name=f"{SITE} B1",
        agent_id=agent_id,
        ranges=[device["address"] for device in told["devices"]],
        ways=["icmp", *sorted(ports)],
        ports={way: sorted(numbers) for way, numbers in ports.items()},
        credentials=sets,
        cron="0 3 * * *",
    )
    jobs.create(session, new, zone=ZONE, now=now)


def _credentials(session: Session, rows: list[Mapping[str, Any]], *, now: datetime) -> dict[str, int]:
    kept: dict[str, int] = {}
    for row in rows:
        transport = TRANSPORT_OF.get(row["kind"])
        if transport is None:
            continue
        values = {
            FIELD_OF.get(name, name): str(value)
            for name, value in row.items()
            if name not in {"code", "kind"}
        }
        if transport == "snmp":
            values["version"] = row["kind"].removeprefix("snmp-v")
        kept[row["code"]] = credentials.save(session, row["code"], transport, values, now=now).id
    return kept

"""An observation finds its CI, or makes one, or waits for a person."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from rules import identify
from rules.wire import Observation
from server.cmdb import claims, links
from server.cmdb.classes import UNKNOWN_CLASS, Catalogue, catalogue
from server.cmdb.marks import touch_graph
from server.cmdb.models import NAME_LIMIT, Ci, CiKey, CiState, IdentityTask, Presence, TaskKind, natural
from server.kernel.db import insert_missing
from server.kernel.errors import InvalidError
from server.kernel.ticket import next_number

SINGLE = ("serial", "uuid", "fqdn", "address")  # keys of which the first is shown as the attribute
EVIDENCE_LIMIT = 4000  # characters of raw proof kept with a claim


@dataclass(frozen=True)
class Observed:
    """What became of an observation: the CI, or None where it waits for a person, and the path."""

    ci: Ci | None
    decision: identify.Decision
    changes: Mapping[str, list[Any]]


def observe(session: Session, observation: Observation, source: str, now: datetime) -> Ci | None:
    """Bring what a device says of itself to its CI.

    The identifier sets of its class decide: nobody holds a key: a CI is made; one does: it is
    updated; several do: a task is written and nothing else changes. The same observation twice
    changes nothing.

    Args:
        source: kind and name, as `agent:agent-b1-01`.

    Returns:
        The CI, or None where a person has to decide first.
    """
    return take(session, observation, source, now=now).ci


def take(session: Session, observation: Observation, source: str, *, now: datetime) -> Observed:
    """As `observe`, with the path and what it changed."""
    classes = catalogue()
    code = classes.code_of(observation.ci_class)
    facts = facts_of(observation, classes)
    at = min(datetime.fromtimestamp(observation.at, UTC), now)
    decision = decide(session, code, facts, source_keys(source, observation))
    facts = without_junk(facts)
    evidence = {"device": observation.device, "trace": observation.trace, **observation.evidence}
    origin = claims.Origin(source, evidence=_bounded(evidence))
    if decision.outcome is identify.Outcome.TASK:
        _ask(session, observation, source, decision, None, now=now)
        return Observed(None, decision, {})
    if decision.ci is None:
        ci = new_ci(session, code, str(facts.get("name") or observation.device), now=now)
        if code != UNKNOWN_CLASS:
            facts["class"] = code
    else:
        ci = session.get_one(Ci, decision.ci)
        _refine(ci, code, classes, facts)
    claims.put(session, ci, facts, origin, at=at)
    _remember_source_key(session, ci, source_keys(source, observation))
    version = claims.settle(session, ci, origin, valid_at=at, now=now, met_at=at)
    if decision.doubts:
        _ask(session, observation, source, decision, ci, now=now)
    links.link_observed(session, ci, observation.relations, source, at=at, now=now)
    return Observed(ci, decision, version.changes if version else {})


def dry_run(session: Session, observation: Observation, source: str) -> identify.Decision:
    """What `observe` would decide, with the whole path; writes nothing."""
    classes = catalogue()
    code = classes.code_of(observation.ci_class)
    return decide(session, code, facts_of(observation, classes), source_keys(source, observation))


def decide(
    session: Session, code: str, facts: Mapping[str, Any], own: Iterable[str] = ()
) -> identify.Decision:
    """Which CI the facts speak of, by the identifier sets of the class."""
    values = claims.key_values(
        {name: [value] for name, value in facts.items() if name in claims.KEY_ATTRIBUTES and value}
    )
    values["source_key"] = list(own)
    if "parent_id" in facts and facts.get("slot"):
        values["slot"] = [f"{facts['parent_id']}:{facts['slot']}"]
    keys = identify.keys_of(values, catalogue().of(code).identify)
    wanted = [(key.kind, key.value[:400]) for _kind, own_keys, _why in keys for key in own_keys]
    holders: dict[identify.Key, frozenset[int]] = {}
    held: dict[int, dict[str, frozenset[str]]] = {}
    if wanted:
        rows = session.execute(
            select(CiKey.kind, CiKey.value, CiKey.ci_id).where(tuple_(CiKey.kind, CiKey.value).in_(wanted))
        )
        for row in rows:
            key = identify.Key(row.kind, row.value)
            holders[key] = holders.get(key, frozenset()) | {row.ci_id}
    if holders:
        hits = frozenset[int]().union(*holders.values())
        proofs = select(CiKey.ci_id, CiKey.kind, CiKey.value).where(
            CiKey.ci_id.in_(hits), CiKey.kind.in_(sorted(identify.FACTS))
        )
        for ci_id, kind, value in session.execute(proofs):
            mine = held.setdefault(ci_id, {})
            mine[kind] = mine.get(kind, frozenset()) | {value}
    return identify.identify(keys, holders, held, identify.proof_of(values))


def facts_of(observation: Observation, classes: Catalogue) -> dict[str, Any]:
    """Attributes and keys of an observation in the types of the class; empty texts left out.

    A value that does not fit its type is kept as the text the device said: a conflict that a
    person sees is better than news that is lost.
    """
    facts: dict[str, Any] = {}
    for name, text in observation.attributes.items():
        form = classes.attribute(name)
        said = text.replace("\x00", "").strip()
        if not said or form.type in {"location", "person", "group"} or name in {"class", "state", "presence"}:
            continue
        try:
            facts[name] = classes.checked(name, said)
        except InvalidError:
            facts[name] = said
    facts |= {name: value for name, value in _facts_of_keys(observation).items() if name not in facts}
    return facts


def without_junk(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts without serials and UUIDs that makers leave in thousands of devices."""
    return {
        name: value
        for name, value in facts.items()
        if name not in {"serial", "uuid"} or not identify.is_junk(name, identify.normal(name, str(value)))
    }


def _facts_of_keys(observation: Observation) -> dict[str, Any]:
    """What the keys say as attributes: the first serial, all MAC addresses."""
    keys = observation.keys
    facts: dict[str, Any] = {part: keys[part][0] for part in SINGLE if keys.get(part)}
    if macs := keys.get("macs"):
        facts["macs"] = sorted(set(macs))
    if len(keys.get("address", ())) > 1:
        facts["addresses"] = sorted(set(keys["address"]))
    if name := observation.name or next(iter(keys.get("name", ())), ""):
        facts["name"] = name[:NAME_LIMIT]
    return {part: value for part, value in facts.items() if value}


def source_keys(source: str, observation: Observation) -> list[str]:
    """The source's own names of the device: where it polls it, and what it was told to call it."""
    own = [source_key(source, observation.device)] if observation.device else []
    return own + [f"{source}/{one}" for one in observation.keys.get("source_key", ())]


def source_key(source: str, device: str) -> str:
    """The key under which a source's device is known, as `agent:agent-b1-01/t12`."""
    return identify.normal("source_key", f"{source}/{device}")


def bind(session: Session, ci_id: int, source: str, device: str) -> None:
    """Say that a source's device is this CI, as when a target is set up for a known CI."""
    _remember_source_key(session, session.get_one(Ci, ci_id), [source_key(source, device)])


def new_ci(
    session: Session,
    code: str,
    name: str,
    *,
    now: datetime,
    state: CiState = CiState.IN_USE,
    parent_id: int | None = None,
) -> Ci:
    """A CI without claims yet; its first version comes with `claims.settle`."""
    ci = Ci(
        number=next_number(session, "CI"),
        class_code=code,
        name=name[:NAME_LIMIT],
        sort_name=natural(name),
        search_text="",
        state=state,
        presence=Presence.UNSEEN,
        parent_id=parent_id,
        criticality=3,
        attributes={},
        conflicts=0,
        revision=0,
        created_at=now,
        updated_at=now,
    )
    session.add(ci)
    session.flush()
    touch_graph(session)
    return ci


def _refine(ci: Ci, code: str, classes: Catalogue, facts: dict[str, Any]) -> None:
    """A class below the known one is a better guess; another branch is only a claim."""
    if code != UNKNOWN_CLASS and not classes.is_a(ci.class_code, code):
        facts["class"] = code


def _remember_source_key(session: Session, ci: Ci, own: Iterable[str]) -> None:
    rows = [
        {"ci_id": ci.id, "kind": "source_key", "value": identify.normal("source_key", one)[:400]}
        for one in own
    ]
    insert_missing(session, CiKey, *rows)


def _ask(
    session: Session,
    observation: Observation,
    source: str,
    decision: identify.Decision,
    ci: Ci | None,
    *,
    now: datetime,
) -> None:
    """Write the task, unless the same question is open already."""
    kind = TaskKind.SEVERAL if ci is None else TaskKind.DUPLICATE
    candidates = sorted({*decision.candidates, *decision.doubts})
    asked = json.dumps([kind, source, observation.device, candidates, ci.id if ci else 0])
    digest = hashlib.sha256(asked.encode()).hexdigest()
    known = session.scalar(
        select(IdentityTask.id).where(IdentityTask.digest == digest, IdentityTask.decided_at.is_(None))
    )
    if known is not None:
        return
    session.add(
        IdentityTask(
            kind=kind,
            digest=digest,
            source=source,
            observation={
                "device": observation.device,
                "ci_class": observation.ci_class,
                "name": observation.name,
                "keys": observation.keys,
                "attributes": observation.attributes,
            },
            candidates=candidates,
            ci_id=ci.id if ci else None,
            path=[
                {
                    "kind": step.kind,
                    "verdict": step.verdict,
                    "values": list(step.values[:8]),
                    "cis": list(step.cis),
                }
                for step in decision.path
            ],
            created_at=now,
        )
    )
    session.flush()


def _bounded(evidence: Mapping[str, str]) -> dict[str, str]:
    kept, room = {}, EVIDENCE_LIMIT
    for name, text in evidence.items():
        if text and room > 0:
            kept[name] = text[:room]
            room -= len(text)
    return kept

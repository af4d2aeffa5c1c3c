"""What the machine knows when an incident opens: place, path of the failure, changes, graphs, fixes."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from rules.priority import URGENCY_OF_SEVERITY, Weighed, impact_of, weigh
from rules.topology import RelationKind
from server.accounts import service as accounts
from server.alerts.models import Alert, AlertGroup
from server.cmdb import service as cmdb
from server.cmdb.classes import catalogue
from server.cmdb.models import Ci
from server.incidents.models import Incident, Route
from server.knowledge.suggesting.suggest import Query, Suggestion
from server.knowledge.suggesting.suggest import suggest as known_fixes
from server.metrics import service as metrics

CHANGES_SINCE = timedelta(days=14)
GRAPH_BEFORE = timedelta(hours=1)
PATH_SHOWN = 40
SERIES_SHOWN = 3
SHOWN_ALERTS = 60
SERVICE_CLASSES = ("service", "software")
ALERTS = "alerts_at_hand"  # of a session's info
OF_GROUPS = (
    select(Alert)
    .where(Alert.group_id.in_(bindparam("ids", expanding=True)))
    .order_by(Alert.started_at, Alert.id)
)
GRAVITY = ("critical", "major", "minor", "info")

# The seam to knowledge: replaced where suggestions come from elsewhere.
suggest: Callable[..., Sequence[Suggestion]] = known_fixes


def alerts_of(session: Session, group_id: int) -> list[Alert]:
    """The alerts of a group, in the order in which they began."""
    known: dict[int, list[Alert]] = session.info.get(ALERTS, {})
    return known[group_id] if group_id in known else list(session.scalars(OF_GROUPS, {"ids": [group_id]}))


@contextmanager
def at_hand(session: Session, group_ids: Collection[int], ci_ids: Collection[int | None]) -> Iterator[None]:
    """Within the block `alerts_of` these groups and the items are known, asked for at once.

    Alerts must not be moved between groups meanwhile.
    """
    items = cmdb.cis(session, {number for number in ci_ids if number is not None})
    found: dict[int, list[Alert]] = {number: [] for number in group_ids}
    if found:
        for alert in session.scalars(OF_GROUPS, {"ids": sorted(group_ids)}):
            found[alert.group_id or 0].append(alert)
    session.info[ALERTS] = found
    try:
        yield
    finally:
        del session.info[ALERTS], items  # the session itself holds them weakly only


def root_alert(alerts: Iterable[Alert], group: AlertGroup) -> Alert | None:
    """The alert that speaks for the group."""
    known = {alert.id: alert for alert in alerts}
    return known.get(group.root_alert_id or 0) or next(iter(known.values()), None)


def gravest(alerts: Sequence[Alert], group: AlertGroup | None) -> Alert | None:
    """The alert that names the incident: of the living ones the highest severity.

    Among equals the probable cause's own goes first, then the earliest.
    """
    living = [alert for alert in alerts if alert.resolved_at is None] or list(alerts)
    return min(living, key=lambda alert: gravity(alert, group), default=None)


def gravity(alert: Alert, group: AlertGroup | None) -> tuple[int, bool, datetime, int]:
    """How an alert ranks among those of its group; the smallest names the incident."""
    root = group is not None and (
        alert.id == group.root_alert_id or (alert.ci_id is not None and alert.ci_id == group.root_ci_id)
    )
    return GRAVITY.index(alert.severity.value), not root, alert.started_at, alert.id


def weigh_machine(session: Session, ci: Ci | None, alerts: Sequence[Alert]) -> Weighed:
    """The priority that the alerts, the item and what hangs on it ask for."""
    living = [alert for alert in alerts if alert.resolved_at is None] or list(alerts)
    urgency = min((_urgency(alert) for alert in living), default=3)
    impacts = [int(alert.hints["impact"]) for alert in living if alert.hints.get("impact")]
    stops: tuple[int, ...] = cmdb.impact(session, ci.id).stops if ci is not None else ()
    impact = impact_of(ci.criticality if ci is not None else None, len(stops))
    impact = min([impact, *impacts])
    name, criticality = gravest_service(session, ci, stops)
    return weigh(impact, urgency, service_criticality=criticality, service_name=name)


def gravest_service(session: Session, ci: Ci | None, stops: Iterable[int]) -> tuple[str, int | None]:
    """The most critical service that is the item or stops with it: its name and criticality."""
    if ci is None:
        return "", None
    classes = catalogue()
    graph = cmdb.graph(session)
    found = [
        graph.node(node)
        for node in (ci.id, *stops)
        if node in graph and any(classes.is_a(graph.node(node).ci_class, kind) for kind in SERVICE_CLASSES)
    ]
    if not found:
        return "", None
    worst = min(found, key=lambda node: (node.criticality, node.name))
    return worst.name, worst.criticality


def why(weighed: Weighed) -> dict[str, Any]:
    """A weighed priority as stored."""
    return asdict(weighed)


def route(session: Session, ci: Ci | None, category: str) -> int | None:
    """The group that works on it: the item's owner, the category's, else the first line."""
    if ci is not None and ci.owner_group_id is not None:
        return ci.owner_group_id
    if category and (ruled := session.get(Route, category)) is not None:
        return ruled.group_id
    return first_line(session)


def first_line(session: Session) -> int | None:
    """The group that keeps contact with users."""
    lines = accounts.groups(session, line=1, vendors=False)
    return lines[0].id if lines else None


def category_of(alert: Alert | None, ci: Ci | None) -> str:
    """The rule's category, else the item's class."""
    if alert is not None and alert.hints.get("category"):
        return str(alert.hints["category"])
    return ci.class_code if ci is not None else ""


def summary_of(alert: Alert | None, ci: Ci | None, group: AlertGroup) -> dict[str, str]:
    """A title in both languages: what the root alert says, else which item is the probable cause."""
    if alert is not None and alert.summary and (ci is None or alert.ci_id == ci.id):
        en = alert.summary.get("en") or alert.summary.get("zh") or alert.rule
        return {"en": en, "zh": alert.summary.get("zh") or en}
    name = ci.name if ci is not None else ""
    if not name and alert is not None:
        return {"en": alert.rule, "zh": alert.rule}
    return {
        "en": f"{name} is the probable cause of {group.size} alerts",
        "zh": f"{name} 可能引发了 {group.size} 条告警",
    }


def context(
    session: Session, ci: Ci | None, alerts: Sequence[Alert], group: AlertGroup, *, now: datetime
) -> dict[str, Any]:
    """All that the incident carries beside its own fields, as ids, names and moments.

    The path begins at the probable cause; changes are those near it and near the item itself.
    """
    cause = cmdb.find_ci(session, group.root_ci_id) if group.root_ci_id is not None else None
    return {
        "cause_ci": cause.id if cause is not None else None,
        "path": path(session, cause or ci),
        "changes": changes(session, *(one for one in (cause, ci) if one is not None), now=now),
        "graphs": graphs(session, alerts, group),
        "alerts": [
            {"id": alert.id, "ci": alert.ci_id, "rule": alert.rule, "severity": alert.severity.value}
            for alert in alerts[:SHOWN_ALERTS]
        ],
        "suggestions": suggestions(session, ci, gravest(alerts, group)),
        "known_at": now.isoformat(),
    }


def path(session: Session, ci: Ci | None) -> list[dict[str, Any]]:
    """How the failure travels from the item: who depends on it, step by step."""
    if ci is None:
        return []
    graph = cmdb.graph(session)
    steps = graph.impact_path(ci.id, PATH_SHOWN)
    return [
        {
            "ci": source,
            "name": graph.node(source).name,
            "class": graph.node(source).ci_class,
            "kind": RelationKind(kind).value,
            "on": target,
        }
        for source, kind, target in steps
    ]


def changes(session: Session, *items: Ci | None, now: datetime) -> list[dict[str, Any]]:
    """What was changed on the items and their neighbours lately."""
    graph = cmdb.graph(session)
    near: set[int] = set()
    for ci in items:
        if ci is not None:
            near |= {ci.id} | set(graph.neighbours(ci.id) if ci.id in graph else ())
    found = []
    for changed, version in cmdb.recent_changes(session, near, now - CHANGES_SINCE):
        attributes = sorted(name for name, pair in version.changes.items() if _is_change(name, pair))
        if attributes:
            found.append(
                {
                    "ci": changed.id,
                    "name": changed.name,
                    "at": version.recorded_at.isoformat(),
                    "source": version.source,
                    "ticket": version.ticket,
                    "attributes": attributes[:8],
                }
            )
    return found[:10]


def _is_change(name: str, pair: Sequence[Any]) -> bool:
    """Whether something was otherwise before; what was only learned or seen again is no change."""
    return name != "presence" and bool(pair) and pair[0] not in (None, "", [], {})


def graphs(session: Session, alerts: Sequence[Alert], group: AlertGroup) -> list[dict[str, Any]]:
    """Series whose course around the moment shows the trouble: those of the first alerts' metrics."""
    shown: list[dict[str, Any]] = []
    first = gravest(alerts, group)
    for alert in ([first] if first else []) + [one for one in alerts if one is not first]:
        if alert.ci_id is None or not alert.metric or len(shown) >= SERIES_SHOWN:
            continue
        labels = {str(name): str(value) for name, value in alert.labels.items()}
        for series in metrics.series_of(session, alert.ci_id):
            if series.metric == alert.metric and labels.items() <= series.labels.items():
                at = group.opened_at - GRAPH_BEFORE
                shown.append({"series": series.id, "metric": series.metric, "from": at.isoformat()})
                break
    return shown


def suggestions(session: Session, ci: Ci | None, alert: Alert | None) -> list[dict[str, Any]]:
    """The best known fixes at the opening, as the numbers that were shown; the page asks anew."""
    if alert is None:
        return []
    found = suggest(session, query(ci, alert, language=""), limit=3)
    return [{"number": one.number, "score": round(one.score, 3)} for one in found]


def words_of(incident: Incident, language: str = "") -> str:
    """What an incident says: its summary, in that language where a machine wrote it in several; its text.

    Without a language in all of them. A question in two languages shares half of its words with any answer.
    """
    titles = incident.summary_by_lang
    own = titles.get(language, "")
    lines = (own,) if own else (incident.summary, *titles.values())
    lines = (*lines, incident.description)
    return "\n".join(dict.fromkeys(filter(None, lines)))


def query(ci: Ci | None, alert: Alert | None, text: str = "", language: str = "en") -> Query:
    """The question to knowledge: the words given, else the alert's, the reader's language first."""
    order = ("zh", "en") if language == "zh" else ("en", "zh")
    said = text or ("\n".join(alert.summary.get(one, "") for one in order) if alert else "")
    return Query(
        text=said,
        alert=alert.rule if alert is not None else "",
        ci=ci.name if ci is not None else "",
        ci_class=ci.class_code if ci is not None else "",
        model=(ci.model or "") if ci is not None else "",
        vendor=(ci.vendor or "") if ci is not None else "",
        language=language,
    )


def _urgency(alert: Alert) -> int:
    return int(alert.hints.get("urgency") or URGENCY_OF_SEVERITY[alert.severity.value])

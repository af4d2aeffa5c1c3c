"""What the server judges itself becomes alerts: its rules over samples, and silent agents."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from rules import message, wire
from server.agents.models import Agent
from server.alerts.taking import take
from server.cmdb import service as cmdb
from server.metrics.watch import Verdict

SOURCE = "server"
SILENT_RULE = "AgentSilent"
SILENT = {
    "en": "Agent {agent} is silent: nothing that it watches can be told",
    "zh": "代理 {agent} 失联，其监控对象状态未知",
}
SILENT_CAUSE = {
    "en": "The agent, its machine or its way to the server is down.",
    "zh": "代理程序、所在主机或其到服务器的链路中断。",
}


def tell(session: Session, verdicts: Sequence[Verdict], *, now: datetime) -> None:
    """Hand the verdicts on as alert news of the CI whose series it is."""
    if not verdicts:
        return
    names = {key: one.name for key, one in cmdb.cis(session, {one.ci_id for one in verdicts}).items()}
    news = [_news(one, names.get(one.ci_id, "")) for one in verdicts]
    ci_of = {_device(one): one.ci_id for one in verdicts if one.ci_id > 0}
    take(session, news, source=SOURCE, received_at=now, now=now, ci_of=ci_of)


def on_silence(session: Session, agent: Agent, *, silent: bool, since: datetime, now: datetime) -> None:
    """An agent fell silent, or is back."""
    device = f"agent:{agent.id}"
    places = {"agent": agent.name}
    news = wire.AlertNews(
        device=device,
        rule=SILENT_RULE,
        status="firing" if silent else "resolved",
        severity="major",
        at=now.timestamp(),
        summary=message.fill(SILENT, places),  # type: ignore[arg-type]  # en and zh
        key={"agent": agent.name},
        for_s=(now - since).total_seconds(),
        trace=f"silence-{agent.id}-{since:%Y%m%d%H%M%S}",
        symptom="unreachable",
        category="monitoring",
        cause=message.fill(SILENT_CAUSE, places),  # type: ignore[arg-type]  # as above
    )
    ci_of = {device: agent.host_ci_id} if agent.host_ci_id else {}
    take(session, [news], source=SOURCE, received_at=now, now=now, ci_of=ci_of)


def _news(one: Verdict, ci: str) -> wire.AlertNews:
    places = {
        "ci": ci,
        "value": message.number(one.value, one.rule.metric, one.unit),
        "limit": message.number(one.rule.limit.limit, one.rule.metric, one.unit) if one.rule.limit else "",
        **one.labels,
    }
    return wire.AlertNews(
        device=_device(one),
        rule=one.rule.name,
        status=one.turn,
        severity=one.severity,  # type: ignore[arg-type]  # of the rule
        at=one.at.timestamp(),
        summary=message.fill(one.rule.summary, places),
        key=dict(one.labels),
        value=one.value,
        unit=one.unit,
        metric=one.rule.metric,
        evidence={"series": one.series_id, "judged_by": SOURCE},
        for_s=one.held_s,
        trace=f"{one.rule.name}-{one.series_id}-{one.at:%Y%m%d%H%M%S}",
        symptom=one.rule.symptom,
        impact=one.rule.impact,
        urgency=one.rule.urgency,
        category=one.rule.category,
        cause=dict(one.rule.cause),
    )


def _device(one: Verdict) -> str:
    return f"ci:{one.ci_id}"

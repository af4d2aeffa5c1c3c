"""How an item is watched, on its record: does it answer, is its agent heard, are its values there?

These are three facts. An item whose agent is silent is neither down nor up, and one that answers may still
have lost a value.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from server.agents import service as agents
from server.agents.models import AgentState, Target
from server.agents.overview import TargetView, target_view
from server.cmdb import service as cmdb
from server.cmdb.providers import Panel, PanelRow
from server.cmdb.readings import OLD_AFTER
from server.discovery import words
from server.kernel.call import Actor
from server.kernel.i18n import N_, _, ngettext
from server.metrics import service as metrics

STATES = {
    "ok": N_("Answers over {way}"),
    "major": N_("Does not answer over {way}"),
    "waiting": N_("Not polled yet over {way}"),
    "paused": N_("Not polled over {way}"),
    "unknown": N_("No news over {way}"),
}


def watched(session: Session, ci_id: int, actor: Actor, now: datetime) -> Panel | None:
    """The panel: a row for each way it is polled, for each agent that is not heard, and for lost values."""
    if not actor.may("agent.read"):
        return None
    targets = agents.targets_of_ci(session, ci_id)
    if not targets:
        return None
    views = [target_view(one, one.agent, now) for one in targets]
    rows = [*_agents(targets), *(_row(view) for view in views)]
    if any(view.health == "ok" for view in views):
        slowest = timedelta(seconds=max(view.target.every_s for view in views))
        rows += _lost(session, ci_id, now - max(OLD_AFTER, 3 * slowest))
    return Panel("monitoring", N_("Monitoring"), "broadcast", rows, len(views), order=30)


def _agents(targets: list[Target]) -> Iterator[PanelRow]:
    for agent in {one.agent_id: one.agent for one in targets}.values():
        if agent.state is not AgentState.LIVE:
            text = _("{agent} is not heard; whether it answers is unknown").format(agent=agent.name)
            since = agent.pulse.silent_since or agent.last_seen_at
            yield PanelRow(text, f"/settings/agents/{agent.id}", sev="unknown", at=since)


def _row(view: TargetView) -> PanelRow:
    target = view.target
    state = view.health
    if not target.enabled:
        state = "paused"
    elif target.agent.state is not AgentState.LIVE:
        state = "unknown"
    elif view.waiting:
        state = "waiting"
    sev = {"ok": "ok", "major": "major"}.get(state, "unknown")
    meta = [target.agent.name]
    if state == "major" and words.FAULTS.get(target.pulse.reason):
        meta.append(_(words.FAULTS[target.pulse.reason]))
    text = _(STATES[state]).format(way=words.way(target.transport))
    url = f"/settings/agents/{target.agent_id}"
    return PanelRow(text, url, sev=sev, meta=" · ".join(meta), at=target.pulse.polled_at)


def _lost(session: Session, ci_id: int, before: datetime) -> list[PanelRow]:
    """Values that came once and have come no more since a moment, although the item answers."""
    ends = [one.at for one in metrics.latest(session, ci_id) if one.at is not None and one.at < before]
    if not ends:
        return []
    said = ngettext(
        "One value it used to report is missing", "{n} values it used to report are missing", len(ends)
    )
    number = cmdb.ci(session, ci_id).number
    return [PanelRow(said.format(n=len(ends)), f"/cis/{number}#metrics", sev="minor", at=max(ends))]

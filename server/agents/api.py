"""Agents, targets and credentials over the API. Secrets go in, never out."""

from datetime import datetime

from sqlalchemy.orm import Session

from server.agents import credentials, enrolment, overview, targets
from server.agents.inputs import CredentialIn, TargetIn, TokenIn
from server.agents.models import Agent, Credential, Target
from server.kernel.api import Api, ApiModel, Page, PageQuery
from server.kernel.call import Call
from server.kernel.i18n import N_

api = Api("agents")


class AgentOut(ApiModel):
    """An agent."""

    id: int
    name: str
    site: str
    state: str
    host: str
    version: str
    last_seen_at: datetime | None
    enrolled_at: datetime | None
    lag_s: float | None
    poll_lag_s: float | None
    spool_depth: float | None
    skew_s: float | None
    targets: int


class TargetOut(ApiModel):
    """A target and how its polling goes."""

    id: int
    agent: int
    name: str
    address: str
    port: int
    transport: str
    profile: str | None
    credential_id: int | None
    every_s: float
    enabled: bool
    ci: str
    health: str
    polled_at: datetime | None
    reason: str
    profile_in_use: str
    response_s: float | None


class TokenOut(ApiModel):
    """A join token; this is the only time it is told."""

    agent: int
    name: str
    token: str
    expires_at: datetime


class CredentialOut(ApiModel):
    """A credential: which fields it has, not what is in them."""

    id: int
    name: str
    transport: str
    fields: list[str]
    changed_at: datetime
    targets: int


@api.get(
    "/agents",
    permission="agent.read",
    query=PageQuery,
    answer=Page[AgentOut],
    summary=N_("List agents with their state"),
)
async def list_agents(call: Call, query: PageQuery) -> Page[AgentOut]:
    """All agents by name."""
    found = await call.db.read(overview.agents)
    part = found[query.offset : query.offset + query.limit]
    items = [_agent(agent, count) for agent, count in part]
    return Page[AgentOut](items=items, total=len(found), limit=query.limit, offset=query.offset)


@api.post(
    "/agents/tokens",
    permission="agent.manage",
    body=TokenIn,
    answer=TokenOut,
    status=201,
    summary=N_("Create a join token for one agent"),
)
async def create_token(call: Call, body: TokenIn) -> TokenOut:
    """Good once, within an hour, for that name."""
    made = await call.db.run(enrolment.create_token, body.name, body.site, now=call.now)
    return TokenOut(agent=made.agent_id, name=made.name, token=made.token, expires_at=made.expires_at)


@api.get("/agents/{agent_id}", permission="agent.read", answer=AgentOut, summary=N_("Read an agent"))
async def read_agent(call: Call, agent_id: int) -> AgentOut:
    """One agent."""
    view = await call.db.read(overview.view, agent_id, now=call.now)
    return _agent(view.agent, len(view.targets))


@api.post(
    "/agents/{agent_id}/revoke", permission="agent.manage", summary=N_("Revoke an agent, effective at once")
)
async def revoke(call: Call, agent_id: int) -> None:
    """Let it in no more."""
    await call.db.run(enrolment.revoke, agent_id, now=call.now)


@api.get(
    "/agents/{agent_id}/targets",
    permission="agent.read",
    answer=list[TargetOut],
    summary=N_("List what an agent polls, and how it goes"),
)
async def list_targets(call: Call, agent_id: int) -> list[TargetOut]:
    """All targets of the agent."""
    view = await call.db.read(overview.view, agent_id, now=call.now)
    return [_target(one) for one in view.targets]


@api.post(
    "/agents/{agent_id}/targets",
    permission="agent.manage",
    body=TargetIn,
    answer=TargetOut,
    status=201,
    summary=N_("Have an agent poll a device"),
)
async def add_target(call: Call, agent_id: int, body: TargetIn) -> TargetOut:
    """Polled from the agent's next look at its configuration on."""

    def add(session: Session) -> Target:
        target = targets.add_target(session, agent_id, body.target(), now=call.now)
        target.enabled = body.enabled
        return target

    return _target(overview.TargetView(await call.db.run(add), "unknown", waiting=True))


@api.put(
    "/targets/{target_id}",
    permission="agent.manage",
    body=TargetIn,
    answer=TargetOut,
    summary=N_("Change a target"),
)
async def change_target(call: Call, target_id: int, body: TargetIn) -> TargetOut:
    """Replace what the target says."""

    def change(session: Session) -> Target:
        target = targets.change_target(session, target_id, body.target())
        target.enabled = body.enabled
        return target

    return _target(overview.TargetView(await call.db.run(change), "unknown", waiting=False))


@api.delete("/targets/{target_id}", permission="agent.manage", summary=N_("Poll a device no more"))
async def remove_target(call: Call, target_id: int) -> None:
    """What was measured stays."""
    await call.db.run(targets.remove_target, target_id)


@api.get(
    "/credentials",
    permission="agent.manage",
    answer=list[CredentialOut],
    summary=N_("List credentials without what is in them"),
)
async def list_credentials(call: Call) -> list[CredentialOut]:
    """All of them by name."""
    return [_credential(one, uses) for one, uses in await call.db.read(credentials.all_of)]


@api.post(
    "/credentials",
    permission="agent.manage",
    body=CredentialIn,
    answer=CredentialOut,
    status=201,
    summary=N_("Keep a credential"),
)
async def create_credential(call: Call, body: CredentialIn) -> CredentialOut:
    """Sealed at rest, sent only to agents whose targets use it."""
    made = await call.db.run(credentials.save, body.name, body.transport, body.values, now=call.now)
    return _credential(made, 0)


@api.put(
    "/credentials/{credential_id}",
    permission="agent.manage",
    body=CredentialIn,
    answer=CredentialOut,
    summary=N_("Replace what is in a credential"),
)
async def replace_credential(call: Call, credential_id: int, body: CredentialIn) -> CredentialOut:
    """All values are replaced; the agents get the new ones with their next configuration."""

    def replace(session: Session) -> Credential:
        known = credentials.one_of(session, credential_id)
        return credentials.save(
            session, body.name, known.transport, body.values, now=call.now, credential=known
        )

    return _credential(await call.db.run(replace), 0)


@api.delete(
    "/credentials/{credential_id}",
    permission="agent.manage",
    summary=N_("Forget a credential that is not used"),
)
async def delete_credential(call: Call, credential_id: int) -> None:
    """Refused while a target uses it."""
    await call.db.run(credentials.delete, credential_id)


def _agent(agent: Agent, count: int) -> AgentOut:
    return AgentOut(
        id=agent.id,
        name=agent.name,
        site=agent.site,
        state=agent.state.value,
        host=agent.host,
        version=agent.version,
        last_seen_at=agent.last_seen_at,
        enrolled_at=agent.enrolled_at,
        lag_s=agent.pulse.lag_s,
        poll_lag_s=agent.pulse.poll_lag_s,
        spool_depth=agent.pulse.spool_depth,
        skew_s=agent.skew_s,
        targets=count,
    )


def _target(view: overview.TargetView) -> TargetOut:
    target, pulse = view.target, view.target.pulse
    return TargetOut(
        id=target.id,
        agent=target.agent_id,
        name=target.name,
        address=target.address,
        port=target.port,
        transport=target.transport,
        profile=target.profile,
        credential_id=target.credential_id,
        every_s=target.every_s,
        enabled=target.enabled,
        ci=target.ci,
        health=view.health,
        polled_at=pulse.polled_at,
        reason=pulse.reason,
        profile_in_use=pulse.profile,
        response_s=pulse.response_s,
    )


def _credential(one: Credential, uses: int) -> CredentialOut:
    return CredentialOut(
        id=one.id,
        name=one.name,
        transport=one.transport,
        fields=list(one.fields),
        changed_at=one.changed_at,
        targets=uses,
    )

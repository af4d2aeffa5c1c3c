"""The name of an agent's configuration: a random word, another one after each change.

A count would be the same word for two different configurations when two changes meet; a random
word never is.
"""

import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.agents.models import Agent, Target


def touch(agent: Agent) -> None:
    """Say that the agent's configuration is another one now."""
    agent.generation = secrets.token_hex(8)


def touch_users(session: Session, credential_id: int) -> None:
    """Say so of every agent that uses a credential."""
    users = select(Target.agent_id).where(Target.credential_id == credential_id)
    for agent in session.scalars(select(Agent).where(Agent.id.in_(users))):
        touch(agent)


def generation_of(agent: Agent) -> str:
    """The name of an agent's present configuration; also its ETag."""
    return agent.generation

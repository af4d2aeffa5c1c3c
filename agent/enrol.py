"""Makes an agent known to its server: a one-time token against a secret of its own."""

from agent.config import Settings, check_server
from agent.link import Link, Told
from agent.observe import own_name
from agent.texts import _
from agent.vault import Identity, VaultError, identity_path, save_identity
from agent.version import VERSION
from rules.wire import Enrol


class EnrolError(Exception):
    """A sentence for the person who enrols the agent."""


async def enrol(settings: Settings, *, server: str, token: str, name: str) -> Identity:
    """Enrol; the identity, which is on the disk by then. Raises EnrolError, SettingsError, VaultError.

    An identity that is there is never overwritten: the token would be spent and the old agent silent.
    """
    check_server(server)
    path = identity_path(settings.directory)
    if path.exists():
        sentence = _("This agent is enrolled already as {agent}; remove {path} to enrol it anew.")
        raise VaultError(sentence.format(agent=name, path=path))
    async with Link(server, None, version=VERSION, ca=settings.ca) as link:
        told = await link.enrol(Enrol(token=token, name=name, host=own_name(), version=VERSION))
    if isinstance(told, Told):
        sentence = (
            _("The server cannot be reached: {reason}")
            if told.kind == "away"
            else _("The server refused: {reason}")
        )
        raise EnrolError(sentence.format(reason=told.reason))
    identity = Identity(server=server, agent_id=told.agent_id, name=name, secret=told.secret)
    save_identity(settings.directory, identity)
    return identity

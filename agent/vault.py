"""What only this agent may read: its secret, and the last good configuration with its credentials."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: its service manager starts an agent only once
    fcntl = None  # type: ignore[assignment]

import msgspec

from agent.durable import replace
from agent.texts import _
from rules.wire import Config


class VaultError(Exception):
    """A sentence for the person who starts the agent."""


class Identity(msgspec.Struct, frozen=True):
    """Who this agent is to its server."""

    server: str
    agent_id: int
    name: str
    secret: str

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Identity(server={self.server!r}, agent_id={self.agent_id}, name={self.name!r})"


def identity_path(data: Path) -> Path:
    """Where the identity stands."""
    return data / "identity.json"


def save_identity(data: Path, identity: Identity) -> Path:
    """Write the identity, readable for its owner only."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = identity_path(data)
    replace(path, msgspec.json.encode(identity), mode=0o600)
    return path


def load_identity(data: Path) -> Identity:
    """Who this agent is; raises VaultError where it is not enrolled or the file is open to others."""
    path = identity_path(data)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        sentence = _("This agent is not enrolled yet; run `watchdesk-agent enrol` first.")
        raise VaultError(sentence) from None
    except OSError as error:
        raise VaultError(_("{path}: {reason}").format(path=path, reason=error.strerror)) from None
    if os.name != "nt" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise VaultError(_("{path} can be read by others; its mode must be 0600.").format(path=path))
    try:
        return msgspec.json.decode(content, type=Identity)
    except msgspec.MsgspecError:
        raise VaultError(_("{path} is damaged; enrol this agent anew.").format(path=path)) from None


def save_config(data: Path, config: Config) -> None:
    """Keep a configuration that was found good."""
    replace(data / "config.msgpack", msgspec.msgpack.encode(config), mode=0o600)


def load_config(data: Path) -> Config | None:
    """The last good configuration, or None."""
    try:
        return msgspec.msgpack.decode((data / "config.msgpack").read_bytes(), type=Config)
    except (OSError, msgspec.MsgspecError, ValueError):
        return None


@contextlib.contextmanager
def alone(data: Path) -> Iterator[None]:
    """Hold the data directory for this program; raises VaultError where another agent has it."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = data / "lock"
    with path.open("a") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise VaultError(_("Another agent uses {path}.").format(path=data)) from None
        yield

"""What other practices ask of the agents."""

from server.agents.credentials import all_of as credentials
from server.agents.credentials import delete as delete_credential
from server.agents.credentials import save as save_credential
from server.agents.enrolment import agent_of, authenticate, create_token, enrol, revoke
from server.agents.generation import generation_of
from server.agents.overview import AgentView, TargetView, agents, view
from server.agents.silence import SILENCE, Heard, Polled, flag_silent, note_heard, note_polled, silent
from server.agents.targets import (
    NewTarget,
    add_target,
    bind_ci,
    bind_host,
    change_target,
    config_for,
    enable,
    remove_target,
    target_of,
    targets_of,
    targets_of_ci,
)

__all__ = [
    "SILENCE",
    "AgentView",
    "Heard",
    "NewTarget",
    "Polled",
    "TargetView",
    "add_target",
    "agent_of",
    "agents",
    "authenticate",
    "bind_ci",
    "bind_host",
    "change_target",
    "config_for",
    "create_token",
    "credentials",
    "delete_credential",
    "enable",
    "enrol",
    "flag_silent",
    "generation_of",
    "note_heard",
    "note_polled",
    "remove_target",
    "revoke",
    "save_credential",
    "silent",
    "target_of",
    "targets_of",
    "targets_of_ci",
    "view",
]

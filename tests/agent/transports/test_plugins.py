"""Collectors that other packages bring."""

import asyncio
from importlib.metadata import EntryPoint

import pytest

from agent.reading import Target
from agent.transports import plugin
from agent.transports.facts import Facts
from agent.transports.trouble import TroubleError


def target(port: int = 0, **params: str) -> Target:
    return Target("t1", "one", "127.0.0.1", port, {"user": "alice", "password": "canary"}, {**params})


# DNS


def brings(monkeypatch: pytest.MonkeyPatch, **collectors: str) -> None:
    found = [EntryPoint(name, f"{__name__}:{value}", plugin.GROUP) for name, value in collectors.items()]
    monkeypatch.setattr(plugin, "entry_points", lambda group: found if group == plugin.GROUP else [])
    monkeypatch.setattr(EntryPoint, "load", lambda one: globals()[one.value.partition(":")[2]])


async def meter(target: Target, *, timeout_s: float) -> Facts:
    return Facts({"value": 7.0, "state": 0})


async def broken(target: Target, *, timeout_s: float) -> Facts:
    raise ZeroDivisionError("of its own")


async def idle(target: Target, *, timeout_s: float) -> Facts:
    await asyncio.sleep(60)
    return Facts()


async def odd(target: Target, *, timeout_s: float) -> object:
    return {"value": 7}


async def test_a_packages_collector_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    brings(monkeypatch, meter="meter")
    facts = await plugin.Plugins().fetch(target(plugin="meter"))
    assert facts.readings["value"] == 7.0


@pytest.mark.parametrize(
    ("name", "reason"),
    [("broken", "bad_response"), ("odd", "bad_response"), ("idle", "no_answer"), ("none", "configuration")],
)
async def test_a_collector_at_fault_is_a_reading_of_its_device(
    monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    brings(monkeypatch, broken="broken", odd="odd", idle="idle")
    with pytest.raises(TroubleError) as caught:
        await plugin.Plugins().fetch(target(plugin=name), timeout_s=0.2)
    assert caught.value.reason == reason

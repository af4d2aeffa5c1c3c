"""Discovery signs in to a network device's command line once, and tells of it what SNMP would."""

import pytest

from agent.devices import library
from agent.discover.guard import Guard
from agent.discover.scout import Scout
from agent.discover.tell import finding
from agent.poll import Poller
from agent.reading import Target
from agent.transports.ssh_login import fingerprint
from rules import profile
from rules.plan import plan
from rules.wire import RangeCredential, RangeJob
from tests.agent.parsers import platforms
from tests.agent.transports.cli_device import Device, Script

LIBRARY = library(None)
JUNOS = Script(answers=platforms.JUNOS, prompt="watch@rt1> ", executes=b"error: unknown command.\r\n")


def job_for(device: Device, **values: str) -> RangeJob:
    pinned = {"user": "watch", "password": "right", "host_key": fingerprint(device.key), **values}
    one = RangeCredential(4, "ssh", dict(pinned))
    return RangeJob(1, 1, ["127.0.0.1"], ways=["ssh"], ports={"ssh": [device.port]}, credentials=[one])


@pytest.mark.parametrize(("password", "outcome"), [("right", "answered"), ("wrong", "refused")])
async def test_a_router_found_over_ssh_alone_is_told_with_interfaces_and_neighbours(
    password: str, outcome: str
) -> None:
    device = Device(JUNOS)
    scout = Scout(LIBRARY, {})
    job = job_for(device, password=password)
    JUNOS.offered.clear()
    met = await scout.meet(job, "127.0.0.1", guard := Guard())
    assert met is not None
    seen = await scout.ask(job, met, guard)
    await scout.close()
    device.close()
    assert seen is not None
    told = finding(job, seen, LIBRARY.profiles, at=1.0)
    assert [one.outcome for one in told.attempts if one.way == "ssh"] == [outcome]
    assert JUNOS.offered == [("watch", password)]
    if outcome == "answered":
        assert told.profile == "network-cli"
        assert told.guesses["device_class"].value == "router"
        known = {name: told.guesses[name].value for name in ("vendor", "model", "version", "serial", "name")}
        assert known == {
            "vendor": "Juniper",
            "model": "mx9999",
            "version": "21.4R3-S2.3",
            "serial": "JN00000000AA",
            "name": "rt1",
        }
        assert (told.interfaces, told.credentials) == (2, {"ssh": 4})
        assert {(one.kind, one.port, one.far_port) for one in told.links} >= {
            ("lldp", "ge-0/0/0", "ge-0/0/24")
        }
        assert told.facts["ssh_platform"] == "juniper_junos"


async def test_a_polled_router_gives_the_states_of_its_ports() -> None:
    device = Device(JUNOS)
    values = dict(job_for(device).credentials[0].values)
    target = Target("t1", "rt1", "127.0.0.1", device.port, values)
    poller = Poller()
    reading = await poller.poll(target, plan(profile.packaged()["network-cli"], identify=True))
    await poller.close()
    device.close()
    states = {one.labels: one.raw for one in reading.values if one.metric == "interface_status"}
    assert states == {(("interface", "ge-0/0/0"),): "up", (("interface", "ge-0/0/1"),): "down"}
    assert reading.identity["device_class"] == "router"

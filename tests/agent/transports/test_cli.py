"""Network devices read over their command lines; whatever they do, within the bounds."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from agent.discover.found import Link
from agent.reading import Target
from agent.transports import cli
from agent.transports.facts import Facts
from agent.transports.ssh import Ssh
from agent.transports.ssh_login import fingerprint
from agent.transports.trouble import TroubleError
from rules.platform import ONLY_SHOWS, packaged
from tests.agent.parsers import platforms
from tests.agent.transports.cli_device import Device, Played, Script
from tests.pace import pace

IOS_VERSION = """\
Cisco IOS Software, Example Software (EXAMPLE-UNIVERSALK9-M), Version 15.9(3)M7, RELEASE SOFTWARE (fc1)
Technical Support: http://www.cisco.com/techsupport

ROM: Bootstrap program is example boot loader

sw1 uptime is 3 weeks, 2 days, 1 hour, 7 minutes
System returned to ROM by power-on
System image file is "flash:example.bin"

cisco WS-X1234-24 (PowerPC) processor (revision B0) with 262144K bytes of memory.
Processor board ID FOC0000A1B2
Configuration register is 0xF
"""
IOS_INTERFACES = """\
GigabitEthernet1/0/1 is up, line protocol is up (connected)
  Hardware is Gigabit Ethernet, address is 0200.5e00.0101 (bia 0200.5e00.0101)
  Description: to core
  MTU 1500 bytes, BW 1000000 Kbit/sec, DLY 10 usec,
GigabitEthernet1/0/2 is administratively down, line protocol is down (disabled)
  Hardware is Gigabit Ethernet, address is 0200.5e00.0102 (bia 0200.5e00.0102)
  MTU 1500 bytes, BW 10000 Kbit/sec, DLY 1000 usec,
GigabitEthernet1/0/3 is up, line protocol is up (connected)
  Hardware is Gigabit Ethernet, address is 0200.5e00.0103 (bia 0200.5e00.0103)
  MTU 1500 bytes, BW 100000 Kbit/sec, DLY 10 usec,
"""
IOS_CDP = """\
-------------------------
Device ID: core1
Entry address(es):
  IP address: 192.0.2.1
Platform: example C9999,  Capabilities: Switch IGMP
Interface: GigabitEthernet1/0/1,  Port ID (outgoing port): TenGigabitEthernet1/1/4
Holdtime : 140 sec

Version :
made up

advertisement version: 2
"""
IOS_ARP = """\
Protocol  Address          Age (min)  Hardware Addr   Type   Interface
Internet  192.0.2.77              3   0200.5e00.7777  ARPA   Vlan1
"""
IOS_MAC = """\
          Mac Address Table
-------------------------------------------

Vlan    Mac Address       Type        Ports
----    -----------       --------    -----
   1    0200.5e00.7777    DYNAMIC     Gi1/0/3
   1    0200.5e00.8888    DYNAMIC     Gi1/0/1
Total Mac Addresses for this criterion: 2
"""
IOS = Script(
    answers={
        "show version": IOS_VERSION,
        "show interfaces": IOS_INTERFACES,
        "show inventory": 'NAME: "1", DESCR: "made up"\nPID: WS-X1234-24   , VID: V01  , SN: FOC0000A1B2\n',
        "show cdp neighbors detail": IOS_CDP,
        "show ip arp": IOS_ARP,
        "show mac address-table": IOS_MAC,
    },
    banner="SSH-2.0-Cisco-1.25",
)


@pytest.fixture
async def client() -> AsyncIterator[Ssh]:
    one = Ssh()
    yield one
    one.close()


@pytest.fixture
def played() -> Iterator[Played]:
    devices: list[Device] = []

    def play(script: Script) -> Device:
        devices.append(Device(script))
        return devices[-1]

    yield play
    for one in devices:
        one.close()


def target(device: Device, **credential: str) -> Target:
    pinned = {"host_key": fingerprint(device.key), "user": "watch", "password": "right"}
    return Target("t1", "sw1", "127.0.0.1", device.port, {**pinned, **credential})


async def asked(client: Ssh, device: Device, *, timeout_s: float = 20.0, **credential: str) -> Facts:
    return await client.fetch(target(device, **credential), inventoried=True, timeout_s=timeout_s)


async def failing(client: Ssh, device: Device, *, timeout_s: float = 20.0, **credential: str) -> TroubleError:
    with pytest.raises(TroubleError) as caught:
        await asked(client, device, timeout_s=timeout_s, **credential)
    return caught.value


def scripted(script: Script, **other: object) -> Script:
    return replace(script, said=[], offered=[], **other)  # type: ignore[arg-type]


async def test_a_switch_tells_who_it_is_its_interfaces_and_neighbours(client: Ssh, played: Played) -> None:
    device = played(scripted(IOS))
    facts = await asked(client, device)
    told = {name: facts.readings[name] for name in ("hostname", "vendor", "model", "serial", "os")}
    assert told == {
        "hostname": "sw1", "vendor": "Cisco", "model": "WS-X1234-24", "serial": "FOC0000A1B2",
        "os": "15.9(3)M7",
    }  # fmt: skip
    assert facts.about == {"platform": "cisco_ios", "device_class": "switch"}
    assert [(one.name, one.mac, one.oper, one.admin, one.speed_bps) for one in facts.interfaces] == [
        ("GigabitEthernet1/0/1", "02:00:5e:00:01:01", "up", "up", 1_000_000_000),
        ("GigabitEthernet1/0/2", "02:00:5e:00:01:02", "down", "down", 10_000_000),
        ("GigabitEthernet1/0/3", "02:00:5e:00:01:03", "up", "up", 100_000_000),
    ]
    core = {"name": ["core1"], "address": ["192.0.2.1"]}
    assert facts.links == (
        Link("cdp", "GigabitEthernet1/0/1", core, "TenGigabitEthernet1/1/4", 0.95),
        Link("bridge", "GigabitEthernet1/0/3", {"macs": ["02:00:5e:00:77:77"]}, "", 0.8),
        Link("arp", "Vlan1", {"macs": ["02:00:5e:00:77:77"], "address": ["192.0.2.77"]}, "", 0.3),
    )


async def test_a_poll_asks_for_interfaces_alone_and_gives_the_line_back(client: Ssh, played: Played) -> None:
    device = played(scripted(IOS))
    await asked(client, device)
    device.script.said.clear()
    facts = await client.fetch(target(device), timeout_s=20.0)
    assert [one for one in device.script.said if one.startswith("show")] == ["show interfaces"]
    assert len(facts.tables["interfaces"]) == 3
    for one in device.transports:
        one.join(10)  # the device hears a little later that the line is given back
    assert not any(one.is_active() for one in device.transports)
    assert len(device.script.offered) == 2


async def test_only_commands_that_show_are_sent(client: Ssh, played: Played) -> None:
    device = played(scripted(IOS))
    await asked(client, device)
    known = {one.send for one in packaged()["cisco_ios"].commands} | {"show version"}
    session = {"terminal width 511", "terminal length 0"}
    assert set(device.script.said) <= known | session
    for platform in packaged().values():
        assert all(ONLY_SHOWS.found(one.send) for one in platform.commands)


@pytest.mark.parametrize("page", ["--More--", " ---- More ----", "---(more 34%)---"])
async def test_a_device_that_asks_to_turn_the_page_is_read_whole(
    client: Ssh, played: Played, page: str
) -> None:
    device = played(scripted(IOS, lines=3, page=page))
    facts = await asked(client, device)
    assert len(facts.interfaces) == 3
    assert facts.readings["serial"] == "FOC0000A1B2"
    assert not facts.truncated


async def test_a_device_that_greets_like_any_other_is_found_out(client: Ssh, played: Played) -> None:
    device = played(scripted(IOS, banner="SSH-2.0-OpenSSH_9.9", executes=b"% Invalid input\r\n"))
    assert (await asked(client, device)).about["platform"] == "cisco_ios"
    assert len(device.script.offered) == 1


async def test_of_a_device_that_falls_silent_what_it_said_before_the_deadline_is_kept(
    client: Ssh, played: Played
) -> None:
    device = played(scripted(IOS, silent=frozenset({"show mac address-table"})))
    async with pace() as taken:
        facts = await asked(client, device, timeout_s=4.0)
    assert taken.seconds < 6.0
    assert facts.truncated
    assert facts.readings["serial"] == "FOC0000A1B2"


async def test_a_wrong_password_is_offered_once(client: Ssh, played: Played) -> None:
    device = played(scripted(IOS))
    assert (await failing(client, device, password="wrong")).reason == "auth"
    assert device.script.offered == [("watch", "wrong")]


async def test_a_changed_key_stops_before_the_password_leaves(client: Ssh, played: Played) -> None:
    device = played(scripted(IOS))
    assert (await failing(client, device, host_key="SHA256:other")).reason == "security"
    assert device.script.offered == []


async def test_an_endless_answer_is_cut_and_what_came_before_stands(client: Ssh, played: Played) -> None:
    device = played(scripted(IOS, endless=frozenset({"show inventory"})))
    facts = await asked(client, device)
    assert facts.truncated
    assert len(facts.interfaces) == 3


async def test_an_endless_first_answer_has_its_own_reason(client: Ssh, played: Played) -> None:
    device = played(scripted(IOS, endless=frozenset({"show version"})))
    trouble = await failing(client, device)
    assert trouble.reason == "limit"
    assert "1 MiB" in trouble.detail


PRIVILEGED = scripted(IOS, enable="opensesame", needs=frozenset({"show mac address-table"}))


async def test_a_device_that_needs_enable_is_asked_with_its_password(client: Ssh, played: Played) -> None:
    device = played(scripted(PRIVILEGED))
    facts = await asked(client, device, enable="opensesame")
    assert [one.kind for one in facts.links] == ["cdp", "bridge", "arp"]
    assert device.script.said.count("enable") == 1


async def test_without_its_password_it_is_read_as_far_as_it_goes(client: Ssh, played: Played) -> None:
    device = played(scripted(PRIVILEGED))
    facts = await asked(client, device)
    assert [one.kind for one in facts.links] == ["cdp", "arp"]
    assert "enable" not in device.script.said


async def test_a_wrong_enable_password_is_offered_once(client: Ssh, played: Played) -> None:
    device = played(scripted(PRIVILEGED))
    trouble = await failing(client, device, enable="wrong")
    assert trouble.reason == "auth"
    assert device.script.said.count("enable") == 1


async def test_an_unknown_command_line_is_named_as_it_answers(client: Ssh, played: Played) -> None:
    device = played(scripted(IOS, answers={}, banner="SSH-2.0-thing", odd="What do you mean?\r\n"))
    trouble = await failing(client, device)
    assert (trouble.reason, trouble.place) == ("bad_response", "show version")
    assert "What do you mean?" in trouble.detail


async def test_a_device_that_never_shows_a_prompt_ends_at_the_deadline(client: Ssh, played: Played) -> None:
    device = played(scripted(IOS, prompt="", banner="SSH-2.0-thing"))
    async with pace() as taken:
        assert (await failing(client, device, timeout_s=1.5)).reason == "no_answer"
    assert taken.seconds < 3.0


def test_the_bounds_are_those_of_the_hosts() -> None:
    assert cli.MAX_OUTPUT == 1 << 20


OPEN = scripted(IOS, banner="SSH-2.0-OpenSSH_8.9")
PROMPTS = {
    "cisco_nxos": scripted(OPEN, prompt="leaf1# ", answers=platforms.NXOS),
    "cisco_asa": scripted(IOS, prompt="fw1> ", answers=platforms.ASA, banner="SSH-2.0-Cisco-1.25"),
    "huawei_vrp": scripted(IOS, prompt="<sw2>", answers=platforms.VRP, banner="SSH-2.0-HUAWEI-1.5"),
    "h3c_comware": scripted(IOS, prompt="<sw3>", answers=platforms.COMWARE, banner="SSH-2.0-Comware-7.1.070"),
    "ruijie_rgos": scripted(IOS, prompt="sw4#", answers=platforms.RGOS, banner="SSH-2.0-RGOS_SSH"),
    "juniper_junos": scripted(OPEN, prompt="watch@rt1> ", answers=platforms.JUNOS),
    "arista_eos": scripted(OPEN, prompt="sw5>", answers=platforms.EOS),
    "zte_zxros": scripted(IOS, prompt="rt2#", answers=platforms.ZXROS, banner="SSH-2.0-ZTE_SSH.2.0"),
    "mikrotik_routeros": scripted(
        IOS, prompt="[watch@rt9] > ", answers=platforms.ROUTEROS, banner="SSH-2.0-ROSSSH"
    ),
}


async def test_a_device_of_each_platform_is_met_at_its_own_prompt(client: Ssh, played: Played) -> None:
    async def told(name: str, script: Script) -> tuple[str, object, int]:
        executes = b"error: unknown command\r\n" if "OpenSSH" in script.banner else None
        device = played(scripted(script, executes=executes))
        one = replace(target(device), key=name)
        facts = await client.fetch(one, inventoried=True, timeout_s=30.0)
        return facts.about["platform"], facts.readings["model"], len(device.script.offered)

    found = await asyncio.gather(*(told(name, script) for name, script in PROMPTS.items()))
    assert {name for name, _, _ in found} == set(PROMPTS)
    assert [name for name, model, _ in found if not model] == []
    assert all(count == 1 for _, _, count in found)


async def test_a_router_is_signed_in_to_as_a_program(client: Ssh, played: Played) -> None:
    device = played(scripted(PROMPTS["mikrotik_routeros"]))
    assert (await failing(client, device, password="wrong")).reason == "auth"
    assert device.script.offered == [("watch+ct511w4098h", "wrong")]

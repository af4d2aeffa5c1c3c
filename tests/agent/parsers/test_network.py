# ruff: noqa: E501 - tables of what devices say stand in lines
"""The command lines of ten platforms as facts, and what they make of answers that make no sense."""

import time
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.discover.found import Interface
from agent.parsers import network
from agent.transports.facts import Facts
from rules.platform import packaged
from tests.agent.parsers import platforms

WHO = ("hostname", "model", "serial", "os")


def read(name: str, answers: Mapping[str, str]) -> Facts:
    return network.read(packaged()[name], {one: network.tidy(text) for one, text in answers.items()})


@pytest.mark.parametrize(
    ("name", "answers", "who", "kind", "ports"),
    [
        ("cisco_nxos", platforms.NXOS, ("leaf1", "N9K-C99999-X", "FDO0000X1Y2", "9.3(11)"), "switch", "ud"),
        ("cisco_asa", platforms.ASA, ("fw1", "ASA9999", "JAD0000QWER", "9.16(4)"), "firewall", "u"),
        ("huawei_vrp", platforms.VRP, ("", "S9999-28P", "2102350000ABCD000001", "V200R021C00SPC600"), "switch", "u"),
        ("h3c_comware", platforms.COMWARE, ("", "S9999-28P", "219801A0000000000001", "6318P01"), "switch", "u"),
        ("ruijie_rgos", platforms.RGOS, ("", "S9999-48XS", "G1QH000000001", "S9999_RGOS 12.5(4)B0101"), "switch", "ud"),
        ("juniper_junos", platforms.JUNOS, ("rt1", "mx9999", "JN00000000AA", "21.4R3-S2.3"), "router", "ud"),
        ("arista_eos", platforms.EOS, ("", "DCS-9999X-48-F", "SSJ00000001", "4.28.3M"), "switch", "u"),
        ("zte_zxros", platforms.ZXROS, ("", "ZXR10 9999E", "", "2.8.02.C.31"), "switch", "u"),
        ("mikrotik_routeros", platforms.ROUTEROS, ("rt9", "RB9999", "HD0000000AA", "7.12.1"), "router", "ud"),
    ],
)  # fmt: skip
def test_a_device_of_each_platform_tells_who_it_is(
    name: str, answers: Mapping[str, str], who: tuple[str, ...], kind: str, ports: str
) -> None:
    facts = read(name, answers)
    assert tuple(facts.readings[one] for one in WHO) == who
    assert facts.about == {"platform": name, "device_class": kind}
    assert "".join(one.oper[0] for one in facts.interfaces) == ports
    assert facts.tables["interfaces"][0]["status"] == "up"


@pytest.mark.parametrize(
    ("name", "answers", "links"),
    [
        ("cisco_nxos", platforms.NXOS, {("lldp", "Ethernet1/1", "spine1", "Ethernet1/7")}),
        ("cisco_asa", platforms.ASA, {("arp", "outside", "198.51.100.1", "")}),
        ("huawei_vrp", platforms.VRP, {("lldp", "GigabitEthernet0/0/1", "core1", "GigabitEthernet0/0/24"),
                                       ("arp", "GigabitEthernet0/0/1", "192.0.2.77", "")}),
        ("h3c_comware", platforms.COMWARE, {("lldp", "GigabitEthernet1/0/1", "core1", "GigabitEthernet1/0/24"),
                                             ("arp", "GigabitEthernet1/0/1", "192.0.2.77", "")}),
        ("ruijie_rgos", platforms.RGOS, {("lldp", "TenGigabitEthernet 0/1", "core1", "Gi0/24"), ("arp", "VLAN 1", "192.0.2.77", ""),
                                         ("bridge", "TenGigabitEthernet 0/2", "02:00:5e:00:77:77", "")}),
        ("juniper_junos", platforms.JUNOS, {("lldp", "ge-0/0/0", "core1", "ge-0/0/24"), ("arp", "ge-0/0/0.0", "192.0.2.77", "")}),
        ("arista_eos", platforms.EOS, {("lldp", "Ethernet1", "spine1", "Ethernet7")}),
        ("mikrotik_routeros", platforms.ROUTEROS, {("lldp", "ether1", "core1", "ether9")}),
    ],
)  # fmt: skip
def test_a_device_tells_its_neighbours_by_the_names_of_its_own_ports(
    name: str, answers: Mapping[str, str], links: set[tuple[str, str, str, str]]
) -> None:
    told = {
        (one.kind, one.port, next(one.keys[key][0] for key in ("name", "address", "macs") if key in one.keys), one.far_port)
        for one in read(name, answers).links
    }  # fmt: skip
    assert told == links


@pytest.mark.parametrize(
    ("short", "whole"),
    [
        ("Gi1/0/1", "GigabitEthernet1/0/1"),
        ("XGE1/0/2", "Ten-GigabitEthernet1/0/2"),
        ("GigabitEthernet1/0/1", "GigabitEthernet1/0/1"),
        ("Po1", "Po1"),
        ("Te1/0/2", "Ten-GigabitEthernet1/0/2"),
    ],
)
def test_short_names_of_ports_lead_to_the_only_port_that_fits(short: str, whole: str) -> None:
    ports = ["GigabitEthernet1/0/1", "Ten-GigabitEthernet1/0/2", "Vlan1"]
    names = network._Names(Interface(number, name) for number, name in enumerate(ports))
    assert names.of(short) == whole


def test_pages_and_control_signs_leave_no_trace() -> None:
    paged = "one\r\n --More-- \x08\x08\x08\x08\x08\x08\x08\x08\x08          \x08\x08two\r\n  ---- More ----\x1b[16D                \x1b[16Dthree\r\n"
    assert [line.strip() for line in network.tidy(paged).splitlines()] == ["one", "two", "three"]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(sorted(packaged())),
    text=st.text(max_size=400)
    | st.sampled_from(["Interface " * 200, "a" * 9_000, "\n".join(["x is up"] * 500)]),
)
def test_whatever_a_device_answers_it_is_facts_or_nothing(name: str, text: str) -> None:
    platform = packaged()[name]
    facts = read(name, {one.send: text for one in platform.commands})
    assert facts.about["platform"] == name
    assert len(facts.interfaces) <= network.MAX_ROWS
    assert all(len(str(value)) <= network.MAX_NAME for value in facts.readings.values())


@pytest.mark.parametrize(
    "line", ["1" * 500, " " * 499 + "x", "a " * 250, "1.1." * 125, " a: " * 125, "x is up, " * 60]
)
def test_no_line_holds_up_a_template_for_long(line: str) -> None:
    for platform in packaged().values():
        for command in platform.commands:
            text = network.tidy("\n".join([line] * 4))
            begun = time.process_time()
            network.read(platform, {command.send: text})
            assert time.process_time() - begun < 0.5, f"{platform.platform}: {command.send}"

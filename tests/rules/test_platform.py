"""Platforms of network devices as data: what only shows is taken, all else is refused by file and line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.document import DocumentError
from rules.platform import ONLY_SHOWS, of_banner, packaged, read

GOOD = """\
platform: example
title: Example OS
driver: cisco_ios
vendor: Example
ci_class: switch
ask: show version
says: Example OS
commands:
  - send: show arp
    gives: arp
    rows: "(?P<far_address>[0-9.]+) (?P<far_mac>[0-9a-f.]+) (?P<port>.+)"
"""


def test_all_packaged_platforms_are_read_and_each_tells_who_it_is_and_its_interfaces() -> None:
    assert set(packaged()) >= {
        "cisco_ios", "cisco_nxos", "cisco_asa", "huawei_vrp", "h3c_comware", "ruijie_rgos", "juniper_junos",
        "arista_eos", "zte_zxros", "mikrotik_routeros",
    }  # fmt: skip
    for one in packaged().values():
        gives = {command.gives: command.always for command in one.commands}
        assert gives["about"] is False
        assert gives["interfaces"] is True


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("show arp", "reload", 9),
        ("show arp", "show arp; reload", 9),
        ("show arp", "'show arp | redirect flash:x'", 9),
        ("show version", "configure terminal", 6),
        ("<port>", "<colour>", 9),
        ("Example OS", "'('", 7),
        ("gives: arp", "gives: all", 10),
        ("vendor:", "maker:", 4),
    ],
)
def test_what_does_not_only_show_or_is_not_known_is_refused_by_line(old: str, new: str, line: int) -> None:
    assert read(GOOD, "example.yaml").commands[0].gives == "arp"
    with pytest.raises(DocumentError) as caught:
        read(GOOD.replace(old, new), "example.yaml")
    assert caught.value.line == line


@given(
    st.sampled_from(["show version", "display arp", "ip arp print"]),
    st.sampled_from(";\n\r&`$><\"'\\{}"),
    st.text(),
)
def test_nothing_can_be_put_behind_a_command(command: str, sign: str, rest: str) -> None:
    assert not ONLY_SHOWS.found(command + sign + rest)


@pytest.mark.parametrize(
    ("banner", "names"),
    [
        ("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3", []),
        ("SSH-2.0-Cisco-1.25", ["cisco_asa", "cisco_ios"]),
        ("SSH-2.0-ROSSSH", ["mikrotik_routeros"]),
        ("SSH-2.0-Comware-7.1.070", ["h3c_comware"]),
        ("SSH-2.0-HUAWEI-1.5", ["huawei_vrp"]),
    ],
)
def test_a_greeting_tells_the_platform_where_it_can(banner: str, names: list[str]) -> None:
    assert [one.platform for one in of_banner(banner)] == names

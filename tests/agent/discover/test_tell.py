"""What a scout saw as a message: whatever it saw, the message keeps the bounds of the wire."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.discover.found import Found, Interface, Link
from agent.discover.seen import Seen
from agent.discover.tell import MAX_KEYS, MAX_LINKS, finding
from rules.wire import Finding, RangeJob

JOB = RangeJob(1, 1, ["192.0.2.0/24"])
LONG = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=300)
LINKS = st.builds(
    Link,
    st.sampled_from(["lldp", "cdp", "bridge", "arp", "route"]),
    LONG,
    st.dictionaries(st.sampled_from(["macs", "name", "address"]), st.lists(LONG, max_size=40), max_size=3),
    LONG,
    st.floats(-1, 2),
)
PORTS = st.lists(st.builds(Interface, st.integers(1, 99), LONG, LONG, LONG, mac=LONG), max_size=4)


@settings(deadline=None)
@given(links=st.lists(LINKS, max_size=5), ports=PORTS, times=st.sampled_from([1, 2 * MAX_LINKS]))
def test_neighbours_and_ports_are_told_within_the_bounds_of_the_wire(
    links: list[Link], ports: list[Interface], times: int
) -> None:
    found = Found("192.0.2.1", links=tuple(links * times), interfaces=tuple(ports))
    told = finding(JOB, Seen(found), {}, at=1.0)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(told), type=Finding) == told
    assert len(told.links) == min(len(links) * times, MAX_LINKS)
    assert all(len(values) <= MAX_KEYS for one in told.links for values in one.keys.values())
    assert set(told.ports) <= {one.port for one in told.links}


def test_a_word_that_several_ports_share_names_none_of_them() -> None:
    ports = (
        Interface(1, "Gi1/0/1", "GigabitEthernet1/0/1", "uplink", mac="02:00:00:00:00:01"),
        Interface(2, "Gi1/0/2", "GigabitEthernet1/0/2", "uplink"),
        Interface(3, "Gi1/0/3", "GigabitEthernet1/0/3", "to the roof"),
    )
    seen = tuple(Link("lldp", one.name, {"name": ["bob"]}) for one in ports[:2])
    told = finding(JOB, Seen(Found("192.0.2.1", links=seen, interfaces=ports)), {}, at=1.0)
    assert told.ports == {
        "Gi1/0/1": ["GigabitEthernet1/0/1", "02:00:00:00:00:01"],
        "Gi1/0/2": ["GigabitEthernet1/0/2"],
    }

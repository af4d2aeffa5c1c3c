"""Links out of what devices tell: against networks that were drawn first, and by properties of any words."""

import random
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.links import End, Joint, Picture, merge
from rules.neighbours import Member, Neighbour, port_key

ALICE, BOB, CHARLIE = 1, 2, 3


def mac(device: int, port: int) -> str:
    return f"00:1b:21:00:{device:02x}:{port:02x}"


def member(device: int, ports: int = 8) -> Member:
    return Member(
        device,
        {"macs": [mac(device, 0)], "name": [f"sw-{device}.example.com"], "address": [f"10.0.0.{device}"]},
        {
            f"GigabitEthernet1/0/{port}": [f"Gi1/0/{port}", str(port), mac(device, port)]
            for port in range(1, ports + 1)
        },
    )


def port(number: int) -> str:
    return f"GigabitEthernet1/0/{number}"


def says(kind: str, near: int, device: int, far: int | None = None, **more: object) -> Neighbour:
    """A neighbour as its device introduces itself; the port in the short form of its maker."""
    keys = {"macs": [mac(device, 0)], "name": [f"sw-{device}"]}
    told = Neighbour("lldp", port(near), keys, f"Gi1/0/{far}" if far else "", 0.95)
    return replace(told, kind=kind, **more)  # type: ignore[arg-type]


@dataclass
class Drawn:
    """A network: links between (device, port), each port used once, and who speaks LLDP."""

    devices: int
    links: set[tuple[End, End]]
    mute: set[int]

    @property
    def members(self) -> list[Member]:
        return [member(one) for one in range(1, self.devices + 1)]

    def told(self) -> list[tuple[int, Neighbour]]:
        """What all devices that speak tell of those that speak."""
        out = []
        for one, other in self.links:
            for near, far in ((one, other), (other, one)):
                if near.device not in self.mute and far.device not in self.mute:
                    out.append((near.device, says("lldp", int(near.port), far.device, int(far.port))))
        return out


@st.composite
def networks(draw: st.DrawFn) -> Drawn:
    devices = draw(st.integers(2, 7))
    free = [(device, number) for device in range(1, devices + 1) for number in range(1, 9)]
    pick = random.Random(draw(st.integers(0, 2**32)))
    pick.shuffle(free)
    links = set()
    for _ in range(draw(st.integers(0, 12))):
        if len(free) < 2:
            break
        one = free.pop()
        other = next((end for end in free if end[0] != one[0]), None)
        if other is not None:
            free.remove(other)
            first, second = sorted((End(one[0], str(one[1])), End(other[0], str(other[1]))))
            links.add((first, second))
    return Drawn(devices, links, draw(st.sets(st.integers(1, devices), max_size=2)))


def drawn_pairs(joints: tuple[Joint, ...]) -> set[tuple[End, End]]:
    return {
        (
            End(one.one.device, one.one.port.rpartition("/")[2]),
            End(one.other.device, one.other.port.rpartition("/")[2]),
        )
        for one in joints
    }


@given(drawn=networks(), data=st.data())
def test_every_drawn_link_of_speaking_devices_is_found_once_whoever_forgets_half(
    drawn: Drawn, data: st.DataObject
) -> None:
    told = drawn.told()
    wanted = {pair for pair in drawn.links if not {end.device for end in pair} & drawn.mute}
    one_end = {(min(a, b), max(a, b)) for a, b in wanted}
    lost = data.draw(
        st.sets(st.sampled_from(sorted(one_end)), max_size=len(one_end)) if one_end else st.just(set())
    )
    kept = [
        (device, said)
        for device, said in told
        if not any(device == other.device and said.port == port(int(other.port)) for _, other in lost)
    ]
    picture = merge(kept, drawn.members)
    assert drawn_pairs(picture.joints) == wanted
    assert len(picture.joints) == len(wanted)
    for joint in picture.joints:
        pair = next(iter(drawn_pairs((joint,))))
        assert joint.confidence == pytest.approx(0.95 if pair in lost else 0.99, abs=0.01)
        ends = {joint.one.device, joint.other.device}
        speaking = {device for device, said in kept if device in ends and _is_told(joint, device, said)}
        assert set(joint.tellers) == speaking


def _is_told(joint: Joint, device: int, said: Neighbour) -> bool:
    """Whether a device's word is of this link: one port has one neighbour in what was drawn."""
    return End(device, said.port) in {joint.one, joint.other}


KINDS = st.sampled_from(["lldp", "cdp", "bridge", "arp", "route"])
WORDS = st.sampled_from(["", "Gi1/0/1", "GigabitEthernet1/0/2", "3", "eth0", "00:1b:21:00:02:01"])
TOLD = st.tuples(
    st.integers(1, 4),
    st.builds(
        Neighbour,
        kind=KINDS,
        port=WORDS,
        keys=st.fixed_dictionaries(
            {},
            optional={
                "macs": st.lists(st.builds(mac, st.integers(1, 5), st.integers(0, 3)), max_size=2),
                "name": st.lists(
                    st.sampled_from(["sw-1", "sw-2.example.com", "sw-9", "localhost"]), max_size=2
                ),
                "address": st.lists(st.sampled_from(["10.0.0.1", "10.0.0.3", "127.0.0.1"]), max_size=2),
            },
        ),
        far_port=WORDS,
        confidence=st.floats(0, 1),
    ),
)
ENTERED = st.lists(
    st.tuples(st.builds(End, st.integers(1, 2), WORDS), st.builds(End, st.integers(3, 4), WORDS)),
    max_size=3,
)
MEMBERS = [member(one) for one in range(1, 5)]


@settings(max_examples=150)
@given(told=st.lists(TOLD, max_size=12), entered=ENTERED, seed=st.integers(0, 99))
def test_whatever_is_told_the_picture_is_sound_and_no_order_changes_it(
    told: list[tuple[int, Neighbour]], entered: list[tuple[End, End]], seed: int
) -> None:
    picture = merge(told, MEMBERS, entered)
    mixed = list(told)
    random.Random(seed).shuffle(mixed)
    assert merge(mixed, MEMBERS, entered) == picture
    assert merge([*told, *told], MEMBERS, entered) == picture
    known = {one.id for one in MEMBERS}
    by_hand = {(end.device, port_key(end.port)) for pair in entered for end in pair if end.port}
    for joint in picture.joints:
        assert joint.one.device < joint.other.device
        assert {joint.one.device, joint.other.device} <= known
        assert 0 <= joint.confidence <= 0.99
        assert not {(end.device, port_key(end.port)) for end in (joint.one, joint.other)} & by_hand
    assert len({(joint.one, joint.other) for joint in picture.joints}) == len(picture.joints)
    assert {one.entered for one in picture.conflicts} | set(picture.confirmed) <= set(entered)


def test_one_that_both_ends_tell_is_surer_than_one_that_one_end_tells() -> None:
    half = merge([(ALICE, says("lldp", 1, BOB, 2))], MEMBERS)
    both = merge([(ALICE, says("lldp", 1, BOB, 2)), (BOB, says("cdp", 2, ALICE, 1))], MEMBERS)
    (one,), (two,) = half.joints, both.joints
    assert (one.one, one.other) == (two.one, two.other) == (End(ALICE, port(1)), End(BOB, port(2)))
    assert (one.sources, two.sources) == (("lldp",), ("cdp", "lldp"))
    assert one.confidence < two.confidence


def test_two_cables_between_the_same_two_stay_two() -> None:
    told = [(ALICE, says("lldp", number, BOB, number)) for number in (1, 2)]
    told += [(BOB, says("lldp", number, ALICE, number)) for number in (1, 2)]
    assert len(merge(told, MEMBERS).joints) == 2


def learned(near: int, device: int, confidence: float) -> Neighbour:
    return Neighbour("bridge", port(near), {"macs": [mac(device, 0)]}, "", confidence)


def test_what_a_bridge_learned_counts_only_where_nobody_introduced_itself() -> None:
    alone = merge([(ALICE, learned(3, BOB, 0.8))], MEMBERS)
    assert [(one.one, one.sources) for one in alone.joints] == [(End(ALICE, port(3)), ("bridge",))]
    beside = merge([(ALICE, learned(3, BOB, 0.8)), (ALICE, says("lldp", 1, BOB, 2))], MEMBERS)
    assert [one.sources for one in beside.joints] == [("lldp",)]


def test_of_two_ports_that_learned_an_address_the_one_with_fewer_behind_it_leads_there() -> None:
    told = [(ALICE, learned(3, CHARLIE, 0.8)), (BOB, learned(7, CHARLIE, 0.25))]
    (joint,) = merge(told, MEMBERS).joints
    assert (joint.one, joint.confidence) == (End(ALICE, port(3)), 0.8)
    tied = [(ALICE, learned(3, CHARLIE, 0.8)), (BOB, learned(7, CHARLIE, 0.8))]
    (doubtful,) = merge(tied, MEMBERS).joints
    assert doubtful.confidence == 0.4


def test_arp_tells_whose_an_address_is_that_a_bridge_learned() -> None:
    strange = "00:1b:21:99:99:99"
    told = [(ALICE, Neighbour("bridge", port(3), {"macs": [strange]}, "", 0.8))]
    assert merge(told, MEMBERS).joints == ()
    told.append((BOB, Neighbour("arp", port(1), {"macs": [strange], "address": ["10.0.0.3"]}, "", 0.3)))
    (joint,) = merge(told, MEMBERS).joints
    assert {joint.one.device, joint.other.device} == {ALICE, CHARLIE}
    told.append((BOB, Neighbour("arp", port(1), {"macs": [strange], "address": ["10.0.0.2"]}, "", 0.3)))
    assert merge(told, MEMBERS).joints == (), "an address of two devices is none's"


def test_a_key_that_two_devices_share_identifies_neither_and_the_neighbour_is_shown_as_a_stranger() -> None:
    twins = [*MEMBERS, Member(9, {"name": ["sw-2"]})]
    told = [(ALICE, Neighbour("lldp", port(1), {"name": ["SW-2"]}, "Gi1/0/2", 0.95))]
    picture = merge(told, twins)
    assert picture.joints == ()
    (stranger,) = picture.strangers
    assert (stranger.seen_by, stranger.candidates) == (End(ALICE, port(1)), (BOB, 9))
    (nobody,) = merge([(ALICE, says("lldp", 1, 77, 2))], MEMBERS).strangers
    assert nobody.candidates == ()


def test_what_a_person_entered_stands_and_who_contradicts_it_is_reported() -> None:
    entered = [(End(ALICE, "gi 1/0/1"), End(CHARLIE, ""))]
    against = merge([(ALICE, says("lldp", 1, BOB, 2))], MEMBERS, entered)
    assert against.joints == ()
    assert [one.entered for one in against.conflicts] == entered
    agreeing = merge([(ALICE, says("lldp", 1, CHARLIE, 5))], MEMBERS, entered)
    assert (agreeing.joints, agreeing.conflicts, agreeing.confirmed) == ((), (), tuple(entered))


def test_a_port_that_hears_several_is_doubted() -> None:
    told = [(ALICE, says("lldp", 1, BOB, 1)), (ALICE, says("lldp", 1, CHARLIE, 1))]
    assert {one.confidence for one in merge(told, MEMBERS).joints} == {0.665}


def test_a_gateway_is_a_link_only_of_devices_between_which_none_is_known() -> None:
    gateway = Neighbour("route", port(4), {"address": ["10.0.0.2"]}, "", 0.4)
    assert [one.sources for one in merge([(ALICE, gateway)], MEMBERS).joints] == [("route",)]
    told = [(ALICE, gateway), (ALICE, says("lldp", 1, BOB, 2))]
    assert [one.sources for one in merge(told, MEMBERS).joints] == [("lldp",)]


@pytest.mark.parametrize(
    "names",
    [
        ("GigabitEthernet1/0/1", "Gi1/0/1", "gi 1/0/1", "GigabitEthernet 1/0/1"),
        ("Ten-GigabitEthernet1/0/49", "Te1/0/49", "TenGigabitEthernet1/0/49", "XGigabitEthernet1/0/49"),
        ("Ethernet1/49", "Eth1/49", "ethernet1/49"),
        ("Port-Channel10", "Po10", "port-channel 10"),
    ],
)
def test_makers_long_and_short_names_of_a_port_are_one(names: tuple[str, ...]) -> None:
    assert len({port_key(name) for name in names}) == 1


def test_different_ports_have_different_keys() -> None:
    names = [
        "Gi1/0/1",
        "Gi1/0/11",
        "Te1/0/1",
        "Fa1/0/1",
        "Eth1/0/1",
        "Hu1/0/1",
        "Fo1/0/1",
        "1/0/1",
        "ge-1/0/1",
    ]
    assert len({port_key(name) for name in names}) == len(names)


def test_a_thousand_devices_are_joined_without_delay() -> None:
    members = [
        Member(one, {"name": [f"sw-{one}"]}, {f"Gi1/0/{number}": [] for number in range(1, 5)})
        for one in range(1, 1_001)
    ]
    told = []
    for one in range(2, 1_001):
        told.append(
            (one, Neighbour("lldp", "Gi1/0/1", {"name": [f"sw-{one // 2}"]}, f"Gi1/0/{2 + one % 2}", 0.95))
        )
        told.append(
            (one // 2, Neighbour("lldp", f"Gi1/0/{2 + one % 2}", {"name": [f"sw-{one}"]}, "Gi1/0/1", 0.95))
        )
    picture = merge(told, members)
    assert isinstance(picture, Picture)
    assert len(picture.joints) == 999

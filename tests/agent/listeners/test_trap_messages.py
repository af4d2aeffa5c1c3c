"""Reading traps: what senders write is read, what nobody may write is refused with a place."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.listeners import trap
from agent.listeners.trap import Trap
from agent.listeners.traps import text_of
from agent.transports import ber
from agent.transports.trouble import BadResponseError
from tests.agent.listeners import messages
from tests.agent.listeners.messages import LINK_DOWN


def read(data: bytes) -> Trap:
    version, at, end = trap.head(data)
    return trap.read(data, version, at, end)


def values_of(told: Trap) -> dict[str, str]:
    return {ber.decode_oid(one[0]): text_of(one[1], told.data[one[2] : one[3]]) for one in told.varbinds()}


oids = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=8).map(
    lambda arcs: ".".join(map(str, (1, 3, 6, 1, *arcs)))
)
contents = st.dictionaries(
    oids, st.integers(-(2**31), 2**31 - 1) | st.text(st.characters(codec="ascii")), max_size=5
)


@given(oid=oids, content=contents, uptime=st.integers(0, 2**32 - 1))
def test_a_trap_of_v2c_tells_what_was_put_into_it(
    oid: str, content: dict[str, int | str | bytes], uptime: int
) -> None:
    content = {
        name: told for name, told in content.items() if name not in {messages.UPTIME, messages.TRAP_OID}
    }
    told = read(messages.v2c(oid, content, uptime=uptime))
    assert (ber.decode_oid(told.oid), told.uptime, told.community) == (oid, uptime, b"public")
    assert list(values_of(told)) == list(content)
    for name, said in content.items():
        if isinstance(said, int):
            assert values_of(told)[name] == str(said)


@given(
    oid=oids,
    content=contents,
    place=st.integers(0, 200),
    octet=st.integers(0, 255),
    community=st.binary(max_size=140),
)
def test_the_quick_way_takes_nothing_that_the_careful_one_reads_otherwise(
    oid: str, content: dict[str, int | str | bytes], place: int, octet: int, community: bytes
) -> None:
    good = messages.v2c(oid, content, community=community)
    bad = bytearray(good)
    bad[place % len(bad)] = octet
    for data in (good, bytes(bad), good[: place % len(good)]):
        quick = trap.usual(data)
        if quick is not None:
            assert quick == read(data)
    assert len(community) > 127 or trap.usual(good) == read(good)


@given(content=contents, first=st.integers(0, 2**32 - 1), second=st.integers(0, 2**32 - 1))
def test_the_same_trap_has_the_same_content_whenever_it_is_sent(
    content: dict[str, int | str | bytes], first: int, second: int
) -> None:
    one = read(messages.v2c(LINK_DOWN, content, uptime=first, number=first & 0xFFFF))
    other = read(messages.v2c(LINK_DOWN, content, uptime=second, number=second & 0xFFFF))
    assert one.content == other.content
    assert one.content != read(messages.v2c(messages.LINK_UP, content)).content


@pytest.mark.parametrize("generic", range(6))
def test_a_generic_trap_of_v1_becomes_the_standard_notification(generic: int) -> None:
    told = read(messages.v1("1.3.6.1.4.1.32473.1", generic, 0))
    assert ber.decode_oid(told.oid) == f"1.3.6.1.6.3.1.1.5.{generic + 1}"
    assert told.origin == b"\x0a\0\0\x09"


@given(specific=st.integers(0, 2**31 - 1), content=contents)
def test_a_specific_trap_of_v1_keeps_its_maker_and_number(
    specific: int, content: dict[str, int | str | bytes]
) -> None:
    told = read(messages.v1("1.3.6.1.4.1.32473", 6, specific, content))
    assert ber.decode_oid(told.oid) == f"1.3.6.1.4.1.32473.0.{specific}"
    kept = {name for name in content if name not in {messages.UPTIME, messages.TRAP_OID}}
    assert set(values_of(told)) == kept


@given(data=st.binary(max_size=300))
def test_rubbish_raises_nothing_but_its_own_error(data: bytes) -> None:
    with contextlib.suppress(BadResponseError):
        read(data).varbinds()


@given(place=st.integers(0, 200), octet=st.integers(0, 255), cut=st.integers(1, 200))
def test_a_damaged_trap_raises_nothing_but_its_own_error(place: int, octet: int, cut: int) -> None:
    good = messages.v2c(LINK_DOWN, {"1.3.6.1.2.1.2.2.1.1.12": 12, "1.3.6.1.2.1.2.2.1.2.12": "ge-0/0/12"})
    bad = bytearray(good)
    bad[place % len(bad)] = octet
    for data in (bytes(bad), good[:cut], bytes(bad[:cut])):
        with contextlib.suppress(BadResponseError):
            values_of(read(data))


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"", "message"),
        (b"\x30\x84\xff\xff\xff\xff", "message"),
        (ber.tlv(ber.SEQUENCE, ber.integer(2)), "version"),
        (messages.v2c(LINK_DOWN, kind=0xA2), "PDU"),
        (messages.v2c(LINK_DOWN, community=b"x" * 300), "community"),
        (messages.v1("1.3.6.1.4.1.32473", 7, 0), "generic-trap"),
    ],
)
def test_what_is_no_trap_is_refused_with_its_place(data: bytes, place: str) -> None:
    with pytest.raises(BadResponseError) as caught:
        read(data)
    assert caught.value.place == place


def test_an_inform_is_answered_with_its_own_id_and_values() -> None:
    asked = messages.v2c(LINK_DOWN, {"1.3.6.1.2.1.2.2.1.1.12": 12}, kind=trap.INFORM, number=4711)
    answer = ber.read(trap.answer_message(read(asked)))
    assert (answer.request_id, answer.error_status) == (4711, 0)
    assert [ber.decode_oid(one[0]) for one in answer.varbinds] == [
        messages.UPTIME,
        messages.TRAP_OID,
        "1.3.6.1.2.1.2.2.1.1.12",
    ]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"GigabitEthernet1/0/1\0", "GigabitEthernet1/0/1"),
        ("接口断开".encode(), "接口断开"),
        ("接口断开".encode("gb18030"), "接口断开"),
        (b"\x00\x1b\x21\x3c\x4d\x5e", "00:1b:21:3c:4d:5e"),
        (b"\x1b[31mred", "1b:5b:33:31:6d:72:65:64"),
    ],
)
def test_octets_are_read_as_text_where_they_are_text(raw: bytes, text: str) -> None:
    assert text_of(ber.OCTETS, raw) == text

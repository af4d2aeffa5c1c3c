import contextlib
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.transports import ber
from agent.transports.snmp_walk import Ask, Session, Walk
from agent.transports.trouble import BadResponseError, TroubleError

OIDS = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20).map(
    lambda tail: ".".join(map(str, [1, 3, *tail]))
)
UNSIGNED = st.sampled_from([ber.COUNTER32, ber.GAUGE32, ber.TIMETICKS])


def number(tag: int, value: int) -> bytes:
    return ber.tlv(tag, value.to_bytes((value ^ value >> 64).bit_length() // 8 + 1, "big", signed=True))


def response(varbinds: list[tuple[bytes, bytes]], request_id: int = 0x40000001, status: int = 0) -> bytes:
    body = b"".join(ber.tlv(0x30, ber.tlv(6, oid) + value) for oid, value in varbinds)
    pdu = ber.integer(request_id) + ber.integer(status) + ber.integer(0) + ber.tlv(0x30, body)
    return ber.tlv(0x30, ber.integer(1) + ber.tlv(4, b"public") + ber.tlv(0xA2, pdu))


@given(OIDS)
def test_an_oid_survives_the_way_to_bytes_and_back(oid: str) -> None:
    assert ber.decode_oid(ber.encode_oid(oid)) == oid


@given(st.lists(st.binary(max_size=12), max_size=8), st.binary(min_size=1, max_size=140))
def test_any_bytes_are_the_same_oid_whatever_was_read_before(before: list[bytes], raw: bytes) -> None:
    for head in before:
        ber.decode_oid(head + raw[-1:])
    first, *rest = ber.arcs(raw) or (None,)
    wanted = ""
    if first is not None:
        top = min(first // 40, 2)
        wanted = ".".join(map(str, (top, first - top * 40, *rest)))
    assert ber.decode_oid(raw) == wanted


@given(OIDS, OIDS)
def test_encoded_oids_are_ordered_as_their_numbers(one: str, other: str) -> None:
    numbers = tuple(map(int, one.split("."))), tuple(map(int, other.split(".")))
    assert ber.after(ber.encode_oid(one), ber.encode_oid(other)) == (numbers[0] > numbers[1])


@pytest.mark.parametrize("text", ["", "1", "3.1", "1.40.1", "1.3.x", "1.3.-1", "1.3.4294967296", "1." * 200])
def test_what_is_no_oid_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"OID|literal"):
        ber.encode_oid(text)


@settings(max_examples=1_000)
@given(st.binary(max_size=400))
def test_t2_any_bytes_give_an_answer_or_the_declared_error(data: bytes) -> None:
    caught: BadResponseError | None = None
    try:
        ber.read(data)
    except BadResponseError as error:
        caught = error
    if caught is not None:
        assert caught.reason == "bad_response"
        assert caught.place
        assert len(caught.evidence) <= 512


@settings(max_examples=1_000)
@given(st.data())
def test_t2_a_damaged_answer_never_escapes_the_walk(data: st.DataObject) -> None:
    ask = Ask.of(["1.3.6.1.2.1.1.3.0"], [["1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.2.2.1.10"]])
    walk = Walk(Session(1, b"public", ask))
    good = response([(ask.scalars[0], number(ber.TIMETICKS, 77)), (b"\x2b\x06", ber.tlv(4, b"x" * 40))])
    for _ in range(3):
        message = bytearray(good)
        for _ in range(data.draw(st.integers(0, 4))):
            message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
        with contextlib.suppress(TroubleError):
            if walk.take(bytes(message[: data.draw(st.integers(0, len(message)))])):
                break


def test_impossible_lengths_allocate_next_to_nothing() -> None:
    bombs = [
        b"\x30\x84\xff\xff\xff\xff" + b"\x02" * 20,
        b"\x30\x80" * 2_000,
        b"\x30\x83\xff\xff\xff",
        b"\x30\x82\x03\xe8" + b"\x30\x82\x03\xe0" * 250,
    ]
    tracemalloc.start()
    for bomb in bombs:
        with pytest.raises(BadResponseError):
            ber.read(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * 1024


@given(st.lists(st.tuples(UNSIGNED, st.integers(0, 2**32 - 1)), min_size=1, max_size=20), st.data())
def test_a_learned_answer_reads_the_same_as_a_slow_one(
    cells: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Whatever the next answer says: the layout reads it exactly as the decoder does, or declines."""
    ask = Ask.of([f"1.3.6.1.4.1.9.{place}.0" for place in range(len(cells))], [])

    def message(values: list[tuple[int, int]]) -> bytes:
        return response([(oid, number(*cell)) for oid, cell in zip(ask.scalars, values, strict=True)])

    session = Session(1, b"public", ask)
    for _ in range(2):
        walk = Walk(session)
        assert walk.take(message(cells))
    assert session.layouts
    changed = [(tag, data.draw(st.integers(0, 2**32 - 1))) for tag, _ in cells]
    walk = Walk(session)
    assert walk.take(message(changed))
    assert walk.answer().values == [value for _, value in changed]


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_signed_numbers_of_every_length_are_read_by_layouts_too(first: int, then: int) -> None:
    ask = Ask.of(["1.3.6.1.4.1.9.1.0"], [])
    session = Session(1, b"public", ask)
    for value in (first, first, then):
        walk = Walk(session)
        assert walk.take(response([(ask.scalars[0], number(ber.INTEGER, value))]))
        assert walk.answer().values == [value]


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_64_bit_counters_of_every_length_are_read_by_layouts_too(first: int, then: int) -> None:
    ask = Ask.of(["1.3.6.1.4.1.9.1.0"], [])
    session = Session(1, b"public", ask)
    for value in (first, first, then):
        walk = Walk(session)
        assert walk.take(response([(ask.scalars[0], number(ber.COUNTER64, value))]))
        assert walk.answer().values == [value]


def test_a_layout_declines_an_answer_about_something_else() -> None:
    ask = Ask.of(["1.3.6.1.4.1.9.1.0"], [])
    session = Session(1, b"public", ask)
    for _ in range(2):
        Walk(session).take(response([(ask.scalars[0], number(ber.GAUGE32, 5))]))
    layout = next(iter(session.layouts.values()))
    assert layout.values(response([(ask.scalars[0], number(ber.GAUGE32, 6))], request_id=0x41111111)) == [6]
    assert layout.values(response([(ber.encode_oid("1.3.6.1.4.1.9.2.0"), number(ber.GAUGE32, 6))])) is None
    assert layout.values(response([(ask.scalars[0], number(ber.COUNTER32, 6))])) is None
    assert layout.values(response([(ask.scalars[0], number(ber.GAUGE32, 6))], status=5)) is None


def test_a_sign_extended_counter_is_cut_to_its_32_bits() -> None:
    assert ber.value_of(ber.COUNTER32, b"\xff\xff\xff\xff\x80\x00\x00\x01") == 0x80000001


def test_floats_inside_opaque_are_numbers() -> None:
    assert ber.value_of(ber.OPAQUE, b"\x9f\x78\x04\x41\xbc\x00\x00") == 23.5
    assert ber.value_of(ber.OPAQUE, b"\x9f\x78\x04\x41") == b"\x9f\x78\x04\x41"

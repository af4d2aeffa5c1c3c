"""Messages survive the wire; rubbish is refused item by item, within bounds."""

import struct
import tracemalloc
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import wire
from rules.codec import WireError, decode_report, encode
from rules.wire import AlertNews, Gap, Observation, Report, SampleBlock

NO_NUL = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")  # a NUL comes as U+FFFD
TEXT = st.text(NO_NUL, max_size=50)
LABELS = st.dictionaries(TEXT, TEXT, max_size=4)
NEWS = st.builds(
    AlertNews,
    device=st.text(NO_NUL, min_size=1, max_size=20),
    rule=st.text(NO_NUL, min_size=1, max_size=20),
    status=st.sampled_from(["firing", "resolved", "info"]),
    severity=st.sampled_from(["critical", "major", "minor", "info"]),
    at=st.floats(0, 7e9),
    summary=st.dictionaries(st.sampled_from(["en", "zh"]), TEXT, min_size=1),
    key=LABELS,
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
)
REPORTS = st.builds(
    Report,
    agent=st.integers(1, 10),
    stream=st.sampled_from(["events", "samples"]),
    sequence=st.integers(1, 2**63 - 1),
    sent_at=st.floats(0, 7e9),
    samples=st.lists(
        st.integers(0, 9).map(lambda n: SampleBlock(5.0, struct.pack(f"<{n}I", *range(n)), bytes(8 * n))),
        max_size=3,
    ),
    alerts=st.lists(NEWS, max_size=3),
    observations=st.lists(
        st.builds(
            Observation,
            device=st.just("t1"),
            at=st.floats(0, 7e9),
            ci_class=st.just("ups"),
            name=TEXT,
            keys=st.dictionaries(TEXT, st.lists(TEXT, max_size=3), max_size=3),
            relations=st.just([]),
        ),
        max_size=2,
    ),
    gaps=st.lists(
        st.builds(Gap, st.just("samples"), st.integers(0, 9), st.just(9), st.just(1), TEXT), max_size=2
    ),
)


@given(report=REPORTS)
def test_a_report_comes_as_it_was_sent(report: Report) -> None:
    found, refused = decode_report(encode(report))
    assert (found, refused) == (report, [])


@given(report=REPORTS, cuts=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8))
def test_a_damaged_report_is_read_or_refused_but_breaks_nothing(
    report: Report, cuts: list[tuple[int, int]]
) -> None:
    body = bytearray(encode(report))
    for place, value in cuts:
        body[place % len(body)] = value
    with suppress(WireError):
        found, refused = decode_report(bytes(body))
        assert all(one.status == "rejected" for one in refused)
        assert all(block.count() >= 0 for block in found.samples)


@given(body=st.binary(max_size=2_000))
def test_rubbish_is_refused_with_a_code(body: bytes) -> None:
    with pytest.raises(WireError):
        decode_report(body)


def test_one_bad_item_does_not_block_its_neighbours() -> None:
    news = {
        "device": "t1", "rule": "R", "status": "firing", "severity": "major", "at": 1.0,
        "summary": {"en": "x"},
    }  # fmt: skip
    report = {
        "agent": 1, "stream": "events", "sequence": 5, "sent_at": 2.0,
        "alerts": [news, news | {"severity": "loud"}, news | {"value": float("nan")}, news],
        "samples": [{"at": 1.0, "series": b"1234", "values": b"123"}],
    }  # fmt: skip
    found, refused = decode_report(msgspec.msgpack.encode(report))
    assert len(found.alerts) == 2
    assert [(one.kind, one.index) for one in refused] == [("samples", 0), ("alerts", 1), ("alerts", 2)]
    assert refused[1].field == "$.severity"


def test_deep_nesting_and_false_lengths_take_no_memory() -> None:
    tracemalloc.start()
    for body in (b"\x91" * 100_000, b"\xdd\xff\xff\xff\xff" + b"\x01" * 100, b"\xc6\xff\xff\xff\xff"):
        with pytest.raises(WireError):
            decode_report(body)
    assert tracemalloc.get_traced_memory()[1] < 4_000_000
    tracemalloc.stop()


def test_over_any_limit_is_refused_with_the_limit() -> None:
    with pytest.raises(WireError) as caught:
        decode_report(bytes(wire.MAX_BODY + 1))
    assert (caught.value.code, caught.value.limit) == ("too_large", wire.MAX_BODY)
    gaps = [Gap("samples", 1, 1, 0, "cap")] * (wire.MAX_ITEMS + 1)
    with pytest.raises(WireError) as caught:
        decode_report(encode(Report(agent=1, stream="events", sequence=1, sent_at=1.0, gaps=gaps)))
    assert caught.value.code == "too_many_items"


def test_a_newer_protocol_is_refused_with_the_version_spoken_here() -> None:
    with pytest.raises(WireError) as caught:
        decode_report(encode(Report(protocol=9, agent=1, stream="events", sequence=1, sent_at=1.0)))
    assert caught.value.code == "protocol"

"""The outbox against crashes: files cut and flipped at random places, a process killed while it writes."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.durable import StorageFailedError
from agent.outbox import Outbox
from rules.wire import Gap, Stream

NOW = 1_763_640_000.0


opened: list[Outbox] = []


def open_at(folder: Path, *, now: Callable[[], float] = lambda: NOW, cap: int = 1 << 30) -> Outbox:
    while opened:
        opened.pop().abandon()
    opened.append(Outbox(folder, cap=cap, max_age_s=3_600.0, gap_body=msgspec.json.encode, now=now))
    return opened[-1]


@pytest.fixture(autouse=True)
def _files_are_closed() -> Iterator[None]:
    yield
    while opened:
        opened.pop().abandon()


def drain(outbox: Outbox, stream: Stream = "samples") -> Iterator[tuple[int, bytes]]:
    while (record := outbox.next(stream)) is not None:
        yield record.number, record.body
        outbox.acknowledge(stream, record.number)


def gaps_of(outbox: Outbox) -> list[Gap]:
    outbox.sync()
    outbox.release()
    return [msgspec.json.decode(body, type=Gap) for _number, body in drain(outbox, "events")]


def test_what_was_put_in_comes_out_in_order_after_a_restart(tmp_path: Path) -> None:
    outbox = open_at(tmp_path)
    put = [(outbox.append("samples", b"%d" % one, items=1), b"%d" % one) for one in range(100)]
    outbox.close()
    assert list(drain(open_at(tmp_path))) == put


def test_nothing_is_sent_before_it_is_released(tmp_path: Path) -> None:
    outbox = open_at(tmp_path)
    outbox.append("events", b"x", items=1)
    assert outbox.next("events") is None
    outbox.sync()
    assert outbox.next("events") is None
    outbox.release()
    assert outbox.next("events") is not None


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 300_000), min_size=1, max_size=12),
    cut=st.floats(0, 1),
    acknowledged=st.integers(0, 12),
)
def test_a_file_cut_anywhere_loses_only_what_stood_behind_the_cut(
    sizes: list[int], cut: float, acknowledged: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        outbox = open_at(folder)
        put = [(outbox.append("samples", bytes(size), items=1), size) for size in sizes]
        outbox.sync()
        outbox.release()
        for number, _size in put[: min(acknowledged, len(put))]:
            outbox.acknowledge("samples", number)
        outbox.close()
        last = max(folder.glob("samples-*.seg"), default=None)
        survivors = put[min(acknowledged, len(put)) :]
        if last is not None:
            keep = int(last.stat().st_size * cut)
            os.truncate(last, keep)
            first = int(last.stem.partition("-")[2])
            before = [one for one in survivors if one[0] < first]
            inside, size = [], 0
            for number, length in put:
                if number >= first:
                    size += length + 32
                    if size <= keep and (number, length) in survivors:
                        inside.append((number, length))
            survivors = before + inside
        again = open_at(folder)
        assert [(number, len(body)) for number, body in drain(again)] == survivors
        assert again.append("samples", b"new", items=1) > put[-1][0]


@settings(max_examples=80, deadline=None)
@given(
    count=st.integers(1, 40),
    flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(1, 255)), min_size=1, max_size=5),
)
def test_flipped_bytes_lose_their_records_alone_and_are_told(
    count: int, flips: list[tuple[float, int]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        outbox = open_at(folder)
        put = {
            outbox.append("samples", b"%d:" % one * 50, items=1): b"%d:" % one * 50 for one in range(count)
        }
        outbox.close()
        (file,) = folder.glob("samples-*.seg")
        data = bytearray(file.read_bytes())
        for where, change in flips:
            data[int(len(data) * where)] ^= change
        file.write_bytes(bytes(data))
        again = open_at(folder)
        found = dict(drain(again))
        assert all(put[number] == body for number, body in found.items())
        assert len(found) >= count - len(flips)
        if len(found) < count:
            assert again.damaged >= 1
            assert all(gap.reason == "damaged" for gap in gaps_of(again))


@settings(max_examples=40, deadline=None)
@given(
    rubbish=st.binary(max_size=3_000), name=st.sampled_from(["samples.pointer", "events.pointer", "x.seg"])
)
def test_rubbish_in_its_files_never_stops_the_start(rubbish: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        outbox = open_at(path)
        number = outbox.append("samples", b"kept", items=1)
        outbox.close()
        target = path / name if name != "x.seg" else path / f"samples-{number + 5:020d}.seg"
        target.write_bytes(rubbish)
        again = open_at(path, now=lambda: NOW + 60)
        assert (number, b"kept") in list(drain(again))
        assert again.append("samples", b"new", items=1) > number


def test_numbers_never_come_twice_even_if_the_folder_was_emptied(tmp_path: Path) -> None:
    outbox = open_at(tmp_path)
    last = [outbox.append("events", b"x", items=1) for _ in range(500)][-1]
    outbox.close()
    for file in tmp_path.iterdir():
        file.unlink()
    assert open_at(tmp_path, now=lambda: NOW + 10).append("events", b"y", items=1) > last


def test_full_it_drops_the_oldest_samples_and_says_exactly_what(tmp_path: Path) -> None:
    cap = 8 * 1024 * 1024
    outbox = open_at(tmp_path, cap=cap)
    produced = 0
    for index in range(400):
        outbox.append("samples", bytes(60_000), items=7)
        produced += 7
        if index % 10 == 0:
            outbox.append("events", b"event %d" % index, items=1)
        assert sum(file.stat().st_size for file in tmp_path.glob("*.seg")) <= cap
    outbox.sync()
    outbox.release()
    events = [body for _number, body in drain(outbox, "events")]
    told = [msgspec.json.decode(body, type=Gap) for body in events if body.startswith(b"{")]
    assert [body for body in events if not body.startswith(b"{")] == [
        b"event %d" % i for i in range(0, 400, 10)
    ]
    delivered = 7 * len(list(drain(outbox)))
    assert delivered + sum(gap.items for gap in told) == produced
    assert {gap.reason for gap in told} == {"cap"}


def test_what_is_too_old_is_dropped_and_told(tmp_path: Path) -> None:
    moment = [NOW]
    outbox = open_at(tmp_path, now=lambda: moment[0])
    for _ in range(30):
        outbox.append("samples", bytes(100_000), items=1)
    moment[0] += 7_200
    outbox.append("samples", bytes(100_000), items=1)
    outbox.drop_old()
    told = gaps_of(outbox)
    left = len(list(drain(outbox)))
    assert {gap.reason for gap in told} == {"age"}
    assert left + sum(gap.items for gap in told) == 31


def test_p3_a_failed_sync_names_the_file_and_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = open_at(tmp_path)
    outbox.append("events", b"x", items=1)

    def broken(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", broken)
        with pytest.raises(StorageFailedError, match=r"events-\d+\.seg could not be written safely"):
            outbox.sync()
    with pytest.raises(StorageFailedError):
        outbox.sync()
    with pytest.raises(StorageFailedError):
        outbox.append("events", b"y", items=1)
    outbox.release()
    assert outbox.next("events") is None


WRITER = """
import sys, msgspec
from pathlib import Path
from agent.outbox import Outbox
outbox = Outbox(Path(sys.argv[1]), gap_body=msgspec.json.encode, now=lambda: 1763640000.0)
outbox.release()
sent = open(sys.argv[2], "a")
for one in range(10**9):
    numbers = [outbox.append("samples", b"%d" % one * 200, items=1) for _ in range(5)]
    outbox.sync()
    print(numbers[-1], flush=True)     # told: these are safe
    outbox.release()
    if one % 3 == 0:
        record = outbox.next("samples")
        sent.write(f"{record.number}\\n"); sent.flush()
        outbox.acknowledge("samples", record.number)
"""


def test_p1_a_process_killed_at_any_moment_loses_nothing_that_was_safe(tmp_path: Path) -> None:
    safe: set[int] = set()
    folder, sent = tmp_path / "outbox", tmp_path / "sent"
    for round_ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(sent)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        time.sleep(0.05 + 0.03 * round_)
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
        process.wait()
        process.stdout.close()
        tops = [int(line) for line in lines if line.endswith("\n")]
        assert tops
        assert not safe or min(tops) > max(safe)
        safe |= {number for top in tops for number in range(top - 4, top + 1)}
    acknowledged = [int(line) for line in sent.read_text().split()]
    here = {number for number, _body in drain(open_at(folder))}
    assert safe <= here | set(acknowledged)
    pointers = json.loads((folder / "samples.pointer").read_text())
    assert pointers["acknowledged"] <= max(safe | set(acknowledged)) + 10_000

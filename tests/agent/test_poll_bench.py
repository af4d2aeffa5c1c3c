import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import bench
from agent.transports import ber

NAMES = ["1.3.6.1.2.1.1.3.0", *(f"1.3.6.1.2.1.33.1.2.{number}.0" for number in (1, 2, 3, 4, 5, 7))]


class Ups(asyncio.DatagramProtocol):
    """A UPS with some scalars and no tables, which answers GET and ends every walk."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        at = ber.request_id_at(data)
        bulk = bytes((ber.GET_BULK,)) in data[:at]
        value = b"\x82\x00" if bulk else b"\x42\x01\x05"
        asked = [oid for oid in map(ber.encode_oid, NAMES) if oid in data] or [ber.encode_oid("1.3.6.1.9")]
        body = b"".join(ber.tlv(0x30, ber.tlv(6, oid) + value) for oid in asked)
        pdu = b"\x02\x04" + data[at : at + 4] + b"\x02\x01\x00\x02\x01\x00" + ber.tlv(0x30, body)
        message = ber.tlv(0x30, b"\x02\x01\x01\x04\x06public" + ber.tlv(0xA2, pdu))
        self.transport.sendto(message, addr)  # type: ignore[attr-defined]


@pytest.fixture
def ups() -> Iterator[int]:
    """The port of a UPS that lives in a thread, because the bench runs a loop of its own."""
    loop = asyncio.new_event_loop()
    transport, _ = loop.run_until_complete(loop.create_datagram_endpoint(Ups, local_addr=("127.0.0.1", 0)))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield int(transport.get_extra_info("sockname")[1])
    loop.call_soon_threadsafe(transport.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def targets(folder: Path, port: int) -> Path:
    file = folder / "T.jsonl"
    line = {
        "address": "127.0.0.1",
        "port": port,
        "community": "public",
        "version": "2c",
        "profile": "ups-mib",
    }
    file.write_text(json.dumps(line) + "\n")
    return file


def test_a_burst_is_measured_from_the_device_to_the_outbox(
    ups: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.poll(targets(tmp_path, ups), rounds=3, warm=2) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["items"] == 3 * len(NAMES)
    assert told["failed"] == 0
    assert {"cpu_s", "per_cpu_s", "wall_s", "peak_mb", "cpu_ms_device"} <= told.keys()


def test_a_steady_pace_is_measured_too(ups: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.poll(targets(tmp_path, ups), every=0.2, minutes=0.02) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["failed"] == 0
    assert told["rss_mb"] > 0
    assert 0 <= told["core_share"] < 1


@pytest.mark.parametrize("content", ["", "{", '{"address": 5}', '{"address": "127.0.0.1", "colour": "red"}'])
def test_a_file_that_is_no_good_is_told_by_its_line(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "T.jsonl"
    file.write_text(content)
    assert bench.poll(file) == 2
    told = capsys.readouterr()
    assert str(file) in told.err
    assert not told.out

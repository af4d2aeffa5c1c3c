"""Syslog over UDP, TCP and TLS: framed as senders do, judged, limited, relayed."""

import asyncio
import shutil
import socket
import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import SyslogSettings
from agent.listeners.bench import free_port
from agent.listeners.framing import MAX_MESSAGE, Frames
from agent.listeners.syslog import decoded, split
from agent.reading import Target
from rules import heard_reading
from tests.agent.listeners.conftest import ALICE, listening

DISK = b"<3>Nov 20 09:01:11 web1 kernel: I/O error, dev sd%c, sector 12"
bodies = st.binary(min_size=1, max_size=60).filter(
    lambda one: b"\n" not in one and one.strip(b"\r\n\0 ") == one
)


def send(port: int, *datagrams: bytes, source: str = "127.0.0.1") -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((source, 0))
        for data in datagrams:
            one.sendto(data, ("127.0.0.1", port))


@given(
    messages=st.lists(st.tuples(bodies, st.booleans()), max_size=8),
    cuts=st.lists(st.integers(1, 30), max_size=30),
)
def test_messages_come_out_of_a_stream_as_they_went_in_however_it_is_cut(
    messages: list[tuple[bytes, bool]], cuts: list[int]
) -> None:
    wanted = [b"<13>" + one for one, _ in messages]
    stream = b"".join(
        b"%d %b" % (len(one), one) if counted else one + b"\n"
        for one, (_, counted) in zip(wanted, messages, strict=True)
    )
    frames, found = Frames(), []
    for cut in cuts:
        found += frames.feed(stream[:cut])
        stream = stream[cut:]
    found += frames.feed(stream)
    assert found + frames.finish() == wanted


@given(chunks=st.lists(st.binary(max_size=50), max_size=20))
def test_any_stream_is_framed_and_little_of_it_is_kept(chunks: list[bytes]) -> None:
    frames = Frames()
    for chunk in chunks:
        frames.feed(chunk)
    assert len(frames._rest) <= MAX_MESSAGE + 10
    frames.finish()


@pytest.mark.parametrize("counted", [True, False])
def test_a_message_that_is_too_long_is_cut_and_the_next_one_is_whole(*, counted: bool) -> None:
    long, short = b"<13>" + b"x" * 200_000, b"<13>next"
    stream = b"200004 " + long + b"8 " + short if counted else long + b"\n" + short + b"\n"
    frames, found = Frames(), []
    for at in range(0, len(stream), 7_000):
        found += frames.feed(stream[at : at + 7_000])
        assert len(frames._rest) <= MAX_MESSAGE + 7_000
    assert found == [long[:MAX_MESSAGE], short]
    assert frames.cut == 1


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_chinese_lines_are_read_in_either_encoding(encoding: str) -> None:
    assert decoded("电源模块 1 故障\r\n".encode(encoding)) == "电源模块 1 故障"


@given(data=st.binary(max_size=200))
def test_any_octets_are_text_without_control_characters(data: bytes) -> None:
    _number, rest = split(data)
    assert all(sign.isprintable() or sign in "\t\n" or ord(sign) > 0x9F for sign in decoded(rest))


async def test_a_line_that_a_rule_wants_is_told_with_its_words_and_all_are_counted(tmp_path: Path) -> None:
    port = free_port()
    async with listening(tmp_path, syslog=SyslogSettings(udp=port)) as place:
        send(port, b"<30>Nov 20 09:01:11 web1 app: all is well", DISK % b"b", DISK % b"b", b"", b"\xff\xfe\0")
        (news,) = await place.told()
        assert (news.rule, news.status, news.severity, news.key) == (
            "DiskErrorLogged",
            "info",
            "major",
            {"disk": "sdb"},
        )
        assert news.summary["zh"] == "sw-alice：磁盘 sdb 读写失败"
        assert (news.evidence["program"], news.evidence["level"]) == ("kernel", "error")
        await place.counted("taken", 5)
        figures = {(name, *labels.values()): value for name, _, labels, value in place.station.metrics()}
        assert figures["agent_syslog_lines_total", "3"] == 2.0
        assert len(place.news) == 1


async def test_tcp_takes_both_framings_and_what_was_unfinished_at_the_end(tmp_path: Path) -> None:
    port = free_port()
    async with listening(tmp_path, syslog=SyslogSettings(tcp=port)) as place:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        first = DISK % b"a"
        writer.write(b"%d %b" % (len(first), first) + DISK % b"b" + b"\n" + DISK % b"c")
        await writer.drain()
        writer.close()
        assert {one.key["disk"] for one in await place.told(3)} == {"sda", "sdb", "sdc"}


async def test_t22_of_one_source_only_so_many_connections_are_taken_and_of_strangers_none(
    tmp_path: Path,
) -> None:
    port = free_port()
    async with listening(tmp_path, syslog=SyslogSettings(tcp=port)) as place:
        many = [await asyncio.open_connection("127.0.0.1", port) for _ in range(25)]
        await place.counted("refused_connections", 5)
        _, stranger = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.66", 0))
        await place.counted("unknown_source")
        many[0][1].write(DISK % b"z" + b"\n")
        await place.told()
        for _, writer in [*many, (None, stranger)]:
            writer.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate, and is not there")
async def test_tls_is_taken_with_the_certificate_of_the_settings(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = await asyncio.create_subprocess_exec(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=localhost"),
        *("-addext", "subjectAltName=DNS:localhost"),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await made.wait() == 0
    port = free_port()
    settings = SyslogSettings(tls=port, certificate=str(certificate), key=str(key))
    async with listening(tmp_path, syslog=settings) as place:
        trust = ssl.create_default_context(cafile=str(certificate))
        _, plain = await asyncio.open_connection("127.0.0.1", port)
        plain.write(DISK % b"x" + b"\n")
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="localhost")
        line = DISK % b"d"
        writer.write(b"%d %b" % (len(line), line))
        await writer.drain()
        (news,) = await place.told()
        assert news.key == {"disk": "sdd"}
        writer.close()
        plain.close()


async def test_a_relay_speaks_for_the_hosts_that_its_lines_name(tmp_path: Path) -> None:
    bob = Target("t2", "web1", "10.0.0.9")
    port = free_port()
    settings = SyslogSettings(udp=port, relays=["127.0.0.5"])
    async with listening(tmp_path, targets=(ALICE, bob), syslog=settings) as place:
        send(port, DISK % b"a", b"<3>Nov 20 09:01:11 nobody kernel: I/O error, dev sda", source="127.0.0.5")
        send(port, DISK % b"b")
        assert {(one.device, one.key["disk"]) for one in await place.told(2)} == {
            ("t2", "sda"),
            ("t1", "sdb"),
        }
        await place.counted("unknown_host")


async def test_own_rules_of_the_server_are_heard_too(tmp_path: Path) -> None:
    port = free_port()
    mine = heard_reading.read(
        "- {alert: DoorOpened, syslog: '门磁(?P<door>\\d+)打开', key: {door: door}, severity: minor, "
        "summary: {zh: '{ci} 门 {door} 打开'}}",
        "mine.yaml",
    )
    async with listening(tmp_path, syslog=SyslogSettings(udp=port), rules=mine) as place:
        send(port, "<13>门磁3打开".encode("gb18030"), "<13>门磁4打开".encode())
        assert {one.summary["zh"] for one in await place.told(2)} == {
            "sw-alice 门 3 打开",
            "sw-alice 门 4 打开",
        }

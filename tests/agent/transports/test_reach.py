import asyncio
import socket

import pytest

from agent.parsers import linux
from agent.parsers.text import MARK
from agent.transports import tcp
from agent.transports.host import Host
from agent.transports.icmp import Icmp, checksum
from agent.transports.trouble import TroubleError


def pinging_allowed() -> bool:
    for kind in (socket.SOCK_RAW, socket.SOCK_DGRAM):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except PermissionError:
            continue
        return True
    return False


ping = pytest.mark.skipif(not pinging_allowed(), reason="this account may not ping")


@ping
async def test_many_targets_are_pinged_over_one_socket() -> None:
    icmp = Icmp()
    all_facts = await asyncio.gather(*(icmp.fetch(f"127.0.5.{n}", timeout_s=3.0) for n in range(1, 60)))
    icmp.close()
    for facts in all_facts:
        rtt, loss = facts.readings["rtt_seconds"], facts.readings["loss_ratio"]
        assert isinstance(rtt, float)
        assert 0 < rtt < 1
        assert loss == 0


@ping
async def test_ping_reaches_version_six_too() -> None:
    icmp = Icmp()
    try:
        facts = await icmp.fetch("::1", count=1)
    except TroubleError as error:
        pytest.skip(f"no IPv6 here: {error.detail}")
    finally:
        icmp.close()
    assert facts.readings["loss_ratio"] == 0


@ping
async def test_a_name_nobody_knows_is_unreachable() -> None:
    icmp = Icmp()
    with pytest.raises(TroubleError) as caught:
        await icmp.fetch("no-such-host.invalid", timeout_s=5.0)
    icmp.close()
    assert caught.value.reason in {"unreachable", "no_answer"}


def test_the_checksum_of_a_checked_packet_is_zero() -> None:
    packet = b"\x08\x00\x00\x00\x12\x34\x00\x01payload!"
    whole = packet[:2] + checksum(packet).to_bytes(2, "big") + packet[4:]
    assert checksum(whole) == 0


async def test_an_open_port_is_measured_with_its_banner() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 \x1b[31mmail\x1b[0m\x00 ready\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    facts = await tcp.fetch("127.0.0.1", server.sockets[0].getsockname()[1], banner=True)
    server.close()
    assert facts.readings["banner"] == "220 mail� ready�\n"
    assert facts.rtt_s is not None


async def test_a_closed_port_is_refused(unused_tcp_port: int) -> None:
    with pytest.raises(TroubleError) as caught:
        await tcp.fetch("127.0.0.1", unused_tcp_port)
    assert caught.value.reason == "refused"


async def test_this_machine_is_read() -> None:
    host = Host()
    sum(range(2_000_000))
    facts = await host.fetch()
    memory, cpu = facts.readings["memory_used_ratio"], facts.readings["cpu_ratio"]
    assert isinstance(memory, float)
    assert isinstance(cpu, float)
    assert 0 < memory < 1
    assert 0 <= cpu <= 1
    assert facts.readings["hostname"] == socket.gethostname()


OUTPUT = "\n".join(
    f"{MARK}{name}\n{body}"
    for name, body in {
        "uptime": "93784.12 180000.1",
        "load": "0.50 0.40 0.30 1/200 999",
        "stat": "cpu  200 0 100 650 50 0 0 0 0 0",
        "cores": "4",
        "memory": "MemTotal: 8000 kB\nMemFree: 1000 kB\nMemAvailable: 2000 kB\nSwapTotal: 0 kB",
        "disks": "Filesystem 1024-blocks Used Available Capacity Mounted on\n"
        "/dev/sda1 1000 600 300 67% /\ntmpfs 50 0 50 0% /run\n/dev/sdb1 10 9 0 100% /mnt/a b",
        "mounts": "/dev/sda1 / ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\n/dev/sdb1 /mnt/a\\040b xfs rw 0 0",
        "network": "Inter-|\n face |\n lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
        "eth0: 1000 10 1 0 0 0 0 0 2000 20 2 0 0 0 0 0",
        "links": "/sys/class/net/eth0/operstate:up\n/sys/class/net/eth0/address:02:00:00:00:00:01",
        "hostname": "srv-1",
        "os": 'NAME=x\nPRETTY_NAME="Debian GNU/Linux 13"',
    }.items()
)


def test_what_a_linux_machine_prints_becomes_readings() -> None:
    facts, ticks = linux.read(OUTPUT, (100.0, 500.0))
    assert ticks == (300.0, 1000.0)
    assert facts.readings["cpu_ratio"] == 0.4
    assert facts.readings["memory_used_ratio"] == 0.75
    assert facts.readings["os"] == "Debian GNU/Linux 13"
    assert [(row["mount"], row["used_ratio"]) for row in facts.tables["disks"]] == [
        ("/", 600 / 900),
        ("/mnt/a b", 1.0),
    ]
    assert facts.tables["interfaces"] == [
        {
            "interface": "eth0",
            "receive_bytes": 1000,
            "receive_errors": 1,
            "transmit_bytes": 2000,
            "transmit_errors": 2,
            "status": "up",
            "mac": "02:00:00:00:00:01",
        }
    ]


def test_what_is_no_linux_is_a_bad_response() -> None:
    with pytest.raises(TroubleError) as caught:
        linux.read("% Invalid input detected at '^' marker.", None)
    assert caught.value.reason == "bad_response"

"""Peers of the transport tests: Debian's snmpd, and a small UDP responder that answers what a test says."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.realness import note

SNMPD = shutil.which("snmpd", path="/usr/sbin:/usr/bin:/sbin:/bin")
USERS = {
    "md5des": ("MD5", "DES"),
    "sha1aes": ("SHA", "AES"),
    "sha256aes256": ("SHA-256", "AES-256"),
    "sha512aes192": ("SHA-512", "AES-192"),
    "sha384aes": ("SHA-384", "AES"),
    "sha224aes": ("SHA-224", "AES"),
}
SECRET = "correct horse battery"


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Snmpd:
    """A real snmpd with v1, v2c (community `watch`) and v3 users named as in USERS."""

    def __init__(self, home: Path) -> None:
        if SNMPD is None:
            note(
                "SNMP",
                "fallback",
                "our own agents only: snmpd is not installed",
            )
            pytest.skip("snmpd is not installed")
        self.program, self.home, self.port = SNMPD, home, free_udp_port()
        lines = [
            f"agentAddress udp:127.0.0.1:{self.port}",
            "rocommunity watch 127.0.0.1",
            "sysName bench-switch",
            "sysLocation B1",
            "sysServices 72",
        ]
        for name, (auth, priv) in USERS.items():
            lines += [f'createUser {name} {auth} "{SECRET}" {priv} "{SECRET}"', f"rouser {name} priv"]
        (home / "snmpd.conf").write_text("\n".join(lines) + "\n")
        self.start()

    def start(self) -> None:
        environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(self.home / "state"), "MIBS": ""}
        log, conf = self.home / "log", self.home / "snmpd.conf"
        log.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [self.program, "-f", "-Lf", str(log), "-C", "-c", str(conf), "-p", str(self.home / "pid")],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        note("SNMP", "real", "net-snmp's snmpd: v1, v2c, v3")
        for _ in range(600):
            said = log.read_text() if log.exists() else ""
            if "NET-SNMP version" in said:  # its last word before it listens
                return
            if self.process.poll() is not None:
                pytest.skip(f"snmpd does not start here: {said[-300:]}")
            time.sleep(0.05)
        pytest.fail(f"snmpd is not ready within 30 s: {said[-300:]}")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture(scope="session")
def snmpd_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    one = Snmpd(tmp_path_factory.mktemp("snmpd"))
    yield one
    one.stop()


@pytest.fixture(scope="session")
def snmpd(snmpd_process: Snmpd) -> int:
    return snmpd_process.port


Answerer = Callable[[bytes], list[bytes]]


class Hostile(asyncio.DatagramProtocol):
    """Answers each datagram with whatever `answer` makes of it."""

    def __init__(self) -> None:
        self.answer: Answerer = lambda _: []
        self.asked: list[bytes] = []
        self.port = 0
        self.elsewhere: asyncio.DatagramTransport | None = None
        self.from_elsewhere = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked.append(data)
        way = self.elsewhere if self.from_elsewhere and self.elsewhere is not None else self.transport
        for one in self.answer(data):
            way.sendto(one, addr)


@pytest.fixture
async def hostile() -> AsyncIterator[Hostile]:
    loop = asyncio.get_running_loop()
    transport, device = await loop.create_datagram_endpoint(Hostile, local_addr=("127.0.0.1", 0))
    other, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    device.elsewhere = other
    yield device
    transport.close()
    other.close()

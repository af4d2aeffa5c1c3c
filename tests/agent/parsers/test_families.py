# ruff: noqa: E501 - recorded output stands as it was printed
"""Recorded outputs, written after the systems' manuals, and what the readers make of them."""

import contextlib
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.parsers import aix, bsd, inventory, linux, solaris, windows
from agent.parsers.families import FAMILIES, of_answer
from agent.parsers.text import MARK
from agent.transports.facts import Facts
from agent.transports.trouble import BadResponseError
from tests.agent.parsers.conftest import NOW


def printed(parts: Mapping[str, str]) -> str:
    return "".join(f"{MARK}{name}\n{text}" for name, text in parts.items())


FREEBSD = {
    "uptime": " 3:41PM  up 12 days,  4:05, 2 users, load averages: 0.55, 0.47, 0.43\n",
    "cpu": "kern.cp_time: 1000 0 500 100 8400\n",
    "cores": "8\n",
    "physical": "17179869184\n",
    "vmstat": "  4096 bytes per page\n 1048576 pages free\n 1048576 pages inactive\n",
    "swap": "Device:       1K-blocks     Used:\n/dev/ada0p3   2097152    524288\n",
    "disks": "Filesystem 1024-blocks Used Avail Capacity Mounted on\n"
    "/dev/ada0p2 1000 400 500 44% /\ndevfs 1 1 0 100% /dev\n",
    "mounts": "/dev/ada0p2 on / (ufs, local, soft-updates)\ndevfs on /dev (devfs)\n",
    "network": "Name    Mtu Network       Address              Ipkts Ierrs Idrop     Ibytes    Opkts Oerrs     "
    "Obytes  Coll\n"
    "em0    1500 <Link#1>      52:54:00:aa:bb:01   90000     3     0  123456789    80000     4   98765432     0\n"
    "em0       - 192.0.2.0/24  192.0.2.5           89000     -     -  120000000    79000     -   90000000     -\n"
    "em1*   1500 <Link#2>      52:54:00:aa:bb:02       0     0     0          0        0     0          0     0\n"
    "lo0   16384 <Link#3>      lo0                  1000     0     0      50000     1000     0      50000     0\n",
    "hostname": "alice.example.org\n",
    "kernel": "FreeBSD 14.1-RELEASE\n",
    "os": "14.1-RELEASE-p3\n",
    "model": "Intel(R) Xeon(R) CPU E-2336\n",
    "uuid": "d3b07384-d9a0-4c9b-8d1a-52540000aabb\n",
}
AIX = {
    "uptime": "  03:41PM   up 40 days,   4 hrs,  2 users,  load average: 1.05, 0.97, 0.93\n",
    "cpu": "\nSystem configuration: lcpu=8 mem=16384MB\n\nkthr    memory              page              faults   "
    "     cpu\n----- ----------- ------------------------ ------------ -----------\n"
    " r  b   avm   fre  re  pi  po  fr   sr  cy  in   sy  cs us sy id wa\n"
    " 1  1 900000 90000   0   0   0   0    0   0   9 2000 600  5  5 85  5\n"
    " 1  1 900000 90000   0   0   0   0    0   0   9 2000 600 20 10 65  5\n",
    "memory": "              4194304 memory pages\n               524288 free pages\n"
    "              1572864 file pages\n",
    "swap": "Total Paging Space   Percent Used\n      2048MB              25%\n",
    "cores": "proc0 Available 00-00 Processor\nproc4 Available 00-04 Processor\n",
    "disks": "Filesystem    1024-blocks      Used Available Capacity Mounted on\n"
    "/dev/hd4 1000 250 750 25% /\n/proc - - - - /proc\n",
    "mounts": "  node       mounted        mounted over    vfs       date        options\n"
    "-------- ---------------  ---------------  ------ ------------ ---------------\n"
    "         /dev/hd4         /                jfs2   Jun 03 11:20 rw,log=/dev/hd8\n",
    "network": "Name   Mtu   Network     Address                 Ipkts     Ierrs        Opkts     Oerrs  Coll\n"
    "en0    1500  link#2      fa.16.3e.1.2.c3        900000         7       800000         2     0\n"
    "en0    1500  192.0.2     192.0.2.7              900000         7       800000         2     0\n"
    "lo0    16896 link#1                               5000         0         5000         0     0\n",
    "hostname": "bob\n",
    "level": "7200-05-03-2148\n",
    "cpu_model": "PowerPC_POWER8\n",
    "uuid": "a0b1c2d3-0000-1111-2222-333344445555\n",
}
SOLARIS = {
    "uptime": "  3:41pm  up 12 day(s),  4:05,  2 users,  load average: 0.05, 0.07, 0.06\n",
    "cpu": "cpu_stat:0:cpu_stat0:idle\t800\ncpu_stat:0:cpu_stat0:kernel\t100\n"
    "cpu_stat:0:cpu_stat0:user\t100\ncpu_stat:0:cpu_stat0:wait\t0\n",
    "memory": "unix:0:system_pages:freemem\t262144\nunix:0:system_pages:physmem\t1048576\n",
    "page": "8192\n",
    "swap": "total: 1024k bytes allocated + 512k reserved = 1536k used, 4608k available\n",
    "cores": "0\ton-line   since 01/02/2026 03:04:05\n1\ton-line   since 01/02/2026 03:04:05\n",
    "disks": "Filesystem           kbytes    used   avail capacity  Mounted on\n"
    "rpool/ROOT/s11 1000 600 400 60% /\nswap 100 1 99 1% /tmp\n",
    "kinds": "/                  : zfs\n/tmp               : tmpfs\n",
    "network": "link:0:net0:ierrors\t5\nlink:0:net0:link_state\t1\nlink:0:net0:obytes64\t2000\n"
    "link:0:net0:oerrors\t6\nlink:0:net0:rbytes64\t1000\n",
    "hostname": "charlie\n",
    "kernel": "SunOS 5.11 11.4.66.0.1.163.2\n",
    "release": "                             Oracle Solaris 11.4 SPARC\n",
    "cpu_model": "cpu_info:0:cpu_info0:brand\tSPARC-T4\n",
}
WINDOWS = {
    "os": "Microsoft Windows Server 2022 Standard", "version": "10.0.20348", "host": "DAVE", "up": 86400.5,
    "mem": 16777216, "free": 4194304, "swap": 2097152, "swapfree": 2097152, "cpu": "Intel(R) Xeon(R) Gold",
    "cores": 8, "load": 37, "uuid": "4C4C4544-0000-1111-8022-B9C04F303232",
    "disks": [{"DeviceID": "C:", "FileSystem": "NTFS", "Size": 1000, "FreeSpace": 250}],
    "nics": [{"Name": "Ethernet", "Status": "Up", "MacAddress": "52-54-00-AA-BB-03", "ReceiveLinkSpeed": 10**10}],
    "io": [{"Name": "Ethernet", "ReceivedBytes": 11, "SentBytes": 12, "ReceivedPacketErrors": 1,
            "OutboundPacketErrors": 2}],
}  # fmt: skip


def the(facts: Facts, table: str, key: str, value: str) -> dict[str, Any]:
    return next(row for row in facts.tables[table] if row[key] == value)


def test_freebsd_is_read() -> None:
    facts, ticks = bsd.read(printed(FREEBSD), (1000.0, 6000.0))
    got = facts.readings
    assert got["uptime_seconds"] == (12 * 24 + 4) * 3600 + 5 * 60
    assert (got["load1"], got["load15"], got["cores"]) == (0.55, 0.43, 8)
    assert ticks == (1600.0, 10_000.0)
    assert got["cpu_ratio"] == pytest.approx(600 / 4000)
    assert got["memory_used_ratio"] == pytest.approx(0.5)
    assert (got["swap_bytes"], got["swap_used_ratio"]) == (2097152 * 1024, 0.25)
    assert (got["os"], got["hostname"]) == ("FreeBSD 14.1-RELEASE-p3", "alice.example.org")
    assert [row["mount"] for row in facts.tables["disks"]] == ["/"]
    em0 = the(facts, "interfaces", "interface", "em0")
    assert (em0["receive_bytes"], em0["transmit_bytes"]) == (123456789, 98765432)
    assert (em0["receive_errors"], em0["transmit_errors"], em0["status"]) == (3, 4, "up")
    assert the(facts, "interfaces", "interface", "em1")["status"] == "down"
    assert len(facts.tables["interfaces"]) == 2


@pytest.mark.parametrize(
    "said",
    ["kern.cp_time=100,0,50,0,10,840", "kern.cp_time: user = 100, nice = 0, sys = 50, intr = 10, idle = 840"],
)
def test_openbsd_and_netbsd_tell_their_ticks_in_their_own_form(said: str) -> None:
    assert bsd.read(printed({**FREEBSD, "cpu": said}), None)[1] == (160.0, 1000.0)


def test_aix_is_read() -> None:
    got = (facts := aix.read(printed(AIX), None)[0]).readings
    assert got["uptime_seconds"] == (40 * 24 + 4) * 3600
    assert got["cpu_ratio"] == pytest.approx(0.3)
    assert (got["memory_bytes"], got["memory_used_ratio"]) == (4194304 * 4096, 0.5)
    assert (got["swap_bytes"], got["swap_used_ratio"], got["cores"]) == (2048 * 1024**2, 0.25, 2)
    assert got["os"] == "AIX 7200-05-03-2148"
    assert [(row["mount"], row["fstype"]) for row in facts.tables["disks"]] == [("/", "jfs2")]
    (en0,) = facts.tables["interfaces"]
    assert (en0["mac"], en0["receive_errors"], en0["transmit_errors"]) == ("fa:16:3e:01:02:c3", 7, 2)


def test_solaris_is_read() -> None:
    facts, ticks = solaris.read(printed(SOLARIS), (100.0, 600.0))
    got = facts.readings
    assert ticks == (200.0, 1000.0)
    assert got["cpu_ratio"] == pytest.approx(100 / 400)
    assert (got["memory_bytes"], got["memory_used_ratio"]) == (1048576 * 8192, 0.75)
    assert (got["swap_bytes"], got["swap_used_ratio"]) == (6144 * 1024, 0.25)
    assert (got["os"], got["cpu_model"]) == ("Oracle Solaris 11.4 SPARC", "SPARC-T4")
    assert [row["mount"] for row in facts.tables["disks"]] == ["/"]
    (net0,) = facts.tables["interfaces"]
    assert (net0["receive_bytes"], net0["transmit_bytes"], net0["status"]) == (1000, 2000, "up")


def test_windows_is_read() -> None:
    facts, _ = windows.read("\ufeff" + json.dumps(WINDOWS) + "\r\n", None)
    got = facts.readings
    assert (got["uptime_seconds"], got["cpu_ratio"], got["cores"]) == (86400.5, 0.37, 8)
    assert (got["memory_bytes"], got["memory_used_ratio"]) == (2**34, 0.75)
    assert got["os"] == "Microsoft Windows Server 2022 Standard 10.0.20348"
    assert facts.tables["disks"][0]["used_ratio"] == 0.75
    (nic,) = facts.tables["interfaces"]
    assert nic == {
        "interface": "Ethernet", "status": "up", "mac": "52:54:00:AA:BB:03", "speed_bits": 1e10,
        "receive_bytes": 11, "transmit_bytes": 12, "receive_errors": 1, "transmit_errors": 2,
    }  # fmt: skip


def test_what_windows_is_sent_fits_into_a_line_of_its_shell() -> None:
    assert len(windows.POLL) <= windows.MAX_COMMAND
    assert len(windows.FACTS) <= windows.MAX_COMMAND


Certificate = Callable[[str, int], str]


def told(found: inventory.Inventory) -> Facts:
    facts = Facts()
    inventory.tell(found, facts, now=NOW)
    return facts


def test_linux_tells_what_it_has_and_does(certificate: Certificate) -> None:
    parts = {
        "vendor": "Dell Inc.\n", "product": "PowerEdge R650\n", "serial": "ABC1234\n", "virtual": "none\n",
        "dpkg": "openssh-server\t1:9.2p1-2\nzlib1g\t1:1.2.13\nbroken\n",
        "services": "ssh.service loaded active running OpenBSD Secure Shell server\n"
        "● app.service loaded failed failed The application\n"
        "gone.service not-found inactive dead gone\n",
        "ss": 'tcp   LISTEN 0 128    0.0.0.0:22    0.0.0.0:*  users:(("sshd",pid=612,fd=3))\n'
        "tcp   LISTEN 0 128  127.0.0.1:5432   0.0.0.0:*\n"
        "tcp   ESTAB  0 0    192.0.2.5:22  192.0.2.9:51000\n"
        'tcp   ESTAB  0 0    192.0.2.5:40000  192.0.2.20:5432 users:(("java",pid=9,fd=4))\n'
        'tcp   ESTAB  0 0    192.0.2.5:40001  192.0.2.20:5432 users:(("java",pid=9,fd=5))\n'
        "tcp   ESTAB  0 0    192.0.2.5:40002  192.0.2.21:22\n"
        "tcp   ESTAB  0 0    127.0.0.1:40003  127.0.0.1:5432\n"
        "udp   UNCONN 0 0    [::]:161   [::]:*\n",
        "drives": 'NAME="sda" TYPE="disk" SIZE="480103981056" MODEL="PERC H755" SERIAL="00aa"\n',
        "passwd": "root:x:0:0::/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/sh\n"
        "daemon:x:1:1::/:/usr/sbin/nologin\ntoor:x:0:0::/root:/bin/sh\n",
        "addresses": "1: lo    inet 127.0.0.1/8 scope host lo\n2: eth0    inet 192.0.2.5/24 brd 192.0.2.255\n",
        "certificates": f"==> /etc/nginx/web.pem\n{certificate('web.example.org', 10)}==> /etc/nginx/key.pem\n",
    }  # fmt: skip
    found = linux.tell(printed(parts))
    assert found.readings == {"vendor": "Dell Inc.", "model": "PowerEdge R650", "serial": "ABC1234"}
    facts = told(found)
    assert facts.about == {
        "packages": "openssh-server 1:9.2p1-2, zlib1g 1:1.2.13",
        "services_running": "ssh",
        "services_failed": "app",
        "listening": "tcp/22 sshd, tcp/5432 (local), udp/161",
        "clients": "tcp/22: 192.0.2.9",
        "certificates": "web.example.org (/etc/nginx/web.pem, 2026-03-11)",
        "drives": "sda 480 GB PERC H755 00aa",
        "accounts": "alice, root, toor (0)",
        "addresses": "192.0.2.5",
    }
    (row,) = facts.tables["certificates"]
    assert (row["subject"], row["issuer"], row["expiry_seconds"]) == (
        "web.example.org",
        "Charlie's CA",
        864_000,
    )
    (relation,) = facts.relations
    assert (relation.kind, relation.keys) == ("depends_on", {"address": ["192.0.2.20"]})
    assert relation.attributes == {
        "protocol": "tcp",
        "port": "5432",
        "process": "java",
        "told_by": "connections",
    }


def test_what_an_old_linux_tells_with_other_tools() -> None:
    found = linux.tell(printed({
        "rpm": "openssh-server\t5.3p1-124.el6_10\n",
        "openrc": " sshd   [  started  ]\n crond  [  crashed  ]\n",
        "netstat": "Active Internet connections (servers and established)\n"
        "Proto Recv-Q Send-Q Local Address  Foreign Address State  PID/Program name\n"
        "tcp        0      0 0.0.0.0:22     0.0.0.0:*       LISTEN      1203/sshd\n"
        "tcp        0      0 192.0.2.5:5555 192.0.2.6:389   ESTABLISHED -\n",
        "board": "Raspberry Pi 4 Model B Rev 1.4\x00\n",
    }))  # fmt: skip
    facts = told(found)
    assert facts.about["packages"] == "openssh-server 5.3p1-124.el6_10"
    assert (facts.about["services_running"], facts.about["services_failed"]) == ("sshd", "crond")
    assert facts.about["listening"] == "tcp/22 sshd"
    assert [one.keys["address"] for one in facts.relations] == [["192.0.2.6"]]
    assert facts.readings["model"] == "Raspberry Pi 4 Model B Rev 1.4"


NETSTAT_OF_BSD = (
    "Active Internet connections (including servers)\n"
    "Proto Recv-Q Send-Q Local Address          Foreign Address        (state)\n"
    "tcp4       0      0 192.0.2.5.8080         192.0.2.9.51000        ESTABLISHED\n"
    "tcp46      0      0 *.8080                 *.*                    LISTEN\n"
    "udp4       0      0 *.514                  *.*\n"
)


def test_freebsd_tells_what_it_has_and_does() -> None:
    found = bsd.tell(printed({
        "vendor": "Supermicro\n", "product": "X11\n", "serial": "S1\n",
        "pkg": "nginx 1.26.1\n", "enabled": "/etc/rc.d/sshd\n/usr/local/etc/rc.d/nginx\n",
        "sockets": NETSTAT_OF_BSD, "drives": "ada0 ada1\n",
        "addresses": "\tinet 192.0.2.5 netmask 0xffffff00 broadcast 192.0.2.255\n",
    }))  # fmt: skip
    facts = told(found)
    assert facts.about == {
        "packages": "nginx 1.26.1", "services_running": "nginx, sshd", "listening": "tcp/8080, udp/514",
        "clients": "tcp/8080: 192.0.2.9", "drives": "ada0, ada1", "addresses": "192.0.2.5",
    }  # fmt: skip
    assert facts.readings == {"vendor": "Supermicro", "model": "X11", "serial": "S1"}


def test_a_table_of_bsd_without_its_heading_has_no_rows() -> None:
    facts, _ = bsd.read(printed({**FREEBSD, "network": "odd\nem0 1500 <Link#1>\n"}), None)
    assert "em0" not in str(facts.tables["interfaces"])


def test_openbsd_tells_packages_and_failed_services() -> None:
    found = bsd.tell(printed({
        "pkg_info": "quirks-7.14      exceptions to pkg_add rules\np5-URI-5.21  module\n",
        "enabled": "sshd\nsmtpd\n", "failed": "nsd\n", "drives": "sd0:a1b2,cd0:\n",
    }))  # fmt: skip
    assert found.packages == [("quirks", "7.14"), ("p5-URI", "5.21")]
    assert found.services == [("sshd", "running"), ("smtpd", "running"), ("nsd", "failed")]
    assert found.drives == ["cd0", "sd0"]


def test_aix_tells_what_it_has_and_does() -> None:
    found = aix.tell(printed({
        "model": "IBM,8286-41A\n", "serial": "IBM,0221F1234\n",
        "lslpp": "#Package Name:Fileset:Level:State\nbos.rte:bos.rte.net:7.2.5.100: : :C: :Net: : : : : : :0:0:/:\n",
        "lssrc": "Subsystem         Group            PID          Status \n"
        " sshd             ssh              5898540      active\n lpd              spooler                       inoperative\n",
        "sockets": "tcp4       0      0  *.22                  *.*                   LISTEN\n",
    }))  # fmt: skip
    assert found.readings == {"vendor": "IBM", "model": "8286-41A", "serial": "21F1234"}
    assert found.packages == [("bos.rte.net", "7.2.5.100")]
    assert found.services == [("sshd", "running"), ("lpd", "stopped")]
    assert [(one.port, one.state) for one in found.sockets] == [(22, "listening")]


def test_solaris_tells_what_it_has_and_does() -> None:
    found = solaris.tell(printed({
        "prtdiag": "System Configuration:  Oracle Corporation  sun4v SPARC T4-1\nMemory size: 16384 Megabytes\n",
        "sneep": "AK00012345\n",
        "pkg": "archiver/gnu-tar      1.34-11.4.36    i--\ncompress/xz (solaris)    5.2.5-11.4.24    i--\n",
        "svcs": "online         svc:/network/ssh:default\nmaintenance    svc:/application/app:default\n",
        "sockets": "\nTCP: IPv4\n   Local Address        Remote Address    Swind Send-Q Rwind Recv-Q    State\n"
        "----- -----\n      *.22                 *.*                0      0 128000      0 LISTEN\n"
        "192.0.2.5.33000      192.0.2.8.1521     64128      0 128872      0 ESTABLISHED\n",
    }))  # fmt: skip
    assert found.readings == {"vendor": "Oracle Corporation", "model": "SPARC T4-1", "serial": "AK00012345"}
    assert found.packages == [("archiver/gnu-tar", "1.34-11.4.36"), ("compress/xz", "5.2.5-11.4.24")]
    assert found.services == [("network/ssh", "running"), ("application/app", "failed")]
    assert [one.keys["address"] for one in told(found).relations] == [["192.0.2.8"]]


def test_windows_tells_what_it_has_and_does() -> None:
    said = {
        "hw": {"Vendor": "HPE", "Name": "ProLiant DL360 Gen10", "IdentifyingNumber": "CZ1"},
        "soft": {"DisplayName": "7-Zip", "DisplayVersion": "23.01"},
        "svc": [
            {"Name": "sshd", "State": "Running", "StartMode": "Auto", "ExitCode": 0},
            {"Name": "App", "State": "Stopped", "StartMode": "Auto", "ExitCode": 1067},
            {"Name": "Lazy", "State": "Stopped", "StartMode": "Auto", "ExitCode": 1077},
        ],
        "tcp": [
            {"s": "Listen", "a": "::", "p": 22, "f": "::", "q": 0, "n": "sshd"},
            {"s": "Established", "a": "192.0.2.5", "p": 50000, "f": "192.0.2.3", "q": 1433, "n": "app"},
        ],
        "cert": [{"Subject": "CN=dave.example.org, O=X", "Issuer": "CN=CA", "End": "2026-03-02T00:00:00"}],
        "disk": [{"Model": "NVMe", "SerialNumber": " S9 ", "Size": 960197124096}],
        "user": ["Administrator"],
        "ip": ["192.0.2.5", "fe80::1%4"],
    }
    facts = told(windows.tell(json.dumps(said)))
    assert facts.readings == {"vendor": "HPE", "model": "ProLiant DL360 Gen10", "serial": "CZ1"}
    assert (facts.about["packages"], facts.about["services_failed"]) == ("7-Zip 23.01", "App")
    assert (facts.about["listening"], facts.about["addresses"]) == ("tcp/22 sshd", "192.0.2.5")
    assert facts.about["drives"] == "NVMe 960 GB S9"
    assert facts.tables["certificates"][0]["expiry_seconds"] == 86_400
    assert [one.attributes["port"] for one in facts.relations] == ["1433"]


@pytest.mark.parametrize(
    ("output", "status", "name"),
    [
        ("Linux\n", 0, "linux"), ("OpenBSD\n", 0, "bsd"), ("Darwin\n", 0, "bsd"), ("AIX\n", 0, "aix"),
        ("SunOS\n", 0, "solaris"), ("", 1, "windows"), ("MINGW64_NT-10.0-20348\n", 0, "windows"),
        ("HP-UX\n", 0, None), ("% Invalid input detected at '^' marker.\n", 1, None), ("x" * 99, -1, None),
    ],
)  # fmt: skip
def test_a_family_is_known_by_what_uname_says(output: str, status: int, name: str | None) -> None:
    found = of_answer(output, status)
    assert (found.name if found else None) == name


@pytest.mark.parametrize("name", FAMILIES)
@given(data=st.data())
def test_whatever_is_printed_is_read_within_its_bounds_or_refused(name: str, data: st.DataObject) -> None:
    recorded = {"bsd": FREEBSD, "aix": AIX, "solaris": SOLARIS}.get(name, FREEBSD)
    lines = st.sampled_from([f"{MARK}{part}" for part in recorded] + "".join(recorded.values()).splitlines())
    output = "\n".join(data.draw(st.lists(lines | st.text(max_size=60), max_size=30)))
    family = FAMILIES[name]
    told(family.tell(output))
    facts = Facts()
    with contextlib.suppress(BadResponseError):  # the only way to refuse
        facts, _ = family.read(output, (0.0, 1.0))
    assert 0 <= float(str(facts.readings.get("cpu_ratio", 0.0))) <= 1
    assert all(0 <= float(str(row["used_ratio"])) <= 1 for row in facts.tables.get("disks", []))


LINUX = {
    "uptime": "86400.55 170000.10\n",
    "load": "0.10 0.20 0.30 1/200 4711\n",
    "memory": "MemTotal: 16000000 kB\nMemAvailable: 8000000 kB\nSwapTotal: 2000 kB\nSwapFree: 1000 kB\n",
    "stat": "cpu  200 0 100 650 50 0 0 0 0 0\n",
    "cores": "8\n",
    "disks": "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 1000 250 750 25% /\n",
    "network": "a\nb\n eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
    "drives": 'NAME="sda" TYPE="disk" SIZE="480103981056" MODEL="PERC" SERIAL="00aa"\n',
    "ss": "tcp   LISTEN 0 128    0.0.0.0:22    0.0.0.0:*\n",
}
ODD = ("nan", "inf", "-inf", "1e999", "9" * 400, "\N{SUPERSCRIPT TWO}", "-1", "", "0x", "[", "::1", "1.5.2")


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "windows"])
@given(data=st.data())
def test_a_number_that_counts_nothing_ends_no_reading(name: str, data: st.DataObject) -> None:
    recorded = {"bsd": FREEBSD, "aix": AIX, "solaris": SOLARIS}.get(name, LINUX)
    part = data.draw(st.sampled_from(sorted(recorded)))
    words = re.split(r"([\d.]+)", recorded[part])
    numbers = range(1, len(words), 2)
    for place in data.draw(st.lists(st.sampled_from(numbers), max_size=4)) if numbers else ():
        words[place] = data.draw(st.sampled_from(ODD))
    output = printed({**recorded, part: "".join(words)})
    family = FAMILIES[name]
    facts = Facts()
    with contextlib.suppress(BadResponseError):
        facts, _ = family.read(output, (0.0, 1.0))
    told(family.tell(output))
    rows = [facts.readings, *(row for table in facts.tables.values() for row in table)]
    values = [value for row in rows for value in row.values()]
    assert all(abs(one) < 2**63 for one in values if isinstance(one, int))
    assert all(math.isfinite(one) for one in values if isinstance(one, float))


@given(st.lists(st.text("abcxyz-.", min_size=1, max_size=250), max_size=200))
def test_a_list_is_told_within_the_bound_and_says_how_many_are_missing(items: list[str]) -> None:
    text = inventory.listed(items)
    assert len(text) <= inventory.MAX_TOLD
    whole, _, rest = text.partition(" (+")
    said = whole.split(", ") if whole else []
    assert said == items[: len(said)]
    assert len(said) + int(rest.rstrip(")") or 0) == len(items)

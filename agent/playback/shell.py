"""The shell of a server of the room: answers the questions a monitor asks, changes nothing.

A line may hold several commands (`;`, `&&`, `||`, newlines) and redirections to /dev/null; what the
shell does not know answers as bash does, with status 127. Output follows procfs and the tools of Debian 12.
"""

import re
import shlex
from collections.abc import Callable
from fnmatch import fnmatch
from functools import partial
from uuid import NAMESPACE_DNS, uuid5

from agent.playback.hosts import CORES, Host
from agent.playback.mibs.host import PROCESSES, SWAP_KB
from agent.playback.mibs.system import mac_of
from agent.playback.network import Port
from agent.playback.plant import Device
from agent.playback.room import Room

KERNEL = "6.1.0-28-amd64"
NOT_FOUND, FAILED = 127, 1
MAX_COMMANDS = 64
_CONNECTORS = ("&&", "||", ";", "\n")
PORTS = ((22, "sshd", 612), (161, "snmpd", 701), (5432, "postgres", 1290), (8080, "java", 1844))


class Shell:
    """One server's answers. `run` takes a line and gives output, errors and the exit status."""

    def __init__(self, room: Room, device: Device) -> None:
        self._room = room
        self._device = device
        self._host: Host = room.hosts[device.name]
        self._commands: dict[str, Callable[[list[str]], str | None]] = {
            "cat": self._cat,
            "df": self._df,
            "echo": lambda words: " ".join(word for word in words if word != "-n") + "\n",
            "free": self._free,
            "export": lambda _words: "",
            "grep": self._grep,
            "head": self._head,
            "hostname": lambda _words: device.name.lower() + "\n",
            "id": lambda _words: "uid=1001(watch) gid=1001(watch) groups=1001(watch)\n",
            "nproc": lambda _words: f"{CORES}\n",
            "ps": self._ps,
            "ss": self._ss,
            "systemctl": self._systemctl,
            "true": lambda _words: "",
            "uname": self._uname,
            "uptime": lambda _words: self._uptime(),
            "whoami": lambda _words: "watch\n",
            "date": lambda words: (
                f"{int(room.now.timestamp())}\n" if words == ["+%s"] else f"{room.now:%c}\n"
            ),
            "ip": self._ip,
            "dpkg-query": self._packages,
            "lsblk": self._lsblk,
        }

    def run(self, line: str) -> tuple[str, str, int]:
        """Run a line.

        Returns:
            What goes to standard output, to standard error, and the status of the last command.
        """
        out, err, status = [], [], 0
        for count, (connector, words) in enumerate(_split(line)):
            if count >= MAX_COMMANDS:
                break
            if (connector == "&&" and status != 0) or (connector == "||" and status == 0):
                continue
            said, complaint, status = self._one(words)
            out.append(said)
            err.append(complaint)
        return "".join(out), "".join(err), status

    def _one(self, words: list[str]) -> tuple[str, str, int]:
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):  # LC_ALL=C df
            words = words[1:]
        if words and words[0] in ("sudo", "env", "exec", "timeout", "nice"):
            words = [word for word in words[1:] if not re.fullmatch(r"-n|\d+s?|[A-Z_]+=\S*", word)]
        if not words:
            return "", "", 0
        name = words[0].rpartition("/")[2]
        if name not in self._commands:
            return "", f"bash: line 1: {name}: command not found\n", NOT_FOUND
        said = self._commands[name](words[1:])
        if said is None:
            return "", f"{name}: {' '.join(words[1:])}: No such file or directory\n", FAILED
        return said, "", 0

    def _cat(self, words: list[str]) -> str | None:
        texts = [self._file(word) for word in words if not word.startswith("-")]
        return None if None in texts else "".join(text or "" for text in texts)

    def _head(self, words: list[str]) -> str | None:
        """`head -n N FILE`, or `head FILE`: its first lines."""
        count = int(words[1]) if len(words) > 1 and words[0] == "-n" and words[1].isdecimal() else 10
        text = self._file(words[-1]) if words else None
        return None if text is None else "".join(text.splitlines(keepends=True)[:count])

    def _grep(self, words: list[str]) -> str | None:
        """`grep [-c] [-H] [-m N] PATTERN FILE...`; a file may be a glob."""
        flags = [word for word in words if word.startswith("-")]
        rest = [word for word in words if not word.startswith("-")]
        most = int(rest.pop(0)) if "-m" in flags and rest and rest[0].isdecimal() else None
        if len(rest) < 2:
            return None
        found: list[str] = []
        for path in self._paths(rest[1:]):
            lines = (self._file(path) or "").splitlines()
            matching = [line for line in lines if re.search(rest[0], line)][:most]
            found += [f"{path}:{line}" if "-H" in flags else line for line in matching]
        return f"{len(found)}\n" if "-c" in flags else "".join(line + "\n" for line in found)

    def _paths(self, patterns: list[str]) -> list[str]:
        """The files meant, with globs over what the shell has."""
        return [path for one in patterns for path in sorted(self._files()) if fnmatch(path, one)]

    def _file(self, path: str) -> str | None:
        files = self._files()
        return files[path]() if path in files else None

    def _files(self) -> dict[str, Callable[[], str]]:
        files: dict[str, Callable[[], str]] = {
            "/proc/stat": self._stat,
            "/proc/meminfo": self._meminfo,
            "/proc/loadavg": self._loadavg,
            "/proc/uptime": lambda: f"{self._up_s():.2f} {self._host.ticks['idle'] / 100:.2f}\n",
            "/proc/net/dev": self._net_dev,
            "/proc/diskstats": self._diskstats,
            "/proc/cpuinfo": self._cpuinfo,
            "/proc/version": lambda: f"Linux version {KERNEL} (debian-kernel@lists.debian.org) #1 SMP\n",
            "/proc/mounts": self._mounts,
            "/etc/os-release": _os_release,
            "/etc/machine-id": lambda: uuid5(NAMESPACE_DNS, self._device.serial).hex + "\n",
            "/etc/hostname": lambda: self._device.name.lower() + "\n",
            "/etc/debian_version": lambda: "12.8\n",
            "/sys/class/dmi/id/product_name": lambda: self._device.model + "\n",
            "/sys/class/dmi/id/sys_vendor": lambda: self._device.vendor + "\n",
            "/sys/class/dmi/id/product_serial": lambda: self._device.serial + "\n",
        }
        for port in self._room.network.ports[self._device.name].values():
            place = f"/sys/class/net/eno{port.number}"
            files[f"{place}/operstate"] = partial(_operstate, port)
            files[f"{place}/address"] = partial(_address, self._device, port)
        return files

    def _up_s(self) -> float:
        return self._room.uptime_s(self._device.name)

    def _stat(self) -> str:
        kinds = ("user", "nice", "system", "idle", "iowait", "irq", "softirq")
        totals = [int(self._host.ticks[kind]) for kind in kinds]
        each = " ".join(map(str, [*(total // CORES for total in totals), 0, 0, 0]))
        lines = ["cpu  " + " ".join(map(str, [*totals, 0, 0, 0]))]
        lines += [f"cpu{core} {each}" for core in range(CORES)]
        booted = int(self._room.now.timestamp() - self._up_s())
        lines += [
            "intr 0",
            f"ctxt {int(self._up_s() * 5200)}",
            f"btime {booted}",
            f"processes {int(self._up_s() * 3)}",
        ]
        lines += ["procs_running 2", "procs_blocked 0", ""]
        return "\n".join(lines)

    def _memory(self) -> dict[str, int]:
        total = self._host.memory // 1024
        used = int(self._host.memory_used / 1024)
        buffers, cached = total // 50, total * 22 // 100
        return {
            "MemTotal": total,
            "MemFree": total - used - buffers - cached,
            "MemAvailable": total - used,
            "Buffers": buffers,
            "Cached": cached,
            "SwapCached": 0,
            "SwapTotal": SWAP_KB,
            "SwapFree": SWAP_KB,
            "Dirty": 812,
            "Slab": total // 90,
        }

    def _meminfo(self) -> str:
        return "".join(f"{name + ':':<16}{value:>8} kB\n" for name, value in self._memory().items())

    def _free(self, words: list[str]) -> str:
        memory = self._memory()
        divisor = 1024 if "-m" in words else 1
        total, free, available = memory["MemTotal"], memory["MemFree"], memory["MemAvailable"]
        cache = memory["Buffers"] + memory["Cached"]
        row = [value // divisor for value in (total, total - free - cache, free, 0, cache, available)]
        swap = memory["SwapTotal"] // divisor
        names = ("total", "used", "free", "shared", "buff/cache", "available")
        head = " " * 15 + "".join(f"{name:>12}" for name in names)
        return f"{head}\nMem:   {' '.join(f'{v:>11}' for v in row)}\nSwap:  {swap:>11} {0:>11} {swap:>11}\n"

    def _loadavg(self) -> str:
        one, five, fifteen = self._host.load_averages
        return f"{one:.2f} {five:.2f} {fifteen:.2f} 2/{self._host.processes} 28114\n"

    def _uptime(self) -> str:
        days, rest = divmod(int(self._up_s()), 86_400)
        one, five, fifteen = self._host.load_averages
        clock = f"{days} days, " if days else ""
        stood = f"{clock}{rest // 3600:2d}:{rest % 3600 // 60:02d}"
        averages = f"load average: {one:.2f}, {five:.2f}, {fifteen:.2f}"
        return f" {self._room.now:%H:%M:%S} up {stood},  1 user,  {averages}\n"

    def _df(self, words: list[str]) -> str:
        flags = "".join(word.lstrip("-") for word in words if word.startswith("-"))
        wanted = [word for word in words if word.startswith("/")]
        disks = [disk for disk in self._host.disks.values() if not wanted or disk.path in wanted]
        if "i" in flags:
            pairs = [(disk.size // 16_384, int(disk.used) // 65_536) for disk in disks]
            head = ["Filesystem", "Inodes", "IUsed", "IFree", "IUse%", "Mounted on"]
        else:
            unit = 1 if "B1" in flags or "block-size=1" in flags else 1024
            pairs = [(disk.size // unit, int(disk.used) // unit) for disk in disks]
            size = "1-blocks" if unit == 1 else "1024-blocks" if "P" in flags else "1K-blocks"
            head = [
                "Filesystem",
                size,
                "Used",
                "Available",
                "Capacity" if "P" in flags else "Use%",
                "Mounted on",
            ]
        typed = "T" in flags
        if typed:
            head.insert(1, "Type")
        lines = [head]
        for disk, (total, used) in zip(disks, pairs, strict=True):
            share = f"{-(-used * 100 // max(total, 1))}%"
            kind = ["ext4"] if typed else []
            lines.append([disk.device, *kind, str(total), str(used), str(total - used), share, disk.path])
        return "".join(" ".join(f"{cell:<14}" for cell in line).rstrip() + "\n" for line in lines)

    def _mounts(self) -> str:
        return "".join(f"{d.device} {d.path} ext4 rw,relatime 0 0\n" for d in self._host.disks.values())

    def _diskstats(self) -> str:
        host = self._host
        reads, writes = int(host.reads), int(host.writes)
        times = f"0 {writes // 4} {writes}"
        fields = f"{reads} 12 {reads * 64} {reads // 3} {writes} 40 {writes * 48} {writes // 2} {times}"
        return f"   8       0 sda {fields} 0 0 0 0 0 0\n 259       0 nvme0n1 {fields} 0 0 0 0 0 0\n"

    def _net_dev(self) -> str:
        receive = "bytes    packets errs drop fifo frame compressed multicast"
        transmit = "bytes    packets errs drop fifo colls carrier compressed"
        lines = ["Inter-|   Receive | Transmit", f" face |{receive}|{transmit}"]
        lines.append("    lo: 1048576 9120 0 0 0 0 0 0 1048576 9120 0 0 0 0 0 0")
        for port in self._room.network.ports[self._device.name].values():
            came = f"{int(port.octets_in)} {int(port.packets_in)} {int(port.errors_in)} 0 0 0 0 0"
            went = f"{int(port.octets_out)} {int(port.packets_out)} 0 {int(port.discards_out)} 0 0 0 0"
            lines.append(f"  eno{port.number}: {came} {went}")
        return "\n".join((*lines, ""))

    def _cpuinfo(self) -> str:
        model = "Intel(R) Xeon(R) Gold 6330 CPU @ 2.00GHz"
        return "".join(
            f"processor\t: {core}\nvendor_id\t: GenuineIntel\nmodel name\t: {model}\ncpu cores\t: {CORES}\n\n"
            for core in range(CORES)
        )

    def _ss(self, words: list[str]) -> str:
        flags = "".join(word.lstrip("-") for word in words if word.startswith("-"))
        head = "" if "H" in flags else "State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"
        rows = []
        for port, name, pid in PORTS:
            if "u" in flags and "t" not in flags and port != 161:
                continue
            who = f' users:(("{name}",pid={pid},fd=3))' if "p" in flags else ""
            rows.append(f"LISTEN 0      128          0.0.0.0:{port:<6}    0.0.0.0:*{who}\n")
        return head + "".join(rows)

    def _ps(self, _words: list[str]) -> str:
        rows = [f"{pid:>7} root      0.{pid % 9} 1.{pid % 7} {path}\n" for pid, _, path in PROCESSES]
        return "    PID USER     %CPU %MEM COMMAND\n" + "".join(rows)

    def _systemctl(self, words: list[str]) -> str:
        if "is-system-running" in words:
            return "running\n"
        if "--failed" in words or "--state=failed" in words:
            return "0 loaded units listed.\n" if "--no-legend" not in words else ""
        return "".join(f"{name}.service loaded active running {name}\n" for _, name, _ in PROCESSES[1:])

    def _uname(self, words: list[str]) -> str:
        if "-sr" in words:
            return f"Linux {KERNEL}\n"
        if "-r" in words:
            return KERNEL + "\n"
        if "-a" in words:
            host = self._device.name.lower()
            return f"Linux {host} {KERNEL} #1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 x86_64 GNU/Linux\n"
        return "x86_64\n" if "-m" in words else "Linux\n"

    def _ip(self, _words: list[str]) -> str:
        lines = [
            "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 state UNKNOWN",
            "    inet 127.0.0.1/8 scope host lo",
        ]
        for port in self._room.network.ports[self._device.name].values():
            state = "UP" if port.up else "DOWN"
            lines.append(
                f"{port.number + 1}: eno{port.number}: <BROADCAST,MULTICAST,UP> mtu 1500 state {state}"
            )
            lines.append(f"    link/ether {mac_of(self._device, port.number).hex(':')} brd ff:ff:ff:ff:ff:ff")
            if port.number == 1:
                lines.append(f"    inet {self._device.address}/24 scope global eno1")
        return "\n".join((*lines, ""))

    def _packages(self, words: list[str]) -> str:
        found = (
            ("openssh-server", "1:9.2p1-2+deb12u3"),
            ("postgresql-15", "15.8-0+deb12u1"),
            ("snmpd", "5.9.3+dfsg-2"),
        )
        tab = any("\\t" in word or "\t" in word for word in words)
        return "".join(f"{name}{chr(9) if tab else ' '}{version}\n" for name, version in found)

    def _lsblk(self, _words: list[str]) -> str:
        return "NAME        SIZE TYPE MOUNTPOINT\nsda         240G disk\nnvme0n1     960G disk\n"


def _operstate(port: Port) -> str:
    return "up\n" if port.up else "down\n"


def _address(device: Device, port: Port) -> str:
    return mac_of(device, port.number).hex(":") + "\n"


def _os_release() -> str:
    return (
        'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\n'
        'VERSION="12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n'
    )


def _split(line: str) -> list[tuple[str, list[str]]]:
    """A line as commands, each with the connector before it; no redirections, no rest of a pipe."""
    lexer = shlex.shlex(line.replace("\n", " ; "), posix=True, punctuation_chars=";&|<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:  # an open quotation
        words = line.split()
    commands: list[tuple[str, list[str]]] = [("", [])]
    redirected = piped = False
    for word in words:
        if word in _CONNECTORS or word == ";;":
            commands.append((word[:2] if word != ";;" else ";", []))
            redirected = piped = False
        elif word == "|":
            piped = True
        elif word[0] in "<>":
            redirected = True
            if commands[-1][1] and commands[-1][1][-1].isdigit():
                commands[-1][1].pop()  # the 2 of 2>
        elif redirected:
            redirected = word.startswith("&")
        elif not piped:
            commands[-1][1].append(word)
    return commands

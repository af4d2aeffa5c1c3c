"""Windows over OpenSSH: PowerShell prints one JSON object; readings as of `linux`, and the inventory.

The scripts go encoded, so that it does not matter whether cmd.exe or PowerShell receives them. Source:
Microsoft's reference of the Win32_* classes and the NetAdapter, NetTCPIP and LocalAccounts modules.
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from agent.parsers.certificates import Certificate
from agent.parsers.disks import MAX_ROWS
from agent.parsers.inventory import Inventory
from agent.parsers.sockets import Socket
from agent.parsers.text import ratio
from agent.transports.facts import Facts, Raw
from agent.transports.trouble import BadResponseError, clean

MAX_COMMAND = 8_191  # characters that cmd.exe takes
_QUIET = "$ErrorActionPreference='SilentlyContinue';$ProgressPreference='SilentlyContinue';"
_UTF8 = "[Console]::OutputEncoding=[Text.Encoding]::UTF8;"
_POLL = (
    "$o=gcim Win32_OperatingSystem;$p=@(gcim Win32_Processor);"
    "@{os=$o.Caption;version=$o.Version;host=$o.CSName;"
    "up=((Get-Date)-$o.LastBootUpTime).TotalSeconds;"
    "mem=$o.TotalVisibleMemorySize;free=$o.FreePhysicalMemory;"
    "swap=$o.SizeStoredInPagingFiles;swapfree=$o.FreeSpaceInPagingFiles;"
    "cpu=$p[0].Name;cores=($p|measure NumberOfLogicalProcessors -Sum).Sum;"
    "load=($p|measure LoadPercentage -Average).Average;"
    "uuid=(gcim Win32_ComputerSystemProduct).UUID;"
    "disks=@(gcim Win32_LogicalDisk -Filter 'DriveType=3'|select DeviceID,FileSystem,Size,FreeSpace);"
    "nics=@(Get-NetAdapter|select Name,Status,MacAddress,ReceiveLinkSpeed);"
    "io=@(Get-NetAdapterStatistics|select Name,ReceivedBytes,SentBytes,ReceivedPacketErrors,"
    "OutboundPacketErrors)}|ConvertTo-Json -Depth 3 -Compress"
)
_FACTS = (
    "$i=@{};gps|%{$i[[int]$_.Id]=$_.Name};"
    "@{hw=(gcim Win32_ComputerSystemProduct|select Vendor,Name,IdentifyingNumber);"
    "soft=@(gp HKLM:\\Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\*,"
    "HKLM:\\Software\\WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\*"
    "|?{$_.DisplayName}|select DisplayName,DisplayVersion -First 2000);"
    "svc=@(gcim Win32_Service|select Name,State,StartMode,ExitCode);"
    "tcp=@(Get-NetTCPConnection|?{'Listen','Established' -contains $_.State}|select -First 3000 "
    "@{n='s';e={[string]$_.State}},@{n='a';e={$_.LocalAddress}},@{n='p';e={$_.LocalPort}},"
    "@{n='f';e={$_.RemoteAddress}},@{n='q';e={$_.RemotePort}},@{n='n';e={$i[[int]$_.OwningProcess]}});"
    "cert=@(gci Cert:\\LocalMachine\\My|select -First 60 Subject,Issuer,"
    "@{n='End';e={$_.NotAfter.ToUniversalTime().ToString('s')}});"
    "disk=@(gcim Win32_DiskDrive|select Model,SerialNumber,Size);"
    "user=@(Get-LocalUser|?{$_.Enabled}|select -Exp Name);"
    "ip=@(Get-NetIPAddress|?{$_.PrefixOrigin -ne 'WellKnown'}|select -Exp IPAddress)}"
    "|ConvertTo-Json -Depth 3 -Compress"
)


def encoded(script: str) -> str:
    """The command line that runs a script of ours, whatever shell takes it."""
    text = b64encode((_QUIET + _UTF8 + script).encode("utf-16-le")).decode()
    return f"powershell.exe -NoProfile -NonInteractive -EncodedCommand {text}"


POLL, FACTS = encoded(_POLL), encoded(_FACTS)


def read(output: str, before: tuple[float, float] | None) -> tuple[Facts, tuple[float, float] | None]:
    """Facts; Windows tells the load of the last second itself. Raises BadResponseError for other output."""
    told = _object(output)
    up = _number(told.get("up"))
    if up is None:
        raise BadResponseError("The machine does not answer as Windows does.", place="uptime")
    readings: dict[str, Raw] = {"uptime_seconds": max(0.0, up)}
    readings["hostname"] = _text(told.get("host"))
    readings["os"] = " ".join(filter(None, (_text(told.get("os")), _text(told.get("version")))))
    readings["kernel"] = _text(told.get("version"))
    readings["cpu_model"], readings["uuid"] = _text(told.get("cpu")), _text(told.get("uuid"))
    if (cores := _number(told.get("cores"))) is not None:
        readings["cores"] = int(cores)
    if (load := _number(told.get("load"))) is not None:
        readings["cpu_ratio"] = ratio(load, 100)
    for name, whole, free in (("memory", "mem", "free"), ("swap", "swap", "swapfree")):
        size, left = _number(told.get(whole)), _number(told.get(free))
        if size is not None and left is not None:
            readings[f"{name}_bytes"], readings[f"{name}_used_ratio"] = size * 1024, ratio(size - left, size)
    return Facts(readings, {"disks": list(_disks(told)), "interfaces": list(_interfaces(told))}), before


def tell(output: str) -> Inventory:
    """The inventory out of what FACTS printed."""
    told = _object(output)
    found = Inventory()
    hardware = told.get("hw")
    if isinstance(hardware, dict):
        for name, key in (("vendor", "Vendor"), ("model", "Name"), ("serial", "IdentifyingNumber")):
            found.readings[name] = _text(hardware.get(key))
    found.packages = [
        (name, _text(one.get("DisplayVersion")))
        for one in _rows(told, "soft")
        if (name := _text(one.get("DisplayName")))
    ]
    found.services = [(name, _state(one)) for one in _rows(told, "svc") if (name := _text(one.get("Name")))]
    found.sockets = list(_sockets(told))
    found.certificates = list(_certificates(told))
    found.drives = [_drive(one) for one in _rows(told, "disk")]
    found.accounts = _texts(told, "user")
    found.addresses = [one.partition("%")[0] for one in _texts(told, "ip") if not one.startswith("fe80:")]
    return found


def _object(output: str) -> dict[str, Any]:
    """The JSON object in the output, {} where there is none. PowerShell may print a notice before it."""
    begin, end = output.find("{"), output.rfind("}")
    try:
        told = json.loads(output[begin : end + 1]) if 0 <= begin < end else {}
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _rows(told: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects of a list; of one alone, older PowerShell makes no list."""
    said = told.get(name)
    said = [said] if isinstance(said, dict) else said
    return [one for one in said[:5_000] if isinstance(one, dict)] if isinstance(said, list) else []


def _texts(told: dict[str, Any], name: str) -> list[str]:
    said = told.get(name)
    said = [said] if isinstance(said, str) else said
    return [_text(one) for one in said[:1_000] if isinstance(one, str)] if isinstance(said, list) else []


def _text(said: object) -> str:
    return clean(str(said).strip(), 200) if isinstance(said, str | int | float) else ""


def _number(said: object) -> float | None:
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    return float(said) if abs(said) < 1e18 else None


def _drive(one: dict[str, Any]) -> str:
    size = f"{(_number(one.get('Size')) or 0) / 1e9:.0f} GB"
    return " ".join(filter(None, (_text(one.get("Model")), size, _text(one.get("SerialNumber")))))


def _state(one: dict[str, Any]) -> str:
    """Failed is what should start by itself, has ended, and ended with an error (1077: never started)."""
    if one.get("State") == "Running":
        return "running"
    ended = one.get("ExitCode") not in {0, 1077, None}
    return "failed" if one.get("StartMode") == "Auto" and ended else "stopped"


def _disks(told: dict[str, Any]) -> Iterator[dict[str, Raw]]:
    for one in _rows(told, "disks")[:MAX_ROWS]:
        size, free = _number(one.get("Size")), _number(one.get("FreeSpace"))
        if size and free is not None:
            yield {
                "mount": _text(one.get("DeviceID")),
                "device": _text(one.get("DeviceID")),
                "fstype": _text(one.get("FileSystem")),
                "size_bytes": size,
                "used_bytes": size - free,
                "used_ratio": ratio(size - free, size),
            }


def _interfaces(told: dict[str, Any]) -> Iterator[dict[str, Raw]]:
    counts = {_text(one.get("Name")): one for one in _rows(told, "io")}
    pairs = (
        ("receive_bytes", "ReceivedBytes"),
        ("transmit_bytes", "SentBytes"),
        ("receive_errors", "ReceivedPacketErrors"),
        ("transmit_errors", "OutboundPacketErrors"),
    )
    for one in _rows(told, "nics")[:MAX_ROWS]:
        name = _text(one.get("Name"))
        row: dict[str, Raw] = {"interface": name, "status": "up" if one.get("Status") == "Up" else "down"}
        row["mac"] = _text(one.get("MacAddress")).replace("-", ":")
        if speed := _number(one.get("ReceiveLinkSpeed")):
            row["speed_bits"] = speed
        for reading, key in pairs:
            if (value := _number(counts.get(name, {}).get(key))) is not None:
                row[reading] = int(value)
        yield row


def _sockets(told: dict[str, Any]) -> Iterator[Socket]:
    for one in _rows(told, "tcp"):
        own, far = _number(one.get("p")), _number(one.get("q"))
        if own is None or far is None:
            continue
        address = _text(one.get("a")).partition("%")[0]
        process = _text(one.get("n"))
        if one.get("s") == "Listen":
            everywhere = address in {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
            yield Socket("tcp", "listening", "*" if everywhere else address, int(own), process=process)
        else:
            there = _text(one.get("f")).partition("%")[0]
            yield Socket("tcp", "established", address, int(own), there, int(far), process)


def _certificates(told: dict[str, Any]) -> Iterator[Certificate]:
    for one in _rows(told, "cert"):
        try:
            ends = datetime.fromisoformat(_text(one.get("End"))).replace(tzinfo=UTC)
        except ValueError:
            continue
        subject, issuer = (_common(_text(one.get(key))) for key in ("Subject", "Issuer"))
        yield Certificate("Cert:\\LocalMachine\\My", subject, issuer, ends)


def _common(name: str) -> str:
    """The common name of `CN=web.example, O=...`."""
    return next((part.strip()[3:] for part in name.split(",") if part.strip().startswith("CN=")), name)

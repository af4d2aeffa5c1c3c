"""The agent's own settings (TOML on its machine), and the judgement of what the server wants of it.

server = "https://desk.example.org:8400"
data = "/var/lib/watchdesk-agent"
ca = "/etc/watchdesk/ca.pem"          # to trust, beside the system's
heard = "/etc/watchdesk/heard"        # folder with own rules for traps and syslog, as rules/heard_form tells

[spool]
max_mb = 1024
max_hours = 72

[poll]
concurrency = 200
transports = ["snmp", "icmp", "http", "tcp", "modbus", "ssh", "host"]    # what may be asked; all, if left out

[checks.raid]                         # a script check that targets may name; no shell, the list as it stands
command = ["/usr/lib/nagios/plugins/check_raid", "-H", "$HOSTADDRESS$"]

[traps]                               # SNMP traps and informs; off unless a port is named, 162 is theirs
host = "0.0.0.0"
port = 162
per_source = 100                      # a second, ten times as many at once; more are counted and left
communities = ["public"]              # that v1 and v2c must carry one of; any, if left out

[syslog]                              # off unless a port is named; 514 and for TLS 6514 are theirs
host = "0.0.0.0"
udp = 514
tcp = 514
tls = 6514
certificate = "/etc/watchdesk/syslog.pem"
key = "/etc/watchdesk/syslog.key"
clients_ca = "/etc/watchdesk/ca.pem"  # that senders must show a certificate of; nobody need, if left out
relays = ["10.0.0.5"]                 # hosts that pass on what others sent; also of traps

[metrics]                             # Prometheus, off by default
host = "127.0.0.1"
port = 0
"""

import ipaddress
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, get_args
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct, field

from agent.texts import _
from rules import ranges
from rules.profile_form import Transport
from rules.wire import Config, RangeJob, TargetConfig

MAX_TARGETS = 20_000
SOONEST_S = 5.0  # between two polls of one device
MAX_DOCUMENT = 512 * 1024
MAX_JOBS, MAX_LEARNED, MAX_IGNORED = 50, 20_000, 2_000
RATE = (0.1, 1_000.0)  # addresses of a range job in a second
MAX_PORTS, MAX_SETS = 50, 50


class SettingsError(Exception):
    """A sentence about the settings, naming the file."""


class Spool(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of the outbox."""

    max_mb: Annotated[int, Meta(ge=8, le=1_000_000)] = 1024
    max_hours: Annotated[int, Meta(ge=1, le=10_000)] = 72


class Polling(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of polling, and what may be asked: the agent's own list wins over the server's wishes."""

    concurrency: Annotated[int, Meta(ge=1, le=5_000)] = 200
    transports: list[Transport] = field(default_factory=lambda: list(get_args(Transport)))


class Check(Struct, frozen=True, forbid_unknown_fields=True):
    """A script check: an absolute path and its arguments."""

    command: Annotated[list[Annotated[str, Meta(max_length=2_000)]], Meta(min_length=1, max_length=100)]


class Exposition(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the agent's own metrics are shown to Prometheus; port 0: nowhere."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 0


Port = Annotated[int, Meta(ge=0, le=65_535)]
Rate = Annotated[float, Meta(ge=1, le=1_000_000)]  # messages a second


class TrapSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where traps are heard, port 0: nowhere; how many; and who passes on those of others."""

    host: str = "127.0.0.1"
    port: Port = 0
    per_source: Rate = 100.0
    in_all: Rate = 20_000.0
    communities: list[str] = []
    relays: list[str] = []


class SyslogSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where syslog is heard, each port 0: not so; `key` and `certificate` are files, for TLS."""

    host: str = "127.0.0.1"
    udp: Port = 0
    tcp: Port = 0
    tls: Port = 0
    certificate: str = ""
    key: str = ""
    clients_ca: str = ""
    per_source: Rate = 1_000.0
    in_all: Rate = 100_000.0
    relays: list[str] = []


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The settings file."""

    server: str = "http://127.0.0.1:8400"
    data: str = "watchdesk-agent-data"
    ca: str | None = None
    spool: Spool = Spool()
    poll: Polling = Polling()
    metrics: Exposition = Exposition()
    traps: TrapSettings = TrapSettings()
    syslog: SyslogSettings = SyslogSettings()
    heard: str = ""
    checks: dict[str, Check] = {}

    @property
    def commands(self) -> dict[str, list[str]]:
        """The script checks by name."""
        return {name: one.command for name, one in self.checks.items()}

    @property
    def listening(self) -> bool:
        """Whether a port is to be opened."""
        return any((self.traps.port, self.syslog.udp, self.syslog.tcp, self.syslog.tls))

    @property
    def own_heard(self) -> Path | None:
        """The folder with own rules for traps and syslog, if one is named."""
        return Path(self.heard).expanduser() if self.heard else None

    @property
    def directory(self) -> Path:
        """The data directory."""
        return Path(self.data).expanduser()


def load(path: Path) -> Settings:
    """The settings of a file; raises SettingsError with file and place."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(_("There is no settings file {path}.").format(path=path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(_("{path}: {reason}").format(path=path, reason=error)) from None
    try:
        settings = msgspec.convert(tomllib.loads(text), Settings)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(_("{path}: {reason}").format(path=path, reason=error)) from None
    check_server(settings.server)
    if settings.syslog.tls and not settings.syslog.certificate:
        sentence = _("{path}: syslog over TLS needs a certificate; name its file in [syslog] certificate.")
        raise SettingsError(sentence.format(path=path))
    for text in (*settings.traps.relays, *settings.syslog.relays):
        if not _is_address(text):
            sentence = _("{path}: the relay '{address}' is no address; write it in numbers.")
            raise SettingsError(sentence.format(path=path, address=text))
    for name, one in settings.checks.items():
        if not one.command[0].startswith("/"):
            sentence = _("{path}: the command of check {name} must begin with an absolute path.")
            raise SettingsError(sentence.format(path=path, name=name))
    return settings


def check_server(address: str) -> None:
    """Raises SettingsError unless it is https, or http to this machine."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme == "https" and host:
        return
    if parts.scheme == "http" and (host == "localhost" or _is_loopback(host)):
        return
    sentence = _(
        "The connection must be https; http is taken for this machine only (127.0.0.0/8, ::1, localhost)."
    )
    raise SettingsError(sentence)


def faults(config: Config, allowed: list[Transport]) -> list[str]:
    """What is absurd in a configuration from the server; the agent then keeps the one it has.

    A server that was taken over must not make its agents dangerous: only known transports, not sooner
    than every 5 s, bounded numbers and texts, no address that could be an option of a command.
    """
    found = []
    if len(config.targets) > MAX_TARGETS:
        found.append(f"{len(config.targets)} targets; {MAX_TARGETS} are the limit.")
    if not 1.0 <= config.report_every_s <= 3_600.0:
        found.append(f"Reports every {config.report_every_s:g} s.")
    ids = [one.id for one in config.targets]
    if len(set(ids)) != len(ids):
        found.append("A target's id stands there twice.")
    if any(len(text) > MAX_DOCUMENT for text in _documents(config)):
        found.append("A profile or alert file is too long.")
    found += [
        f"Run {job.run}: {fault}" for job in config.jobs[:MAX_JOBS] for fault in _job_faults(job, allowed)
    ]
    for trial in config.trials[:MAX_JOBS]:
        found += [f"Trial {trial.id}: {fault}" for fault in _target_faults(trial.target, allowed)]
    if max(len(config.jobs), len(config.trials)) > MAX_JOBS or len(config.learned) > MAX_LEARNED:
        found.append("More range jobs, trials or learned answers than an agent takes.")
    if len(config.ignored) > MAX_IGNORED:
        found.append(f"{len(config.ignored)} things to be ignored; {MAX_IGNORED} are the limit.")
    for one in config.targets[:MAX_TARGETS]:
        found += [f"Target {one.id}: {fault}" for fault in _target_faults(one, allowed)]
    return found[:20]


def _documents(config: Config) -> Iterator[str]:
    yield from config.profiles.values()
    yield from config.alerts.values()
    yield from (trial.profile for trial in config.trials)


def _job_faults(job: RangeJob, allowed: list[Transport]) -> list[str]:
    """What is absurd in a range job: what an agent may not ask, no range, too many addresses, too fast."""
    found = [f"way {way} is not allowed here." for way in job.ways if way not in allowed]
    try:
        ranges.addresses(job.ranges, job.exclusions)
    except ranges.RangeError as error:
        found.append(f"the range {error.text[:100]} is none ({error.code}).")
    if not RATE[0] <= job.rate <= RATE[1]:
        found.append(f"{job.rate:g} addresses in a second.")
    if any(len(ports) > MAX_PORTS for ports in job.ports.values()) or len(job.credentials) > MAX_SETS:
        found.append("too many ports or credential sets.")
    return found


def _target_faults(one: TargetConfig, allowed: list[Transport]) -> list[str]:
    found = []
    if one.transport not in allowed:
        found.append(f"transport {one.transport} is not allowed here.")
    if not SOONEST_S <= one.every_s <= 86_400.0:
        found.append(f"every {one.every_s:g} s.")
    if not 0.1 <= one.timeout_s <= 60.0:
        found.append(f"a timeout of {one.timeout_s:g} s.")
    strange = not one.address.isprintable() or any(sign in one.address for sign in " /\\?#@")
    if strange or one.address.startswith("-") or len(one.address) > 253:
        found.append("the address is none.")
    return found


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

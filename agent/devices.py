"""The devices of a configuration, ready to be asked: each with its target, its profile and its plans."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.reading import Target
from agent.texts import _
from rules import catalog, heard_reading, profile
from rules.alert_rule import Rule
from rules.document import DocumentError
from rules.heard import HeardRule
from rules.plan import Metric, Plan
from rules.profile_form import Profile
from rules.wire import Config, TargetConfig

HOST = "host"
GENERIC = "snmp-device"
HEARD = "heard/"  # so begin the names of files with rules for traps and syslog
BY_TRANSPORT = {
    "icmp": "ping",
    "tcp": "tcp-port",
    "http": "web-page",
    "ssh": "linux-ssh",
    "host": "this-host",
    "dns": "dns-server",
    "ntp": "ntp-server",
    "sql": "sql-query",
    "redfish": "redfish",
    "exporter": "node-exporter",
    "check": "script-check",
    "plugin": "plugin",
}


@dataclass(frozen=True, slots=True)
class Device:
    """A device to poll. `probing`: no profile was given, and what it says of itself is to choose one."""

    target: Target
    plan: Plan
    identifying: Plan
    every_s: float
    parents: tuple[str, ...] = ()
    probing: bool = False


@dataclass(frozen=True, slots=True)
class Library:
    """Profiles and rules of the package and of the server's own files."""

    profiles: Mapping[str, Profile]
    rules: tuple[Rule, ...]
    faults: tuple[str, ...] = ()
    heard: Mapping[str, HeardRule] = field(default_factory=dict)
    plans: dict[tuple[str, str, bool], Plan] = field(default_factory=dict)  # devices alike share theirs

    def plan(self, form: Profile, without: str, *, identify: bool) -> Plan:
        """The plan of a profile, the same object for all who ask for the same."""
        key = (form.profile, without, identify)
        if key not in self.plans:
            self.plans[key] = profile.plan(form, identify=identify, params={"without": without})
        return self.plans[key]

    def device(self, one: TargetConfig, chosen: str | None = None) -> Device:
        """A configured target by its profile, by the one that was found, or by what its transport is for."""
        name = one.profile or chosen or BY_TRANSPORT.get(one.transport, GENERIC)
        form = self.profiles.get(name) or self.profiles[BY_TRANSPORT.get(one.transport, GENERIC)]
        target = Target(
            key=f"t{one.id}",
            name=one.name,
            address=one.address,
            port=one.port,
            credential=dict(one.credential),
            params=dict(one.params),
            timeout_s=one.timeout_s,
        )
        return Device(
            target,
            self.plan(form, str(one.params.get("without", "")), identify=False),
            self.plan(form, str(one.params.get("without", "")), identify=True),
            one.every_s,
            tuple(f"t{parent}" for parent in one.parents),
            probing=one.profile is None and chosen is None and one.transport == "snmp",
        )

    def host(self, name: str) -> Device:
        """This machine."""
        form = self.profiles[BY_TRANSPORT[HOST]]
        plan = profile.plan(form)
        target = Target(key=HOST, name=name, address="", timeout_s=plan.timeout_s)
        return Device(target, plan, profile.plan(form, identify=True), plan.every_s)

    def choose(self, identity: Mapping[str, str], answered: frozenset[str] = frozenset()) -> str:
        """The profile that fits best what an SNMP device says of itself."""
        ranked = [
            (
                profile.rank(
                    one,
                    sys_object_id=identity.get("sys_object_id", ""),
                    sys_descr=identity.get("description", ""),
                    answered=answered,
                ),
                name,
            )
            for name, one in self.profiles.items()
            if (one.transport or "snmp") == "snmp"
        ]
        points, name = max(ranked, default=(0, GENERIC))
        return name if points else GENERIC

    def probe(self) -> Plan:
        """A poll that learns who an SNMP device is, and which of the profiles' OIDs it answers."""
        generic = profile.plan(self.profiles[GENERIC], identify=True)
        asked = {profile.oid(one) for form in self.profiles.values() for one in profile.asked(form.match)}
        scalars = tuple(Metric(f"answers:{one}", oids=(one,)) for one in sorted(asked))
        return Plan(
            profile=GENERIC,
            transport="snmp",
            ci_class=generic.ci_class,
            timeout_s=generic.timeout_s,
            scalars=scalars,
            identity=generic.identity,
        )


def heard_rules(folder: Path | None) -> tuple[dict[str, HeardRule], list[str]]:
    """The package's rules for traps and syslog with those of a folder over them, and what is wrong there."""
    rules, faults = dict(heard_reading.packaged()), []
    for path in sorted(folder.glob("*.yaml")) if folder is not None else []:
        try:
            rules |= {
                one.name: one for one in heard_reading.read(path.read_text(encoding="utf-8"), str(path))
            }
        except (DocumentError, OSError, UnicodeDecodeError) as error:
            faults.append(str(error))
    if folder is not None and not folder.is_dir():
        faults.append(_("There is no folder {path} with rules.").format(path=folder))
    return rules, faults


def library(config: Config | None, *, listening: bool = False, own: Path | None = None) -> Library:
    """The package's profiles and rules with the server's own over them; a file that is faulty is left out.

    Rules for what is heard are read only where something listens; `own` is a folder with more of them.
    """
    profiles, rules = dict(profile.packaged()), dict(catalog.packaged())
    faults: list[str] = []
    written: dict[str, Profile] = {}
    for name, text in (config.profiles if config else {}).items():
        try:
            one = profile.read(text, f"{name}.yaml")
            written[one.profile] = one
        except DocumentError as error:
            faults.append(str(error))
    for name, one in written.items():
        try:
            profiles[name] = profile.resolve(one, {**profiles, **written})
        except DocumentError as error:
            faults.append(str(error))
    listened: dict[str, HeardRule] = {}
    if listening:
        listened, wrong = heard_rules(own)
        faults += wrong
    for name, text in (config.alerts if config else {}).items():
        try:
            if not name.startswith(HEARD):
                rules |= {rule.name: rule for rule in catalog.read(text, f"{name}.yaml")}
            elif listening:
                listened |= {one.name: one for one in heard_reading.read(text, f"{name}.yaml")}
        except DocumentError as error:
            faults.append(str(error))
    return Library(profiles, tuple(rules.values()), tuple(faults), listened)

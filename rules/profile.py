"""Device profiles: what a kind of device can be asked, as YAML (`profiles/NAME.yaml`), compiled to a plan.

The YAML (unknown keys are refused, by file and line):

    profile: ups-mib                  the file's name
    extends: snmp-device              metrics and tables are taken over, own ones win by name; its ways of
                                      identity are tried after the own. Of a list the first wins
    ci_class: ups                     vendor: where the profile alone says it
    transport: snmp                   snmp | modbus | http | host | icmp | tcp | ssh
    match:                            any one is enough; the longest sysObjectID wins, see `rank`
      sysObjectID: [1.3.6.1.2.1.33]   prefixes
      sysDescr: "pattern"             RE2
      answers: OID                    an instance that answers (or a list of them)
      requires: [OID]                 instances that must answer beside what else fits: an agent's number
                                      alone does not tell whose device it is
      banner: "pattern"               over the greetings of SSH and HTTP, RE2
      http: {path: /status, contains: "pattern"}
      modbus: {kind: holding, address: 0, equals: 17}
    identity:                         each one way, or a list of ways tried in order
      model: {oid: ...} | {oid: ..., pattern: "..."} | {pattern: over sysDescr} | {value: text}
             | {by_sysObjectID: {prefix: text}} | {register: {...}} | {json: /a/b} | {reading: name}
             | {column: OID}: its first row that has a text | {product: true}: the maker's name of sysObjectID
             | {join: [way, way], value: "{} {}"} | {below: OID, value: text} where anything answers there
             sure: 0.95 how likely the answer is right; a likelier guess stands over it
             words: {3: text} say what a value means; `value` beside a source is told where that answers
      device_class: ...               a class of discovery, where one maker's tree has several
    poll:
      every: 60s
      timeout: 5s
      http: /status.json              the page that `json` pointers look at
      metrics:
        NAME: {oid: OID or [OID, ...] | register: {...} | json: /pointer | reading: name of the transport,
               scale, offset, factor: [{oid: OID, as: divisor | multiplier | decimals | power | si}],
               transform: dbm (from milliwatts),
               unit, measures: temperature | ... where the name's end does not say it,
               kind: gauge | counter | state, states: {3: normal},
               severity: {battery: major},
               low, high: bounds of meaning in the final unit; dead: [raw values that mean nothing],
               title: {en, zh}}
      tables:
        - name: interfaces
          labels: {interface: {oid: column} | index | {index: 1}}      `index`: the row's whole index
          where: {admin: {oid: column, is: [1]}}                        rows that count; all must hold
                 name: {oid: column, matches: "pattern", is_not: [x]} | {index: 3, is: [1]}
          metrics: {NAME: {oid: column, ...}}
        - name: disks                  of a transport that names its readings, or of a JSON array
          reading: disks  |  json: /disks
          labels: {mount: {reading: mount}}
    neighbours: lldp                   seam of the discovery
    alerts: [UpsOnBattery]             names of default alert rules; empty: all of the class
    inspection: [..]                   names of inspection items

The final value is raw * scale + offset; units are Prometheus base units, named at the end of the metric.
"""

from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources

from rules.document import Document, DocumentError
from rules.pattern import Pattern
from rules.plan import Metric, Plan, Table, oid, plan
from rules.profile_check import check
from rules.profile_form import (
    DEVICE_CLASSES,
    SYS_DESCR,
    SYS_NAME,
    SYS_OBJECT_ID,
    Column,
    Factor,
    Kind,
    Match,
    Measure,
    MetricForm,
    Poll,
    Profile,
    Register,
    RegisterKind,
    RegisterType,
    TableForm,
    Transport,
    Way,
    Where,
)

__all__ = [
    "DEVICE_CLASSES",
    "SYS_DESCR",
    "SYS_NAME",
    "SYS_OBJECT_ID",
    "Column",
    "Factor",
    "Kind",
    "Match",
    "Measure",
    "Metric",
    "MetricForm",
    "Plan",
    "Poll",
    "Profile",
    "Register",
    "RegisterKind",
    "RegisterType",
    "Table",
    "TableForm",
    "Transport",
    "Way",
    "Where",
    "asked",
    "oid",
    "packaged",
    "parents",
    "plan",
    "rank",
    "read",
    "resolve",
]
MAX_INHERITANCE = 5


def read(text: str, file: str) -> Profile:
    """A profile as written; raises DocumentError naming line and column of what is wrong."""
    document = Document(text, file)
    profile = document.typed(Profile)
    check(profile, document)
    return profile


def resolve(profile: Profile, library: Mapping[str, Profile], file: str = "") -> Profile:
    """The profile with all it takes over from those it extends; own entries win by name."""
    return _resolved(profile, library, file or f"{profile.profile}.yaml", 1)


def _resolved(profile: Profile, library: Mapping[str, Profile], file: str, depth: int) -> Profile:
    if depth > MAX_INHERITANCE:
        raise DocumentError(file, 1, 1, "extends: the profiles go round, or too deep.")
    whole: Profile | None = None
    for parent in reversed(parents(profile)):
        if parent not in library:
            raise DocumentError(file, 1, 1, f"extends: there is no profile '{parent}'.")
        above = _resolved(library[parent], library, file, depth + 1)
        whole = above if whole is None else _over(whole, above)
    return profile if whole is None else _over(whole, profile)


def parents(profile: Profile) -> list[str]:
    """The profiles it extends, nearest first."""
    return [profile.extends] if isinstance(profile.extends, str) else profile.extends or []


def asked(match: Match) -> list[str]:
    """The instances that tell whether a device is of a profile."""
    answers = [match.answers] if isinstance(match.answers, str) else match.answers
    return [*answers, *match.requires]


@cache
def packaged() -> Mapping[str, Profile]:
    """All profiles of the package by name, resolved; read once, for a file takes some milliseconds."""
    written: dict[str, Profile] = {}
    for entry in sorted(resources.files("rules").joinpath("profiles").iterdir(), key=lambda one: one.name):
        if entry.name.endswith(".yaml"):
            one = read(entry.read_text(encoding="utf-8"), f"profiles/{entry.name}")
            written[one.profile] = one
    return {name: resolve(one, written) for name, one in written.items()}


def rank(
    profile: Profile,
    *,
    sys_object_id: str = "",
    sys_descr: str = "",
    answered: frozenset[str] = frozenset(),
    banner: str = "",
) -> int:
    """How well a device matches, 0 not at all: a longer sysObjectID prefix beats all else.

    1000 + length of the prefix; 500 for the pattern over sysDescr, 400 for the one over greetings; 100 +
    length of a probed OID that answers, so that what every device answers counts least.
    Where a profile names both a prefix and a pattern, both must hold; what it requires must answer as well.
    """
    match = profile.match
    required = [oid(one) for one in match.requires]
    points = _by_name(match, sys_object_id, sys_descr) if answered.issuperset(required) else -1
    if points < 0:
        return 0
    if points and required:
        points += 100 + max(map(len, required))
    if match.banner is not None and _pattern(match.banner).found(banner):
        points += 400
    probes = [match.answers] if isinstance(match.answers, str) else match.answers
    found = [oid(one) for one in probes if oid(one) in answered]
    if found:
        points += 100 + max(map(len, found))
    return points


def _by_name(match: Match, sys_object_id: str, sys_descr: str) -> int:
    """Points for sysObjectID and sysDescr; -1 where what is asked of them does not hold."""
    points = 0
    if match.sysObjectID:
        own = oid(sys_object_id) if sys_object_id else ""
        fitting = [one for one in map(oid, match.sysObjectID) if own == one or own.startswith(one + ".")]
        if fitting:
            points = 1000 + max(map(len, fitting))
        elif match.sysDescr is None and not match.answers and match.banner is None:
            return -1
    if match.sysDescr is not None:
        if _pattern(match.sysDescr).found(sys_descr):
            points += 500
        elif match.sysObjectID:
            return -1
    return points


@lru_cache(maxsize=4_096)
def _pattern(written: str) -> Pattern:
    return Pattern(written)


def _ways(ways: Way | list[Way] | None) -> list[Way]:
    return [ways] if isinstance(ways, Way) else ways or []


def _over(base: Profile, own: Profile) -> Profile:
    tables = {table.name: table for table in (*base.poll.tables, *own.poll.tables)}
    default = Poll()
    return Profile(
        profile=own.profile,
        extends=own.extends,
        ci_class=own.ci_class or base.ci_class,
        vendor=own.vendor or base.vendor,
        transport=own.transport or base.transport,
        match=own.match,
        identity={
            name: _ways(own.identity.get(name)) + _ways(base.identity.get(name))
            for name in base.identity | own.identity
        },
        poll=Poll(
            every=own.poll.every if own.poll.every != default.every else base.poll.every,
            timeout=own.poll.timeout if own.poll.timeout != default.timeout else base.poll.timeout,
            http=own.poll.http or base.poll.http,
            metrics=base.poll.metrics | own.poll.metrics,
            tables=list(tables.values()),
        ),
        neighbours=own.neighbours or base.neighbours,
        alerts=list(dict.fromkeys((*base.alerts, *own.alerts))),
        inspection=list(dict.fromkeys((*base.inspection, *own.inspection))),
        title=own.title or base.title,
    )

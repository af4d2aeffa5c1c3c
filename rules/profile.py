"""Device profiles: what a kind of device can be asked, as YAML (`profiles/NAME.yaml`), compiled to a plan.

The YAML (unknown keys are refused, by file and line):

    profile: ups-mib                  the file's name
    extends: snmp-device              metrics, tables and identity are taken over; own ones win by name
    ci_class: ups                     vendor: where the profile alone says it
    transport: snmp                   snmp | modbus | http | host | icmp | tcp | ssh
    match:                            any one is enough; the longest sysObjectID wins, see `rank`
      sysObjectID: [1.3.6.1.2.1.33]   prefixes
      sysDescr: "pattern"             RE2
      answers: OID                    an instance that answers (or a list of them)
      http: {path: /status, contains: "pattern"}
      modbus: {kind: holding, address: 0, equals: 17}
    identity:                         each one way, or a list of ways tried in order
      model: {oid: ...} | {oid: ..., pattern: "..."} | {pattern: over sysDescr} | {value: text}
             | {by_sysObjectID: {prefix: text}} | {register: {...}} | {json: /a/b} | {reading: name}
    poll:
      every: 60s
      timeout: 5s
      http: /status.json              the page that `json` pointers look at
      metrics:
        NAME: {oid: OID or [OID, ...] | register: {...} | json: /pointer | reading: name of the transport,
               scale, offset, unit, kind: gauge | counter | state, states: {3: normal},
               severity: {battery: major},
               low, high: bounds of meaning in the final unit; dead: [raw values that mean nothing],
               title: {en, zh}}
      tables:
        - name: interfaces
          labels: {interface: {oid: column} | index | {index: 1}}      `index`: the row's whole index
          where: {admin: {oid: column, is: [1]}}                        rows that count; all must hold
          metrics: {NAME: {oid: column, ...}}
        - name: disks                  of a transport that names its readings, or of a JSON array
          reading: disks  |  json: /disks
          labels: {mount: {reading: mount}}
    neighbours: lldp                   seam of the discovery
    alerts: [UpsOnBattery]             names of default alert rules; empty: all of the class
    inspection: [..]                   names of inspection items

The final value is raw * scale + offset; units are Prometheus base units, named at the end of the metric.
"""

from importlib import resources

from rules.document import Document, DocumentError
from rules.pattern import Pattern
from rules.plan import Metric, Plan, Table, oid, plan
from rules.profile_check import check
from rules.profile_form import (
    SYS_DESCR,
    SYS_NAME,
    SYS_OBJECT_ID,
    Column,
    Kind,
    Match,
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
    "SYS_DESCR",
    "SYS_NAME",
    "SYS_OBJECT_ID",
    "Column",
    "Kind",
    "Match",
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
    "oid",
    "packaged",
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


def resolve(profile: Profile, library: dict[str, Profile], file: str = "") -> Profile:
    """The profile with all it takes over from those it extends; own entries win by name."""
    chain = [profile]
    while (parent := chain[-1].extends) is not None:
        if parent not in library:
            raise DocumentError(
                file or f"{chain[-1].profile}.yaml", 1, 1, f"extends: there is no profile '{parent}'."
            )
        chain.append(library[parent])
        if len(chain) > MAX_INHERITANCE:
            raise DocumentError(
                file or f"{profile.profile}.yaml", 1, 1, "extends: the profiles go round, or too deep."
            )
    whole = chain[-1]
    for one in reversed(chain[:-1]):
        whole = _over(whole, one)
    return whole


def packaged() -> dict[str, Profile]:
    """All profiles of the package by name, resolved."""
    written: dict[str, Profile] = {}
    for entry in sorted(resources.files("rules").joinpath("profiles").iterdir(), key=lambda one: one.name):
        if entry.name.endswith(".yaml"):
            one = read(entry.read_text(encoding="utf-8"), f"profiles/{entry.name}")
            written[one.profile] = one
    return {name: resolve(one, written) for name, one in written.items()}


def rank(
    profile: Profile, *, sys_object_id: str = "", sys_descr: str = "", answered: frozenset[str] = frozenset()
) -> int:
    """How well a device matches, 0 not at all: a longer sysObjectID prefix beats all else.

    1000 + length of the prefix; 500 for the pattern over sysDescr; 100 + length of a probed OID
    that answers, so that what every device answers counts least.
    Where a profile names both a prefix and a pattern, both must hold.
    """
    match = profile.match
    points = 0
    if match.sysObjectID:
        own = oid(sys_object_id) if sys_object_id else ""
        fitting = [one for one in map(oid, match.sysObjectID) if own == one or own.startswith(one + ".")]
        if fitting:
            points = 1000 + max(map(len, fitting))
        elif match.sysDescr is None and not match.answers:
            return 0
    if match.sysDescr is not None:
        if Pattern(match.sysDescr).found(sys_descr):
            points += 500
        elif match.sysObjectID:
            return 0
    probes = [match.answers] if isinstance(match.answers, str) else match.answers
    found = [oid(one) for one in probes if oid(one) in answered]
    if found:
        points += 100 + max(map(len, found))
    return points


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
        identity=base.identity | own.identity,
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

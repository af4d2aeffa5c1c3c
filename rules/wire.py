"""What agent and server say to each other: msgpack bodies over HTTPS, typed and bounded.

Times are seconds since 1970-01-01 UTC as float. Texts are UTF-8 without NUL; every text and list has
a bound, and what exceeds it is refused. A report is idempotent by (agent, stream, sequence).
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

PROTOCOL = 1
OLDEST_PROTOCOL = 1  # two versions back are understood; there is only one so far
MEDIA_TYPE = "application/msgpack"
MAX_BODY = 8 * 1024 * 1024  # bytes of a report before any compression
MAX_ITEMS = 20_000  # of all kinds in one report
EARLIEST, LATEST = 0.0, 7_258_118_400.0  # 1970 up to 2199

Short = Annotated[str, Meta(max_length=200)]
Long = Annotated[str, Meta(max_length=4_000)]
Moment = Annotated[float, Meta(ge=EARLIEST, lt=LATEST)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Labels = dict[Short, Short]
Localized = dict[Literal["en", "zh"], Long]
Severity = Literal["critical", "major", "minor", "info"]
Status = Literal["firing", "resolved", "info"]
Stream = Literal["events", "samples"]
SeriesKind = Literal["gauge", "counter", "state"]
Param = str | int | float | bool | None
Way = Literal["icmp", "snmp", "ssh", "http", "modbus", "tcp"]
Outcome = Literal["answered", "silent", "refused", "malformed", "held_back"]
RunState = Literal["running", "done", "cancelled", "cut", "failed"]
Port = Annotated[int, Meta(ge=1, le=65_535)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
HeardKind = Literal["trap", "syslog"]
LinkKind = Literal["lldp", "cdp", "bridge", "arp", "route"]
Document = Annotated[str, Meta(max_length=65_536)]


class Enrol(Struct, frozen=True, forbid_unknown_fields=True):
    """An agent asks to be known: the one-time token names the site, `host` the machine."""

    token: Name
    name: Name
    host: Name
    version: Short
    protocol: int = PROTOCOL


class Enrolled(Struct, frozen=True):
    """From now on `Authorization: Agent <agent_id>:<secret>`. The secret is told once."""

    agent_id: int
    secret: str


class TargetConfig(Struct, frozen=True):
    """One device that an agent asks. Its key in reports is `t<id>`.

    `credential` holds the transport's words (community, user, password, key, auth_protocol ...); `ci`
    is the CI's number once the server knows it, "" before; `parents` are target ids nearer the core.
    """

    id: int
    name: Name
    address: Name
    port: Annotated[int, Meta(ge=0, le=65_535)]  # 0: the transport's own
    transport: Name
    profile: Short | None = None  # None: chosen by what the device says of itself
    every_s: float = 60.0
    credential: dict[str, Param] = {}
    params: dict[str, Param] = {}
    ci: Short = ""
    timeout_s: float = 5.0
    parents: list[int] = []


class RangeCredential(Struct, frozen=True):
    """What may open a found device; `values` in the transport's words, as of a target."""

    id: Count
    transport: Name
    values: dict[str, Param] = {}


class RangeJob(Struct, frozen=True):
    """Addresses to look at once, as the run `run`: what answers is recognised and told as findings.

    Args:
        ranges: as `rules.ranges` reads them; `exclusions` as well.
        ways: what may be asked; `ports` are those of each way, the usual one where none is named.
        credentials: tried in this order, each at most once for a device.
        rate: addresses that are begun in a second.
        until: the moment after which no address is begun, 0: none.
    """

    id: Count
    run: Count
    ranges: list[Name]
    exclusions: list[Name] = []
    ways: list[Way] = []
    ports: dict[Way, list[Port]] = {}
    credentials: list[RangeCredential] = []
    rate: float = 50.0
    until: Moment = 0.0


class Trial(Struct, frozen=True):
    """A profile to be tried against one device once; nothing of it is kept but the answer."""

    id: Count
    profile: str
    target: TargetConfig


class IgnoredHeard(Struct, frozen=True):
    """Traps or syslog that nobody wants to hear of: of a source ("": of all), of a kind ("": everything).

    Args:
        what: the OID of a trap, or the shape of lines as `rules.syslog.shape` tells it.
        until: the moment from which it is heard again, 0: never.
    """

    kind: HeardKind
    source: Short = ""
    what: Short = ""
    until: Moment = 0.0


class Config(Struct, frozen=True):
    """What an agent has to do. `profiles` and `alerts` are YAML texts by name, beside the packaged ones.

    `learned` are people's answers about unknown devices: class, vendor, model by the shape of what they say.
    """

    generation: Name
    targets: list[TargetConfig] = []
    report_every_s: float = 10.0
    profiles: dict[Name, str] = {}
    alerts: dict[Name, str] = {}
    host: bool = True  # whether the agent watches its own machine
    host_ci: Short = ""
    jobs: list[RangeJob] = []
    trials: list[Trial] = []
    learned: dict[str, dict[str, str]] = {}
    ignored: list[IgnoredHeard] = []


class SeriesDef(Struct, frozen=True):
    """One series to be numbered: `device` is `t<target id>` or `host`."""

    device: Name
    metric: Name
    labels: Labels = {}
    unit: Short = ""
    kind: SeriesKind = "gauge"
    states: dict[int, Short] = {}


class SeriesRequest(Struct, frozen=True):
    """Series in an order that the answer keeps."""

    items: Annotated[list[SeriesDef], Meta(max_length=MAX_ITEMS)]


class SeriesAnswer(Struct, frozen=True):
    """Ids in the order asked; 0 is a refusal."""

    ids: list[int]


class SampleBlock(Struct, frozen=True):
    """Values of one moment in columns, as `numpy.frombuffer(block.series, "<u4")` reads them."""

    at: Moment
    series: bytes  # uint32, little-endian
    values: bytes  # float64, little-endian, as many

    def count(self) -> int:
        """How many values; raises ValueError where the two columns do not agree."""
        if len(self.series) % 4 or len(self.series) * 2 != len(self.values):
            message = f"{len(self.series)} bytes of series do not go with {len(self.values)} bytes of values."
            raise ValueError(message)
        return len(self.series) // 4


class AlertNews(Struct, frozen=True, omit_defaults=True, gc=False):
    """A condition of one device began, ended, or was noted (`info`: no condition stands behind it)."""

    device: Name
    rule: Name
    status: Status
    severity: Severity
    at: Moment
    summary: Localized
    key: Labels = {}  # labels that tell the instances of one rule apart, as the interface
    value: float | None = None
    unit: Short = ""
    metric: Short = ""
    evidence: dict[Short, Param] = {}  # oid or command, raw, profile
    for_s: float = 0.0  # how long the condition held before it was told
    trace: Short = ""
    symptom: Short = "other"  # class for the correlation, see rules.catalog
    impact: Annotated[int, Meta(ge=0, le=4)] = 0  # 0: the server decides
    urgency: Annotated[int, Meta(ge=0, le=4)] = 0
    category: Short = ""
    cause: Localized = {}
    flaps: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0


class ObservedRelation(Struct, frozen=True):
    """A relation as the device tells it; the other end by its keys, as `{"macs": [...]}`."""

    kind: Name
    keys: dict[Short, list[Short]]
    attributes: Labels = {}


class Observation(Struct, frozen=True):
    """What a device says it is. Keys: serial uuid macs fqdn address name source_key, each several."""

    device: Name
    at: Moment
    ci_class: Name
    name: Short
    keys: dict[Short, Annotated[list[Short], Meta(max_length=1_000)]] = {}
    attributes: dict[Short, Long] = {}
    relations: Annotated[list[ObservedRelation], Meta(max_length=2_000)] = []
    evidence: dict[Short, Long] = {}
    trace: Short = ""


class Guess(Struct, frozen=True):
    """An answer about a found device: how likely it is right, why, and who says so."""

    value: Long
    confidence: Share
    reason: Long = ""
    source: Short = ""


class Attempt(Struct, frozen=True):
    """One way that was tried at a device; `credential` 0 where the way needs none."""

    way: Way
    credential: Count
    outcome: Outcome
    detail: Long = ""


class ObservedLink(Struct, frozen=True):
    """A neighbour as a device tells it: at which of its ports, by which keys, at which port of its own.

    Keys: macs, name, address, each several. `confidence`: how far such a word is to be believed.
    """

    kind: LinkKind
    port: Short
    keys: dict[Short, Annotated[list[Short], Meta(max_length=100)]]
    far_port: Short = ""
    confidence: Share = 1.0


class Finding(Struct, frozen=True):
    """One address of a run where something answered. The same again for a run and address changes nothing.

    Args:
        ways: with the port that answered; `credentials` the set that opened each.
        guesses: by field: device_class, vendor, model, version, serial, name ...
        observation: what the CMDB takes of it.
        links: its neighbours, surest first; what follows of all devices' words is the server's to say.
        ports: of the ports in `links`, what else they are called: description, alias, hardware address.
        stub: YAML of a profile to begin with, where class or vendor are unsure.
    """

    job: Count
    run: Count
    address: Name
    at: Moment
    ways: dict[Way, Annotated[int, Meta(ge=0, le=65_535)]] = {}
    credentials: dict[Way, Count] = {}
    profile: Short = ""
    guesses: Annotated[dict[Short, Guess], Meta(max_length=40)] = {}
    observation: Observation | None = None
    links: Annotated[list[ObservedLink], Meta(max_length=2_000)] = []
    ports: Annotated[dict[Short, Annotated[list[Short], Meta(max_length=8)]], Meta(max_length=2_000)] = {}
    attempts: Annotated[list[Attempt], Meta(max_length=100)] = []
    facts: Annotated[dict[Short, Long], Meta(max_length=40)] = {}
    interfaces: Count = 0
    sensors: Count = 0
    round_trips: Count = 0
    truncated: bool = False
    took_s: float = 0.0
    stub: Document = ""
    shape: Long = ""  # of its first answers: devices of a kind share it


class Progress(Struct, frozen=True):
    """How far a run is. Counts only grow; the last one of a run has another state than running."""

    job: Count
    run: Count
    at: Moment
    state: RunState = "running"
    total: Count = 0
    asked: Count = 0
    alive: Count = 0
    detail: Long = ""
    held_back: list[Count] = []  # credential sets that were not tried any more


class TrialValue(Struct, frozen=True):
    """One value of a trial, with what the device said."""

    metric: Name
    value: float | None = None
    unit: Short = ""
    labels: Labels = {}
    raw: Long = ""
    reason: Short = ""
    place: Short = ""  # the OID, register or path that was asked


class TrialResult(Struct, frozen=True):
    """What came of a trial."""

    trial: Count
    at: Moment
    up: bool
    reason: Short = ""
    detail: Long = ""
    identity: Annotated[dict[Short, Long], Meta(max_length=100)] = {}
    values: Annotated[list[TrialValue], Meta(max_length=2_000)] = []
    took_s: float = 0.0
    truncated: bool = False


class HeardValue(Struct, frozen=True):
    """One varbind of a trap: its whole OID, the name a document gives it, its value, and that in words."""

    oid: Short
    name: Short
    text: Long
    shown: Long


class HeardSample(Struct, frozen=True):
    """A message as it was heard, so that a person can look at its kind; most are counted and not told.

    Args:
        device: whose it is, "" where its source is no target.
        source: the address it came from.
        what: its kind: the OID of a trap, the shape of a line.
        name: of the trap, with the document it stands in.
        rules: names of the rules that it meets.
        priority, line: of syslog; the line is what stands behind the priority.
    """

    kind: HeardKind
    device: Short
    source: Name
    at: Moment
    what: Short
    name: Short = ""
    rules: Annotated[list[Short], Meta(max_length=20)] = []
    version: Short = ""
    values: Annotated[list[HeardValue], Meta(max_length=40)] = []
    priority: Annotated[int, Meta(ge=0, le=191)] = 13
    line: Long = ""


class Gap(Struct, frozen=True):
    """What the agent knows it lost: records of a stream between two sequences, both included."""

    stream: Stream
    first: Count
    last: Count
    items: Count  # values or news in them, as far as known
    reason: Short  # "cap", "age", "damaged"
    from_at: Moment = 0.0
    to_at: Moment = 0.0


class Report(Struct, frozen=True, kw_only=True):
    """One batch. `trace` follows it to the incident."""

    protocol: int = PROTOCOL
    agent: int
    stream: Stream
    sequence: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    sent_at: Moment
    trace: Short = ""
    samples: list[SampleBlock] = []
    alerts: list[AlertNews] = []
    observations: list[Observation] = []
    gaps: list[Gap] = []
    findings: list[Finding] = []
    progress: list[Progress] = []
    trials: list[TrialResult] = []
    heard: list[HeardSample] = []


ItemKind = Literal["samples", "alerts", "observations", "gaps", "findings", "progress", "trials", "heard"]
ItemStatus = Literal["accepted", "duplicate", "rejected", "retry_later"]


class ItemAnswer(Struct, frozen=True):
    """What became of one item, by its kind and its place in that list."""

    kind: ItemKind
    index: int
    status: ItemStatus
    code: str = ""
    field: str = ""
    message: str = ""


class Answer(Struct, frozen=True):
    """The batch's fate. `items`: only what was not simply accepted. `generation`: of the wanted config."""

    status: Literal["accepted", "duplicate", "retry_later"]
    items: list[ItemAnswer] = []
    generation: str = ""

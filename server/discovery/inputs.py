"""What people and programs may say of range jobs, entries of the inbox, profiles and trials."""

import re
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from rules.heard_form import Facility, Level
from server.discovery.ignoring import Ignoring
from server.discovery.jobs import NewJob
from server.discovery.messages import Message
from server.discovery.models import NAME_LIMIT, PROFILE_LIMIT, Policy
from server.discovery.rule_form import RuleForm
from server.kernel.api import ApiModel, Id
from server.kernel.errors import InvalidError
from server.kernel.i18n import N_

WayName = Literal["icmp", "snmp", "ssh", "http", "modbus", "tcp"]
Range = Annotated[str, Field(min_length=1, max_length=100)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Text = Annotated[str, Field(max_length=200)]
SmallId = Annotated[int, Field(ge=1, le=2**31 - 1)]
FacilityName = Literal[""] | Facility
LevelName = Literal[""] | Level
HeardKind = Literal["trap", "syslog"]
Sentence = Annotated[str, Field(max_length=300)]
Lines = Annotated[str, Field(max_length=4_000)]
PatternText = Annotated[str, Field(max_length=1_000)]
_SEPARATORS = re.compile(r"[\s,;，；]+")
_LINES = re.compile(r"[\n,;，；]+")


class JobIn(ApiModel):
    """A range job."""

    name: Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)]
    agent_id: Id
    ranges: Annotated[list[Range], Field(min_length=1, max_length=200)]
    exclusions: Annotated[list[Range], Field(max_length=200, default_factory=list)]
    ways: Annotated[list[WayName], Field(min_length=1, max_length=6)]
    ports: Annotated[dict[WayName, Annotated[list[Port], Field(max_length=50)]], Field(default_factory=dict)]
    credentials: Annotated[list[Id], Field(max_length=50, default_factory=list)]
    rate: Annotated[float, Field(ge=0.1, le=1_000)] = 50
    minutes: Annotated[int, Field(ge=0, le=10_080)] = 0
    cron: Annotated[str, Field(max_length=100)] = ""
    policy: Policy = Policy.ASK
    every_s: Annotated[float, Field(ge=5, le=86_400)] = 60
    enabled: bool = True

    def job(self) -> NewJob:
        """As the service takes it."""
        return NewJob(**self.model_dump())


class JobChange(JobIn):
    """New words of a job, and the version they were made from."""

    version: Annotated[int, Field(ge=1, le=1_000_000)]


class JobForm(ApiModel):
    """The form of a job: ranges a line each, ports in one field each, credentials in order by their place."""

    name: Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)]
    agent_id: Annotated[int, Field(ge=1, le=2**31 - 1)]
    ranges: Annotated[str, Field(min_length=1, max_length=20_000)]
    exclusions: Annotated[str, Field(max_length=20_000)] = ""
    ways: Annotated[list[WayName], Field(max_length=6, default_factory=list)]
    ports_snmp: Text = ""
    ports_ssh: Text = ""
    ports_http: Text = ""
    ports_modbus: Text = ""
    ports_tcp: Text = ""
    credentials: Annotated[list[SmallId], Field(max_length=50, default_factory=list)]
    rate: Annotated[float, Field(ge=0.1, le=1_000)] = 50
    minutes: Annotated[int, Field(ge=0, le=10_080)] = 0
    cron: Annotated[str, Field(max_length=100)] = ""
    policy: Policy = Policy.ASK
    every_s: Annotated[float, Field(ge=5, le=86_400)] = 60
    version: Annotated[int, Field(ge=1, le=1_000_000)] | None = None

    def job(self) -> NewJob:
        """As the service takes it; raises InvalidError naming the field of ports that are none."""
        ports = {
            way: _ports(getattr(self, f"ports_{way}"), way)
            for way in ("snmp", "ssh", "http", "modbus", "tcp")
            if getattr(self, f"ports_{way}")
        }
        return NewJob(
            name=self.name,
            agent_id=self.agent_id,
            ranges=_lines(self.ranges),
            exclusions=_lines(self.exclusions),
            ways=self.ways,
            ports=ports,
            credentials=self.credentials,
            rate=self.rate,
            minutes=self.minutes,
            cron=self.cron,
            policy=self.policy,
            every_s=self.every_s,
        )


class AnswerIn(ApiModel):
    """What a device is."""

    class_code: Annotated[str, Field(min_length=1, max_length=40)]
    vendor: Text = ""
    model: Text = ""
    alike: bool = True
    poll: bool = True


class ApproveIn(ApiModel):
    """Take it as it was recognised; `alike`: those that say the same of themselves as well."""

    poll: bool = True
    alike: bool = False


class ProfileIn(ApiModel):
    """A profile's YAML."""

    text: Annotated[str, Field(min_length=1, max_length=PROFILE_LIMIT)]
    note: Text = ""


class TrialIn(ApiModel):
    """A profile to be tried, and where."""

    text: Annotated[str, Field(min_length=1, max_length=PROFILE_LIMIT)]
    agent_id: Annotated[int, Field(ge=1, le=2**31 - 1)]
    address: Annotated[str, Field(min_length=1, max_length=200)]
    port: Annotated[int, Field(ge=0, le=65_535)] = 0
    credential_id: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class ProfileForm(ProfileIn):
    """The editor's form when it is saved; where to try it stands there as well."""

    model_config = ConfigDict(extra="ignore")


class TrialForm(TrialIn):
    """The editor's form when it is tried; what is new in it stands there as well."""

    model_config = ConfigDict(extra="ignore")


class HeardRuleIn(ApiModel):
    """A rule for traps or syslog, as `rule_form.RuleForm` takes it."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    kind: HeardKind
    severity: Literal["critical", "major", "minor", "info"] = "major"
    summary_en: Sentence = ""
    summary_zh: Sentence = ""
    trap: Lines = ""
    when: Lines = ""
    values: Lines = ""
    program: Text = ""
    facility: FacilityName = ""
    level: LevelName = ""
    pattern: PatternText = ""
    key: Text = ""
    ends_trap: Lines = ""
    ends_when: Lines = ""
    ends_pattern: PatternText = ""
    expires: Annotated[str, Field(max_length=20)] = ""
    ci: Annotated[str, Field(max_length=20)] = ""

    def form(self) -> RuleForm:
        """As the service takes it."""
        return RuleForm(**{name: getattr(self, name) for name in HeardRuleIn.model_fields})


class HeardRuleForm(HeardRuleIn):
    """The form of a rule: with the version it was made from, and lines of one's own to try it on."""

    version: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    lines: Annotated[str, Field(max_length=20_000)] = ""


class HeardRuleChange(HeardRuleIn):
    """New words of a rule, and the version they were made from."""

    version: Annotated[int, Field(ge=1, le=1_000_000)]


class IgnoreIn(ApiModel):
    """What is not to be heard of; `agent_id` and `source` absent: of all, `what` empty: everything."""

    kind: HeardKind
    reason: Annotated[str, Field(min_length=1, max_length=400)]
    agent_id: SmallId | None = None
    source: Annotated[str, Field(max_length=64)] = ""
    what: Text = ""
    days: Annotated[int, Field(ge=0, le=3_650)] = 0

    def ignoring(self, *, now: datetime) -> Ignoring:
        """As the service takes it; 0 days: until it is taken back."""
        until = now + timedelta(days=self.days) if self.days else None
        return Ignoring(self.kind, self.reason, self.agent_id, self.source, self.what, until_at=until)


class IgnoreForm(ApiModel):
    """The form of it: for a message with the scope that is chosen, or for all of an address."""

    kind: HeardKind
    reason: Annotated[str, Field(min_length=1, max_length=400)]
    days: Annotated[int, Field(ge=0, le=3_650)] = 0
    message: SmallId | None = None
    scope: Literal["kind_source", "kind", "source"] = "source"
    agent_id: SmallId | None = None
    source: Annotated[str, Field(max_length=64)] = ""

    def ignoring(self, one: Message | None, *, now: datetime) -> Ignoring:
        """As the service takes it."""
        until = now + timedelta(days=self.days) if self.days else None
        if one is None:
            return Ignoring(self.kind, self.reason, self.agent_id, self.source, until_at=until)
        source = self.scope != "kind"
        return Ignoring(
            one.row.kind,
            self.reason,
            one.row.agent_id if source else None,
            one.row.source if source else "",
            one.row.what if self.scope != "source" else "",
            one.title[:200] if self.scope != "source" else "",
            until,
        )


def _lines(text: str) -> list[str]:
    return [part.strip() for part in _LINES.split(text) if part.strip()]


def _ports(text: str, way: str) -> list[int]:
    found = []
    for part in filter(None, _SEPARATORS.split(text)):
        if not (part.isascii() and part.isdigit() and 1 <= int(part) <= 65_535):
            raise InvalidError(N_("Ports go from 1 to 65535."), field=f"/ports_{way}")
        found.append(int(part))
    return found

"""What people and programs may say of range jobs, entries of the inbox, profiles and trials."""

import re
from typing import Annotated, Literal

from pydantic import Field

from server.discovery.jobs import NewJob
from server.discovery.models import NAME_LIMIT, PROFILE_LIMIT, Policy
from server.kernel.api import ApiModel, Id
from server.kernel.errors import InvalidError
from server.kernel.i18n import N_

WayName = Literal["icmp", "snmp", "ssh", "http", "modbus", "tcp"]
Range = Annotated[str, Field(min_length=1, max_length=100)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Text = Annotated[str, Field(max_length=200)]
SmallId = Annotated[int, Field(ge=1, le=2**31 - 1)]
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


def _lines(text: str) -> list[str]:
    return [part.strip() for part in _LINES.split(text) if part.strip()]


def _ports(text: str, way: str) -> list[int]:
    found = []
    for part in filter(None, _SEPARATORS.split(text)):
        if not (part.isascii() and part.isdigit() and 1 <= int(part) <= 65_535):
            raise InvalidError(N_("Ports go from 1 to 65535."), field=f"/ports_{way}")
        found.append(int(part))
    return found

"""What people and programs may say of agents, targets and credentials."""

from typing import Annotated, Any, Literal

from pydantic import Field

from server.agents.credentials import FIELDS
from server.agents.targets import NewTarget
from server.kernel.api import ApiModel, Id
from server.kernel.errors import InvalidError
from server.kernel.i18n import N_

Name = Annotated[str, Field(min_length=1, max_length=200)]
TransportName = Literal[
    "snmp", "modbus", "http", "ssh", "tcp", "icmp",
    "dns", "ntp", "sql", "redfish", "exporter", "check", "plugin",
]  # fmt: skip
SignIn = Literal["snmp", "ssh", "http", "sql", "redfish", "exporter"]
Secret = Annotated[str, Field(max_length=8_000)]


class TokenIn(ApiModel):
    """Who may join."""

    name: Name
    site: Annotated[str, Field(max_length=200)] = ""


class CredentialIn(ApiModel):
    """A credential; values by the transport's field names."""

    name: Name
    transport: SignIn
    values: Annotated[dict[str, Secret], Field(max_length=20)]


class TargetIn(ApiModel):
    """A device to be polled."""

    name: Name
    address: Name
    transport: TransportName = "snmp"
    port: Annotated[int, Field(ge=0, le=65_535)] = 0
    profile: Annotated[str | None, Field(max_length=200)] = None
    credential_id: Id | None = None
    every_s: Annotated[float, Field(ge=5, le=86_400)] = 60
    timeout_s: Annotated[float, Field(ge=0.1, le=60)] = 5
    enabled: bool = True
    params: Annotated[dict[str, str | int | float | bool | None], Field(max_length=50, default_factory=dict)]
    parents: Annotated[list[Id], Field(max_length=20, default_factory=list)]

    def target(self) -> NewTarget:
        """As the service takes it."""
        return NewTarget(
            self.name,
            self.address,
            self.transport,
            self.port,
            self.profile,
            self.credential_id,
            self.every_s,
            self.timeout_s,
            dict(self.params),
            tuple(self.parents),
        )


class CredentialForm(ApiModel):
    """The credential form: every field of every transport, empty ones are not used."""

    name: Name
    transport: SignIn = "snmp"
    version: Literal["1", "2c", "3", ""] = ""
    community: Secret = ""
    user: Secret = ""
    password: Secret = ""
    key: Secret = ""
    passphrase: Secret = ""
    host_key: Secret = ""
    enable: Secret = ""
    token: Secret = ""
    auth_protocol: Annotated[str, Field(max_length=20)] = ""
    auth_password: Secret = ""
    priv_protocol: Annotated[str, Field(max_length=20)] = ""
    priv_password: Secret = ""

    def values(self) -> dict[str, str]:
        """Those of the chosen transport."""
        given: dict[str, Any] = self.model_dump()
        return {name: str(given[name]) for name in FIELDS[self.transport] if given.get(name)}


class TargetForm(ApiModel):
    """The form that adds a device; a credential may be written with it."""

    name: Name
    address: Name
    transport: TransportName = "snmp"
    port: Annotated[int, Field(ge=0, le=65_535)] = 0
    profile: Annotated[str, Field(max_length=200)] = ""
    credential_id: Annotated[str, Field(max_length=20, pattern=r"^([0-9]+|new)?$")] = ""
    community: Secret = ""
    user: Secret = ""
    password: Secret = ""
    every_s: Annotated[float, Field(ge=5, le=86_400)] = 60
    unit: Annotated[int | None, Field(ge=0, le=247)] = None
    params: Annotated[str, Field(max_length=4_000)] = ""

    def parameters(self) -> dict[str, str | int]:
        """What the transport is told beside the address; raises InvalidError naming the line that is none."""
        given: dict[str, str | int] = {} if self.unit is None else {"unit": self.unit}
        for number, line in enumerate(self.params.splitlines(), 1):
            name, sign, value = (part.strip() for part in line.partition("="))
            if name and sign and value:
                given[name] = value
            elif line.strip():
                raise InvalidError(
                    N_("Line {n} has no name and value; write them as query = www.example.org."),
                    field="/params",
                    n=number,
                )
        return given

    def new_values(self) -> dict[str, str]:
        """The credential written here, as the transport names its fields."""
        if self.transport == "snmp" and self.community:
            return {"version": "2c", "community": self.community}
        return {name: text for name, text in (("user", self.user), ("password", self.password)) if text}

"""Settings: `watchdesk.toml` in the data folder, overruled by environment variables `WATCHDESK_*`.

An unknown key is refused by file and line, so that a typing error is not a silent default.
"""

import os
import re
import tomllib
from contextvars import ContextVar
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from server.kernel.errors import OperatorError
from server.kernel.i18n import N_

FILE = "watchdesk.toml"
SECRETS = frozenset({"smtp_password", "metrics_token", "database_url", "llm_key"})  # never shown
_file: ContextVar[dict[str, Any]] = ContextVar("file", default={})  # noqa: B039  never changed


class SettingsError(OperatorError):
    """A setting that cannot be taken; the text names file, line and what to write."""


class Settings(BaseSettings):
    """The settings of one server. The help page `settings.md` explains each."""

    model_config = SettingsConfigDict(env_prefix="WATCHDESK_", extra="forbid", frozen=True)

    data: Path = Field(
        default=Path("data"), description=N_("Folder of the database, the keys and this file.")
    )
    host: str = Field(
        default="127.0.0.1", description=N_("Address to listen on; this machine only unless changed.")
    )
    port: int = Field(default=8400, ge=0, le=65535, description=N_("Port to listen on."))
    public_url: str = Field(
        default="",
        description=N_("How people reach this site, as https://desk.example.com; decides cookies and links."),
    )
    database_url: str = Field(
        default="", description=N_("PostgreSQL address; SQLite in the data folder if empty.")
    )
    site_name: str = Field(
        default="Watchdesk", max_length=80, description=N_("Name of this site on the sign-in page.")
    )
    site_language: Literal["en", "zh"] = Field(
        default="en", description=N_("Language for people who have not chosen one.")
    )
    timezone: str = Field(
        default="Asia/Shanghai", description=N_("Time zone of this site and of new people.")
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(), description=N_("Networks of reverse proxies whose forwarding headers count.")
    )
    log_format: Literal["json", "console"] = Field(default="json", description=N_("Form of the log lines."))
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description=N_("The least important log lines that are written.")
    )
    metrics_token: str = Field(
        default="",
        description=N_("Bearer token that /metrics asks for; without one only this machine may read it."),
    )
    session_hours: int = Field(
        default=12, ge=1, le=24 * 30, description=N_("Hours after which people sign in again.")
    )
    demo: bool = Field(default=False, description=N_("Show the demo room with its simulated devices."))
    demo_auto: bool = Field(default=True, description=N_("Let the demo's scenarios play by themselves."))
    smtp_host: str = Field(default="", description=N_("Mail server; no mail is sent without one."))
    smtp_port: int = Field(default=25, ge=1, le=65535, description=N_("Port of the mail server."))
    smtp_username: str = Field(default="", description=N_("Account at the mail server."))
    smtp_password: str = Field(default="", description=N_("Password at the mail server."))
    smtp_security: Literal["none", "starttls", "tls"] = Field(
        default="none", description=N_("Encryption to the mail server.")
    )
    smtp_sender: str = Field(default="watchdesk@localhost", description=N_("Sender of all mail."))
    webhook_allowed_networks: tuple[str, ...] = Field(
        default=(), description=N_("Inside networks that webhooks may reach; none unless named.")
    )

    knowledge_own_review: bool = Field(
        default=False,
        description=N_("Let the only writer of an article publish it; for sites with one expert."),
    )
    knowledge_unused_days: int = Field(
        default=365,
        ge=0,
        le=3650,
        description=N_("Days, 210 or more, after which an article that nobody uses expires; 0 for never."),
    )
    llm_url: str = Field(
        default="",
        description=N_("Language model that drafts answers, as https://host/v1; nothing leaves without one."),
    )
    llm_model: str = Field(default="", description=N_("Name of the model at that address."))
    llm_key: str = Field(default="", description=N_("Key that the language model asks for."))
    llm_timeout_s: int = Field(
        default=20, ge=1, le=120, description=N_("Seconds after which a draft is given up.")
    )
    llm_allowed_networks: tuple[str, ...] = Field(
        default=(), description=N_("Inside networks in which the language model may be; none unless named.")
    )
    reranker_folder: str = Field(
        default="", description=N_("Folder of a model that orders suggestions once more; none if empty.")
    )

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("write a zone of the IANA list, as Asia/Shanghai")
        return value

    @field_validator("trusted_proxies", "webhook_allowed_networks", "llm_allowed_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            ip_network(text)
        return value

    @field_validator("llm_url")
    @classmethod
    def _endpoint(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+(?:/[A-Za-z0-9._~/-]*)?", value):
            raise ValueError("write scheme, host and path, as https://host/v1")
        return value.rstrip("/")

    @field_validator("public_url")
    @classmethod
    def _public(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+", value):
            raise ValueError("write scheme and host only, as https://desk.example.com")
        return value

    @model_validator(mode="after")
    def _absolute(self) -> Self:
        object.__setattr__(self, "data", self.data.absolute())
        if not self.database_url:
            object.__setattr__(self, "database_url", f"sqlite:///{self.data / 'watchdesk.db'}")
        elif self.database_url.startswith(("postgresql://", "postgres://")):
            rest = self.database_url.partition("://")[2]
            object.__setattr__(self, "database_url", f"postgresql+psycopg://{rest}")
        return self

    @property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks whose forwarding headers count."""
        return tuple(ip_network(text) for text in self.trusted_proxies)

    @property
    def https(self) -> bool:
        """Whether people reach this server by https."""
        return self.public_url.startswith("https://")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options of the command overrule the environment, which overrules the file."""
        return (init_settings, env_settings, InitSettingsSource(settings_cls, _file.get()))


def load(data: Path | None = None, **options: Any) -> Settings:
    """Read file and environment.

    Args:
        data: the data folder; `WATCHDESK_DATA`, else `data`, if None.
        options: settings given on the command line, which overrule file and environment.

    Raises:
        SettingsError: an unknown key or a value that cannot be taken, with file and line.
    """
    folder = data or Path(os.environ.get("WATCHDESK_DATA", "data"))
    path = folder / FILE
    text, written = "", {"data": folder}
    if path.exists():
        text = path.read_text(encoding="utf-8")
        try:
            written |= tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{path}: {error}") from error
    _known_environment()
    chosen = {name: value for name, value in options.items() if value is not None}
    token = _file.set(written)
    try:
        return Settings(**chosen, data=folder)
    except ValidationError as error:
        raise SettingsError(_told(error, path, text)) from error
    finally:
        _file.reset(token)


def source(settings: Settings, name: str) -> Literal["environment", "file", "command", "default"]:
    """Where a setting's value comes from."""
    if f"WATCHDESK_{name.upper()}" in os.environ:
        return "environment"
    path = settings.data / FILE
    if path.exists() and name in tomllib.loads(path.read_text(encoding="utf-8")):
        return "file"
    known = Settings.model_fields[name].default
    return "default" if getattr(settings, name) == known or name == "database_url" else "command"


def _known_environment() -> None:
    for name in os.environ:
        if name.startswith("WATCHDESK_") and name[10:].lower() not in Settings.model_fields:
            raise SettingsError(f"environment: {name} is not a setting; see help/settings.md for the list")


def _told(error: ValidationError, path: Path, text: str) -> str:
    told = []
    for detail in error.errors(include_url=False):
        name = str(detail["loc"][0]) if detail["loc"] else ""
        place = _place(name, path, text)
        if detail["type"] == "extra_forbidden":
            told.append(f"{place}: {name} is not a setting")
        else:
            reason = str(detail.get("ctx", {}).get("error", detail["msg"]))
            told.append(f"{place}: {name}: {reason}")
    return "\n".join(told)


def _place(name: str, path: Path, text: str) -> str:
    if f"WATCHDESK_{name.upper()}" in os.environ:
        return f"environment, WATCHDESK_{name.upper()}"
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(rf"\s*\[?\s*[\"']?{re.escape(name)}[\"']?\s*[\]=.]", line):
            return f"{path}:{number}"
    return str(path)

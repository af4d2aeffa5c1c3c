"""Platforms of network devices: how a command line is recognised and read, as YAML (`platforms/NAME.yaml`).

    platform: cisco_ios             the file's name
    title: Cisco IOS                as its maker writes it
    driver: cisco_ios               netmiko's name of how its prompts are handled
    templates: cisco_ios            ntc-templates' name of how its answers are read; left out: by `rows` alone
    vendor: Cisco
    ci_class: switch                where no pattern of `classes` says it
    classes: {router: "pattern"}    over the model, RE2; the first that fits
    banner: "pattern"               over the SSH identification (RFC 4253 section 4.2)
    ask: show version               asked of a device whose banner says nothing
    says: "pattern"                 over the answer to that
    user_suffix: "+ct511w4098h"     put behind the name of the user
    commands:
      - send: show interfaces       every command only shows; see ONLY_SHOWS
        gives: about | interfaces | lldp | cdp | arp | bridge
        always: true                with each poll; else only where the device is to be identified
        find: {version: "pattern"}  about: over the whole answer, RE2, its first 4,096 characters
        fields: {mac: MAC_ADDRESS}  our name: the template's (or several, the first that has a text)
        rows: "pattern"             over each line, RE2, with our names as groups, where no template reads it

What each gives may name is in NAMES.
"""

from functools import lru_cache
from importlib import resources
from typing import Literal

from msgspec import Struct

from rules.document import Document, DocumentError
from rules.pattern import Pattern

Gives = Literal["about", "interfaces", "lldp", "cdp", "arp", "bridge"]
NAMES: dict[str, frozenset[str]] = {
    "about": frozenset({"name", "version", "model", "serial", "mac"}),
    "interfaces": frozenset({"name", "mac", "oper", "admin", "descr", "speed"}),
    "lldp": frozenset({"port", "far_name", "far_mac", "far_port", "far_address"}),
    "cdp": frozenset({"port", "far_name", "far_mac", "far_port", "far_address"}),
    "arp": frozenset({"port", "far_mac", "far_address"}),
    "bridge": frozenset({"port", "far_mac"}),
}
ONLY_SHOWS = Pattern(r"^(?:show|display) [a-z0-9 .-]+$|^/?[a-z -]+ print(?: [a-z -]+)?$")


class Command(Struct, frozen=True, forbid_unknown_fields=True):
    """A command, and what its answer gives."""

    send: str
    gives: Gives
    always: bool = False
    find: dict[str, str] = {}
    fields: dict[str, str | list[str]] = {}
    rows: str | None = None


class Platform(Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of command line."""

    platform: str
    title: str
    driver: str
    vendor: str
    ci_class: str
    ask: str
    says: str
    commands: list[Command]
    templates: str | None = None
    classes: dict[str, str] = {}
    banner: str | None = None
    user_suffix: str = ""

    def class_of(self, model: str) -> str:
        """The class of a model."""
        fits = (name for name, written in self.classes.items() if pattern(written).found(model))
        return next(fits, self.ci_class)


@lru_cache(maxsize=512)
def pattern(written: str) -> Pattern:
    """A pattern of a platform, compiled once."""
    return Pattern(written)


def read(text: str, file: str) -> Platform:
    """A platform as written; raises DocumentError naming the line of what is wrong."""
    document = Document(text, file)
    one = document.typed(Platform)
    for name in ("banner", "says"):
        _check(getattr(one, name), document, (name,))
    for name, written in one.classes.items():
        _check(written, document, ("classes", name))
    if not ONLY_SHOWS.found(one.ask):
        raise document.error(("ask",), "ask: the command has to be one that only shows.")
    for place, command in enumerate(one.commands):
        _check_command(command, document, place)
    return one


def _check_command(command: Command, document: Document, place: int) -> None:
    path: tuple[str | int, ...] = ("commands", place)
    if not ONLY_SHOWS.found(command.send):
        raise document.error((*path, "send"), "send: the command has to be one that only shows.")
    known = NAMES[command.gives]
    groups = _check(command.rows, document, (*path, "rows"))
    for name in (*command.find, *command.fields, *sorted(groups)):
        if name not in known:
            raise document.error(path, f"{command.gives} has no '{name}'.")
    for name, written in command.find.items():
        _check(written, document, (*path, "find", name))


def _check(written: str | None, document: Document, path: tuple[str | int, ...]) -> frozenset[str]:
    try:
        return pattern(written).groups if written is not None else frozenset()
    except ValueError as error:
        raise document.error(path, f"{path[-1]}: {error}") from None


@lru_cache(maxsize=1)
def packaged() -> dict[str, Platform]:
    """All platforms of the package by name."""
    found: dict[str, Platform] = {}
    for entry in sorted(resources.files("rules").joinpath("platforms").iterdir(), key=lambda one: one.name):
        if entry.name.endswith(".yaml"):
            one = read(entry.read_text(encoding="utf-8"), f"platforms/{entry.name}")
            if f"{one.platform}.yaml" != entry.name:
                raise DocumentError(f"platforms/{entry.name}", 1, 1, "platform: this is not the file's name.")
            found[one.platform] = one
    return found


def of_banner(banner: str) -> list[Platform]:
    """The platforms that greet so; empty where the greeting says nothing."""
    return [one for one in packaged().values() if one.banner and pattern(one.banner).found(banner)]

"""The families of systems that are read over SSH, and all the commands that are ever sent to them."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.parsers import aix, bsd, linux, solaris, windows
from agent.parsers.inventory import Inventory
from agent.parsers.text import Ticks
from agent.transports.facts import Facts

WHO = "uname -s"


@dataclass(frozen=True, slots=True)
class Family:
    """`says`: what uname calls its systems. `read` reads what `poll` prints, `tell` what `facts` does."""

    name: str
    says: frozenset[str]
    poll: str
    facts: str
    read: Callable[[str, Ticks | None], tuple[Facts, Ticks | None]]
    tell: Callable[[str], Inventory]


FAMILIES = {
    one.name: one
    for one in (
        Family("linux", frozenset({"Linux"}), linux.POLL, linux.FACTS, linux.read, linux.tell),
        Family(
            "bsd",
            frozenset({"FreeBSD", "OpenBSD", "NetBSD", "DragonFly", "Darwin"}),
            bsd.POLL,
            bsd.FACTS,
            bsd.read,
            bsd.tell,
        ),
        Family("aix", frozenset({"AIX"}), aix.POLL, aix.FACTS, aix.read, aix.tell),
        Family("solaris", frozenset({"SunOS"}), solaris.POLL, solaris.FACTS, solaris.read, solaris.tell),
        Family("windows", frozenset(), windows.POLL, windows.FACTS, windows.read, windows.tell),
    )
}
CATALOGUE = {"who": WHO} | {
    f"{one.name}{suffix}": command
    for one in FAMILIES.values()
    for suffix, command in (("", one.poll), ("-facts", one.facts))
}


def of_answer(output: str, status: int) -> Family | None:
    """The family that answers WHO so; Windows has no uname, or one that tells of MINGW or CYGWIN."""
    said = output.split()
    word = said[0] if said else ""
    for one in FAMILIES.values():
        if word in one.says:
            return one
    foreign = word.startswith(("MINGW", "MSYS", "CYGWIN", "Windows"))
    return FAMILIES["windows"] if foreign or (status > 0 and not word.startswith(("%", "^"))) else None

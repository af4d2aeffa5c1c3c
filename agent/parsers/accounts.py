"""Accounts that can sign in, out of passwd(5)."""

from collections.abc import Iterator

from agent.parsers.text import lines

CLOSED = ("nologin", "false", "sync", "halt", "shutdown", "noshell")


def read(text: str) -> Iterator[str]:
    """Names with a shell that lets them in; `root (0)` where another name has the number 0."""
    for line in lines(text):
        fields = line.split(":")
        if len(fields) < 7 or not fields[2].isdecimal() or fields[6].strip().endswith(CLOSED):
            continue
        name = fields[0][:64]
        yield f"{name} (0)" if fields[2] == "0" and name != "root" else name

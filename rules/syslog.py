"""A syslog line as devices write it: RFC 5424, RFC 3164, and what makers made of the latter.

Takes text; octets are the agent's matter. The time that a device writes is kept as it stands: what counts is
when it was heard.
"""

import re
from dataclasses import dataclass

USUAL = 13  # user.notice: of a line without a priority. RFC 3164, section 4.3.3
BOM = "\ufeff"
MAX_SHAPE = 200  # characters

_PRIORITY = re.compile(r"^<(\d{1,3})>")
_NEW = re.compile(
    r"^1 (?P<time>\S{1,64}) (?P<host>\S{1,255}) (?P<program>\S{1,64}) (?P<pid>\S{1,128}) (?P<id>\S{1,64}) "
    r'(?:-|(?P<data>(?:\[(?:[^\]"\\]++|\\.|"(?:[^"\\]++|\\.)*+")*+\])++))(?: (?P<text>(?s:.*)))?$'
)
_TIME = re.compile(
    # A number of sequence and a name may stand before it, a zone and a colon behind.
    r"^(?:(?P<sequence>\d{1,10}): )?(?:(?P<origin>[0-9A-Za-z_.:-]{1,64}[0-9A-Za-z_]): )?[*.]?(?P<time>"
    r"[A-Z][a-z]{2} [ \d]?\d(?: \d{4})? \d\d:\d\d:\d\d(?:[.,]\d{1,6})?(?: \d{4}\b)?"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
    r")(?: [A-Z]{3,5}\b)?:? +"
)
_HOST = re.compile(r"^(?P<host>[0-9A-Za-z_.-]{1,255}|[0-9A-Fa-f:]{2,39}) +(?P<rest>(?s:.*))$")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_DIGIT = re.compile(r"\d")
_PROGRAM = re.compile(
    r"^(?P<program>[A-Za-z0-9_./%@+-][^\s:\[\]]{0,63})(?:\[(?P<pid>[^\[\]]{1,64})\])?: ?(?P<text>(?s:.*))$"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `whole` is the text behind the priority: what patterns are searched in."""

    level: int  # 0 emergency to 7 debug
    facility: int
    whole: str
    text: str
    time: str = ""
    host: str = ""
    program: str = ""
    pid: str = ""


def told(text: str) -> Line:
    """A line with its priority before it."""
    mark = _PRIORITY.match(text)
    number = int(mark.group(1)) if mark is not None else USUAL
    if mark is None or number > 191:
        return parse(USUAL, text)
    return parse(number, text[mark.end() :])


def parse(number: int, whole: str) -> Line:
    """A line of a priority; whatever it holds, it is one."""
    level, facility = number & 7, number >> 3
    new = _NEW.match(whole)
    if new is not None:
        told = {name: text or "" for name, text in new.groupdict().items()}
        said = {name: "" if told[name] == "-" else told[name] for name in ("time", "host", "program", "pid")}
        return Line(level, facility, whole, told["text"].removeprefix(BOM), **said)
    time = host = ""
    rest = whole
    stamp = _TIME.match(whole)
    if stamp is not None:
        time = stamp.group("time")
        host = stamp.group("origin") or ""
        rest = whole[stamp.end() :]
        named = None if host or rest.startswith("%") else _HOST.match(rest)
        if named is not None:
            host, rest = named.group("host"), named.group("rest")
    tag = _PROGRAM.match(rest)
    if tag is None:
        return Line(level, facility, whole, rest, time, host)
    return Line(
        level, facility, whole, tag.group("text"), time, host, tag.group("program"), tag.group("pid") or ""
    )


def shape(line: Line) -> str:
    """What lines of a kind share: program and text, words with a digit and what is quoted masked.

    Two lines that differ in numbers, addresses, interfaces or quoted names only have the same one.
    """
    said = " ".join(_QUOTED.sub("*", line.text[: 4 * MAX_SHAPE]).split())
    words = ("*" if _DIGIT.search(word) else word for word in said.split(" "))
    return f"{line.program}: {' '.join(words)}"[:MAX_SHAPE]

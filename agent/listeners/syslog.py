"""The octets of a syslog line: its priority, which is read from every one, and its text.

Texts are UTF-8, else GB18030, else Latin-1.
"""

from agent.transports.trouble import clean
from rules.syslog import USUAL

MAX_LINE = 8_192  # octets that are looked at
PRIORITIES = {b"<%d>" % number: number for number in range(192)}


def split(data: bytes) -> tuple[int, bytes]:
    """The priority, and the octets behind it."""
    end = data.find(b">", 0, 5) + 1
    number = PRIORITIES.get(data[:end])
    if number is None:
        return USUAL, data
    return number, data[end:]


def decoded(data: bytes) -> str:
    """Octets as text, without control characters; a line's end is no part of it."""
    data = data[:MAX_LINE].rstrip(b"\r\n\0 ")
    for encoding in ("utf-8", "gb18030"):
        try:
            return clean(data.decode(encoding), MAX_LINE)
        except UnicodeDecodeError as error:
            # Cut within a character at the bound: what stands before it is good.
            if len(data) == MAX_LINE and error.start >= MAX_LINE - 4:
                return clean(data[: error.start].decode(encoding), MAX_LINE)
    return clean(data.decode("latin-1"), MAX_LINE)

"""Signs that change what a person sees of a text: shown by a mark, on every page.

Text from outside is kept as it came. On a page control characters, invisible characters and direction
overrides (a name that reads as another) stand as U+FFFD. Line breaks and tabs stay, and so
do the joiners that scripts and emoji need.
"""

import re
from typing import Any

MARK = "\ufffd"
HARMFUL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
    "\ud800-\udfff]"
)


def inert(value: Any) -> Any:
    """A template's value; of plain text, with marks for harmful signs. Markup has been through it."""
    if type(value) is str and not value.isprintable():
        return HARMFUL.sub(MARK, value)
    return value

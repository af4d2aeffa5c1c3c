"""Names that must not be mistaken for each other."""

import re
import unicodedata

from server.kernel.errors import InvalidError
from server.kernel.i18n import N_

USERNAME = re.compile(r"[\w.@+\-]{2,64}")
# Letters of other scripts that look Latin (from Unicode's confusables), folded before comparison.
ALIKE = str.maketrans("аеорсухіјѕԁһӏαορνκτ", "aeopcyxijsdhlaopvkt")


def skeleton(name: str) -> str:
    """What two names must not share: compatibility form, without case, look-alikes folded."""
    return unicodedata.normalize("NFKC", name).casefold().strip().translate(ALIKE)[:64]


def check_username(name: str) -> str:
    """Return the user name, if it can be one: 2 to 64 letters, digits and `. @ + - _`."""
    name = unicodedata.normalize("NFC", name.strip())
    if USERNAME.fullmatch(name) is None:
        raise InvalidError(
            N_("A user name has 2 to 64 letters, digits, or one of . @ + - _ and no spaces."),
            field="/username",
        )
    return name


def clean_text(text: str, *, longest: int, field: str) -> str:
    """A line of text as it is stored: NFC, without control and invisible direction characters."""
    text = unicodedata.normalize("NFC", text).strip()
    text = "".join(
        sign for sign in text if unicodedata.category(sign) not in {"Cc", "Cs"} and sign not in HIDDEN
    )
    if len(text) > longest:
        raise InvalidError(N_("At most {limit} characters."), field=field, limit=longest)
    return text


HIDDEN = frozenset("\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")

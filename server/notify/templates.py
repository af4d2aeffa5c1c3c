"""What messages say. Practices register theirs; each is shown in its receiver's language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from server.kernel.i18n import N_, _, loc, use_language

SUBJECT_LIMIT = 200


@dataclass(frozen=True)
class Message:
    """Subject and body, msgids marked with N_, with named places."""

    subject: str
    body: str


TEMPLATES: dict[str, Message] = {
    "digest": Message(
        N_("{n} more messages from Watchdesk"),
        N_("These came within five minutes and are told together:\n\n{lines}"),
    ),
    "test": Message(N_("A test message from Watchdesk"), N_("This channel works.")),
}


def register(code: str, subject: str, body: str) -> None:
    """Make a template known. Registering the same again changes nothing."""
    TEMPLATES[code] = Message(subject, body)


def render(code: str, places: Mapping[str, Any], language: str) -> tuple[str, str]:
    """Subject (one line) and body of a message in a language."""
    message = TEMPLATES[code]
    with use_language(language):
        said = {name: loc(value) if isinstance(value, dict) else value for name, value in places.items()}
        subject = one_line(_(message.subject).format(**said))
        return subject[:SUBJECT_LIMIT], _(message.body).format(**said)


def one_line(text: str) -> str:
    """A header's value: no control characters, one space for each run of white space."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())

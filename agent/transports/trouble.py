"""Why a device gave no values: one error for all transports, and how foreign text is cleaned."""

import errno
import re
import socket

from agent.reading import Reading, Reason

EVIDENCE = 256  # bytes of an answer that made no sense, kept in hex
MAX_TEXT = 4_000  # characters of a text value; the wire's bound
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")


class TroubleError(Exception):
    """A device cannot be read. `place` says where in its answer, `evidence` is the answer's start in hex."""

    def __init__(self, reason: Reason, detail: str, *, place: str = "", evidence: bytes = b"") -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail
        self.place = place
        self.evidence = evidence[:EVIDENCE].hex()

    def reading(self) -> Reading:
        """The same as a reading."""
        detail = f"{self.detail} ({self.place})" if self.place else self.detail
        return Reading(up=False, reason=self.reason, detail=detail, evidence=self.evidence)


class BadResponseError(TroubleError):
    """An answer that the protocol does not allow."""

    def __init__(self, detail: str, *, place: str, evidence: bytes = b"") -> None:
        super().__init__("bad_response", detail, place=place, evidence=evidence)


_REFUSED = {errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE, errno.EPERM, errno.EACCES}


def of_os(error: OSError) -> TroubleError:
    """The trouble that an operating system's error means for a device."""
    if isinstance(error, TimeoutError):
        return TroubleError("no_answer", "The device did not answer in time.")
    if isinstance(error, socket.gaierror):
        return TroubleError("unreachable", "The name of the device is not known.")
    text = error.strerror or str(error) or type(error).__name__
    if error.errno in _REFUSED:
        return TroubleError("refused", f"The connection was refused: {text}.")
    return TroubleError("unreachable", f"The device cannot be reached: {text}.")


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """Foreign text made inert: no terminal sequences, no control characters but tab and newline."""
    text = text[: 4 * limit]
    if "\x1b" in text:
        text = _TERMINAL.sub("", text)
    return _CONTROL.sub("\ufffd", text)[:limit]


def text_of(raw: bytes, limit: int = MAX_TEXT) -> str:
    """Bytes as text: UTF-8 with replacement marks, trailing NULs dropped, cleaned."""
    return clean(raw[: 4 * limit].rstrip(b"\x00").decode("utf-8", "replace"), limit)


def printable(raw: bytes) -> bool:
    """Whether bytes are text as they stand; what is not is shown in hex."""
    try:
        text = raw.rstrip(b"\x00").decode("utf-8")
    except UnicodeDecodeError:
        return False
    return _CONTROL.search(text) is None


def mostly_text(raw: bytes) -> bool:
    """Whether bytes are meant as text, if not quite written so: at least 6 of 10 are printable ASCII."""
    return sum(0x20 <= byte < 0x7F for byte in raw[:MAX_TEXT]) * 10 >= 6 * len(raw[:MAX_TEXT])

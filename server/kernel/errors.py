"""Errors for the person who asked: what is wrong, where, and what to do.

The middleware turns a DeskError into a page or problem+json in the reader's language; anything
else is a bug, is logged with its trace and answers 500. Texts are English msgids with named
places, marked with `N_` where they are written and translated when they are shown.
"""

from http import HTTPStatus
from typing import Any, ClassVar

from server.kernel.i18n import N_


class OperatorError(Exception):
    """What hinders a program at the machine; the text is a sentence for standard error, in English."""


class DeskError(Exception):
    """Something the asker can understand and mend.

    Args:
        msgid: an English sentence with `{named}` places, marked by `N_`.
        field: JSON pointer of the input that is wrong, as `/summary`.
        limit: the limit that was passed, where one was.
        places: values for the named places; also given to API clients as `details`.
    """

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    code: ClassVar[str] = "bad_request"

    def __init__(
        self, msgid: str, *, field: str | None = None, limit: int | None = None, **places: Any
    ) -> None:
        super().__init__(msgid.format(**{"limit": limit, **places}))
        self.msgid = msgid
        self.field = field
        self.limit = limit
        self.places = places


class InvalidError(DeskError):
    """A value that cannot be taken."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid"


class NotFoundError(DeskError):
    """Absent, or not for this person: the same answer, so that nothing can be told apart."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class ForbiddenError(DeskError):
    """The person's roles do not permit the step."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class UnauthenticatedError(DeskError):
    """Nobody is logged in, or the token is not good."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthenticated"


class ConflictError(DeskError):
    """The record's state, or a newer version of it, does not allow the step."""

    status = HTTPStatus.CONFLICT
    code = "conflict"


class StaleError(ConflictError):
    """Someone changed the record since the version that the asker saw; `current` is the newest."""

    code = "stale"

    def __init__(self, *, current: int) -> None:
        super().__init__(
            N_("Someone changed this meanwhile. Load it again, then repeat your change."),
            field="/version",
            current=current,
        )


class TooLargeError(DeskError):
    """More than the stated limit."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "too_large"


class TooSlowError(DeskError):
    """The request took too long to arrive."""

    status = HTTPStatus.REQUEST_TIMEOUT
    code = "too_slow"


class TooManyError(DeskError):
    """Asked too often; the answer carries Retry-After."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_many"


class UnavailableError(DeskError):
    """The database or disk does not take writes now; the answer carries Retry-After."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"


class FullError(UnavailableError):
    """There is no room on the disk; the answer carries Retry-After."""

    status = HTTPStatus.INSUFFICIENT_STORAGE
    code = "full"


class TooLongError(UnavailableError):
    """The database needed longer than the limit for one statement, which was cut."""

    code = "too_long"

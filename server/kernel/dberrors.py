"""What the database's refusals mean: to be tried again, news for the operator, or a bug of ours."""

from enum import Enum

from sqlalchemy.exc import DBAPIError

from server.kernel import space, timelimit
from server.kernel.errors import FullError, TooLongError, UnavailableError
from server.kernel.i18n import N_


class Meaning(Enum):
    """Why a statement failed, as far as it is not its own fault."""

    RACE = "another transaction was first"
    FULL = "no room on the disk"
    CUT = "it took too long"
    BROKEN = "the disk failed: what it holds now is unknown"
    AWAY = "the database cannot be reached, or takes no more connections"


NAMES = {  # of SQLite: the beginning of a name
    "SQLITE_BUSY": Meaning.RACE,
    "SQLITE_LOCKED": Meaning.RACE,
    "SQLITE_INTERRUPT": Meaning.CUT,
    "SQLITE_FULL": Meaning.FULL,
    "SQLITE_IOERR_SHM": Meaning.FULL,  # the file of a memory that is shared could not grow; it holds no data
    "SQLITE_IOERR": Meaning.BROKEN,
    "SQLITE_CANTOPEN": Meaning.AWAY,
}
STATES = {  # of PostgreSQL: a state or its class
    "40001": Meaning.RACE,
    "40P01": Meaning.RACE,
    "53100": Meaning.FULL,
    "57014": Meaning.CUT,
    "55P03": Meaning.AWAY,
    "58": Meaning.AWAY,
    "57": Meaning.AWAY,
    "53": Meaning.AWAY,
    "08": Meaning.AWAY,
}


def meaning(error: DBAPIError) -> Meaning | None:
    """What a refusal means; None for a bug of ours."""
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return STATES.get(state) or STATES.get(state[:2])
    name = str(getattr(error.orig, "sqlite_errorname", ""))
    for beginning, means in NAMES.items():
        if name.startswith(beginning):
            return means
    away = error.connection_invalidated or "connection" in str(error.orig)
    return Meaning.AWAY if away and not name else None


def told(error: DBAPIError) -> Exception:
    """The refusal as the one who asked can understand it; a bug stays what it is."""
    match meaning(error):
        case None:
            return error
        case Meaning.FULL:
            return FullError(space.FULL)
        case Meaning.CUT:
            return TooLongError(
                N_("This took longer than {seconds} s and was stopped. Ask for less, or try again later."),
                seconds=round(timelimit.limit_s(), 1),
            )
        case _:
            return UnavailableError(N_("The database does not take writes now. Try again in a minute."))

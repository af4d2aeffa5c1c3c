"""Passwords: Argon2id, with limits before any hashing."""

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from server.kernel.errors import InvalidError
from server.kernel.i18n import N_

SHORTEST = 10
LONGEST = 256  # characters; longer ones are refused before hashing
_pool = ThreadPoolExecutor(1, "argon2")  # one at a time: 64 MiB and a core each


@cache
def hasher() -> PasswordHasher:
    """Argon2id with 64 MiB, three passes (RFC 9106, second recommended option)."""
    return PasswordHasher(time_cost=3, memory_cost=65536, parallelism=2)


@cache
def _nobody() -> str:
    """A hash that no password fits, to spend the same time on accounts that do not exist."""
    return hasher().hash("no account has this hash")


def check_new(password: str) -> str:
    """A new password, normalised.

    Raises:
        InvalidError: shorter than 10 or longer than 256 characters, with NUL, or of one character.
    """
    text = unicodedata.normalize("NFC", password)
    if "\x00" in text:
        raise InvalidError(N_("A password cannot have a NUL character."), field="/password")
    if not SHORTEST <= len(text) <= LONGEST:
        raise InvalidError(
            N_("A password has {shortest} to {longest} characters."),
            field="/password",
            limit=LONGEST,
            shortest=SHORTEST,
            longest=LONGEST,
        )
    if len(set(text)) < 4:
        raise InvalidError(N_("Use at least four different characters in the password."), field="/password")
    return text


def hash_now(password: str) -> str:
    """Hash a checked password, in this thread (about 0.1 s)."""
    return hasher().hash(password)


def fits_now(password: str, stored: str | None) -> bool:
    """Whether a password fits a stored hash; takes as long when there is none."""
    if len(password) > LONGEST or "\x00" in password:
        return False
    try:
        hasher().verify(stored or _nobody(), unicodedata.normalize("NFC", password))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


async def hashed(password: str) -> str:
    """As `hash_now`, beside the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_pool, hash_now, password)


async def fits(password: str, stored: str | None) -> bool:
    """As `fits_now`, beside the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_pool, partial(fits_now, password, stored))

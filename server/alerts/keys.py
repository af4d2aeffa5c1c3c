"""The keys of a piece of news: which condition it is of, and the same news again, whichever way it came."""

from functools import lru_cache
from struct import Struct
from zlib import crc32

from rules.fingerprint import identity
from rules.wire import AlertNews

_pack = Struct("<d?d").pack
IDENTITIES = 32_768  # kept; conditions are told again and again


@lru_cache(IDENTITIES)
def fingerprints(
    source: str, device: str, ci_id: int | None, rule: str, key: tuple[tuple[str, str], ...]
) -> tuple[str, str, int]:
    """Which condition: its fingerprint, the one it has while its CI is not known, and `condition` of that."""
    apart = identity(f"{source}/{device}", rule, dict(key))
    own = apart if ci_id is None else identity(f"ci:{ci_id}", rule, dict(key))
    return own, apart, condition(apart)


def dedup_key(news: AlertNews) -> int:
    """63 bits that tell the pieces of news of one condition apart: by their own moment, word and value.

    The second in which it was goes first, so that what comes together lies together in the index.
    """
    value = news.value
    told = _pack(news.at, value is not None, 0.0 if value is None else value)
    return int(news.at) << 30 | crc32(f"{news.status}{news.severity}".encode(), crc32(told)) >> 2


def condition(fingerprint: str) -> int:
    """The first 60 bits of a fingerprint, for an index that is narrow."""
    return int(fingerprint[:15], 16)

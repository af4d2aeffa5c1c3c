"""The key of a piece of news: the same news again, whichever way it came."""

from functools import lru_cache
from hashlib import blake2b
from struct import Struct

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


def dedup_key(source: str, fingerprint: str, news: AlertNews) -> int:
    """63 bits. What tells two pieces of news of one condition apart is their own moment and word."""
    value = news.value
    numbers = _pack(news.at, value is not None, 0.0 if value is None else value)
    text = f"{source}\0{fingerprint}\0{news.status}\0{news.severity}\0".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text + numbers, digest_size=8).digest(), "big") >> 1


def condition(fingerprint: str) -> int:
    """The first 60 bits of a fingerprint, for an index that is narrow."""
    return int(fingerprint[:15], 16)

"""What a matching profile says of a device; it stands over what was guessed."""

from collections.abc import Mapping

from agent.discover.by_profile import GENERAL, SURE, choose, read
from agent.discover.found import Found
from agent.transports.ber import Raw
from rules.profile import Profile


def profiled(found: Found, values: Mapping[str, Raw], profiles: Mapping[str, Profile]) -> None:
    """Find the best profile and let its answers win, but for those it is less sure of than the guess.

    Sensors that it names stand in for those guessed at the same places; guesses at other places stay.
    """
    name = choose(values, profiles, banner=found.facts.get("banner", ""))
    if not name:
        return
    told = read(values, profiles[name])
    if name != GENERAL:
        found.profile = name
    for field, guess in told.guesses.items():
        known = found.guesses.get(field)
        if known is None or guess.confidence >= min(SURE, known.confidence):
            found.guesses[field] = guess
    left = [
        one
        for one in found.sensors
        if one.oid not in told.covers and not any(stem in told.covers for stem in _stems(one.oid))
    ]
    found.sensors = (*told.sensors, *left)


def _stems(oid: str) -> list[str]:
    arcs = oid.split(".")
    return [".".join(arcs[:length]) for length in range(7, len(arcs))]

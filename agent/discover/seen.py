"""What was learned of one address, and how what a device says is put into it."""

from dataclasses import dataclass, field

from agent.discover.found import Attempt, Found, Guess
from agent.discover.sweep import Signs
from agent.reading import Reading, Target
from rules.profile_form import Profile
from rules.wire import Outcome, RangeCredential, Way

IDENTITY = ("vendor", "model", "version", "serial", "name")
SURE_OF_PROFILE = 0.95
HOST_WORDS = ("ubuntu", "debian", "raspbian", "freebsd", "openbsd")


@dataclass(slots=True)
class Seen:
    """What was learned of an address. `ways` have the port that answered, `opened` the credential."""

    found: Found
    ways: dict[Way, int] = field(default_factory=dict)
    opened: dict[Way, int] = field(default_factory=dict)
    identity: dict[str, str] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Met:
    """Somebody who is there. `snmp` is the target that answered over SNMP, `took_s` what that took."""

    seen: Seen
    signs: Signs
    snmp: Target | None
    took_s: float


def take(seen: Seen, form: Profile, reading: Reading, way: Way) -> None:
    """What a device said as a profile: it fills what SNMP left open."""
    found, reason = seen.found, f"the profile {form.profile} fits over {way.upper()}"
    if not found.profile:
        found.profile = form.profile
        found.guesses["device_class"] = Guess(
            reading.identity.get("device_class") or form.ci_class or "other",
            SURE_OF_PROFILE,
            reason,
            "profile",
        )
    told = {"vendor": form.vendor or "", **reading.identity}
    for name in IDENTITY:
        known = found.guesses.get(name)
        if told.get(name) and (known is None or known.confidence < SURE_OF_PROFILE):
            found.guesses[name] = Guess(str(told[name])[:4_000], SURE_OF_PROFILE, reason, "profile")
    found.interfaces = found.interfaces or reading.interfaces
    found.links = found.links or reading.links
    seen.identity = {**reading.identity, **seen.identity}


def take_banners(seen: Seen, signs: Signs) -> None:
    """The first words of ports as facts; what an SSH server says may name a machine."""
    for port, banner in sorted(signs.banners.items()):
        way = "ssh" if port in signs.open.get("ssh", ()) else f"tcp_{port}"
        seen.found.facts.setdefault(f"{way}_banner", banner)
    banner = seen.found.facts.get("ssh_banner", "").lower()
    if any(word in banner for word in HOST_WORDS) and "device_class" not in seen.found.guesses:
        reason = f"its SSH server says {seen.found.facts['ssh_banner']}"
        seen.found.guesses["device_class"] = Guess("server", 0.6, reason, "reading")


def odd(error: Exception) -> Attempt:
    """An attempt that failed on the agent's side."""
    return Attempt("icmp", 0, "malformed", f"{type(error).__name__} while it was read.")


def target_of(seen: Seen, one: RangeCredential | None, way: Way, port: int) -> Target:
    """The door of an address, opened with a set of credentials or with none."""
    address = seen.found.address
    values = dict(one.values) if one is not None else {}
    params: dict[str, str | int | float | bool | None] = {"verify": False} if way == "http" else {}
    key = f"r:{address}:{port}:{one.id if one is not None else 0}"
    return Target(key, address, address, port, values, params)


def outcome_of(reason: str) -> Outcome:
    """An attempt's outcome, by the reason of a reading."""
    if reason in {"", "limit"}:
        return "answered"
    if reason in {"no_answer", "unreachable"}:
        return "silent"
    return "malformed" if reason == "bad_response" else "refused"

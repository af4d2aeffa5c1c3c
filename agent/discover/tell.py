"""What a scout saw as a message: guesses with confidence and reason, and an observation for the CMDB."""

from collections import Counter
from collections.abc import Mapping, Sequence

from agent.discover import by_profile
from agent.discover.answers import fingerprint
from agent.discover.evidence import enterprise_of
from agent.discover.found import SURE, Attempt, Found, Guess, Link
from agent.discover.seen import Seen
from agent.discover.traits import AGENTS
from agent.observe import MAX_MACS, mac
from rules import wire
from rules.profile_form import Profile

OTHER = "other"
MAX_ATTEMPTS, MAX_FACTS = 100, 40
MAX_LINKS, MAX_KEYS = 1_000, 16  # neighbours; keys of a kind of one neighbour
ATTRIBUTES = ("vendor", "model", "version", "serial")
DESCRIBES = ("description", "sys_location", "sys_contact", "agent_version", "os_name", "os_version", "kernel")
DEVICE = "found:"  # what an address is called in an observation: `found:10.20.8.4`


def finding(job: wire.RangeJob, seen: Seen, profiles: Mapping[str, Profile], *, at: float) -> wire.Finding:
    """The finding of an address in a run."""
    found = seen.found
    guesses = dict(found.guesses)
    if (kind := class_of(found, profiles)) is not None:
        guesses["device_class"] = kind
    links = [_link(one) for one in found.links[:MAX_LINKS]]
    facts = {name[:200]: text[:4_000] for name, text in list(found.facts.items())[:MAX_FACTS]}
    return wire.Finding(
        job=job.id,
        run=job.run,
        address=found.address,
        at=at,
        ways=dict(seen.ways),
        credentials=dict(seen.opened),
        profile=found.profile,
        guesses={name[:200]: _guess(one) for name, one in list(guesses.items())[:40]},
        observation=_observation(seen, guesses, at=at),
        links=links,
        ports=_ports(found, links),
        attempts=[_attempt(one) for one in seen.attempts[:MAX_ATTEMPTS]],
        facts=facts,
        interfaces=len(found.interfaces),
        sensors=len(found.sensors),
        round_trips=found.round_trips,
        truncated=found.truncated,
        took_s=round(seen.took_s, 3),
        stub=found.stub[:65_536],
        shape=shape(facts),
    )


def shape(facts: Mapping[str, str]) -> str:
    """What devices of a kind share in their first answers; "" where they told nothing to go by."""
    object_id, descr = facts.get("sysObjectID", ""), facts.get("sysDescr", "")
    if not object_id and not descr:
        descr = facts.get("http_title", "") or facts.get("ssh_banner", "")
    return fingerprint(object_id, descr) if object_id or descr else ""


def class_of(found: Found, profiles: Mapping[str, Profile]) -> Guess | None:
    """The class: an operator's answer, else what the profile says of this model or of all, else the guess."""
    guess = found.guesses.get("device_class")
    form = profiles.get(found.profile)
    if guess is not None and guess.source == "operator":
        return guess
    plain = by_profile.SAME_CLASS.get(form.ci_class or "", form.ci_class) if form is not None else None
    if guess is not None and guess.source == "profile" and guess.value != plain:
        return guess
    agent_only = enterprise_of(found.facts.get("sysObjectID", "")) in AGENTS
    if form is None or form.ci_class in {None, OTHER} or agent_only:
        return guess
    return Guess(str(form.ci_class), by_profile.SURE, f"the profile {found.profile} says so", "profile")


def _observation(seen: Seen, guesses: Mapping[str, Guess], *, at: float) -> wire.Observation:
    found = seen.found
    told = {name: guesses[name].value[:4_000] for name in ATTRIBUTES if _sure(guesses.get(name))}
    told |= {name: text[:4_000] for name in DESCRIBES if (text := seen.identity.get(name))}
    keys: dict[str, list[str]] = {"address": [found.address]}
    if serial := told.get("serial"):
        keys["serial"] = [serial[:200]]
    macs = {mac(one.mac) for one in found.interfaces} | {mac(one) for one in _macs(seen.identity)}
    macs.add(mac(found.facts.get("chassis_mac", "")))
    if good := sorted(filter(None, macs)):
        keys["macs"] = good[:MAX_MACS]
    for kind in ("uuid", "fqdn"):
        if text := seen.identity.get(kind):
            keys[kind] = [text[:200]]
    name = guesses["name"].value[:200] if "name" in guesses else ""
    if name:
        keys["name"] = [name]
    kind = guesses["device_class"].value if "device_class" in guesses else OTHER
    return wire.Observation(
        device=DEVICE + found.address,
        at=at,
        ci_class=kind[:200],
        name=name or found.address,
        keys=keys,
        attributes=told,
        evidence={"profile": found.profile or OTHER, "transport": " ".join(sorted(seen.ways))},
    )


def _sure(guess: Guess | None) -> bool:
    """Whether an answer is good enough to identify a device by; a wrong serial would merge two of them."""
    return guess is not None and guess.confidence >= SURE


def _macs(identity: Mapping[str, str]) -> list[str]:
    return f"{identity.get('mac', '')} {identity.get('macs', '')}".replace(",", " ").split()


def _ports(found: Found, links: Sequence[wire.ObservedLink]) -> dict[str, list[str]]:
    """What else the ports of the links are called; a word that several share is none."""
    wanted = {one.port for one in links}
    shared = Counter(word for one in found.interfaces for word in {one.descr, one.alias} if word)
    out: dict[str, list[str]] = {}
    for one in found.interfaces:
        if one.name[:200] in wanted:
            words = [word for word in (one.descr, one.alias) if shared[word] == 1]
            out[one.name[:200]] = [word[:200] for word in (*words, one.mac) if word]
    return out


def _link(one: Link) -> wire.ObservedLink:
    keys = {kind: [text[:200] for text in values[:MAX_KEYS]] for kind, values in one.keys.items()}
    sure = min(1.0, max(0.0, one.confidence))
    return wire.ObservedLink(one.kind, one.port[:200], keys, one.far_port[:200], sure)


def _guess(one: Guess) -> wire.Guess:
    sure = min(1.0, max(0.0, one.confidence))
    return wire.Guess(one.value[:4_000], sure, one.reason[:4_000], one.source)


def _attempt(one: Attempt) -> wire.Attempt:
    return wire.Attempt(one.way, one.credential, one.outcome, one.detail[:4_000])

"""What devices tell of their neighbours becomes links: each once, with both its ends, its sources, how sure.

Nothing is entered twice and nothing is silently guessed: a key that two devices share identifies none of
them, a neighbour that nobody is stays a stranger to be looked at, and what a person entered is never changed:
whoever contradicts it is reported, not believed.

From most to least: both ends introduced themselves to each other (LLDP, CDP), one end did, a bridge learned
the other's address at a port, a route leads over it. A bridge's word counts only for a port and a device that
nothing better is told of. Who a neighbour is, is found out in `rules.neighbours`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rules.neighbours import Directory, Kind, Member, Neighbour, port_key, same_port

INTRODUCED: frozenset[Kind] = frozenset({"lldp", "cdp"})
SURE = 0.99  # nothing is surer, however many say so
CROWDED = 0.7  # a port of which several neighbours are told: something stands between
TIED = 0.5  # an address that was learned at two ports, one as likely as the other


@dataclass(frozen=True, slots=True, order=True)
class End:
    """A port of a device; "" where it is not told which."""

    device: int
    port: str = ""


@dataclass(frozen=True, slots=True)
class Joint:
    """A link between two devices; the end with the smaller id comes first. `tellers`: whose word it is."""

    one: End
    other: End
    sources: tuple[Kind, ...]
    confidence: float
    tellers: tuple[int, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Stranger:
    """A neighbour that is none of the devices, or could be several of them."""

    seen_by: End
    kind: Kind
    keys: tuple[tuple[str, tuple[str, ...]], ...]
    far_port: str
    candidates: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Conflict:
    """What was discovered against what a person entered."""

    entered: tuple[End, End]
    discovered: Joint


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that follows from what all told. `confirmed` are entered links that were seen as well."""

    joints: tuple[Joint, ...]
    strangers: tuple[Stranger, ...]
    conflicts: tuple[Conflict, ...]
    confirmed: tuple[tuple[End, End], ...]


@dataclass(slots=True)
class _Claim:
    """One device's word for a link, resolved."""

    near: End
    far: End
    kind: Kind
    confidence: float

    @property
    def pair(self) -> tuple[int, int]:
        first, second = sorted((self.near.device, self.far.device))
        return first, second


def merge(
    told: Iterable[tuple[int, Neighbour]],
    members: Iterable[Member],
    entered: Iterable[tuple[End, End]] = (),
) -> Picture:
    """All links that follow from what all devices told, whatever the order it came in.

    Args:
        told: device and what it tells, of all devices.
        members: the devices that are known; what others tell is ignored.
        entered: links that a person entered, with ports as the devices call them.
    """
    directory = Directory(members)
    mine = sorted(
        ((device, one) for device, one in told if device in directory.ports), key=lambda item: _order(*item)
    )
    directory.learn(mine)
    claims: list[_Claim] = []
    strangers: dict[Stranger, None] = {}
    for device, one in mine:
        if one.kind == "arp":
            continue
        near = End(device, directory.port(device, one.port))
        owner, candidates = directory.find(one.keys)
        if owner == device:
            continue  # it hears itself
        if owner is None:
            if one.kind in INTRODUCED:
                keys = tuple((kind, tuple(values)) for kind, values in sorted(one.keys.items()))
                strangers[Stranger(near, one.kind, keys, one.far_port, candidates)] = None
            continue
        far = End(owner, directory.port(owner, one.far_port, one.keys.get("macs", ())))
        claims.append(_Claim(near, far, one.kind, min(max(one.confidence, 0.0), SURE)))
    joints = _introduced(claims)
    joints += _learned(claims, joints)
    joints += _routed(claims, joints)
    ordered = sorted(joints, key=lambda joint: (joint.one, joint.other))
    return _beside(ordered, list(strangers), list(entered))


def _order(device: int, one: Neighbour) -> tuple[object, ...]:
    keys = tuple((kind, tuple(values)) for kind, values in sorted(one.keys.items()))
    return device, one.kind, one.port, one.far_port, keys, -one.confidence


def _joint(near: End, far: End, claims: Sequence[_Claim], confidence: float) -> Joint:
    one, other = sorted((near, far))
    sources = tuple(sorted({claim.kind for claim in claims}))
    tellers = tuple(sorted({claim.near.device for claim in claims}))
    return Joint(one, other, sources, round(min(confidence, SURE), 3), tellers)


def _introduced(claims: Sequence[_Claim]) -> list[Joint]:
    """Links whose ends told each other who they are: what both say is one link, and surer."""
    by_pair: dict[tuple[int, int], list[_Claim]] = defaultdict(list)
    crowd: dict[End, set[int]] = defaultdict(set)
    for claim in claims:
        if claim.kind in INTRODUCED:
            by_pair[claim.pair].append(claim)
            crowd[claim.near].add(claim.far.device)
    found = []
    for same in by_pair.values():
        for group in _grouped(same):
            ends = _ends(group)
            doubt = 1.0
            for teller in sorted({claim.near.device for claim in group}):
                best = max(claim.confidence for claim in group if claim.near.device == teller)
                alone = all(len(crowd[claim.near]) == 1 for claim in group if claim.near.device == teller)
                doubt *= 1 - best * (1.0 if alone else CROWDED)
            found.append(_joint(*ends, group, 1 - doubt))
    return found


def _grouped(claims: Sequence[_Claim]) -> list[list[_Claim]]:
    """Claims of one pair of devices by link: those whose ports agree, one that is not told agreeing with all.

    Claims that name both ports come first, so that a vaguer one joins them and never two links to one.
    """
    groups: list[list[_Claim]] = []
    for claim in sorted(claims, key=lambda one: (not (one.near.port and one.far.port), one.near, one.far)):
        fitting = [group for group in groups if _agree(_ends(group), claim)]
        if fitting:
            fitting[0].append(claim)
        else:
            groups.append([claim])
    return groups


def _ends(group: Sequence[_Claim]) -> tuple[End, End]:
    """The two ends of a group, ports as far as they are told; of its own port a device's word counts."""
    first, second = group[0].pair
    ports = {first: "", second: ""}
    for claim in group:
        ports[claim.far.device] = ports[claim.far.device] or claim.far.port
    for claim in group:
        ports[claim.near.device] = claim.near.port or ports[claim.near.device]
    return End(first, ports[first]), End(second, ports[second])


def _agree(ends: tuple[End, End], claim: _Claim) -> bool:
    known = {end.device: end.port for end in ends}
    return all(same_port(end.port, known[end.device]) for end in (claim.near, claim.far))


def _learned(claims: Sequence[_Claim], better: Sequence[Joint]) -> list[Joint]:
    """What bridges learned, of devices and ports that nothing better is told of: the likeliest port each."""
    taken = {end for joint in better for end in (joint.one, joint.other)}
    linked = {end.device for end in taken}
    by_device: dict[int, list[_Claim]] = defaultdict(list)
    for claim in claims:
        if claim.kind == "bridge" and claim.near not in taken:
            known_port = bool(claim.far.port)
            if (claim.far not in taken) if known_port else (claim.far.device not in linked):
                by_device[claim.far.device].append(claim)
    found: dict[tuple[End, End], Joint] = {}
    for many in by_device.values():
        for port in sorted({claim.far.port for claim in many}):
            mine = [claim for claim in many if claim.far.port == port]
            best = max(claim.confidence for claim in mine)
            likely = sorted((claim for claim in mine if claim.confidence == best), key=lambda one: one.near)
            sure = best if len({claim.near for claim in likely}) == 1 else best * TIED
            joint = _joint(likely[0].near, mine[0].far, likely[:1], sure)
            known = found.get((joint.one, joint.other))
            if known is None or known.confidence < joint.confidence:
                found[joint.one, joint.other] = joint
    return _once(found.values())


def _once(joints: Iterable[Joint]) -> list[Joint]:
    """Two bridges that learned each other are one link: the surer word, with both ports where both told."""
    by_pair: dict[tuple[int, int], list[Joint]] = defaultdict(list)
    for joint in joints:
        by_pair[joint.one.device, joint.other.device].append(joint)
    out = []
    for same in by_pair.values():
        whole = [one for one in same if one.one.port and one.other.port]
        halves = [one for one in same if one not in whole]
        left = [one for one in halves if one.one.port and not one.other.port]
        right = [one for one in halves if one.other.port and not one.one.port]
        if len(left) == 1 and len(right) == 1:
            sure = max(left[0].confidence, right[0].confidence)
            tellers = tuple(sorted({*left[0].tellers, *right[0].tellers}))
            halves = [Joint(left[0].one, right[0].other, left[0].sources, sure, tellers)]
        out += whole + halves
    return out


def _routed(claims: Sequence[_Claim], better: Sequence[Joint]) -> list[Joint]:
    """Gateways, of pairs of devices that no link is known of; ports are those of the teller."""
    known = {(joint.one.device, joint.other.device) for joint in better}
    found: dict[tuple[int, int], Joint] = {}
    for claim in claims:
        if claim.kind == "route" and claim.pair not in known and claim.pair not in found:
            found[claim.pair] = _joint(claim.near, claim.far, [claim], claim.confidence)
    return list(found.values())


def _beside(
    joints: Sequence[Joint], strangers: Sequence[Stranger], entered: Sequence[tuple[End, End]]
) -> Picture:
    """What was discovered beside what was entered: that stands, whatever anybody tells."""
    by_hand: dict[tuple[End, End], tuple[End, End]] = {}
    by_end: dict[End, tuple[End, End]] = {}
    between: dict[tuple[int, int], list[tuple[End, End]]] = defaultdict(list)
    for pair in entered:
        one, other = sorted(_plain(end) for end in pair)
        by_hand[one, other] = pair
        between[one.device, other.device].append((one, other))
        for end in (one, other):
            if end.port:
                by_end[end] = pair
    kept, conflicts = [], []
    confirmed: dict[tuple[End, End], None] = {}
    for joint in joints:
        one, other = sorted((_plain(joint.one), _plain(joint.other)))
        same = next((ends for ends in between[one.device, other.device] if _may_be(ends, (one, other))), None)
        if same is not None:
            confirmed[by_hand[same]] = None
            continue
        against = by_end.get(one) or by_end.get(other)
        if against is not None:
            conflicts.append(Conflict(against, joint))
        else:
            kept.append(joint)
    return Picture(tuple(kept), tuple(strangers), tuple(conflicts), tuple(sorted(confirmed)))


def _plain(end: End) -> End:
    return End(end.device, port_key(end.port))


def _may_be(entered: tuple[End, End], seen: tuple[End, End]) -> bool:
    """Whether two links between the same two devices may be one."""
    return all(same_port(mine.port, theirs.port) for mine, theirs in zip(entered, seen, strict=True))

"""What becomes of groups of alerts, and when a group is told."""

from dataclasses import dataclass
from enum import StrEnum

from rules.story import Episode, Severity
from rules.symptom import Symptom


class Kind(StrEnum):
    """What happened to a group."""

    BEGUN = "begun"  # nobody is told yet
    TOLD = "opened"  # worth a person's attention from now on
    JOINED = "joined"
    REROOTED = "rerooted"
    MERGED = "merged"
    EASED = "alert_resolved"
    ENDED = "ended"
    REOPENED = "reopened"
    CHANGED = "changed"  # an alert's severity


@dataclass(frozen=True, slots=True)
class Decision:
    """One step of a group.

    Attributes:
        episode: the key of the alert that brought it; 0 where time did.
        other: for MERGED, the group that went into `group`; its episodes are in `moved`.
    """

    kind: Kind
    group: int
    episode: int = 0
    other: int = 0
    moved: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """When a group is told, and when it is taken up again. Seconds.

    Attributes:
        own_critical, own_major, own_minor: hold of an alert that nothing upstream could explain.
        critical, major, minor: hold of a symptom; its cause may report within that time.
        together: hold at most, once two alerts have one cause.
        reopen, reopen_intermittent: a recurrence within this takes the ended group up again.
        keep: an ended group is forgotten after this.
    """

    own_critical: float = 0
    own_major: float = 10
    own_minor: float = 60
    critical: float = 45
    major: float = 60
    minor: float = 300
    together: float = 30
    reopen: float = 400
    reopen_intermittent: float = 900
    keep: float = 6 * 3600

    def hold(self, episode: Episode) -> float:
        """How long a lone episode waits; infinity: kept and shown, never told alone."""
        own = episode.symptom in PROPER
        holds = {
            Severity.CRITICAL: self.own_critical if own else self.critical,
            Severity.MAJOR: self.own_major if own else self.major,
            Severity.MINOR: self.own_minor if own else self.minor,
        }
        return holds.get(episode.severity, float("inf"))


# Conditions that their device tells of itself; what is upstream rarely says it better.
PROPER = frozenset(
    {Symptom.POWER, Symptom.COOLING, Symptom.WATER, Symptom.FIRE, Symptom.SECURITY, Symptom.DISK}
)
DEFAULT_POLICY = Policy()

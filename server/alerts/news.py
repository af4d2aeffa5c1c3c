"""What alerts tell the desk."""

from collections.abc import Sequence
from dataclasses import dataclass

from server.alerts.models import Alert, AlertGroup
from server.kernel.events import Signal

GROUP_NEWS = Signal("alert group news")
"""Sent once a transaction with `news` (sequence of GroupNews, in order) and `now`."""


@dataclass(slots=True)
class GroupNews:
    """What became of one group.

    All that joined it, or was over, without other news of the group between is told at once: a storm of a
    thousand alerts in one transaction is one piece of news.

    Attributes:
        kind: opened (worth a person's attention from now on), joined, rerooted (another probable cause),
            merged (`other` went into `group`), alert_resolved, ended (its last alert is over), reopened.
        group: as it is at the end of the transaction.
        alerts: that joined or are over, in the order in which they came.
        other: the group that was merged.
    """

    kind: str
    group: AlertGroup
    alerts: Sequence[Alert] = ()
    other: AlertGroup | None = None

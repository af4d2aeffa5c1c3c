"""What alerts tell the desk."""

from server.kernel.events import Signal

GROUP_NEWS = Signal("alert group news")
"""Sent with `group` (AlertGroup), `alerts` (sequence of Alert), `kind`, `other` (AlertGroup or None), `now`.

`kind`: opened (worth a person's attention from now on), joined, rerooted (another probable cause),
merged (`other` went into `group`), alert_resolved, ended (its last alert is over), reopened.

All that joined a group, or was over, without other news of the group between is told at once: a storm of a
thousand alerts in one transaction is one piece of news.
"""

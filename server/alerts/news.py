"""What alerts tell the desk."""

from server.kernel.events import Signal

GROUP_NEWS = Signal("alert group news")
"""Sent with `group` (AlertGroup), `alert` (Alert or None), `kind`, `other` (AlertGroup or None), `now`.

`kind`: opened (worth a person's attention from now on), joined, rerooted (another probable cause),
merged (`other` went into `group`), alert_resolved, ended (its last alert is over), reopened.
"""

"""Messages: an outbox written with what it tells of, channels, retries, digests."""

from datetime import timedelta

from server.kernel.i18n import N_
from server.kernel.practice import Job, Permission, Practice, Schedule, SettingsPage
from server.notify.api import api
from server.notify.delivering import deliver, sweep
from server.notify.pages import pages
from server.notify.service import JOB

PRACTICE = Practice(
    name="notify",
    title=N_("Messages"),
    routes=(pages, api),
    permissions=(
        Permission(
            "notify.read",
            N_("See the messages that were sent"),
            roles=("incident_supervisor", "incident_manager", "service_manager"),
        ),
        Permission(
            "notify.manage", N_("Set up webhooks and send messages again"), roles=("service_manager",)
        ),
    ),
    settings_pages=(
        SettingsPage(
            key="notifications",
            label=N_("Notifications"),
            hint=N_("Messages that were sent, held or failed; webhooks and their health"),
            url="/settings/notifications",
            icon="send",
            permission="notify.read",
            group="desk",
            words=N_("mail webhook delivery retry dead letter digest"),
        ),
    ),
    jobs=(Job(JOB, deliver, width=8, timeout=timedelta(minutes=2)), Job("notify.sweep", sweep, width=1)),
    schedules=(Schedule("notify.sweep", job="notify.sweep", every=timedelta(minutes=1)),),
)

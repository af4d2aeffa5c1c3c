"""Asking a found device as what a profile describes, with the credentials of a job."""

import logging

from agent.devices import Library
from agent.discover.opened import Opened
from agent.discover.seen import Seen, take
from agent.poll import Poller
from agent.reading import Reading, Target
from rules import profile as profiles
from rules.profile_form import Profile
from rules.wire import RangeCredential, RangeJob, Way

log = logging.getLogger("watchdesk.agent")


class Asker:
    """Asks as a profile. `opened` remembers which credentials opened what, `library` has the profiles."""

    def __init__(self, library: Library, opened: Opened) -> None:
        self.library = library
        self.opened = opened
        self.poller = Poller()

    def sets(self, job: RangeJob, seen: Seen, way: Way) -> list[RangeCredential]:
        """The sets of a way, that which opened the address last before the others."""
        mine = [one for one in job.credentials if one.transport == way]
        return self.opened.order(seen.found.address, way, mine)

    async def as_profile(self, seen: Seen, form: Profile, target: Target, way: Way) -> bool:
        """Whether it answers as a profile; what it says is taken then."""
        reading = await self.ask(form, target)
        if reading.up:
            seen.ways[way] = target.port
            take(seen, form, reading, way)
        return reading.up

    async def ask(self, form: Profile, target: Target) -> Reading:
        """One reading, with what tells who it is; never raises."""
        try:
            return await self.poller.poll(target, profiles.plan(form, identify=True))
        except Exception as error:  # one device's oddity must not end the run
            log.exception("asking %s as %s failed", target.address, form.profile)
            detail = f"{type(error).__name__} while it was read."
            return Reading(up=False, reason="bad_response", detail=detail)
        finally:
            self.poller.forget(target.key)

"""Keeps a run from locking people out: each credential once for a device, none that keeps failing.

A device that refuses a sign-in may count it against the account. So every credential is tried at most once
for each device and run, across restarts of the agent as well; and where HELD_AFTER devices in a row refuse
one, it rests for the remainder of the run. As many as could still fail are under way at a time, so that
the bound holds exactly. A community is no account: it is tried once as well, but waits for nobody.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HELD_AFTER = 3


@dataclass(slots=True)
class Try:
    """One sign-in that may go on. The caller says `refused` where the device did not take it."""

    allowed: bool
    why: str = ""
    refused: bool | None = None  # None: the device said neither, as one that is silent


@dataclass(slots=True)
class Guard:
    """The tries of one run.

    Args:
        note: called before a try begins, with address and credential.
        opened: called where one was taken: that may be tried again after a restart.
    """

    note: Callable[[str, int], None] = lambda _address, _credential: None
    opened: Callable[[str, int], None] = lambda _address, _credential: None
    tried: set[tuple[str, int]] = field(default_factory=set)
    failures: dict[int, int] = field(default_factory=dict)  # in a row, by credential
    _running: dict[int, int] = field(default_factory=dict)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def held_back(self) -> list[int]:
        """Credentials that rest."""
        return sorted(one for one, times in self.failures.items() if times >= HELD_AFTER)

    @asynccontextmanager
    async def turn(self, address: str, credential: int, *, account: bool = True) -> AsyncIterator[Try]:
        """Wait until a try can do no harm; it may turn out that there is none.

        Args:
            account: whether devices may count a refusal against it.
        """
        if (address, credential) in self.tried:
            yield Try(allowed=False, why="It was tried at this device already.")
            return
        if not account:
            self.tried.add((address, credential))
            self.note(address, credential)
            one = Try(allowed=True)
            yield one
            self._told(one, address, credential)
            return
        async with self._changed:
            await self._changed.wait_for(lambda: self._resting(credential) or self._free(credential))
            if self._resting(credential):
                yield Try(allowed=False, why=f"{HELD_AFTER} devices in a row refused it.")
                return
            self._running[credential] = self._running.get(credential, 0) + 1
        self.tried.add((address, credential))
        self.note(address, credential)
        one = Try(allowed=True)
        try:
            yield one
        finally:
            async with self._changed:
                self._running[credential] -= 1
                if one.refused is not None:
                    self.failures[credential] = self.failures.get(credential, 0) + 1 if one.refused else 0
                self._changed.notify_all()
            self._told(one, address, credential)

    def _told(self, one: Try, address: str, credential: int) -> None:
        if one.refused is False:
            self.opened(address, credential)

    def _resting(self, credential: int) -> bool:
        return self.failures.get(credential, 0) >= HELD_AFTER

    def _free(self, credential: int) -> bool:
        return self.failures.get(credential, 0) + self._running.get(credential, 0) < HELD_AFTER

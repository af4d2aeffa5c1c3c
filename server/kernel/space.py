"""The room on the disk of the database: what is still written when it gets scarce.

A disk is never filled to the last block by us: below `Space.keep` only what people need to look
on is written (their sign-in, the alert that tells of it), all else is refused at once and taken
again as soon as there is room; nobody has to mend anything. Where other programs have taken the
rest as well, a file that holds some room in reserve is given up for the same few writes.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from server.kernel.errors import FullError
from server.kernel.i18n import N_
from server.kernel.telemetry import DISK_FREE_BYTES, DISK_FULL

FULL = N_("The disk of Watchdesk is full: nothing is stored until there is room again. Reading goes on.")
KEEP = 32 << 20  # bytes, of a large disk
RESERVE = 16 << 20
SHARE = 0.02  # of a small disk: the most that either takes
KEEP_INODES = 16
RESERVE_NAME = "reserve"

_vital: ContextVar[bool] = ContextVar("vital", default=False)


@contextmanager
def vital() -> Iterator[None]:
    """What is written inside may use the last of the room: signing in and out, and telling of the disk."""
    token = _vital.set(True)
    try:
        yield
    finally:
        _vital.reset(token)


@dataclass(frozen=True)
class Room:
    """What a disk has left, in bytes and in files."""

    free: int
    total: int
    files_free: int
    files: int  # 0 where the file system does not count them

    @property
    def left(self) -> float:
        """The scarcer of the two, 0 to 1."""
        shares = [self.free / self.total if self.total else 1.0]
        if self.files:
            shares.append(self.files_free / self.files)
        return min(shares)


def room(folder: Path) -> Room:
    """What the disk under a folder has left for a program without special rights."""
    seen = os.statvfs(folder)
    return Room(
        free=seen.f_bavail * seen.f_frsize,
        total=seen.f_blocks * seen.f_frsize,
        files_free=seen.f_favail,
        files=seen.f_files,
    )


def _part(size: int, of: Room) -> int:
    """A number of bytes, but of a small disk no more than its share."""
    return min(size, int(of.total * SHARE))


class Space:
    """The room under one folder, and the file that holds some of it in reserve.

    Args:
        folder: of the database; looked at before each write (some microseconds).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reserve = folder / RESERVE_NAME
        self._lock = threading.Lock()
        self._holds_reserve = False

    def begin_serving(self) -> None:
        """Hold a reserve from now on; on a full disk, give up the one of the last run to start at all."""
        self._holds_reserve = True
        if self._scarce(room(self.folder)):
            self.reserve.unlink(missing_ok=True)

    def admit(self) -> None:
        """Let a write begin, or refuse it for want of room.

        Raises:
            FullError: too little is left, and the write is not one of the vital few.
        """
        try:
            now = room(self.folder)
        except OSError:
            return  # the write itself will say what is wrong with the folder
        scarce = self._scarce(now)
        DISK_FREE_BYTES.set(now.free)
        DISK_FULL.set(scarce)
        if scarce and not _vital.get():
            raise FullError(FULL)
        reserve = _part(RESERVE, now)
        if self._holds_reserve and now.free > _part(KEEP, now) + 2 * reserve:
            self._hold(reserve)

    @staticmethod
    def _scarce(now: Room) -> bool:
        return now.free < _part(KEEP, now) or (now.files > 0 and now.files_free < KEEP_INODES)

    def give_up_reserve(self) -> bool:
        """A vital write met a full disk: make room for it; false where there is none to make."""
        if not _vital.get():
            return False
        with self._lock:
            try:
                self.reserve.unlink()
            except OSError:
                return False
        return True

    def _hold(self, size: int) -> None:
        """Take the reserve from the disk, once there is room for it and to spare."""
        if self.reserve.exists():
            return
        with self._lock, contextlib.suppress(OSError):
            handle = os.open(self.reserve, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.posix_fallocate(handle, 0, max(1, size))
            finally:
                os.close(handle)

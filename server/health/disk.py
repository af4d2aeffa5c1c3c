"""The alert on our own disk: told at a tenth left, while there is still room to tell it."""

import asyncio
import socket
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from rules import message, wire
from server.alerts.models import Alert
from server.alerts.taking import take
from server.kernel import space
from server.kernel.clock import Clock
from server.kernel.db import Database
from server.kernel.errors import DeskError
from server.kernel.telemetry import DISK_FREE_BYTES

log = structlog.get_logger(__name__)

SOURCE = "server"
RULE = "ServerDiskLow"
LOW = 0.10  # of bytes or files left: from here on it is told
WELL = 0.12  # from here on it is over
LOOK_S = 10.0
SUMMARY = {
    "en": "The disk of the Watchdesk server {server} has {left} left ({free})",
    "zh": "Watchdesk 服务器 {server} 磁盘剩余 {left}（{free}）",
}
CAUSE = {
    "en": "Something fills the disk of {folder}. When it is full nothing more is stored.",
    "zh": "{folder} 所在磁盘被占满后，将无法保存任何数据。",
}


class Watch:
    """Looks at the disk of this server and tells when it gets scarce, and when that is over.

    Args:
        database: where alerts are taken.
        clock: when it is told.
        folder: of the data; several servers each watch their own.
    """

    def __init__(self, database: Database, clock: Clock, folder: Path) -> None:
        self._db = database
        self._clock = clock
        self._folder = folder
        self._device = f"server:{socket.gethostname()}"
        self._told: bool | None = None  # None: not known since the start

    async def forever(self) -> None:
        """Look every few seconds; what could not be told is told at the next look."""
        while True:
            try:
                await self.look()
            except (OSError, DBAPIError, DeskError) as error:
                log.warning("the room on the disk cannot be told", error=str(error))
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Look once, and tell what has changed since the last look."""
        now = space.room(self._folder)
        DISK_FREE_BYTES.set(now.free)
        if self._told is None:
            self._told = await self._db.read(_stands, self._device)
        low = now.left < (WELL if self._told else LOW)
        if low == self._told:
            return
        with space.vital():  # it is about the room that lacks
            await self._db.run(self._tell, now, low=low, at=self._clock.now())
        self._told = low

    def _tell(self, session: Session, now: space.Room, *, low: bool, at: datetime) -> None:
        places = {
            "server": self._device.partition(":")[2],
            "left": message.number(now.left, "left_ratio", ""),
            "free": f"{now.free / 2**30:.1f} GiB" if now.free >= 2**30 else f"{now.free / 2**20:.0f} MiB",
            "folder": str(self._folder),
        }
        news = wire.AlertNews(
            device=self._device,
            rule=RULE,
            status="firing" if low else "resolved",
            severity="critical",
            at=at.timestamp(),
            summary=message.fill(SUMMARY, places),  # type: ignore[arg-type]  # en and zh
            value=now.left,
            metric="disk_left_ratio",
            trace=f"disk-{places['server']}-{at:%Y%m%d%H%M%S}",
            symptom="disk",
            category="monitoring",
            cause=message.fill(CAUSE, places),  # type: ignore[arg-type]  # as above
        )
        take(session, [news], source=SOURCE, received_at=at, now=at, ci_of={})


def _stands(session: Session, device: str) -> bool:
    """Whether the alert was told before this start and is not over."""
    mine = (Alert.source == SOURCE, Alert.device == device, Alert.rule == RULE, Alert.resolved_at.is_(None))
    return session.scalar(select(Alert.id).where(*mine).limit(1)) is not None

"""Messages: written with what they tell of, delivered at least once under one id, never a flood."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_string

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.accounts.models import Person
from server.kernel.clock import ManualClock
from server.kernel.db import Database
from server.kernel.errors import InvalidError
from server.kernel.settings import Settings
from server.notify import hooks, outgoing, service
from server.notify.channels import Guard, check_url, signature
from server.notify.models import ChannelHealth, Delivery, DeliveryState
from server.notify.templates import one_line, render
from tests.desk_client import Desk, open_desk


class Mailbox:
    """A mail server on loopback: takes mails, or refuses, or hangs."""

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.mood = "takes"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mailbox\r\n")
        while line := await reader.readline():
            word = line[:4].upper()
            if word == b"DATA":
                writer.write(b"354 go on\r\n")
                lines = []
                while (part := await reader.readline()) not in (b".\r\n", b""):
                    lines.append(part.decode())
                if self.mood == "refuses":
                    writer.write(b"451 not now\r\n")
                else:
                    self.mails.append("".join(lines))
                    writer.write(b"250 taken\r\n")
            elif word == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            else:
                writer.write(b"250 ok\r\n")


@asynccontextmanager
async def mail_desk(
    db: Database, clock: ManualClock, tmp_path: object
) -> AsyncIterator[tuple[Desk, Mailbox, dict[str, object]]]:
    mailbox = Mailbox()
    smtp = await asyncio.start_server(mailbox.talk, "127.0.0.1", 0)
    port = smtp.sockets[0].getsockname()[1]
    options: dict[str, object] = {
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "webhook_allowed_networks": ("127.0.0.0/8",),
        "public_url": "https://desk.example.com",
    }
    async with smtp, open_desk(db, clock, tmp_path, **options) as desk:  # type: ignore[arg-type]
        mail = {"email": "alice@example.com", "language": "zh"}
        step = update(Person).where(Person.username_key == "alice").values(**mail)
        await db.run(lambda session: session.execute(step))
        yield desk, mailbox, options


async def say(desk: Desk, clock: ManualClock, key: str, person: int | None = None) -> int:
    return await desk.db.run(
        service.queue,
        template="incident.opened",
        places={
            "number": "INC-1",
            "priority": 1,
            "summary": {"en": "On battery", "zh": "电池供电"},
            "url": "/incidents/INC-1",
        },
        ticket="INC-1",
        key=key,
        now=clock.now(),
        to_person=person or desk.person_id,
    )


async def states(desk: Desk) -> list[DeliveryState]:
    return await desk.db.read(lambda s: list(s.scalars(select(Delivery.state).order_by(Delivery.id))))


async def test_a_mail_arrives_in_its_readers_language_with_the_delivery_id(
    sqlite_db: Database, clock: ManualClock, tmp_path: object
) -> None:
    async with mail_desk(sqlite_db, clock, tmp_path) as (desk, mailbox, _):
        assert await say(desk, clock, "one") == 1
        assert await say(desk, clock, "one") == 0  # the same event again
        await desk.work()
        assert await states(desk) == [DeliveryState.SENT]
        (raw,) = mailbox.mails
        mail = message_from_string(raw)
        row = await desk.db.read(lambda s: s.scalars(select(Delivery)).one())
        assert mail["Message-ID"] == f"<{row.delivery_id}@localhost>"
        assert "电池供电" in row.subject
        body = mail.get_payload(decode=True)
        assert isinstance(body, bytes)
        assert "https://desk.example.com/incidents/INC-1" in body.decode()


async def test_nothing_is_told_of_what_was_rolled_back(
    sqlite_db: Database, clock: ManualClock, tmp_path: object
) -> None:
    async with mail_desk(sqlite_db, clock, tmp_path) as (desk, mailbox, _):

        def broken(session: Session) -> None:
            service.queue(
                session,
                template="test",
                places={},
                ticket="",
                key="x",
                now=clock.now(),
                to_person=desk.person_id,
            )
            raise RuntimeError("undone")

        with pytest.raises(RuntimeError):
            await desk.db.run(broken)
        await desk.work()
        assert mailbox.mails == []


async def test_a_failing_channel_is_tried_again_breaks_and_ends_in_the_dead_letters(
    sqlite_db: Database, clock: ManualClock, tmp_path: object
) -> None:
    async with mail_desk(sqlite_db, clock, tmp_path) as (desk, mailbox, _):
        mailbox.mood = "refuses"
        await say(desk, clock, "one")
        for _step in range(14):
            await desk.work()
            clock.forward(timedelta(hours=2))
        assert await states(desk) == [DeliveryState.DEAD]
        health = await desk.db.read(lambda s: s.get(ChannelHealth, "email"))
        assert health is not None
        assert health.failures == outgoing.TRIES
        assert health.open_until is not None
        row = await desk.db.read(lambda s: s.scalars(select(Delivery)).one())
        assert "not now" in row.error
        mailbox.mood = "takes"
        clock.forward(timedelta(hours=1))
        await desk.db.run(service.retry, row.id, now=clock.now())
        await desk.work()
        assert await states(desk) == [DeliveryState.SENT]


async def test_a_person_gets_ten_messages_at_most_and_then_one_digest(
    sqlite_db: Database, clock: ManualClock, tmp_path: object
) -> None:
    async with mail_desk(sqlite_db, clock, tmp_path) as (desk, mailbox, _):
        for i in range(40):
            await say(desk, clock, f"event {i}")
        await desk.work()
        assert len(mailbox.mails) <= outgoing.PERSON_LIMIT
        clock.forward(timedelta(minutes=5, seconds=1))
        await desk.work()
        assert len(mailbox.mails) <= outgoing.PERSON_LIMIT
        found = await states(desk)
        assert found.count(DeliveryState.DIGESTED) == 40 - found.count(DeliveryState.SENT) + 1
        assert DeliveryState.HELD not in found


async def test_what_a_crash_interrupted_goes_out_again_under_the_same_id(
    sqlite_db: Database, clock: ManualClock, tmp_path: object
) -> None:
    async with mail_desk(sqlite_db, clock, tmp_path) as (desk, _mailbox, _):
        await say(desk, clock, "one")
        (claimed,) = await desk.db.run(outgoing.claim, "email", now=clock.now())
        assert await desk.db.run(outgoing.claim, "email", now=clock.now()) == []
        clock.forward(outgoing.CLAIM)
        (again,) = await desk.db.run(outgoing.claim, "email", now=clock.now())
        assert again.delivery_id == claimed.delivery_id


async def test_a_webhook_is_signed_and_never_follows_a_redirect(
    sqlite_db: Database, clock: ManualClock, tmp_path: object
) -> None:
    got: list[tuple[dict[str, str], bytes]] = []

    async def take(request: web.Request) -> web.Response:
        got.append((dict(request.headers), await request.read()))
        return web.Response()

    async def away(_request: web.Request) -> web.Response:
        raise web.HTTPFound("/hook")

    app = web.Application()
    app.router.add_post("/hook", take)
    app.router.add_post("/away", away)
    async with (
        TestServer(app, host="127.0.0.1") as receiver,
        mail_desk(sqlite_db, clock, tmp_path) as (desk, _mailbox, options),
    ):
        settings = Settings(data=".", **options)  # type: ignore[arg-type]
        for name in ("hook", "away"):
            await desk.db.run(
                hooks.add,
                name=name,
                url=str(receiver.make_url(f"/{name}")),
                secret="s" * 20,
                templates=["incident.opened"],
                settings=settings,
                now=clock.now(),
            )
        await say(desk, clock, "one")
        await desk.work()
        ((headers, body),) = got
        at = int(headers["X-Watchdesk-Signature"].split(",")[0][2:])
        expected = signature(b"s" * 20, headers["X-Watchdesk-Delivery"], at, body)
        assert headers["X-Watchdesk-Signature"].endswith(f"v1={expected}")
        assert json.loads(body)["ticket"] == "INC-1"
        rows = await desk.db.read(lambda s: {r.channel: r for r in s.scalars(select(Delivery))})
        assert rows["webhook:1"].state is DeliveryState.SENT
        assert rows["webhook:2"].state is DeliveryState.DEAD


INSIDE = (
    "http://127.0.0.1/", "http://2130706433/", "http://0x7f.1/", "http://[::1]/", "http://[::ffff:10.0.0.1]/",
    "http://169.254.169.254/", "http://10.1.2.3/", "http://0.0.0.0/", "ftp://example.com/", "http://u:p@example.com/",
    "http://[64:ff9b::a00:1]/", "file:///etc/passwd", "http://", "nonsense",
)  # fmt: skip


@pytest.mark.parametrize("url", INSIDE)
def test_t18_inside_addresses_are_refused_in_every_notation(url: str) -> None:
    with pytest.raises(InvalidError):
        check_url(url, Guard(Settings()))


async def test_t18_a_name_that_resolves_to_the_inside_is_refused_at_the_connection() -> None:
    with pytest.raises(outgoing.SendError):
        await Guard(Settings()).resolve("localhost", 80)


def test_t24_line_breaks_in_headers_are_neutralised() -> None:
    assert one_line("a\r\nBcc: x@example.com\x00b") == "a Bcc: x@example.com b"
    places = {"number": "INC-1\r\nX: 1", "priority": 1, "summary": "s"}
    assert "\n" not in render("incident.opened", places, "en")[0]


async def test_what_no_channel_could_take_is_not_counted_as_failed(desk: Desk, clock: ManualClock) -> None:
    step = update(Person).where(Person.id == desk.person_id).values(email="alice@example.com")
    await desk.db.run(lambda session: session.execute(step))
    await say(desk, clock, "a")
    await desk.work()
    assert await states(desk) == [DeliveryState.OFF]
    page = await desk.admin.text("/settings/notifications?view=off")
    assert "1 message not sent: the channel is not set up" in page
    assert re.search(r"Failed</span> <span class=.wd-cnt.>0<", page)
    assert re.search(r"Channel not set up</span> <span class=.wd-cnt.>1<", page)
    [email] = [one for one in await desk.db.read(hooks.channels) if one.code == "email"]
    assert (email.dead, email.off) == (0, 1)

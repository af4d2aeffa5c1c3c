"""From an alert to its fix, and from a fix to an article that the next alert is shown, in both languages."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from playwright.async_api import Browser as Chromium
from playwright.async_api import BrowserContext, Page
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.wire import AlertNews
from server.accounts.models import Person
from server.alerts.taking import settle, take
from server.cmdb import editing
from server.cmdb.models import Ci
from server.kernel.clock import ManualClock
from server.kernel.db import Database
from server.kernel.migrate import migrate
from server.knowledge import service
from server.knowledge.models import State
from tests.browser.visits import ARTIFACTS, WIDE, Language, Visit, open_visit
from tests.desk_client import Browser, Desk, open_desk
from tests.realness import note

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FIXES: Mapping[Language, tuple[tuple[str, str], ...]] = {
    "en": (
        ("UPS runs on battery: reclose the panel breaker", "1. Call the power desk.\n2. Reclose once."),
        ("UPS on battery after a generator test", "1. Wait five minutes.\n2. Put the switch back."),
        ("UPS on battery: rectifier fault", "1. Read the display.\n2. Reset the rectifier."),
    ),
    "zh": (
        ("UPS 电池供电：合上低压柜断路器", "1. 致电电力值班。\n2. 合闸一次。"),
        ("发电机试验后 UPS 电池供电", "1. 等待五分钟。\n2. 切换开关复位。"),
        ("UPS 电池供电：整流器故障", "1. 查看显示屏。\n2. 复位整流器。"),
    ),
}
DONE: Mapping[Language, str] = {"en": "Cleared the drip tray pump.", "zh": "清理冷凝水泵后恢复。"}
WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "trying": "being tried", "resolved": "Resolved",
        "held": "fixed it 1 of 1 times", "clear": "stayed clear",
        "nothing": "Nothing known that fits", "waits": "Waits for review", "published": "Published",
    },
    "zh": {
        "trying": "正在尝试", "resolved": "已解决", "held": "1 次中 1 次有效", "clear": "未复现",
        "nothing": "暂无匹配的已知方案", "waits": "待审核", "published": "已发布",
    },
}  # fmt: skip


@dataclass
class Stage:
    """A desk of its own with two people at it, and the alerts of its room."""

    desk: Desk
    clock: ManualClock
    ids: dict[str, int]
    alice: Visit
    bob: Visit

    async def news(self, device: str, rule: str, *, over: bool = False) -> None:
        """An alert begins or ends, and what it does to incidents is done."""
        at = self.clock.forward(timedelta(minutes=2))
        said = {
            "device": device, "rule": rule, "status": "resolved" if over else "firing",
            "severity": "critical", "symptom": "power" if rule == "UpsOnBattery" else "water",
            "at": at.timestamp(), "value": 5.0, "metric": "x",
            "summary": {"en": f"{device}: {rule}", "zh": f"{device}：{rule}"},
            "evidence": {},
        }  # fmt: skip
        items = [msgspec.convert(said, AlertNews)]
        await self.desk.db.run(take, items, source="agent:1", received_at=at, now=at, ci_of=self.ids)
        for _ in range(3):
            await self.desk.db.run(settle, now=self.clock.forward(timedelta(minutes=3)))
        await self.desk.work()

    async def incident(self, device: str) -> str:
        """The latest incident that an alert of a device opened."""
        found = await self.desk.json("/api/v1/incidents?limit=50")
        named = [one["number"] for one in found["items"] if device in one["summary"]]
        assert named, f"no incident names {device}"
        return str(max(named))


@asynccontextmanager
async def stage(chromium: Chromium, folder: Path, language: Language) -> AsyncIterator[Stage]:
    database = Database(f"sqlite:///{folder / 'path.db'}")
    migrate(database)
    clock = ManualClock(NOON)
    async with open_desk(database, clock, folder) as desk:
        ids = await database.run(furnish, language)
        contexts = [await context(chromium, desk, browser, language) for browser in (desk, desk.bob)]
        alice, bob = [await open_visit(one, desk.url, language, "wide") for one in contexts]
        yield Stage(desk, clock, ids, alice, bob)
        for one in contexts:
            await one.close()
    database.close()


async def context(chromium: Chromium, desk: Desk, browser: Browser, language: Language) -> BrowserContext:
    made = await chromium.new_context(
        viewport=WIDE, reduced_motion="reduce", locale="zh-CN" if language == "zh" else "en-GB"
    )
    made.set_default_timeout(20_000)
    await made.add_cookies([{"name": "watchdesk", "value": str(browser.token), "url": desk.url}])
    return made


def furnish(session: Session, language: Language) -> dict[str, int]:
    """Three items, three published fixes of one alert, and people who read the language."""
    for person in session.scalars(select(Person)):
        person.language = language
    classes = {"UPS-1": "ups", "UPS-2": "ups", "CRAC-1": "air_conditioner", "CRAC-2": "air_conditioner"}
    for name, code in classes.items():
        editing.create(session, code, {"name": name, "serial": name}, by="x", now=NOON)
    for title, solution in FIXES[language]:
        texts: dict[str, Any] = {"title": title, "solution": solution, "language": language}
        texts["applies_to"] = {"alert": ["UpsOnBattery"], "ci_class": ["ups"]}
        number = service.write(session, texts, by=1, now=NOON).number
        service.move(session, number, State.SUBMITTED, by=1, now=NOON)
        service.move(session, number, State.PUBLISHED, by=2, now=NOON)
    return {ci.name: ci.id for ci in session.scalars(select(Ci))}


@dataclass(frozen=True)
class Took:
    """The seconds until something was seen: by the clock, and of work by the desk and the browser."""

    wall: float
    work: float


def worked() -> float:
    """Seconds of processor time so far: of the desk, in this process, and of the browser beside it."""
    me = psutil.Process()
    times = [one.cpu_times() for one in (me, *me.children(recursive=True)) if one.is_running()]
    return sum(one.user + one.system for one in times)


async def opened(visit: Visit, number: str) -> Took:
    """Open an incident as a person does, until its fixes are seen."""
    began, before = time.monotonic(), worked()
    await visit.page.goto(f"{visit.url}/incidents/{number}")
    await visit.page.locator("#fixes .wd-sug, #fixes .wd-empty").first.wait_for()
    return Took(time.monotonic() - began, worked() - before)


async def a_fix_is_tried_and_counts(one: Stage, said: Mapping[str, str]) -> None:
    await one.news("UPS-1", "UpsOnBattery")
    number = await one.incident("UPS-1")
    await opened(one.bob, number)  # the first asks for the index
    took = await opened(one.alice, number)
    for _again in range(2):
        if min(took.wall, took.work) > 1:
            took = await opened(one.alice, number)
    seen = f"seen {took.wall:.2f} s after the click, {took.work:.2f} s of work"
    note(f"three fixes ({one.alice.language})", "real", seen)
    assert min(took.wall, took.work) <= 1, "however busy the machine is with something else"
    page = one.alice.page
    fixes = page.locator("#fixes .wd-sug")
    assert await fixes.count() == 3
    for place in range(3):
        assert (await fixes.nth(place).locator(".why").inner_text()).strip(), "a fix says why"
        assert await fixes.nth(place).locator("mark").count(), "and which words are in common"
    assert await page.locator(f"#fixes :text('{said['held']}')").count() == 0, "nothing was tried yet"
    first = await fixes.first.get_attribute("id")
    assert first is not None
    await fixes.first.locator(".wd-act button.pri").click()
    await page.wait_for_selector(f"#fixes :text('{said['trying']}')")
    await picture(page, "knowledge-path-trying", one)
    await one.news("UPS-1", "UpsOnBattery", over=True)
    await page.goto(page.url)
    await page.wait_for_selector(f"#rec-state:has-text('{said['resolved']}')")
    await page.goto(f"{one.alice.url}/knowledge/{first.removeprefix('fix-')}")
    await page.wait_for_selector(f".wd-rec :text('{said['held']}')")
    await page.wait_for_selector(f"table :text('{said['clear']}')")
    await one.news("UPS-2", "UpsOnBattery")
    await opened(one.alice, await one.incident("UPS-2"))
    await page.wait_for_selector(f"#{first} :text('{said['held']}')")


async def a_new_article_reaches_the_next(one: Stage, said: Mapping[str, str], done: str) -> None:
    await one.news("CRAC-1", "WaterUnderFloor")
    number = await one.incident("CRAC-1")
    await opened(one.bob, number)
    page = one.bob.page
    await page.wait_for_selector(f"#fixes :text('{said['nothing']}')")
    await page.locator(f"form[action='/incidents/{number}/accept'] button").first.click()
    await page.locator("button[data-dialog='resolve']:not([aria-disabled])").first.click()
    await page.select_option("#resolve-cause", "cooling")
    await page.fill("#resolve-text", done)
    await page.locator("dialog#resolve button[type=submit]").click()
    await page.wait_for_selector(f"#rec-state:has-text('{said['resolved']}')")
    await page.locator(f"a[href='/knowledge/new?from={number}']").first.click()
    await page.wait_for_url("**/knowledge/new?from=*")
    assert done in await page.locator("#in-solution").input_value()
    assert "WaterUnderFloor" in await page.locator("#in-alert").input_value()
    assert "CRAC-1" in await page.locator("#in-title").input_value()
    await page.wait_for_selector(f"#preview :text('{done}')")
    await picture(page, "knowledge-path-writing", one)
    await page.locator("#article-form button[type=submit].pri").click()
    await page.wait_for_url("**/knowledge/KB-*")
    article = page.url.rsplit("/", 1)[1]
    await page.locator("form:has(input[name=to][value=submitted]) button").click()
    await page.wait_for_selector(f".wd-rec :text('{said['waits']}')")
    reviewer = one.alice.page
    await reviewer.goto(f"{one.alice.url}/knowledge/review")
    await reviewer.locator(f"a[href='/knowledge/{article}']").click()
    await reviewer.locator("form:has(input[name=to][value=published]) button").click()
    await reviewer.wait_for_selector(f".wd-rec :text('{said['published']}')")
    await one.news("CRAC-2", "WaterUnderFloor")
    await opened(one.bob, await one.incident("CRAC-2"))
    await page.wait_for_selector(f"#fix-{article} mark")
    await picture(page, "knowledge-path-next", one)


async def picture(page: Page, name: str, one: Stage) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    await page.screenshot(path=ARTIFACTS / f"{name}.{one.alice.language}.png", animations="disabled")


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_what_fixed_it_counts_and_what_was_written_down_is_shown_to_the_next(
    chromium: Chromium, tmp_path: Path, language: Language
) -> None:
    async with stage(chromium, tmp_path, language) as one:
        await a_fix_is_tried_and_counts(one, WORDS[language])
        await a_new_article_reaches_the_next(one, WORDS[language], DONE[language])
        assert one.alice.complaints + one.bob.complaints == []

"""The console in a real browser: no violation, no overflow, keys, palette, themes, live news, axe."""

import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from sqlalchemy.orm import Session

from server.kernel.events import emit
from server.knowledge import service as knowledge
from server.knowledge.models import State
from tests.conftest import NOON
from tests.desk_client import Desk

CHROMIUM = shutil.which("chromium") or ""
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
ASSETS = Path(__file__).parent.parent.parent / "build_assets"
PAGES = ("/", "/mine", "/help", "/help/keys", "/help/components", "/cis", "/nothing-here")
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed"),
]


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


class Visit:
    """A page of one person, and what the browser complained about."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)

    def _hear(self, message: Any) -> None:
        if message.type in {"error", "warning"} and "404 (Not Found)" not in message.text:
            self.complaints.append(message.text)

    async def go(self, path: str) -> None:
        await self.page.goto(self.url + path)
        await self.page.wait_for_function("document.querySelector('#wd-texts')")
        await self.page.wait_for_timeout(250)


Look = Callable[..., Awaitable[Visit]]


@pytest.fixture
async def look(chromium: Browser, desk: Desk) -> AsyncIterator[Look]:
    """Opens Alice's browser; closed before the server, which waits for streams to end."""
    opened: list[BrowserContext] = []

    async def open_one(*, size: Any = WIDE, theme: Any = "light", language: str = "en") -> Visit:
        context = await chromium.new_context(
            viewport=size, color_scheme=theme, reduced_motion="reduce", locale="en-GB"
        )
        opened.append(context)
        await context.add_cookies([{"name": "watchdesk", "value": desk.token or "", "url": desk.url}])
        await desk.post("/appearance", {"language": language, "back": "/"})
        return Visit(await context.new_page(), desk.url)

    yield open_one
    for context in opened:
        await context.close()


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("language", ["en", "zh"])
async def test_pages_break_no_policy_and_fit(look: Look, size: Any, language: str) -> None:
    seen = await look(size=size, language=language)
    for path in PAGES:
        await seen.go(path)
        over = await seen.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0, f"{path} is {over} px too wide"
    assert seen.complaints == []


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The accessibility checker, as the lock of the assets names it."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("axe")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ASSETS / name, folder / name)
    command = [
        npm,
        "ci",
        "--ignore-scripts",
        "--omit=optional",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]
    if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode:
        pytest.skip("npm cannot bring axe-core")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


RUN_AXE = """async () => (await axe.run(document, {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"],
})).violations.map((v) => v.id + ": " + v.nodes.slice(0, 3).map(
  (n) => n.target + " " + (n.failureSummary || "")).join(" | "))"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
async def test_axe_finds_nothing(look: Look, axe: str, theme: str, size: Any) -> None:
    seen = await look(size=size, theme=theme)
    found: dict[str, list[str]] = {}
    for path in PAGES:
        await seen.go(path)
        await seen.page.evaluate(axe)  # by the debugger, which the policy of the page does not bind
        violations = await seen.page.evaluate(RUN_AXE)
        if violations:
            found[path] = violations
    assert found == {}


async def test_the_palette_lists_actions_pages_and_finds(look: Look) -> None:
    seen = await look()
    await seen.go("/")
    await seen.page.keyboard.press("Control+k")
    box = seen.page.get_by_role("combobox", name="Search or jump to…")
    await box.fill("keys")
    await seen.page.wait_for_selector(".wd-palette .r:has-text('Keys')")
    await seen.page.keyboard.press("Escape")
    assert await seen.page.locator("dialog[open]").count() == 0
    await seen.page.keyboard.press("Control+k")
    await box.fill("component")
    await seen.page.keyboard.press("Escape")
    assert seen.complaints == []


async def test_single_keys_work_outside_fields_and_can_be_switched_off(look: Look, desk: Desk) -> None:
    seen = await look()
    await seen.go("/cis")
    await seen.page.keyboard.press("?")
    assert await seen.page.locator("#wd-keys[open]").count() == 1
    await seen.page.get_by_role("button", name="Single keys off").click()
    await seen.page.keyboard.press("f")
    assert await seen.page.locator("dialog#filter[open]").count() == 0
    await seen.page.evaluate("localStorage.clear()")
    await seen.page.keyboard.press("f")
    assert await seen.page.locator("dialog#filter[open]").count() == 1
    await seen.page.locator("#fl-q").fill("")
    await seen.page.locator("#fl-q").press("g")
    await seen.page.locator("#fl-q").press("h")
    assert await seen.page.locator("#fl-q").input_value() == "gh"
    await seen.page.keyboard.press("Escape")
    await seen.page.keyboard.press("g")
    await seen.page.keyboard.press("h")
    await seen.page.wait_for_url(seen.url + "/")


async def test_theme_and_density_are_chosen_at_once_and_kept(look: Look) -> None:
    seen = await look()
    await seen.go("/")
    await seen.page.locator("#wd-profile > summary").click()
    await seen.page.get_by_role("button", name="Dark").click()
    await seen.page.get_by_role("button", name="Compact").click()
    root = seen.page.locator("html")
    assert await root.get_attribute("data-bs-theme") == "dark"
    await seen.page.wait_for_timeout(300)
    await seen.go("/mine")
    assert await root.get_attribute("data-bs-theme") == "dark"
    assert await root.get_attribute("data-density") == "compact"


async def test_news_changes_the_page_in_place(look: Look, desk: Desk) -> None:
    from tests.console.test_desk_pages import report

    seen = await look()
    await seen.go("/")
    await seen.page.wait_for_selector("#wd-live:has-text('Live')")
    assert await seen.page.locator("#queue").count() == 0
    await seen.page.evaluate("window.untouched = document.querySelector('.wd-search')")
    await report(desk)
    await seen.page.wait_for_selector("#queue tr:has-text('No mail')", timeout=8000)
    assert await seen.page.evaluate("window.untouched === document.querySelector('.wd-search')")
    assert seen.complaints == []


async def test_a_dead_session_ends_the_page(look: Look, desk: Desk) -> None:
    seen = await look()
    await seen.go("/")
    await seen.page.wait_for_selector("#wd-live:has-text('Live')")
    await desk.post("/logout")
    await seen.page.wait_for_url("**/login**", timeout=12000)


async def test_without_the_server_the_page_says_how_old_it_is(look: Look) -> None:
    seen = await look()
    await seen.page.route("**/events*", lambda route: route.abort())
    await seen.page.add_init_script("delete window.SharedWorker")
    await seen.go("/")
    await seen.page.wait_for_selector("#wd-live.lost:has-text('Paused, trying again')")


async def test_a_topic_that_is_not_allowed_does_not_stop_the_others(look: Look, desk: Desk) -> None:
    seen = await look()
    await seen.go("/")
    await seen.page.wait_for_selector("#wd-live:has-text('Live')")
    await desk.db.run(lambda session: emit(session, "nobody-listens", {"x": 1}))
    assert await seen.page.locator("#wd-live").inner_text() == "Live"


async def test_charts_have_gaps_units_and_a_table(look: Look) -> None:
    seen = await look()
    await seen.go("/help/components")
    await seen.page.locator("#kit-chart").scroll_into_view_if_needed()
    await seen.page.wait_for_selector("#kit-chart svg path", state="attached")
    assert "(V)" in await seen.page.locator("#kit-chart-box [data-legend]").inner_text()
    await seen.page.locator("#kit-chart-box summary").click()
    await seen.page.wait_for_selector("#kit-chart-box tbody tr")
    rows = await seen.page.locator("#kit-chart-box tbody tr").count()
    assert rows > 50
    light = await seen.page.locator("#kit-chart svg path").evaluate_all(
        "n => n.map(p => p.getAttribute('stroke')).join()"
    )
    await seen.page.emulate_media(color_scheme="dark")
    await seen.page.wait_for_timeout(300)
    dark = await seen.page.locator("#kit-chart svg path").evaluate_all(
        "n => n.map(p => p.getAttribute('stroke')).join()"
    )
    assert light != dark
    assert seen.complaints == []


def _articles(session: Session, by: int) -> None:
    for n in range(52):
        texts = {"title": f"Fan {n} fails", "solution": "Swap it", "language": "en"}
        one = knowledge.write(session, texts, by=by, now=NOON)
        knowledge.move(session, one.number, State.SUBMITTED, by=by, now=NOON)


async def test_all_that_match_are_chosen_asked_about_and_their_run_is_watched(
    look: Look, desk: Desk, axe: str
) -> None:
    await desk.db.run(_articles, desk.bob.person_id)
    seen = await look()
    await seen.go("/knowledge?state=submitted")
    bar = seen.page.locator("[data-bulk]")
    await seen.page.locator("[data-tick]").first.check()
    assert not await bar.get_by_role("button", name="Choose all 52").is_visible()
    await seen.page.locator("[data-tick-all]").check()
    await bar.get_by_role("button", name="Choose all 52 that match").click()
    assert await bar.locator("[data-bulk-count]").text_content() == "all 52 that match"
    await bar.get_by_role("button", name="Publish").click()
    await seen.page.get_by_role("dialog").get_by_role("button", name="Publish").click()
    await seen.page.wait_for_url("**/knowledge/runs/*")
    await seen.page.evaluate(axe)
    assert await seen.page.evaluate(RUN_AXE) == []
    assert "0 of 52" in await seen.page.locator(".krun").inner_text()
    await desk.work()
    await seen.page.locator(".wd-st", has_text="finished").wait_for()  # told by the desk, not by a reload
    assert "52" in await seen.page.locator(".wd-kpis").inner_text()
    assert await seen.page.evaluate(RUN_AXE) == []
    assert seen.complaints == []

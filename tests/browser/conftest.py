"""One demo and one Chromium for all tests of this folder, and the browsers of its people."""

import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.visits import ARTIFACTS, FLAGS, PHONE, WIDE, Language, Size, Visit, open_visit
from tests.flows.house import House, demo
from tests.realness import note

CHROMIUM = shutil.which("chromium") or ""
ASSETS = Path(__file__).parent.parent.parent / "build_assets"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    if not CHROMIUM:
        note("browser", "skipped", "chromium is not installed")
        pytest.skip("chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        note("browser", "real", f"Chromium {browser.version}")
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """The demo, polled once round, so that its pages have something to show."""
    ARTIFACTS.mkdir(exist_ok=True)
    async with demo(tmp_path_factory.mktemp("browser") / "demo") as running:
        await running.sign_in("he.wei")
        await running.until(lambda: _polled(running), 60, what="the room polled")
        yield running


async def _polled(house: House) -> bool:
    found = await house.json("/api/v1/cis?limit=200")
    return sum(bool(one.get("seen_at")) for one in found["items"]) >= 28


Enter = Callable[..., Awaitable[Visit]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def enter(chromium: Browser, house: House) -> AsyncIterator[Enter]:
    """Opens somebody's browser at a size, signed in; the same again for the same words."""
    kept: dict[tuple[str, Language, Size, str], Visit] = {}

    async def open_one(username: str, language: Language, size: Size, *, of: str = "") -> Visit:
        key = (username, language, size, of)
        if key not in kept:
            context = await chromium.new_context(
                viewport=WIDE if size == "wide" else PHONE,
                device_scale_factor=1 if size == "wide" else 2,
                reduced_motion="reduce",
                color_scheme="light",
                timezone_id="Asia/Shanghai",
                locale="zh-CN" if language == "zh" else "en-GB",
            )
            context.set_default_timeout(15_000)
            kept[key] = await open_visit(context, house.url, language, size)
            if username:
                await kept[key].sign_in(username)
        return kept[key]

    yield open_one
    for visit in kept.values():
        await visit.page.context.close()


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str | None:
    """The accessibility checker, as the lock of the assets names it; None where npm cannot bring it."""
    npm = shutil.which("npm")
    folder = tmp_path_factory.mktemp("axe-core")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ASSETS / name, folder / name)
    words = ["ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--loglevel=error"]
    done = npm and subprocess.run([npm, *words], cwd=folder, capture_output=True, check=False)
    if not done or done.returncode:
        note("axe-core", "skipped", "npm is not there or cannot bring it")
        return None
    note("axe-core", "real", "from the lock of the assets")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")

"""A person's browser: goes to a page, waits until it stands, keeps its picture, tells its faults."""

import asyncio
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import BrowserContext, ConsoleMessage, Page, ViewportSize

from server.kernel.catalogue import catalogue_files, read_po
from tests.flows.house import PASSWORD

HERE = Path(__file__).parent
ARTIFACTS = HERE.parent / "artifacts"
WATCH = (HERE / "watch.js").read_text(encoding="utf-8")
INSPECT = (HERE / "inspect.js").read_text(encoding="utf-8")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
WIDE, PHONE = ViewportSize(width=1440, height=900), ViewportSize(width=390, height=844)
NARROW = ViewportSize(width=320, height=844)
HAN = re.compile(r"[\u3400-\u9fff]")
STILL = """() => document.readyState === "complete" && document.fonts.status === "loaded"
  && ![...document.querySelectorAll("[data-chart] .wd-skel")]
    .some((one) => one.getBoundingClientRect().top < innerHeight)
  && !document.querySelector(".htmx-request")"""
RULES_OF_THEME = {  # what axe asks: all it knows in light, and again in dark what colours decide
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "dark": ["color-contrast", "link-in-text-block"],
}
RUN_AXE = """async (rules) => (await axe.run(document, {
  runOnly: rules, resultTypes: ["violations"],
})).violations.map((v) => v.id + ": " + v.nodes.slice(0, 3).map(
  (n) => n.target + " " + (n.failureSummary || "").replace(/\\s+/g, " ")).join(" | "))"""
RING = """() => {
  const style = getComputedStyle(document.activeElement);
  return document.activeElement === document.body
    || (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== "none";
}"""
SHIFT = 0.05  # fonts and parts of a page arrive one by one on a busy machine; 0.1 is what people notice
SUBJECT = re.compile("[A-Z]+-\\d+: ")  # a notice, in the language of whoever received it
STATE_WORD = re.compile("[a-z_ ]+")  # a device's own word for its state, shown as it says it
Language = Literal["en", "zh"]
Size = Literal["wide", "phone"]


@dataclass
class Visit:
    """One person at one size; the page goes from address to address."""

    url: str
    page: Page
    language: Language
    size: Size
    complaints: list[str] = field(default_factory=list)
    expected: str = "(none)"  # a complaint that the page is there for, such as its 404

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("console", self._hear)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and self.expected not in message.text:
            self.complaints.append(f"console: {message.text}")

    async def sign_in(self, username: str) -> None:
        await self.page.goto(self.url + "/login")
        await self.page.fill("#username", username)
        await self.page.fill("#password", PASSWORD)
        await self.page.keyboard.press("Enter")
        await self.page.wait_for_url(self.url + "/")

    async def go(self, path: str, *, status: int = 200) -> None:
        """Open a page and wait until its fonts, charts and fragments are there."""
        self.complaints.clear()
        self.expected = "(none)" if status == 200 else str(status)
        answer = await self.page.goto(self.url + path)
        assert answer is not None
        assert answer.status == status, f"{path}: {answer.status}"
        await self.still()

    async def still(self) -> None:
        await self.page.wait_for_function(STILL, timeout=10_000)

    async def faults(self, path: str, axe: str | None) -> list[str]:
        """What is wrong with the page as it stands, in both themes; its pictures are kept."""
        found = told(await self.page.evaluate(INSPECT), self.language)
        if axe is not None:
            await self.page.evaluate(axe)
        name = f"{picture(path)}.{self.language}"
        for theme in ("light", "dark"):
            await self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            place = ARTIFACTS / f"{name}.{theme}.{self.size}.png"
            await self.page.screenshot(path=place, animations="disabled", caret="hide")
            if axe is not None:
                broken = await self.page.evaluate(RUN_AXE, RULES_OF_THEME[theme])
                found += [f"{theme} axe {one}" for one in broken]
        await self.page.emulate_media(color_scheme="light", reduced_motion="reduce")
        found += self.complaints
        return [f"{self.language} {self.size} {path}: {one}" for one in found]

    async def overflow_when_narrow(self) -> int:
        """By how many pixels a page of 320 px is too wide."""
        await self.page.set_viewport_size(NARROW)
        over: int = await self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        await self.page.set_viewport_size(PHONE)
        return over

    async def ringless(self, *, steps: int = 5) -> list[str]:
        """Where the focus is not seen, among the first few stops of the Tab key."""
        missing = []
        for _ in range(steps):
            await self.page.keyboard.press("Tab")
            if not await self.page.evaluate(RING):
                missing.append(
                    str(await self.page.evaluate("document.activeElement.outerHTML.slice(0, 120)"))
                )
        return missing


def told(facts: dict[str, Any], language: Language) -> list[str]:
    """The facts of a page that are faults, as sentences."""
    wanted = "zh-CN" if language == "zh" else "en"
    found = [f"the policy stopped {one}" for one in facts["broken"]]
    if facts["lang"] != wanted:
        found.append(f"lang is {facts['lang']}")
    if facts["headings"] != 1:
        found.append(f"{facts['headings']} headings of the first level")
    if facts["over"] > 0:
        found.append(f"{facts['over']} px too wide")
    if facts["shift"] > SHIFT:
        found.append(f"shifts by {facts['shift']:.3f}: {facts['moved'][:6]}")
    for kind in ("small", "cut", "wrapped", "placeholders", "slanted"):
        found += [f"{kind}: {one}" for one in facts[kind]]
    if language == "zh":
        found += [f"not in Chinese: {text}" for text in facts["texts"] if untranslated(text)]
    return found


@cache
def english() -> tuple[frozenset[str], tuple[re.Pattern[str], ...]]:
    """The English of what has a Chinese text of its own: whole, and as patterns where it has places."""
    whole, patterns = set(), []
    for path in catalogue_files("zh"):
        for entry in read_po(path):
            for said in filter(None, (entry.msgid, entry.plural)):
                if said == entry.msgstr or not HAN.search(str(entry.msgstr)):
                    continue
                parts = re.split(r"\{\w+\}", said)
                if len(parts) == 1:
                    whole.add(said)
                elif len(re.findall("[A-Za-z]{3,}", " ".join(parts))) >= 2:
                    patterns.append(re.compile(".+?".join(map(re.escape, parts))))
    return frozenset(whole), tuple(patterns)


def untranslated(text: str) -> bool:
    """Whether a text on a Chinese page is the English of the catalogue."""
    if HAN.search(text) or not re.search("[A-Za-z]{2,}", text):
        return False
    if SUBJECT.match(text) or (STATE_WORD.fullmatch(text) and " " not in text):
        return False
    whole, patterns = english()
    return text in whole or any(one.fullmatch(text) for one in patterns)


def picture(path: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", path).strip("-") or "home"


async def open_visit(context: BrowserContext, url: str, language: Language, size: Size) -> Visit:
    await context.add_init_script(WATCH)
    return Visit(url, await context.new_page(), language, size)


async def each(*wanted: Any) -> list[Any]:
    """All at once; the first that fails is told."""
    return list(await asyncio.gather(*wanted))

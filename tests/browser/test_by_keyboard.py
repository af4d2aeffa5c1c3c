"""A mains failure from its first sign to its mending, by two people with keyboards, one in each language."""

import asyncio
from dataclasses import dataclass

import pytest

from tests.browser.conftest import Enter
from tests.browser.test_pages import looked_at, none
from tests.browser.visits import Language, Visit, each
from tests.flows.house import House

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

SELECTED = "document.querySelector('[data-rows] tbody tr[aria-selected=true]')"
STATE = "#rec-state"
INCIDENT: dict[Language, str] = {"en": "UPS-B1-A runs on battery", "zh": "UPS-B1-A 正在电池供电"}


@dataclass
class Failure:
    """The incident of the failure, once somebody has seen it."""

    number: str = ""


@pytest.fixture(scope="session")
def failure() -> Failure:
    return Failure()


async def tab_to(visit: Visit, element: str) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(120):
        await visit.page.keyboard.press("Tab")
        if await visit.page.evaluate("id => document.activeElement.id === id", element):
            return
    raise AssertionError(f"Tab does not reach {element}")


async def go_by_keys(visit: Visit, letter: str, path: str) -> None:
    await visit.page.keyboard.press("g")
    await visit.page.keyboard.press(letter)
    await visit.page.wait_for_url(visit.url + path)
    await visit.still()


async def sees_it_come(visit: Visit) -> None:
    """The incident comes into the open queue, behind the pill or in place; the page is never loaded anew."""
    row = visit.page.locator("[data-rows] tbody tr", has_text=INCIDENT[visit.language])
    pill = visit.page.locator("[data-new]:not([hidden])")
    await pill.or_(row).first.wait_for(timeout=90_000)
    for _ in range(20):  # its name may still change in place: the gravest alert gives it
        if await pill.count():
            await visit.page.keyboard.press(".")
        if await row.count():
            break
        await asyncio.sleep(1)
    shown = await visit.page.locator("[data-listing]").inner_text()
    assert await row.count(), f"{await visit.page.locator('#wd-live').inner_text()}: {shown}"
    assert await visit.page.evaluate("window.untouched === 1")
    assert await visit.page.locator("tbody tbody").count() == 0


async def open_it(visit: Visit) -> str:
    for _ in range(40):
        await visit.page.keyboard.press("j")
        shown = await visit.page.evaluate(f"{SELECTED}?.textContent ?? ''")
        if INCIDENT[visit.language] in shown:
            break
    await visit.page.keyboard.press("Enter")
    await visit.page.wait_for_url("**/incidents/INC-*")
    await visit.still()
    return visit.page.url.rsplit("/", 1)[1]


async def test_two_people_work_a_mains_failure_by_keyboard(
    house: House, enter: Enter, failure: Failure
) -> None:
    alice = await enter("zhou.lin", "zh", "wide", of="record")
    bob = await enter("he.wei", "en", "wide", of="record")
    breaker = await enter("he.wei", "en", "wide", of="demo")
    for visit in (alice, bob):
        await go_by_keys(visit, "i", "/incidents")
        await visit.page.wait_for_selector("#wd-live:not(.lost):not([hidden])")
        await visit.page.evaluate("window.untouched = 1")

    await breaker.go("/demo")
    await tab_to(breaker, "start-mains_failure")
    await breaker.page.keyboard.press("Enter")
    await breaker.page.wait_for_selector("#stop-mains_failure")
    await each(sees_it_come(alice), sees_it_come(bob))
    failure.number = (await each(open_it(alice), open_it(bob)))[0]
    assert bob.page.url == alice.page.url

    await bob.page.evaluate("window.untouched = 1")
    await alice.page.keyboard.press("a")
    await alice.page.wait_for_selector(f"{STATE}:has-text('已受理')")
    await bob.page.wait_for_selector(f"{STATE}:has-text('Accepted')")

    await alice.page.keyboard.press("m")
    await alice.page.keyboard.type("已到现场，Q14 跳闸，正在查 A 路。")
    await alice.page.keyboard.press("Control+Enter")
    for visit in (alice, bob):
        await visit.page.wait_for_selector("#timeline-list :text('Q14 跳闸')")
    assert await bob.page.evaluate("window.untouched === 1"), "news comes without loading the page"

    await bob.page.locator("#fixes .wd-act button.pri").focus()
    await bob.page.keyboard.press("Enter")
    await bob.page.wait_for_selector("#fixes :text('being tried')")
    await alice.page.wait_for_selector("#fixes :text('正在尝试')", timeout=20_000)


async def test_the_record_stands_while_the_mains_are_lost(
    house: House, enter: Enter, failure: Failure, axe: str | None
) -> None:
    if not failure.number:
        pytest.skip("no incident of the failure was seen")
    path = f"/incidents/{failure.number}"
    people: tuple[tuple[Language, str], ...] = (("en", "he.wei"), ("zh", "zhou.lin"))
    visits = [await enter(who, language, size) for language, who in people for size in ("wide", "phone")]
    alert = (await house.json("/api/v1/alerts?limit=1"))["items"][0]["id"]
    faults: list[str] = []
    for where in (
        f"/alerts/{alert}",
        path,
        f"/incidents?open={failure.number}",
        "/",
        "/alerts",
        "/alerts?view=groups",
        "/rooms/b1",
    ):
        for found in await each(*(looked_at(visit, where, axe, kept=f"failure{where}") for visit in visits)):
            faults += found
    none([faults])


async def test_the_mains_are_mended_by_keyboard(enter: Enter) -> None:
    breaker = await enter("he.wei", "en", "wide", of="demo")
    await breaker.go("/demo")
    if not await breaker.page.locator("#stop-mains_failure").count():
        pytest.skip("the mains are not broken")
    await tab_to(breaker, "stop-mains_failure")
    await breaker.page.keyboard.press("Enter")
    await breaker.page.wait_for_selector("[data-toast]:has-text('Mended')")


async def test_the_palette_goes_to_a_name_and_to_a_number(enter: Enter, failure: Failure) -> None:
    for visit in (await enter("he.wei", "en", "wide"), await enter("zhou.lin", "zh", "wide")):
        await visit.go("/help")
        for typed, path in (
            ("UPS-B1-A", "**/cis/CI-*"),
            (failure.number or "INC-100861", "**/incidents/INC-*"),
        ):
            await visit.page.keyboard.press("Control+k")
            await visit.page.keyboard.type(typed)
            await visit.page.wait_for_selector(f".wd-palette [role=option]:has-text('{typed}')")
            await visit.page.keyboard.press("Enter")
            await visit.page.wait_for_url(path)
        assert visit.page.url.endswith(failure.number or "INC-100861")
        await visit.still()


async def test_keys_move_in_the_queue_and_the_sheet_lists_them(enter: Enter) -> None:
    for visit in (await enter("he.wei", "en", "wide"), await enter("zhou.lin", "zh", "wide")):
        await visit.go("/")
        await go_by_keys(visit, "i", "/incidents")
        places = []
        for key in ("j", "j", "j", "k"):
            await visit.page.keyboard.press(key)
            places.append(await visit.page.evaluate(f"{SELECTED}.rowIndex"))
        assert places[1] == places[0] + 1
        assert places[3] == places[2] - 1
        await visit.page.keyboard.press("?")
        sheet = visit.page.locator("#wd-keys[open]")
        await sheet.wait_for()
        said = await sheet.inner_text()
        assert "Ctrl" in said
        assert {"en": "next, previous row", "zh": "快捷键"}[visit.language] in said
        await visit.page.keyboard.press("Escape")
        await sheet.wait_for(state="hidden")
        for letter, path in (("a", "/alerts"), ("k", "/knowledge"), ("c", "/cis"), ("h", "/")):
            await go_by_keys(visit, letter, path)
        assert visit.complaints == []


async def test_a_chip_shows_its_card_to_pointer_and_keyboard_and_escape_puts_it_away(enter: Enter) -> None:
    for visit in (await enter("he.wei", "en", "wide"), await enter("zhou.lin", "zh", "wide")):
        await visit.go("/incidents?view=all")
        chip = visit.page.locator("main a[data-card]").first
        name = (await chip.inner_text()).strip()
        card = visit.page.locator("#wd-card")
        await chip.hover()
        await card.wait_for()
        assert name in await card.inner_text()
        await visit.page.mouse.move(2, 2)
        await card.wait_for(state="detached")
        await visit.page.keyboard.press("Tab")
        await chip.focus()
        await card.wait_for()
        await visit.page.keyboard.press("Escape")
        await card.wait_for(state="detached")
        assert visit.complaints == []


async def test_brackets_lead_from_record_to_record_in_the_order_of_the_list(enter: Enter) -> None:
    visit = await enter("he.wei", "en", "wide")
    await visit.go("/incidents?view=all")
    rows = await visit.page.locator("[data-rows] tbody tr[data-href]").evaluate_all(
        "rows => rows.map((row) => row.dataset.href)"
    )
    await visit.go(rows[1])
    assert await visit.page.locator("[data-siblings]").inner_text() == f"2 / {len(rows)}"
    for key, place in (("]", 2), ("[", 1), ("[", 0)):
        async with visit.page.expect_navigation(url=f"**{rows[place]}"):
            await visit.page.keyboard.press(key)
    await visit.page.keyboard.press("[")  # there is none before the first
    assert visit.page.url.endswith(rows[0])
    assert visit.complaints == []


async def test_theme_and_language_change_where_one_is(enter: Enter) -> None:
    visit = await enter("fang.yi", "en", "wide", of="appearance")
    await visit.go("/cis?class=ups")
    root = visit.page.locator("html")
    await visit.page.locator("#wd-profile > summary").press("Enter")
    await visit.page.locator("[data-set-theme=dark]").press("Enter")
    await visit.page.wait_for_selector("html[data-bs-theme=dark]")
    await visit.page.locator("#wd-profile button[name=language][value=zh]").press("Enter")
    await visit.page.wait_for_selector("html[lang=zh-CN]")
    assert visit.page.url == f"{visit.url}/cis?class=ups"
    assert await root.get_attribute("data-bs-theme") == "dark"
    await visit.page.locator("#wd-profile > summary").press("Enter")
    await visit.page.locator("#wd-profile button[name=language][value=en]").press("Enter")
    await visit.page.wait_for_selector("html[lang=en]")
    assert visit.page.url == f"{visit.url}/cis?class=ups"

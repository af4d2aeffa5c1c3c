"""Every page in both languages, both themes, at the desk and on the phone: it loads, fits and is complete.

The pictures stay in `tests/artifacts/`, for a person to look at.
"""

import pytest
import pytest_asyncio

from tests.browser.conftest import Enter
from tests.browser.visits import ARTIFACTS, Language, Visit, each
from tests.flows.house import House

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

PAGES = (
    "/",
    "/mine",
    "/incidents",
    "/incidents?view=all",
    "/incidents/board",
    "/incidents/new",
    "/alerts",
    "/alerts?view=groups",
    "/rooms",
    "/rooms/b1",
    "/rooms/b1?show=table",
    "/cis",
    "/cis/{ups}",
    "/cis/{ups}/history",
    "/graph?root={ups}",
    "/knowledge",
    "/knowledge/KB-000001",
    "/knowledge/ask?q=battery",
    "/portal/knowledge?q=battery",
    "/settings",
    "/profile",
    "/help",
    "/help/keys",
    "/help/components",
    "/help/listening",
    "/demo",
)
FOR_ADMIN = (
    "/knowledge/new",
    "/knowledge/KB-000001/edit",
    "/knowledge/review",
    "/knowledge/gaps",
    "/knowledge/quality",
    "/knowledge/import",
    "/knowledge/runs",
    "/problems",
    "/problems/new",
    "/problems/patterns",
    "/discovery",
    "/discovery/profiles",
    "/cis/new",
    "/cis/import",
    "/cis/{ups}/edit",
    "/settings",
    "/settings/people",
    "/settings/people/1",
    "/settings/people/new",
    "/settings/groups",
    "/settings/groups/1",
    "/settings/departments",
    "/settings/roles",
    "/settings/roles/1",
    "/settings/sessions",
    "/settings/tokens",
    "/settings/agents",
    "/settings/agents/1",
    "/settings/agents/1/targets/new",
    "/settings/credentials",
    "/settings/notifications",
    "/settings/audit",
    "/settings/access",
    "/settings/server",
)
READERS: tuple[tuple[Language, str], ...] = (("en", "he.wei"), ("zh", "zhou.lin"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def places(house: House) -> dict[str, str]:
    """What fills the addresses: numbers that the demo gives."""
    found = await house.json("/api/v1/cis?limit=200")
    return {"ups": next(one["number"] for one in found["items"] if one["name"] == "UPS-B1-A")}


def none(found: list[list[str]]) -> None:
    faults = [fault for some in found for fault in some]
    assert not faults, "\n".join(["faults:", *faults])


async def looked_at(
    visit: Visit, path: str, axe: str | None, *, status: int = 200, kept: str = ""
) -> list[str]:
    """What is wrong there. A shift is looked at again: one that is the page's own comes again."""
    faults = await looked_at_once(visit, path, axe, status=status, kept=kept)
    if faults and all("shifts by" in fault for fault in faults):
        return await looked_at_once(visit, path, axe, status=status, kept=kept)
    return faults


async def looked_at_once(visit: Visit, path: str, axe: str | None, *, status: int, kept: str) -> list[str]:
    """Go there and tell what is wrong; the checker runs at the desk in English, on the phone in Chinese."""
    await visit.go(path, status=status)
    checked = axe if (visit.size == "wide") == (visit.language == "en") else None
    faults = await visit.faults(kept or path, checked)
    if visit.size == "phone":
        over = await visit.overflow_when_narrow()
        faults += [f"{visit.language} {path}: {over} px too wide at 320 px"] if over > 0 else []
    elif visit.language == "en":
        faults += [f"{path}: focus not seen on {one}" for one in await visit.ringless()]
    return faults


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_stands(path: str, enter: Enter, axe: str | None, places: dict[str, str]) -> None:
    where = path.format(**places)
    visits = [await enter(who, language, size) for language, who in READERS for size in ("wide", "phone")]
    found = await each(*(looked_at(visit, where, axe) for visit in visits))
    none(found)


@pytest.mark.parametrize("path", FOR_ADMIN)
@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_page_of_the_administrator_stands(
    path: str, language: Language, enter: Enter, axe: str | None, places: dict[str, str]
) -> None:
    where = path.format(**places)
    visits = [await enter("admin", language, size) for size in ("wide", "phone")]
    await speak(visits[0], places, language)
    found = await each(*(looked_at(visit, where, axe) for visit in visits))
    none(found)


async def speak(visit: Visit, places: dict[str, str], language: Language) -> None:
    """The administrator changes the language, once; it holds in all of the administrator's browsers."""
    if places.get("speaks") != language:
        await visit.page.goto(f"{visit.url}/profile")
        await visit.page.evaluate(
            """async (language) => fetch("/appearance", {method: "POST", redirect: "manual",
              body: new URLSearchParams({
                csrf: document.querySelector("meta[name=wd-csrf]").content, language})})""",
            language,
        )
        places["speaks"] = language


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_the_sign_in_page_stands(language: Language, enter: Enter, axe: str | None) -> None:
    visits = [await enter("", language, size) for size in ("wide", "phone")]
    found = await each(*(looked_at(visit, "/login", axe) for visit in visits))
    none(found)


@pytest.mark.parametrize(("path", "status"), [("/nothing-here", 404), ("/settings/audit", 403)])
async def test_a_page_that_is_not_there_or_not_allowed_says_so(
    path: str, status: int, enter: Enter, axe: str | None
) -> None:
    people: tuple[tuple[Language, str], ...] = (("en", "fang.yi"), ("zh", "chen.yu"))
    visits = [await enter(who, language, size) for language, who in people for size in ("wide", "phone")]
    found = await each(*(looked_at(visit, path, axe, status=status) for visit in visits))
    none(found)


async def test_the_charts_of_an_item_are_drawn_and_go_on_by_themselves(
    enter: Enter, places: dict[str, str]
) -> None:
    visit = await enter("he.wei", "en", "wide")
    await visit.go(f"/cis/{places['ups']}")
    chart = visit.page.locator("[data-chart]").first
    await chart.scroll_into_view_if_needed()
    await chart.locator("svg path").first.wait_for(state="attached")
    await visit.page.wait_for_selector("#wd-live:not(.lost):not([hidden])")
    async with visit.page.expect_response("**/metrics/chart.json*", timeout=40_000) as again:
        pass
    assert (await again.value).ok
    assert await visit.page.locator("#main #main").count() == 0, "news is put in place, not inside"
    await visit.page.screenshot(path=ARTIFACTS / "cis-metrics.en.light.wide.png")
    assert visit.complaints == []

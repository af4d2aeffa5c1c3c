"""An alert that no incident tells yet shows what fixed it before."""

from server.alerts.taking import take
from server.kernel import keys
from tests.alerts.test_alert_pages import news
from tests.desk_client import Desk

SAYS = {"en": "Volume /var/spool of the print server is almost full", "zh": "打印服务器 /var/spool 卷将满"}
ARTICLE = {
    "title": "Volume /var/spool of a print server is almost full",
    "symptom": "DiskAlmostFull on the print server, volume /var/spool",
    "solution": "1. Purge the jobs that hang.\n2. Restart the spooler.",
    "language": "en",
    "applies_to": {"alert": ["DiskAlmostFull"]},
}


async def heard(desk: Desk, *, ago: float = 0, severity: str = "minor") -> None:
    now = desk.app[keys.CLOCK].now()
    items = [news(desk, "PRN-1", "DiskAlmostFull", severity=severity, ago=ago, summary=SAYS)]
    await desk.db.run(take, items, source="agent:1", received_at=now, now=now)


async def known(desk: Desk) -> str:
    made = await (await desk.bob.post("/api/v1/articles", json=ARTICLE)).json()
    number = str(made["number"])
    await desk.bob.post(f"/api/v1/articles/{number}/move", json={"to": "submitted"})
    await desk.post(f"/api/v1/articles/{number}/move", json={"to": "published"})
    return number


async def test_the_page_of_an_alert_without_an_incident_shows_the_known_fix_and_why(desk: Desk) -> None:
    number = await known(desk)
    await heard(desk)
    page = await desk.text("/alerts/1")
    assert "What fixed this before" in page
    assert f'href="/knowledge/{number}"' in page
    assert "same alert" in page
    assert "Purge the jobs that hang." in page


async def test_where_nothing_is_known_the_page_says_so_and_leads_to_what_is_near(desk: Desk) -> None:
    await heard(desk)
    page = await desk.text("/alerts/1")
    assert "Nothing known that fits" in page
    assert 'href="/knowledge/ask?q=Volume%20/var/spool' in page


async def test_with_an_incident_the_fixes_stand_on_the_incident_where_they_are_judged(desk: Desk) -> None:
    await known(desk)
    await heard(desk, ago=300, severity="critical")
    await desk.work()
    assert (await desk.json("/api/v1/incidents"))["total"] == 1
    assert "What fixed this before" not in await desk.text("/alerts/1")

"""The pages and the API of alerts, as people and programs meet them."""

from datetime import timedelta

import msgspec

from rules.wire import AlertNews
from server.alerts.taking import settle, take
from server.kernel import keys
from tests.desk_client import Desk

XSS = "<script>alert(1)</script>"


def news(
    desk: Desk, device: str, rule: str, *, status: str = "firing", ago: float = 60, **more: object
) -> AlertNews:
    at = desk.app[keys.CLOCK].now().timestamp() - ago
    values = {
        "device": device, "rule": rule, "status": status, "severity": "critical", "at": at, "value": 2.5,
        "unit": "%", "metric": "ups_output_source", "evidence": {"oid": "1.3.6.1.2.1.33.1.4.1.0", "raw": "5"},
        "summary": {"en": f"{device} runs on battery {XSS}", "zh": f"{device} 正在电池供电"}, "trace": "t-1",
    }  # fmt: skip
    return msgspec.convert({**values, **more}, AlertNews)


async def fill(desk: Desk) -> None:
    now = desk.app[keys.CLOCK].now()
    items = [
        news(desk, "UPS-B1-A", "UpsOnBattery"),
        news(desk, "ACS-B1", "DoorForced", severity="major"),
        news(desk, "SRV-1", "DiskAlmostFull", severity="minor", ago=0),
    ]
    await desk.db.run(take, items, source="agent:1", received_at=now, now=now)
    later = now + timedelta(seconds=30)
    await desk.db.run(settle, now=later)


async def test_the_list_the_storm_and_one_alert_are_shown_inert(desk: Desk) -> None:
    await fill(desk)
    for path in ("/alerts", "/alerts?view=groups", "/alerts/1"):
        text = await desk.text(path)
        assert "UPS-B1-A runs on battery" in text
        assert XSS not in text
    assert "1.3.6.1.2.1.33.1.4.1.0" in await desk.text("/alerts/1")


async def test_the_storm_tells_where_the_events_went(desk: Desk) -> None:
    await fill(desk)
    text = await desk.text("/alerts?view=groups")
    assert "3 events of the last 24 hours became 2 incidents" in text
    assert "probable cause" in text


async def test_alice_acknowledges_and_bob_mutes_with_reason_and_end(desk: Desk) -> None:
    await fill(desk)
    assert (await desk.post("/alerts/1/acknowledge")).status == 303
    assert (await desk.json("/api/v1/alerts/1"))["state"] == "acknowledged"
    refused = await desk.bob.post("/alerts/2/mute", {"hours": "1", "reason": " "})
    assert refused.status == 422
    assert (
        await desk.bob.post("/alerts/2/mute", {"hours": "1", "reason": "Door is being mended"})
    ).status == 303
    assert (await desk.json("/api/v1/alerts/2"))["state"] == "suppressed"
    assert "Door is being mended" in await desk.text("/alerts/2")
    (mute,) = await desk.json("/api/v1/mutes")
    assert (await desk.bob.post(f"/mutes/{mute['id']}/end")).status == 303
    assert (await desk.json("/api/v1/alerts/2"))["state"] == "firing"


async def test_a_stranger_sees_no_alerts(desk: Desk) -> None:
    await fill(desk)
    assert (await desk.charlie.get("/alerts")).status == 403
    assert (await desk.charlie.get("/api/v1/alerts")).status == 403
    assert (await desk.charlie.post("/alerts/1/acknowledge")).status == 403


async def test_the_api_lists_alerts_groups_and_raw_events(desk: Desk) -> None:
    await fill(desk)
    page = await desk.json("/api/v1/alerts?severity=critical")
    assert [item["rule"] for item in page["items"]] == ["UpsOnBattery"]
    events = await desk.json("/api/v1/alerts/1/events")
    assert [event["outcome"] for event in events] == ["opened"]
    groups = await desk.json("/api/v1/alert-groups?told=true")
    assert groups["total"] == 2
    assert (await desk.get("/api/v1/alerts?nonsense=1")).status == 422
    assert (await desk.get("/api/v1/alerts/999")).status == 404


async def test_the_incidents_of_the_alerts_are_served_by_the_api(desk: Desk) -> None:
    await fill(desk)
    page = await desk.json("/api/v1/incidents?open=true")
    assert page["total"] == 2
    first = page["items"][-1]
    assert first["summary"].startswith("UPS-B1-A")
    number = first["number"]
    moved = await desk.post(f"/api/v1/incidents/{number}/transitions", json={"step": "accept"})
    assert (await moved.json())["state"] == "accepted"
    refused = await desk.post(f"/api/v1/incidents/{number}/transitions", json={"step": "close"})
    assert refused.status == 409
    assert "resolve" in (await refused.json())["message"]
    lines = await desk.json(f"/api/v1/incidents/{number}/timeline")
    assert lines[0]["text"].endswith("Accepted")
    assert (await desk.charlie.get(f"/api/v1/incidents/{number}")).status == 403


async def test_the_delivery_log_says_that_no_mail_server_is_set_up(desk: Desk) -> None:
    assert (await desk.admin.post("/settings/notifications/test")).status == 303
    text = await desk.admin.text("/settings/notifications")
    assert "Channels" in text

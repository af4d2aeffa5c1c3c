from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from server.kernel.call import on_site
from server.kernel.clock import ManualClock
from server.kernel.db import Database
from server.kernel.serving import behind_proxy
from tests.desk_client import Desk, open_desk

PROXY = (ip_network("127.0.0.0/8"), ip_network("10.0.0.0/24"))


@given(st.text(max_size=40))
def test_a_redirect_never_leaves_the_site(target: str) -> None:
    led = on_site(target)
    assert led.startswith("/")
    assert not led.startswith(("//", "/\\"))


@pytest.mark.parametrize("target", ["/", "/incidents?state=open#x", "/cis/CI-000001"])
def test_a_page_of_the_site_is_kept(target: str) -> None:
    assert on_site(target) == target


@pytest.mark.parametrize(
    ("peer", "forwarded", "seen"),
    [
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.7", "203.0.113.9"),
        ("203.0.113.9", "1.2.3.4", "203.0.113.9"),
        ("127.0.0.1", "not an address", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
    ],
)
def test_forwarding_headers_count_only_from_known_proxies(peer: str, forwarded: str, seen: str) -> None:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=peer)
    assert behind_proxy(request, PROXY).remote == seen


async def test_a_form_over_the_limit_is_refused(desk: Desk) -> None:
    response = await desk.post("/appearance", {"theme": "x" * 300_000})
    assert response.status == 413


@pytest.mark.parametrize("body", [b"a=%ff%fe", b"&".join([b"a=1"] * 1001)])
async def test_a_form_that_cannot_be_read_is_refused(desk: Desk, body: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = await desk.send("POST", "/appearance", data=body, headers=headers)
    assert 400 <= response.status < 500


async def test_an_unknown_page_keeps_the_navigation_for_who_is_signed_in(desk: Desk) -> None:
    response = await desk.get("/nothing/here")
    text = await response.text()
    assert response.status == 404
    assert 'href="/settings"' in text
    assert (await desk.stranger.get("/nothing/here")).status == 404


async def test_htmx_gets_a_toast_instead_of_a_page(desk: Desk) -> None:
    response = await desk.post("/settings/sessions/9/end", headers={"HX-Request": "true"})
    assert response.status == 404
    assert response.headers["HX-Reswap"] == "none"
    assert "wd:toast" in response.headers["HX-Trigger"]


async def test_T22_metrics_are_for_this_machine_or_by_token(  # noqa: N802
    sqlite_db: Database, clock: ManualClock, tmp_path: Path
) -> None:
    async with open_desk(sqlite_db, clock, tmp_path, metrics_token="t" * 20) as desk:
        assert (await desk.get("/metrics")).status == 401
        headers = {"Authorization": "Bearer " + "t" * 20}
        text = await (await desk.get("/metrics", headers=headers)).text()
        assert "watchdesk_http_request_duration_seconds_bucket" in text


async def test_by_https_the_cookie_is_bound_to_the_host(
    sqlite_db: Database, clock: ManualClock, tmp_path: Path
) -> None:
    from server.accounts import passwords, people

    async with open_desk(sqlite_db, clock, tmp_path, public_url="https://desk.example.com") as desk:
        hashed = await passwords.hashed("correct horse battery")
        await desk.db.run(people.set_password, desk.bob.person_id, hashed, now=clock.now())
        form = {"username": "bob", "password": "correct horse battery"}
        response = await desk.stranger.post("/login", form)
        cookie = response.cookies["__Host-watchdesk"]
        assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")
        assert "max-age" in response.headers["Strict-Transport-Security"]

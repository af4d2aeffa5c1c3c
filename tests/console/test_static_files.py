"""Static files: hashed, immutable, within the budgets of a first visit."""

import gzip
import importlib
import json
import re
from pathlib import Path

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from server.kernel.assets import VENDOR, Assets
from tests.desk_client import Desk

vendor = importlib.import_module("build_assets.vendor")
ROOT = Path(__file__).parent.parent.parent
built = pytest.mark.skipif(not (VENDOR / "manifest.json").exists(), reason="the build hook has not run")


def packed(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), 6))


async def get(path: str, *, assets: Assets) -> ClientResponse:
    app = web.Application()
    assets.add_to(app)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get(path)
        await answer.read()
        return answer


async def test_own_files_are_immutable_under_their_hash_and_packed() -> None:
    assets = Assets()
    current = await get(assets.url("kernel/watchdesk.css"), assets=assets)
    assert "immutable" in current.headers["Cache-Control"]
    assert current.headers["Content-Encoding"] == "gzip"
    assert current.headers["X-Content-Type-Options"] == "nosniff"
    old = await get(f"/static/{'0' * 12}/kernel/watchdesk.css", assets=assets)
    assert old.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "name",
    [
        "kernel/../../db.py",
        "kernel/%2e%2e/db.py",
        "kernel",
        "vendor/../manifest.json",
        "vendor/manifest.json",
    ],
)
async def test_nothing_else_of_the_disk_is_served(name: str) -> None:
    assets = Assets()
    assert (await get(f"/static/{assets.build}/{name}", assets=assets)).status == 404


FILES = Assets()


@given(st.text(max_size=20))
def test_an_icon_is_a_name_and_nothing_else(name: str) -> None:
    if re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        assert FILES.icon(name).rpartition("#")[2]
    else:
        with pytest.raises(KeyError):
            FILES.icon(name)


@built
def test_the_sprite_has_every_icon_that_is_named() -> None:
    icons, _perhaps = vendor.icons_in_use()
    told = json.loads((VENDOR / "manifest.json").read_text(encoding="utf-8"))
    missing = {name: place for name, place in icons.items() if name not in told["icons"]}
    assert not missing, "run `python -m build_assets.vendor`"


@built
def test_a_first_visit_fits_its_budget() -> None:
    told = json.loads((VENDOR / "manifest.json").read_text(encoding="utf-8"))["files"]
    own = ROOT / "server" / "kernel" / "static"
    sizes = {
        "css": sum(packed(own / name) for name in ("watchdesk.css", "pages.css", "measures.css")),
        "js": sum(
            packed(path)
            for path in (own / "js").glob("*.js")
            if path.name not in {"chart.js", "graph.js", "cards.js", "copy.js", "into-view.js"}
        ),
        "icons": packed(VENDOR / told["icons.svg"]),
        "fonts": sum((VENDOR / told[name]).stat().st_size for name in ("inter.woff2", "mono.woff2")),
    }
    assert sizes["js"] <= 20_000
    assert sizes["icons"] <= 12_000
    assert sizes["fonts"] <= 90_000
    assert sum(sizes.values()) + 15_000 <= 150_000, sizes


async def test_a_page_is_small_and_names_only_what_is_there(desk: Desk) -> None:
    text = await desk.text("/")
    assert len(gzip.compress(text.encode(), 6)) <= 15_000
    for url in set(re.findall(r'(?:href|src)="(/static/[^"#]+)', text)):
        assert (await desk.get(url)).status == 200, url

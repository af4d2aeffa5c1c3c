"""Static files: found once, named by their content, served `immutable` for a year.

Own files keep their folders: `kernel/watchdesk.css`, `incidents/record.js` come from
`server/PRACTICE/static/` and are served under one hash of them all, so that modules may import
each other by relative name: `/static/HASH/kernel/js/shell.js`. What the build hook puts into
`server/kernel/static/vendor/` carries its hash in the name: `/static/vendor/tabler.HASH.css`.
"""

import gzip
import hashlib
import json
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

STATIC = Path(__file__).parent / "static"
VENDOR = STATIC / "vendor"
FOREVER = "public, max-age=31536000, immutable"
TYPES = {".css": "text/css", ".js": "text/javascript", ".mjs": "text/javascript", ".svg": "image/svg+xml"}
TYPES |= {".woff2": "font/woff2", ".json": "application/json", ".webmanifest": "application/manifest+json"}
PACKED = {".css", ".js", ".mjs", ".svg", ".json", ".webmanifest"}
ICON = re.compile(r"^[a-z0-9][a-z0-9-]*$")


@dataclass(frozen=True)
class Asset:
    """One file in memory, plain and packed."""

    path: Path
    content_type: str
    body: bytes
    packed: bytes | None

    @classmethod
    def read(cls, path: Path) -> "Asset":
        """Read a file; text is packed when the file beside it, `NAME.gz`, is absent."""
        body = path.read_bytes()
        kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        beside = path.with_name(path.name + ".gz")
        packed = None
        if path.suffix in PACKED:
            packed = beside.read_bytes() if beside.exists() else gzip.compress(body, 6, mtime=0)
        return cls(path, kind, body, packed)


class Assets:
    """The static files of all practices.

    Args:
        folders: `static` folder of each practice; the kernel's own need not be named.
        reload: read own files anew on every request, for development.
    """

    def __init__(self, folders: Mapping[str, Path] | None = None, *, reload: bool = False) -> None:
        self._folders = {"kernel": STATIC, **(folders or {})}
        self._reload = reload
        manifest = VENDOR / "manifest.json"
        told = (
            json.loads(manifest.read_text(encoding="utf-8"))
            if manifest.exists()
            else {"files": {}, "icons": []}
        )
        self._vendor: dict[str, str] = told["files"]
        self._icons = frozenset(told["icons"])
        self._vendor_files = {name: Asset.read(VENDOR / name) for name in self._vendor.values()}
        self._scan()

    def _scan(self) -> None:
        self._own: dict[str, Asset] = {}
        for practice, folder in sorted(self._folders.items()):
            for path in sorted(folder.rglob("*")):
                inside = path.relative_to(folder)
                if path.is_file() and inside.parts[0] != "vendor" and not path.name.startswith("."):
                    self._own[f"{practice}/{inside.as_posix()}"] = Asset.read(path)
        whole = hashlib.sha256()
        for name, asset in self._own.items():
            whole.update(name.encode() + b"\0" + hashlib.sha256(asset.body).digest())
        self.build = whole.hexdigest()[:12]

    def url(self, name: str) -> str:
        """The address of an own file, as `kernel/watchdesk.css`.

        Raises:
            KeyError: there is no such file.
        """
        if name not in self._own:
            raise KeyError(name)
        return f"/static/{self.build}/{name}"

    def vendor(self, name: str) -> str:
        """The address of a library file, as `tabler.css`; "" where the build hook has not run."""
        found = self._vendor.get(name)
        return f"/static/vendor/{found}" if found else ""

    def icon(self, name: str) -> str:
        """The address of an icon in the sprite, for `<use href>`."""
        if not ICON.match(name):
            raise KeyError(name)
        shown = name if name in self._icons or not self._icons else "point"
        return f"{self.vendor('icons.svg')}#{shown}"

    def add_to(self, app: web.Application) -> None:
        """Serve the files from `app`."""
        app.router.add_get("/static/vendor/{name}", self._serve_vendor)
        app.router.add_get("/static/{build}/{name:.+}", self._serve_own)

    async def _serve_vendor(self, request: web.Request) -> web.Response:
        asset = self._vendor_files.get(request.match_info["name"])
        if asset is None:
            raise web.HTTPNotFound
        return _answer(request, asset, FOREVER)

    async def _serve_own(self, request: web.Request) -> web.Response:
        if self._reload:
            self._scan()
        asset = self._own.get(request.match_info["name"])
        if asset is None:
            raise web.HTTPNotFound
        current = request.match_info["build"] == self.build and not self._reload
        return _answer(request, asset, FOREVER if current else "no-cache")


def _answer(request: web.Request, asset: Asset, cache: str) -> web.Response:
    headers = {"Cache-Control": cache, "X-Content-Type-Options": "nosniff", "Vary": "Accept-Encoding"}
    body = asset.body
    if asset.packed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        body = asset.packed
    return web.Response(body=body, content_type=asset.content_type, headers=headers)

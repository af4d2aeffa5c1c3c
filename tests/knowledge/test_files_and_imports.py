"""T20: files at articles and articles from files: what is taken, what is refused, what nothing is left of."""

import asyncio
import io
import random
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import FormData
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.kernel.db import Database
from server.kernel.errors import DeskError, InvalidError
from server.kernel.listing.export import neutral
from server.knowledge import documents, files, importing, service
from server.knowledge.models import Article, ArticleFile, FileContent, ImportUpload, State
from tests.desk_client import Browser, Desk
from tests.knowledge.conftest import NOON, Publish, taken_in

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
TITLES = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=30)
WORD_NS = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def zipped(parts: dict[str, bytes], *, link: str = "") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
        if link:
            entry = zipfile.ZipInfo(link)
            entry.external_attr = 0o120777 << 16
            archive.writestr(entry, "/etc/passwd")
    return out.getvalue()


def paragraph(said: str, style: str = "", *, item: bool = False) -> str:
    number = "<w:numPr/>" if item else ""
    how = f'<w:pPr><w:pStyle w:val="{style}"/>{number}</w:pPr>' if style or item else ""
    return f"<w:p>{how}<w:r><w:t>{said}</w:t></w:r></w:p>"


def word(body: str, *, head: str = "") -> bytes:
    xml = f'<?xml version="1.0"?>{head}<w:document {WORD_NS}><w:body>{body}</w:body></w:document>'
    return zipped({"[Content_Types].xml": b"<x/>", "word/document.xml": xml.encode()})


# -- what a file is ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "media"),
    [
        (PNG, "image/png"), (b"\xff\xd8\xff\xe0aaaa", "image/jpeg"), (b"GIF89a....", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"), (b"%PDF-1.7 ...", "application/pdf"),
        ("日志 line 1\nline 2".encode(), "text/plain"),
        (word(paragraph("x")), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ],
)  # fmt: skip
def test_T20_a_file_is_what_its_content_says_whatever_its_name(content: bytes, media: str) -> None:  # noqa: N802
    assert files.media_of(content, "evil.exe") == media
    assert files.clean_name("evil.exe", media).endswith(files._ENDINGS[media])


REFUSED = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "html": b"<!DOCTYPE html><html><body>x</body></html>",
    "html after text": b"\n\n  <script>alert(1)</script>",
    "program": b"MZ\x90\x00\x03",
    "elf": b"\x7fELF\x02\x01",
    "bare zip": zipped({"a.txt": b"x"}),
    "macros": zipped({"word/document.xml": b"<x/>", "word/vbaProject.bin": b"x"}),
    "control signs": b"abc\x00def",
    "latin1": "Gerät".encode("latin-1"),
    "blank": b" \n ",
    "polyglot": b"GIF8\x00<html>",
    "cut archive": zipped({"word/document.xml": b"x" * 200})[:60],
    "path out of it": zipped({"word/document.xml": b"<x/>", "../../etc/cron.d/x": b"x"}),
    "absolute path": zipped({"word/document.xml": b"<x/>", "/etc/x": b"x"}),
    "link": zipped({"word/document.xml": b"<x/>"}, link="word/media/a.png"),
    "bomb": zipped({"word/document.xml": b"<x/>", "word/big": b"\0" * (30 * 1024 * 1024)}),
    "many parts": zipped({f"word/{n}": b"" for n in range(files.PARTS_MOST + 1)}),
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_T20_active_mixed_and_exploding_files_are_refused(content: bytes) -> None:  # noqa: N802
    with pytest.raises(InvalidError):
        files.media_of(content, "picture.png")


def test_T20_an_archive_that_lies_about_its_size_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: N802
    raw = bytearray(zipped({"a.md": b"\0" * 3_000_000}))
    packed = len(zlib.compress(b"\0" * 3_000_000)) - 6
    for signature, size_at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = raw.index(signature) + size_at
        raw[at : at + 4] = struct.pack("<I", packed)
    with files.opened(bytes(raw), "a.zip") as archive, pytest.raises(InvalidError):
        files.part(archive, "a.md", limit=1_000_000)


@given(given_name=st.text(max_size=300), media=st.sampled_from(sorted(files._ENDINGS)))
@example(given_name="0" * 92 + ".0000", media="application/pdf")
@example(given_name="PLAN.PDF", media="application/pdf")
@settings(max_examples=200, deadline=None)
def test_T20_a_shown_name_leads_nowhere(given_name: str, media: str) -> None:  # noqa: N802
    name = files.clean_name(given_name, media)
    assert 0 < len(name) <= files.LONGEST_NAME
    assert not set(name) & set('/\\<>:"|?*\0\n\r\u202e\u200b')
    assert name.isprintable() or " " in name
    assert not name.startswith(".")
    assert name.lower().endswith((files._ENDINGS[media], *files._ALSO.get(media, ())))


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "C:\\x\\..\\CON", "nul.txt", "a\x00b.png", "x" * 4000, "\u202egnp.exe", "..."],
)
def test_T20_tricks_in_names_leave_a_plain_name(name: str) -> None:  # noqa: N802
    shown = files.clean_name(name, "image/png")
    assert "/" not in shown
    assert ".." not in shown
    assert not shown.lower().startswith(("con.", "nul."))


# -- in the console ---------------------------------------------------------------------------


def form(name: str, content: bytes) -> Any:
    data = FormData()
    data.add_field("file", io.BytesIO(content), filename=name, content_type="application/octet-stream")
    return data


async def begun(browser: Browser) -> str:
    made = await browser.post(
        "/knowledge/new", {"title": "Fan fails", "language": "en", "solution": "Swap it"}
    )
    return str(made.headers["Location"].rpartition("/")[2])


def contents(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(FileContent)) or 0


def kept(session: Session) -> list[ArticleFile]:
    return list(session.scalars(select(ArticleFile)))


async def test_T20_a_file_is_given_out_so_that_nothing_runs(desk: Desk) -> None:  # noqa: N802
    number = await begun(desk)
    name = "=cmd|'/C calc'!A0 \u202e机房\".png"
    assert (await desk.post(f"/knowledge/{number}/files", form(name, PNG))).status == 303
    [one] = await desk.db.read(kept)
    assert one.storage not in one.name
    answer = await desk.get(f"/knowledge/{number}/files/{one.storage}")
    assert await answer.read() == PNG
    said = answer.headers["Content-Disposition"]
    assert said.startswith("attachment; filename=")
    assert said.isascii()
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Type"] == "image/png"
    shown = await desk.get(f"/knowledge/{number}/files/{one.storage}?show=1")
    assert shown.headers["Content-Disposition"].startswith("inline")
    assert (await desk.bob.get(f"/knowledge/{number}/files/{one.storage}")).status == 404
    other = await begun(desk)
    assert (await desk.get(f"/knowledge/{other}/files/{one.storage}")).status == 404
    await desk.post(f"/knowledge/{number}/files/{one.storage}/remove")
    assert (await desk.get(f"/knowledge/{number}/files/{one.storage}")).status == 404
    assert (
        await desk.db.read(lambda session: session.scalar(select(func.count()).select_from(FileContent))) == 0
    )


async def test_T20_what_is_refused_leaves_nothing_behind(desk: Desk) -> None:  # noqa: N802
    number = await begun(desk)
    for name, content, status in (
        ("a.svg", REFUSED["svg"], 422),
        ("empty.txt", b"", 422),
        ("big.bin", b"\0" * (files.LARGEST + 1), 413),
        ("huge.bin", b"\0" * (files.LARGEST + 200_000), 413),
    ):
        answer = await desk.post(f"/knowledge/{number}/files", form(name, content))
        assert answer.status == status, name
    assert (await desk.post(f"/knowledge/{number}/files", {"file": "no file"})).status == 422
    assert (await desk.bob.post(f"/knowledge/{number}/files", form("a.png", PNG))).status == 404
    assert await desk.db.read(contents) == 0


async def test_T20_an_upload_that_breaks_off_leaves_nothing_behind(desk: Desk) -> None:  # noqa: N802
    number = await begun(desk)
    at = urlsplit(desk.url)
    half = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n" + PNG
    )
    head = (
        f"POST /knowledge/{number}/files HTTP/1.1\r\nHost: {at.netloc}\r\n"
        f"Cookie: watchdesk={desk.token}\r\nX-CSRF-Token: {await desk.csrf()}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(half) + 5_000}\r\n\r\n"
    )
    for cut in (len(half), 70, 0):
        _reader, writer = await asyncio.open_connection(at.hostname, at.port)
        writer.write(head.encode() + half[:cut])
        await writer.drain()
        writer.transport.abort()
    assert (await desk.post(f"/knowledge/{number}/files", form("a.png", PNG))).status == 303
    assert await desk.db.read(contents) == 1  # the whole one only


# -- documents --------------------------------------------------------------------------------

MARKDOWN = """---
title: Feed lost
language: en
alert: [UpsOnBattery, UpsMainsLost]
---
Seen in room B1.

## Symptom
UPS on battery

## Root cause
Breaker open

## 处理步骤
1. Reclose it

```
# not a heading
```
"""


def test_markdown_is_divided_by_its_headings_in_both_languages() -> None:
    found = documents.of_markdown(MARKDOWN, "x.md")
    assert (found.title, found.language) == ("Feed lost", "en")
    assert found.parts["symptom"] == "Seen in room B1.\n\nUPS on battery"
    assert found.parts["cause"] == "Breaker open"
    assert "# not a heading" in found.parts["solution"]
    assert found.facets == {"alert": ["UpsOnBattery", "UpsMainsLost"]}


def test_html_becomes_markdown_without_what_would_run() -> None:
    found = documents.of_html(
        "<html><head><title>Fan fails</title><style>x{}</style></head><body><script>alert(1)</script>"
        "<h2>现象</h2><p>Fan <b>0 rpm</b></p><h2>Solution</h2><ol><li>Stop<li>Swap "
        "<a href='javascript:alert(1)'>it</a> <a href='https://a.example/x'>doc</a></ol>"
        "<pre>sysctl  -a</pre><iframe src='//evil'>x</iframe></body></html>",
        "x.html",
    )
    assert found.title == "Fan fails"
    assert found.parts["symptom"] == "Fan **0 rpm**"
    solution = found.parts["solution"]
    assert "1. Stop" in solution
    assert "[doc](https://a.example/x)" in solution
    assert "sysctl  -a" in solution
    assert not any(bad in str(found) for bad in ("alert", "evil", "script"))


def test_word_is_read_with_headings_steps_and_tables() -> None:
    body = (
        paragraph("UPS 转电池", "Title")
        + paragraph("故障现象", "Heading1")
        + paragraph("市电中断")
        + paragraph("处理步骤", "Heading1")
        + paragraph("合闸", item=True)
        + paragraph("观察", item=True)
        + "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
    )
    found = documents.of_word(word(body), "x.docx")
    assert (found.title, found.language) == ("UPS 转电池", "zh")
    assert found.parts["symptom"] == "市电中断"
    assert "1. 合闸\n2. 观察" in found.parts["solution"]
    assert "| a |\n|---|" in found.parts["solution"]


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE x [<!ENTITY a "b">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
    ],
)
def test_XML_with_entities_or_inclusion_is_refused(head: str) -> None:  # noqa: N802
    with pytest.raises(InvalidError, match="XML"):
        documents.of_word(word(paragraph("x"), head=head), "x.docx")


@given(seed=st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_a_damaged_document_is_refused_with_a_sentence_or_read(seed: int) -> None:
    chance = random.Random(seed)
    raw = bytearray(word(paragraph("Title", "Title") + paragraph("text")))
    for _ in range(chance.randint(1, 12)):
        raw[chance.randrange(len(raw))] = chance.randrange(256)
    said = []
    for name in ("x.docx", "x.zip", "x.md", "x.html", "x.csv"):
        try:
            importing.read(name, bytes(raw))
        except DeskError as error:
            said.append(str(error))
    assert all(said)


@given(said=st.text(alphabet="<>/abph1lioules =\"'&;[]()#*`\n", max_size=400))
@settings(max_examples=150, deadline=None)
def test_any_html_is_read(said: str) -> None:
    documents.of_html(said, "x.html")


# -- the import -------------------------------------------------------------------------------

FOLDER = {
    "a/feed.md": MARKDOWN.encode(),
    "a/fan.html": b"<h1>Fan fails</h1><p>Swap the fan of the tray and watch it for a while.</p>",
    "b/ups.docx": word(paragraph("UPS alarm", "Title") + paragraph("Reset it")),
    "b/again.md": b"# Feed lost\n\nSomething else",
    "b/empty.md": b"",
    "b/broken.docx": b"PK\x03\x04 not whole",
    "b/mojibake.md": b"# x\n\xff\xff\xff\xfe\xfa",
    "b/picture.png": PNG,
    "__MACOSX/a/._feed.md": b"x",
    ".git/config.md": b"x",
}


def tried(db: Database, name: str, content: bytes) -> list[importing.Item]:
    items = importing.read(name, content)
    return db.read_now(importing.compared, items)


def test_each_document_of_a_folder_is_told_with_what_becomes_of_it(db: Database, publish: Publish) -> None:
    known = publish("fan  FAILS")
    items = {one.source: one for one in tried(db, "kb.zip", zipped(FOLDER))}
    assert set(items) == {name for name in FOLDER if not name.startswith((".git", "__MACOSX"))}
    assert {name for name, one in items.items() if one.fits} == {"a/feed.md", "b/ups.docx"}
    assert items["a/fan.html"].same_as == known
    assert items["b/again.md"].same_as == "a/feed.md"
    for name in ("b/empty.md", "b/broken.docx", "b/mojibake.md", "b/picture.png"):
        assert items[name].error, name


def test_taking_in_enters_exactly_what_was_told_and_a_second_time_nothing(db: Database) -> None:
    raw = zipped(FOLDER)

    told = tried(db, "kb.zip", raw)
    done = taken_in(db, "kb.zip", raw, submit=True)
    assert [one.source for one in done if one.number] == [one.source for one in told if one.fits]
    states = db.read_now(lambda s: [article.state for article in s.scalars(select(Article))])
    assert states == [State.SUBMITTED] * 3
    assert [one for one in taken_in(db, "kb.zip", raw, submit=True) if one.number] == []
    assert db.read_now(lambda s: s.scalar(select(func.count()).select_from(ImportUpload))) == 0


@given(
    rows=st.lists(
        st.tuples(
            st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=30).filter(
                str.strip
            ),
            st.sampled_from(["=1+1", "@SUM(A1)", "-1", "plain", "\t=x", "'quoted", 'a "b", c']),
        ),
        max_size=8,
    )
)
@example(rows=[("'=", "'''@SUM(A1)")])
@settings(max_examples=40, deadline=None)
def test_a_table_that_was_exported_neutral_is_read_unchanged(rows: list[tuple[str, str]]) -> None:
    import csv

    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["title", "solution"])
    writer.writerows([neutral(title), neutral(solution)] for title, solution in rows)
    content = b"\xef\xbb\xbf" + out.getvalue().encode()
    if not rows:
        with pytest.raises(InvalidError):
            importing.read("x.csv", content)
        return
    found = importing.read("x.csv", content)
    assert [(one.title, one.texts["solution"]) for one in found] == [
        (title.strip(), solution.strip()) for title, solution in rows
    ]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (b"name,solution\na,b", "first line"),
        (b"title,title\na,b", "first line"),
        (b'title,solution\n"a,b', "CSV"),
    ],
)
def test_a_broken_table_is_refused_as_a_whole(table: bytes, said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        importing.read("x.csv", table)


def test_a_table_names_the_lines_that_cannot_be_taken() -> None:
    long = "T" * 201
    table = "title,solution,language\nGood,Do it,en\n,No title,en\nLong,x\nFrench,Oui,fr\n"
    table += f"{long},x,en\n"
    found = importing.read("x.csv", table.encode())
    assert [one.source for one in found if one.error] == ["x.csv:3", "x.csv:4", "x.csv:5", "x.csv:6"]
    assert [one.title for one in found if one.fits] == ["Good"]


def test_chinese_tables_of_spreadsheets_are_read_in_their_encoding() -> None:
    [one] = importing.read("x.csv", "title,solution\n市电中断,合闸".encode("gb18030"))
    assert (one.title, one.texts["language"]) == ("市电中断", "zh")


async def test_an_import_is_tried_then_done_in_the_console(desk: Desk) -> None:
    tried_ = await desk.post("/knowledge/import", form("kb.zip", zipped(FOLDER)))
    page = await tried_.text()
    assert tried_.status == 200, page
    assert "3 articles would be entered." in page
    token = page.partition('action="/knowledge/import/')[2].partition('"')[0]
    assert (await desk.json("/api/v1/articles"))["total"] == 0
    assert (await desk.admin.post(f"/knowledge/import/{token}")).status == 404
    begun_ = await desk.post(f"/knowledge/import/{token}", {"submit": "1"})
    run = begun_.headers["Location"]
    assert "It goes on when this page is closed" in await desk.text(run)
    await desk.work()
    page = await desk.text(run)
    for said in ("b/broken.docx", "the same as a/feed.md", "b/mojibake.md"):
        assert said in page
    assert run in await desk.text("/knowledge/runs")
    assert (await desk.json("/api/v1/articles?state=submitted"))["total"] == 3
    assert (await desk.post(f"/knowledge/import/{token}")).status == 404


async def test_an_upload_that_cannot_be_read_is_told_on_the_page(desk: Desk) -> None:
    for name, content in (("x.exe", b"MZ"), ("x.zip", b"PK\x03\x04zz"), ("x.csv", b"a,b\n1,2")):
        answer = await desk.post("/knowledge/import", form(name, content))
        assert answer.status == 422, name
        assert "wd-note s-crit" in await answer.text()


def test_imported_scripts_are_inert_on_the_page() -> None:
    from server.kernel.prose import html

    said = "# T\n\n<script>alert(1)</script> ![x](https://evil/x.png) [a](javascript:x)"
    found = documents.of_markdown(said, "x.md")
    shown = html(found.parts["solution"])
    assert "<script" not in shown
    assert "evil" not in shown
    assert "href" not in shown


def test_service_keeps_no_article_without_a_title(db: Database) -> None:
    with pytest.raises(InvalidError):
        db.run_now(service.write, {"title": "  ", "language": "en"}, by=1, now=NOON)


def test_paths_of_this_machine_are_never_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("# secret")
    with pytest.raises(InvalidError):
        importing.read("kb.zip", zipped({"a.md": b"# a\n\nb"}, link=str(secret)[1:]))

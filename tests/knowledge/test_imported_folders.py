"""What a folder or a Word document brings along: pictures, links between documents, stubs."""

import asyncio
import zipfile
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.kernel.db import Database
from server.kernel.errors import InvalidError, NotFoundError
from server.kernel.jobs import LeaseLostError
from server.knowledge import documents, entering, files, importing, service
from server.knowledge.models import Article, ImportUpload, Run, State
from tests.desk_client import Desk
from tests.knowledge.conftest import NOON, held, taken_in
from tests.knowledge.test_files_and_imports import PNG, REFUSED, WORD_NS, form, paragraph, word, zipped

FOLDER = {
    "docs/tray.md": (
        b"# Tray jams\n\n## Symptom\n![the tray](img/tray.png)\n\n"
        b"## Solution\n1. Open it.\n2. See [fan](fan.html) and [far](../../x.md)."
    ),
    "docs/fan.html": (
        b'<h1>Fan fails</h1><p>Swap it. <img src="./img/tray.png" alt="tray"> <img src="no.png"></p>'
    ),
    "docs/old.md": b"# Old tray page\n\nSee [Tray jams](tray.md).",
    "docs/img/tray.png": PNG,
    "docs/img/lost.png": PNG,
    "docs/img/evil.png": REFUSED["svg"],
    "docs/evil.md": b"# Evil\n\nLook ![x](img/evil.png) and ![y](../../../etc/passwd.png)",
    "docs/run.exe": b"MZ",
}
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
DRAWN = (
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
)


def titled(db: Database, title: str) -> Article:
    return db.read_now(lambda session: session.scalars(select(Article).where(Article.title == title)).one())


def names(db: Database, article: Article) -> list[str]:
    return [one.name for one in db.read_now(files.of_article, article)]


def test_pictures_come_along_and_links_lead_to_articles(db: Database) -> None:
    items = {one.source: one for one in taken_in(db, "kb.zip", zipped(FOLDER))}
    tray, fan = titled(db, "Tray jams"), titled(db, "Fan fails")
    assert names(db, tray) == names(db, fan) == ["tray.png"]
    [shown] = db.read_now(files.of_article, tray)
    assert tray.symptom == f"![the tray]({files.address(tray, shown)})"
    assert f"[fan](/knowledge/{fan.number})" in tray.solution
    assert "[far](../../x.md)" in tray.solution  # leads nowhere, as before
    assert "no.png" not in fan.solution
    assert items["docs/img/tray.png"].goes_with == "docs/tray.md"
    assert items["docs/img/lost.png"].error
    assert items["docs/run.exe"].error


def test_T20_what_is_no_picture_by_its_content_is_told_and_left_out(db: Database) -> None:  # noqa: N802
    items = {one.source: one for one in taken_in(db, "kb.zip", zipped(FOLDER))}
    assert items["docs/img/evil.png"].error
    evil = titled(db, "Evil")
    assert names(db, evil) == []
    assert evil.solution == "Look x and y"


def test_a_document_that_only_points_is_left_out_unless_it_is_wanted(db: Database) -> None:
    items = {one.source: one for one in taken_in(db, "kb.zip", zipped(FOLDER))}
    stub = items["docs/old.md"]
    assert (stub.points_at, stub.number, stub.fits) == ("Tray jams", "", True)
    tray = titled(db, "Tray jams")
    again = {one.source: one for one in taken_in(db, "kb.zip", zipped(FOLDER), pointing=True)}
    assert [name for name, one in again.items() if one.number] == ["docs/old.md"]
    assert titled(db, "Old tray page").solution == f"See [Tray jams](/knowledge/{tray.number})."


async def test_T20_pictures_are_bounded_together_however_often_one_is_shown(  # noqa: N802
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entering, "PICTURES_MOST", len(PNG) * 3)
    folder = {f"{n}.md": f"# Page {n}\n\nText {n} ![x](a.png)".encode() for n in range(4)} | {"a.png": PNG}
    answer = await desk.post("/knowledge/import", form("kb.zip", zipped(folder)))
    assert answer.status == 422
    assert "bytes of pictures" in await answer.text()
    assert await desk.db.read(lambda session: session.scalars(select(ImportUpload)).all()) == []


def begun(db: Database, pages: int) -> Run:
    raw = zipped({f"{n}.md": f"# Page {n}\n\nText {n} of the folder".encode() for n in range(pages)})
    upload = db.run_now(entering.keep, "kb.zip", raw, by=1, now=NOON)
    return db.run_now(entering.begin, upload.token, submit=True, pointing=False, by=1, now=NOON)


def test_an_upload_is_taken_in_once(db: Database) -> None:
    upload = db.run_now(entering.keep, "a.md", b"# Fan fails\n\nSwap it", by=1, now=NOON)
    how: Any = {"submit": True, "pointing": False, "now": NOON}
    with pytest.raises(NotFoundError):
        db.run_now(entering.begin, upload.token, by=2, **how)
    db.run_now(entering.begin, upload.token, by=1, **how)
    with pytest.raises(NotFoundError):
        db.run_now(entering.begin, upload.token, by=1, **how)


@pytest.mark.parametrize("portions", range(1, 8))
def test_an_import_that_broke_off_anywhere_goes_on_there(sqlite_db: Database, portions: int) -> None:
    run = begun(sqlite_db, 120)  # read, three portions entered, three joined
    left = iter(range(portions))

    def lost(_session: Session) -> None:
        if next(left, None) is None:
            raise LeaseLostError("the server is gone")

    with suppress(LeaseLostError):
        asyncio.run(entering.take_in(sqlite_db, run.id, hold=lost, now=NOON))
    asyncio.run(entering.take_in(sqlite_db, run.id, hold=held, now=NOON))
    rows = sqlite_db.read_now(lambda session: session.execute(select(Article.title, Article.state)).all())
    assert sorted(rows) == sorted((f"Page {n}", State.SUBMITTED) for n in range(120))
    after = sqlite_db.read_now(lambda session: session.get_one(Run, run.id))
    assert (after.total, after.done, after.joined) == (120, 120, 120)


async def test_others_write_while_a_large_folder_is_entered(db: Database) -> None:
    run = await asyncio.to_thread(begun, db, 150)
    texts = {"title": "Fan fails", "solution": "Swap it", "language": "en"}
    going = asyncio.create_task(entering.take_in(db, run.id, hold=held, now=NOON))
    beside = 0
    while not going.done():
        await db.run(service.write, texts, by=2, now=NOON)
        beside += 1
    await going
    assert beside > 1


def drawn(parts: dict[str, bytes], body: str) -> bytes:
    xml = f"<w:document {WORD_NS} {DRAWN}><w:body>{body}</w:body></w:document>"
    return zipped({"word/document.xml": xml.encode(), **parts})


def relation(key: str, target: str, mode: str = "") -> str:
    outside = f' TargetMode="{mode}"' if mode else ""
    return f'<Relationship Id="{key}" Type="t" Target="{target}"{outside}/>'


def relations(*said: str) -> dict[str, bytes]:
    whole = f'<Relationships xmlns="{RELATIONS}">{"".join(said)}</Relationships>'
    return {"word/_rels/document.xml.rels": whole.encode()}


NUMBERING = f"""<w:numbering {WORD_NS}>
<w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:numFmt w:val="decimal"/></w:lvl></w:abstractNum>
<w:abstractNum w:abstractNumId="1"><w:lvl w:ilvl="1"><w:numFmt w:val="bullet"/></w:lvl></w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>
<w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num></w:numbering>"""


def listed(said: str, number: int, level: int) -> str:
    how = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>'
    return f"<w:p><w:pPr>{how}</w:pPr><w:r><w:t>{said}</w:t></w:r></w:p>"


def cells(*said: str) -> str:
    inner = "".join(f"<w:tc><w:p><w:r><w:t>{one}</w:t></w:r></w:p></w:tc>" for one in said)
    return f"<w:tr>{inner}</w:tr>"


@pytest.mark.parametrize("folder", [False, True])
def test_word_brings_pictures_links_bullets_and_tables(sqlite_db: Database, *, folder: bool) -> None:
    blip = '<w:p><w:r><w:drawing><a:blip r:embed="r1"/><a:blip r:embed="r9"/></w:drawing></w:r></w:p>'
    link = '<w:p><w:hyperlink r:id="r2"><w:r><w:t>maker</w:t></w:r></w:hyperlink> </w:p>'
    body = (
        paragraph("Scanner stops", "Title")
        + listed("Open", 1, 0) + listed("left lid", 2, 1) + listed("Clean", 1, 0)
        + blip + link + f"<w:tbl>{cells('Part', 'a|b')}{cells('Glass', '7')}</w:tbl>"
    )  # fmt: skip
    told = relations(relation("r1", "media/a.png"), relation("r2", "https://m.example/x", "External"))
    raw = drawn({**told, "word/numbering.xml": NUMBERING.encode(), "word/media/a.png": PNG}, body)
    name, content = ("kb.zip", zipped({"in/s.docx": raw})) if folder else ("s.docx", raw)
    [item] = taken_in(sqlite_db, name, content)
    assert item.number, item
    article = titled(sqlite_db, "Scanner stops")
    [shown] = sqlite_db.read_now(files.of_article, article)
    assert f"![]({files.address(article, shown)})" in article.solution
    assert "1. Open\n   - left lid\n2. Clean" in article.solution
    assert "[maker](https://m.example/x)" in article.solution
    assert "| Part | a\\|b |\n|---|---|\n| Glass | 7 |" in article.solution


def test_T20_a_word_document_reaches_nothing_outside_itself(db: Database) -> None:  # noqa: N802
    targets = ("../../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:1/a.png")
    told = relations(
        *(relation(f"r{n}", one, "External" if n == 3 else "") for n, one in enumerate(targets)),
        relation("r7", "javascript:alert(1)", "External"),
    )
    blips = "".join(f'<w:r><a:blip r:embed="r{n}"/><a:blip r:link="r{n}"/></w:r>' for n in range(5))
    link = '<w:hyperlink r:id="r7"><w:r><w:t>press</w:t></w:r></w:hyperlink>'
    taken_in(db, "s.docx", drawn(told, f"{paragraph('Trap', 'Title')}<w:p>{blips}{link}</w:p>"))
    article = titled(db, "Trap")
    assert article.solution == "press"
    assert names(db, article) == []


@pytest.mark.parametrize("part", ["word/_rels/document.xml.rels", "word/numbering.xml"])
def test_XML_with_entities_is_refused_in_every_part_of_a_word_document(part: str) -> None:  # noqa: N802
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
    raw = drawn({part: bomb}, paragraph("x"))
    with pytest.raises(InvalidError, match="XML"):
        documents.of_word(raw, "x.docx")


def test_T20_a_bomb_within_a_document_of_a_folder_stops_only_that_document(db: Database) -> None:  # noqa: N802
    bomb = zipped({"word/document.xml": b" " * (30 * 1024 * 1024)})
    good = word(paragraph("Good", "Title") + paragraph("text"))
    items = {one.source: one for one in taken_in(db, "kb.zip", zipped({"a.docx": bomb, "b.docx": good}))}
    assert items["a.docx"].error
    assert items["b.docx"].number


async def test_a_picture_in_the_text_is_shown_in_the_console_and_on_the_shelf(desk: Desk) -> None:
    folder = {
        "a.md": b"---\naudience: everybody\n---\n# Printer jams\n\nPull it ![tray](t.png), see [b](b.md)",
        "b.md": b"# Fuse blown\n\nChange the fuse of the panel",
        "t.png": PNG,
    }
    page = await (await desk.post("/knowledge/import", form("kb.zip", zipped(folder)))).text()
    assert "1 picture comes along." in page
    token = page.partition('action="/knowledge/import/')[2].partition('"')[0]
    await desk.post(f"/knowledge/import/{token}", {"submit": "1"})
    await desk.work()
    found = await desk.json("/api/v1/articles?words=printer")
    number = found["items"][0]["number"]
    await desk.admin.post(f"/knowledge/{number}/move", {"to": "published"})
    for browser, path in ((desk.bob, f"/knowledge/{number}"), (desk.charlie, f"/portal/knowledge/{number}")):
        text = await browser.text(path)
        shown = text.partition('<img src="')[2].partition('"')[0].replace("&amp;", "&")
        assert shown.startswith(f"{path}/files/"), shown
        answer = await browser.get(shown)
        assert answer.status == 200
        assert await answer.read() == PNG
    assert 'href="/portal/knowledge/KB-' in await desk.charlie.text(f"/portal/knowledge/{number}")
    assert f"](/knowledge/{number}/files/" in await desk.text(f"/knowledge/{number}/edit")
    assert (await desk.charlie.get(f"/knowledge/{number}")).status == 403


def test_a_folder_of_many_pictures_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    real = zipfile.ZipFile

    def counted(*args: Any, **how: Any) -> zipfile.ZipFile:
        opened.append(args)
        return real(*args, **how)

    raw = zipped({f"{n}.md": f"# {n}\n\nText {n} ![x]({n}.png)".encode() for n in range(20)}
                 | {f"{n}.png": PNG for n in range(20)})  # fmt: skip
    monkeypatch.setattr(zipfile, "ZipFile", counted)
    assert sum(bool(one.goes_with) for one in importing.read("kb.zip", raw)) == 20
    assert len(opened) == 1

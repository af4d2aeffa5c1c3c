"""Search characters, formulas and direction overrides in data, on both databases."""

from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy.orm import Session

from server.cmdb import editing
from server.incidents import reporting
from server.kernel.call import Actor
from server.kernel.clock import ManualClock
from server.kernel.db import Database
from server.knowledge import service as knowledge
from server.problems import service as problems
from tests.desk_client import open_desk

ODD = {
    "%": "load 100% on A",
    "_": "disk sda_1 fails",
    "'": "the user's screen",
    '"': 'says "no"',
    "\\": "share \\\\srv is gone",
    "{{7*7}}": "shows {{7*7}}",
    "' OR 1=1 --": "x' OR 1=1 --",
}
FORMULAS = ("=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1+1", "=cmd|' /C calc'!A0")


async def test_SEARCH_characters_are_literal_in_every_search(  # noqa: N802
    db: Database, clock: ManualClock, tmp_path: Path
) -> None:
    async with open_desk(db, clock, tmp_path) as desk:
        alice = Actor(desk.person_id, "alice", {"en": "Alice"}, frozenset({"incident.create"}))

        manager = Actor(1, "alice", {"en": "Alice"}, frozenset({"problem.manage", "problem.read"}))

        def write(session: Session) -> None:
            for summary in (*ODD.values(), "plain words"):
                reporting.create(session, {"summary": summary}, actor=alice, now=clock.now())
            for number, name in enumerate((*ODD.values(), "plain item")):
                editing.create(
                    session, "server", {"name": name, "serial": f"S{number}"}, by="alice", now=clock.now()
                )

                knowledge.write(
                    session, {"title": name, "solution": "x", "language": "en"}, by=1, now=clock.now()
                )
                problems.create(session, {"title": name}, actor=manager, now=clock.now())

        await db.run(write)
        for word in ODD:
            asked = quote(word)
            hits = {summary for summary in ODD.values() if word in summary}
            listed = await desk.json(f"/api/v1/incidents?text={asked}")
            assert {one["summary"] for one in listed["items"]} == hits, word
            page = await desk.text(f"/incidents?view=all&q={asked}")
            assert "plain words" not in page, word
            items = await desk.text(f"/cis?q={asked}")
            assert "plain item" not in items, word
            for path in (f"/knowledge?view=all&q={asked}", f"/problems?view=all&q={asked}"):
                assert "plain item" not in await desk.admin.text(path), (path, word)
            articles = await desk.json(f"/api/v1/articles?words={asked}")
            assert "plain item" not in str(articles), word
            found = await desk.json(f"/palette?q={asked}")
            assert not [entry for entry in found["entries"] if "plain" in str(entry)], word
            people = await desk.get(f"/api/v1/people?q={asked}")
            assert people.status in {200, 403}
            assert (await desk.get(f"/knowledge?q={asked}")).status == 200
            assert (await desk.get(f"/alerts?q={asked}")).status == 200


@pytest.mark.parametrize("formula", FORMULAS)
async def test_T24_a_formula_is_neutral_in_every_export(  # noqa: N802
    sqlite_db: Database, clock: ManualClock, tmp_path: Path, formula: str
) -> None:
    async with open_desk(sqlite_db, clock, tmp_path) as desk:
        alice = Actor(desk.person_id, "alice", {"en": "Alice"}, frozenset({"incident.create"}))
        await sqlite_db.run(reporting.create, {"summary": formula}, actor=alice, now=clock.now())
        for path in ("/incidents?view=all&format=csv", "/incidents?view=all&csv=1"):
            answer = await desk.get(path)
            if answer.content_type != "text/csv":
                continue
            text = (await answer.text()).removeprefix("\ufeff")
            cells = [cell.strip('"') for line in text.splitlines() for cell in line.split(",")]
            assert not [cell for cell in cells if cell[:1] in "=+@\t" and cell[:1]], text
            assert "attachment" in answer.headers["Content-Disposition"]
            return
        pytest.fail("there is no export of incidents")

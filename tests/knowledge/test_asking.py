"""Asking: what is known to help stands apart from what is only near, and each says why it is there."""

import re
from pathlib import Path

import numpy as np
from sqlalchemy.orm import Session

from server.cmdb.classes import catalogue
from server.kernel.clock import ManualClock
from server.kernel.db import Database
from server.kernel.i18n import use_language
from server.knowledge import service
from server.knowledge.models import State
from server.knowledge.suggesting import reranking, silence
from server.knowledge.suggesting.reasons import reasons
from server.knowledge.suggesting.suggest import Query, suggest
from tests.desk_client import Desk, open_desk
from tests.knowledge.conftest import NOON, Publish

TONER = {
    "title": "Printer prints blank pages after a toner change: remove the seal",
    "solution": "1. Take the cartridge out.\n2. Pull the tape.",
    "symptom": "Pages come out empty after the toner was changed.",
    "language": "en",
}


async def test_what_is_near_is_kept_apart_by_the_threshold_of_the_desk(
    desk: Desk,
) -> None:
    def shelved(session: Session) -> str:
        number = service.write(session, TONER, by=1, now=NOON).number
        service.move(session, number, State.SUBMITTED, by=1, now=NOON)
        service.move(session, number, State.PUBLISHED, by=2, now=NOON)
        return number

    number = await desk.db.run(shelved)
    link, asked = f'href="/knowledge/{number}"', "/knowledge/ask?q=printer+of+the+office+gives+white+pages"
    [found] = await desk.db.read(suggest, Query("printer of the office gives white pages"), least=0.0)
    assert silence.LOWEST + 0.03 < found.score < silence.HIGHEST - 0.03
    await desk.db.run(silence.set_least, found.score - 0.03)
    sure = await desk.text(asked)
    assert link in sure.partition('id="known"')[2]
    assert 'id="near"' not in sure
    assert "<mark>Printer</mark>" in sure
    assert "probability that it is right" in sure
    await desk.db.run(silence.set_least, found.score + 0.03)
    known, _there, near = (await desk.text(asked)).partition(
        '<details class="wd-panel knear" id="near" open><summary'
    )
    assert "Nothing known that fits" in known
    assert link not in known
    assert link in near
    nothing = await desk.text("/knowledge/ask?q=zebra+crossing")
    assert "Nothing known that fits" in nothing
    assert 'id="near"' not in nothing
    assert "Nothing known that fits" not in await desk.text("/knowledge/ask")


def test_each_suggestion_says_which_words_and_what_else_agree(db: Database, publish: Publish) -> None:
    publish(
        "磁盘阵列降级：更换故障盘",
        "1. 更换故障盘。\n2. 等待重建完成。",
        symptom="磁盘阵列降级，性能下降",
        language="zh",
        applies_to={"ci_class": ["server"]},
    )
    said = "SRV-9 磁盘阵列降级告警"
    [found] = db.read_now(suggest, Query(said, ci_class="server", language="zh"), least=0.0)
    with use_language("zh"):
        why = reasons(found, said)
        label = catalogue().of("server").label["zh"]
    assert list(why.words) == ["磁盘阵列降级"]
    assert [part.text for part in why.title if part.marked] == ["磁盘阵列降级"]
    assert [text for _icon, text in why.shared] == [f"同类：{label}"]
    assert "".join(part.text for part in why.steps[0]) == "更换故障盘。"


async def test_a_local_model_has_a_say_in_what_is_known_where_there_is_one(
    db: Database, publish: Publish, clock: ManualClock, tmp_path: Path
) -> None:
    db.run_now(silence.set_least, silence.HIGHEST)
    first = publish("Pump leaks: close the valve", symptom="the pump of the hall leaks")
    other = publish("Pump leaks: call the plumber", symptom="the pump of the hall leaks")
    folder = tmp_path / "model"
    folder.mkdir()

    async with open_desk(db, clock, tmp_path, reranker_folder=str(folder)) as desk:

        async def shown() -> tuple[list[str], str]:
            page = await desk.text("/knowledge/ask?q=pump+leaks+in+the+hall,+who+helps")
            return re.findall(r'href="/knowledge/(KB-\d+)"', page.partition('id="known"')[2]), page

        plain, page = await shown()
        assert sorted(plain) == sorted([first, other])
        assert "The folder of the re-ranker cannot be used" in page
        for wanted, words in ((first, "helps\nvalve\nplumber"), (other, "helps\nplumber\nvalve")):
            (folder / "vocabulary.txt").write_text(words)
            np.save(folder / "vectors.npy", np.asarray([[1, 0], [1, 0], [0, 1]], np.float32))
            (folder / reranking.MANIFEST).write_text('{"kind": "static"}')
            found, page = await shown()
            assert found[0] == wanted
            assert "A model of this site looked at the best answers as well." in page

"""The documents that may be suggested, in memory: one shelf for each database of a process.

A shelf follows the table of changes: every write of an article or a case adds a row in the same transaction,
and a process takes in what is newer than what it has before it answers. What was analysed once is kept in a
file, so that a start reads it instead of every text; documents that have changed meanwhile are known by their
stamps. The weights are those of the ranker that is live.
"""

import contextlib
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from ml import rerank
from ml.answers import Document
from ml.similar import Index, StaleIndexError
from server.kernel.db import Database, after_commit
from server.knowledge.models import Article, Case, IndexChange, State
from server.knowledge.suggesting.learned import LEAST_SCORE, Ranker, Silence, Standing
from server.knowledge.suggesting.ranking import Ranking, nameless

LATE = 512  # changes; transactions may commit in another order than their changes are numbered in
BATCH = 500  # rows read at once
FILE = "suggestions.index"
EPOCH = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


@dataclass
class Shelf:
    """What one database offers; whoever asks holds the lock."""

    ranking: Ranking = field(default_factory=Ranking)
    lock: threading.RLock = field(default_factory=threading.RLock)
    filled: bool = False
    seen: int = 0  # the newest change taken in
    lately: frozenset[tuple[int, str]] = frozenset()
    ranker: int = 0  # the live one; 0 the one before any feedback
    least: float = LEAST_SCORE  # the probability from which on a fix is suggested
    model_folder: str = ""  # of a model that looks at the best answers once more, see `reranking`

    def heard(self, changes: frozenset[tuple[int, str]]) -> None:
        """These changes are committed and taken in."""
        with self.lock:
            self.lately = changes
            self.seen = max([self.seen, *(number for number, _key in changes)])


_shelves: weakref.WeakKeyDictionary[Engine, Shelf] = weakref.WeakKeyDictionary()
_of_place: weakref.WeakValueDictionary[str, Shelf] = weakref.WeakValueDictionary()
_folders: dict[str, Path] = {}
_opening = threading.Lock()


def keep_in(database: Database, folder: Path) -> None:
    """Keep this database's shelf in a folder from now on."""
    _folders[database.engine.url.render_as_string(hide_password=False)] = folder


def look_again(database: Database, folder: str) -> None:
    """Let the model of this folder look at this database's best answers; "" for none."""
    _of(database.engine).model_folder = folder


def up_to_date(session: Session) -> Shelf:
    """The shelf of the session's database, with all that is committed or written in this transaction."""
    engine = session.get_bind().engine
    shelf = _of(engine)
    with shelf.lock:
        _follow(session, shelf)
        _weigh(session, shelf)
        if not shelf.filled:
            _fill(session, shelf, _folder(engine))
    return shelf


def save(database: Database) -> None:
    """Write a database's shelf to its folder, if it has one and anything is on the shelf."""
    shelf, folder = _of(database.engine), _folder(database.engine)
    if folder is None or not shelf.filled:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with shelf.lock:
        shelf.ranking.index.save(folder / FILE)


def documents(session: Session) -> Iterator[tuple[str, Document, int]]:
    """All that may be suggested: key, document and stamp."""
    published = select(Article).where(Article.state == State.PUBLISHED)
    for article in session.scalars(published.execution_options(yield_per=BATCH)):
        yield article.number, of_article(article), _stamp(article.changed_at)
    for case in session.scalars(select(Case).execution_options(yield_per=BATCH)):
        yield case.number, of_case(case), _stamp(case.resolved_at)


def of_article(article: Article) -> Document:
    """An article as the index reads it."""
    facets = {name: [str(value) for value in values] for name, values in article.applies_to.items()}
    fields = {
        "title": article.title,
        "symptom": article.symptom,
        "cause": article.cause,
        "solution": article.solution,
        "text": " ".join(str(value) for values in article.applies_to.values() for value in values),
    }
    return Document(fields, facets, kind="article")


def of_case(case: Case) -> Document:
    """A past case as the index reads it."""
    fields = {"title": case.title, "symptom": case.symptom, "cause": case.cause, "solution": case.solution}
    facets = {name: str(value) for name, value in case.facets.items()}
    said = {name: nameless(text, facets.get("ci", "")) for name, text in fields.items()}
    return Document(said, facets, kind="case")


def _of(engine: Engine) -> Shelf:
    with _opening:
        shelf = _shelves.get(engine)
        if shelf is None:
            place = engine.url.render_as_string(hide_password=False)
            shares = engine.dialect.name == "sqlite"  # its readers and its writer are two engines
            shelf = (_of_place.get(place) if shares else None) or Shelf()
            _shelves[engine] = _of_place[place] = shelf
        return shelf


def _folder(engine: Engine) -> Path | None:
    return _folders.get(engine.url.render_as_string(hide_password=False))


def _follow(session: Session, shelf: Shelf) -> None:
    """Take in what was changed since; what this transaction has written counts once it is committed."""
    rows = session.execute(
        select(IndexChange.id, IndexChange.key)
        .where(IndexChange.id > shelf.seen - LATE)
        .order_by(IndexChange.id)
    )
    news = [(number, key) for number, key in rows]
    if shelf.filled:
        for key in dict.fromkeys(key for number, key in news if (number, key) not in shelf.lately):
            _take_in(session, shelf.ranking, key)
    else:
        newest = session.scalar(select(func.max(IndexChange.id))) or 0
        news = [(number, key) for number, key in news if number > newest - LATE]
        shelf.seen = newest
    if not shelf.filled or frozenset(news) != shelf.lately:
        changes = frozenset(news)
        if "database" in session.info:
            after_commit(session, lambda: shelf.heard(changes))
        else:
            shelf.heard(changes)


def _fill(session: Session, shelf: Shelf, folder: Path | None) -> None:
    kept: Index | None = None
    if folder is not None:
        with contextlib.suppress(StaleIndexError):
            kept = Index.load(folder / FILE)
    if kept is None:
        for key, document, stamp in documents(session):
            shelf.ranking.add(key, document, stamp=stamp)
    else:
        shelf.ranking.index = kept
        _catch_up(session, shelf.ranking)
    shelf.filled = True


def _catch_up(session: Session, ranking: Ranking) -> None:
    """Take in what the file does not hold as the database does."""
    articles = session.execute(
        select(Article.number, Article.changed_at).where(Article.state == State.PUBLISHED)
    )
    cases = session.execute(select(Case.number, Case.resolved_at))
    now = {key: _stamp(at) for key, at in (*articles, *cases)}
    kept = ranking.index.stamps()
    for key in kept.keys() - now.keys():
        ranking.withdraw(key)
    for key in sorted(key for key, stamp in now.items() if kept.get(key) != stamp):
        _take_in(session, ranking, key)


def _take_in(session: Session, ranking: Ranking, key: str) -> None:
    article = session.scalar(select(Article).where(Article.number == key))
    case = session.get(Case, key) if article is None else None
    if article is not None and article.state is State.PUBLISHED:
        ranking.add(key, of_article(article), stamp=_stamp(article.changed_at))
    elif case is not None:
        ranking.add(key, of_case(case), stamp=_stamp(case.resolved_at))
    else:
        ranking.withdraw(key)


def _stamp(at: datetime) -> int:
    return round((at - EPOCH).total_seconds() * 1e6)


def _weigh(session: Session, shelf: Shelf) -> None:
    """Rank with the ranker that is live, and be silent where the desk wants it."""
    ranker = select(Ranker.id).where(Ranker.standing == Standing.LIVE).scalar_subquery()
    row = session.execute(select(ranker, select(Silence.least).scalar_subquery())).one()
    live, least = row[0] or 0, row[1]
    shelf.least = LEAST_SCORE if least is None else least
    if live != shelf.ranker:
        shelf.ranker = live
        shelf.ranking.weights = weights_of(session, live)


def weights_of(session: Session, number: int) -> rerank.Weights:
    """What a ranker has learned; what everything begins with for 0, and where its form is another's."""
    ranker = session.get(Ranker, number) if number else None
    if ranker is None or ranker.weights.get("form") != rerank.FORM:
        return rerank.begun()
    return msgspec.convert(ranker.weights, rerank.Weights)

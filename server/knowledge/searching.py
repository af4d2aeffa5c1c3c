"""Finding articles by words, the same on both databases: text is cut into words here, not there.

A word is found by its beginning. An identifier is found by the beginning of any of its parts and of all that
follows (`ifOperStatus` by `ifoper`, `operstatus`, `status`; `1.3.6.1.2.1.33` by `2.1.33`), Chinese by any
two signs that stand together, English also by its stem. Signs that belong to no word (`%`, `'`, `{{`) are
looked for as they are. A search is cut by the limit that the kernel sets for
requests that search (`server.kernel.timelimit`).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    delete,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from ml.tokens import tokens
from server.knowledge.models import Article, ArticleWord
from server.knowledge.references import led

FORM = 1  # raised when the words of known articles must be made anew
MOST_WORDS = 20_000  # of one article
MOST_CHUNKS = 8  # words of one search
MOST_TERMS = 16  # of one loose search
LONGEST_WORD = 48
MOST_PARTS = 12  # of one identifier
STEM = "~"  # leads a stem, so that no typed word is taken for one
LAST = "\U0010ffff"
WEIGHTS = {"number": 8, "title": 6, "symptom": 3, "applies_to": 3, "cause": 1, "solution": 1}
TRIMMED = ",.;:!?，。；：？！、"
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_PIECE = re.compile(rf"[{_HAN}]+|(?:(?![{_HAN}])\w)(?:(?:(?![{_HAN}])[\w./:\\-])*(?:(?![{_HAN}])\w))?")
_PART = re.compile(
    r"(?<=[._/:\\-])(?=\w)|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)"
)
_PLAIN = re.compile(rf"[\w{_HAN}./:\\-]*")


@dataclass(frozen=True)
class Term:
    """One thing that an article must have: a word that begins so, or is so; `stem` also serves."""

    word: str
    whole: bool = False
    stem: str = ""

    def condition(self) -> ColumnElement[bool]:
        """Which rows of the table of words it finds."""
        if self.whole:
            return ArticleWord.word == self.word
        begins = and_(ArticleWord.word >= self.word, ArticleWord.word < self.word + LAST)
        return or_(begins, ArticleWord.word == self.stem) if self.stem else begins


def words_of(said: str) -> Iterator[str]:
    """The words by which a text is found, in the order in which they first occur."""
    pieces = (found.group() for found in _PIECE.finditer(unicodedata.normalize("NFKC", said)))
    for piece in dict.fromkeys(pieces):
        if piece[0] >= "\u3400" and re.match(rf"[{_HAN}]", piece):
            yield from (piece[at : at + 2] for at in range(len(piece)))  # the last sign stands alone
        elif len(piece) <= LONGEST_WORD:
            yield from _kept(piece)
        else:
            yield from _of_piece(piece)


def _of_piece(piece: str) -> tuple[str, ...]:
    marks = [mark.start() for mark in _PART.finditer(piece)]
    after = [0, *(start for start in marks if start and not piece[start - 1].isalnum())]
    starts = list(dict.fromkeys([*after, *marks]))[:MOST_PARTS]  # of too many, those a person sees
    parts = (piece[start:].lower()[:LONGEST_WORD] for start in starts)
    return (*parts, *(STEM + stem for stem in _stems(piece)))


_kept = lru_cache(maxsize=8_192)(_of_piece)  # the same words stand in many articles


def _stems(piece: str) -> Iterable[str]:
    return [one for one in tokens(piece) if one.isalpha()] if piece.isascii() else ()


def terms(chunk: str) -> tuple[list[Term], str]:
    """One typed word as what an article must have, and as what it must hold literally ("" for nothing)."""
    folded = unicodedata.normalize("NFKC", chunk)
    bare = folded.strip(TRIMMED) or folded
    found: list[Term] = []
    for match in _PIECE.finditer(bare):
        piece = match.group()
        if not any(sign.isalnum() for sign in piece):
            continue
        if re.match(rf"[{_HAN}]", piece):
            pairs = [piece[at : at + 2] for at in range(len(piece) - 1)]
            found += [Term(pair, whole=True) for pair in pairs] or [Term(piece)]
        else:
            stem = next(iter(_stems(piece)), "") if piece.isalpha() else ""
            found.append(Term(piece.lower()[:LONGEST_WORD], stem=STEM + stem if stem else ""))
    return found, "" if _PLAIN.fullmatch(bare) and found else bare


def chunks(said: str) -> list[str]:
    """The typed words of a search, without NUL, at most `MOST_CHUNKS`."""
    return said.replace("\x00", " ")[:200].split()[:MOST_CHUNKS]


def has(word: str) -> ColumnElement[bool]:
    """Whether an article has a typed word."""
    wanted, sign = terms(word)
    tests: list[ColumnElement[bool]] = [
        Article.id.in_(select(ArticleWord.article_id).where(term.condition())) for term in wanted
    ]
    if sign:
        tests.append(_literally(sign))
    return and_(*tests)


def _literally(sign: str) -> ColumnElement[bool]:
    columns = (Article.number, Article.title, Article.symptom, Article.cause, Article.solution)
    return or_(*(column.icontains(sign, autoescape=True) for column in columns))


def ranked(chosen: Select[Any], said: str) -> Select[Any]:
    """Of the chosen articles those that have all words, where they weigh most first."""
    score: ColumnElement[Any] | None = None
    for chunk in chunks(said):
        wanted, sign = terms(chunk)
        for term in wanted:
            hits = (
                select(ArticleWord.article_id, func.max(ArticleWord.weight).label("weight"))
                .where(term.condition())
                .group_by(ArticleWord.article_id)
                .subquery()
            )
            chosen = chosen.join(hits, hits.c.article_id == Article.id)
            score = hits.c.weight if score is None else score + hits.c.weight
        if sign:
            chosen = chosen.where(_literally(sign))
    order = (Article.changed_at.desc(), Article.id)
    return chosen.order_by(*order) if score is None else chosen.order_by(score.desc(), *order)


def loosely(chosen: Select[Any], said: str) -> Select[Any]:
    """Of the chosen articles those that have two fifths or more of the words that say something.

    For people who write sentences: `my printer prints blank pages since monday`.
    """
    wanted = [term for chunk in chunks(said) if tokens(chunk) for term in terms(chunk)[0]]
    wanted = [term for term in wanted if len(term.word) > 1 or not term.word.isascii()][:MOST_TERMS]
    if not wanted:
        return chosen.where(false())
    hits = union_all(
        *(
            select(
                ArticleWord.article_id,
                func.max(ArticleWord.weight).label("weight"),
                literal(place).label("term"),
            )
            .where(term.condition())
            .group_by(ArticleWord.article_id)
            for place, term in enumerate(wanted)
        )
    ).subquery()
    score = func.sum(hits.c.weight)
    fits = (
        select(hits.c.article_id, score.label("score"))
        .group_by(hits.c.article_id)
        .having(func.count() * 5 >= len(wanted) * 2)
        .subquery()
    )
    best = (fits.c.score.desc(), Article.changed_at.desc(), Article.id)
    return chosen.join(fits, fits.c.article_id == Article.id).order_by(*best)


def index(session: Session, article: Article) -> None:
    """Write the words of an article anew."""
    session.flush()
    weights: dict[str, int] = {}
    for name, weight in WEIGHTS.items():
        for word in words_of(_said(article, name)):
            if weights.get(word, 0) < weight and (word in weights or len(weights) < MOST_WORDS):
                weights[word] = weight
    session.execute(delete(ArticleWord).where(ArticleWord.article_id == article.id))
    rows = [{"word": word, "article_id": article.id, "weight": weight} for word, weight in weights.items()]
    if rows:
        session.connection().execute(insert(ArticleWord), rows)  # past the ORM, which would look at each
    article.words_form = FORM


def _said(article: Article, name: str) -> str:
    value = getattr(article, name)
    if isinstance(value, dict):
        return " ".join(str(one) for values in value.values() for one in values)
    return led(str(value), lambda one: one.label if one.picture else None)


def index_stale(session: Session, *, limit: int = 200) -> int:
    """Make the words of articles that have none of the present form; returns how many were made."""
    stale = session.scalars(
        select(Article).where(Article.words_form != FORM).order_by(Article.id).limit(limit)
    )
    found = list(stale)
    for article in found:
        index(session, article)
    return len(found)

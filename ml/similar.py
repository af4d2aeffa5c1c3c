"""What is like this text: a lexical index that learns one document at a time.

The first look is BM25 over weighted fields (k1 1.5, b 0.9: tickets repeat themselves, so length weighs more
than usual), query terms as 1 + ln(tf), the first line of the query counted once more, plus a bonus for facets
that agree. It names the candidates. `ml.features` then reads each candidate again as the sequence of its
tokens, which tells what a bag of words cannot, and `ml.rerank` weighs what was read.

Memory holds only what every question needs: the postings (see `ml.postings`). What a candidate is read from
rests in a temporary file (see `ml.kept`). Adding, changing and withdrawing need no rebuild.
"""

import hashlib
import math
import os
from array import array
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from ml.answers import Asked, Candidates, Document, Hit
from ml.kept import Kept, Store
from ml.postings import Postings, Segment
from ml.tokens import tokens
from ml.vocabulary import Vocabulary, rarest
from ml.written import Written, beginning, written

K1 = 1.5
B = 0.9
FIELD_WEIGHTS = {"title": 3.0, "symptom": 1.5, "cause": 1.0, "solution": 1.0, "text": 1.0}
ZONES = {"title": 0, "symptom": 1, "text": 1, "cause": 2, "solution": 2}
ZONE_COUNT = 3
FIRST_LINE_WEIGHT = 1.0
FACET_WEIGHTS = {"alert": 0.30, "model": 0.12, "ci": 0.12, "ci_class": 0.08, "service": 0.06, "vendor": 0.04}
GOOD_COVERAGE = 0.25  # the share of a query's information at which a document scores 1 - 1/e
FORM = 4  # of a saved index, tokens and all
LONGEST_HEAD = 1 << 30
HALVES = 2  # a posting's weight is kept in halves, at most 127.5
POSTINGS_READ = 120_000  # of a query's terms, the rarest first; the rest is left to the candidates' reading
MOST_TERMS = 120  # of a query, the heaviest
LONGEST_READ = 400  # tokens of a document that are kept in order


class StaleIndexError(Exception):
    """A file that holds no index of this version; make it anew."""


class _Head(msgspec.Struct, array_like=True):
    """What stands before the arrays of a saved index."""

    form: int
    terms: list[str]
    keys: list[str]
    pairs: list[tuple[str, str]]
    kinds: list[str]
    segments: list[tuple[int, int]]  # documents and base
    arrays: list[tuple[str, int]]


class Index:
    """A growing set of documents that can be asked for what is alike. Not for concurrent use."""

    def __init__(self) -> None:
        self._vocabulary = Vocabulary()
        self._keys: list[str] = []
        self._slots: dict[str, int] = {}
        self._pairs: dict[tuple[str, str], int] = {}  # a facet and its value
        self._pair_names: list[tuple[str, str]] = []
        self._with_pair: list[array[int]] = []
        self._kinds: dict[str, int] = {}
        self._kind_of = np.zeros(256, dtype=np.int8)
        self._lengths = np.zeros(256, dtype=np.float32)  # negative: withdrawn
        self._stamps = np.zeros(256, dtype=np.int64)
        self._alive = 0
        self._total_length = 0.0
        self._zone_totals = np.zeros(ZONE_COUNT, dtype=np.int64)
        self.written = Written()
        self._postings = Postings()
        self._store = Store()

    def __len__(self) -> int:
        return self._alive

    def close(self) -> None:
        """Give back the file behind it; it must not be used after that."""
        self._store.close()

    def __contains__(self, key: str) -> bool:
        return key in self._slots

    def key(self, slot: int) -> str:
        """The key of a document by its number."""
        return self._keys[slot]

    def kinds(self, slots: NDArray[np.int64]) -> NDArray[np.int8]:
        """Of which kind each document is, as a number."""
        return self._kind_of[slots]

    def kind_names(self) -> tuple[str, ...]:
        """The kinds in the order of their numbers."""
        return tuple(self._kinds)

    def stamps(self) -> Mapping[str, int]:
        """The stamp of each document."""
        return {key: int(self._stamps[slot]) for key, slot in self._slots.items()}

    # -- keeping --------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write all of it to a file for `load`; one that is there is replaced at once or not at all."""
        self._postings.fold(self._lengths >= 0)
        size = len(self._keys)
        arrays: list[NDArray[Any]] = [
            self._vocabulary.frequency,
            self._vocabulary.signs,
            self._kind_of[:size],
            self._lengths[:size],
            self._stamps[:size],
            self._store.offsets,
            self._zone_totals,
            self.written.frequency,
            *(np.asarray(pair, dtype=np.int32) for pair in self._with_pair),
        ]
        segments = self._postings.segments()
        for segment in segments:
            arrays += [segment.terms, segment.starts, segment.offsets, segment.weights]
        head = msgspec.msgpack.encode(
            _Head(
                FORM,
                self._vocabulary.terms(),
                self._keys,
                self._pair_names,
                list(self._kinds),
                [(one.documents, one.base) for one in segments],
                [(str(one.dtype), len(one)) for one in arrays],
            )
        )
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        with beside.open("wb") as file:
            file.write(len(head).to_bytes(8, "little") + hashlib.blake2b(head).digest() + head)
            for one in arrays:
                file.write(np.ascontiguousarray(one).data)
            self._store.save(file)
        beside.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Index":
        """What `save` wrote.

        Raises:
            StaleIndexError: it is not there, was cut short or was written by another version.
        """
        try:
            with path.open("rb") as file:
                return cls._loaded(file)
        except (OSError, EOFError, ValueError, msgspec.MsgspecError) as error:
            raise StaleIndexError(str(error)) from error

    @classmethod
    def _loaded(cls, file: BinaryIO) -> "Index":
        length, digest = int.from_bytes(file.read(8), "little"), file.read(64)
        told = file.read(min(length, LONGEST_HEAD))
        if hashlib.blake2b(told).digest() != digest:
            raise StaleIndexError("its head is damaged")
        head = msgspec.msgpack.decode(told, type=_Head)
        if head.form != FORM:
            raise StaleIndexError(f"its form is {head.form}, not {FORM}")
        arrays = [np.fromfile(file, np.dtype(kind), count) for kind, count in head.arrays]
        if [len(one) for one in arrays] != [count for _kind, count in head.arrays]:
            raise StaleIndexError("it was cut short")
        index = cls()
        index._vocabulary = Vocabulary(head.terms, *arrays[:2])
        index._keys, index._pair_names = head.keys, head.pairs
        index._pairs = {pair: number for number, pair in enumerate(head.pairs)}
        index._kinds = {kind: number for number, kind in enumerate(head.kinds)}
        index._kind_of, index._lengths, index._stamps = arrays[2:5]
        offsets, index._zone_totals, frequency = arrays[5:8]
        index.written = Written(frequency)
        index._with_pair = [array("i", one.tobytes()) for one in arrays[8 : 8 + len(head.pairs)]]
        rest = arrays[8 + len(head.pairs) :]
        index._postings = Postings(
            [
                Segment(rest[at], rest[at + 1], rest[at + 2], rest[at + 3], documents, base)
                for at, (documents, base) in zip(range(0, len(rest), 4), head.segments, strict=True)
            ]
        )
        lives = index._lengths >= 0
        index._slots = {key: slot for slot, key in enumerate(head.keys) if lives[slot]}
        index._alive, index._total_length = int(lives.sum()), float(index._lengths[lives].sum())
        index._store = Store.load(file, offsets)
        index._roomy()
        return index

    def _roomy(self) -> None:
        """Arrays that can grow."""
        for name in ("_kind_of", "_lengths", "_stamps"):
            kept = getattr(self, name)
            setattr(self, name, np.concatenate([kept, np.zeros(len(kept) // 4 + 256, kept.dtype)]))

    # -- taking in ------------------------------------------------------------------------------

    def add(self, key: str, document: Document, *, stamp: int = 0) -> None:
        """Take a document in, in place of an older one with the same key.

        Args:
            key: names it.
            document: its texts and facets.
            stamp: of which moment it is; whoever keeps an index on disk sees by it what is stale.
        """
        self.withdraw(key)
        slot = len(self._keys)
        self._grow(slot)
        weighed: dict[int, int] = {}  # what each term weighs, in halves
        sequence: list[int] = []
        for name, text in document.fields.items():
            numbers = self._vocabulary.numbers(tokens(text))
            if numbers:
                weight = round(HALVES * FIELD_WEIGHTS.get(name, 1.0))
                for number in numbers:
                    weighed[number] = weighed.get(number, 0) + weight
                zone = ZONES.get(name, 1)
                room = max(0, LONGEST_READ - len(sequence))
                sequence.append(-zone - 1)
                sequence += numbers[:room]
                self._zone_totals[zone] += len(numbers[:room])
        pairs = self._take_pairs(slot, document)
        self._keys.append(key)
        self._slots[key] = slot
        self._kind_of[slot] = self._kinds.setdefault(document.kind, len(self._kinds))
        terms = np.fromiter(weighed, dtype=np.int32, count=len(weighed))
        weights = np.fromiter(weighed.values(), dtype=np.int32, count=len(weighed))
        length = float(weights.sum()) / HALVES
        weights = np.minimum(weights, 255)
        title, begun = beginning(document.fields)
        self.written.count(begun, 1)
        read, facets = np.asarray(sequence, dtype=np.int32), np.asarray(pairs, dtype=np.int32)
        self._store.append(Kept(terms, weights, read, facets, begun, title))
        self._lengths[slot] = length
        self._stamps[slot] = stamp
        self._total_length += length
        self._alive += 1
        self._vocabulary.count(terms, 1)
        if self._postings.add(slot, terms, weights.astype(np.uint8)):
            self._postings.fold(self._lengths >= 0)

    def withdraw(self, key: str) -> None:
        """Forget a document; nothing happens where there is none."""
        slot = self._slots.pop(key, None)
        if slot is None:
            return
        kept = self._store[slot]
        self._vocabulary.count(kept.bag, -1)
        self.written.count(kept.written, -1)
        words, zones = _by_zone(kept.read)
        self._zone_totals -= np.bincount(zones[words >= 0], minlength=ZONE_COUNT)
        self._total_length -= float(self._lengths[slot])
        self._lengths[slot] = -1.0
        self._alive -= 1

    def _take_pairs(self, slot: int, document: Document) -> list[int]:
        numbers = []
        for name, values in document.facets.items():
            for value in (values,) if isinstance(values, str) else values:
                number = self._pairs.setdefault((name, value), len(self._pairs))
                if number == len(self._with_pair):
                    self._with_pair.append(array("i"))
                    self._pair_names.append((name, value))
                self._with_pair[number].append(slot)
                numbers.append(number)
        return numbers

    def _grow(self, slot: int) -> None:
        if slot >= len(self._lengths):
            size = len(self._lengths) * 3 // 2
            self._lengths = np.resize(self._lengths, size)
            self._kind_of = np.resize(self._kind_of, size)
            self._stamps = np.resize(self._stamps, size)

    # -- asking ---------------------------------------------------------------------------------

    def candidates(
        self,
        text: str,
        *,
        facets: Mapping[str, str] | None = None,
        limit: int = 10,
        without: Collection[str] = (),
    ) -> Candidates:
        """The documents most like `text` at a first look.

        Args:
            text: the ticket; its first line is its summary.
            facets: what is known beside the text; each value that a document shares lifts it.
            limit: at most so many of each kind of document.
            without: keys of documents that are passed over as if they were not there.
        """
        asked = self.read_query(text)
        facets = facets or {}
        size = len(self._keys)
        scores = self._bm25(asked)
        ideal = float(asked.weights @ asked.idf) * (K1 + 1)
        look = np.zeros(size, dtype=np.float32)
        (seen,) = np.nonzero(scores)
        look[seen] = 1.0 - np.exp(scores[seen] / np.float32(-GOOD_COVERAGE * max(ideal, 1e-9)))
        if facets:
            room = sum(FACET_WEIGHTS.get(name, 0.0) for name in facets)
            look *= np.float32(1.0 - min(0.5, room))
            for pair in facets.items():
                if pair in self._pairs:
                    sharing = np.asarray(self._with_pair[self._pairs[pair]], dtype=np.int32)
                    look[sharing] += np.float32(FACET_WEIGHTS.get(pair[0], 0.0))
        look[self._lengths[:size] < 0] = 0.0
        look[[self._slots[key] for key in without if key in self._slots]] = 0.0
        return self._candidates(asked, self._best(look, limit), look, facets)

    def search(self, text: str, *, facets: Mapping[str, str] | None = None, limit: int = 10) -> list[Hit]:
        """The same with reasons, in the order of the first look."""
        found = self.candidates(text, facets=facets, limit=limit)
        return [self.hit(found, place, float(found.look[place])) for place in range(len(found))]

    def hit(self, found: Candidates, place: int, score: float) -> Hit:
        """One candidate as an answer, with the words that brought it."""
        asked = found.asked
        part = slice(int(found.bag_starts[place]), int(found.bag_starts[place + 1]))
        weight_of = dict(zip(found.bags[part].tolist(), found.bag_weights[part].tolist(), strict=True))
        norm = K1 * (1 - B + B * float(self._lengths[found.slots[place]]) / self.mean_length())
        gains = {}
        for term, token, weight, idf in zip(
            asked.terms.tolist(), asked.tokens, asked.weights.tolist(), asked.idf.tolist(), strict=True
        ):
            if term in weight_of:
                gains[token] = weight * idf * weight_of[term] / (weight_of[term] + norm)
        whole = sum(gains.values()) or 1.0
        words = tuple((token, gain / whole) for token, gain in sorted(gains.items(), key=lambda kv: -kv[1]))
        return Hit(self._keys[found.slots[place]], min(1.0, score), words, found.facets[place])

    def read_query(self, text: str) -> Asked:
        """A ticket's text as the index reads it."""
        lines = [tokens(line) for line in text.split("\n")]
        everything = Counter(token for line in lines for token in line)
        weights = {token: 1.0 + math.log(n) for token, n in everything.items()}
        first = {t: FIRST_LINE_WEIGHT * (1.0 + math.log(n)) for t, n in Counter(lines[0]).items()}
        names = list(weights)
        known = np.asarray([self._vocabulary.get(token) for token in names], dtype=np.int32)
        idf = self.idf(known)
        firsts = np.asarray([first.get(t, 0.0) for t in names], dtype=np.float32)
        whole = np.asarray(list(weights.values()), dtype=np.float32) + firsts
        order = np.argsort(-whole * idf, kind="stable")[:MOST_TERMS]
        place_of = {names[place]: rank for rank, place in enumerate(order.tolist())}
        sequence: list[int] = []
        for line in lines:
            sequence += [place_of.get(token, -1) for token in line]
            sequence.append(-1)
        return Asked(
            np.asarray(sequence, dtype=np.int32),
            len(lines[0]),
            known[order],
            tuple(names[place] for place in order),
            whole[order],
            firsts[order],
            idf[order],
            written(text),
        )

    def idf(self, terms: NDArray[np.int32]) -> NDArray[np.float32]:
        """How much each term says; the most for what no document has."""
        return self._vocabulary.idf(terms, self._alive)

    def rarest(self) -> float:
        """How much a word says that one document has."""
        return rarest(self._alive)

    def han(self, terms: NDArray[np.int32]) -> NDArray[np.int32]:
        """The first Han sign of each term, -1 for other words."""
        return self._vocabulary.han(terms)

    def mean_zone_lengths(self) -> NDArray[np.float32]:
        """How many tokens a document has in title, symptom and resolution."""
        return (self._zone_totals / max(self._alive, 1)).astype(np.float32)

    def mean_length(self) -> float:
        """How long a document is, its fields weighted."""
        return max(self._total_length / max(self._alive, 1), 1.0)

    def lengths(self, slots: NDArray[np.int64]) -> NDArray[np.float32]:
        """How long these documents are, their fields weighted."""
        return self._lengths[slots]

    def places(self, asked: Asked, terms: NDArray[np.int32]) -> NDArray[np.int32]:
        """The place of each term among those of the question, -1 where it is none of them."""
        table = np.full(len(self._vocabulary) + 1, -1, dtype=np.int32)
        known = asked.terms >= 0
        table[asked.terms[known]] = np.nonzero(known)[0]
        return table[np.where(terms >= 0, terms, len(self._vocabulary))]

    def _bm25(self, asked: Asked) -> NDArray[np.float32]:
        """The score of every document; the commonest terms are left out once enough was read."""
        size = len(self._keys)
        terms = asked.terms[asked.terms >= 0]
        gains = (asked.idf * asked.weights)[asked.terms >= 0] * np.float32(K1 + 1)
        frequency = self._vocabulary.frequency[terms]
        order = np.argsort(frequency, kind="stable")
        before = np.cumsum(frequency[order]) - frequency[order]
        order = order[before < POSTINGS_READ]
        terms, gains = terms[order], gains[order]
        slope = np.float32(K1 * B / self.mean_length())
        parts = [segment.of(terms) for segment in self._postings.segments()]
        slots = np.concatenate([one[0] for one in parts] or [np.zeros(0, dtype=np.int32)])
        tf = np.concatenate([one[1] for one in parts] or [np.zeros(0, dtype=np.uint8)])
        share = np.concatenate([np.repeat(gains, one[2]) for one in parts] or [np.zeros(0, dtype=np.float32)])
        norm = np.float32(HALVES * K1 * (1 - B)) + HALVES * slope * self._lengths[slots]
        share *= tf / (tf + norm)
        scores = np.bincount(slots, share, minlength=size)
        scores[self._lengths[:size] < 0] = 0.0
        return scores.astype(np.float32)

    def _best(self, look: NDArray[np.float32], limit: int) -> NDArray[np.int64]:
        best: list[int] = []
        (seen,) = np.nonzero(look)
        for kind in self._kinds.values():
            found = seen[self._kind_of[seen] == kind] if len(self._kinds) > 1 else seen
            if len(found) > limit:
                found = found[np.argpartition(-look[found], limit - 1)[:limit]]
            best += found.tolist()
        best.sort(key=lambda slot: (-float(look[slot]), self._keys[slot]))
        return np.asarray(best, dtype=np.int64)

    def _candidates(
        self, asked: Asked, slots: NDArray[np.int64], look: NDArray[np.float32], facets: Mapping[str, str]
    ) -> Candidates:
        kept = [self._store[slot] for slot in slots.tolist()]
        empty = np.zeros(0, dtype=np.int32)
        return Candidates(
            asked,
            slots,
            np.minimum(look[slots], 1.0).astype(np.float32),
            np.concatenate([one.bag for one in kept] or [empty]),
            np.concatenate([one.weights for one in kept] or [empty]).astype(np.float32) / np.float32(HALVES),
            np.cumsum([0, *(len(one.bag) for one in kept)]),
            np.concatenate([one.read for one in kept] or [empty]),
            np.cumsum([0, *(len(one.read) for one in kept)]),
            np.concatenate([one.written for one in kept] or [empty.view(np.uint32)]),
            np.cumsum([0, *(len(one.written) for one in kept)]),
            np.asarray([one.title for one in kept], dtype=np.int64),
            [self._shared(one.pairs, facets) for one in kept],
        )

    def _shared(self, pairs: NDArray[np.int32], facets: Mapping[str, str]) -> dict[str, str]:
        if not facets:
            return {}
        named = [self._pair_names[number] for number in pairs.tolist()]
        return {name: value for name, value in named if facets.get(name) == value}


def _by_zone(read: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The tokens of a sequence, negative where a zone begins, and the zone of each place."""
    places = np.maximum.accumulate(np.where(read < 0, np.arange(len(read)), 0))
    return read, -read[places].astype(np.int64) - 1

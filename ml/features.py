"""What can be said of a question and each of its candidates, as numbers that a ranker weighs.

Every number is a share in [0, 1] of what it could be at best, so that it means the same for a short ticket
and a long one and can be compared between questions. None tells only of the document (its length, its age):
such a number learns how a collection was made, not what fits.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml import beginnings, contents, telling
from ml.answers import Candidates
from ml.similar import FACET_WEIGHTS, K1, ZONE_COUNT, B, Index

NAMES = (
    "whole",  # BM25 over all fields
    "title",  # BM25 of the title alone
    "symptom",  # of the symptom
    "resolution",  # of cause and solution
    "first_line",  # of the ticket's first line in all fields
    "first_line_title",
    "covered",  # how much of the ticket's information the document has at all
    "rare",  # the same, the rare words counting more
    "identifiers",  # the same of names, numbers and codes alone
    "title_said",  # how much of the title's information the ticket says
    "cosine",  # of the two texts as bags of weighted words
    "title_cosine",  # of the first line and the title
    "pairs",  # neighbours in the ticket that are neighbours in the document
    "near",  # neighbours in the ticket that stand close in the document
    "first_line_pairs",
    "title_pairs",  # neighbours in the title that are neighbours in the ticket
    "signs",  # of the ticket's Han signs taken one by one, BM25
    "signs_cosine",
    "facets",
    "device",  # the facets that tell of the device and its alert
    "order",  # the first look's score against the best candidate's
    "said_of_lead",  # how much of the body's first words the ticket says
    "covered_by_lead",  # how much of the ticket's information these have
    "first_line_of_lead",
    "said_of_body",  # how much of symptom, cause and solution the ticket says
    "passage",  # how much of the ticket's information the best passage has
    "first_line_of_passage",
    "rarest",  # the rarest word in common against the ticket's rarest
    "rarest_three",
    "divergent",  # tf by length without saturation over words: another view than BM25
    "triples",  # three in a row in the ticket that are so in the document
    "line_title_cosine",  # of the title and that line of the ticket that is most like it
    "crowd",  # how like it is to the best candidates
    "crowd_of_all",  # and to all of them
    "own",  # how much of the body is no title of another candidate
    *beginnings.NAMES,
    *telling.NAMES,
)
FIELD_B = 0.75
FIELD_K1 = 1.2
DEVICE = ("alert", "model", "ci", "ci_class", "vendor")
CLOSE = 4  # tokens
FIRST_HAN = "\u3400"
RARE_POWER = 3
LEAD = 40  # tokens of the body
PASSAGE = 50  # tokens; they begin every half
RAREST = 3
MOST_LINES = 20  # of a ticket that are compared with titles
SHORTEST_LINE = 3  # distinct words
CROWD_HEAT = 20.0  # the larger, the fewer candidates make the crowd

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class _Read:
    """The candidates' tokens: of which candidate, in which zone, which term, which of the question's."""

    count: int
    candidate: NDArray[np.int64]
    zone: NDArray[np.int64]
    term: NDArray[np.int32]
    place: NDArray[np.int32]  # -1 for one the question has not
    starts: NDArray[np.int64]  # where each candidate begins, and the end


def features(index: Index, found: Candidates) -> Rows:
    """A row for each candidate, a column for each of NAMES."""
    count, asked = len(found), found.asked
    rows = np.zeros((count, len(NAMES)), dtype=np.float32)
    if not count:
        return rows
    columns: dict[str, Rows] = {
        "facets": np.asarray([_agreement(one, FACET_WEIGHTS) for one in found.facets], dtype=np.float32),
        "device": np.asarray([_agreement(one, DEVICE) for one in found.facets], dtype=np.float32),
        "order": found.look / found.look.max(),
    }
    if len(asked.terms):
        read = _read(index, found)
        columns |= _words(index, found, read)
        columns |= _neighbours(found, read)
        columns |= _signs(index, found, read)
        columns |= _leads(index, found, read)
        columns |= _passages(found, read)
        columns |= _triples(found, read)
        columns |= _crowd(index, found)
        columns |= beginnings.beginnings(found, index.written, len(index))
        columns |= {"own": contents.own(read.term, read.zone, read.starts)}
    for name, values in columns.items():
        rows[:, NAMES.index(name)] = values
    return rows


def _agreement(shared: Iterable[str], names: Collection[str]) -> float:
    return sum(FACET_WEIGHTS.get(name, 0.0) for name in shared if name in names)


def _words(index: Index, found: Candidates, read: _Read) -> dict[str, Rows]:
    """How much of the question's words each candidate has, by zone and by whose words."""
    count, asked = len(found), found.asked
    terms = len(asked.terms)
    weight, first = asked.weights * asked.idf, asked.first * asked.idf
    matched = read.place >= 0
    at = (read.candidate[matched] * terms + read.place[matched]) * ZONE_COUNT + read.zone[matched]
    tf: Rows = np.bincount(at, minlength=count * terms * ZONE_COUNT).astype(np.float32)
    tf = tf.reshape(count, terms, ZONE_COUNT)
    lengths = np.bincount(read.candidate * ZONE_COUNT + read.zone, minlength=count * ZONE_COUNT)
    zone_share = lengths.reshape(count, ZONE_COUNT) / np.maximum(index.mean_zone_lengths(), 1.0)
    zone_norm = (FIELD_K1 * (1 - FIELD_B + FIELD_B * zone_share)).astype(np.float32)
    by_zone = tf * np.float32(FIELD_K1 + 1) / (tf + zone_norm[:, None, :])
    norm = (K1 * (1 - B + B * index.lengths(found.slots) / index.mean_length())).astype(np.float32)
    bags = _of_bags(index, found, (count, terms))
    whole = bags * np.float32(K1 + 1) / (bags + norm[:, None])
    present = (bags > 0).astype(np.float32)
    ideal, ideal_first = float(weight.sum()) * (K1 + 1), float(first.sum()) * (K1 + 1)
    rare = asked.idf**RARE_POWER
    named = np.asarray([not token.isalpha() for token in asked.tokens], dtype=np.float32) * weight
    return {
        "whole": _share(whole @ weight, ideal),
        "title": _share(by_zone[:, :, 0] @ weight, ideal),
        "symptom": _share(by_zone[:, :, 1] @ weight, ideal),
        "resolution": _share(by_zone[:, :, 2] @ weight, ideal),
        "first_line": _share(whole @ first, ideal_first),
        "first_line_title": _share(by_zone[:, :, 0] @ first, ideal_first),
        "covered": _share(present @ weight, float(weight.sum())),
        "rare": _share(present @ rare, float(rare.sum())),
        "identifiers": _share(present @ named, float(named.sum())),
        "cosine": _cosine(index, found, bags),
        "divergent": _divergent(read, tf.sum(axis=2), weight),
        **_rarest(present, asked.idf),
        **telling.telling(asked, present, (tf[:, :, 0] > 0).astype(np.float32), index.rarest()),
        **_titles(index, found, read, tf[:, :, 0]),
    }


def _rarest(present: Rows, idf: Rows) -> dict[str, Rows]:
    """How rare the rarest words in common are."""
    theirs = np.sort(present * idf, axis=1)[:, ::-1][:, :RAREST]
    mine = np.sort(idf)[::-1][:RAREST]
    return {
        "rarest": _share(theirs[:, 0], float(mine[0])),
        "rarest_three": _share(theirs.sum(axis=1), float(mine.sum())),
    }


def _divergent(read: _Read, tf: Rows, weight: Rows) -> Rows:
    """The terms by how far they are more frequent than length explains (PL2's normalisation, c 1).

    Source: Amati and van Rijsbergen, ACM TOIS 20(4), 2002.
    """
    lengths = np.bincount(read.candidate, minlength=read.count)
    mean = max(float(lengths.mean()), 1.0)
    grown = tf * np.log2(1 + mean / np.maximum(lengths, 1)).astype(np.float32)[:, None]
    said: Rows = ((grown / (grown + 1)) @ weight).astype(np.float32)
    return _share(said, float(weight.sum()))


def _share(part: Rows, whole: float) -> Rows:
    return part / np.float32(whole) if whole > 0 else np.zeros_like(part)


def _read(index: Index, found: Candidates) -> _Read:
    read = found.read
    zones = np.maximum.accumulate(np.where(read < 0, np.arange(len(read)), 0))
    words = read >= 0
    candidate = np.repeat(np.arange(len(found)), np.diff(found.read_starts))[words]
    term = read[words]
    zone = -read[zones].astype(np.int64)[words] - 1
    starts = np.searchsorted(candidate, np.arange(len(found) + 1))
    return _Read(len(found), candidate, zone, term, index.places(found.asked, term), starts)


def _of_bags(index: Index, found: Candidates, shape: tuple[int, int]) -> Rows:
    """The weight of each of the question's terms in each candidate."""
    bags = np.zeros(shape, dtype=np.float32)
    places = index.places(found.asked, found.bags)
    known = places >= 0
    candidate = np.repeat(np.arange(len(found)), np.diff(found.bag_starts))
    bags[candidate[known], places[known]] = found.bag_weights[known]
    return bags


def _cosine(index: Index, found: Candidates, bags: Rows) -> Rows:
    """Of the texts with 1 + ln(tf) times idf on either side."""
    asked = found.asked
    theirs = ((1 + np.log(np.maximum(found.bag_weights, 0.5))) * index.idf(found.bags)) ** 2
    sums = np.concatenate([[0.0], np.cumsum(theirs, dtype=np.float64)])
    norms = np.sqrt(sums[found.bag_starts[1:]] - sums[found.bag_starts[:-1]])
    mine = asked.weights * asked.idf
    matched = np.where(bags > 0, 1 + np.log(np.maximum(bags, 0.5)), 0) * asked.idf
    alike: Rows = (matched @ mine / np.maximum(norms * np.linalg.norm(mine), 1e-9)).astype(np.float32)
    return alike


def _titles(index: Index, found: Candidates, read: _Read, tf: Rows) -> dict[str, Rows]:
    """How much of its title the ticket says, and how like its title the first line is."""
    asked = found.asked
    titles = read.zone == 0
    candidate, idf = read.candidate[titles], index.idf(read.term[titles])
    whole = np.bincount(candidate, idf, minlength=read.count)
    said = np.bincount(candidate, idf * (read.place[titles] >= 0), minlength=read.count)
    norms = np.sqrt(np.bincount(candidate, idf**2, minlength=read.count))
    first = asked.first * asked.idf
    alike = ((tf > 0) * asked.idf) @ first / np.maximum(norms * np.linalg.norm(first), 1e-9)
    return {
        "line_title_cosine": _line_titles(found, tf, norms),
        "title_said": (said / np.maximum(whole, 1e-9)).astype(np.float32),
        "title_cosine": np.minimum(alike, 1.0).astype(np.float32),
    }


def _line_titles(found: Candidates, tf: Rows, norms: NDArray[np.float64]) -> Rows:
    """How like its title the line of the ticket is that is most like it."""
    asked = found.asked
    lines = []
    for line in np.split(asked.sequence, np.nonzero(asked.sequence < 0)[0])[:MOST_LINES]:
        words = np.unique(line[line >= 0])
        if len(words) >= SHORTEST_LINE:
            row = np.zeros(len(asked.terms), dtype=np.float32)
            row[words] = asked.idf[words]
            lines.append(row / max(float(np.linalg.norm(row)), 1e-9))
    if not lines:
        return np.zeros(len(found), dtype=np.float32)
    alike = ((tf > 0) * asked.idf) @ np.stack(lines).T
    best: Rows = np.minimum(alike.max(axis=1) / np.maximum(norms, 1e-9), 1.0).astype(np.float32)
    return best


def _leads(index: Index, found: Candidates, read: _Read) -> dict[str, Rows]:
    """What is said at the beginning of the body, where articles and tickets say what they are about."""
    asked, body = found.asked, read.zone > 0
    before = np.concatenate([[0], np.cumsum(body)])
    begins = np.searchsorted(read.candidate, np.arange(read.count))
    lead = body & (before[1:] - before[begins][read.candidate] <= LEAD)
    idf, met = index.idf(read.term), read.place >= 0

    def said(where: NDArray[np.bool_]) -> Rows:
        whole = np.bincount(read.candidate[where], idf[where], minlength=read.count)
        common = np.bincount(read.candidate[where], (idf * met)[where], minlength=read.count)
        part: Rows = (common / np.maximum(whole, 1e-9)).astype(np.float32)
        return part

    present = np.zeros((read.count, len(asked.terms)), dtype=np.float32)
    here = lead & met
    present[read.candidate[here], read.place[here]] = 1.0
    weight, first = asked.weights * asked.idf, asked.first * asked.idf
    return {
        "said_of_lead": said(lead),
        "said_of_body": said(body),
        "covered_by_lead": _share(present @ weight, float(weight.sum())),
        "first_line_of_lead": _share(present @ first, float(first.sum())),
    }


def _passages(found: Candidates, read: _Read) -> dict[str, Rows]:
    """How much of the ticket stands in one passage."""
    asked, met = found.asked, read.place >= 0
    sides = np.stack([asked.weights * asked.idf, asked.first * asked.idf], axis=1)
    begins = np.searchsorted(read.candidate, np.arange(read.count))
    at = np.arange(len(read.candidate)) - begins[read.candidate]
    best = np.zeros((read.count, 2), dtype=np.float32)
    for shift in (0, PASSAGE // 2):
        passage = (at + shift) // PASSAGE
        present = np.zeros((read.count, int(passage.max(initial=0)) + 1, len(asked.terms)), dtype=np.float32)
        present[read.candidate[met], passage[met], read.place[met]] = 1.0
        best = np.maximum(best, (present @ sides).max(axis=1))
    return {
        "passage": _share(best[:, 0], float(sides[:, 0].sum())),
        "first_line_of_passage": _share(best[:, 1], float(sides[:, 1].sum())),
    }


def _triples(found: Candidates, read: _Read) -> dict[str, Rows]:
    """Three tokens in a row that stand so in the document."""
    asked, size = found.asked, len(found.asked.terms)

    def coded(place: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        one, two, three = (
            place[step : max(step, len(place) - 2 + step)].astype(np.int64) for step in range(3)
        )
        return (one * size + two) * size + three, (one >= 0) & (two >= 0) & (three >= 0)

    mine, known = coded(asked.sequence)
    codes = np.unique(mine[known])
    if not len(codes) or len(read.place) < 3:
        return {"triples": np.zeros(read.count, dtype=np.float32)}
    gain = asked.idf[codes % size] + asked.idf[codes // size % size] + asked.idf[codes // size // size]
    theirs, whole = coded(read.place)
    room = read.candidate * ZONE_COUNT + read.zone
    (at,) = np.nonzero(whole & (room[:-2] == room[2:]))
    number = np.minimum(np.searchsorted(codes, theirs[at]), len(codes) - 1)
    hit = codes[number] == theirs[at]
    together = np.zeros((read.count, len(codes)), dtype=np.float32)
    together[read.candidate[at[hit]], number[hit]] = 1.0
    return {"triples": _share(together @ gain, float(gain.sum()))}


def _crowd(index: Index, found: Candidates) -> dict[str, Rows]:
    """Cosine with the middle of the best candidates, and of all: what answers one ticket is alike."""
    count = len(found)
    whose = np.repeat(np.arange(count), np.diff(found.bag_starts))
    weight = (1 + np.log(np.maximum(found.bag_weights, 0.5))) * index.idf(found.bags)
    norms = np.sqrt(np.bincount(whose, weight**2, minlength=count))
    weight = (weight / np.maximum(norms, 1e-9)[whose]).astype(np.float32)
    _terms, term = np.unique(found.bags, return_inverse=True)
    heat = np.exp(CROWD_HEAT * (found.look - found.look.max()).astype(np.float64))
    shares = {"crowd": heat / heat.sum(), "crowd_of_all": np.full(count, 1.0 / count)}
    columns = {}
    for name, share in shares.items():
        middle = np.bincount(term, weight * share[whose])
        alike = np.bincount(whose, weight * middle[term], minlength=count) - share * (norms > 0)
        columns[name] = np.clip(alike, 0.0, 1.0).astype(np.float32)
    return columns


def _neighbours(found: Candidates, read: _Read) -> dict[str, Rows]:
    """Neighbours of the ticket that are neighbours, or close, in the document, and the other way round."""
    asked, size = found.asked, len(found.asked.terms)
    left, right = asked.sequence[:-1].astype(np.int64), asked.sequence[1:].astype(np.int64)
    known = (left >= 0) & (right >= 0) & (left != right)
    in_order = left * size + right
    codes = np.unique(in_order[known])
    of_first = np.unique(in_order[: asked.first_length][known[: asked.first_length]])
    nothing = np.zeros(read.count, dtype=np.float32)
    if not len(codes):
        names = ("pairs", "near", "first_line_pairs", "title_pairs", "pairs_apart")
        return dict.fromkeys(names, nothing)
    number = np.full(size * size, -1, dtype=np.int32)
    number[codes] = np.arange(len(codes))
    gain = (asked.idf[codes // size] + asked.idf[codes % size]) / 2
    first_gain = gain * np.isin(codes, of_first)
    together = np.zeros((read.count, len(codes)), dtype=np.float32)
    close = np.zeros_like(together)
    (at,) = np.nonzero(read.place >= 0)
    place, room = read.place[at].astype(np.int64), read.candidate[at] * ZONE_COUNT + read.zone[at]
    for step in range(1, CLOSE + 1):
        one, other = place[:-step], place[step:]
        apart = at[step:] - at[:-step]
        same = (apart <= CLOSE) & (room[step:] == room[:-step])
        who = read.candidate[at[:-step]]
        forth, back = number[one * size + other], number[other * size + one]
        for pair, fits, seen in (
            (forth, same & (apart == 1), together),
            (forth, same, close),
            (back, same, close),
        ):
            hit = fits & (pair >= 0)
            seen[who[hit], pair[hit]] = 1.0
    apart = gain * telling.rarity(together)
    return {
        "pairs_apart": _share(together @ apart, float(apart.sum())),
        "pairs": _share(together @ gain, float(gain.sum())),
        "near": _share(close @ gain, float(gain.sum())),
        "first_line_pairs": _share(together @ first_gain, float(first_gain.sum())),
        "title_pairs": _title_pairs(read, number, size),
    }


def _title_pairs(read: _Read, number: NDArray[np.int32], size: int) -> Rows:
    titles = read.zone == 0
    candidate, place = read.candidate[titles], read.place[titles].astype(np.int64)
    together = candidate[:-1] == candidate[1:]
    known = together & (place[:-1] >= 0) & (place[1:] >= 0)
    hit = np.zeros(len(known), dtype=bool)
    hit[known] = number[place[:-1][known] * size + place[1:][known]] >= 0
    whole = np.bincount(candidate[:-1][together], minlength=read.count)
    said = np.bincount(candidate[:-1][hit], minlength=read.count)
    return (said / np.maximum(whole, 1)).astype(np.float32)


def _signs(index: Index, found: Candidates, read: _Read) -> dict[str, Rows]:
    """The same of Han signs one by one: a synonym often shares one of its two."""
    nothing = np.zeros(read.count, dtype=np.float32)
    asked = found.asked
    of_terms = np.asarray([ord(token[0]) if token[0] >= FIRST_HAN else -1 for token in asked.tokens])
    mine = of_terms >= 0
    theirs = index.han(read.term)
    written = theirs >= 0
    if not mine.any() or not written.any():
        return {"signs": nothing, "signs_cosine": nothing}
    signs, asked_sign = np.unique(of_terms[mine], return_inverse=True)
    weight = np.zeros(len(signs), dtype=np.float32)
    np.maximum.at(weight, asked_sign, (asked.weights * asked.idf)[mine])
    candidate = read.candidate[written]
    order = np.minimum(np.searchsorted(signs, theirs[written]), len(signs) - 1)
    met = signs[order] == theirs[written]
    tf = np.bincount(candidate[met] * len(signs) + order[met], minlength=read.count * len(signs))
    tf = tf.reshape(read.count, len(signs)).astype(np.float32)
    length = np.bincount(candidate, minlength=read.count)
    norm = K1 * (1 - B + B * length / max(float(length.mean()), 1.0))
    alike: Rows = (tf * (K1 + 1) / (tf + norm[:, None])).astype(np.float32)
    logs = np.where(tf > 0, 1 + np.log(np.maximum(tf, 1)), 0)
    cosine = logs @ weight / np.maximum(np.sqrt(length) * np.linalg.norm(weight), 1e-9)
    return {
        "signs": _share(alike @ weight, float(weight.sum()) * (K1 + 1)),
        "signs_cosine": np.minimum(cosine, 1.0).astype(np.float32),
    }

"""Learned answers: what does not change between two polls is compared at once, the rest is cut out at once.

A device that is asked the same again answers with the same names, types and mostly the same lengths.
A layout holds one answer's unchanging bits as a mask and a number, and the places of the values as one
`struct` format. An answer that fits is read without looking at a single varbind in Python; one that does
not fit is read by `ber.read` and learned anew. Names and types stand in the mask, so a layout can never
give a value to a wrong name.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from agent.transports import ber

State = tuple[int, tuple[bytes | None, ...], int]
Key = tuple[int, bytes]  # place in the question; the row's index, encoded, b"" for a scalar
Field = tuple[int, int, int]  # tag, start, stop

_UNSIGNED = {1: "B", 2: "H", 4: "I", 8: "Q"}
_SIGNED = {1: "b", 2: "h", 4: "i", 8: "q"}


@dataclass(slots=True, eq=False)
class Part:
    """What one answer gave: the keys and tags of its values, and where the walk goes on."""

    keys: tuple[Key, ...]
    tags: bytes
    following: State


@dataclass(slots=True, eq=False)
class Layout(Part):
    """A part that reads its answer again. `question` carries its request id at `id_at`."""

    question: bytes
    id_at: int
    size: int
    mask: int
    fixed: int
    form: struct.Struct
    shifts: tuple[tuple[int, int], ...]
    others: tuple[tuple[int, int], ...]
    then: "Layout | None" = None

    def values(self, data: bytes) -> list[ber.Raw] | None:
        """The values in the order of `keys`, or None where the answer is laid out in another way."""
        if len(data) != self.size or int.from_bytes(data, "big") & self.mask != self.fixed:
            return None
        values: list[ber.Raw] = list(self.form.unpack(data))
        for place, shift in self.shifts:
            values[place] -= shift  # type: ignore[operator]  # only numbers have shifts
        for place, tag in self.others:
            values[place] = ber.value_of(tag, values[place])  # type: ignore[arg-type]  # bytes by the form
        return values


def learn(answer: ber.Response, part: Part, fields: list[Field], question: bytes) -> Layout | None:
    """The layout of an answer whose kept values are `fields`; None where it has a form not worth learning."""
    data = answer.data
    mask = bytearray(b"\xff" * len(data))
    mask[answer.id_at : answer.id_at + 4] = bytes(4)
    for _, _, start, stop in answer.varbinds:
        mask[start:stop] = bytes(stop - start)
    form: list[str] = [">"]
    shifts: list[tuple[int, int]] = []
    others: list[tuple[int, int]] = []
    at = 0
    for place, (tag, start, stop) in enumerate(fields):
        cut = _number(data, tag, start, stop, mask) if tag in _NUMBERS else (start, f"{stop - start}s", 0)
        if cut is None:
            return None
        begin, code, shift = cut
        form.append(f"{begin - at}x{code}")
        at = stop
        if shift:
            shifts.append((place, shift))
        elif tag not in _NUMBERS and tag != ber.OCTETS:
            others.append((place, tag))
    form.append(f"{len(data) - at}x")
    whole = int.from_bytes(mask, "big")
    return Layout(
        keys=part.keys,
        tags=part.tags,
        following=part.following,
        question=question,
        id_at=ber.request_id_at(question),
        size=len(data),
        mask=whole,
        fixed=int.from_bytes(data, "big") & whole,
        form=struct.Struct("".join(form)),
        shifts=tuple(shifts),
        others=tuple(others),
    )


_NUMBERS = ber.UNSIGNED | {ber.INTEGER}


def _number(data: bytes, tag: int, start: int, stop: int, mask: bytearray) -> tuple[int, str, int] | None:
    """Where a number begins, its code, and what the bytes before it add to it; None if it has an odd form.

    Lengths that `struct` has not are read with the bytes before them; those never change (they are in the
    mask), so they are a constant. A sign bit or leading zero read so is put into the mask.
    """
    size = stop - start
    if tag != ber.INTEGER and size in {5, 9} and not data[start]:
        mask[start] = 0xFF
        return start + 1, _UNSIGNED[size - 1], 0
    codes: Callable[[int], str | None] = (_SIGNED if tag == ber.INTEGER else _UNSIGNED).get
    if (code := codes(size)) is not None:
        if tag not in {ber.INTEGER, ber.COUNTER64} and size == 8:
            return None
        return start, code, 0
    if size not in {3, 5, 6, 7} or (tag in ber.UNSIGNED and tag != ber.COUNTER64 and size != 3):
        return None
    width = 4 if size == 3 else 8
    shift = int.from_bytes(data[stop - width : start], "big") << 8 * size
    if tag == ber.INTEGER:
        mask[start] = 0x80
        shift += (data[start] >> 7) << 8 * size
    return stop - width, _UNSIGNED[width], shift

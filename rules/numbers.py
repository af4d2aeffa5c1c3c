"""Whole numbers in words that come from outside: devices, files, forms, addresses.

`str.isdigit` is true of a superscript two, which `int` refuses, as it refuses some thousand digits. A word is
a number here only if it is one of ASCII digits that 64 bits hold.
"""

LONGEST = 18  # digits


def whole(word: str) -> int | None:
    """The number that a word of digits is; None for anything else, and for what 64 bits do not hold."""
    return int(word) if word.isascii() and word.isdigit() and len(word) <= LONGEST else None


def signed(word: str) -> int | None:
    """The same with a minus before it or none."""
    number = whole(word.removeprefix("-"))
    return number if number is None or not word.startswith("-") else -number

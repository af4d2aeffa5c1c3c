"""Installed software as (name, version): dpkg, rpm, apk, pacman, the tools of the BSDs, lslpp, Solaris."""

import re
from collections.abc import Iterator

from agent.parsers.text import lines

Package = tuple[str, str]
MAX_NAME = 120
_DASHED = re.compile(r"^([A-Za-z0-9_+@][\w.+@:-]*?)-(\d[\w.+~:,-]*)$")


def read_pairs(text: str) -> Iterator[Package]:
    """Name and version with white space between: `dpkg-query -W`, `rpm -qa --qf`, pacman -Q, `pkg query`."""
    for line in lines(text):
        words = line.split()
        if len(words) >= 2 and any(sign.isdigit() for sign in words[1]):
            yield words[0][:MAX_NAME], words[1][:MAX_NAME]


def read_dashed(text: str) -> Iterator[Package]:
    """Name and version joined by a dash: `apk info -v`, `pkg_info` of OpenBSD and NetBSD."""
    for line in lines(text):
        if found := _DASHED.match(line.split()[0]):
            yield found[1][:MAX_NAME], found[2][:MAX_NAME]


def read_lslpp(text: str) -> Iterator[Package]:
    """`lslpp -Lqc` of AIX: package:fileset:level and more, joined by colons."""
    for line in lines(text):
        fields = line.split(":")
        if len(fields) > 3 and not line.startswith("#") and fields[2].strip():
            yield fields[1].strip()[:MAX_NAME], fields[2].strip()[:MAX_NAME]


def read_solaris(text: str) -> Iterator[Package]:
    """`pkg list -H` of Solaris 11: name, the publisher in brackets where it is another, version, flags."""
    for line in lines(text):
        words = [word for word in line.split() if not word.startswith("(")]
        if len(words) >= 2 and words[1][:1].isdigit():
            yield words[0][:MAX_NAME], words[1][:MAX_NAME]

"""A rule to begin with, made of a message: what its form holds before a person changes it."""

import re

from rules.heard_form import LEVELS
from server.discovery.messages import Message
from server.discovery.rule_form import RuleForm

MAX_WORDS = 24  # of a line that its pattern keeps
MAX_VALUES = 20
_WORD = re.compile(r"[A-Za-z0-9]+")
_LABEL = re.compile(r"[a-z_][a-z0-9_]{2,39}")
_DIFFERS = re.compile(r"[\d\"']")
_SPECIAL = re.compile(r"([\\.^$*+?{}\[\]|()])")


def beginning(one: Message) -> RuleForm:
    """The form for messages of this kind."""
    return _of_trap(one) if one.row.kind == "trap" else _of_line(one)


def _of_trap(one: Message) -> RuleForm:
    labels: dict[str, str] = {}
    texts: dict[str, str] = {}
    for value in one.told.values[:MAX_VALUES]:
        stem, tail = _stem(value.oid, value.name)
        label = "_".join(_WORD.findall(stem)).lower()[:40]
        if label and label[0].isalpha():
            labels.setdefault(label, value.oid.removesuffix(tail) if tail else value.oid)
            texts.setdefault(label, value.text)
    named = one.told.name.rpartition("::")[2]
    said = one.row.what if not named or named[0].isdigit() else named
    telling = next((label for label, text in texts.items() if not text.isdigit()), "")
    return RuleForm(
        name=_name(said if said == named else f"Trap {said.rpartition('.')[2]}"),
        kind="trap",
        trap=one.row.what,
        values="\n".join(f"{label} = {oid}" for label, oid in labels.items()),
        summary_en=f"{{ci}}: {said}" + (f", {{{telling}}}" if telling else ""),
    )


def _of_line(one: Message) -> RuleForm:
    line = one.line
    words = [word for word in line.text.split(" ") if word][:MAX_WORDS]
    parts, said = _masked(words)
    pattern = " +".join(parts)
    return RuleForm(
        name=_name(f"{line.program} {' '.join(word for word in words if word.isalpha())}"[:50]),
        kind="syslog",
        program=line.program if _WORD.fullmatch(line.program) else "",
        level=LEVELS[line.level],
        pattern=pattern[:900],
        summary_en=f"{{ci}}: {said or line.program}",
    )


def _masked(words: list[str]) -> tuple[list[str], str]:
    """Words as parts of a pattern and as a sentence: what differs is a group named by the word before it."""
    parts: list[str] = []
    said: list[str] = []
    before = ""
    for word in words:
        label = before.lower()
        if not _DIFFERS.search(word):
            parts.append(_escaped(word))
            said += [word] if word.isalpha() else []
        elif _LABEL.fullmatch(label) and f"{{{label}}}" not in said and label != "ci":
            parts.append(rf"(?P<{label}>\S+)")
            said.append(f"{{{label}}}")
        else:
            parts.append(r"\S+")
        before = word
    return parts, " ".join(said)[:200]


def _stem(oid: str, name: str) -> tuple[str, str]:
    """The name of an object without its instance, and the instance as it ends the OID."""
    head, dot, index = name.partition(".")
    tail = dot + index
    return (head, tail) if tail and oid.endswith(tail) and not head.isdigit() else (name, "")


def _name(text: str) -> str:
    words = _WORD.findall(text)
    joined = "".join(word[:1].upper() + word[1:] for word in words)
    joined = re.sub(r"^[^A-Z]+", "", joined)
    return f"{joined or 'Message'}Seen"[:80]


def _escaped(word: str) -> str:
    return _SPECIAL.sub(r"\\\1", word)

"""Texts that say nothing themselves: all they do is point at another one ("see ...", "moved to ..."). Pure.

What a text refers to (links, addresses, numbers of articles, quoted titles) is taken out of it; if all
that is left are words that point (function words of English and Chinese, no name of anything and nothing to
do), it is a pointer. A picture says something. A plain sentence ("See Printing from the guest network")
names a title without marks: what follows the pointing words is offered as one, and whoever knows the titles
decides.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from server.knowledge.references import led, references

LONGEST = 600  # characters; a longer text says something
LONGEST_TITLE = 200
MOST_TARGETS = 3  # of more it is a page of contents
PARTS = ("symptom", "cause", "solution")
NUMBER = re.compile(r"\bKB-\d{1,12}\b")

_ADDRESS = re.compile(r"<?https?://[^\s<>()]{1,500}>?")
_QUOTED = re.compile(r"“([^”\n]{2,200})”|「([^」\n]{2,200})」|《([^》\n]{2,200})》|\"([^\"\n]{2,200})\"")
_POINTING = frozenset(
    """
    a about above additional alert alerts all also an and another any are article articles as at
    available be been below by can consult contents covered covers deprecated described details do doc
    document documentation documented does duplicate entry exists find following for found full further
    guide has have help here how in information instead instructions into is issue issues it item its kb
    knowledge latest learn link located location manual merged more moved new newer no not note now
    obsolete of old on one online only or other our out page please problem problems procedure provided
    redirect redirected redirects refer referred replaced retired runbook same section see similar steps
    superseded that the their there these this to topic under up use version was we were which with you
    your
    """.split()
)
_HAN_POINTING = re.compile(
    r"参见|参阅|参考|参照|详见|请见|另见|请看|查看|点击|移至|移到|迁移|合并|替代|取代|重定向|转至|重复|[本此该]文档?|文档"
    r"|文章|条目|页面|内容|链接|以下|下列|如下|最新|更多|信息|详情|细节|说明|步骤|相关|类似|告警|问题|故障|作废|废弃|失效|版本|知识|手册|指南|一篇|另一|同一"
    r"|[请见至到入为由被与和的了已在于中此该本新旧]"
)
_PATH = re.compile(r"(?:[\w.-]+/)*(?P<stem>[\w.-]+?)\.(?:md|markdown|html?|rst|txt|adoc)", re.IGNORECASE)
_WORD = re.compile(r"[\u3400-\u9fff]+|[^\W\d_][\w'-]*")
_VERB = re.compile(
    r"\b(?:see|refer to|consult|moved to|merged into|replaced by|superseded by|redirected to)"
    r"(?:\s+also)?\W{1,4}"
    r"|(?:参见|参阅|参考|参照|详见|请见|另见|请看|迁移至|移至|移到|合并到|合并至|合并入)[：:\s]{0,4}",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Pointer:
    """What a text points at, if that is all it does; no targets if it says something.

    Args:
        targets: addresses, paths, numbers and titles as they stand. A link tells two: where it leads and
            its label.
        sure: False for a title without marks: it points only if there is an article of that title.
    """

    targets: tuple[str, ...] = ()
    sure: bool = False


NOTHING = Pointer()


def pointer_in(said: str) -> Pointer:
    """What one text points at."""
    said = said.strip()
    if not said or len(said) > LONGEST:
        return NOTHING
    found: list[tuple[str, ...]] = []
    for one in references(said):
        if one.picture:
            return NOTHING
        found.append((one.target, one.label))
    rest = led(said, lambda _one: " ")
    for pattern in (_ADDRESS, NUMBER, _QUOTED):
        found += [_told(match) for match in pattern.finditer(rest)]
        rest = pattern.sub(" ", rest)
    if not found:
        return _titled(rest)
    if len(found) > MOST_TARGETS or _says_something(rest):
        return NOTHING
    return Pointer(tuple(dict.fromkeys(one for told in found for one in told if one)), sure=True)


def pointer_of(texts: Mapping[str, Any]) -> Pointer:
    """What an article points at, if its solution (without one: all its text) does nothing else."""
    said = [str(texts.get(name, "")).strip() for name in PARTS]
    return pointer_in(said[-1] or "\n\n".join(one for one in said if one))


def _told(found: re.Match[str]) -> tuple[str, ...]:
    quoted = next((one for one in found.groups() if one), "")
    return (quoted or found.group().strip("<>").rstrip(".,;:，。；"),)


def _titled(rest: str) -> Pointer:
    """The title that a single sentence names after words that point."""
    verb = next(_VERB.finditer(rest), None)
    if verb is None or _says_something(rest[: verb.start()]):
        return NOTHING
    title = rest[verb.end() :].strip().strip("*_`").strip().rstrip(".。！!")
    one_sentence = title and "\n" not in title and not re.search(r"[.;!?]\s|[。；！？]", title)
    if not one_sentence or len(title) > LONGEST_TITLE:
        return NOTHING
    path = _PATH.fullmatch(title)
    return Pointer((title, path["stem"])) if path else Pointer((title,))


def _says_something(rest: str) -> bool:
    """Whether any word is left that does not point."""
    return any(
        _HAN_POINTING.sub("", word) if word[0] >= "\u3400" else word.lower() not in _POINTING
        for word in _WORD.findall(rest)
    )

"""What must not leave the site is taken out of a text: secrets, addresses, names of people and of items.

Each is replaced by a mark (`[ADDRESS-1]`, `[NAME-2]`, `[SECRET]`), the same one for the same thing. In what
comes back the marks of addresses and names are put right again; a secret stays a mark. When in doubt it is
taken out.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

_KEY = (
    r"(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|community|"
    r"credential|auth(?:orization)?|session(?:id)?|cookie|pin|psk|密码|口令|密钥|令牌|团体字)"
)
_SIGN = r"[^\s\"'“”‘’,;，；。]"
_VALUE = rf"{_SIGN}+"
# A password is seldom a plain word, and a plain word after "password" seldom one: digits or signs tell.
_ODD = rf"(?=[^\s,;，；。]*[\d!@#$%^&*+=?~_]){_SIGN}{{4,}}"
_KIND = r"(?:\d{1,2}|simple|cipher|irreversible-cipher|encrypted|hash|ascii|hex)"
_SECRETS = (
    re.compile(r"-----BEGIN [A-Z ]*KEY-----.*?(?:-----END [A-Z ]*KEY-----|\Z)", re.DOTALL),
    re.compile(r"\b(?:Bearer|Basic|Digest)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE),
    # as the configuration of a device has it
    re.compile(rf"(?<![A-Za-z])(?:{_KEY}|key)[\w-]*\s+{_KIND}\s+{_SIGN}{{4,}}", re.IGNORECASE),
    re.compile(
        rf"\bsnmp-(?:server|agent)\s+community\s+(?:(?:read|write|cipher|simple)\s+)*{_VALUE}"
        rf"|\bcommunity\s+{_VALUE}(?=\s+(?:ro|rw)\b)"
        rf"|\b[a-z]+-(?:password|passphrase|passwd|secret|key|key-string)\s+{_VALUE}"
        rf"|\b(?:tacacs|radius)[\w-]*\s[^\n]*?\bkey\s+{_VALUE}",
        re.IGNORECASE,
    ),
    # as people say it: password: x, the token is x, passphrase "x", 口令为 x, 密码 x
    re.compile(
        rf"(?<![A-Za-z]){_KEY}[\w-]*[\"']?\s*(?:[:=：＝]|\bis\b|\bto\b|是|为)\s*[\"'“‘]?{_VALUE}",
        re.IGNORECASE,
    ),
    re.compile(rf"(?<![A-Za-z]){_KEY}[\w-]*\s*[\"'“‘「]{_VALUE}[\"'”’」]", re.IGNORECASE),
    re.compile(rf"(?<![A-Za-z]){_KEY}[\w-]*\s+{_ODD}", re.IGNORECASE),
    re.compile(r"(?:密码|口令|密钥|令牌|团体[名字])(?:改为|改成|设为|设置为)?\s*[\"“‘「]?[!-~]{4,}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+){1,2}"),
    re.compile(r"\b(?:sk|pk|ghp|gho|xox[abp]|AKIA|wd)[-_]?[A-Za-z0-9_-]{16,}"),
    re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"),
    re.compile(
        r"(?<![A-Za-z0-9+/=_-])(?=[A-Za-z0-9+/_-]*\d)(?=[A-Za-z0-9+/_-]*[A-Za-z])[A-Za-z0-9+/_-]{32,}={0,2}"
    ),
)
# A command that is given a secret behind an option.
_COMMAND = re.compile(
    r"\b(?:sshpass|ipmitool|snmp(?:get|getnext|walk|bulkwalk|bulkget|set|table)|curl|mysql\w*|redis-cli|plink|smbclient)"
    r"\s[^\n]*"
)
_OPTION = re.compile(r"(?<=\s)(-(?:pw|[pPcAXaw])\s?|-u\s?[^\s:]+:)\S{3,}")
_ADDRESSES = (
    re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
    re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s\])>\"']+", re.IGNORECASE),
    re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?:/\d{1,2})?(?::\d{1,5})?(?![\d.]*\d)"),
    re.compile(r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b|\b(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}\b"),
    re.compile(
        r"\b(?:[A-Za-z0-9-]+\.)+(?:com|cn|net|org|local|lan|internal|corp|intra|home|io|gov|edu|arpa)\b",
        re.IGNORECASE,
    ),
    re.compile(r"(?<![\w.])(?:\+?\d{1,3}[ -]?)?(?:\(?\d{2,4}\)?[ -]){1,3}\d{3,4}(?:[ -]\d{4})?(?![\w.])"),
    re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)"),
    re.compile(r"(?<![\dA-Za-z])[1-9]\d{16}[\dXx](?![\dA-Za-z])"),
)
_PERSONAL = _ADDRESSES[-2:]  # a mobile number, the number of an identity card
_COLONS = re.compile(r"(?<![\w:])[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*[0-9A-Fa-f:](?![\w:])")
_MARK = re.compile(r"\[(?:ADDRESS|NAME)-\d+\]")


@dataclass
class Redactor:
    """Takes out what must not leave, with one memory for several texts.

    Args:
        names: of people and items, whole; found wherever they stand, whatever their case.
    """

    names: Collection[str] = ()
    kept: dict[str, str] = field(default_factory=dict)  # mark to what it stands for
    _marks: dict[str, str] = field(default_factory=dict)

    def redact(self, said: str) -> str:
        """The text without it. Marks that somebody typed are taken for what they are: words."""
        said = _MARK.sub(lambda mark: mark.group().replace("[", "(").replace("]", ")"), said)
        said = _COMMAND.sub(lambda command: _OPTION.sub(r"\1[SECRET]", command.group()), said)
        for pattern in _SECRETS:
            said = pattern.sub("[SECRET]", said)
        said = _COLONS.sub(self._version_6, said)
        for pattern in _ADDRESSES:
            said = pattern.sub(lambda found: self._mark("ADDRESS", found.group()), said)
        return self._without_names(said)

    def restore(self, said: str) -> str:
        """Addresses and names put right again."""
        return _MARK.sub(lambda mark: self.kept.get(mark.group(), mark.group()), said)

    def _version_6(self, found: re.Match[str]) -> str:
        """An IPv6 address is taken out, a time of day is not."""
        try:
            ip_address(found.group())
        except ValueError:
            return found.group()
        return self._mark("ADDRESS", found.group())

    def _without_names(self, said: str) -> str:
        wanted = sorted({name.strip() for name in self.names if len(name.strip()) > 1}, key=len, reverse=True)
        lower = said.lower()
        there = [name for name in wanted if name.lower() in lower]
        if not there:
            return said
        whole = "|".join(_whole(name) for name in there)
        return re.sub(whole, lambda found: self._mark("NAME", found.group()), said, flags=re.IGNORECASE)

    def _mark(self, kind: str, what: str) -> str:
        mark = self._marks.get(what)
        if mark is None:
            mark = f"[{kind}-{len(self._marks) + 1}]"
            self._marks[what], self.kept[mark] = mark, what
        return mark


def leaks(said: str) -> bool:
    """Whether a password, a key or a person's number seems to stand in a text."""
    given = any(_OPTION.search(command.group()) for command in _COMMAND.finditer(said))
    return given or any(pattern.search(said) for pattern in (*_SECRETS, *_PERSONAL))


def _whole(name: str) -> str:
    """A name as a pattern: Latin ones only as whole words, so that `Li` does not cut `Limit`."""
    begin = r"(?<![A-Za-z0-9_])" if name[0].isascii() else ""
    end = r"(?![A-Za-z0-9_])" if name[-1].isascii() else ""
    return f"{begin}{re.escape(name)}{end}"


def names_of(people: Collection[Mapping[str, str]]) -> set[str]:
    """All ways in which people's names are written: whole, and each part of three letters or more."""
    found: set[str] = set()
    for name in people:
        for said in name.values():
            found.add(said)
            found |= {part for part in said.split() if len(part) > 2}
    return found

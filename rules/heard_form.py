r"""The typed forms of a rule for what devices say unasked, as written in `alerts/heard/*.yaml` (a list).

- alert: LinkDownHeard            its name, unique among all rules
  trap: 1.3.6.1.6.3.1.1.5.3       which trap, or a list; `1.3.6.1.4.1.99.*` is every trap below
  syslog: 'link (?P<port>\\S+) down'   or: an RE2 pattern, searched in the line behind its priority
  program: sshd                   syslog: only lines of this program, or a list
  level: warning                  syslog: only lines of this level or a graver one
  facility: local7                syslog: only lines of this facility, or a list
  devices: [core-1, t12]          only from these targets: by name, address or as the server numbers them
  when: {1.3.6.1.2.1.2.2.1.7: 1}  trap: only if these objects have such values, one of a list, or a value in
                                  which an RE2 pattern is found: `{matches: 'fan [0-9]+ (failed|lost)'}`;
                                  one that is not told counts
  ends: {trap: 1.3.6.1.6.3.1.1.5.4}    what ends it: a trap (with `when`) or a syslog pattern
  key: {port: 1.3.6.1.2.1.2.2.1.1}     labels that tell instances apart: an object, or `OID index` for the
                                  rest of its instance; of a list the first that is told; a group's name
  says: {interface: [1.3.6.1.2.1.31.1.1.1.1, 1.3.6.1.2.1.2.2.1.2]}    further places of the sentence
  polled: InterfaceDown           the polled rule that tells the same: where a device is polled for it,
                                  what was heard only hastens the next poll, and is noted
  severity: major                 critical | major | minor | info
  severity_by: {1.3.6.1.4.1.99.1.5: {1: critical, 2: major}}    raised or lowered by an object's value
  expires: 1d                     a condition whose end never comes is over then; of one without `ends`: 1 m
  impact: 2
  urgency: 2
  symptom: port
  category: network
  summary: {en: "...", zh: "..."}      places: {ci}, the labels of `key` and `says`
  cause: {en: "...", zh: "..."}
  tests:
    - {heard: [{trap: 1.3.6.1.6.3.1.1.5.3, with: {1.3.6.1.2.1.2.2.1.1.12: 12}}], expect: firing}
    - {heard: ["<187>link 12 down", "<189>link 12 up"], expect: resolved}

A rule without `ends` tells an event: it is noted, and what is graver than info rests by itself.
"""

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct, field

from rules.alert_form import Duration, Severity, Symptom, Word

Level = Literal["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"]
LEVELS: tuple[Level, ...] = (
    "emergency",
    "alert",
    "critical",
    "error",
    "warning",
    "notice",
    "info",
    "debug",
)
Facility = Literal[
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "ntp", "audit", "console", "clock",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
]  # fmt: skip
FACILITIES: tuple[Facility, ...] = get_args(Facility)
Words = Word | list[Word]
Places = dict[str, str | list[str]]


class Matching(Struct, frozen=True, forbid_unknown_fields=True):
    """A condition on a text: an RE2 pattern that is found in it."""

    matches: str


When = dict[str, Words | Matching]


class Ends(Struct, frozen=True, forbid_unknown_fields=True):
    """What ends a condition: a trap, or a line that a pattern is found in."""

    trap: str | list[str] = []
    when: When = {}
    syslog: str | None = None


class Heard(Struct, frozen=True, forbid_unknown_fields=True):
    """A trap in a test: its OID and its varbinds by instance."""

    trap: str
    with_: dict[str, str | int] = field(name="with", default={})


class HeardTest(Struct, frozen=True, forbid_unknown_fields=True):
    """What is heard one after the other, and what the server has been told last.

    `noted`: an event. `key`, `severity` where they must be certain ones.
    """

    heard: Annotated[list[Heard | str], Meta(min_length=1, max_length=20)]
    expect: Literal["firing", "resolved", "noted", "nothing"]
    key: dict[str, str] | None = None
    severity: Severity | None = None
    name: str = ""


class HeardForm(Struct, frozen=True, forbid_unknown_fields=True):
    """One rule."""

    alert: str
    severity: Severity
    summary: dict[Literal["en", "zh"], str]
    trap: str | list[str] = []
    syslog: str | None = None
    program: str | list[str] = []
    level: Level | None = None
    facility: Facility | list[Facility] = []
    devices: list[str] = []
    when: When = {}
    ends: Ends | None = None
    key: Places = {}
    says: Places = {}
    polled: str = ""
    severity_by: dict[str, dict[Word, Severity]] = {}
    expires: Duration | None = None
    impact: Annotated[int, Meta(ge=1, le=3)] | None = None
    urgency: Annotated[int, Meta(ge=1, le=3)] | None = None
    symptom: Symptom = "other"
    category: str = ""
    cause: dict[Literal["en", "zh"], str] = {}
    tests: list[HeardTest] = []

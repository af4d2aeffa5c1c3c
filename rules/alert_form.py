"""The typed forms of an alert rule, as written in `alerts/*.yaml` (a list of rules).

- alert: RoomTooWarm              its name, unique
  metric: room_temperature_celsius
  ci_class: environment_sensor    a class or a list; empty: every class whose device has the metric
  above: 27                       one condition: above | below | is | is_not | text | absent | drops | changes
  clear_below: 26                 hysteresis (`clear_above` for `below`)
  critical: {above: 32, clear_below: 31}   a second limit that raises the severity of the same alert
  is: battery                     state words (or a list)
  text: "pattern"                 RE2 over what the device said
  absent: 10m                     no value for so long
  drops: true                     the value fell (a counter of seconds began anew)
  changes: {count: 6, within: 10m}
  rate: true                      the value is the counter's rise per second
  scale: 8                        then multiplied
  over: interface_speed_bits_per_second     then divided by another metric of the same labels
  where: {interface_admin_status: up}       counts only while another metric (same labels, else none) is so
  forecast: {reaches: 0.95, within: 4d, over: 1d}   by the server, over its samples
  for: 2m
  keep_firing_for: 5m
  severity: major                 critical | major | minor | info
  impact: 2                       1 to 3; urgency likewise
  urgency: 1
  symptom: heat                   class for the correlation
  category: environment
  summary: {en: "...", zh: "..."}   places: {ci} {value} {limit} and the instance's labels
  cause: {en: "...", zh: "..."}     a hint
  tests:
    - {values: [25, 28, 28, 28], every: 1m, expect: firing}
    - {values: [25, 28, 26.5], every: 1m, expect: nothing}
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Severity = Literal["critical", "major", "minor", "info"]
Symptom = Literal[
    "unreachable",
    "port",
    "path",
    "load",
    "power",
    "heat",
    "cooling",
    "service",
    "disk",
    "cpu_memory",
    "other",
]
Duration = str | float
Word = str | int


class Limit(Struct, frozen=True, forbid_unknown_fields=True):
    """A threshold with hysteresis."""

    above: float | None = None
    below: float | None = None
    clear_below: float | None = None
    clear_above: float | None = None


class ChangeCount(Struct, frozen=True, forbid_unknown_fields=True):
    """So many changes within so long."""

    count: Annotated[int, Meta(ge=2, le=60)]
    within: Duration


class Forecast(Struct, frozen=True, forbid_unknown_fields=True):
    """The value will pass `reaches` within a time, judged over the samples of the last `over`."""

    reaches: float
    within: Duration
    over: Duration = "1d"


class RuleTest(Struct, frozen=True, forbid_unknown_fields=True):
    """Values of the metric, one per `every`; null is a poll without it. `other`: further metrics alike.

    `expect`: what the server has been told at the end; `severity` where it must be a certain one.
    """

    values: list[float | str | None]
    expect: Literal["firing", "nothing", "resolved"]
    every: Duration = 60.0
    other: dict[str, list[float | str | None] | float | str] = {}
    severity: Severity | None = None
    name: str = ""


class RuleForm(Struct, frozen=True, forbid_unknown_fields=True):
    """One rule."""

    alert: str
    metric: str
    severity: Severity
    summary: dict[Literal["en", "zh"], str]
    ci_class: str | list[str] = []
    above: float | None = None
    below: float | None = None
    clear_below: float | None = None
    clear_above: float | None = None
    critical: Limit | None = None
    is_: Word | list[Word] | None = field(name="is", default=None)
    is_not: Word | list[Word] | None = None
    text: str | None = None
    absent: Duration | None = None
    drops: bool = False
    changes: ChangeCount | None = None
    forecast: Forecast | None = None
    rate: bool = False
    scale: float = 1.0
    over: str | None = None
    where: dict[str, Word | list[Word]] = {}
    after: Word | list[Word] | None = None
    for_: Duration = field(name="for", default=0.0)
    keep_firing_for: Duration = 0.0
    impact: Annotated[int, Meta(ge=1, le=3)] | None = None
    urgency: Annotated[int, Meta(ge=1, le=3)] | None = None
    symptom: Symptom = "other"
    category: str = ""
    cause: dict[Literal["en", "zh"], str] = {}
    tests: list[RuleTest] = []

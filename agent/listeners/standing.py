"""What was heard becomes news: conditions that begin and end, events, senders of too much.

Traps get lost, and so do the ends they tell: a condition whose end never comes is over when it expires.
What a device is polled for is not believed on hearsay: the poll is hastened, and the news is a note.
What stands survives a restart, as the standing of the polled rules does.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from agent.listeners.ear import Ear, Heard, Kind
from agent.listeners.names import Names
from rules.alert_form import Severity
from rules.heard import Finding, HeardRule
from rules.message import Localized, fill
from rules.wire import AlertNews, Param

HEARD = "heard"  # in the evidence: how it came; by this the news of listeners are known
AGAIN_S = 300.0  # a condition that is told again and again is reported anew after so long
HASTEN_S = 5.0  # between two polls that traps of a device ask for
UNKNOWN_S = 3_600.0  # an unknown trap of a device is noted so often
FLOOD_S = 60.0  # of quiet, before a sender of too much is taken for calm
MAX_STANDING = 20_000
MAX_EVENTS = 20_000
MAX_EVIDENCE = 12  # values of a trap
MAX_TEXT = 200
Place = tuple[str, str, tuple[tuple[str, str], ...]]  # device, rule, key
FLOODS: Mapping[Kind, tuple[str, Localized]] = {
    "trap": (
        "TrapFlood",
        {"en": "{ci} sends more traps than are taken", "zh": "{ci} 发送的 Trap 超出接收限速"},
    ),
    "syslog": (
        "SyslogFlood",
        {"en": "{ci} sends more syslog than is taken", "zh": "{ci} 发送的 syslog 超出接收限速"},
    ),
}
UNKNOWN = "UnknownTrap"
UNKNOWN_WORDS: Localized = {"en": "{ci}: trap {trap}", "zh": "{ci}：收到 Trap {trap}"}
GONE: Localized = {"en": "{rule}: the device is no longer watched", "zh": "{rule}：设备已不再监控"}
EXPIRED: Localized = {
    "en": "{rule}: not heard again, taken for over",
    "zh": "{rule}：长时间未再收到，视为已结束",
}


class Condition(msgspec.Struct, array_like=True):
    """A condition that was told to have begun. Times are of the wall clock: they outlive a restart."""

    device: str
    rule: str
    key: dict[str, str]
    severity: Severity
    begun_at: float
    heard_at: float
    told_at: float
    expires_s: float
    count: int = 1


class Snapshot(msgspec.Struct, frozen=True):
    """All that stands, and the last record of events that it knows of."""

    events: int = 0
    standing: list[Condition] = []


@dataclass(slots=True)
class Event:
    """When an event was told last, and how often it was heard since."""

    told_at: float
    since: int = 0


@dataclass(slots=True)
class Standing:
    """All conditions that were heard of.

    Args:
        names: of objects and traps, for people.
        name_of: what people call a device; None for one that is not watched.
        polled: whether a device is polled for a rule.
        hasten: ask a device at once.
    """

    names: Names
    name_of: Callable[[str], str | None]
    polled: Callable[[str, str], bool]
    hasten: Callable[[str], None]
    conditions: dict[Place, Condition] = field(default_factory=dict)
    events: dict[Place, Event] = field(default_factory=dict)
    hastened: dict[str, float] = field(default_factory=dict)

    def take(self, heard: Heard, *, wall: float, trace: str) -> list[AlertNews]:
        """One thing heard; what the server has to know."""
        name = self.name_of(heard.device)
        if name is None:
            return []
        if heard.finding is None:
            return self._unknown(heard, name, wall=wall, trace=trace)
        finding, rule = heard.finding, heard.finding.rule
        place = (heard.device, rule.name, finding.key)
        confirmed = bool(rule.polled) and self.polled(heard.device, rule.polled)
        if rule.lasting and not confirmed:
            return self._condition(place, heard, finding, name, wall=wall, trace=trace)
        if confirmed:
            self._hasten(heard.device, wall)
        if self._quiet(place, wall, AGAIN_S if rule.lasting else rule.expires_s, finding):
            return []
        severity = "info" if confirmed else finding.severity
        return [self._news(heard, finding, name, "info", severity, wall=wall, trace=trace)]

    def _condition(
        self, place: Place, heard: Heard, finding: Finding, name: str, *, wall: float, trace: str
    ) -> list[AlertNews]:
        known = self.conditions.get(place)
        if finding.ended:
            if known is None:
                return []
            del self.conditions[place]
            held = max(0.0, wall - known.begun_at)
            return [
                self._news(
                    heard, finding, name, "resolved", known.severity, wall=wall, trace=trace, for_s=held
                )
            ]
        if known is not None:
            known.count += 1
            known.heard_at = wall
            if known.severity == finding.severity and wall - known.told_at < AGAIN_S:
                return []
            known.severity, known.told_at = finding.severity, wall
        elif len(self.conditions) >= MAX_STANDING:
            return []
        else:
            self.conditions[place] = Condition(
                place[0], place[1], dict(place[2]), finding.severity, wall, wall, wall, finding.rule.expires_s
            )
        count = self.conditions[place].count
        return [
            self._news(heard, finding, name, "firing", finding.severity, wall=wall, trace=trace, count=count)
        ]

    def tick(self, ears: Iterable[Ear], *, now: float, wall: float) -> list[AlertNews]:
        """Time passed: what expired is over, who sends too much is told. `now` is of the steady clock."""
        told = []
        for place, one in list(self.conditions.items()):
            if wall - one.heard_at >= one.expires_s or self.name_of(one.device) is None:
                del self.conditions[place]
                told.append(_ending(one, EXPIRED, "expired", wall))
        for ear in ears:
            told += self._floods(ear, now=now, wall=wall)
        return told

    def remove(self, device: str, *, wall: float) -> list[AlertNews]:
        """A device is no longer watched; what stood of it is over."""
        gone = [place for place in self.conditions if place[0] == device]
        self.hastened.pop(device, None)
        return [_ending(self.conditions.pop(place), GONE, "device_removed", wall) for place in gone]

    def snapshot(self, events: int) -> bytes:
        """All that stands, for the disk. `events` is the number of the last record of events."""
        return msgspec.msgpack.encode(Snapshot(events, list(self.conditions.values())))

    def load(self, content: bytes) -> int:
        """Take a snapshot back; the last record it knew, 0 for rubbish."""
        try:
            kept = msgspec.msgpack.decode(content, type=Snapshot)
        except (msgspec.MsgspecError, ValueError):
            return 0
        for one in kept.standing[:MAX_STANDING]:
            self.conditions[one.device, one.rule, tuple(sorted(one.key.items()))] = one
        return kept.events

    def replay(self, news: AlertNews, rules: Mapping[str, HeardRule]) -> None:
        """News of a listener that were told after the snapshot stand as told."""
        place = (news.device, news.rule, tuple(sorted(news.key.items())))
        if news.status == "resolved":
            self.conditions.pop(place, None)
        elif news.status == "firing":
            rule = rules.get(news.rule)
            expires_s = rule.expires_s if rule is not None else FLOOD_S
            self.conditions[place] = Condition(
                news.device, news.rule, dict(news.key), news.severity, news.at, news.at, news.at, expires_s
            )

    def _hasten(self, device: str, wall: float) -> None:
        if abs(wall - self.hastened.get(device, 0.0)) >= HASTEN_S:
            self.hastened[device] = wall
            self.hasten(device)

    def _quiet(self, place: Place, wall: float, within_s: float, finding: Finding | None) -> bool:
        """Whether an event was told a moment ago; an end and a beginning are different events."""
        if finding is not None and finding.ended:
            place = (place[0], place[1] + "/ended", place[2])
        known = self.events.get(place)
        if known is not None and 0 <= wall - known.told_at < within_s:
            known.since += 1
            return True
        if len(self.events) >= MAX_EVENTS:
            self.events.clear()
        self.events[place] = Event(wall)
        return False

    def _unknown(self, heard: Heard, name: str, *, wall: float, trace: str) -> list[AlertNews]:
        """A trap that no rule knows is noted with the names its maker gave."""
        trap = self.names.trap(heard.trap)
        key = (("trap", heard.trap[:MAX_TEXT]),)
        if self._quiet((heard.device, UNKNOWN, key), wall, UNKNOWN_S, None):
            return []
        return [
            AlertNews(
                device=heard.device,
                rule=UNKNOWN,
                status="info",
                severity="info",
                at=wall,
                summary=fill(UNKNOWN_WORDS, {"ci": name, "trap": trap}),
                key=dict(key),
                evidence=self._evidence(heard),
                trace=trace,
            )
        ]

    def _news(
        self,
        heard: Heard,
        finding: Finding,
        name: str,
        status: str,
        severity: Severity,
        *,
        wall: float,
        trace: str,
        for_s: float = 0.0,
        count: int = 1,
    ) -> AlertNews:
        rule = finding.rule
        evidence = self._evidence(heard)
        if count > 1:
            evidence["count"] = count
        if status == "info" and rule.polled and severity != rule.severity:
            evidence["confirmed_by"] = rule.polled
        return msgspec.convert(
            {
                "device": heard.device,
                "rule": rule.name,
                "status": status,
                "severity": severity,
                "at": wall,
                "summary": fill(rule.summary, {**dict(finding.says), **dict(finding.key), "ci": name}),
                "key": dict(finding.key),
                "evidence": evidence,
                "for_s": for_s,
                "trace": trace,
                "symptom": rule.symptom,
                "impact": rule.impact,
                "urgency": rule.urgency,
                "category": rule.category,
                "cause": rule.cause,
            },
            AlertNews,
        )

    def _evidence(self, heard: Heard) -> dict[str, Param]:
        """What was heard, named: for a person who doubts."""
        told: dict[str, Param] = {HEARD: heard.kind, "source": heard.source}
        if heard.kind == "syslog":
            return told | {name: text[:1_000] for name, text in heard.values.items() if text}
        told["version"] = heard.version
        told["trap"] = self.names.trap(heard.trap)
        for oid, text in list(heard.values.items())[:MAX_EVIDENCE]:
            name, value = self.names.value(oid, text)
            told[name[:MAX_TEXT]] = value
        return told

    def _floods(self, ear: Ear, *, now: float, wall: float) -> list[AlertNews]:
        rule, words = FLOODS[ear.kind]
        told = []
        for source in {one.key: one for one in list(ear.sources.values())}.values():
            place = (source.key, rule, ())
            loud = now - source.limited_at < FLOOD_S
            name = self.name_of(source.key)
            if not loud or name is None:
                continue
            known = self.conditions.get(place)
            if known is not None:
                known.heard_at = wall
                continue
            one = Condition(source.key, rule, {}, "minor", wall, wall, wall, FLOOD_S)
            self.conditions[place] = one
            evidence: dict[str, Param] = {
                HEARD: ear.kind,
                "source": source.address,
                "limited": source.limited,
            }
            told.append(
                AlertNews(
                    device=source.key, rule=rule, status="firing", severity="minor", at=wall,
                    summary=fill(words, {"ci": name}), evidence=evidence, symptom="load", impact=3, urgency=3,
                )
            )  # fmt: skip
        return told


def is_heard(news: AlertNews) -> bool:
    """Whether news are a listener's."""
    return HEARD in news.evidence


def _ending(one: Condition, words: Localized, why: str, wall: float) -> AlertNews:
    return AlertNews(
        device=one.device,
        rule=one.rule,
        status="resolved",
        severity=one.severity,
        at=wall,
        summary=fill(words, {"rule": one.rule}),
        key=one.key,
        evidence={HEARD: "silence", "why": why},
        for_s=max(0.0, wall - one.begun_at),
    )

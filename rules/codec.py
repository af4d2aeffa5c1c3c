"""Messages of the wire as msgpack: written, read within bounds, and one bad item told from the good."""

from collections.abc import Sequence
from math import isfinite
from operator import attrgetter
from typing import Annotated, Any, TypeVar, get_args

import msgspec
from msgspec import Meta, Raw, Struct, field

from rules.wire import (
    MAX_BODY,
    MAX_ITEMS,
    OLDEST_PROTOCOL,
    PROTOCOL,
    AlertNews,
    Finding,
    Gap,
    HeardSample,
    ItemAnswer,
    ItemKind,
    Moment,
    Observation,
    Param,
    Progress,
    Report,
    SampleBlock,
    Short,
    Stream,
    TrialResult,
)


class _Envelope(Struct, frozen=True):
    """A report whose items are not read yet, so that one bad item does not spoil the others."""

    agent: int
    stream: Stream
    sequence: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    sent_at: Moment
    protocol: int = PROTOCOL
    trace: Short = ""
    samples: list[Raw] = field(default_factory=list)
    alerts: list[Raw] = field(default_factory=list)
    observations: list[Raw] = field(default_factory=list)
    gaps: list[Raw] = field(default_factory=list)
    findings: list[Raw] = field(default_factory=list)
    progress: list[Raw] = field(default_factory=list)
    trials: list[Raw] = field(default_factory=list)
    heard: list[Raw] = field(default_factory=list)


class WireError(ValueError):
    """A body that is no message of ours. `code` is a word, `limit` the bound that was passed, or None."""

    def __init__(self, code: str, message: str, *, limit: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.limit = limit


S = TypeVar("S")
Item = TypeVar("Item", SampleBlock, AlertNews, Observation, Gap, Finding, Progress, TrialResult, HeardSample)
_encoder = msgspec.msgpack.Encoder()
_report = msgspec.msgpack.Decoder(Report)
_envelope = msgspec.msgpack.Decoder(_Envelope)
_evidence = attrgetter("evidence")
ITEM_KINDS: tuple[ItemKind, ...] = get_args(ItemKind)
_TEXTS: dict[str, Any] = {  # the parts of a report in which texts stand
    "trace": str,
    "alerts": list[AlertNews],
    "observations": list[Observation],
    "gaps": list[Gap],
    "findings": list[Finding],
    "progress": list[Progress],
    "trials": list[TrialResult],
    "heard": list[HeardSample],
}


def encode(message: Struct) -> bytes:
    """The message as msgpack."""
    return _encoder.encode(message)


def decode(body: bytes, kind: type[S]) -> S:
    """A message of a kind out of a body; raises WireError for whatever else the body is."""
    _bounded(body)
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise WireError("malformed", f"The body is no {kind.__name__}: {error}") from None


def decode_report(body: bytes) -> tuple[Report, list[ItemAnswer]]:
    """A report, and the refusals of those items in it that cannot be read.

    The good items stay in their order; the refusals name the places in the lists as sent.
    Raises WireError where the report itself cannot be read, or is too large or too new.
    """
    _bounded(body)
    refused: list[ItemAnswer] = []
    try:
        report = _report.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        report, refused = _one_by_one(body)
    if not OLDEST_PROTOCOL <= report.protocol <= PROTOCOL:
        raise WireError(
            "protocol", f"Protocol {report.protocol} is not spoken here; {PROTOCOL} is.", limit=PROTOCOL
        )
    total = sum(len(getattr(report, kind)) for kind in ITEM_KINDS) + len(refused)
    if total > MAX_ITEMS:
        raise WireError(
            "too_many_items", f"{total} items in one report; {MAX_ITEMS} are the limit.", limit=MAX_ITEMS
        )
    if not (
        _all_told(report.alerts) and all(_sound(one) is None for one in (*report.samples, *report.trials))
    ):
        report, refused = _one_by_one(body)
    return _storable(report), refused


def has_nul(message: object) -> bool:
    """Whether a NUL stands in a text of a message, which no database keeps alike."""
    told = msgspec.json.encode(message)
    return rb"\u0000" in told and _replaced(plain := msgspec.to_builtins(message)) != plain


def _storable(report: Report) -> Report:
    """The report with U+FFFD for each NUL, and evidence that is no finite number as its word.

    What a device says oddly must not keep its alert from being heard.
    """
    if not all(map(_finite, map(_evidence, report.alerts))):
        alerts = [
            one if _finite(one.evidence) else msgspec.structs.replace(one, evidence=_told(one.evidence))
            for one in report.alerts
        ]
        report = msgspec.structs.replace(report, alerts=alerts)
    texts = {name: getattr(report, name) for name in _TEXTS}
    if not has_nul(texts):
        return report
    clean = {name: msgspec.convert(_replaced(msgspec.to_builtins(texts[name])), kind)
             for name, kind in _TEXTS.items()}  # fmt: skip
    return msgspec.structs.replace(report, **clean)


def _finite(evidence: dict[str, Param]) -> bool:
    for value in evidence.values():  # noqa: SIM110  it runs for each alert; a generator costs twice that
        if value.__class__ is float and not isfinite(value):
            return False
    return True


def _told(evidence: dict[str, Param]) -> dict[str, Param]:
    return {
        key: str(value) if isinstance(value, float) and not isfinite(value) else value
        for key, value in evidence.items()
    }


def _replaced(plain: Any) -> Any:
    if isinstance(plain, str):
        return plain.replace("\x00", "\ufffd")
    if isinstance(plain, dict):
        return {_replaced(key): _replaced(value) for key, value in plain.items()}
    if isinstance(plain, (list, tuple)):
        return [_replaced(value) for value in plain]
    return plain


def _bounded(body: bytes) -> None:
    if len(body) > MAX_BODY:
        raise WireError(
            "too_large", f"{len(body)} bytes in one body; {MAX_BODY} are the limit.", limit=MAX_BODY
        )


def _one_by_one(body: bytes) -> tuple[Report, list[ItemAnswer]]:
    try:
        envelope = _envelope.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise WireError("malformed", f"The body is no report: {error}") from None
    refused: list[ItemAnswer] = []
    report = Report(
        protocol=envelope.protocol,
        agent=envelope.agent,
        stream=envelope.stream,
        sequence=envelope.sequence,
        sent_at=envelope.sent_at,
        trace=envelope.trace,
        samples=_good("samples", envelope.samples, SampleBlock, refused),
        alerts=_good("alerts", envelope.alerts, AlertNews, refused),
        observations=_good("observations", envelope.observations, Observation, refused),
        gaps=_good("gaps", envelope.gaps, Gap, refused),
        findings=_good("findings", envelope.findings, Finding, refused),
        progress=_good("progress", envelope.progress, Progress, refused),
        trials=_good("trials", envelope.trials, TrialResult, refused),
        heard=_good("heard", envelope.heard, HeardSample, refused),
    )
    return report, refused


def _good(kind: ItemKind, raws: Sequence[Raw], type_: type[Item], refused: list[ItemAnswer]) -> list[Item]:
    good: list[Item] = []
    decoder = msgspec.msgpack.Decoder(type_)
    for index, raw in enumerate(raws):
        try:
            item = decoder.decode(raw)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            message, _, place = str(error).partition(" - at ")
            refused.append(ItemAnswer(kind, index, "rejected", "malformed", place.strip("`"), message))
            continue
        fault = _sound(item)
        if fault is None:
            good.append(item)
        else:
            refused.append(ItemAnswer(kind, index, "rejected", "malformed", fault[0], fault[1]))
    return good


def _all_told(alerts: Sequence[AlertNews]) -> bool:
    """Whether all alerts are sound; `_sound` tells what is wrong with one."""
    for one in alerts:  # noqa: SIM110  as above
        if (one.value is not None and not isfinite(one.value)) or not one.summary:
            return False
    return True


def _sound(item: Struct) -> tuple[str, str] | None:
    """The field and the fault of an item that is well formed but means nothing, or None."""
    if isinstance(item, SampleBlock):
        try:
            item.count()
        except ValueError as error:
            return "$.values", str(error)
    if isinstance(item, AlertNews):
        if item.value is not None and not isfinite(item.value):
            return "$.value", "The value is no finite number."
        if not item.summary:
            return "$.summary", "A summary is needed in one language at least."
    if isinstance(item, TrialResult) and any(
        one.value is not None and not isfinite(one.value) for one in item.values
    ):
        return "$.values", "A value is no finite number."
    return None

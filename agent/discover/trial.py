"""Try a profile against one device: each of its values with what the device said. Nothing is kept."""

from time import monotonic

from agent.devices import Library
from agent.poll import Poller
from agent.reading import Target, Value
from rules import profile as profiles
from rules.document import DocumentError
from rules.plan import Metric, Plan
from rules.wire import TargetConfig, Trial, TrialResult, TrialValue

MAX_VALUES = 2_000
FILE = "profile.yaml"


async def attempt(trial: Trial, library: Library, *, at: float) -> TrialResult:
    """What the profile reads from the device; a profile that is faulty is told as a reason."""
    begun = monotonic()
    try:
        written = profiles.read(trial.profile, FILE)
        form = profiles.resolve(written, {**library.profiles, written.profile: written}, FILE)
    except DocumentError as error:
        return TrialResult(trial.id, at, up=False, reason="configuration", detail=str(error)[:4_000])
    plan = profiles.plan(form, identify=True)
    poller = Poller()
    try:
        reading = await poller.poll(_target(trial.target), plan)
    finally:
        await poller.close()
    return TrialResult(
        trial=trial.id,
        at=at,
        up=reading.up,
        reason=reading.reason,
        detail=reading.detail[:4_000],
        identity={name[:200]: text[:4_000] for name, text in list(reading.identity.items())[:100]},
        values=[_value(one, plan) for one in reading.values[:MAX_VALUES]],
        took_s=round(monotonic() - begun, 3),
        truncated=reading.truncated or len(reading.values) > MAX_VALUES,
    )


def _target(one: TargetConfig) -> Target:
    return Target(
        f"trial:{one.id}",
        one.name,
        one.address,
        one.port,
        dict(one.credential),
        dict(one.params),
        one.timeout_s,
    )


def _value(one: Value, plan: Plan) -> TrialValue:
    metric = plan.metric(one.metric)
    raw = "" if one.raw is None else str(one.raw)
    state = metric.names.get(int(one.value), "") if metric and metric.names and one.value is not None else ""
    return TrialValue(
        metric=one.metric[:200],
        value=one.value,
        unit=(state or (metric.unit if metric else ""))[:200],
        labels={name[:200]: text[:200] for name, text in one.labels},
        raw=raw[:4_000],
        reason=one.reason[:200],
        place=_place(metric)[:200],
    )


def _place(metric: Metric | None) -> str:
    """Where a value is read, in the transport's words."""
    if metric is None:
        return ""
    if metric.oids:
        return metric.oids[0]
    if metric.register is not None:
        return f"{metric.register.kind} {metric.register.address}"
    return metric.json or metric.reading or ""

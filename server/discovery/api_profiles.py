"""Device profiles over the API: those that came along, the site's own in versions, and trials of them."""

from typing import Any

from sqlalchemy.orm import Session

from rules.profile import parents
from server.discovery import profiles, trials
from server.discovery.inputs import ProfileIn, TrialIn
from server.discovery.models import OwnProfile, Trial
from server.kernel.api import Api, ApiModel, Id, Moment
from server.kernel.call import Call
from server.kernel.i18n import N_

profiles_api = Api("discovery")


class ProfileOut(ApiModel):
    """A device profile."""

    name: str
    title: dict[str, str]
    ci_class: str
    vendor: str
    transport: str
    extends: list[str]
    metrics: int
    rules: list[str]
    own: bool
    enabled: bool
    version: int


class ProfileWhole(ProfileOut):
    """A profile with its YAML."""

    text: str


class VersionOut(ApiModel):
    """What a profile is now."""

    name: str
    version: int


class FaultOut(ApiModel):
    """What is wrong in a text."""

    line: int
    column: int
    message: str


class TrialOut(ApiModel):
    """A trial; `result` once the agent has told it."""

    id: Id
    agent_id: Id
    profile: str
    address: str
    transport: str
    created_at: Moment
    ended_at: Moment | None
    result: dict[str, Any]


@profiles_api.get(
    "/profiles", permission="discovery.read", answer=list[ProfileOut], summary=N_("List device profiles")
)
async def list_profiles(call: Call) -> list[ProfileOut]:
    """Those that came along and the site's own, by name."""
    return [_profile(one) for one in await call.db.read(profiles.shown)]


@profiles_api.get(
    "/profiles/{name}", permission="discovery.read", answer=ProfileWhole, summary=N_("Read a device profile")
)
async def read_profile(call: Call, name: str) -> ProfileWhole:
    """With its YAML."""

    def read(session: Session) -> tuple[profiles.Shown, str]:
        return profiles.one_of(session, name), profiles.text_of(session, name)

    one, text = await call.db.read(read)
    return ProfileWhole(**_profile(one).model_dump(), text=text)


@profiles_api.post(
    "/profiles",
    permission="discovery.manage",
    body=ProfileIn,
    answer=VersionOut,
    status=201,
    summary=N_("Keep a text as a version of the profile it names"),
    body_limit=1_000_000,
)
async def save_profile(call: Call, body: ProfileIn) -> VersionOut:
    """Refused with line and column where it is no profile; agents use it from then on."""
    made = await call.db.run(profiles.save, body.text, note=body.note, by=call.actor.id, now=call.now)
    return _version(made)


@profiles_api.post(
    "/profiles/check",
    permission="discovery.read",
    body=ProfileIn,
    answer=list[FaultOut],
    summary=N_("Check a profile's text"),
    body_limit=1_000_000,
)
async def check_profile(call: Call, body: ProfileIn) -> list[FaultOut]:
    """Empty where agents can use it."""
    found = await call.db.read(profiles.faults, body.text)
    return [FaultOut(line=one.line, column=one.column, message=one.message) for one in found]


@profiles_api.post(
    "/profiles/try",
    permission="discovery.manage",
    body=TrialIn,
    answer=TrialOut,
    status=201,
    summary=N_("Try a profile against a device"),
    body_limit=1_000_000,
)
async def try_profile(call: Call, body: TrialIn) -> TrialOut:
    """The agent asks once; nothing is kept but what it told."""
    new = trials.NewTrial(body.text, body.agent_id, body.address, body.port, body.credential_id)
    return _trial(await call.db.run(trials.begin, new, by=call.actor.id, now=call.now))


@profiles_api.get(
    "/profiles/trials/{trial_id}",
    permission="discovery.read",
    answer=TrialOut,
    summary=N_("Read what came of a trial"),
)
async def read_trial(call: Call, trial_id: int) -> TrialOut:
    """Each value with what the device said."""
    return _trial(await call.db.read(trials.trial_of, trial_id))


def _profile(one: profiles.Shown) -> ProfileOut:
    form = one.form
    return ProfileOut(
        name=form.profile,
        title={str(language): text for language, text in form.title.items()},
        ci_class=form.ci_class or "",
        vendor=form.vendor or "",
        transport=form.transport or "snmp",
        extends=parents(form),
        metrics=one.metrics,
        rules=[rule.name for rule in one.rules],
        own=one.own is not None,
        enabled=one.own is None or one.own.enabled,
        version=one.own.current if one.own is not None else 0,
    )


def _version(row: OwnProfile) -> VersionOut:
    return VersionOut(name=row.name, version=row.current)


def _trial(one: Trial) -> TrialOut:
    return TrialOut(
        id=one.id,
        agent_id=one.agent_id,
        profile=one.profile,
        address=one.address,
        transport=one.transport,
        created_at=one.created_at,
        ended_at=one.ended_at,
        result=one.result,
    )

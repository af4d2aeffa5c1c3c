"""How the states and verdicts of knowledge are called, for pages and lists."""

from collections.abc import Iterator, Mapping, Sequence

from server.cmdb.classes import catalogue
from server.kernel.i18n import N_, _, current_language, loc
from server.knowledge.models import Audience, Fate, Kind, NoteKind, Run, RunKind, RunLine, State, Verdict

STATES = {
    State.DRAFT: N_("Draft"),
    State.SUBMITTED: N_("Waits for review"),
    State.REVIEWED: N_("Reviewed"),
    State.PUBLISHED: N_("Published"),
    State.EXPIRED: N_("Expired"),
    State.RETIRED: N_("Retired"),
}
GLYPHS = {
    State.DRAFT: "new",
    State.SUBMITTED: "assigned",
    State.REVIEWED: "progress",
    State.PUBLISHED: "resolved",
    State.EXPIRED: "pending",
    State.RETIRED: "cancelled",
}
VERDICTS = {
    Verdict.OPENED: N_("opened"),
    Verdict.APPLIED: N_("applied, not yet judged"),
    Verdict.FIXED: N_("stayed clear"),
    Verdict.CAME_BACK: N_("came back"),
    Verdict.NOT_HELPED: N_("did not help"),
    Verdict.NOT_RELEVANT: N_("not relevant"),
}
TONES = {Verdict.FIXED: "ok", Verdict.CAME_BACK: "major", Verdict.NOT_HELPED: "minor"}
KINDS = {Kind.ARTICLE: N_("Article"), Kind.KNOWN_ERROR: N_("Known error")}
AUDIENCES = {
    Audience.ENGINEERS: N_("Engineers of this site"),
    Audience.PARTNERS: N_("Engineers and vendors"),
    Audience.EVERYBODY: N_("Everybody, also in the portal"),
}
NOTES = {
    NoteKind.REMARK: N_("Remark of the reviewer"),
    NoteKind.REPORT: N_("Report of an error"),
    NoteKind.COMMENT: N_("Comment"),
}
REASONS = {
    "submitted": N_("Submitted, waits for your review"),
    "reviewed": N_("Reviewed, not yet published"),
    "proposed": N_("A change waits for your review"),
    "reported": N_("Readers report an error"),
    "failing": N_("Does not hold"),
    "due": N_("Review is due"),
    "unused": N_("Lies unused"),
}
RUNS = {
    RunKind.IMPORT: N_("Import"),
    RunKind.SUBMIT: N_("Submit for review"),
    RunKind.REVIEW: N_("Mark as reviewed"),
    RunKind.PUBLISH: N_("Publish"),
    RunKind.CONFIRM: N_("Still right"),
    RunKind.RETIRE: N_("Retire"),
}
FATES = {
    Fate.REFUSED: N_("not done"),
    Fate.DONE: N_("done"),
    Fate.KNOWN: N_("known already"),
    Fate.POINTING: N_("only pointing elsewhere"),
    Fate.PICTURE: N_("pictures"),
}
LANGUAGES = {"en": "English", "zh": "中文"}


def state(value: State) -> str:
    """A state in the reader's language."""
    return _(STATES[value])


def note(value: NoteKind) -> str:
    """A kind of note in the reader's language."""
    return _(NOTES[value])


def audience(value: Audience) -> str:
    """An audience in the reader's language."""
    return _(AUDIENCES[value])


def kinds() -> list[tuple[str, str]]:
    """The kinds of articles, for a choice."""
    return [(key.value, _(label)) for key, label in KINDS.items()]


def audiences() -> list[tuple[str, str]]:
    """The audiences, for a choice."""
    return [(key.value, _(label)) for key, label in AUDIENCES.items()]


def reason(value: str) -> str:
    """Why an article wants its reviewer, in the reader's language."""
    return _(REASONS[value])


def verdict(value: Verdict) -> str:
    """A verdict in the reader's language."""
    return _(VERDICTS[value])


def run(one: Run) -> str:
    """What a run does, in the reader's language."""
    return f"{_(RUNS[one.kind])}: {one.name}" if one.name else _(RUNS[one.kind])


def fate(value: Fate) -> str:
    """What became of some, in the reader's language."""
    return _(FATES[value])


def said(msgid: str, places: Mapping[str, object]) -> str:
    """A kept sentence in the reader's language."""
    told = {name: loc(value) if isinstance(value, dict) else value for name, value in places.items()}
    return _(msgid).format(**told)


def of_line(line: RunLine) -> str:
    """Why a document or an article was left out of a run; "" where it was not."""
    if line.fate is Fate.REFUSED:
        return said(line.reason, line.places)
    if line.fate is Fate.KNOWN:
        return "" if line.number else _("the same as {source}").format(**line.places)
    if line.fate is Fate.PICTURE:
        return _("a picture of {source}").format(**line.places)
    return _("only points at {target}").format(**line.places) if line.fate is Fate.POINTING else ""


def listed(names: Sequence[str]) -> str:
    """Names one after the other, with the comma of the reader's language."""
    return ("、" if current_language() == "zh" else ", ").join(names)


def applies(applies_to: Mapping[str, Sequence[object]]) -> Iterator[str]:
    """What an article applies to, classes of items by their name, the rest as devices and rules say it."""
    classes = catalogue()
    for facet, values in applies_to.items():
        for value in map(str, values):
            known = facet == "ci_class" and classes.knows(value)
            yield loc(classes.of(value).label) if known else value

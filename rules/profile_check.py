"""What the types of a profile cannot say: names, OIDs, one source each, patterns that compile, durations."""

import re
from collections.abc import Iterable

from rules.document import Document, Path, seconds
from rules.pattern import Pattern
from rules.profile_form import DEVICE_CLASSES, MetricForm, Profile, TableForm, Way

_PROFILE = re.compile(r"^[a-z0-9][a-z0-9-]{0,79}$")
_METRIC = re.compile(r"^[a-z][a-z0-9_]{0,99}$")
_LABEL = re.compile(r"^[a-z][a-z0-9_]{0,49}$")
_OID = re.compile(r"^\.?[0-9]{1,10}(\.[0-9]{1,10}){1,127}$")


def check(profile: Profile, document: Document) -> None:
    """Raises DocumentError naming the place of the first fault."""
    _name(profile.profile, _PROFILE, document, ("profile",))
    for name, form in profile.poll.metrics.items():
        _check_metric(name, form, document, ("poll", "metrics", name), inside=False)
    for index, table in enumerate(profile.poll.tables):
        _check_table(table, document, ("poll", "tables", index))
    for name, ways in profile.identity.items():
        _name(name, _LABEL, document, ("identity", name))
        for way in [ways] if isinstance(ways, Way) else ways:
            _check_way(way, document, ("identity", name), told=name == "device_class")
    _check_match(profile, document)
    _check_times(profile, document)


def _check_match(profile: Profile, document: Document) -> None:
    match = profile.match
    _check_oids(match.sysObjectID, document, ("match", "sysObjectID"))
    _check_oids(match.requires, document, ("match", "requires"))
    _check_oids(
        (match.answers,) if isinstance(match.answers, str) else match.answers, document, ("match", "answers")
    )
    _check_pattern(match.sysDescr, document, ("match", "sysDescr"))
    _check_pattern(match.banner, document, ("match", "banner"))
    if match.http is not None:
        _check_pattern(match.http.contains, document, ("match", "http", "contains"))


def _check_way(way: Way, document: Document, path: Path, *, told: bool) -> None:
    below = (way.below,) if isinstance(way.below, str) else way.below or ()
    _check_oids((way.oid, way.column, *below, *(way.by_sysObjectID or ())), document, path)
    _check_pattern(way.pattern, document, path)
    sources = [
        one
        for one in (
            way.oid, way.column, way.below, way.by_sysObjectID, way.register, way.json, way.reading,
            way.join or None, way.product or None,
        )
        if one is not None
    ]  # fmt: skip
    if len(sources) > 1:
        message = "one of oid, column, below, join, product, by_sysObjectID, register, json, reading."
        raise document.error(path, f"{path[-1]}: a way reads from {message}")
    if not sources and way.pattern is None and way.value is None:
        raise document.error(path, f"{path[-1]}: a way without a source or a value answers nothing.")
    if way.below is not None and way.value is None:
        raise document.error(path, f"{path[-1]}: `below` needs the value that is given where it answers.")
    said = {*way.words.values(), *(way.by_sysObjectID or {}).values(), *filter(None, [way.value])}
    if told and (wrong := said - DEVICE_CLASSES):
        raise document.error(path, f"device_class: there is no class '{min(wrong)}'.")
    for part in way.join:
        _check_way(part, document, path, told=told)


def _check_times(profile: Profile, document: Document) -> None:
    for key, least in (("every", 5.0), ("timeout", 0.1)):
        try:
            length = seconds(getattr(profile.poll, key))
        except ValueError as error:
            raise document.error(("poll", key), str(error)) from None
        if not least <= length <= 86_400:
            raise document.error(("poll", key), f"poll.{key}: from {least:g} s up to 1 d.")


def _check_table(table: TableForm, document: Document, path: Path) -> None:
    _name(table.name, _LABEL, document, (*path, "name"))
    for name, label in table.labels.items():
        _name(name, _LABEL, document, (*path, "labels", name))
        if isinstance(label, str):
            if label != "index":
                message = f"{name}: a label is `index`, or one of oid, index, reading, json."
                raise document.error((*path, "labels", name), message)
        else:
            _check_oids((label.oid,), document, (*path, "labels", name))
    for name, where in table.where.items():
        _check_oids((where.oid,), document, (*path, "where", name))
        _check_pattern(where.matches, document, (*path, "where", name))
    for name, form in table.metrics.items():
        _check_metric(
            name, form, document, (*path, "metrics", name), inside=bool(table.json or table.reading)
        )


def _check_metric(name: str, form: MetricForm, document: Document, path: Path, *, inside: bool) -> None:
    _name(name, _METRIC, document, path)
    sources = [one for one in (form.oid, form.register, form.json, form.reading) if one is not None]
    if len(sources) != 1:
        raise document.error(path, f"{name}: exactly one of oid, register, json, reading.")
    if inside and form.json is None and form.reading is None:
        raise document.error(path, f"{name}: the table's rows have json or reading fields.")
    _check_oids((form.oid,) if isinstance(form.oid, str) else form.oid or (), document, (*path, "oid"))
    _check_oids((one.oid for one in form.factor), document, (*path, "factor"))
    if form.factor and (form.oid is None or form.states):
        raise document.error((*path, "factor"), f"{name}: a factor scales a number that an OID tells.")
    unknown = set(form.severity) - set(form.states.values())
    if unknown:
        raise document.error((*path, "severity"), f"severity: there is no state '{min(unknown)}'.")
    if form.kind == "state" and not form.states:
        raise document.error(path, f"{name}: a state needs its states.")


def _name(text: str, shape: re.Pattern[str], document: Document, path: Path) -> None:
    if not shape.match(text):
        raise document.error(
            path, f"'{text}' is no name here: small letters, digits and the joining sign, as elsewhere."
        )


def _check_oids(texts: Iterable[str | None], document: Document, path: Path) -> None:
    for text in texts:
        if text is not None and not _OID.match(text):
            raise document.error(path, f"'{text}' is no OID.")


def _check_pattern(pattern: str | None, document: Document, path: Path) -> None:
    if pattern is None:
        return
    try:
        Pattern(pattern)
    except ValueError as error:
        raise document.error(path, str(error)) from None

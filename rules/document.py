"""YAML that people write, read into typed forms: every refusal names file, line and column.

Only plain data: no anchors, aliases, tags, no keys twice, bounded size and depth. Scalars follow
YAML 1.2's core schema: `on`, `off`, `yes` and `no` are words, only `true` and `false` are booleans.
Whole numbers of 64 bits are kept to the last digit, greater ones as near as a float comes; what no
float can hold stays a word, which no form takes for a number.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
import yaml

MAX_TEXT = 512 * 1024  # characters
MAX_DEPTH = 24
MAX_NODES = 50_000

Path = tuple[str | int, ...]
T = TypeVar("T")

_INT = re.compile(r"^[-+]?(?:0|[1-9][0-9]{0,19})$|^0x[0-9a-fA-F]{1,16}$")
_FLOAT = re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[(\.\.\.)\]")
_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h|d)$")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


class DocumentError(ValueError):
    """A file that is not what it should be. Lines and columns count from 1."""

    def __init__(self, file: str, line: int, column: int, message: str) -> None:
        super().__init__(f"{file}:{line}:{column}: {message}")
        self.file = file
        self.line = line
        self.column = column
        self.message = message


class Document:
    """Plain data, and where each part of it stands in the file."""

    def __init__(self, text: str, file: str) -> None:
        """Raises DocumentError for what is no plain YAML."""
        self.file = file
        self.places: dict[Path, tuple[int, int]] = {(): (1, 1)}
        self.data: Any = None
        self._read(text)

    def error(self, path: Path, message: str) -> DocumentError:
        """An error at a part of the document, or at the nearest part around it."""
        while path not in self.places:
            path = path[:-1]
        return DocumentError(self.file, *self.places[path], message)

    def typed(self, kind: type[T], *, at: Path = ()) -> T:
        """The part at `at` as a typed form; raises DocumentError naming the place that does not fit."""
        part = self.data
        for step in at:
            part = part[step]
        try:
            return msgspec.convert(part, kind)
        except msgspec.ValidationError as error:
            raise self._placed(part, kind, at, str(error)) from None

    def _placed(self, part: Any, kind: Any, at: Path, text: str) -> DocumentError:
        message, _, where = text.partition(" - at ")
        path: list[str | int] = []
        place: Any = part
        for name, index, anything in _STEP.findall(where.strip("`")):
            if anything:
                key = _culprit(part, kind, tuple(path), place, message)
                if key is None:
                    break
                path.append(key)
            else:
                path.append(int(index) if index else name)
            place = _go(place, path[-1])
        full = (*at, *path)
        unknown = re.match(r"Object contains unknown field `(.*)`$", message)
        if unknown:
            return self.error((*full, unknown[1]), f"The key '{unknown[1]}' is not known here.")
        absent = re.match(r"Object missing required field `(.*)`$", message)
        if absent:
            return self.error(full, f"The key '{absent[1]}' is missing.")
        here = ".".join(str(step) for step in full) or "the document"
        return self.error(full, f"{here}: {message[:1].lower()}{message[1:]}.")

    def _read(self, text: str) -> None:
        if len(text) > MAX_TEXT:
            raise DocumentError(self.file, 1, 1, f"The file has more than {MAX_TEXT} characters.")
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            self.data = _Builder(self, yaml.parse(text, Loader=loader)).whole()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise DocumentError(
                self.file, line, column, f"Not YAML: {error.problem or error.context}."
            ) from None
        except yaml.YAMLError as error:
            raise DocumentError(self.file, 1, 1, f"Not YAML: {str(error).splitlines()[0]}.") from None


class _Builder:
    """Builds data from YAML events: nothing is expanded, nothing is constructed."""

    def __init__(self, document: Document, events: Iterator[yaml.Event]) -> None:
        self.document = document
        self.events = events
        self.count = 0

    def whole(self) -> Any:
        """The data of the one document there may be."""
        data: Any = None
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._fault(event, "There is a second document in the file.")
            elif isinstance(event, yaml.NodeEvent):
                data = self._node(event, ())
        return data

    def _fault(self, event: yaml.Event, message: str) -> DocumentError:
        return DocumentError(self.document.file, *_start(event), message)

    def _node(self, event: yaml.Event, path: Path) -> Any:
        self.count += 1
        if self.count > MAX_NODES:
            raise self._fault(event, f"There are more than {MAX_NODES} values.")
        if len(path) > MAX_DEPTH:
            raise self._fault(event, f"The values are nested more than {MAX_DEPTH} deep.")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise self._fault(event, "Anchors and aliases are not taken.")
        if getattr(event, "tag", None) not in {None, "!"}:
            raise self._fault(event, "Tags are not taken.")
        self.document.places[path] = _start(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        assert isinstance(event, yaml.ScalarEvent)
        return _scalar(event.value) if event.implicit[0] else event.value

    def _sequence(self, path: Path) -> list[Any]:
        data: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            data.append(self._node(event, (*path, len(data))))
        return data

    def _mapping(self, path: Path) -> dict[Any, Any]:
        data: dict[Any, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self._fault(event, "A key is a plain word or number.")
            key = self._node(event, (*path, event.value))
            if key in data:
                raise self._fault(event, f"The key '{key}' stands here twice.")
            data[key] = self._node(next(self.events), (*path, key))
            self.document.places[(*path, key)] = _start(event)
        return data


def _start(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _scalar(text: str) -> str | int | float | bool | None:
    """What a bare word is, by YAML 1.2's core schema."""
    if text in {"", "~", "null"}:
        return None
    if text in {"true", "false"}:
        return text == "true"
    if _INT.match(text) and -(2**63) <= (whole := int(text, 0)) < 2**64:
        return whole
    if _FLOAT.match(text) and math.isfinite(number := float(text)):
        return number
    return text


class _Writer(yaml.SafeDumper):
    """Writes YAML; words that the core schema of 1.2 takes for numbers, such as 1e5, are quoted as well."""


def _quoted(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    node = yaml.SafeDumper.represent_str(writer, text)
    node.style = "'" if _scalar(text) is not text and not node.style else node.style
    return node


_Writer.add_representer(str, _quoted)


def written(data: Any) -> str:
    """Plain data as YAML that `Document` reads the same; a list of rules, a profile."""
    return yaml.dump(data, Dumper=_Writer, allow_unicode=True, sort_keys=False, width=100_000)


def seconds(text: str | float) -> float:
    """A duration as `60s`, `5m`, `1.5h`, or a number of seconds; raises ValueError for anything else."""
    if isinstance(text, int | float):
        return float(text)
    match = _DURATION.match(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is no duration; write it as 30s, 5m, 2h or 1d.")
    return float(match[1]) * _SECONDS[match[2]]


def _go(place: Any, step: str | int) -> Any:
    try:
        return place[step]
    except (KeyError, IndexError, TypeError):
        return None


def _culprit(part: Any, kind: Any, path: Path, place: Any, message: str) -> Any:
    """Which entry of a mapping the message is about: the one that alone still brings it."""
    if not isinstance(place, dict):
        return None
    for key in place:
        try:
            msgspec.convert(_with(part, path, {key: place[key]}), kind)
        except msgspec.ValidationError as error:
            if str(error).partition(" - at ")[0] == message:
                return key
    return None


def _with(part: Any, path: Path, new: Any) -> Any:
    """A copy of the data in which the part at `path` is another."""
    if not path:
        return new
    copy: Any = dict(part) if isinstance(part, dict) else list(part)
    copy[path[0]] = _with(copy[path[0]], path[1:], new)
    return copy

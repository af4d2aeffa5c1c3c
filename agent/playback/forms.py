"""Reads the room's YAML into dataclasses: what the types do not allow is refused, with its place.

A small reader of our own, because the room stays under 50 MB and a general one takes eight.
"""

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import yaml

Form = TypeVar("Form")


class FormError(ValueError):
    """A file does not have the form it should."""


def read(file: str, form: type[Form]) -> Form:
    """A packaged YAML file as the type given, such as a dataclass or a tuple of them.

    Raises:
        FormError: a key is unknown or missing, or a value has the wrong type.
    """
    text = files("agent.playback").joinpath(file).read_text(encoding="utf-8")
    return cast("Form", _shape(yaml.safe_load(text), form, file))


@cache
def _types(form: Any) -> dict[str, Any]:
    return get_type_hints(form)


def _shape(value: Any, form: Any, place: str) -> Any:
    """The value in its form; keys are written with hyphens for underscores."""
    origin, arguments = get_origin(form), get_args(form)
    if is_dataclass(form):
        return _record(value, form, place)
    if origin in (Union, types.UnionType):
        wanted = [one for one in arguments if one is not type(None)]
        return None if value is None and len(wanted) < len(arguments) else _shape(value, wanted[0], place)
    if origin is tuple:
        return _row(value, arguments, place)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise FormError(f"{place}: a mapping is expected.")
        return {_shape(k, arguments[0], place): _shape(v, arguments[1], place) for k, v in value.items()}
    return _scalar(value, form, place)


def _scalar(value: Any, form: Any, place: str) -> Any:
    if get_origin(form) is Literal:
        if value not in get_args(form):
            raise FormError(f"{place}: {value!r} is none of {', '.join(map(str, get_args(form)))}.")
    elif form is float and type(value) is int:
        return float(value)
    elif type(value) is not form:
        raise FormError(f"{place}: {form.__name__} is expected, not {value!r}.")
    return value


def _row(value: Any, arguments: tuple[Any, ...], place: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise FormError(f"{place}: a list is expected.")
    endless = arguments[-1] is Ellipsis
    if not endless and len(value) != len(arguments):
        raise FormError(f"{place}: {len(arguments)} values are expected.")
    wanted = [arguments[0]] * len(value) if endless else arguments
    return tuple(_shape(v, f, f"{place}[{n}]") for n, (v, f) in enumerate(zip(value, wanted, strict=True)))


def _record(value: Any, form: Any, place: str) -> Any:
    if not isinstance(value, Mapping):
        raise FormError(f"{place}: a mapping is expected.")
    known = {field.name.rstrip("_").replace("_", "-"): field for field in fields(form)}
    if unknown := set(value) - set(known):
        raise FormError(f"{place}: {min(map(str, unknown))} is not known here.")
    taken: dict[str, Any] = {}
    for key, field in known.items():
        if key in value:
            taken[field.name] = _shape(value[key], _types(form)[field.name], f"{place}.{key}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise FormError(f"{place}: {key} is missing.")
    return form(**taken)

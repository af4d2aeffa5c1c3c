"""What pydantic refuses, said to people: a sentence and a JSON pointer for each wrong field."""

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from server.kernel.errors import DeskError, InvalidError
from server.kernel.i18n import N_, _, loc

SAID = {
    "missing": N_("This is needed."),
    "extra_forbidden": N_("This field is not known here."),
    "string_too_long": N_("At most {max_length} characters."),
    "string_too_short": N_("At least {min_length} characters."),
    "too_long": N_("At most {max_length} entries."),
    "too_short": N_("At least {min_length} entries."),
    "less_than_equal": N_("At most {le}."),
    "less_than": N_("Less than {lt}."),
    "greater_than_equal": N_("At least {ge}."),
    "greater_than": N_("More than {gt}."),
    "enum": N_("Choose one of: {expected}."),
    "literal_error": N_("Choose one of: {expected}."),
    "string_pattern_mismatch": N_("It must have the form {pattern}."),
    "int_parsing": N_("Enter a whole number."),
    "int_type": N_("Enter a whole number."),
    "int_from_float": N_("Enter a whole number."),
    "float_parsing": N_("Enter a number."),
    "float_type": N_("Enter a number."),
    "finite_number": N_("Enter a number."),
    "bool_parsing": N_("Answer yes or no."),
    "bool_type": N_("Answer yes or no."),
    "string_type": N_("Enter text."),
    "list_type": N_("Give a list."),
    "dict_type": N_("Give an object."),
    "model_type": N_("Give an object."),
    "datetime_parsing": N_("Enter a date and time, as 2026-11-20T03:07:00+08:00."),
    "datetime_from_date_parsing": N_("Enter a date and time, as 2026-11-20T03:07:00+08:00."),
    "timezone_aware": N_("Enter a date and time with its zone, as 2026-11-20T03:07:00+08:00."),
    "date_parsing": N_("Enter a date, as 2026-11-20."),
    "date_from_datetime_parsing": N_("Enter a date, as 2026-11-20."),
}
OTHER = N_("This value cannot be taken: {reason}.")


class FormError(InvalidError):
    """Fields that cannot be taken; `errors` has a sentence for each, by field name."""

    def __init__(self, errors: dict[str, str], pointers: list[tuple[str, str]]) -> None:
        first, said = pointers[0] if pointers else ("", "")
        super().__init__(N_("{place}: {sentence}"), field=first or None, place=first or "/", sentence=said)
        self.errors = errors
        self.pointers = pointers


def said_of(error: DeskError) -> str:
    """An error in the reader's language."""
    places = {name: loc(value) if isinstance(value, dict) else value for name, value in error.places.items()}
    return _(error.msgid).format(**{"limit": error.limit, **places})


def field_errors(error: DeskError) -> dict[str, str]:
    """What a form shows beside its fields: a sentence by field name; "" for the whole form."""
    if isinstance(error, FormError):
        return error.errors
    name = (error.field or "").lstrip("/").partition("/")[0]
    return {name: said_of(error)}


def pointer(place: tuple[int | str, ...]) -> str:
    """A JSON pointer (RFC 6901) of a place in a document."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in place)


def sentence(detail: ErrorDetails) -> str:
    """One refusal in the reader's words."""
    context: dict[str, Any] = detail.get("ctx", {})
    msgid = SAID.get(detail["type"])
    if msgid is None or (detail["type"] == "value_error" and "error" in context):
        cause = context.get("error")
        return _(str(cause)) if cause is not None else _(OTHER).format(reason=detail["msg"])
    return _(msgid).format(**context)


def form_error(error: ValidationError) -> FormError:
    """A refused form, by field."""
    return FormError(*_sorted(error))


def validation_error(error: ValidationError) -> InvalidError:
    """A refused document, named by JSON pointers."""
    return FormError(*_sorted(error))


def _sorted(error: ValidationError) -> tuple[dict[str, str], list[tuple[str, str]]]:
    by_name: dict[str, str] = {}
    pointers: list[tuple[str, str]] = []
    for detail in error.errors(include_url=False):
        said = sentence(detail)
        by_name.setdefault(str(detail["loc"][0]) if detail["loc"] else "", said)
        pointers.append((pointer(detail["loc"]), said))
    return by_name, pointers

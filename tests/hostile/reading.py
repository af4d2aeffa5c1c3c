"""Reads pages as a browser does: their links and their forms."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

TEXTS = {"text", "search", "email", "url", "tel", "password", "number", "date", "datetime-local", "time", ""}


@dataclass
class Form:
    """A form: its fields with what stands in them, and which of them take any text."""

    action: str
    method: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    @property
    def shape(self) -> str:
        """The same for the same form on another record."""
        plain = "".join("9" if sign.isdigit() else sign for sign in self.action.partition("?")[0])
        return f"{self.method} {plain} {sorted(self.fields)}"


class Page(HTMLParser):
    """The links and forms of a page's text."""

    def __init__(self, text: str, path: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._path = path
        self._form: Form | None = None
        self._choice = ""
        self._area = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.links += [said[name] for name in ("href", "hx-get") if said.get(name, "").startswith("/")]
        if tag == "form":
            action = said.get("hx-post") or said.get("action") or self._path
            method = "post" if "hx-post" in said else said.get("method", "get").lower()
            self._form = Form(action, method)
            self.forms.append(self._form)
        elif "hx-post" in said:
            self.forms.append(Form(said["hx-post"], "post"))
        if self._form is None:
            return
        name = said.get("name", "")
        if tag == "input" and name:
            self._input(name, said)
        elif tag == "textarea" and name:
            self._area = name
            self._form.fields[name] = [""]
            self._form.texts.append(name)
        elif tag == "select" and name:
            self._choice = name
        elif tag == "option" and self._choice:
            kept = self._form.fields.setdefault(self._choice, [])
            if "selected" in said or not kept:
                self._form.fields[self._choice] = [said.get("value", "")]
        elif tag == "button" and name:
            self._form.fields.setdefault(name, [said.get("value", "")])

    def _input(self, name: str, said: dict[str, str]) -> None:
        assert self._form is not None
        kind = said.get("type", "").lower()
        if kind in {"checkbox", "radio"} and "checked" not in said and name in self._form.fields:
            return
        self._form.fields[name] = [said.get("value", "on")]
        if kind in TEXTS:
            self._form.fields[name] = [said.get("value", "")]
            self._form.texts.append(name)

    def handle_data(self, data: str) -> None:
        if self._area and self._form is not None:
            self._form.fields[self._area][0] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._choice = ""
        elif tag == "textarea":
            self._area = ""

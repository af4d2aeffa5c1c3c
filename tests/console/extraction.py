"""Every text that templates and Python mark for translation, with where it stands.

`python -m tests.console.extraction` lists those that no catalogue has, as entries to fill in.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment
from jinja2.ext import extract_from_ast

SERVER = Path(__file__).parent.parent.parent / "server"
FUNCTIONS = ("_", "N_", "ngettext", "pgettext")


@dataclass(frozen=True)
class Marked:
    """One marked text. `plural` is "" where there is none."""

    msgid: str
    context: str
    plural: str
    place: str


def texts_in_use() -> list[Marked]:
    """All marked texts of the server and of what it shows from `rules`."""
    found: list[Marked] = []
    for path in sorted(SERVER.rglob("*.html")):
        found += in_template(path)
    for root in (SERVER, SERVER.parent / "rules"):
        for path in sorted(root.rglob("*.py")):
            found += in_python(path)
    return found


def in_template(path: Path) -> Iterator[Marked]:
    tree = Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))
    for line, function, said in extract_from_ast(tree, FUNCTIONS, babel_style=False):
        if said is None:
            continue
        parts = [said] if isinstance(said, str) else [part for part in said if part is not None]
        yield from _marked(function, parts, f"{path.relative_to(SERVER.parent)}:{line}")


def in_python(path: Path) -> Iterator[Marked]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
            texts = [
                one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
            if name in FUNCTIONS and texts:
                yield from _marked(name, texts, f"{path.relative_to(SERVER.parent)}:{node.lineno}")


def _marked(function: str, texts: list[str], place: str) -> Iterator[Marked]:
    if function == "ngettext" and len(texts) == 2:
        yield Marked(texts[0], "", texts[1], place)
    elif function == "pgettext" and len(texts) == 2:
        yield Marked(texts[1], texts[0], "", place)
    elif function in {"_", "N_"}:
        yield Marked(texts[0], "", "", place)


def missing() -> list[Marked]:
    """Marked texts that no catalogue has, each once."""
    from server.kernel.catalogue import texts

    known = texts("zh")
    found: dict[tuple[str, str], Marked] = {}
    for one in texts_in_use():
        if (one.context, one.msgid) not in known and ("", one.msgid) not in known:
            found.setdefault((one.context, one.msgid), one)
    return list(found.values())


def _po(one: Marked) -> str:
    lines = [f"#: {one.place}"]
    lines += [f'msgctxt "{one.context}"'] if one.context else []
    quoted = one.msgid.replace("\\", "\\\\").replace('"', '\\"')
    lines.append(f'msgid "{quoted}"')
    lines += [f'msgid_plural "{one.plural}"', 'msgstr[0] ""'] if one.plural else ['msgstr ""']
    return "\n".join(lines)


if __name__ == "__main__":
    print("\n\n".join(_po(one) for one in missing()))

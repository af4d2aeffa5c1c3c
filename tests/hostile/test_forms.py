"""Every form of the console, found by walking it: hostile words break nothing and stay text."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from tests.desk_client import Browser
from tests.hostile.conftest import Lived
from tests.hostile.reading import Form, Page

SCRIPT = '"><script>wd1()</script><img src=x onerror=wd1()>'
PLANTED = SCRIPT + "{{133731*7}}${133731*7}<%= 133731*7 %>\u202etxt.exe"
RUNS = re.compile(r"<script>wd1|<img src=x|936117")
HOSTILE = (
    "x" * 6000,
    "-1",
    "9223372036854775808",
    "NaN",
    "²",
    "a\x00b\u202e\ufeff\u0301\u0301",
    "9999-12-31T23:59",
    "'; DROP TABLE person; -- %_\\",
    "\U0001f525" * 300,
)
ENDS = re.compile(r"/logout|/password|/sessions/|/demo/|/agents/\d+/revoke")  # end the walk or its records
EACH = 2  # words that a field is given alone; all of its form together are given every word
SAME = 2  # addresses of one shape that are walked


@dataclass
class Walk:
    """What was found: addresses by shape, forms by shape."""

    seen: dict[str, list[str]] = field(default_factory=dict)
    forms: dict[str, Form] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def wants(self, link: str) -> bool:
        """Whether a link leads to a page of a shape not seen often enough."""
        path = link.partition("#")[0]
        shape = re.sub(r"[0-9]+|KB-\w+|[0-9a-f]{8,}", "9", path.partition("?")[0])
        shape += "?" + "&".join(sorted(re.findall(r"(\w+)=", path.partition("?")[2])))[:40]
        known = self.seen.setdefault(shape, [])
        if path in known or len(known) >= SAME or path.startswith(("/static", "/events", "/logout", "//")):
            return False
        known.append(path)
        return True


async def walk(browser: Browser, starts: Iterable[str]) -> Walk:
    """Follow links and dialogs from the starts on; collect forms and whatever is not inert or breaks."""
    found = Walk()
    queue = [path for path in starts if found.wants(path)]
    while queue:
        path = queue.pop(0)
        answer = await browser.get(path)
        if answer.content_type != "text/html":
            await answer.release()
            continue
        text = await answer.text()
        if answer.status >= 500:
            found.faults.append(f"GET {path}: {answer.status}")
        if (ran := RUNS.search(text)) is not None:
            found.faults.append(f"GET {path} shows {text[max(0, ran.start() - 80) : ran.end() + 20]!r}")
        page = Page(text, path)
        queue += [link for link in page.links if found.wants(link)]
        for form in page.forms:
            if form.method == "post" and form.action.startswith("/"):
                found.forms.setdefault(form.shape, form)
    return found


def starts(lived: Lived) -> list[str]:
    return [
        route.path for route in lived.routes
        if route.kind == "page" and route.method == "GET" and "{" not in route.path and route.guard is None
    ]  # fmt: skip


@pytest.mark.slow
async def test_T1_hostile_words_in_every_field_break_nothing_and_stay_text(lived: Lived) -> None:  # noqa: N802
    admin = await lived.browser()
    found = await walk(admin, starts(lived))
    assert found.faults == []
    forms = [form for form in found.forms.values() if not ENDS.search(form.action)]
    assert len(forms) > 20
    faults, fields = [], 0
    for form in forms:
        for name in form.fields:
            words = HOSTILE if name in form.texts else HOSTILE[1:6]
            for turn in range(EACH):
                word = words[(fields + turn * 3) % len(words)]
                data = form.fields | {name: [word]}
                answer = await admin.post(form.action, [(n, v) for n, vs in data.items() for v in vs])  # type: ignore[arg-type]
                text = await answer.text()
                if answer.status >= 500 or "Traceback" in text:
                    faults.append(f"POST {form.action} {name}={word[:20]!r}: {answer.status}")
            fields += 1
        for word in HOSTILE:
            data = form.fields | {name: [word] for name in form.texts}
            answer = await admin.post(form.action, [(n, v) for n, vs in data.items() for v in vs])  # type: ignore[arg-type]
            if answer.status >= 500:
                faults.append(f"POST {form.action} all {word[:20]!r}: {answer.status}")
            await answer.release()
    for form in forms:
        data = form.fields | {name: [PLANTED] for name in form.texts}
        answer = await admin.post(form.action, [(n, v) for n, vs in data.items() for v in vs])  # type: ignore[arg-type]
        text = await answer.text()
        if answer.status >= 500 or (answer.content_type == "text/html" and RUNS.search(text)):
            faults.append(f"POST {form.action} with scripts: {answer.status} {text[:200]}")
        for name in form.texts if len(form.texts) > 1 else ():
            data = form.fields | {name: [PLANTED]}
            await (await admin.post(form.action, [(n, v) for n, vs in data.items() for v in vs])).read()  # type: ignore[arg-type]
    print(f"{len(found.seen)} shapes of addresses, {len(forms)} forms, {fields} fields")
    assert faults == [], "\n".join(faults)
    again = await walk(admin, starts(lived))
    assert again.faults == []

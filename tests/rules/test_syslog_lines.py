"""Syslog lines in the forms that makers write, and any text at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.syslog import Line, parse, told

FORMS = [  # the line; host, program, process, text, time
    # RFC 5424 with structured data, its escapes, a mark of byte order, and without
    (
        '<165>1 2026-11-20T22:14:15.003Z web1.ex.com evnts 87 ID47 [a@1 k="v\\"]" x="1"][b@1] \ufeffHello',
        ("web1.ex.com", "evnts", "87", "Hello", "2026-11-20T22:14:15.003Z"),
    ),
    (
        "<34>1 2026-11-20T22:14:15Z web1 su - - - 'su root' failed",
        ("web1", "su", "", "'su root' failed", "2026-11-20T22:14:15Z"),
    ),
    ("<34>1 - - - - - -", ("", "", "", "", "")),
    # RFC 3164
    ("<34>Oct 11 22:14:15 m su: 'su root' failed", ("m", "su", "", "'su root' failed", "Oct 11 22:14:15")),
    ("<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!", ("10.0.0.99", "", "", "Use the BFG!", "Feb  5 17:32:18")),
    ("<38>Nov 20 09:01:11 web1 sshd[212]: Accepted", ("web1", "sshd", "212", "Accepted", "Nov 20 09:01:11")),
    # a time in ISO form in the old form
    ("<14>2026-11-20T09:01:11Z esx1 Hostd: info", ("esx1", "Hostd", "", "info", "2026-11-20T09:01:11Z")),
    # a number of sequence, a name, marks of clocks that are not set, a zone
    (
        "<189>45: sw1: *Nov 20 09:01:11.123: %SYS-5-CONFIG_I: Configured",
        ("sw1", "%SYS-5-CONFIG_I", "", "Configured", "Nov 20 09:01:11.123"),
    ),
    (
        "<187>12: .Nov 20 09:01:11.123 CST: %LINK-3-UPDOWN: Interface Gi1, changed state to down",
        ("", "%LINK-3-UPDOWN", "", "Interface Gi1, changed state to down", "Nov 20 09:01:11.123"),
    ),
    # a year within or behind
    (
        "<190>Nov 20 2026 09:01:11 HUAWEI %%01IFPDT/4/IF_STATE(l)[3]:Interface",
        ("HUAWEI", "%%01IFPDT/4/IF_STATE(l)", "3", "Interface", "Nov 20 2026 09:01:11"),
    ),
    (
        "<189>Nov 20 09:01:11 2026 H3C %%10SHELL/5/SHELL_LOGIN: alice logged in",
        ("H3C", "%%10SHELL/5/SHELL_LOGIN", "", "alice logged in", "Nov 20 09:01:11 2026"),
    ),
    # neither time nor host
    ("<30>interface,info ether1 link up", ("", "", "", "interface,info ether1 link up", "")),
    ("no priority at all", ("", "", "", "no priority at all", "")),
    # key and value
    ("<189>date=2026-11-20 devname=fw1", ("", "", "", "date=2026-11-20 devname=fw1", "")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "parts"), FORMS, ids=[one[0][:40] for one in FORMS])
def test_every_form_tells_who_said_what_and_when(text: str, parts: tuple[str, ...]) -> None:
    line = told(text)
    assert (line.host, line.program, line.pid, line.text, line.time) == parts


@given(number=st.integers(0, 191), text=st.text(max_size=300))
def test_any_text_is_a_line_and_nothing_of_it_is_lost(number: int, text: str) -> None:
    line = parse(number, text)
    assert (line.facility * 8 + line.level, line.whole) == (number, text)
    assert line.text in text
    assert line.host in text


@given(text=st.text(alphabet='1 [](){}"\\=-<>:aN09\t', max_size=400))
def test_hostile_punctuation_is_a_line_too(text: str) -> None:
    assert isinstance(parse(13, "1 - - - - - " + text), Line)
    assert isinstance(told(text), Line)


@pytest.mark.parametrize(
    "evil", ['[a b="' + "\\" * 8_000, "[" * 8_000, '[a b="c"]' * 900, "[" + "a" * 8_000 + '"' * 9]
)
def test_t21_structured_data_without_an_end_costs_no_more_than_its_length(evil: str) -> None:
    line = parse(13, "1 - - - - - " + evil)
    assert line.whole.endswith(evil)


def test_a_priority_beyond_all_facilities_is_text() -> None:
    assert told("<192>x").whole == "<192>x"
    assert (told("<191>x").level, told("<191>x").facility) == (7, 23)

"""Ranges as people write them become addresses, each once, and nothing that is none."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.ranges import MAX_ADDRESSES, RangeError, addresses, parse

numbers = st.integers(int(ipaddress.ip_address("10.20.0.1")), int(ipaddress.ip_address("10.20.15.254")))


@st.composite
def texts(draw: st.DrawFn) -> str:
    first = draw(numbers)
    last = min(first + draw(st.integers(0, 300)), int(ipaddress.ip_address("10.20.15.254")))
    begin, end = ipaddress.ip_address(first), ipaddress.ip_address(last)
    forms = [f"{begin}-{end}", f" {begin} - {end} "]
    if str(begin).rpartition(".")[0] == str(end).rpartition(".")[0]:
        forms.append(f"{begin}-{str(end).rpartition('.')[2]}")
    if first == last:
        forms.append(str(begin))
    return draw(st.sampled_from(forms))


def meant(text: str) -> set[str]:
    """The oracle: one by one, by the library's own arithmetic."""
    first, dash, last = (part.strip() for part in text.partition("-"))
    if dash and "." not in last:
        last = f"{first.rpartition('.')[0]}.{last}"
    begin, end = ipaddress.ip_address(first), ipaddress.ip_address(last or first)
    return {str(ipaddress.ip_address(number)) for number in range(int(begin), int(end) + 1)}


@given(st.lists(texts(), min_size=1, max_size=6), st.lists(texts(), max_size=6))
def test_addresses_are_those_of_the_ranges_without_the_excluded_each_once_in_order(
    wanted: list[str], excluded: list[str]
) -> None:
    found = addresses(wanted, excluded)
    expected = set[str]().union(*map(meant, wanted)) - set[str]().union(*map(meant, excluded))
    listed = list(found)
    assert set(listed) == expected
    assert len(listed) == len(expected) == len(found)
    assert listed == sorted(listed, key=ipaddress.ip_address)
    assert [found[place] for place in range(len(found))] == listed
    for text in (*wanted, *excluded):
        one = next(iter(meant(text)))
        assert (one in found) == (one in expected)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10.0.0.0/24", 254),
        ("10.0.0.0/31", 2),
        ("10.0.0.7/32", 1),
        ("10.0.0.9/24", 254),
        ("2001:db8::/120", 256),
    ],
)
def test_a_network_stands_for_its_hosts(text: str, size: int) -> None:
    assert parse(text).size == size


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "malformed"),
        ("router-1", "malformed"),
        ("10.0.0.1-router", "malformed"),
        ("10.0.0.300", "malformed"),
        ("10.0.0.0/33", "malformed"),
        ("fe80::1%eth0", "malformed"),
        ("10.0.0.9-10.0.0.1", "backwards"),
        ("10.0.0.9-3", "backwards"),
        ("10.0.0.1-::2", "mixed"),
        ("224.0.0.5", "special"),
        ("0.0.0.0/0", "special"),
        ("255.255.255.255", "special"),
    ],
)
def test_what_is_no_range_is_refused_with_its_reason(text: str, code: str) -> None:
    with pytest.raises(RangeError) as refused:
        parse(text)
    assert refused.value.code == code


def test_more_addresses_than_one_job_may_have_are_refused_before_they_are_counted_out() -> None:
    assert len(addresses(["10.0.0.0/17"])) < MAX_ADDRESSES
    for huge in ("10.0.0.0/8", "2001:db8::/32"):
        with pytest.raises(RangeError) as refused:
            addresses([huge])
        assert refused.value.code == "too_many"

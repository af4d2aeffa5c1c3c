"""The packed knowledge: what is packed is found again, and the shipped file stays within its bounds."""

import json
import lzma
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import knowledge
from agent.knowledge import FILTERS, MAGIC, Key, Knowledge, Subject, key_of, pack, packaged, unpack, words_of
from build_assets.knowledge import telling_words

KEYS = st.lists(st.integers(0, 70_000), min_size=1, max_size=9).map(tuple)


@settings(deadline=None, max_examples=50)
@given(st.sets(KEYS, min_size=1, max_size=60))
def test_what_is_packed_comes_out_as_it_went_in(keys: set[Key]) -> None:
    rows = [(key, f"line {key}") for key in sorted(keys)]
    block = unpack(lzma.decompress(pack(rows), format=lzma.FORMAT_RAW, filters=FILTERS))
    assert list(zip(block.keys, block.lines, strict=True)) == rows


def test_a_product_is_named_with_the_nodes_above_it() -> None:
    path = packaged().path("1.3.6.1.4.1.318.1.3.2.7")
    assert path[0] == "products"
    assert any("ups" in words_of(name) for name in path)
    assert packaged().path("") == packaged().path("1.3.6.1.4.1") == []


def test_what_a_makers_documents_speak_of_is_known_where_the_device_says_nothing() -> None:
    known = packaged()
    said = known.subject(318)
    assert {"outlet", "ups"} <= said.objects.keys() | said.products.keys()
    assert list(said.objects.values()) == sorted(said.objects.values(), reverse=True)
    assert "the" not in said.objects
    assert known.subject(4_294_967_295) == Subject({}, {})


def test_words_that_all_makers_use_or_few_objects_carry_tell_less() -> None:
    counts = {1: Counter(outlet=9, status=9), 2: Counter(status=5, fan=1), 3: Counter(status=2, fan=8)}
    told = {number: text.split()[::2] for number, text in telling_words(counts, 4, 5).items()}
    assert told == {1: ["outlet"], 2: [], 3: []}
    assert telling_words({1: Counter(a=1, outlet=8, fan=2)}, 4, 1) == {1: "outlet 43"}


def made(folder: Path, keys: list[Key]) -> Knowledge:
    half = len(keys) // 2
    body, places = b"", []
    for part in filter(None, (keys[:half], keys[half:])):
        packed = pack([(key, ".".join(map(str, key))) for key in part])
        places.append([part[0], len(body), len(packed)])
        body += packed
    head = {"provenance": "a test", "modules": [], "brands": [], "tables": {"objects": places}}
    packed_head = lzma.compress(json.dumps(head).encode())
    path = folder / "facts.bin"
    path.write_bytes(MAGIC + len(packed_head).to_bytes(4, "big") + packed_head + body)
    return Knowledge(path)


@settings(deadline=None, max_examples=50)
@given(st.sets(st.lists(st.integers(0, 3), min_size=1, max_size=5).map(tuple), min_size=1, max_size=40), KEYS)
def test_the_longest_beginning_is_found(
    tmp_path_factory: pytest.TempPathFactory, keys: set[Key], tail: Key
) -> None:
    known = made(tmp_path_factory.mktemp("facts"), sorted(keys))
    for asked in [*keys, *(key + tail for key in list(keys)[:5]), tail]:
        right = max((key for key in keys if asked[: len(key)] == key), key=len, default=None)
        found = known._longest("objects", asked)
        assert (found[0] if found else None) == right


def test_the_shipped_file_names_what_the_standards_name_and_says_whence_it_comes() -> None:
    known = packaged()
    voltage = known.named("1.3.6.1.2.1.33.1.4.4.1.2.3")
    assert voltage is not None
    assert (voltage.fact.name, voltage.tail, voltage.fact.unit) == ("upsOutputVoltage", "3", "V")
    assert "IANA" in known.provenance
    cisco = known.maker(9)
    assert cisco is not None
    assert "cisco" in cisco.organisation.lower()
    assert known.named("1.3.6.1.2.1.2.2.1.10.1") is None  # a counter: nothing is recognised by it


def test_the_shipped_file_keeps_to_its_size() -> None:
    assert (Path(knowledge.__file__).parent / "facts.bin").stat().st_size < 25e6


def test_an_oid_that_is_none_has_no_key() -> None:
    assert key_of("1.3.x") == ()
    assert packaged().named("no oid") is None

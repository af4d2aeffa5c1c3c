from hypothesis import given
from hypothesis import strategies as st

from rules.identify import Decision, Key, Outcome, identify, is_junk, keys_of, normal, proof_of

SETS = [["source_key"], ["serial", "vendor"], ["uuid"], ["macs"], ["fqdn"], ["address"], ["name"]]
UPS = {"serial": ["2102312QXW10"], "vendor": ["Huawei"], "address": ["10.20.8.31"], "name": ["UPS-B1-A"]}
Known = dict[int, dict[str, list[str]]]


def decide(values: dict[str, list[str]], known: Known) -> Decision:
    """Ask with the CIs of `known` in the database."""
    holders: dict[Key, frozenset[int]] = {}
    for number, has in known.items():
        for _kind, keys, _why in keys_of(has, SETS):
            for key in keys:
                holders[key] = holders.get(key, frozenset()) | {number}
    held = {number: proof_of(has) for number, has in known.items()}
    return identify(keys_of(values, SETS), holders, held, proof_of(values))


def test_nobody_creates_one_updates_many_make_a_task() -> None:
    assert decide(UPS, {}).outcome is Outcome.CREATE
    assert decide(UPS, {7: UPS}).ci == 7
    several = decide(UPS, {7: UPS, 9: UPS})
    assert several.outcome is Outcome.TASK
    assert several.candidates == (7, 9)
    assert several.ci is None


def test_a_device_that_moved_is_found_by_its_serial_and_the_old_address_only_raises_a_doubt() -> None:
    other = {"address": ["10.20.8.99"], "name": ["old"]}
    moved = decide({**UPS, "address": ["10.20.8.99"]}, {7: UPS, 8: other})
    assert (moved.outcome, moved.ci, moved.doubts) == (Outcome.UPDATE, 7, (8,))


def test_another_device_behind_the_same_address_does_not_take_over_the_record() -> None:
    swapped = decide({**UPS, "serial": ["NEW-SERIAL-7"]}, {7: UPS})
    assert (swapped.outcome, swapped.ci, swapped.doubts) == (Outcome.CREATE, None, (7,))
    assert [step.verdict for step in swapped.path if step.kind == "address"] == ["contradicted"]


def test_two_kinds_of_hardware_identity_that_point_to_two_devices_make_a_task() -> None:
    known: Known = {1: {"macs": ["00:11:22:33:44:55"]}, 2: {"uuid": ["4C4C4544-0031-4210-8051-C4C04F4E3258"]}}
    both = {"macs": ["0011.2233.4455"], "uuid": ["{4c4c4544-0031-4210-8051-c4c04f4e3258}"]}
    assert decide(both, known).candidates == (1, 2)


def test_the_path_names_every_set_that_was_tried_and_what_it_said() -> None:
    path = decide({**UPS, "uuid": ["00000000-0000-0000-0000-000000000000"]}, {7: UPS}).path
    assert [(step.kind, step.verdict) for step in path] == [
        ("source_key", "absent"),
        ("serial+vendor", "found"),
        ("uuid", "junk"),
        ("macs", "absent"),
        ("fqdn", "absent"),
        ("address", "agrees"),
        ("name", "agrees"),
    ]


def test_what_makers_leave_in_thousands_of_devices_never_identifies() -> None:
    for text in (
        "Default string",
        "To Be Filled By O.E.M.",
        "0000000000",
        "None",
        " ",
        "xxxxxxx",
        "N/A",
        "<private>",
        "---",
    ):
        assert is_junk("serial", normal("serial", text)), text
    assert is_junk("uuid", normal("uuid", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"))
    assert is_junk("macs", normal("macs", "00:00:00:00:00:00"))
    assert is_junk("macs", normal("macs", "00-00-5E-00-01-0A"))
    assert is_junk("address", "127.0.0.1")
    assert not is_junk("address", "127.10.1.11")
    assert not is_junk("serial", normal("serial", "2102312QXW10K9000131"))


def test_two_devices_of_one_name_at_two_addresses_are_two_devices() -> None:
    first = {"name": ["switch"], "address": ["10.0.0.1"]}
    second = decide({"name": ["switch"], "address": ["10.0.0.2"]}, {1: first})
    assert (second.outcome, second.doubts) == (Outcome.CREATE, (1,))
    assert decide({"name": ["switch"], "address": ["10.0.0.2"]}, {1: {"name": ["switch"]}}).ci == 1


WORDS = st.sampled_from(["AB1234", "CD5678", "Default string", "00000000", ""])
DEVICES = st.fixed_dictionaries(
    {
        "serial": st.lists(WORDS, max_size=1),
        "vendor": st.just(["Huawei"]),
        "uuid": st.lists(st.sampled_from(["u-1111-aa", "u-2222-bb"]), max_size=1),
        "address": st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2"]), max_size=1),
        "name": st.lists(st.sampled_from(["a", "b"]), max_size=1),
    }
)


@given(device=DEVICES, known=st.dictionaries(st.integers(1, 4), DEVICES, max_size=4))
def test_two_devices_never_merge_silently(device: dict[str, list[str]], known: Known) -> None:
    decision = decide(device, known)
    if decision.outcome is Outcome.UPDATE:
        assert decision.ci is not None
        said, held = proof_of(device), proof_of(known[decision.ci])
        shared = [part for part in said if part in held]
        assert not shared or any(said[part] & held[part] for part in shared)
        best = next(step for step in decision.path if step.verdict == "found")
        assert best.cis == (decision.ci,)
    else:
        assert decision.ci is None
        assert len(decision.candidates) != 1


@given(device=DEVICES, known=st.dictionaries(st.integers(1, 4), DEVICES, max_size=4), data=st.data())
def test_the_order_in_which_keys_and_devices_come_does_not_matter(
    device: dict[str, list[str]], known: Known, data: st.DataObject
) -> None:
    turned = dict(data.draw(st.permutations(list(known.items()))))
    told = dict(data.draw(st.permutations(list(device.items()))))
    assert decide(told, turned) == decide(device, known)

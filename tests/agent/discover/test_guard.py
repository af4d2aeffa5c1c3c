"""A run locks nobody out: each credential once for a device, none that devices keep refusing."""

import asyncio
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from agent.discover.guard import HELD_AFTER, Guard
from agent.discover.journal import Journal

ANSWERS = st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=40)


async def sign_in(guard: Guard, device: int, made: list[int], *, refused: bool | None) -> None:
    async with guard.turn(f"10.0.0.{device}", 7) as turn:
        if turn.allowed:
            made.append(device)
            await asyncio.sleep(0)
            turn.refused = refused


@given(ANSWERS)
def test_never_more_than_the_bound_of_devices_in_a_row_refuse_a_credential(
    answers: list[bool | None],
) -> None:
    """All at once, in whatever order they end; the oracle counts refusals since the last that took it."""

    async def run() -> None:
        guard, made = Guard(), list[int]()
        work = [sign_in(guard, device, made, refused=refused) for device, refused in enumerate(answers)]
        await asyncio.wait_for(asyncio.gather(*work), 5)
        told = [answers[device] for device in made if answers[device] is not None]
        if True not in answers:
            assert len(made) == len(answers)
        if False not in answers and None not in answers:
            assert len(made) == min(HELD_AFTER, len(answers))
        row = 0
        for refused in told:
            row = row + 1 if refused else 0
        assert row <= HELD_AFTER
        assert (guard.held_back == [7]) == (row == HELD_AFTER)

    asyncio.run(run())


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), max_size=40))
def test_a_credential_is_tried_once_at_a_device(tries: list[tuple[int, int]]) -> None:
    async def run() -> None:
        guard, made = Guard(), list[tuple[int, int]]()
        for device, credential in tries:
            async with guard.turn(f"10.0.0.{device}", credential) as turn:
                if turn.allowed:
                    made.append((device, credential))
        assert sorted(made) == sorted(set(tries))

    asyncio.run(run())


def test_a_journal_keeps_tries_at_once_and_done_once_it_is_settled(tmp_path: Path) -> None:
    path = tmp_path / "discover" / "run-1.log"
    journal = Journal(path)
    journal.trying("10.0.0.4", 7)
    journal.looked(3, alive=True)
    journal.end()
    killed = Journal(path)
    assert (killed.done, killed.tried, killed.ended) == (set(), {("10.0.0.4", 7)}, False)
    journal.settle()
    journal.close()
    again = Journal(path)
    assert (again.done, again.alive, again.ended) == ({3}, 1, True)


@given(st.data())
def test_a_journal_that_was_cut_or_damaged_is_read_as_far_as_it_means_something(data: st.DataObject) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run-1.log"
        journal = Journal(path)
        for place in range(20):
            journal.looked(place, alive=place % 3 == 0)
            journal.trying(f"10.0.0.{place}", 7)
        journal.settle()
        journal.close()
        whole = path.read_bytes()
        kept = whole[: data.draw(st.integers(0, len(whole)))]
        path.write_bytes(kept + data.draw(st.binary(max_size=20)).replace(b"\n", b""))
        again = Journal(path)
        assert again.done <= set(range(20))
        assert again.tried <= {(f"10.0.0.{place}", 7) for place in range(20)}


async def test_a_community_is_no_account_and_waits_for_nobody() -> None:
    guard, under_way = Guard(), asyncio.Barrier(4 * HELD_AFTER)

    async def try_it(device: int) -> None:
        async with guard.turn(f"10.0.0.{device}", 7, account=False) as turn:
            assert turn.allowed
            turn.refused = True
            await asyncio.wait_for(under_way.wait(), 5)

    await asyncio.gather(*(try_it(device) for device in range(4 * HELD_AFTER)))
    assert guard.held_back == []
    async with guard.turn("10.0.0.1", 7, account=False) as turn:
        assert not turn.allowed, "once for a device all the same"


async def test_a_credential_that_opened_a_device_may_be_tried_there_after_a_restart(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run-1.log")
    guard = Guard(journal.trying, journal.opened, journal.tried)
    for device, refused in ((1, False), (2, True), (3, None)):
        async with guard.turn(f"10.0.0.{device}", 7) as turn:
            turn.refused = refused
    journal.close()
    assert Journal(tmp_path / "run-1.log").tried == {("10.0.0.2", 7), ("10.0.0.3", 7)}

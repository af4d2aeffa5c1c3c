"""Programs of the monitoring-plugins convention, run as an administrator named them."""

import asyncio
import contextlib
import stat
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.reading import Target
from agent.transports import check
from agent.transports.trouble import TroubleError


def target(port: int = 0, **params: str) -> Target:
    return Target("t1", "one", "127.0.0.1", port, {"user": "alice", "password": "canary"}, {**params})


# DNS


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], list[str]]:
    def made(body: str) -> list[str]:
        path = tmp_path / "check"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return [str(path), check.MACRO]

    return made


async def test_a_check_tells_state_text_and_figures(script: Callable[[str], list[str]]) -> None:
    command = script(
        """echo "DISK WARNING $1 | /=80%;75;90 'free space'=2GB;;;0 time=250ms"
        echo "more | users=3"
        exit 1"""
    )
    facts = await check.fetch(target(check="disk"), {"disk": command})
    assert facts.readings["state"] == 1
    assert facts.readings["text"] == "DISK WARNING 127.0.0.1"
    assert facts.tables == {
        "ratios": [{"label": "/", "value": 0.8}],
        "bytes": [{"label": "free space", "value": 2 * 1024.0**3}],
        "seconds": [{"label": "time", "value": 0.25}],
        "numbers": [{"label": "users", "value": 3.0}],
    }


def lives(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


async def test_a_check_that_hangs_is_ended_with_all_it_started(
    script: Callable[[str], list[str]], tmp_path: Path
) -> None:
    command = script(f"sleep 60 & echo $! > {tmp_path}/started; sleep 60")
    with pytest.raises(TroubleError) as caught:
        await check.fetch(target(check="slow"), {"slow": command}, timeout_s=1.0)
    assert caught.value.reason == "no_answer"
    async with asyncio.timeout(30):
        while lives(int((tmp_path / "started").read_text())):
            await asyncio.sleep(0.02)


async def test_a_check_that_floods_is_cut(script: Callable[[str], list[str]]) -> None:
    facts = await check.fetch(
        target(check="loud"), {"loud": script("head -c 3000000 /dev/zero | tr '\\0' x")}
    )
    assert facts.truncated
    assert len(str(facts.readings["text"])) <= check.MAX_OUTPUT


@pytest.mark.parametrize(
    ("checks", "reason"),
    [
        ({}, "configuration"),
        ({"one": ["/nonexistent/check"]}, "configuration"),
        ({"one": ["/bin/sh", "-c", "exit 77"]}, "bad_response"),
    ],
)
async def test_a_check_that_cannot_be_run_says_why(checks: dict[str, list[str]], reason: str) -> None:
    with pytest.raises(TroubleError) as caught:
        await check.fetch(target(check="one"), checks)
    assert caught.value.reason == reason


async def test_nothing_in_a_target_reaches_a_shell(
    tmp_path: Path, script: Callable[[str], list[str]]
) -> None:
    hostile = Target("t1", "one", f"$(touch {tmp_path}/owned);`id`", 0, {}, {"check": "one"})
    facts = await check.fetch(hostile, {"one": script('printf "%s" "$1"')})
    assert facts.readings["text"] == hostile.address
    assert not (tmp_path / "owned").exists()


@given(st.text(max_size=200))
def test_whatever_a_check_prints_its_figures_are_numbers(text: str) -> None:
    assert all(isinstance(value, float) for _, _, value in check._figures(text))


# Plug-ins

"""Collectors that an installed package brings: entry points of the group `watchdesk.collectors`.

    [project.entry-points."watchdesk.collectors"]
    smart-meter = "my_package.meter:collect"

`collect` is `async def collect(target: Target, *, timeout_s: float) -> Facts`. A target names it (`params:
plugin`); its readings become metrics by a profile, as of any transport. Whoever installs a package on the
agent's machine trusts it; the server can choose among those that are there and bring none.
"""

import asyncio
from collections.abc import Awaitable
from importlib.metadata import entry_points
from typing import Protocol

from agent.reading import Target
from agent.transports.facts import Facts
from agent.transports.trouble import TroubleError

GROUP = "watchdesk.collectors"


class Collect(Protocol):
    """What an entry point gives."""

    def __call__(self, target: Target, *, timeout_s: float) -> Awaitable[Facts]:
        """The facts of a target; raises TroubleError."""
        ...


class Plugins:
    """The collectors that are installed, loaded when first asked for."""

    def __init__(self) -> None:
        self._loaded: dict[str, Collect] = {}

    async def fetch(self, target: Target, *, timeout_s: float = 10.0) -> Facts:
        """Let the collector of a target read it, within `timeout_s`; raises TroubleError."""
        name = str(target.params.get("plugin") or "")
        collect = self._loaded.get(name) or self._load(name)
        try:
            async with asyncio.timeout(timeout_s):
                facts = await collect(target, timeout_s=timeout_s)
        except TroubleError:
            raise
        except TimeoutError:
            raise TroubleError("no_answer", f"The plug-in {name} gave nothing in {timeout_s:g} s.") from None
        except Exception as error:  # noqa: BLE001 - foreign code; its fault is a reading of one device
            raise TroubleError("bad_response", f"The plug-in {name} failed: {error!r:.300}") from None
        if not isinstance(facts, Facts):
            raise TroubleError("bad_response", f"The plug-in {name} gave no facts.")
        return facts

    def _load(self, name: str) -> Collect:
        for one in entry_points(group=GROUP):
            if one.name == name:
                try:
                    collect: Collect = one.load()
                except Exception as error:  # noqa: BLE001 - as above
                    message = f"The plug-in {name} cannot be loaded: {error!r:.300}"
                    raise TroubleError("configuration", message) from None
                self._loaded[name] = collect
                return collect
        raise TroubleError("configuration", f"No installed package brings the plug-in '{name}'.")

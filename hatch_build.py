"""The build hook: before the package is made, also an editable one, the console's assets are put in."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))

from build_assets.vendor import VENDOR, build


class AssetsHook(BuildHookInterface):  # type: ignore[type-arg]  the build environment has no types
    """Fills `server/kernel/static/vendor/`, which git does not keep, and adds it to the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  hatchling's signature
        """Build the assets; quick where they are current."""
        build()
        root = Path(self.root)
        build_data["artifacts"] += [f"/{VENDOR.relative_to(root).as_posix()}/*"]

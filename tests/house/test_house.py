"""The house is complete: whoever adds a thing in one place finds out here what else belongs to it."""

import re
import tomllib
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from agent.observe import KEYS
from rules.catalog import packaged as packaged_alerts
from rules.profile import packaged
from server.app import practices
from server.cmdb.classes import catalogue
from server.kernel.practice import Practice

ROOT = Path(__file__).parent.parent.parent
HELP = ROOT / "server" / "help"
PRACTICES = {practice.name: practice for practice in practices()}
# Pages that are explained on another page's help, and those that explain themselves.
EXPLAINED_ON = {"mine": "home", "graph": "cis", "demo": None}
# Profiles whose devices do not answer SNMP: what they read is proved by the transport's own tests.
WITHOUT_RECORDING = {
    "snmp-device", "this-host", "linux-ssh", "network-cli", "ping", "tcp-port", "web-page",
    "dns-server", "ntp-server", "sql-query", "redfish", "node-exporter", "script-check", "plugin",
}  # fmt: skip
NOT_OURS = ("python_", "process_")


def floors() -> set[str]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if "containers" in contract)
    return {room.strip() for floor in layers for room in floor.split("|")}


def test_every_folder_of_the_server_stands_on_a_floor_and_brings_its_practice() -> None:
    folders = {path.parent.name for path in (ROOT / "server").glob("*/__init__.py")}
    without = {"kernel", "migrations"}
    assert folders - without <= floors()
    assert folders - without - set(PRACTICES) == set()


@pytest.mark.parametrize("practice", PRACTICES.values(), ids=PRACTICES)
def test_every_route_asks_for_a_right_that_somebody_declares(practice: Practice) -> None:
    declared = {right.key for other in PRACTICES.values() for right in other.permissions}
    asked = {route.permission for group in practice.routes for route in group if route.permission}
    assert asked <= declared


def test_every_right_can_be_had_by_a_role_or_belongs_to_administrators_on_purpose() -> None:
    lone = {right.key for one in PRACTICES.values() for right in one.permissions if not right.roles}
    asked = {
        route.permission
        for one in PRACTICES.values()
        for group in one.routes
        for route in group
        if route.permission
    }
    assert lone <= asked | {"audit.read"}, "rights that no role has and no route asks for"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_of_the_navigation_has_its_help(language: str) -> None:
    keys = {item.key for practice in PRACTICES.values() for item in practice.navigation}
    wanted = {EXPLAINED_ON.get(key, key) for key in keys} - {None}
    there = {path.stem for path in (HELP / language).glob("*.md")}
    assert wanted - there == set()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_metric_of_the_program_is_explained(language: str) -> None:
    page = (HELP / language / "metrics.md").read_text(encoding="utf-8")
    named = {family.name for family in REGISTRY.collect() if not family.name.startswith(NOT_OURS)}
    missing = {name for name in named if not re.search(rf"`{name}(_total)?`", page)}
    assert missing == set()


def test_every_profile_has_a_recording_in_which_its_metrics_find_their_values() -> None:
    recorded = {path.stem for path in (ROOT / "tests" / "recordings").iterdir()}
    assert set(packaged()) - recorded - WITHOUT_RECORDING == set()
    assert set(packaged()) >= WITHOUT_RECORDING


def test_everything_that_a_profile_says_of_a_device_has_a_name_on_its_record() -> None:
    named = catalogue().attributes.keys() | KEYS.keys() | {"device_class"}
    unnamed = {
        f"{profile}: {name}" for profile, form in packaged().items() for name in form.identity.keys() - named
    }
    assert unnamed == set()


def test_every_navigation_entry_leads_to_a_page() -> None:
    pages = {
        route.path
        for practice in PRACTICES.values()
        for group in practice.routes
        for route in group
        if route.method == "GET"
    }
    for practice in PRACTICES.values():
        for item in practice.navigation:
            assert item.url in pages, f"{practice.name}: {item.url} leads nowhere"


def test_every_attribute_that_a_page_carries_for_a_script_is_read_by_one() -> None:
    ours = [path for path in (ROOT / "server").rglob("*") if "vendor" not in path.parts]
    read = "\n".join(path.read_text() for path in ours if path.suffix in {".js", ".css"})
    carried = {
        name
        for path in ours
        if path.suffix == ".html"
        for name in re.findall(r"[\s\"'](data-[a-z0-9-]+)(?=[=\s>{])", path.read_text())
    }
    dead = set()
    for name in carried:
        first, *others = name.removeprefix("data-").split("-")
        field = first + "".join(word.capitalize() for word in others)
        if name not in read and not re.search(rf"dataset\.{field}\b|\"{field}\" in .*dataset", read):
            dead.add(name)
    assert len(carried) > 30
    assert dead == set()


def test_every_alert_rule_says_how_grave_it_is_and_what_kind_of_symptom() -> None:
    for rule in packaged_alerts().values():
        assert rule.summary.keys() == {"en", "zh"}
        assert rule.symptom

"""Configuration management: what there is, how it hangs together, who says so and since when."""

from datetime import timedelta

from sqlalchemy.orm import Session

from server.cmdb import ageing, models, table
from server.cmdb.api import api
from server.cmdb.api_places import places_api
from server.cmdb.api_relations import relations_api
from server.cmdb.api_sources import sources_api
from server.cmdb.classes import catalogue
from server.cmdb.pages import pages
from server.kernel.call import Actor
from server.kernel.i18n import N_, loc
from server.kernel.practice import Job, NavItem, PaletteEntry, Permission, Practice, Schedule

__all__ = ["PRACTICE", "models"]

READERS = (
    *(
        "first_line",
        "second_line",
        "third_line",
        "incident_supervisor",
        "incident_manager",
        "problem_manager",
    ),
    *(
        "change_initiator",
        "change_supervisor",
        "change_manager",
        "change_implementer",
        "configuration_manager",
    ),
    *("config_admin_pc", "config_admin_network", "config_admin_server", "config_admin_software", "inspector"),
    *("knowledge_manager", "contract_manager", "service_manager"),
)
EDITORS = (
    "configuration_manager",
    "config_admin_pc",
    "config_admin_network",
    "config_admin_server",
    "config_admin_software",
)


def search(session: Session, actor: Actor, text: str) -> list[PaletteEntry]:
    """Items for the palette: by name, number, address, serial."""
    if not actor.may("ci.read"):
        return []
    folded = text.strip().casefold()
    return [
        PaletteEntry(
            title=one.name,
            url=f"/cis/{one.number}",
            hint=" · ".join(
                part for part in (one.number, loc(catalogue().of(one.class_code).label), one.address) if part
            ),
            icon=catalogue().of(one.class_code).icon,
            score=1.0 if folded in {one.name.casefold(), one.number.casefold(), one.address} else 0.7,
        )
        for one in table.lookup(session, text, limit=8)
    ]


PRACTICE = Practice(
    name="cmdb",
    title=N_("Configuration"),
    topics={"ci": "ci.read"},
    routes=(pages, api, relations_api, places_api, sources_api),
    permissions=(
        Permission("ci.read", N_("See configuration items, places and the graph"), roles=READERS),
        Permission("ci.edit", N_("Enter and change configuration items and relations"), roles=EDITORS),
        Permission("ci.import", N_("Import configuration items"), roles=("configuration_manager",)),
    ),
    navigation=(
        NavItem("cis", "assets", N_("Configuration items"), "database", "/cis", "ci.read", order=10),
        NavItem("graph", "assets", N_("Graph"), "hierarchy-2", "/graph", "ci.read", order=20),
    ),
    jobs=(Job("cmdb.age", ageing.run),),
    schedules=(Schedule("cmdb.age", "cmdb.age", every=timedelta(hours=1)),),
    palette=search,
)

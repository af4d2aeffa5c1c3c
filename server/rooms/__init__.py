"""Machine rooms: the floor plan with live values, alerts and what needs a person."""

from server.cmdb.providers import provide_health, provide_panel
from server.kernel.i18n import N_
from server.kernel.practice import NavItem, Permission, Practice
from server.rooms.attention import worst_alerts
from server.rooms.pages import pages
from server.rooms.telling import alerts_of_ci, incidents_of_ci

__all__ = ["PRACTICE"]

provide_health(worst_alerts)
provide_panel(alerts_of_ci)
provide_panel(incidents_of_ci)

PRACTICE = Practice(
    name="rooms",
    title=N_("Rooms"),
    topics={"rooms": "room.read"},
    routes=(pages,),
    permissions=(
        Permission(
            "room.read",
            N_("See machine rooms"),
            roles=(
                *("first_line", "second_line", "third_line", "incident_supervisor", "incident_manager"),
                *("configuration_manager", "config_admin_network", "config_admin_server", "inspector"),
                *(
                    "change_manager",
                    "change_supervisor",
                    "change_implementer",
                    "problem_manager",
                    "service_manager",
                ),
            ),
        ),
    ),
    navigation=(
        NavItem("rooms", "operate", N_("Rooms"), "building-factory-2", "/rooms", "room.read", order=30),
    ),
)

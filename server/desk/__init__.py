"""The desk: home, my work, the command palette, saved views, help."""

from server.desk import help as help_pages
from server.desk import home, palette, views
from server.kernel.i18n import N_
from server.kernel.listing.saved import SHARE
from server.kernel.practice import NavItem, Permission, Practice

PRACTICE = Practice(
    name="desk",
    title=N_("Desk"),
    routes=(home.pages, palette.pages, views.pages, help_pages.pages),
    permissions=(
        Permission(
            SHARE,
            N_("Share views of tables with everyone"),
            roles=(
                "incident_supervisor",
                "incident_manager",
                "configuration_manager",
                "knowledge_manager",
                "service_manager",
            ),
        ),
    ),
    navigation=(
        NavItem("home", "", N_("Home"), icon="home", url="/", order=1),
        NavItem("mine", "", N_("My work"), icon="user-check", url="/mine", order=2, count=home.count_mine),
    ),
    palette=help_pages.search,
)

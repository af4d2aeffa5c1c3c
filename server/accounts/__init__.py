"""People, groups, departments, roles, sessions and tokens; the settings' index."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.orm import Session

from server.accounts import (
    commands,
    routes_api,
    routes_audit,
    routes_login,
    routes_organisation,
    routes_own,
    routes_people,
    routes_roles,
    routes_settings,
    routes_setup,
    service,
    startup,
)
from server.accounts.pages import pages
from server.accounts.sessions import Accounts
from server.kernel.call import Actor
from server.kernel.i18n import N_, loc
from server.kernel.practice import (
    Job,
    NavItem,
    PaletteEntry,
    Permission,
    Practice,
    Schedule,
    SettingsPage,
)

MODULES = (
    routes_audit,
    routes_organisation,
    routes_own,
    routes_people,
    routes_roles,
    routes_settings,
    routes_setup,
)


def find(session: Session, actor: Actor, text: str) -> Sequence[PaletteEntry]:
    """People for the palette: by name, user name, mail, phone."""
    if not actor.may("person.read"):
        return []
    return [
        PaletteEntry(loc(row.name), f"/settings/people/{row.id}", row.username, "user", score=0.6)
        for row in service.find_people(session, text, limit=5)
    ]


PRACTICE = Practice(
    name="accounts",
    title=N_("People and access"),
    routes=(routes_login.pages, pages, routes_api.api),
    permissions=(
        Permission("person.read", N_("See people, groups and departments"), roles=startup.STAFF),
        Permission("person.manage", N_("Create and change people, groups and departments")),
        Permission("role.read", N_("See roles and what they permit"), roles=("service_manager",)),
        Permission("role.manage", N_("Change roles and who has them")),
        Permission("token.own", N_("Make API tokens for oneself"), roles=startup.STAFF),
        Permission("settings.read", N_("See the settings of this server"), roles=("service_manager",)),
    ),
    navigation=(NavItem("settings", "foot", N_("Settings"), "settings", "/settings", order=90),),
    settings_pages=(
        SettingsPage(
            "profile",
            N_("My profile"),
            N_("Contact data, password, language and looks."),
            "/profile",
            "user",
            None,
            "own",
            N_("phone mail theme density dark"),
            1,
        ),
        SettingsPage(
            "sessions",
            N_("Sessions"),
            N_("Where you are signed in."),
            "/settings/sessions",
            "device-laptop",
            None,
            "own",
            N_("sign out browser"),
            2,
        ),
        SettingsPage(
            "tokens",
            N_("API tokens"),
            N_("For programs that act in your name."),
            "/settings/tokens",
            "key",
            "token.own",
            "own",
            N_("API bearer openapi"),
            3,
        ),
        SettingsPage(
            "people",
            N_("People"),
            N_("Who may sign in, with contact data, groups and roles."),
            "/settings/people",
            "users",
            "person.read",
            "people",
            N_("user account VIP password disable"),
            1,
        ),
        SettingsPage(
            "groups",
            N_("Groups"),
            N_("Support groups, their line, leader and members; vendors."),
            "/settings/groups",
            "users-group",
            "person.read",
            "people",
            N_("queue vendor line"),
            2,
        ),
        SettingsPage(
            "departments",
            N_("Departments"),
            N_("The tree of the organisation."),
            "/settings/departments",
            "sitemap",
            "person.read",
            "people",
            N_("organisation"),
            3,
        ),
        SettingsPage(
            "roles",
            N_("Roles"),
            N_("What each role may do; roles of your own."),
            "/settings/roles",
            "shield-lock",
            "role.read",
            "people",
            N_("permission right matrix"),
            4,
        ),
        SettingsPage(
            "audit",
            N_("Audit log"),
            N_("Every change with who made it, before and after."),
            "/settings/audit",
            "history",
            "audit.read",
            "site",
            N_("chain hash tamper"),
            8,
        ),
        SettingsPage(
            "access",
            N_("Sign-ins"),
            N_("Who signed in, or tried to."),
            "/settings/access",
            "login-2",
            "audit.read",
            "site",
            N_("login failed security"),
            9,
        ),
        SettingsPage(
            "server",
            N_("Server"),
            N_("Address, database, mail server, logs: what file and environment say."),
            "/settings/server",
            "server-cog",
            "settings.read",
            "site",
            N_("smtp mail proxy port toml"),
            10,
        ),
    ),
    jobs=(Job("accounts.tidy", startup.tidy),),
    schedules=(Schedule("accounts.tidy", job="accounts.tidy", every=timedelta(hours=1)),),
    startup=(startup.prepare, startup.greet),
    palette=find,
    commands=(("user", commands.user), ("token", commands.token)),
    authenticator=Accounts(),
)

assert MODULES  # their routes are in `pages`

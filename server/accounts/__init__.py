"""People, groups, departments, roles, sessions and tokens."""

from datetime import timedelta

from server.accounts import routes_login, startup
from server.accounts.sessions import Accounts
from server.kernel.i18n import N_
from server.kernel.practice import Job, Permission, Practice, Schedule

PRACTICE = Practice(
    name="accounts",
    routes=(routes_login.pages,),
    permissions=(
        Permission("person.read", N_("See people, groups and departments"), roles=startup.STAFF),
        Permission("person.manage", N_("Create and change people, groups and departments")),
        Permission("role.read", N_("See roles and what they permit"), roles=("service_manager",)),
        Permission("role.manage", N_("Change roles and who has them")),
        Permission("token.own", N_("Make API tokens for oneself"), roles=startup.STAFF),
        Permission("settings.read", N_("Open the settings"), roles=startup.STAFF),
    ),
    jobs=(Job("accounts.tidy", startup.tidy),),
    schedules=(Schedule("accounts.tidy", job="accounts.tidy", every=timedelta(hours=1)),),
    startup=(startup.prepare,),
    authenticator=Accounts(),
)

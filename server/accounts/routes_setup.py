"""The first run: creating the first administrator."""

from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from server.accounts import passwords, setup
from server.accounts.pages import localized, pages
from server.kernel.call import Call
from server.kernel.errors import DeskError, InvalidError, NotFoundError
from server.kernel.formdata import field_errors
from server.kernel.gate import NOT_FOUND
from server.kernel.i18n import N_, current_language


class SetupForm(BaseModel):
    """The first administrator as the form sends it."""

    model_config = ConfigDict(extra="forbid")

    token: Annotated[str, Field(max_length=64)] = ""
    username: Annotated[str, Field(max_length=64)] = ""
    name_en: Annotated[str, Field(max_length=80)] = ""
    name_zh: Annotated[str, Field(max_length=80)] = ""
    language: Literal["en", "zh"] = "en"
    password: str = ""
    again: str = ""


@pages.get("/setup", public=True)
async def setup_page(call: Call) -> web.Response:
    """The form for the first administrator; there is nothing here once somebody can sign in."""
    if not await call.db.read(setup.open_for):
        raise NotFoundError(NOT_FOUND)
    given = SetupForm(token=call.request.query.get("token", "")[:64], language=_language())
    return call.render("accounts/setup.html", given=given, errors={})


@pages.post("/setup", public=True)
async def create_first(call: Call) -> web.Response:
    """Create the first administrator."""
    given: SetupForm | None = None
    try:
        given = call.form_as(SetupForm)
        if given.password != given.again:
            raise InvalidError(N_("The two are not alike."), field="/again")
        hashed = await passwords.hashed(passwords.check_new(given.password))
        await call.db.run(
            setup.complete,
            given.token,
            given.username,
            localized(given.name_en, given.name_zh),
            password_hash=hashed,
            language=given.language,
            now=call.now,
        )
    except NotFoundError:
        raise
    except DeskError as error:
        kept = given or SetupForm(language=_language())
        return call.render(
            "accounts/setup.html", status=int(error.status), given=kept, errors=field_errors(error)
        )
    return call.redirect("/login")


def _language() -> Literal["en", "zh"]:
    return "zh" if current_language() == "zh" else "en"

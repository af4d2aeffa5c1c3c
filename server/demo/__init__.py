"""The demo: a living machine room, an invented company with its history, and a page that breaks things."""

import typer

from server.demo import living, yesterday
from server.demo.pages import pages
from server.kernel.i18n import N_
from server.kernel.practice import NavItem, Permission, Practice

EVERYBODY = (
    "first_line",
    "second_line",
    "third_line",
    "incident_supervisor",
    "incident_manager",
    "knowledge_manager",
    "service_manager",
)


def _command() -> typer.Typer:
    from server.demo.command import demo  # noqa: PLC0415  brings the whole desk

    return demo()


PRACTICE = Practice(
    name="demo",
    title=N_("Demo"),
    routes=(pages,),
    jobs=yesterday.JOBS,
    permissions=(Permission("demo.play", N_("Break things in the demo's machine room"), roles=EVERYBODY),),
    navigation=(
        NavItem(
            key="demo",
            group="foot",
            label=N_("Break something"),
            icon="flask",
            url="/demo",
            permission="demo.play",
            order=10,
        ),
    ),
    startup=(living.begin,),
    cleanup=(living.end,),
    commands=(("demo", _command),),
    enabled=lambda settings: settings.demo,
)

"""The application: finds the practices, binds their routes, starts and stops what runs beside."""

import asyncio
import gc
import importlib
import importlib.metadata
import pkgutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import structlog
from aiohttp import web

import server
from server.kernel import assets, keys, secrets, serving, stream, system, telemetry, templating
from server.kernel.call import Authenticator
from server.kernel.clock import Clock, SystemClock
from server.kernel.db import Database
from server.kernel.errors import OperatorError
from server.kernel.jobrunner import JobRunner
from server.kernel.migrate import migrate
from server.kernel.opening import open_database
from server.kernel.practice import Job, Permission, Practice, Schedule
from server.kernel.routing import Route
from server.kernel.settings import Settings

log = structlog.get_logger(__name__)
NO_PRACTICES = {"kernel", "migrations", "locale", "help"}
HEADER_LIMIT = 16 * 1024
COLLECT_AFTER = 50_000  # objects made and not yet gone
SILENT_S = 30.0  # a connection without a whole request is closed


def practices() -> list[Practice]:
    """Every folder of the server that has a PRACTICE, by name; the kernel's own first."""
    found = [system.PRACTICE]
    for module in sorted(pkgutil.iter_modules(server.__path__), key=lambda module: module.name):
        if module.ispkg and module.name not in NO_PRACTICES:
            practice = getattr(importlib.import_module(f"server.{module.name}"), "PRACTICE", None)
            if practice is not None:
                found.append(practice)
    return found


def permissions(found: Sequence[Practice]) -> list[Permission]:
    """All permissions that the practices declare."""
    return [permission for practice in found for permission in practice.permissions]


def calm_collector() -> None:
    """What was loaded at the start stays: the garbage collector need not walk it again and again.

    Beyond that it runs seldom, for a batch makes tens of thousands of objects that die with it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)


def subscribe(found: Sequence[Practice]) -> None:
    """Let the practices hear each other's news; doing it again changes nothing."""
    for practice in found:
        for news, subscriber in practice.subscriptions:
            news.subscribe(subscriber)


def create_app(
    settings: Settings,
    *,
    database: Database | None = None,
    clock: Clock | None = None,
    run_jobs: bool = True,
) -> web.Application:
    """Build the application.

    Args:
        settings: of this server.
        database: the system of record; opened from the settings if None, and then closed at the end.
        clock: decides what the time is; the machine's if None.
        run_jobs: whether this server runs background jobs.
    """
    found = [practice for practice in practices() if practice.enabled(settings)]
    folder = Path(server.__path__[0])
    app = web.Application(
        middlewares=[serving.outermost],
        client_max_size=1024 * 1024,
        handler_args={
            "max_field_size": HEADER_LIMIT,
            "max_line_size": HEADER_LIMIT,
            "keepalive_timeout": SILENT_S,
            "lingering_time": 2.0,
        },
    )
    settings.data.mkdir(parents=True, exist_ok=True)
    static = {path.parent.name: path for path in folder.glob("*/static") if path.parent.name != "kernel"}
    pages = {path.parent.name: path for path in folder.glob("*/templates") if path.parent.name != "kernel"}
    files = assets.Assets(static, reload=settings.demo and settings.log_level == "debug")
    app[keys.SETTINGS] = settings
    app[keys.CLOCK] = clock or SystemClock()
    app[keys.DATABASE] = database or Database(settings.database_url)
    app[keys.ASSETS] = files
    app[keys.TEMPLATES] = templating.environment(pages, files, reload=settings.log_level == "debug")
    app[keys.PRACTICES] = found
    app[keys.VERSION] = importlib.metadata.version("watchdesk")
    app[keys.AUTHENTICATOR] = _authenticator(found)
    app[keys.BACKGROUND] = run_jobs
    app[keys.READY] = {"database": lambda: app[keys.DATABASE].broken or None}
    secrets.use_keys(secrets.Keys(settings.data / "master.key"))
    routes: list[Route] = [route for practice in found for group in practice.routes for route in group.routes]
    app[keys.ROUTES] = routes
    serving.bind(app, routes)
    app.router.add_routes(serving.system_routes())
    files.add_to(app)
    subscribe(found)
    app.cleanup_ctx.append(_living(found, owned=database is None, run_jobs=run_jobs))
    return app


def _authenticator(found: Sequence[Practice]) -> Authenticator:
    offered = [practice.authenticator for practice in found if practice.authenticator is not None]
    if len(offered) != 1:
        raise RuntimeError(f"one practice must bring an authenticator, {len(offered)} do")
    return offered[0]


def _living(
    found: Sequence[Practice], *, owned: bool, run_jobs: bool
) -> Callable[[web.Application], AsyncIterator[None]]:
    async def living(app: web.Application) -> AsyncIterator[None]:
        """Start hub and jobs, let practices start, and undo it all in reverse."""
        database = app[keys.DATABASE]
        hub = app[keys.HUB] = stream.Hub(database)
        jobs: dict[str, Job] = {job.name: job for practice in found for job in practice.jobs}
        schedules: dict[str, Schedule] = {
            schedule.name: schedule for practice in found for schedule in practice.schedules
        }
        runner = app[keys.JOBS] = JobRunner(app, database, app[keys.CLOCK], jobs, schedules)
        await hub.start()
        for practice in found:
            for start in practice.startup:
                await start(app)
        if run_jobs:
            runner.start()
        yield
        await runner.stop()
        await hub.stop()
        for practice in reversed(found):
            for end in practice.cleanup:
                await end(app)
        if owned:
            database.close()

    return living


def _say(address: str) -> None:
    sys.stdout.write(f"Watchdesk is ready: {address}\n")
    sys.stdout.flush()


def serve(settings: Settings, *, ready: Callable[[str], None] = _say) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is told the address once it answers, by default on stdout.

    Raises:
        OperatorError: the data folder, the database or the address cannot be used.
    """
    import uvloop  # noqa: PLC0415  only to serve

    telemetry.configure_logs(json_lines=settings.log_format == "json", level=settings.log_level)
    practices()  # knows all tables
    database = open_database(settings)
    try:
        if database.space is not None:
            database.space.begin_serving()
        migrate(database)
        uvloop.run(_serve(settings, database, ready))
    finally:
        database.close()


async def _serve(settings: Settings, database: Database, ready: Callable[[str], None]) -> None:
    app = create_app(settings, database=database)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0, handle_signals=False)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await runner.setup()
    try:
        calm_collector()
        site = web.TCPSite(runner, settings.host, settings.port, backlog=1024)
        try:
            await site.start()
        except OSError as error:
            at = f"{settings.host}:{settings.port}"
            why = error.strerror or error
            raise OperatorError(
                f"Watchdesk cannot listen on {at}: {why}. Choose --host and --port."
            ) from error
        for address in runner.addresses:
            ready(f"http://{address[0]}:{address[1]}")
        log.info("serving", host=settings.host, port=settings.port, version=app[keys.VERSION])
        await stop.wait()
        log.info("stopping")
        await app[keys.HUB].stop()
    finally:
        await runner.cleanup()

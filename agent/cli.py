"""`watchdesk-agent`. With argparse, to start fast; what a command needs is imported by it."""

import argparse
import asyncio
import logging
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.config import Settings, SettingsError, faults, load
from agent.texts import _
from agent.vault import VaultError, alone, identity_path, load_config, load_identity

STDIN = "-"
DEFAULT = Path(os.environ.get("WATCHDESK_AGENT_CONFIG", "watchdesk-agent.toml"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0, or 2 with a sentence on standard error."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("paramiko").setLevel(logging.WARNING)
    try:
        code: int = chosen.command(chosen)
    except (SettingsError, VaultError, OSError) as error:
        _say(f"watchdesk-agent: {error}")
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="watchdesk-agent", description=_("Watchdesk agent"))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    settings = argparse.ArgumentParser(add_help=False)
    settings.add_argument(
        "--config", type=Path, default=None, metavar="FILE", help=_("the agent's settings, a TOML file")
    )
    run = commands.add_parser(
        "run", parents=[settings], help=_("poll the devices and report to the server until stopped")
    )
    run.set_defaults(command=_run)
    enrol = commands.add_parser(
        "enrol", parents=[settings], help=_("make this agent known to the server with a one-time token")
    )
    enrol.add_argument("--server", help=_("address of the server, as https://desk.example.org:8400"))
    enrol.add_argument(
        "--token", required=True, help=_("the one-time token, or - to read it from standard input")
    )
    enrol.add_argument("--name", help=_("name of this agent"))
    enrol.set_defaults(command=_enrol)
    check = commands.add_parser(
        "check-config",
        parents=[settings],
        help=_("check the settings and the last configuration from the server"),
    )
    check.set_defaults(command=_check)
    probe = commands.add_parser("probe", help=_("recognise the devices of a file over SNMP"))
    probe.add_argument("--targets", type=Path, required=True)
    probe.add_argument("--out", type=Path, required=True, help=_("file for the results"))
    probe.add_argument("--concurrency", type=int, default=64)
    probe.set_defaults(command=_probe)
    bench = commands.add_parser("bench", help=_("poll targets from a file and measure it"))
    bench.add_argument("what", choices=["poll", "recognise", "profiles", "sweep", "traps", "syslog", "ssh"])
    bench.add_argument("--targets", type=Path, required=False)
    bench.add_argument("--devices-dir", type=Path, help=_("folder of recordings.tar.xz and truth.jsonl"))
    bench.add_argument("--scorer", type=Path, help=_("Python file with the comparisons that count"))
    bench.add_argument("--replayer", type=Path, help=_("Python program that plays recorded devices"))
    bench.add_argument("--folds", type=int, default=8)
    bench.add_argument("--out", type=Path, help=_("file for the results"))
    bench.add_argument("--models", type=Path, help=_("file for the models learned from all"))
    bench.add_argument("--rounds", type=int, default=5)
    bench.add_argument("--warm", type=int, default=3)
    bench.add_argument("--every", type=float, default=0.0)
    bench.add_argument("--devices", type=int, default=0)
    bench.add_argument("--minutes", type=float, default=3.0)
    bench.add_argument(
        "--count", type=int, default=20_000, help=_("messages in each round, or commands in all")
    )
    bench.add_argument(
        "--rate", type=float, default=0.0, help=_("messages or addresses a second; 0: the usual")
    )
    bench.add_argument("--sources", type=int, default=50, help=_("addresses that send"))
    bench.add_argument("--wide", action="store_true", help=_("make every message another condition"))
    bench.add_argument("--peer", action="store_true", help=_("measure the usual program or way beside it"))
    bench.set_defaults(command=_bench)
    return parser


def _say(sentence: str) -> None:
    """Tell the person at the terminal; standard output is for results."""
    sys.stderr.write(sentence + "\n")


def _settings(chosen: argparse.Namespace) -> Settings:
    """The settings of the named file; the defaults where none is named and none is there."""
    path: Path | None = chosen.config
    if path is None and not DEFAULT.exists():
        return Settings()
    return load(path or DEFAULT)


def _run(chosen: argparse.Namespace) -> int:
    from agent.run import live, storage_fault  # noqa: PLC0415 - aiohttp and the transports take their time

    settings = _settings(chosen)
    identity = load_identity(settings.directory)
    with alone(settings.directory):
        if sys.stdin.isatty():  # a person looks on; a service is silent unless something is wrong
            told = _("Agent {agent} is running and reports to {server}. Ctrl C ends it.")
            _say(told.format(agent=identity.agent_id, server=identity.server))
        try:
            asyncio.run(live(settings, identity))
        except* OSError as group:
            fault = storage_fault(group)
            _say(f"watchdesk-agent: {_('Stopped: {reason}').format(reason=fault)}")
            return_code = 2
        else:
            return_code = 0
    return return_code


def _enrol(chosen: argparse.Namespace) -> int:
    from agent.enrol import EnrolError, enrol  # noqa: PLC0415

    settings = _settings(chosen)
    token = sys.stdin.readline().strip() if chosen.token == STDIN else chosen.token
    name = chosen.name or socket.gethostname()
    try:
        identity = asyncio.run(
            enrol(settings, server=chosen.server or settings.server, token=token, name=name)
        )
    except EnrolError as error:
        _say(f"watchdesk-agent: {error}")
        return 2
    told = _("Enrolled as agent {agent}; the secret is in {path}.")
    _say(told.format(agent=identity.agent_id, path=identity_path(settings.directory)))
    return 0


def _check(chosen: argparse.Namespace) -> int:
    from agent.devices import heard_rules  # noqa: PLC0415

    settings = _settings(chosen)
    told = _("The settings are in order. Server {server}, data in {data}.")
    _say(told.format(server=settings.server, data=settings.directory))
    found = heard_rules(settings.own_heard)[1] if settings.own_heard is not None else []
    config = load_config(settings.directory)
    if config is None:
        _say(_("There is no configuration from the server yet."))
        for fault in found:
            _say(fault)
        return 2 if found else 0
    found += faults(config, settings.poll.transports)
    told = _("The last configuration has {n} targets (generation {generation}).")
    _say(told.format(n=len(config.targets), generation=config.generation))
    for fault in found:
        _say(fault)
    return 2 if found else 0


def _probe(chosen: argparse.Namespace) -> int:
    from agent.discover.probe import command  # noqa: PLC0415

    return command(chosen.targets, chosen.out, chosen.concurrency)


def _bench_discovery(chosen: argparse.Namespace) -> int:
    from agent.discover import bench, bench_profiles  # noqa: PLC0415

    if chosen.devices_dir is None or chosen.scorer is None:
        _say(_("bench recognise and bench profiles need --devices-dir and --scorer."))
        return 2
    if chosen.what == "profiles":
        return bench_profiles.bench(chosen.devices_dir, chosen.scorer, chosen.out)
    return bench.bench(
        chosen.devices_dir, chosen.scorer, folds=chosen.folds, out=chosen.out, models_to=chosen.models
    )


def _bench_sweep(chosen: argparse.Namespace) -> int:
    from agent.discover.bench_sweep import bench  # noqa: PLC0415

    if chosen.devices_dir is None or chosen.replayer is None:
        _say(_("bench sweep needs --devices-dir and --replayer."))
        return 2
    return bench(chosen.devices_dir, chosen.replayer, chosen.rate)


def _bench_hearing(chosen: argparse.Namespace) -> int:
    from agent.listeners.bench import bench  # noqa: PLC0415

    return bench(
        chosen.what,
        count=chosen.count,
        rate=chosen.rate,
        rounds=chosen.rounds,
        sources=chosen.sources,
        wide=chosen.wide,
        peer=chosen.peer,
    )


def _bench_ssh(chosen: argparse.Namespace) -> int:
    from agent.transports.ssh_bench import bench  # noqa: PLC0415

    sessions = chosen.devices or 50
    return bench(sessions=sessions, commands=chosen.count, rounds=chosen.rounds, peer=chosen.peer)


def _bench(chosen: argparse.Namespace) -> int:
    if chosen.what in {"recognise", "profiles"}:
        return _bench_discovery(chosen)
    if chosen.what == "sweep":
        return _bench_sweep(chosen)
    if chosen.what in {"traps", "syslog"}:
        return _bench_hearing(chosen)
    if chosen.what == "ssh":
        return _bench_ssh(chosen)
    from agent.bench import poll  # noqa: PLC0415

    if chosen.targets is None:
        _say(_("bench poll needs --targets."))
        return 2
    return poll(
        chosen.targets,
        rounds=chosen.rounds,
        warm=chosen.warm,
        every=chosen.every,
        devices=chosen.devices,
        minutes=chosen.minutes,
    )


if __name__ == "__main__":
    sys.exit(main())

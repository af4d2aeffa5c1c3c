"""`python -m agent.playback describe | serve`: the machine room as data, or alive on loopback."""

import argparse
import asyncio
import ipaddress
import json
import sys


def _network(text: str) -> str:
    """Three octets of a loopback network, as `127.77.3`."""
    try:
        loopback = ipaddress.IPv4Address(f"{text}.1").is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise argparse.ArgumentTypeError("three octets of a loopback network, as 127.77.3")
    return text


def main() -> int:
    """Run a command. Exit 0, or 2 with a sentence on stderr."""
    parser = argparse.ArgumentParser(prog="python -m agent.playback", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    told = commands.add_parser("describe", help="print devices, relations, locations and services as JSON")
    live = commands.add_parser("serve", help="answer on loopback until stopped")
    for command in (told, live):
        command.add_argument("--network", type=_network, help="another loopback network, as 127.77.3")
    live.add_argument("--control-port", type=int, required=True, help="0: a free one, told in the first line")
    live.add_argument("--seed", type=int, default=1)
    live.add_argument("--speed", type=float, default=1.0, help="seconds of the room in a second of the clock")
    live.add_argument("--auto", action="store_true", help="play the scenarios in turn when idle")
    args = parser.parse_args()
    from agent.playback import plant  # noqa: PLC0415 --help answers without loading the room

    room = plant.load()
    if args.command == "describe":
        from agent.playback.describe import describe  # noqa: PLC0415

        json.dump(describe(room, args.network), sys.stdout, ensure_ascii=False, indent=1)
        sys.stdout.write("\n")
        return 0
    from agent.playback.serve import run, stage_of  # noqa: PLC0415

    stage = stage_of(room, seed=args.seed, auto=args.auto)
    try:
        asyncio.run(run(stage, control_port=args.control_port, speed=args.speed, network=args.network))
    except OSError as error:
        sys.stderr.write(f"The room cannot listen: {error}.\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

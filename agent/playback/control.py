"""The room's control over HTTP: what is the matter, which scenarios there are, start and stop them.

GET /state, GET /scenarios, POST /scenarios/{name}/start, POST /scenarios/{name}/stop; JSON, texts
in both languages. It listens on loopback only and refuses what a web page of another origin sends.
"""

from http import HTTPStatus
from typing import Any

from agent.playback.http import Handler, Request, Response, as_json
from agent.playback.mibs.climate import humidity, temperature_c
from agent.playback.scenarios import Stage


def state(stage: Stage) -> dict[str, Any]:
    """The room at a glance."""
    room = stage.room
    return {
        "at": room.now.isoformat(),
        "elapsed_s": round(room.now_s, 1),
        "scenario": None if stage.current is None else stage.current.name,
        "phase": stage.phase,
        "scenario_s": round(stage.elapsed_s, 1) if stage.current is not None else None,
        "auto": stage.auto,
        "breakers": {name: "closed" if closed else "open" for name, closed in room.breakers.items()},
        "ups": {
            name: {
                "source": "none" if not s.output_live else "battery" if s.on_battery else "mains",
                "charge_ratio": round(s.battery.charge, 4),
                "load_kw": round(s.load_kw, 2),
                "minutes_left": round(s.battery.minutes_left(max(s.load_kw, 1.0)), 1),
            }
            for name, s in room.supplies.items()
        },
        "cooling": {
            name: {
                "running": unit.cooling,
                "effort_ratio": round(unit.effort, 3),
                "supply_celsius": round(room.supply_c(name), 2),
            }
            for name, unit in room.coolers.items()
        },
        "climate": {
            d.name: {
                "celsius": round(temperature_c(room, d), 2),
                "humidity_percent": round(humidity(room, d), 1),
            }
            for d in room.plant.devices
            if d.kind == "climate"
        },
        "doors": {door.code: door.state for door in room.environment.doors.values()},
        "leak": room.environment.leak_m is not None,
        "smoke": room.environment.smoke,
        "silent": sorted(name for name in room.devices if not room.alive(name)),
        "links_down": sorted(
            f"{link.from_}:{link.from_port}"
            for link in room.network.links
            if not room.network.ends(link)[0].up
        ),
    }


def scenarios(stage: Stage) -> list[dict[str, Any]]:
    """All scenarios and which of them plays."""
    return [
        {
            "name": story.name,
            "title": story.title,
            "seen": list(story.seen),
            "lasts_s": story.breaks_s,
            "phase": stage.phase if stage.current is story else "idle",
        }
        for story in stage.scenarios.values()
    ]


def handler(stage: Stage) -> Handler:
    """The routes."""

    def act(request: Request) -> Response:
        _, _, rest = request.path.partition("/scenarios/")
        name, _, verb = rest.partition("/")
        if name not in stage.scenarios or verb not in ("start", "stop"):
            return as_json({"error": "there is no such scenario"}, HTTPStatus.NOT_FOUND)
        if verb == "start":
            stage.start(name)
        else:
            stage.stop(name)
        return as_json({"scenario": name, "phase": stage.phase if stage.current is not None else "idle"})

    def handle(request: Request) -> Response:
        if "origin" in request.headers:
            return as_json({"error": "not for web pages"}, HTTPStatus.FORBIDDEN)
        if request.method == "POST":
            return act(request)
        if request.path == "/state":
            return as_json(state(stage))
        if request.path == "/scenarios":
            return as_json(scenarios(stage))
        return as_json({"error": "not found"}, HTTPStatus.NOT_FOUND)

    return handle

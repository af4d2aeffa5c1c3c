"""What can go wrong in the room, step by step, and how it comes right again.

A scenario changes causes only (a breaker, a compressor, a cable); effects follow from physics.
Each ends by itself: `breaks` for a while, then restores and waits until the room is well.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.playback.forms import read
from agent.playback.plant import Words
from agent.playback.room import Room

BATTERY_PACE, CHARGE_PACE, AIR_PACE = 6.0, 60.0, 4.0
FULL_DISK = 0.965
COOL_C = 24.5


@dataclass
class Scenario:
    """One story. `act` is called every step with the seconds since its start while it breaks."""

    name: str
    title: Words
    seen: tuple[Words, ...]
    breaks_s: float
    act: Callable[[Room, float], None]
    restore: Callable[[Room], None]
    well: Callable[[Room], bool]


@dataclass(frozen=True)
class Story:
    """A scenario in words: its title, what will be seen, and the seconds until its cause is mended."""

    name: str
    title: Words
    seen: tuple[Words, ...]
    breaks_s: float


@dataclass
class Stage:
    """Plays one scenario at a time. `phase` is idle, running or restoring."""

    room: Room
    scenarios: dict[str, Scenario]
    auto: bool = False
    idle_gap_s: float = 600.0
    phase: str = "idle"
    current: Scenario | None = None
    elapsed_s: float = 0.0
    rest_s: float = 0.0
    turn: int = 0
    past: list[tuple[str, float, float]] = field(default_factory=list)  # name, start, end: seconds

    def start(self, name: str) -> None:
        """Begin a scenario; one that runs is restored first.

        Raises:
            KeyError: there is no such scenario.
        """
        scenario = self.scenarios[name]
        if self.current is not None:
            self._finish()
        self.current, self.phase, self.elapsed_s = scenario, "running", 0.0

    def stop(self, name: str) -> None:
        """Begin to restore, where that scenario runs."""
        if self.current is not None and self.current.name == name and self.phase == "running":
            self._restore()

    def step(self, seconds: float) -> None:
        """Advance with the room."""
        if self.current is None:
            self._rest(seconds)
            return
        self.elapsed_s += seconds
        if self.phase == "running":
            if self.elapsed_s < self.current.breaks_s:
                self.current.act(self.room, self.elapsed_s)
            else:
                self._restore()
        elif self.current.well(self.room):
            self._finish()

    def _restore(self) -> None:
        if self.current is not None:
            self.current.restore(self.room)
            self.phase = "restoring"

    def _finish(self) -> None:
        if self.current is None:
            return
        if self.phase == "running":
            self.current.restore(self.room)
        self.past.append((self.current.name, self.room.now_s - self.elapsed_s, self.room.now_s))
        self.room.battery_pace = self.room.air_pace = 1.0
        self.current, self.phase, self.rest_s = None, "idle", 0.0

    def _rest(self, seconds: float) -> None:
        self.rest_s += seconds
        if self.auto and self.rest_s >= self.idle_gap_s:
            names = list(self.scenarios)
            self.start(names[self.turn % len(names)])
            self.turn += 1


# -- the stories ------------------------------------------------------------------------------------


def _lose_feed_a(room: Room, at_s: float) -> None:
    room.battery_pace, room.air_pace = BATTERY_PACE, AIR_PACE
    room.breakers["LV-2"] = at_s < 1


def _close_feed_a(room: Room) -> None:
    room.breakers["LV-2"] = True
    room.battery_pace, room.air_pace = CHARGE_PACE, AIR_PACE


def _feed_a_well(room: Room) -> bool:
    charged = all(supply.battery.charge > 0.95 for supply in room.supplies.values())
    return charged and all(room.up.values()) and max(room.air.zones) < COOL_C


def _trip_compressor(room: Room, _at_s: float) -> None:
    room.air_pace = AIR_PACE
    room.coolers["CRAC-B1-1"].compressor_fault = True


def _reset_compressor(room: Room) -> None:
    room.coolers["CRAC-B1-1"].compressor_fault = False


def _at_once(_room: Room) -> bool:
    return True


def _cool(room: Room) -> bool:
    return max(room.air.zones) < COOL_C


FLAPPING = ("SW-ACC-5", 11)


def _flap(room: Room, at_s: float) -> None:
    if int(at_s) % 24 < 11:
        room.network.down.add(FLAPPING)
    else:
        room.network.down.discard(FLAPPING)
    room.network.errors[FLAPPING] = 38.0


def _mend_cable(room: Room) -> None:
    room.network.down.discard(FLAPPING)
    room.network.errors.pop(FLAPPING, None)


FILLING = ("SRV-2", "/var")
_FILL_S = 200.0
_BEFORE = 0.58


def _fill(room: Room, _at_s: float) -> None:
    host, path = FILLING
    disk = room.hosts[host].disks[path]
    disk.grows = 0.0 if disk.share >= FULL_DISK else disk.size * (FULL_DISK - _BEFORE) / _FILL_S


def _clean_disk(room: Room) -> None:
    host, path = FILLING
    disk = room.hosts[host].disks[path]
    disk.used, disk.grows = disk.size * _BEFORE, 9_000.0


def _tell(room: Room, what: str, door: str, person: str = "") -> None:
    event = {"at": room.now.isoformat(), "door": door, "event": what, "person": person}
    if not room.environment.events or room.environment.events[0]["event"] != what:
        room.environment.events.insert(0, event)
        del room.environment.events[20:]


def _force_door(room: Room, at_s: float) -> None:
    door = room.environment.doors["B1-01"]
    if door.state == "closed":
        door.opened_s = room.now_s
    door.state = "forced"
    room.environment.motion = at_s > 3
    _tell(room, "door_forced", "B1-01")


def _close_door(room: Room) -> None:
    room.environment.doors["B1-01"].state = "closed"
    room.environment.motion = False
    _tell(room, "door_closed", "B1-01")


def _leak(room: Room, at_s: float) -> None:
    room.environment.leak_m = 1.2
    room.air.humidity = min(62.0, room.air.humidity + 0.05 if at_s > 5 else room.air.humidity)


def _dry(room: Room) -> None:
    room.environment.leak_m = None


ACTS: dict[str, tuple[Callable[[Room, float], None], Callable[[Room], None], Callable[[Room], bool]]] = {
    "mains_failure": (_lose_feed_a, _close_feed_a, _feed_a_well),
    "crac_fault": (_trip_compressor, _reset_compressor, _cool),
    "link_flap": (_flap, _mend_cable, _at_once),
    "disk_filling": (_fill, _clean_disk, _at_once),
    "door_forced": (_force_door, _close_door, _at_once),
    "leak": (_leak, _dry, _at_once),
}


def all_scenarios() -> dict[str, Scenario]:
    """Every story by name, in the order of the timetable.

    Raises:
        FormError: `stories.yaml` has an unknown key or a wrong type.
    """
    found: dict[str, Scenario] = {}
    for story in read("stories.yaml", tuple[Story, ...]):
        act, restore, well = ACTS[story.name]
        found[story.name] = Scenario(
            story.name, story.title, story.seen, story.breaks_s, act=act, restore=restore, well=well
        )
    return found

"""The room: one state of power, air, network and servers that every device answers from."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from agent.playback import hosts, network, physics
from agent.playback.plant import Device, Plant

STEP_S = 1.0
SHUTDOWN_C, RETURN_C = 40.0, 30.0  # rack intake at which a server stops, and comes back
WATCHER = ("SW-CORE-1", "SW-CORE-2")  # where the machine that polls is plugged in
TRANSFER_SHARE = 0.9  # of a lost feed's load has two cords and moves to the other


@dataclass
class Door:
    """A door contact and its lock. `state` is one of closed, open, held, forced."""

    code: str
    state: str = "closed"
    opened_s: float = 0.0


@dataclass
class Environment:
    """What the small sensors see, beside the air."""

    doors: dict[str, Door] = field(default_factory=lambda: {d: Door(d) for d in ("B1-01", "B1-02")})
    leak_m: float | None = None  # where the rope is wet, metres from its start
    smoke: bool = False
    motion: bool = False
    events: list[dict[str, str]] = field(default_factory=list)  # of the access controller, newest first


class Room:
    """The living room. `advance` moves its time; everything else is read.

    `pace` is how many times faster than in life batteries and air change, so that a scenario
    of half an hour is seen in minutes; clocks, counters and boots are not hurried.
    """

    def __init__(self, plant: Plant, *, seed: int = 1, start: datetime | None = None) -> None:
        self.plant = plant
        self.start = start or datetime.now(UTC)
        self.now_s = 0.0
        self.random = Random(seed)  # noqa: S311 noise of sensors, no secret
        self.battery_pace = 1.0
        self.air_pace = 1.0
        self.mains = {"MAINS-A": True, "MAINS-B": True}
        self.breakers = {"LV-1": True, "LV-2": True}
        self.devices = {device.name: device for device in plant.devices}
        self.network = network.build(plant, self.random)
        self.environment = Environment()
        self.supplies = {
            ups.device: physics.Supply(physics.Battery(ups.energy_kwh), ups.rated_kva * 0.9)
            for ups in plant.upses
        }
        self.coolers = {c.device: physics.CoolingUnit(c.capacity_kw, c.setpoint) for c in plant.coolers}
        self.air = physics.Air([22.0, 22.1])
        self.power = {d.name: physics.PowerState(d.boot_s) for d in plant.devices}
        servers = [d.name for d in plant.devices if d.kind == "server"]
        self.hosts = {name: hosts.build(name, i, self.random) for i, name in enumerate(servers)}
        self.noise = {d.name: 0.0 for d in plant.devices}
        self.up = {d.name: True for d in plant.devices}
        self.reached: set[str] = set(self.up)
        self.boots = dict.fromkeys(self.devices, 3)  # how often each has started, ever
        self._booted_at = {d.name: -self.random.uniform(8, 60) * 86_400 for d in plant.devices}
        self.on_step: Callable[[float], None] | None = None
        self._step(0.0)

    # -- time -----------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The room's time, UTC."""
        return datetime.fromtimestamp(self.start.timestamp() + self.now_s, UTC)

    def advance(self, seconds: float) -> None:
        """Let time pass, in steps of at most a second."""
        while seconds > 1e-6:
            step = min(STEP_S, seconds)
            self._step(step)
            if self.on_step is not None:
                self.on_step(step)
            seconds -= step

    @property
    def share(self) -> float:
        """How much of the mean load the hour asks for: most in the early afternoon, least at night."""
        hour = (self.start.timestamp() + self.now_s + 8 * 3600) / 3600 % 24
        return 1.0 + 0.18 * math.sin((hour - 8.5) / 24 * 2 * math.pi)

    def uptime_s(self, name: str) -> float:
        """Seconds since a device last booted."""
        return self.now_s - self._booted_at[name]

    # -- power ----------------------------------------------------------------------------------

    def feeds(self, name: str) -> bool:
        """Whether power comes out of a feed, panel, UPS, PDU or switch."""
        if name in self.mains:
            return self.mains[name]
        if name in self.breakers:
            return self.breakers[name] and any(self.feeds(source) for source in self.devices[name].power)
        if name in self.supplies:
            return self.supplies[name].output_live
        return self.up[name]

    def powered(self, device: Device) -> bool:
        """Whether a device has any living supply. A UPS lives while it has input or charge."""
        if device.name in self.supplies:
            supply = self.supplies[device.name]
            return supply.output_live or supply.input_live
        return any(self.feeds(source) for source in device.power)

    def alive(self, name: str) -> bool:
        """Whether a question reaches a device and it can answer."""
        return self.up[name] and name in self.reached

    def pdu_load_w(self, name: str) -> float:
        """What a PDU delivers: each of its devices shares its draw over its living cords."""
        total = 0.0
        for device in self.plant.devices:
            if name in device.power and self.up[device.name]:
                living = sum(self.feeds(source) for source in device.power)
                total += self.draw_w(device) / max(living, 1)
        return total if self.feeds(name) else 0.0

    def draw_w(self, device: Device) -> float:
        """A device's intake now, W: follows the processors of a server, moves a little otherwise."""
        host = self.hosts.get(device.name)
        factor = 0.75 + host.busy if host else 1 + 0.04 * self.noise[device.name]
        return device.draws_w * factor

    def _ups_load_kw(self, name: str) -> float:
        rating = next(u for u in self.plant.upses if u.device == name)
        partner = next(u for u in self.plant.upses if u.device == rating.partner)
        own = rating.hosted_kw * self.share * (1 + 0.01 * self.noise[name])
        if not self.supplies[partner.device].output_live:
            own += partner.hosted_kw * TRANSFER_SHARE * self.share * 0.6
        downstream = sum(
            self.pdu_load_w(d.name) for d in self.plant.devices if d.kind == "pdu" and name in d.power
        )
        return own + downstream / 1000

    # -- air ------------------------------------------------------------------------------------

    def heat_kw(self, zone: int) -> float:
        """What the racks of a zone give off, kW: zone 1 hosts somewhat less than zone 2."""
        carried = sum(s.load_kw for s in self.supplies.values())
        return carried * (0.46 if zone == 1 else 0.54)

    def intake_c(self, zone: int) -> float:
        """The air the racks of a zone take in, Celsius."""
        return self.air.zones[zone - 1]

    def hot_c(self, zone: int) -> float:
        """The air behind the racks of a zone, Celsius."""
        return physics.hot_aisle_c(self.intake_c(zone), self.heat_kw(zone))

    def return_c(self, unit: str) -> float:
        """The air that comes back to a cooling unit, Celsius."""
        return self.hot_c(self.devices[unit].zone) - 2.5

    def supply_c(self, unit: str) -> float:
        """The air a cooling unit blows out, Celsius."""
        zone = self.devices[unit].zone
        return self.coolers[unit].supply_c(self.intake_c(zone), self.return_c(unit)) + 0.1 * self.noise[unit]

    # -- the step -------------------------------------------------------------------------------

    def _step(self, seconds: float) -> None:
        self.now_s += seconds
        for name in self.noise:
            pulled = self.noise[name] * (1 - min(1.0, seconds / 30))
            self.noise[name] = pulled + self.random.gauss(0, 0.25) * math.sqrt(min(seconds, 1.0))
        self._step_power(seconds)
        self._step_air(seconds)
        self.network.step(seconds, self.now_s, self.up, self.share)
        self.reached = self.network.reachable(WATCHER, self.up)
        for name, host in self.hosts.items():
            if self.up[name]:
                host.step(seconds, self.now_s, self.share)

    def _step_power(self, seconds: float) -> None:
        for ups in self.plant.upses:
            self.supplies[ups.device].step(
                seconds,
                input_live=any(self.feeds(source) for source in self.devices[ups.device].power),
                load_kw=self._ups_load_kw(ups.device),
                pace=self.battery_pace,
            )
        for device in self.plant.devices:
            state = self.power[device.name]
            state.step(
                seconds, powered=self.powered(device), tripped=self._too_hot(device, state), now_s=self.now_s
            )
            if self.up[device.name] != state.up:
                self.up[device.name] = state.up
                if state.up:
                    self._booted_at[device.name] = self.now_s
                    self.boots[device.name] += 1
                    if device.name in self.hosts:
                        self.hosts[device.name].restarted()

    def _too_hot(self, device: Device, state: physics.PowerState) -> bool:
        if device.kind != "server" or not device.zone:
            return False
        return self.intake_c(device.zone) > (RETURN_C if state.tripped else SHUTDOWN_C)

    def _step_air(self, seconds: float) -> None:
        cooling = [0.0, 0.0]
        for spec in self.plant.coolers:
            unit = self.coolers[spec.device]
            cooling[spec.zone - 1] += unit.step(
                seconds,
                live=self.feeds(spec.power),
                zone_c=self.intake_c(spec.zone),
                target_c=22.0,
            )
        heat = [self.heat_kw(1), self.heat_kw(2)]
        self.air.step(seconds * self.air_pace, heat_kw=heat, cooling_kw=cooling)

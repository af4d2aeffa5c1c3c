"""The physics of the room: batteries, cooling units and air, each a small state and its step.

Steps are pure in time: they take the seconds that pass, and what stands around them. Units are
SI but for kW, kWh and Celsius. The figures are of a room of 114 kW, chosen so that a zone that
loses its cooling warms by about half a degree a minute.
"""

from dataclasses import dataclass

LOW_MINUTES = 5.0  # the run time at which a UPS calls its battery low
DEPLETED = 0.01  # the share of charge below which the inverter stops
HEAT_CAPACITY_KJ_PER_K = 6800.0  # of a zone: air, racks, floor
EXCHANGE_KW_PER_K = 1.2  # heat that passes between the zones
AMBIENT_KW_PER_K = 0.25  # heat that passes through the walls of a zone
AMBIENT_C = 26.0
AIRFLOW_KW_PER_K = 7.0  # heat that the fans of the racks carry per degree between the aisles


@dataclass
class Battery:
    """The battery of a UPS. `charge` is the share of the usable energy that is left, 0 to 1."""

    energy_kwh: float
    charge: float = 1.0
    charger_kw: float = 6.0

    def minutes_left(self, load_kw: float) -> float:
        """How long it carries a load, in minutes."""
        return self.charge * self.energy_kwh / max(load_kw, 0.1) * 60

    def step(self, seconds: float, *, discharging: bool, load_kw: float) -> None:
        """Give the load's energy, or take the charger's; the last tenth charges ever slower."""
        if discharging:
            self.charge -= load_kw * seconds / 3600 / self.energy_kwh
        elif self.charge < 1:
            taper = min(1.0, (1.02 - self.charge) / 0.12)
            self.charge += self.charger_kw * taper * seconds / 3600 / self.energy_kwh
        self.charge = min(max(self.charge, 0.0), 1.0)


@dataclass
class Supply:
    """A double-conversion UPS: the output holds while there is input or charge."""

    battery: Battery
    rated_kw: float
    input_live: bool = True
    output_live: bool = True
    load_kw: float = 0.0
    on_battery_s: float = 0.0
    restart_s: float = 0.0

    @property
    def on_battery(self) -> bool:
        """The inverter lives from the battery now."""
        return self.output_live and not self.input_live

    def step(self, seconds: float, *, input_live: bool, load_kw: float, pace: float) -> None:
        """Advance the UPS.

        Args:
            seconds: that pass.
            input_live: whether mains stands at its input.
            load_kw: what hangs on its output.
            pace: how many times faster than in life the battery drains and charges.
        """
        self.input_live = input_live
        self.load_kw = load_kw if self.output_live else 0.0
        if input_live:
            self.on_battery_s = 0.0
            self._restart(seconds)
            self.battery.step(seconds * pace, discharging=False, load_kw=0.0)
        elif self.output_live:
            self.on_battery_s += seconds
            self.battery.step(seconds * pace, discharging=True, load_kw=load_kw)
            if self.battery.charge <= DEPLETED:
                self.output_live = False
                self.restart_s = 10.0

    def _restart(self, seconds: float) -> None:
        """The output returns ten seconds after the mains, not at once."""
        if not self.output_live:
            self.restart_s -= seconds
            self.output_live = self.restart_s <= 0


@dataclass
class CoolingUnit:
    """A precision cooling unit that holds its supply air at the set point.

    `effort` is the share of its capacity in use, 0 to 1. A unit that starts waits for its
    compressor half a minute; one with a tripped compressor only moves air.
    """

    capacity_kw: float
    setpoint: float
    live: bool = True
    compressor_fault: bool = False
    effort: float = 0.5
    start_s: float = 0.0
    stopped_s: float = 0.0

    @property
    def cooling(self) -> bool:
        """The compressor works."""
        return self.live and not self.compressor_fault and self.start_s <= 0

    def step(self, seconds: float, *, live: bool, zone_c: float, target_c: float) -> float:
        """Advance by some seconds.

        Returns:
            The heat it carries away, kW.
        """
        if live and not self.live:
            self.start_s = 30.0
        self.live = live
        self.start_s = max(0.0, self.start_s - seconds) if live else 0.0
        self.stopped_s = 0.0 if live else self.stopped_s + seconds
        if not self.cooling:
            self.effort = 0.0
            return 0.0
        wanted = min(1.0, max(0.12, 0.6 + 0.35 * (zone_c - target_c)))
        self.effort += (wanted - self.effort) * min(1.0, seconds / 20)
        return self.effort * self.capacity_kw

    def supply_c(self, zone_c: float, return_c: float) -> float:
        """The air it blows out, Celsius."""
        if not self.cooling:
            return return_c - 0.3
        return self.setpoint + max(0.0, zone_c - 24.0) * 0.5


@dataclass
class Air:
    """The air of the two zones, as the racks take it in, Celsius, and the room's humidity, %."""

    zones: list[float]
    humidity: float = 46.0

    def step(self, seconds: float, *, heat_kw: list[float], cooling_kw: list[float]) -> None:
        """Warm by the heat, cool by the units, exchange with the other zone and the walls."""
        first, second = self.zones
        passed = EXCHANGE_KW_PER_K * (first - second)
        for index, exchanged in enumerate((-passed, passed)):
            lost = AMBIENT_KW_PER_K * max(0.0, self.zones[index] - AMBIENT_C)
            net = heat_kw[index] - cooling_kw[index] + exchanged - lost
            self.zones[index] += net * seconds / HEAT_CAPACITY_KJ_PER_K
        mean = sum(self.zones) / 2
        target = 46.0 - (mean - 22.0) * 1.6  # warmer air of the same moisture is drier
        self.humidity += (target - self.humidity) * min(1.0, seconds / 300)


def hot_aisle_c(zone_c: float, heat_kw: float) -> float:
    """The air behind the racks of a zone, Celsius."""
    return zone_c + heat_kw / AIRFLOW_KW_PER_K


@dataclass
class PowerState:
    """A device between power and its first answer. `left_s` counts down its boot."""

    boot_s: float
    powered: bool = True
    tripped: bool = False  # it has shut itself down for heat
    left_s: float = 0.0
    up_since_s: float = 0.0

    @property
    def up(self) -> bool:
        """It works."""
        return self.powered and not self.tripped and self.left_s <= 0

    def step(self, seconds: float, *, powered: bool, tripped: bool, now_s: float) -> None:
        """Advance: power that comes back, or heat that goes, starts a boot."""
        if (powered and not self.powered) or (powered and self.tripped and not tripped):
            self.left_s, self.up_since_s = self.boot_s, now_s
        self.powered, self.tripped = powered, tripped
        if powered:
            self.left_s = max(0.0, self.left_s - seconds)

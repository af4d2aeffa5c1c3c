import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.playback import physics
from tests.playback.living_room import quiet_stage

LOADS = st.floats(1.0, 108.0)
STEPS = st.floats(0.1, 60.0)


@settings(deadline=None)
@given(loads=st.lists(LOADS, min_size=1, max_size=40), step=STEPS)
def test_charge_never_rises_on_battery(loads: list[float], step: float) -> None:
    battery = physics.Battery(30.5, charge=0.9)
    for load in loads:
        before = battery.charge
        battery.step(step, discharging=True, load_kw=load)
        assert 0.0 <= battery.charge <= before


@settings(deadline=None)
@given(charge=st.floats(0.0, 1.0), steps=st.integers(1, 60))
def test_charge_never_falls_on_mains_and_never_passes_full(charge: float, steps: int) -> None:
    battery = physics.Battery(30.5, charge=charge)
    for _ in range(steps):
        before = battery.charge
        battery.step(60, discharging=False, load_kw=0)
        assert before <= battery.charge <= 1.0


@settings(deadline=None)
@given(load=LOADS)
def test_a_battery_gives_the_energy_it_holds(load: float) -> None:
    battery = physics.Battery(10.0)
    said = battery.minutes_left(load)
    minutes = 0.0
    while battery.charge > 0:
        battery.step(6, discharging=True, load_kw=load)
        minutes += 0.1
    assert minutes == pytest.approx(said, abs=0.11)


@settings(deadline=None)
@given(
    first=st.floats(15, 40),
    second=st.floats(15, 40),
    heat=st.tuples(st.floats(20, 80), st.floats(20, 80)),
    step=st.floats(0.1, 5.0),
)
def test_without_cooling_the_room_only_warms(
    first: float, second: float, heat: tuple[float, float], step: float
) -> None:
    air = physics.Air([first, second])
    for _ in range(30):
        before = sum(air.zones)
        air.step(step, heat_kw=list(heat), cooling_kw=[0.0, 0.0])
        assert sum(air.zones) > before


@settings(deadline=None)
@given(st.floats(18, 38))
def test_the_zone_without_cooling_warms_while_the_other_is_cooled(start: float) -> None:
    air = physics.Air([22.0, 22.0])
    for _ in range(int(start)):
        before = air.zones[1]
        air.step(10, heat_kw=[55.0, 60.0], cooling_kw=[55.0, 0.0])
        assert air.zones[1] > before


def test_a_quiet_room_stays_where_it_is_for_a_day() -> None:
    room = quiet_stage().room
    for _ in range(24 * 12):
        room.advance(300)
        assert all(20.5 < zone < 24 for zone in room.air.zones)
        assert all(supply.battery.charge == 1.0 for supply in room.supplies.values())
        assert all(room.up.values())


def test_the_output_returns_some_seconds_after_the_mains() -> None:
    supply = physics.Supply(physics.Battery(1.0, charge=0.02), 100.0)
    for _ in range(100):
        supply.step(1, input_live=False, load_kw=70, pace=1)
    assert not supply.output_live
    supply.step(1, input_live=True, load_kw=70, pace=1)
    assert not supply.output_live
    for _ in range(10):
        supply.step(1, input_live=True, load_kw=70, pace=1)
    assert supply.output_live


def test_a_compressor_waits_half_a_minute_after_power_returns() -> None:
    unit = physics.CoolingUnit(95, 18.2)
    unit.step(1, live=False, zone_c=25, target_c=22)
    assert unit.step(20, live=True, zone_c=25, target_c=22) == 0
    assert unit.step(11, live=True, zone_c=25, target_c=22) > 0


def test_a_server_stops_for_heat_and_comes_back_cool() -> None:
    room = quiet_stage().room
    room.air.zones[1] = 41.0
    room.advance(1)
    assert not room.up["SRV-1"]
    room.air.zones[1] = 25.0
    room.advance(1)
    assert not room.up["SRV-1"], "it boots first"
    room.advance(90)
    assert room.up["SRV-1"]
    assert room.uptime_s("SRV-1") < 90


def test_two_rooms_of_one_seed_live_alike() -> None:
    one, other = quiet_stage(7).room, quiet_stage(7).room
    one.advance(100)
    other.advance(100)
    assert one.air.zones == other.air.zones
    assert one.noise == other.noise

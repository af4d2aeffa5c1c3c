from itertools import pairwise

import pytest

from agent.playback.mibs import build
from agent.playback.scenarios import all_scenarios
from tests.playback.living_room import quiet_stage
from tests.playback.snmp_reading import integer

ON_A = {"UPS-B1-A", "PDU-B1-A1", "PDU-B1-A2", "SW-ACC-1", "SW-ACC-3", "SW-ACC-5", "SRV-3"}


def test_mains_failure_from_the_breaker_to_the_last_percent_of_charge() -> None:
    stage = quiet_stage()
    room = stage.room
    ups = build(room, room.devices["UPS-B1-A"])
    stage.start("mains_failure")
    room.advance(3)
    assert integer(ups, "1.3.6.1.2.1.33.1.4.1.0") == 5, "upsOutputSource battery within seconds"
    assert integer(ups, "1.3.6.1.2.1.33.1.3.3.1.3.1") == 0, "no input voltage"
    assert not room.coolers["CRAC-B1-2"].live
    assert room.coolers["CRAC-B1-1"].live
    assert room.alive("PDU-B1-A1"), "the PDU is on battery"
    minutes, warmth = [], []
    for _ in range(20):
        room.advance(10)
        minutes.append(integer(ups, "1.3.6.1.2.1.33.1.2.3.0"))
        warmth.append(room.intake_c(2))
    assert minutes == sorted(minutes, reverse=True)
    assert warmth == sorted(warmth)
    room.advance(80)
    silent = {name for name in room.devices if not room.alive(name)}
    assert silent >= ON_A
    assert room.alive("SW-CORE-1"), "two cords"
    assert room.alive("SRV-1"), "two cords"
    assert room.alive("UPS-B1-B")
    core = room.network.ports["SW-CORE-1"]
    assert not core[1].up, "the port to SW-ACC-1 is down"
    assert core[2].up
    room.advance(200)
    assert stage.phase == "restoring"
    back: list[str] = []
    for _ in range(900):
        room.advance(1)
        back += [name for name in ("PDU-B1-A1", "SW-ACC-1", "SRV-3") if room.alive(name) and name not in back]
        if stage.phase == "idle":
            break
    assert back == ["PDU-B1-A1", "SW-ACC-1", "SRV-3"]
    assert stage.phase == "idle"
    assert room.supplies["UPS-B1-A"].battery.charge > 0.95
    assert max(room.air.zones) < 24.5
    assert all(room.alive(name) for name in room.devices)


@pytest.mark.parametrize("name", list(all_scenarios()))
def test_each_scenario_ends_by_itself_and_leaves_the_room_well(name: str) -> None:
    stage = quiet_stage()
    stage.start(name)
    for _ in range(1800):
        stage.room.advance(1)
        if stage.phase == "idle":
            break
    _is_well(stage.room)
    assert stage.phase == "idle"
    assert [past[0] for past in stage.past] == [name]


@pytest.mark.parametrize("name", list(all_scenarios()))
def test_each_scenario_restores_when_it_is_stopped(name: str) -> None:
    stage = quiet_stage()
    stage.start(name)
    stage.room.advance(90)
    stage.stop(name)
    for _ in range(1800):
        stage.room.advance(1)
        if stage.phase == "idle":
            break
    _is_well(stage.room)


def _is_well(room: object) -> None:
    from agent.playback.room import Room

    assert isinstance(room, Room)
    assert all(room.alive(name) for name in room.devices)
    assert all(room.breakers.values())
    assert room.environment.leak_m is None
    assert all(door.state == "closed" for door in room.environment.doors.values())
    assert not room.network.down
    assert (room.battery_pace, room.air_pace) == (1.0, 1.0)
    assert all(room.network.ends(link)[0].up for link in room.network.links)


def test_a_tripped_compressor_warms_its_zone_past_27_in_three_minutes() -> None:
    stage = quiet_stage()
    room = stage.room
    crac = build(room, room.devices["CRAC-B1-1"])
    stage.start("crac_fault")
    room.advance(3)
    assert integer(crac, "1.3.6.1.4.1.29462.10.2.1.4.4.1.1.1.8560.1.1.1") == 1
    room.advance(180)
    assert room.intake_c(1) > 27
    assert room.intake_c(2) < 24


def test_a_flapping_link_goes_down_and_up_at_both_ends_and_counts_errors() -> None:
    stage = quiet_stage()
    room = stage.room
    near, far = build(room, room.devices["SW-ACC-5"]), build(room, room.devices["SW-CORE-1"])
    stage.start("link_flap")
    seen: list[int] = []
    for _ in range(120):
        room.advance(1)
        states = integer(near, "1.3.6.1.2.1.2.2.1.8.11"), integer(far, "1.3.6.1.2.1.2.2.1.8.5")
        assert states[0] == states[1]
        seen.append(states[0])
    turns = sum(a != b for a, b in pairwise(seen))
    assert turns >= 8
    assert integer(near, "1.3.6.1.2.1.2.2.1.14.11") > 1000
    assert room.alive("SW-ACC-5"), "the second uplink carries on"


def test_a_disk_fills_and_is_cleaned() -> None:
    stage = quiet_stage()
    disk = stage.room.hosts["SRV-2"].disks["/var"]
    stage.start("disk_filling")
    stage.room.advance(220)
    assert disk.share > 0.96
    stage.room.advance(510)
    assert disk.share < 0.6


def test_a_forced_door_is_told_by_contact_and_controller() -> None:
    stage = quiet_stage()
    room = stage.room
    stage.start("door_forced")
    room.advance(5)
    assert integer(build(room, room.devices["ENV-B1-1"]), "1.3.6.1.4.1.3854.3.5.27.1.6.0.4.0.0") == 6
    assert room.environment.events[0]["event"] == "door_forced"
    assert room.environment.motion


def test_a_leak_is_told_with_its_place() -> None:
    stage = quiet_stage()
    room = stage.room
    before = room.air.humidity
    stage.start("leak")
    room.advance(60)
    env = build(room, room.devices["ENV-B1-1"])
    assert integer(env, "1.3.6.1.4.1.3854.3.5.21.1.6.0.3.0.0") == 4
    assert integer(env, "1.3.6.1.4.1.3854.3.5.21.1.4.0.3.0.0") == 1
    assert room.air.humidity > before


def test_the_timetable_plays_one_after_another() -> None:
    stage = quiet_stage()
    stage.auto, stage.idle_gap_s = True, 30.0
    stage.room.advance(3600)
    assert [name for name, _, _ in stage.past][:3] == ["mains_failure", "crac_fault", "link_flap"]


def test_a_second_scenario_ends_the_first() -> None:
    stage = quiet_stage()
    stage.start("leak")
    stage.room.advance(5)
    stage.start("door_forced")
    assert stage.room.environment.leak_m is None
    assert stage.current is not None
    assert stage.current.name == "door_forced"

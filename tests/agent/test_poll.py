import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from agent.measure import converter
from agent.poll import Poller
from agent.reading import Reading, Target, Value
from agent.transports import ber
from rules.plan import Metric, Plan, plan
from rules.profile import packaged, read, resolve
from rules.profile_form import Profile
from tests.pace import pace

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SWITCH = packaged()["if-mib-switch"]
IF, IFX = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"


class Table(asyncio.DatagramProtocol):
    """An SNMP v2c device: encoded values by OID, changed by tests as they like."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.asked = 0
        self.port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def _order(self) -> list[tuple[tuple[int, ...], str]]:
        return sorted((tuple(map(int, oid.split("."))), oid) for oid in self.values)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        at = ber.request_id_at(data)
        bulk = bytes((ber.GET_BULK,)) in data[:at]
        names, repetitions = _question(data, at)
        found: list[tuple[str, bytes]] = []
        if not bulk:
            found = [(oid, self.values.get(oid, b"\x81\x00")) for oid in names]
        for _ in range(repetitions if bulk else 0):
            for place, name in enumerate(names):
                after = [oid for key, oid in self._order() if key > tuple(map(int, name.split(".")))]
                names[place] = after[0] if after else name
                found.append((names[place], self.values[after[0]] if after else b"\x82\x00"))
        body = b"".join(ber.tlv(0x30, ber.tlv(6, ber.encode_oid(oid)) + value) for oid, value in found)
        pdu = b"\x02\x04" + data[at : at + 4] + b"\x02\x01\x00\x02\x01\x00" + ber.tlv(0x30, body)
        message = ber.tlv(0x30, b"\x02\x01\x01\x04\x06public" + ber.tlv(0xA2, pdu))
        self.transport.sendto(message, addr)  # type: ignore[attr-defined]


def _question(data: bytes, at: int) -> tuple[list[str], int]:
    """The names and max-repetitions of a question of ours."""
    repetitions = data[at + 9]
    names, place = [], data.index(b"\x06", at + 10)
    while place < len(data):
        size = data[place + 1]
        names.append(ber.decode_oid(data[place + 2 : place + 2 + size]))
        place += 2 + size + 2 + 2
    return names, repetitions


def number(tag: int, value: int) -> bytes:
    return ber.tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


@pytest.fixture
async def device() -> AsyncIterator[Table]:
    transport, table = await asyncio.get_running_loop().create_datagram_endpoint(
        Table, local_addr=("127.0.0.1", 0)
    )
    table.values = {
        "1.3.6.1.2.1.1.3.0": number(ber.TIMETICKS, 12_345),
        "1.3.6.1.2.1.1.5.0": ber.tlv(4, b"SW"),
    }
    for row, name in ((1, b"Gi0/1"), (2, b"Gi0/2"), (300, b"Vlan\x00\xff1"), (7, b"Lo0")):
        table.values |= {
            f"{IF}.3.{row}": number(2, 24 if name == b"Lo0" else 6),
            f"{IF}.7.{row}": number(2, 1),
            f"{IF}.8.{row}": number(2, 1),
            f"{IF}.10.{row}": number(ber.COUNTER32, 10 * row),
            f"{IF}.16.{row}": number(ber.COUNTER32, 20 * row),
            f"{IF}.14.{row}": number(ber.COUNTER32, 0),
            f"{IF}.20.{row}": number(ber.COUNTER32, 0),
            f"{IFX}.1.{row}": ber.tlv(4, name),
            f"{IFX}.6.{row}": number(ber.COUNTER64, 2**40 + row),
            f"{IFX}.10.{row}": number(ber.COUNTER64, 2**41 + row),
            f"{IFX}.15.{row}": number(ber.GAUGE32, 1_000),
        }
    yield table
    transport.close()


@pytest.fixture
async def poller() -> AsyncIterator[Poller]:
    one = Poller(clock=lambda: NOON)
    yield one
    await one.close()
    await asyncio.sleep(0.02)


def snmp(port: int) -> Target:
    return Target("t1", "SW", "127.0.0.1", port, {"community": "public"}, timeout_s=10.0)


def of(reading: Reading, metric: str) -> dict[str, float | None]:
    return {
        dict(one.labels).get("interface", ""): one.value for one in reading.values if one.metric == metric
    }


async def test_a_switch_is_read_by_its_profile_again_and_again(poller: Poller, device: Table) -> None:
    whole = plan(SWITCH)
    for poll in range(6):
        reading = await poller.poll(snmp(device.port), whole)
        assert reading.up, reading.detail
        assert of(reading, "device_uptime_seconds") == {"": 123.45}
        assert of(reading, "interface_receive_bytes_total") == {
            "Gi0/1": 2**40 + 1 + poll,
            "Gi0/2": 2**40 + 2,
            "Vlan\ufffd\ufffd1": 2**40 + 300,
        }
        assert of(reading, "interface_speed_bits_per_second")["Gi0/2"] == 1e9
        assert "Lo0" not in of(reading, "interface_status")
        device.values[f"{IFX}.6.1"] = number(ber.COUNTER64, 2**40 + 2 + poll)


async def test_a_renamed_port_and_a_new_one_are_seen_at_once(poller: Poller, device: Table) -> None:
    whole = plan(SWITCH)
    for _ in range(4):
        await poller.poll(snmp(device.port), whole)
    device.values[f"{IFX}.1.2"] = ber.tlv(4, b"Gi0/9")
    reading = await poller.poll(snmp(device.port), whole)
    assert of(reading, "interface_status").keys() >= {"Gi0/1", "Gi0/9"}
    assert "Gi0/2" not in of(reading, "interface_status")
    for oid in [one for one in device.values if one.endswith(".1") and one.startswith((IF, IFX))]:
        device.values[f"{oid[:-2]}.301"] = device.values[oid]
    device.values[f"{IFX}.1.301"] = ber.tlv(4, b"Gi1/1")
    reading = await poller.poll(snmp(device.port), whole)
    assert "Gi1/1" in of(reading, "interface_status")


async def test_the_32_bit_counter_counts_where_there_is_no_other(poller: Poller, device: Table) -> None:
    del device.values[f"{IFX}.6.2"]
    for _ in range(4):
        reading = await poller.poll(snmp(device.port), plan(SWITCH))
        assert of(reading, "interface_receive_bytes_total")["Gi0/2"] == 20
        assert of(reading, "interface_receive_bytes_total")["Gi0/1"] == 2**40 + 1


async def test_an_identity_is_asked_for_only_when_wanted(poller: Poller, device: Table) -> None:
    device.values["1.3.6.1.2.1.1.1.0"] = ber.tlv(4, b"Cisco <script>alert(1)</script>\x00\xff")
    reading = await poller.poll(snmp(device.port), plan(SWITCH, identify=True))
    assert reading.identity["name"] == "SW"
    assert reading.identity["description"] == "Cisco <script>alert(1)</script>\ufffd\ufffd"
    assert (await poller.poll(snmp(device.port), plan(SWITCH))).identity == {}


SCALED = """profile: scaled
transport: snmp
identity:
  serial: {column: 1.3.6.1.4.1.64999.1.1}
  model: {join: [{oid: 1.3.6.1.4.1.64999.3.0}, {value: mark 2}]}
poll:
  metrics:
    box_celsius: {oid: 1.3.6.1.4.1.64999.4.0, factor: [{oid: 1.3.6.1.4.1.64999.5.0, as: decimals}]}
  tables:
    - name: sensors
      labels: {sensor: {oid: 1.3.6.1.4.1.64999.2.1}}
      where: {sensor: {oid: 1.3.6.1.4.1.64999.2.1, matches: "^in"}}
      metrics:
        box_volts: {oid: 1.3.6.1.4.1.64999.2.2, factor: [{oid: 1.3.6.1.4.1.64999.2.3, as: si}]}
        box_light_dbm: {oid: 1.3.6.1.4.1.64999.2.4, scale: 0.001, transform: dbm}
"""


async def test_a_value_is_scaled_by_its_neighbour_also_when_that_changes(
    poller: Poller, device: Table
) -> None:
    maker, whole = "1.3.6.1.4.1.64999", plan(read(SCALED, "scaled.yaml"), identify=True)
    device.values |= {
        f"{maker}.1.1.1": ber.tlv(4, b""), f"{maker}.1.1.2": ber.tlv(4, b"SN7"),
        f"{maker}.3.0": ber.tlv(4, b"Box"),
        f"{maker}.4.0": number(2, 234), f"{maker}.5.0": number(2, 1),
    }  # fmt: skip
    rows = ((1, b"in 1", 12_000, 8, 1_000), (2, b"in 2", 12, 9, 0), (3, b"out", 5, 9, 9))
    for row, name, value, si, light in rows:
        device.values[f"{maker}.2.1.{row}"] = ber.tlv(4, name)
        for column, raw in ((2, value), (3, si), (4, light)):
            device.values[f"{maker}.2.{column}.{row}"] = number(2, raw)
    for decimals, wanted in ((1, 23.4), (1, 23.4), (2, 2.34)):
        device.values[f"{maker}.5.0"] = number(2, decimals)
        reading = await poller.poll(snmp(device.port), whole)
        told = {(one.metric, dict(one.labels).get("sensor")): one.value for one in reading.values}
        assert told.pop(("box_celsius", None)) == pytest.approx(wanted)
        assert told == {
            ("box_volts", "in 1"): 12,
            ("box_volts", "in 2"): 12,
            ("box_light_dbm", "in 1"): 0,
            ("box_light_dbm", "in 2"): None,
        }
        assert reading.identity == {"serial": "SN7", "model": "Box mark 2"}


async def test_silence_is_a_reading(poller: Poller, unused_udp_port: int) -> None:
    target = Target("t1", "x", "127.0.0.1", unused_udp_port, {"community": "public"}, timeout_s=0.5)
    short = Plan("p", "snmp", "other", timeout_s=0.5, scalars=(Metric("a", oids=("1.3.6.1.2.1.1.3.0",)),))
    async with pace() as taken:
        reading = await poller.poll(target, short)
    assert (reading.up, reading.reason) == (False, "no_answer")
    assert taken.seconds < 2


@pytest.mark.parametrize(
    ("transport", "credential", "params", "reason"),
    [
        ("snmp", {"version": "9"}, {}, "configuration"),
        ("tcp", {}, {}, "configuration"),
        ("modbus", {}, {"unit": 300}, "configuration"),
        ("ssh", {}, {}, "configuration"),
        ("http", {}, {"scheme": "file"}, "configuration"),
        ("http", {}, {}, "refused"),
    ],
)
async def test_no_target_makes_the_poller_raise(
    poller: Poller,
    unused_tcp_port: int,
    *,
    transport: str,
    credential: dict[str, str],
    params: dict[str, str],
    reason: str,
) -> None:
    port = unused_tcp_port if reason == "refused" else 0
    target = Target("t1", "x", "127.0.0.1", port, dict(credential), dict(params), timeout_s=0.5)
    asked = Plan("p", transport, "other", timeout_s=0.5, scalars=(Metric("a", reading="status"),))  # type: ignore[arg-type]
    assert (await poller.poll(target, asked)).reason == reason


CAMERA = """
profile: room-sensor
ci_class: sensor
transport: http
identity:
  serial: {json: /serial}
poll:
  http: /status.json
  metrics:
    room_temperature_celsius: {json: /t, low: -40, high: 80, dead: [-127]}
    door_state: {json: /door, states: {open: open, shut: shut}}
    http_response_seconds: {reading: response_seconds}
    room_pressure_pascals: {json: /nowhere}
  tables:
    - name: fans
      json: /fans
      labels: {fan: {json: /name}}
      where: {fitted: {json: /fitted, is: [1]}}
      metrics:
        fan_speed_rpm: {json: /rpm}
"""


def profile(text: str) -> Profile:
    one = read(text, "test.yaml")
    return resolve(one, {})


async def test_a_json_page_is_read_by_its_profile(poller: Poller) -> None:
    said = {"t": 23.5, "door": "open", "serial": "A-1", "fans": [
        {"name": "a", "rpm": 900, "fitted": 1}, {"name": "b", "rpm": 0, "fitted": 0},
        {"name": "a", "rpm": "oops", "fitted": 1}]}  # fmt: skip

    async def page(_: web.Request) -> web.Response:
        return web.json_response(said)

    app = web.Application()
    app.router.add_get("/status.json", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    target = Target("t1", "x", "127.0.0.1", runner.addresses[0][1])
    whole = plan(profile(CAMERA), identify=True)
    reading = await poller.poll(target, whole)
    values = {(one.metric, one.labels): one for one in reading.values}
    assert reading.identity == {"serial": "A-1"}
    assert values["room_temperature_celsius", ()].value == 23.5
    assert values["door_state", ()].raw == "open"
    assert values["room_pressure_pascals", ()].reason == "no_such"
    assert values["fan_speed_rpm", (("fan", "a"),)].value == 900
    assert values["fan_speed_rpm", (("fan", "a"), ("row", "2"))].reason == "not_a_number"
    assert len([one for one in reading.values if one.metric == "fan_speed_rpm"]) == 2
    said["t"] = -127
    reading = await poller.poll(target, whole)
    assert reading.values[0].reason == "dead"
    await runner.cleanup()


async def test_this_machine_is_a_target_too(poller: Poller) -> None:
    metrics = (Metric("host_memory_used_ratio", reading="memory_used_ratio", low=0, high=1),)
    reading = await poller.poll(Target("host", "me", ""), Plan("p", "host", "server", scalars=metrics))
    assert reading.up
    assert reading.values[0].reason == ""


@given(st.one_of(st.integers(), st.floats(), st.binary(max_size=60), st.text(max_size=60), st.none()))
def test_whatever_a_device_says_becomes_a_finite_value_or_a_reason(
    raw: float | bytes | str | None,
) -> None:
    measured = converter(Metric("m", scale=0.1, low=-1e6, high=1e6, dead=frozenset({65_535.0})))
    state = converter(Metric("s", states={"1": 1, "up": 2}))
    for value in (measured(raw, ()), state(raw, ())):
        assert isinstance(value, Value)
        assert (value.value is None) <= bool(value.reason)
        if value.value is not None:
            assert value.value == value.value
            assert abs(value.value) != float("inf")
        if isinstance(value.raw, str):
            assert "\x00" not in value.raw

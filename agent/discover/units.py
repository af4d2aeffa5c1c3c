"""Units as devices write them, behind a number or in a column beside it; what sensors can show in them."""

import re
from typing import NamedTuple

NUMBER = re.compile(r"([-+]?\d{1,12}(?:\.\d{1,9})?(?:[eE][-+]?\d{1,3})?)\s*([^\d\s].{0,9})?")
UNIT_OF = {  # what each kind of reading is told in
    "temperature": "C",
    "voltage": "V",
    "current": "A",
    "power": "W",
    "power_consumed": "kWh",
    "frequency": "Hz",
    "load": "%",
    "charge": "%",
    "humidity": "%",
    "percent": "%",
    "runtime": "min",
    "fanspeed": "rpm",
    "dbm": "dBm",
    "signal": "dBm",
    "snr": "dB",
    "pressure": "kPa",
    "delay": "s",
    "waterflow": "l/min",
    "airflow": "cfm",
    "tv_signal": "dBmV",
    "bitrate": "bps",
}
PLAUSIBLE = {
    "temperature": (-45.0, 130.0),
    "humidity": (0.0, 100.0),
    "frequency": (0.0, 500.0),
    "charge": (0.0, 100.0),
    "load": (0.0, 200.0),
    "percent": (0.0, 100.0),
    "voltage": (-500.0, 1_000.0),
    "current": (-1_000.0, 4_000.0),
    "dbm": (-60.0, 40.0),
    "fanspeed": (0.0, 40_000.0),
}
NOTHING = frozenset(
    {-999, -9999, -32768, 32767, 65535, 2147483647, -2147483648, 4294967295, -32767, 2147483646}
)
LIGHT = frozenset("rx tx optical laser light receive transmit input output".split())
LIGHT_W = 0.05  # no transceiver sends more


class Unit(NamedTuple):
    """What a unit measures, and its factor to the kind's own unit."""

    kind: str
    factor: float = 1.0
    fahrenheit: bool = False


_SPELLED: tuple[tuple[Unit, str], ...] = (
    (Unit("temperature"), "c degc celsius degreec degreesc degcelsius degreescelsius celcius cel"),
    (Unit("temperature", fahrenheit=True), "f degf fahrenheit degreesf degreesfahrenheit"),
    (Unit("humidity"), "rh %rh %rf percentrh relativehumidity %humidity"),
    (Unit("voltage"), "v vac vdc volt volts voltage vrms"),
    (Unit("voltage", 1e-3), "mv millivolt millivolts mvdc"),
    (Unit("current"), "a amp amps ampere amperes aac adc arms"),
    (Unit("current", 1e-3), "ma milliamp milliamps milliampere"),
    (Unit("power"), "w watt watts va volt-amps"),
    (Unit("power", 1e3), "kw kva kilowatt kilowatts"),
    (Unit("power_consumed"), "kwh"),
    (Unit("power_consumed", 1e-3), "wh"),
    (Unit("frequency"), "hz hertz"),
    (Unit("fanspeed"), "rpm"),
    (Unit("dbm"), "dbm"),
    (Unit("snr"), "db"),
    (Unit("tv_signal"), "dbmv dbuv"),
    (Unit("pressure"), "kpa"),
    (Unit("pressure", 1e-3), "pa"),
    (Unit("pressure", 0.1), "hpa mbar"),
    (Unit("pressure", 100.0), "bar"),
    (Unit("waterflow"), "l/min lpm"),
    (Unit("airflow"), "cfm"),
    (Unit("runtime"), "min mins minute minutes"),
)
UNITS = {word: unit for unit, words in _SPELLED for word in words.split()}


def unit_of(text: str) -> Unit | None:
    """The unit that a text names, whole; None where it names none.

    Signs of degrees and case do not count, so `mW` and `MW` are not told apart, and not taken.
    """
    plain = re.sub(r"[\s°º_.\u00c2]|^\[|\]$", "", text.strip()).lower()
    return UNITS.get(plain.removeprefix("deg.")) if plain else None

"""Modbus TCP: a cooling unit with a Liebert iCOM controller. Read only.

Source: Modbus application protocol 1.1b3; registers from Emerson "Modbus 485 and Modbus IP
Protocols, Thermal Management Products", table for iCOM (input 3xxxx, holding 4xxxx, both 1-based).
"""

import asyncio
import contextlib
import struct
from collections.abc import Callable

from agent.playback.plant import Device
from agent.playback.room import Room

READ_HOLDING, READ_INPUT = 3, 4
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
MAX_WORDS = 125
IDLE_S = 300.0
AIR_UNIT = 2  # server class of register 30257
Registers = dict[int, Callable[[], float]]  # wire address, counted from 0 -> value as the wire carries it


def icom(room: Room, device: Device) -> Registers:
    """The unit's registers; temperatures and humidity carry one decimal.

    Highest and lowest "of today" follow the present value: the room's day is as short as its faults.
    """
    unit = room.coolers[device.name]
    back, supply = room.return_c, room.supply_c
    name = device.name
    hours = 18_230.0

    def moisture() -> float:
        return room.air.humidity

    numbers: Registers = {
        30130: lambda: moisture() * 8.8,
        30141: lambda: hours + room.now_s / 3600,
        30142: lambda: hours * 0.61 + room.now_s / 7200,
        30143: lambda: hours * 0.37,
        30144: lambda: 940,
        30151: lambda: (back(name) + 1.1) * 10,
        30153: lambda: (back(name) - 1.6) * 10,
        30155: lambda: (moisture() + 3) * 10,
        30157: lambda: (moisture() - 4) * 10,
        30257: lambda: AIR_UNIT,
        30263: lambda: 32,
        30264: lambda: 46,
        30444: lambda: supply(name) * 10,
        30451: lambda: 45 + 50 * unit.effort if unit.live else 0,
        30452: lambda: unit.effort * 100,
        30453: lambda: 0,
        30454: lambda: 0,
        30455: lambda: 0,
    }
    return {number - 30001: value for number, value in numbers.items()}


def answer(registers: Registers, pdu: bytes) -> bytes:
    """The response PDU to a request PDU. A block answers 0 for registers it does not have."""
    function = pdu[0] if pdu else 0
    if function not in (READ_HOLDING, READ_INPUT):
        return bytes((function | 0x80, ILLEGAL_FUNCTION))
    if len(pdu) != 5:
        return bytes((function | 0x80, ILLEGAL_VALUE))
    first, count = struct.unpack(">HH", pdu[1:])
    if not 1 <= count <= MAX_WORDS:
        return bytes((function | 0x80, ILLEGAL_VALUE))
    wanted = range(first, first + count)
    if not any(address in registers for address in wanted):
        return bytes((function | 0x80, ILLEGAL_ADDRESS))
    words = [int(registers[a]()) & 0xFFFF if a in registers else 0 for a in wanted]
    return bytes((function, 2 * count)) + struct.pack(f">{count}H", *words)


class ModbusServer:
    """One unit's TCP door. Any unit id is answered; without power nothing is."""

    def __init__(self, registers: Registers, alive: Callable[[], bool]) -> None:
        self._registers = registers
        self._alive = alive

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it ends or is idle for five minutes."""
        with contextlib.suppress(TimeoutError, ConnectionError, asyncio.IncompleteReadError):
            while True:
                async with asyncio.timeout(IDLE_S):
                    header = await reader.readexactly(7)
                    transaction, protocol, length, unit = struct.unpack(">HHHB", header)
                    if protocol != 0 or not 2 <= length <= 254:
                        break
                    pdu = await reader.readexactly(length - 1)
                if self._alive():
                    said = answer(self._registers, pdu)
                    writer.write(struct.pack(">HHHB", transaction, 0, len(said) + 1, unit) + said)
                    await writer.drain()

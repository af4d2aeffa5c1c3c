"""Made faults for the bench of learning: how alerts and people tell of them, and what is written about them.

Each fault has an article that mends it and two that only sound like it. Half of those that mend share words
with what is told, the others tell what engineers measured: that gap is what a desk learns to bridge.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """A fault that recurs.

    Args:
        rule, symptom, ci_class: of its alert; `alert` is what that says.
        mends: title and symptom of the article that helps.
        beside: the same of articles that sound like it and do not help.
        taught: how people tell of it while the desk learns.
        asked: how others tell of it afterwards.
        language: of all these texts.
    """

    rule: str
    symptom: str
    ci_class: str
    alert: str
    mends: tuple[str, str]
    beside: tuple[tuple[str, str], ...]
    taught: tuple[str, str, str]
    asked: tuple[str, ...]
    language: str = "en"


FAULTS = (
    Fault(
        "SupplyAirWarm", "heat", "air_conditioner", "{ci}: supply air is too warm",
        ("Supply air too warm: coil blocked by fluff", "The hall is hot; high condensing pressure."),
        (
            ("Supply air too warm: raise the setpoint", "Supply air is too warm after a change of setpoint."),
            ("Air is too warm in the aisle: blanking panels", "Warm air recirculates above open rack units."),
        ),
        ("It is hot again in the north hall", "Sweating in front of row 4, cold air is missing",
         "The north hall feels like a sauna since lunch"),
        ("Row 4 is hot, no cold air", "Hall north feels hot", "Sauna in row 4 after lunch again",
         "Cold air is missing in the hall"),
    ),
    Fault(
        "BatteryStringWeak", "power", "ups", "{ci}: battery test failed",
        ("Loose inter-cell strap in a string", "One block reads low under load, the others are even."),
        (
            ("Battery test failed: repeat the test", "The battery test failed, the load was too small."),
            ("Battery failed to charge: charger fuse", "The batteries do not charge after work on the UPS."),
        ),
        ("The cabinet with the accumulators beeps every minute", "Beeping from the accumulator cabinet",
         "Orange lamp and beep at the backup supply"),
        ("Accumulator cabinet beeps", "Orange lamp at the backup supply",
         "It beeps every minute near the accumulators", "Backup supply shows an orange lamp"),
    ),
    Fault(
        "LinkErrorsHigh", "port", "switch", "{ci}: errors on an uplink",
        ("Errors on an uplink: bent patch cord", "Copies crawl; CRC counters rise at times."),
        (
            ("Uplink errors: clear the counters", "Errors on an uplink from long ago are still shown."),
            ("Errors on an uplink: change the optics", "The uplink shows low receive light and errors."),
        ),
        ("File copies crawl and stop in building C", "Copying drawings takes hours in building C",
         "Everything crawls in building C when somebody is in the closet"),
        ("Copying files crawls in building C", "Drawings take hours to open, building C",
         "Slow copies in building C today", "Copies stop half way in building C"),
    ),
    Fault(
        "MeetingDisplayOffline", "unreachable", "device", "{ci}: does not answer",
        ("Standby by infrared of the cleaning robot", "Off every evening at the same minute."),
        (
            ("Display does not answer: reboot the switch", "A display does not answer after a power cut."),
            ("Device does not answer: address conflict", "Two devices answer at the same address."),
        ),
        ("The big screen in the board room is black", "Board room: no picture on the wall",
         "Black screen again before the evening meeting"),
        ("No picture in the board room", "Big screen stays black", "Wall in the board room is black",
         "Black screen before our meeting"),
    ),
    Fault(
        "QueueBacklog", "service", "middleware", "{ci}: messages wait too long",
        ("Messages wait: poison record", "Orders do not reach the warehouse; a consumer restarts."),
        (
            ("Messages wait too long: add a consumer", "Messages wait while many orders come at once."),
            ("Messages are too long for the broker", "Long messages are refused and wait with the sender."),
        ),
        ("Orders from this morning do not reach the warehouse", "Warehouse sees no new orders",
         "Pickers stand idle, nothing arrives on their tablets"),
        ("Orders do not reach the warehouse", "Nothing new on the tablets of the pickers",
         "Warehouse: orders of this morning missing", "Pickers are idle again"),
    ),
    Fault(
        "DiskLatencyHigh", "disk", "disk_array", "{ci}: latency of a volume is high",
        ("Snapshot chain never merged", "Reads walk through forty layers of deltas."),
        (
            ("Volume latency is high during the backup", "High latency of a volume while a backup runs."),
            ("High latency: replace a slow disk", "One disk of the volume answers slower than the others."),
        ),
        ("The payroll program hangs for half a minute", "Payroll freezes when a payslip is opened",
         "Opening a payslip takes for ever"),
        ("Payroll hangs", "Payslip does not open, program freezes", "For ever waiting for a payslip",
         "Payroll freezes half a minute"),
    ),
    Fault(
        "DoorHeldOpen", "security", "access_control", "{ci}: door held open",
        ("Door held open: closer arm rubs", "The gate does not fall shut; the leaf stops a finger short."),
        (
            ("Door held open by a delivery", "A door is held open while goods are delivered."),
            ("Door contact reports open: magnet lost", "The contact says open though the door is shut."),
        ),
        ("The gate to the vault does not fall shut", "Vault: one has to push the gate",
         "Gate at the vault stays ajar behind me"),
        ("Vault gate stays ajar", "One has to push the gate at the vault", "Gate does not fall shut",
         "The gate behind me stays ajar, vault"),
    ),
    Fault(
        "TimeDrift", "service", "server", "{ci}: clock is off by seconds",
        ("Hypervisor pauses the guest for its copies", "Jumps by seconds at the full hour, then slews."),
        (
            ("Clock is off: set the time zone", "The clock is off by whole hours."),
            ("Clock off by seconds: battery of the board", "The clock is off by seconds after a power cut."),
        ),
        ("Badge times and camera times do not agree", "Guard says the camera is behind the badge list",
         "Time stamps of badge and camera differ"),
        ("Camera and badge times differ", "Camera is behind the badge list", "Guard says the times disagree",
         "Badge list and camera disagree about the time"),
    ),
    Fault(
        "HumidityHigh", "water", "environment_sensor", "{ci}：湿度过高",
        ("湿度过高：排水电磁阀卡滞", "柜门发潮，罐体满水，蒸汽间断溢出。"),
        (
            ("湿度过高：调低加湿设定值", "湿度过高，设定值被改动。"),
            ("传感器湿度过高：更换探头", "探头老化导致湿度读数过高。"),
        ),
        ("东侧机柜门上有水珠", "东侧玻璃起雾，柜门摸着发潮", "机柜门发潮有水珠"),
        ("柜门上又有水珠了", "东侧机柜发潮", "玻璃起雾，柜门有水", "东侧柜门摸着湿"),
        "zh",
    ),
    Fault(
        "PrintQueueStuck", "service", "printer", "{ci}：打印队列停滞",
        ("驱动隔离进程残留锁文件", "后台进程反复重启，作业状态停在后台处理。"),
        (
            ("打印队列停滞：重启打印机", "断电后打印队列停滞。"),
            ("打印机队列满：清理旧作业", "旧作业过多，打印队列已满。"),
        ),
        ("发票怎么都出不来", "财务点了出票没有反应", "发票出不来，同事都在等"),
        ("财务出票没反应", "发票一直出不来", "点了出票，等了半天没有发票", "同事都出不了发票"),
        "zh",
    ),
)  # fmt: skip
LURE = Fault(
    "GeneratorNoStart", "power", "generator", "{ci}: generator does not start",
    ("Starter relay corroded", "The generator does not start; the relay clicks and nothing turns."),
    tuple(
        (f"Generator start: {part}", f"The generator cranks but does not run; the {part} is the reason.")
        for part in "fuel valve,air filter,glow plug,stop solenoid,governor,battery lead,pickup".split(",")
    ),
    ("", "", ""), (),
)  # fmt: skip
LURING = (
    "Generator does not start: wait and try again",
    "Generator does not start, the generator does not start at all, generator start fails.",
)

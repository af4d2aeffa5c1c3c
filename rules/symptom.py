"""What kind of trouble an alert tells of, read from the words of its rule, metric and text.

Correlation works on a dozen classes, not on rule names: an alert of a foreign system whose name was
never seen still says "unreachable" or "temperature" somewhere. The first class in `WORDS` that has a
word in the alert's name wins; where the name says nothing, the metric is read, then the text.
"""

import re
from enum import StrEnum
from functools import lru_cache


class Symptom(StrEnum):
    """Classes of trouble that travel along the graph in different ways."""

    UNREACHABLE = "unreachable"
    PORT = "port"
    PATH = "path"
    LOAD = "load"
    POWER = "power"
    COOLING = "cooling"
    HEAT = "heat"
    SERVICE = "service"
    DISK = "disk"
    COMPUTE = "compute"
    SECURITY = "security"
    WATER = "water"
    FIRE = "fire"
    OTHER = "other"


# In order: a leak at an air conditioner is water, an unreachable UPS says nothing of the mains yet,
# a hot battery is heat, a dead fan is cooling.
WORDS: tuple[tuple[Symptom, frozenset[str]], ...] = (
    (Symptom.WATER, frozenset({"leak", "leakage", "water", "flood", "flooding", "漏水", "水浸"})),
    (Symptom.FIRE, frozenset({"smoke", "fire", "烟雾", "烟感", "火警"})),
    (
        Symptom.UNREACHABLE,
        frozenset(
            {"unreachable", "silent", "offline", "unavailable", "noanswer", "noresponse", "icmp", "ping"}
            | {"deadman", "lost_contact", "不可达", "离线", "失联", "无响应", "宕机"}
        ),
    ),
    (
        Symptom.HEAT,
        frozenset({"temperature", "temp", "hot", "heat", "thermal", "overheat", "overheating", "celsius"})
        | {"humidity", "dewpoint", "温度", "高温", "过热", "湿度"},
    ),
    (
        Symptom.SECURITY,
        frozenset({"door", "forced", "badge", "intrusion", "tamper", "motion", "entry", "reader"})
        | {"门禁", "强行", "闯入", "未关门", "门"},
    ),
    (
        Symptom.DISK,
        frozenset({"disk", "disks", "filesystem", "inode", "inodes", "volume", "storage", "raid", "smart"})
        | {"磁盘", "硬盘", "文件系统", "存储"},
    ),
    (
        Symptom.POWER,
        frozenset({"battery", "mains", "utility", "power", "voltage", "ups", "pdu", "ats", "breaker", "feed"})
        | {"psu", "outage", "generator", "市电", "电池", "断电", "停电", "供电", "电压"},
    ),
    (
        Symptom.COOLING,
        frozenset({"crac", "crah", "compressor", "airflow", "cooling", "fan", "fans", "aircon", "chiller"})
        | {"hvac", "refrigerant", "filter", "空调", "压缩机", "风机", "风扇", "制冷"},
    ),
    (
        Symptom.PATH,
        frozenset({"latency", "loss", "jitter", "rtt", "packet", "packets", "丢包", "时延", "抖动"}),
    ),
    (
        Symptom.PORT,
        frozenset({"interface", "interfaces", "port", "link", "if", "neighbour", "neighbor", "neighbors"})
        | {
            "lldp",
            "bgp",
            "ospf",
            "trunk",
            "carrier",
            "peer",
            "tunnel",
            "uplink",
            "接口",
            "端口",
            "链路",
            "邻居",
        },
    ),
    (
        Symptom.COMPUTE,
        frozenset({"cpu", "memory", "mem", "swap", "oom", "loadavg", "内存", "处理器"}),
    ),
    (
        Symptom.LOAD,
        frozenset(
            {"traffic", "bandwidth", "throughput", "saturation", "saturated", "congestion", "流量", "带宽"}
        ),
    ),
    (
        Symptom.SERVICE,
        frozenset({"http", "https", "service", "services", "app", "application", "process", "database", "db"})
        | {
            "certificate",
            "cert",
            "query",
            "queries",
            "dns",
            "url",
            "web",
            "api",
            "errors",
            "error",
            "slow",
            "unit",
        }
        | {"resolution", "replication", "服务", "应用", "进程", "数据库", "证书", "域名"},
    ),
    (Symptom.UNREACHABLE, frozenset({"down", "dead", "up", "host", "node", "instance", "absent", "missing"})),
)
INTERMITTENT = frozenset({"flap", "flapping", "flaps", "unstable", "bounce", "bouncing", "flutter"})
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@lru_cache(maxsize=20_000)
def symptom_of(rule: str, metric: str = "", text: str = "") -> Symptom:
    """The class of an alert; OTHER where no word of it is known."""
    for source in (rule, metric, text[:200]):
        if not source:
            continue
        words = _words(source)
        for symptom, known in WORDS:
            if words & known:
                return symptom
        for symptom, known in WORDS:
            if any(not word.isascii() and word in source for word in known):
                return symptom
    return Symptom.OTHER


@lru_cache(maxsize=20_000)
def intermittent(rule: str) -> bool:
    """Whether the rule tells of something that comes and goes, such as a flapping port."""
    return bool(_words(rule) & INTERMITTENT)


def _words(text: str) -> frozenset[str]:
    return frozenset(part.lower() for part in _PARTS.findall(text))

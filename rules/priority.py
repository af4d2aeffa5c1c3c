"""Priority from impact and urgency, raised by who is affected and what the item carries."""

from collections.abc import Mapping
from dataclasses import dataclass

HIGHEST, LOWEST = 1, 5
Name = str | Mapping[str, str]  # as it is, or by language
LEVELS = (1, 2, 3, 4)  # of impact and urgency: high, medium, low, none to speak of
DEFAULT_MATRIX: Mapping[tuple[int, int], int] = {
    (impact, urgency): min(max(impact + urgency - 1, HIGHEST), LOWEST)
    for impact in LEVELS
    for urgency in LEVELS
}
URGENCY_OF_SEVERITY = {"critical": 1, "major": 2, "minor": 3, "info": 4}
VIP_MOST = 2


@dataclass(frozen=True, slots=True)
class Raise:
    """One reason that raises a priority: `vip` (steps by tier) or `service` (a critical one)."""

    reason: str
    steps: int
    name: Name = ""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A priority and how it came about."""

    priority: int  # 1 critical to 5 planning
    base: int  # of the matrix alone
    impact: int
    urgency: int
    raises: tuple[Raise, ...] = ()


def weigh(
    impact: int,
    urgency: int,
    *,
    vip: int = 0,
    vip_name: Name = "",
    service_criticality: int | None = None,
    service_name: str = "",
    matrix: Mapping[tuple[int, int], int] = DEFAULT_MATRIX,
) -> Weighed:
    """The priority of a ticket.

    Args:
        impact, urgency: 1 high to 4; outside of that, the nearest.
        vip: tier of the affected person: 0 none, 1 raises by one, 2 by two.
        vip_name: who that is, for the explanation.
        service_criticality: of the gravest service that hangs on the item, 1 critical to 4 low; None
            where none does. A critical one raises by one.
        service_name: which one, for the explanation.
        matrix: priority by (impact, urgency).
    """
    impact, urgency = _level(impact), _level(urgency)
    base = matrix.get((impact, urgency), DEFAULT_MATRIX[impact, urgency])
    raises = []
    if vip > 0:
        raises.append(Raise("vip", min(vip, VIP_MOST), vip_name))
    if service_criticality == 1 and base > HIGHEST:
        raises.append(Raise("service", 1, service_name))
    priority = max(HIGHEST, base - sum(one.steps for one in raises))
    return Weighed(priority, base, impact, urgency, tuple(raises))


def impact_of(criticality: int | None, stopped: int = 0) -> int:
    """The impact of trouble with an item: by its criticality, one graver when five others stop with it.

    Args:
        criticality: of the item, 1 critical to 4 low; None where the item is not known: 3.
        stopped: items that stop with it.
    """
    level = criticality if criticality is not None else 3
    return _level(level - (1 if stopped >= 5 else 0))


def _level(value: int) -> int:
    return min(max(value, LEVELS[0]), LEVELS[-1])

"""A plan over SNMP: which OIDs to ask, and how an answer becomes values.

The way from an answer's places to values (a recipe) is made once and used again as long as the answer has
the same shape and the columns behind labels and filters say the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from agent.identity import columns_for, identity, oids_for
from agent.measure import Apart, Convert, Labels, Raw, converter, counts, factor_of, missing, scaled, text
from agent.reading import Reading, Target, Value
from agent.transports import ber
from agent.transports.snmp import Answer, Ask, Device, Snmp
from agent.transports.snmp_walk import FORGET_AFTER, Shape
from rules.plan import Metric, Plan, Table
from rules.profile import SYS_DESCR, SYS_OBJECT_ID
from rules.profile_form import Column, Way, Where

Converters = dict[int, Convert]  # by the identity of the metric
Rows = dict[bytes, dict[int, int]]  # row index -> place of the column -> place in the values


@dataclass(slots=True)
class Recipe:
    """How an answer of one shape becomes values. `guards`: the places that must say `said` again."""

    shape: Shape
    guards: list[int]
    said: list[Raw]
    runs: list[tuple[Convert, list[int], list[Labels]]]
    absent: tuple[Value, ...]


def converters(plan: Plan) -> Converters:
    """The converters of a plan's metrics; devices of one plan share them."""
    metrics = [*plan.scalars, *(one for table in plan.tables for one in table.metrics)]
    return {id(metric): converter(metric) for metric in metrics}


class SnmpPoll:
    """One device and one plan."""

    def __init__(self, target: Target, plan: Plan, convert: Converters) -> None:
        """Raises TroubleError where the credential lacks something."""
        self.plan = plan
        self._choice = _Choice(plan)
        self._device = Device(target, self._choice.ask())
        self._convert = convert
        self._scaled: dict[tuple[int, float], Convert] = {}
        self._recipe: Recipe | None = None
        self._polls = 0

    async def read(self, snmp: Snmp, timeout_s: float) -> Reading:
        """Ask and convert; raises TroubleError."""
        if self._polls and self._polls % FORGET_AFTER == 0:
            self._choice.widen()
            self._device.change(self._choice.ask())
        self._polls += 1
        begun = monotonic()
        answer = await snmp.fetch(self._device, timeout_s=timeout_s)
        rtt_s = (monotonic() - begun) / max(1, answer.round_trips)
        recipe = self._recipe
        if (
            recipe is None
            or recipe.shape is not answer.shape
            or [answer.values[place] for place in recipe.guards] != recipe.said
        ):
            recipe = self._recipe = self._learn(answer)
        values: list[Value] = []
        for convert, places, labels in recipe.runs:
            said = answer.values
            values += [convert(said[place], one) for place, one in zip(places, labels, strict=True)]
        values += recipe.absent
        named = self._identity(answer) if self.plan.identity else {}
        if not answer.truncated and self._choice.narrow(answer.shape):
            self._device.change(self._choice.ask())
        return Reading(up=True, values=tuple(values), identity=named, rtt_s=rtt_s, truncated=answer.truncated)

    def _learn(self, answer: Answer) -> Recipe:
        choice = self._choice
        tables: dict[int, Rows] = {}
        scalars: dict[int, int] = {}
        for at, (place, suffix) in enumerate(answer.shape.keys):
            if place < len(choice.scalars):
                scalars[place] = at
            else:
                group = choice.group_of[place]
                tables.setdefault(group, {}).setdefault(suffix, {})[place] = at
        runs: list[tuple[Convert, list[int], list[Labels]]] = []
        absent: list[Value] = []
        guards: list[int] = []
        for metric in self.plan.scalars:
            at = next((scalars[p] for p in choice.places(metric.oids) if p in scalars), -1)
            if at < 0:
                absent.append(missing(metric))
            else:
                convert = self._converter(metric, -1, scalars, answer.values, guards)
                runs.append((convert, [at], [()]))
        for number, table in enumerate(self.plan.tables):
            runs += self._table(number, table, tables.get(number, {}), answer.values, guards)
        said = [answer.values[at] for at in guards]
        return Recipe(answer.shape, guards, said, runs, tuple(absent))

    def _table(
        self, group: int, table: Table, rows: Rows, values: list[Raw], guards: list[int]
    ) -> list[tuple[Convert, list[int], list[Labels]]]:
        choice, apart = self._choice, Apart()
        kept: list[tuple[dict[int, int], Labels]] = []
        static = [
            place
            for oid in (*(w.oid for w in table.where), *(c.oid for c in table.labels.values()))
            if oid is not None
            for place in choice.places((oid,), group)
        ]
        for suffix, cells in rows.items():
            guards += [cells[place] for place in static if place in cells]
            whole = all(counts(one, self._word(one, group, suffix, cells, values)) for one in table.where)
            if whole and len(kept) < table.limit:
                pairs = {
                    name: self._label(column, group, suffix, cells, values)
                    for name, column in table.labels.items()
                }
                kept.append((cells, apart.labels(pairs)))
        runs: list[tuple[Convert, list[int], list[Labels]]] = []
        for metric in table.metrics:
            columns = choice.places(metric.oids, group)
            alike: dict[int, tuple[Convert, list[int], list[Labels]]] = {}  # rows of one scale
            for cells, labels in kept:
                at = next((cells[p] for p in columns if p in cells), -1)
                if at >= 0:
                    convert = self._converter(metric, group, cells, values, guards)
                    run = alike.setdefault(id(convert), (convert, [], []))
                    run[1].append(at)
                    run[2].append(labels)
            runs += alike.values()
        return runs

    def _converter(
        self, metric: Metric, group: int, cells: dict[int, int], values: list[Raw], guards: list[int]
    ) -> Convert:
        """How a metric's value is read where neighbours say its scale; they become guards."""
        if not metric.factor:
            return self._convert[id(metric)]
        share = 1.0
        for one in metric.factor:
            at = next((cells[p] for p in self._choice.places((one.oid,), group) if p in cells), -1)
            if at >= 0:
                guards.append(at)
                share *= factor_of(one, values[at])
        key = (id(metric), share)
        if key not in self._scaled:
            self._scaled[key] = converter(scaled(metric, share))
        return self._scaled[key]

    def _word(self, where: Where, group: int, suffix: bytes, cells: dict[int, int], values: list[Raw]) -> str:
        if where.index is not None:
            parts = ber.arcs(suffix)
            return str(parts[where.index - 1]) if 1 <= where.index <= len(parts) else ""
        at = next((cells[p] for p in self._choice.places((where.oid or "",), group) if p in cells), -1)
        return text(values[at]) if at >= 0 else ""

    def _label(
        self, column: Column, group: int, suffix: bytes, cells: dict[int, int], values: list[Raw]
    ) -> str:
        parts = ber.arcs(suffix)
        if column.oid is not None:
            at = next((cells[p] for p in self._choice.places((column.oid,), group) if p in cells), -1)
            if at >= 0 and (said := text(values[at])):
                return said
        elif column.index is not None and 1 <= column.index <= len(parts):
            return str(parts[column.index - 1])
        return ".".join(map(str, parts))

    def _identity(self, answer: Answer) -> dict[str, str]:
        choice = self._choice
        said = {
            choice.scalars[place]: answer.values[at]
            for at, (place, _) in enumerate(answer.shape.keys)
            if place < len(choice.scalars)
        }

        columns: dict[str, Raw] = {}
        for at, (place, _) in enumerate(answer.shape.keys):
            name = choice.identity_of.get(place)
            if name is not None and name not in columns and text(answer.values[at]):
                columns[name] = answer.values[at]

        def look(way: Way) -> Raw:
            if way.column is not None:
                return columns.get(way.column.removeprefix("."))
            return said.get((way.oid or "").removeprefix("."))

        return identity(
            self.plan,
            look,
            sys_descr=text(said.get(SYS_DESCR)),
            sys_object_id=text(said.get(SYS_OBJECT_ID)).removeprefix("."),
        )


class _Choice:
    """Which OIDs are asked. Where a metric has several, those that proved needless are left out."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._left_out: set[tuple[int, str]] = set()  # group (-1: scalars), OID
        self._narrowed = False
        self.scalars: list[str] = []
        self.group_of: dict[int, int] = {}
        self.identity_of: dict[int, str] = {}  # place of a column that only an identity asks for
        self._place: dict[tuple[int, str], int] = {}

    def ask(self) -> Ask:
        """The question as it stands."""
        plan = self._plan
        wanted = [oid for metric in plan.scalars for oid in metric.oids] + oids_for(plan)
        wanted += [one.oid for metric in plan.scalars for one in metric.factor]
        self.scalars = self._kept(-1, wanted)
        self._place = {(-1, oid): place for place, oid in enumerate(self.scalars)}
        self.group_of = {}
        groups: list[list[str]] = []
        place = len(self.scalars)
        for number, table in enumerate(plan.tables):
            places = [one.oid for one in table.labels.values()] + [one.oid for one in table.where]
            columns = [oid for oid in places if oid is not None]
            columns += [oid for metric in table.metrics for oid in metric.oids]
            columns += [one.oid for metric in table.metrics for one in metric.factor]
            group = self._kept(number, columns)
            for oid in group:
                self._place[number, oid] = place
                self.group_of[place] = number
                place += 1
            if group:
                groups.append(group)
        self.identity_of = {}
        for number, column in enumerate(columns_for(plan), len(plan.tables)):
            self.identity_of[place], self.group_of[place] = column, number
            groups.append([column])
            place += 1
        return Ask.of(self.scalars, groups, max((table.limit for table in plan.tables), default=1))

    def _kept(self, group: int, oids: list[str]) -> list[str]:
        bare = dict.fromkeys(oid.removeprefix(".") for oid in oids)
        return [oid for oid in bare if (group, oid) not in self._left_out]

    def places(self, oids: tuple[str, ...], group: int = -1) -> list[int]:
        """Places of alternatives in the question, in the order in which they count."""
        found = (self._place.get((group, oid.removeprefix("."))) for oid in oids)
        return [place for place in found if place is not None]

    def widen(self) -> None:
        """Ask for everything again: devices are upgraded."""
        self._left_out.clear()
        self._narrowed = False

    def narrow(self, shape: Shape) -> bool:
        """Leave out alternatives that never count; whether the question changed."""
        if self._narrowed:
            return False
        self._narrowed = True
        rows: dict[int, set[bytes]] = {}
        for place, suffix in shape.keys:
            rows.setdefault(place, set()).add(suffix)
        before = len(self._left_out)
        self._drop(-1, self._plan.scalars, rows)
        for number, table in enumerate(self._plan.tables):
            self._drop(number, table.metrics, rows)
        return len(self._left_out) > before

    def _drop(self, group: int, metrics: tuple[Metric, ...], rows: dict[int, set[bytes]]) -> None:
        get: Callable[[str], set[bytes]] = lambda oid: rows.get(self._place[group, oid], set())  # noqa: E731
        for metric in metrics:
            known = [oid for oid in metric.oids if (group, oid) in self._place]
            covered: set[bytes] = set()
            for oid in known:
                more = get(oid) - covered
                if not more and (covered or oid != known[0]):
                    self._left_out.add((group, oid))
                covered |= more

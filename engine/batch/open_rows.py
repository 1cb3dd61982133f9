"""The lines of charges whose keys may hold any value: what each row costs, as one query for all rows of a shape.

The query reads a relation with one row per line to be (its statement, its bucket, and the rule that prices it); rules
are to it what members are to a family: they differ in numbers, which stand in the query as parameters.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from ..evaluators.proration import bound_step, covered_share
from ..plan import Bound, Charge, OfMeter, Program, Row
from ..schedule import Schedule
from .buckets import Bucket, Metered
from .charges import Pricing, bounded, cost_on, rounded_line
from .facts import StatementFacts
from .family import Member, shape
from .ladders import Climb
from .ledger import Ledger
from .number import Number, UnfitError, either, number_not_below_zero, type_of
from .quantities import QUANTITY_DIGITS, quantity_sql
from .sheet import Parameter, Sheet


@dataclass(frozen=True, slots=True)
class Rule:
    """What prices a line: a row of a charge, for a member whose covered days its bounds and widths may depend on."""

    member: Member
    charge: Charge
    number: int

    @property
    def row(self) -> Row:
        """The row of prices."""
        return self.charge.rows[self.number]


@dataclass(slots=True)
class Rules:
    """Rules by shape, those that cost the same once. Mutable, while they are collected."""

    shapes: dict[Hashable, int] = field(default_factory=dict)
    by_shape: list[list[Rule]] = field(default_factory=list)
    _numbers: dict[Hashable, tuple[int, int]] = field(default_factory=dict)
    _schedules: dict[int, tuple[Schedule, int]] = field(default_factory=dict)
    _forms: dict[Hashable, int] = field(default_factory=dict)

    def place_of(self, rule: Rule) -> tuple[int, int]:
        """The shape of a rule, and its number in it."""
        row, charge, situation = rule.row, rule.charge, rule.member.situation
        own = [row.minimum, row.cap, *((charge.minimum, charge.cap) if charge.bounds_per_row else (None, None))]
        bounds = tuple(None if bound is None else bound_step(bound, situation).value for bound in own)
        depends = (covered_share(situation), situation.covered_days.day_count) if row.schedule.depends else None
        key = self._form(row.schedule), bounds, depends
        found = self._numbers.get(key)
        if found is None:
            form = shape(row.schedule), tuple(bound is None for bound in bounds)
            at = self.shapes.setdefault(form, len(self.shapes))
            if at == len(self.by_shape):
                self.by_shape.append([])
            found = self._numbers[key] = (at, len(self.by_shape[at]))
            self.by_shape[at].append(rule)
        return found

    def _form(self, schedule: Schedule) -> int:
        """A number that schedules of the same prices have in common."""
        known = self._schedules.get(id(schedule))
        if known is None:
            bands = tuple(
                (
                    *(band.upper, band.inclusive, band.rate, band.step, band.once),
                    *(band.if_used, band.refused, band.prorated, band.width_per),
                )
                for band in schedule.bands
            )
            form = schedule.mode, schedule.quantity_scale, schedule.money_scale, bands
            # The schedule is kept, so that no other can take its identity.
            known = self._schedules[id(schedule)] = schedule, self._forms.setdefault(form, len(self._forms))
        return known[1]


def depends_on_days(charge: Charge) -> bool:
    """Whether a charge's prices differ between members of one version, whose covered days differ."""
    rows = {id(row.schedule): row.schedule for row in charge.rows}.values()
    bounds: list[Bound | None] = [charge.minimum, charge.cap]
    bounds += [bound for row in charge.rows for bound in (row.minimum, row.cap)]
    return any(schedule.depends for schedule in rows) or any(bound is not None and bound.prorated for bound in bounds)


@dataclass(frozen=True, slots=True)
class RowsQuery:
    """`sql` gives `sid`, `line`, `info`, `amount`, `quantity`, `exact` and `refused`; `parameters` are by rule."""

    sql: str
    parameters: tuple[Parameter, ...]


def rows_query(program: Program, rules: Sequence[Rule], metered: Metered, source: str) -> RowsQuery:
    """The query that prices the lines of one shape. Raises `UnfitError` or `TooLargeError`.

    `source` has `sid`, `line`, `info`, the columns of the meter's one bucket, and the parameters.
    """
    sheet, members = Sheet(len(rules)), tuple(rule.member for rule in rules)
    ledger = Ledger(sheet, members)
    facts = StatementFacts(sheet, members, {}, _unknown, {}, program.money)
    pricing = Pricing(program, sheet, members, ledger, facts, metered)
    charges, rows = [rule.charge for rule in rules], [rule.row for rule in rules]
    charge = charges[0]
    assert isinstance(charge.source, OfMeter)
    if any(band.width_per is not None and band.width_per.days is None for band in rows[0].schedule.bands):
        raise UnfitError("a table whose columns may hold any value, with bands as wide as something else")
    meter = program.meters[charge.source.meter]
    quantity, _ = metered.quantity(sheet, meter, Bucket(meter.name))
    size = sheet.let_number(number_not_below_zero(quantity))
    found = cost_on(pricing, charges, [rule.number for rule in rules], Climb(size))
    amount = bounded(pricing, found.amount, [row.minimum for row in rows], [row.cap for row in rows])
    if charge.bounds_per_row:
        amount = bounded(pricing, amount, [item.minimum for item in charges], [item.cap for item in charges])
    units = rounded_line(pricing, amount)
    written = quantity_sql(sheet, ledger, quantity)
    decimal, exact = f"({written.decimal})::DECIMAL(38,{QUANTITY_DIGITS})", written.exact
    refused = either(found.refused, *(condition for _, condition in ledger.scalar))
    columns = [
        *("sid", "line", "info"),
        f"({units.sql})::{type_of(units.low, units.high)} AS amount",
        f"{decimal} AS quantity",
        f"{exact} AS exact",
        f"{refused.sql} AS refused",
    ]
    return RowsQuery(sheet.select(source, columns), tuple(sheet.parameters))


def _unknown(_meter: str) -> Number:
    raise AssertionError("no condition is asked of a row")

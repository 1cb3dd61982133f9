"""The lines of charges whose keys may hold any value: what each row costs, as one query for all rows of a shape.

The query reads a relation with one row per line to be (its statement, its bucket, and the rule that prices it); rules
are to it what members are to a family: they differ in numbers, which stand in the query as parameters.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from ...records import Record
from ..condition import Comparison
from ..evaluators.proration import bound_step, covered_share, granted
from ..plan import Bound, Charge, OfMeter, Pooling, Program, Row
from ..schedule import Schedule
from .buckets import Bucket, Metered
from .charges import bounded, rounded_line
from .facts import StatementFacts
from .family import Member, shape
from .ladders import Climb, Cost
from .ledger import Ledger
from .number import (
    NOTHING,
    Number,
    Truth,
    UnfitError,
    both,
    compare_numbers,
    either,
    fraction,
    less,
    number_not_below_zero,
    number_where,
    product_of,
    ratio_of,
    smaller,
    sum_of,
    type_of,
)
from .pooling import cost_on, cost_where
from .quantities import QUANTITY_DIGITS, quantity_sql
from .sheet import Parameter, Sheet
from .situation import Pricing


class Rule(Record):
    """What prices a line: a row of a charge, for a member whose covered days its bounds and widths may depend on."""

    member: Member
    charge: Charge
    number: int
    free: Fraction = Fraction(0)
    """How much of the meter is included, for all lines of a statement together."""

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
        key = self._form(row.schedule), bounds, depends, rule.free
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


class Order(Record):
    """Where a line stands among those of its statement: the quantity of those `before` it, that of all, whether it is
    first.

    Quantities are those before anything is free, none below zero.
    """

    before: Number
    whole: Number
    first: Truth


def included(member: Member, meter: str) -> Fraction:
    """How much of a meter is included in a member's billing period."""
    situation = member.situation
    own = (granted(include, situation) for include in member.plan.includes if include.meter == meter)
    return sum(own, Fraction(0))


def depends_on_days(member: Member, charge: Charge) -> bool:
    """Whether a charge's prices differ between members of one version, whose covered days differ."""
    if any(include.prorated for include in member.plan.includes):
        return True
    rows = {id(row.schedule): row.schedule for row in charge.rows}.values()
    bounds: list[Bound | None] = [charge.minimum, charge.cap]
    bounds += [bound for row in charge.rows for bound in (row.minimum, row.cap)]
    return any(schedule.depends for schedule in rows) or any(bound is not None and bound.prorated for bound in bounds)


class RowsQuery(Record):
    """`sql` gives `sid`, `line`, `info`, `amount`, `quantity`, `exact` and `refused`; `parameters` are by rule."""

    sql: str
    parameters: tuple[Parameter, ...]


def rows_query(
    program: Program, rules: Sequence[Rule], metered: Metered, order: Order | None, source: str
) -> RowsQuery:
    """The query that prices the lines of one shape. Raises `UnfitError` or `TooLargeError`.

    `order` is asked for where something is included, or lines share a ladder.

    `source` has `sid`, `line`, `info`, the columns of the meter's one bucket and of `order`, and the parameters.
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
    found = _cost(pricing, rules, size, order)
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


def _cost(pricing: Pricing, rules: Sequence[Rule], size: Number, order: Order | None) -> Cost:
    """What each line pays for its quantity, less what is included, on its own ladder or on one that all share."""
    sheet, charges, rows = pricing.sheet, [rule.charge for rule in rules], [rule.number for rule in rules]
    if order is None:
        return cost_on(pricing, charges, rows, Climb(size))
    free, before, whole = sheet.numbers([rule.free for rule in rules]), order.before, order.whole
    if free.top.constant != 0:
        taken = smaller(number_not_below_zero(less(free, before)), size)
        size = sheet.let_number(number_not_below_zero(less(size, taken)))
        before = sheet.let_number(number_not_below_zero(less(before, free)))
        whole = sheet.let_number(number_not_below_zero(less(whole, free)))
    some = compare_numbers(size, Comparison.GREATER, NOTHING)
    first = both(compare_numbers(whole, Comparison.IS, NOTHING), order.first)
    match charges[0].pooling:
        case None:
            return cost_on(pricing, charges, rows, Climb(size))
        case Pooling.ROW_ORDER:
            resumed = sheet.let(compare_numbers(before, Comparison.GREATER, NOTHING))
            end = sheet.let_number(sum_of(before, size))
            own = cost_on(pricing, charges, rows, Climb(end, before, resumed, whole))
            return cost_where(sheet.let(either(some, first)), own)
        case Pooling.SHARE:
            together = cost_on(pricing, charges, rows, Climb(whole))
            divisor = number_where(compare_numbers(whole, Comparison.GREATER, NOTHING), whole, fraction(1))
            share = number_where(first, fraction(1), ratio_of(size, sheet.let_number(divisor)))
            amount = product_of(sheet.let_number(together.amount), sheet.let_number(share))
            return cost_where(sheet.let(either(some, first)), Cost(amount, together.refused, None))
        case Pooling.TIME_ORDER:
            raise UnfitError("a ladder that is pooled in time order")


def _unknown(_meter: str) -> Number:
    raise AssertionError("no condition is asked of a row")

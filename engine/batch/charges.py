"""Charges of meters, attributes and amounts in pricing SQL: quantities through included units and ladders to lines.

The meaning is `evaluators.charges`; a family is priced in lockstep, member by member the same charge.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ..condition import Comparison
from ..evaluators.proration import bound_step, granted
from ..plan import Bound, Charge, OfAmount, OfAttribute, OfEach, OfMeter
from ..statement import LineKind
from .family import Combination, combinations
from .history import Term, Used, terms_of
from .ladders import Cost
from .ledger import Info, PricedSlot, Slot
from .number import (
    NOTHING,
    TRUE,
    ZERO,
    Integer,
    Number,
    Truth,
    UnfitError,
    add,
    both,
    choose,
    compare,
    fraction,
    larger,
    less,
    number_not_below_zero,
    number_where,
    product_of,
    smaller,
    subtract,
    sum_of,
)
from .pooling import on_ladders, pooled
from .situation import Allowance, Group, Pricing, bucket_of


def begin_allowances(pricing: Pricing) -> None:
    """What each `include` frees at most."""
    sheet, members = pricing.sheet, pricing.members
    for index, include in enumerate(members[0].plan.includes):
        if include.every is None:
            values = [granted(member.plan.includes[index], member.situation) for member in members]
            pricing.held.append(Allowance(include.meter, sheet.numbers(values)))
            continue
        terms = [terms_of(pricing.program, member, index) for member in members]
        first = less(sheet.numbers([term.grants[0] for term in terms]), pricing.history[Used(index, -1)])
        left = sheet.let_number(number_not_below_zero(first))
        split = [any(span.rule == Used(index, 0) for span in term.spans) for term in terms]
        if any(split):
            left = number_where(sheet.truths(split), _freed_in_parts(pricing, index, terms, left), left)
        pricing.held.append(Allowance(include.meter, sheet.let_number(left)))


def _freed_in_parts(pricing: Pricing, index: int, terms: Sequence[Term], left: Number) -> Number:
    """What is freed where a term ends inside the period: each part's usage by what its own term has left."""
    freed: list[Number] = []
    for part in range(max(len(term.grants) for term in terms)):
        grants = [term.grants[part] if part < len(term.grants) else Fraction(0) for term in terms]
        most = left if part == 0 else pricing.sheet.numbers(grants)
        freed.append(smaller(most, pricing.history[Used(index, part)]))
    return pricing.sheet.let_number(sum_of(*freed))


def price_charge(pricing: Pricing, index: int) -> None:
    """Put the lines of one charge that is no `each` charge on the ledger, its own floor and cap included."""
    charges = [member.plan.charges[index] for member in pricing.members]
    charge, ledger = charges[0], pricing.ledger
    stands, missing = pricing.facts.condition([item.when for item in charges])
    ledger.refuse_where("an attribute that is not known", missing)
    groups = _groups(pricing, charges, stands)
    sizes = [_less_included(pricing, charge, group) for group in groups]
    costs = on_ladders(pricing, charges, groups, sizes)
    lines: list[PricedSlot] = []
    for group, found in zip(groups, costs, strict=True):
        ledger.refuse_where("usage that the price list refuses", both(group.present, found.refused))
        lines.append(_line(pricing, charges, group, found))
    for line in lines:
        ledger.put_priced(line)
    if charge.columns and not charge.bounds_per_row:
        for gap in sum_bounds(pricing, charges, lines, stands):
            ledger.put_priced(PricedSlot(gap, tuple(charges)))


def _groups(pricing: Pricing, charges: Sequence[Charge], stands: Truth) -> list[Group]:
    charge = charges[0]
    choices = [combinations(item, member.situation) for item, member in zip(charges, pricing.members, strict=True)]
    if any(choice is None for choice in choices):
        raise UnfitError("a table whose columns may hold any value")
    rows = list(zip(*(choice or () for choice in choices), strict=True))
    groups: list[Group] = []
    for own in rows:
        first = own[0]
        metered, used = _quantity(pricing, charge, first, stands)
        present = both(stands, used if charge.columns and isinstance(charge.source, OfMeter) else TRUE)
        if first.row == -1:
            pricing.ledger.refuse_where("usage that no row prices", both(stands, used))
            continue
        groups.append(Group(first, tuple(item.row for item in own), metered, present))
    return groups


def _quantity(pricing: Pricing, charge: Charge, combination: Combination, stands: Truth) -> tuple[Number, Truth]:
    match charge.source:
        case OfMeter(meter):
            return pricing.metered.quantity(
                pricing.sheet, pricing.program.meters[meter], bucket_of(charge, combination)
            )
        case OfAttribute(attribute, factor):
            value, missing = pricing.facts.attribute_number(attribute, factor)
            pricing.ledger.refuse_where("an attribute that is not known", both(stands, missing))
            return value, TRUE
        case OfAmount(lines):
            amounts = [pricing.ledger.amounts.get(line, ZERO) for line in dict.fromkeys(lines)]
            counts = [lines.count(line) for line in dict.fromkeys(lines)]
            whole = sum_of(
                *(
                    product_of(Number(amount), fraction(pricing.size * count))
                    for amount, count in zip(amounts, counts, strict=True)
                )
            )
            return pricing.sheet.let_number(whole), TRUE
        case OfEach():
            raise AssertionError("events are rated one by one elsewhere")


def _less_included(pricing: Pricing, charge: Charge, group: Group) -> Number:
    """The quantity that goes onto the ladder: none below zero, and less what is included."""
    sheet = pricing.sheet
    quantity = number_where(group.present, number_not_below_zero(group.metered), NOTHING)
    if not isinstance(charge.source, OfMeter):
        return sheet.let_number(quantity)
    for allowance in pricing.held:
        if allowance.meter == charge.source.meter:
            taken = sheet.let_number(smaller(allowance.left, quantity))
            allowance.left = sheet.let_number(number_not_below_zero(less(allowance.left, taken)))
            quantity = number_not_below_zero(less(quantity, taken))
    return sheet.let_number(quantity)


def day_costs(pricing: Pricing, index: int) -> tuple[list[Group], list[Cost]]:
    """What a day's quantities of a charge that is prorated by day cost for a whole period; `pricing` reads the day."""
    charges = [member.plan.charges[index] for member in pricing.members]
    stands, missing = pricing.facts.condition([item.when for item in charges])
    pricing.ledger.refuse_where("an attribute that is not known", missing)
    groups = _groups(pricing, charges, stands)
    sizes = [
        pricing.sheet.let_number(number_where(group.present, number_not_below_zero(group.metered), NOTHING))
        for group in groups
    ]
    return groups, pooled(pricing, charges, groups, sizes)


# Lines


def bounded(pricing: Pricing, amount: Number, minimums: Sequence[Bound | None], caps: Sequence[Bound | None]) -> Number:
    """The amount with a floor and a ceiling of its own, before rounding; all members have them or none."""
    if minimums[0] is not None:
        amount = larger(amount, limit(pricing, minimums))
    if caps[0] is not None:
        amount = smaller(amount, limit(pricing, caps))
    return amount


def limit(pricing: Pricing, bounds: Sequence[Bound | None]) -> Number:
    """A floor or ceiling as it stands for the covered days of each member."""
    values = [
        Fraction(0) if bound is None else bound_step(bound, member.situation).value
        for bound, member in zip(bounds, pricing.members, strict=True)
    ]
    return pricing.sheet.numbers(values)


def rounded_line(pricing: Pricing, amount: Number) -> Integer:
    """An amount in whole money units, rounded once."""
    return pricing.sheet.round_number(pricing.sheet.let_number(amount), pricing.size, pricing.program.line_rounding)


def _line(pricing: Pricing, charges: Sequence[Charge], group: Group, found: Cost) -> PricedSlot:
    rows = [charge.rows[row] for charge, row in zip(charges, group.rows, strict=True)]
    charge = charges[0]
    amount = bounded(pricing, found.amount, [row.minimum for row in rows], [row.cap for row in rows])
    if not charge.columns or charge.bounds_per_row:
        amount = bounded(pricing, amount, [item.minimum for item in charges], [item.cap for item in charges])
    infos = tuple(
        Info(
            item.name,
            LineKind.CHARGE,
            item.labels.default,
            row.place if item.columns else item.place,
            item.unit,
            item.because,
            tuple((column.name, text) for column, text in zip(item.columns, group.combination.key, strict=False)),
        )
        for item, row in zip(charges, rows, strict=True)
    )
    units = choose(group.present, rounded_line(pricing, amount), ZERO)
    slot = Slot(infos, group.present, pricing.sheet.let(units), group.metered)
    return PricedSlot(slot, tuple(charges), group.combination, found.portions)


def sum_bounds(pricing: Pricing, charges: Sequence[Charge], lines: Sequence[PricedSlot], stands: Truth) -> list[Slot]:
    """What a floor or cap on the sum of several rows adds or takes: a line of its own."""
    charge, sheet = charges[0], pricing.sheet
    found: list[Slot] = []
    sides = ((LineKind.MINIMUM, [item.minimum for item in charges]), (LineKind.CAP, [item.cap for item in charges]))
    for kind, bounds in sides:
        if bounds[0] is None:
            continue
        current = sheet.let(add(*(item.slot.amount for item in lines), *(slot.amount for slot in found)))
        most = rounded_line(pricing, limit(pricing, bounds))
        sign = Comparison.LESS if kind is LineKind.MINIMUM else Comparison.GREATER
        present = sheet.let(both(stands, compare(current, sign, most)))
        infos = tuple(
            Info(item.name, kind, item.labels.default, bound.place, because=bound.because)
            for item, bound in zip(charges, bounds, strict=True)
            if bound is not None
        )
        gap = sheet.let(choose(present, subtract(most, current), ZERO))
        found.append(Slot(infos, present, gap, None, ((charge.name, TRUE),)))
    return found

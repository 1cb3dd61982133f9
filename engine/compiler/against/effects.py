"""What changed prices do to the same usage: ranges of one charge, and of the whole bill where only one meter is used.

Exact and before rounding. Policies, taxes and cards take no part: which of them hold depends on the account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from ...plan import Bound, BoundKind, Fee, OfAmount, OfAttribute, OfEach, OfMeter
from ..lower import schedule_of
from ..model import Charge, Plan, Row
from .comparison import Effect
from .functions import PriceFunction, between, constant, of_schedule, shifted, total
from .meaning import meaning, same
from .prices import is_money
from .ranges import differs, usage_ranges
from .rows import RowPair
from .wording import quantity_text

_ROWS_MAX = 20
"""Of a charge with more different changes, only the rows that changed most have their ranges worked out."""


@dataclass(frozen=True, slots=True)
class ChargePair:
    """A charge before and now, the older one in the unit of the newer, with the rows that price the same usage."""

    old: Charge
    new: Charge
    rows: tuple[RowPair, ...]


@dataclass(frozen=True, slots=True)
class PlanPair:
    """Two versions and their charges that have the same name."""

    old: Plan
    new: Plan
    charges: Mapping[str, ChargePair]


def effects_of(pair: PlanPair, plan: str) -> Iterator[Effect]:
    """The effects of every charge that changed, then of whole bills where more than one part of them changed."""
    for charges in pair.charges.values():
        yield from _of_charge(pair, charges, plan)
    yield from _of_bills(pair, plan)


def _of_charge(pair: PlanPair, charges: ChargePair, plan: str) -> Iterator[Effect]:
    old, new = charges.old, charges.new
    if not _same_quantity(old, new):
        return
    included, notes = _included(pair, new)
    changed = [
        rows
        for rows in charges.rows
        if rows.old is not None and rows.new is not None and _changed(charges, rows, included)
    ]
    for rows in changed[:_ROWS_MAX]:
        before = charge_function(old, rows.old, included[0])
        after = charge_function(new, rows.new, included[1])
        if before is None or after is None:
            continue
        ranges = usage_ranges(before, after)
        if not differs(ranges):
            continue
        said = [*notes, *_conditions(old, new), *_blocks(charges, rows)]
        yield Effect(
            plan,
            new.name,
            _counted(new),
            new.unit_text,
            ranges,
            is_money(new),
            where=rows.where,
            row_count=rows.count,
            fields=rows.fields,
            notes=tuple(said),
        )


def _changed(charges: ChargePair, rows: RowPair, included: tuple[Fraction, Fraction]) -> bool:
    return (
        included[0] != included[1]
        or not same(rows.old, rows.new, frozenset({"keys"}))
        or charges.old.mode is not charges.new.mode
        or not same(_bounds(charges.old), _bounds(charges.new))
    )


def _bounds(charge: Charge) -> tuple[Bound | None, Bound | None]:
    return charge.minimum, charge.cap


def _same_quantity(old: Charge, new: Charge) -> bool:
    return old.unit == new.unit and meaning(old.source) == meaning(new.source)


def _counted(charge: Charge) -> str:
    match charge.source:
        case OfMeter(meter):
            return meter
        case OfAttribute(attribute):
            return f"account.{attribute}"
        case OfAmount(lines):
            return f"amount of {', '.join(lines)}"
        case OfEach(event):
            return f"each {event}"


def _included(pair: PlanPair, charge: Charge) -> tuple[tuple[Fraction, Fraction], list[str]]:
    """What is included before and now, where only this charge uses it up; and what is left out, in words."""
    if not isinstance(charge.source, OfMeter):
        return (Fraction(0), Fraction(0)), []
    meter = charge.source.meter
    before, after = ([item for item in plan.includes if item.meter == meter] for plan in (pair.old, pair.new))
    if not before and not after:
        return (Fraction(0), Fraction(0)), []
    shared = any(len(_charges_on(plan, meter)) > 1 for plan in (pair.old, pair.new))
    if shared or any(item.every is not None for item in (*before, *after)):
        return (Fraction(0), Fraction(0)), ["counted after included units"]
    return (
        sum((item.quantity for item in before), Fraction(0)),
        sum((item.quantity for item in after), Fraction(0)),
    ), []


def _charges_on(plan: Plan, meter: str) -> list[Charge]:
    return [charge for charge in plan.charges if isinstance(charge.source, OfMeter) and charge.source.meter == meter]


def _conditions(old: Charge, new: Charge) -> Iterator[str]:
    if old.when or new.when:
        yield "where its conditions hold"
    if old.pooling is not None or new.pooling is not None:
        yield "for one combination alone"
    if old.counted is not None or new.counted is not None:
        yield "on the first bill of its year"


def _blocks(charges: ChargePair, rows: RowPair) -> Iterator[str]:
    assert rows.old is not None and rows.new is not None, "only rows with both prices have ranges"
    steps = {band.price.step for row in (rows.old, rows.new) for band in row.bands if band.price.step is not None}
    if steps:
        texts = [quantity_text(step, charges.new.unit_text) for step in sorted(steps)]
        yield f"for whole blocks of {' and '.join(texts)}, in proportion between them"


def charge_function(charge: Charge, row: Row | None, included: Fraction) -> PriceFunction | None:
    """What one line of a charge costs, its included units and its own bounds taken into account.

    None where widths depend on something that is not known here.
    """
    if row is None or charge.prorated or any(band.width_per is not None or band.prorated for band in row.bands):
        return None
    function = shifted(of_schedule(schedule_of(charge.mode, row.bands)), included)
    if row.minimum is not None or row.cap is not None:
        function = between(function, _amount(row.minimum), _amount(row.cap))
    if charge.minimum is not None or charge.cap is not None:
        function = between(function, _amount(charge.minimum), _amount(charge.cap))
    return function


def _amount(bound: Bound | None) -> Fraction | None:
    return None if bound is None else bound.amount


# Whole bills


def _of_bills(pair: PlanPair, plan: str) -> Iterator[Effect]:
    """Bills on which one meter is used and nothing else: fees, other charges at zero, the plan's floor and ceiling."""
    meters = dict.fromkeys(
        charge.source.meter
        for version in (pair.new, pair.old)
        for charge in version.charges
        if isinstance(charge.source, OfMeter)
    )
    for meter in meters:
        bills = _bills(pair, meter)
        if bills is None:
            continue
        before, after, rows, charge, notes = bills
        ranges = usage_ranges(before, after)
        if differs(ranges):
            yield Effect(
                plan,
                charge.name,
                meter,
                charge.unit_text,
                ranges,
                whole_bill=True,
                where=rows.where,
                row_count=rows.count,
                fields=rows.fields,
                notes=notes,
            )


def _bills(pair: PlanPair, meter: str) -> tuple[PriceFunction, PriceFunction, RowPair, Charge, tuple[str, ...]] | None:
    """Both bills as functions of one meter; None where only its charge changed, or where they cannot be told."""
    own_old, own_new = _charges_on(pair.old, meter), _charges_on(pair.new, meter)
    if len(own_old) != 1 or len(own_new) != 1 or own_new[0].name not in pair.charges:
        return None
    charges = pair.charges[own_new[0].name]
    if charges.old.name != own_old[0].name or not _same_quantity(charges.old, charges.new):
        return None
    if charges.old.when or charges.new.when:
        return None
    included, left_out = _included(pair, charges.new)
    rows = next((item for item in charges.rows if _changed(charges, item, included)), charges.rows[0])
    before = charge_function(charges.old, rows.old, included[0])
    after = charge_function(charges.new, rows.new, included[1])
    if before is None or after is None or left_out:
        return None
    fixed = _fixed(pair.old, meter), _fixed(pair.new, meter)
    bounds = _plan_bounds(pair.old), _plan_bounds(pair.new)
    if not differs(usage_ranges(before, after)) or (fixed[0][0] == fixed[1][0] and bounds[0] == bounds[1]):
        # A change of the charge alone, or of the fixed part alone, is said where it stands.
        return None
    notes = tuple(dict.fromkeys((*fixed[0][1], *fixed[1][1], *_blocks(charges, rows))))
    return (
        between(total((before, constant(fixed[0][0]))), *bounds[0]),
        between(total((after, constant(fixed[1][0]))), *bounds[1]),
        rows,
        charges.new,
        notes,
    )


def _fixed(plan: Plan, meter: str) -> tuple[Fraction, list[str]]:
    """What a bill holds without any usage of other meters, and what had to be left out of it."""
    amount = Fraction(0)
    left_out: list[str] = []
    for charge in plan.charges:
        if isinstance(charge.source, OfMeter) and charge.source.meter == meter:
            continue
        if charge.columns or isinstance(charge.source, OfEach):
            # Without usage such a charge has no line but its floor.
            floor = charge.period_minimum if isinstance(charge.source, OfEach) else charge.minimum
            if floor is not None and not charge.bounds_per_row and not charge.when:
                amount += max(floor.amount, Fraction(0))
            continue
        function = charge_function(charge, charge.rows[0], Fraction(0)) if not charge.when else None
        at_zero = None if function is None or not isinstance(charge.source, OfMeter) else function.at(Fraction(0))
        if at_zero is None:
            left_out.append(f"without {charge.name}")
        else:
            amount += at_zero
    for fee in plan.fees:
        if _is_plain(fee, plan):
            amount += fee.amount
        else:
            left_out.append(f"without {fee.name}")
    return amount, left_out


def _is_plain(fee: Fee, plan: Plan) -> bool:
    """Whether each bill holds the fee once."""
    return (
        not fee.when
        and fee.multiplier is None
        and fee.trial is None
        and fee.every == plan.billing.every
        and fee.calendar is not plan.billing.anchored
    )


def _plan_bounds(plan: Plan) -> tuple[Fraction | None, Fraction | None]:
    """The floor and the ceiling on everything."""

    def of(kind: BoundKind) -> Fraction | None:
        return next((item.bound.amount for item in plan.bounds if item.kind is kind and not item.lines), None)

    return of(BoundKind.MINIMUM), of(BoundKind.CAP)

"""Charges and fees as forms: each line rounded once, as `rate` does it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import assert_never

from ...evaluators.situation import declared_order
from ...plan import Bound, Charge, Fee, Include, OfAmount, OfAttribute, OfEach, OfMeter, Plan, Row
from ...schedule import Mode, Schedule, settled
from .axes import UsageAxis
from .box import Fork, split_at
from .curve import START, At, Curve, always, bounded, curve_of
from .form import NOTHING, Form, Rising, Through
from .known import Unmodelled, Unrated
from .scene import View

ZERO = Fraction(0)
ONE = Fraction(1)


class Lines:
    """The lines of one plan, seen through a box."""

    def __init__(self, view: View, plan: Plan, number: int) -> None:
        self.view = view
        self.plan = plan
        self.number = number
        self._left: dict[str, list[Form]] = {}
        self.below_zero: set[str] = set()
        """Charges of which one line may be below zero, though their sum may not."""

    def charge(self, charge: Charge) -> Form:
        """The sum of a charge's rounded lines, its own floor and ceiling included."""
        match charge.source:
            case OfMeter(meter):
                return self._of_meter(charge, meter)
            case OfAttribute(attribute, factor):
                return self._of_attribute(charge, attribute, factor)
            case OfAmount(lines):
                quantity = NOTHING
                for line in lines:
                    quantity += self.view.amounts.get(line, NOTHING)
                row = charge.rows[self._row_of_account(charge)]
                amount = self._bounded(self._through(charge, quantity, self._settled(row)), charge, row, alone=True)
                self._note_below_zero(charge, amount)
                return self.view.rounded(amount)
            case OfEach():
                return self._of_each(charge)
            case _:
                assert_never(charge.source)

    def fee(self, fee: Fee) -> Form:
        """The rounded line of a fee."""
        terms = self.view.scene.world.due[self.number][fee.name]
        if not terms:
            return NOTHING
        if fee.amount < 0:
            self.below_zero.add(fee.name)
        amount = Form(fee.amount * terms)
        if fee.multiplier is not None:
            amount = self.view.number(fee.multiplier).times(fee.amount * terms)
        return self.view.rounded(amount)

    # Meters

    def _of_meter(self, charge: Charge, meter: str) -> Form:
        groups = self._groups(charge, meter)
        if len(groups) > 1 and self.view.scene.world.program.meters[meter].rounding is not None and not charge.columns:
            raise Unmodelled(f"{meter} is rounded for each of its rows")
        alone = not charge.columns or charge.bounds_per_row
        total = NOTHING
        for row, axes in groups:
            line = self._line(charge, charge.rows[row], meter, axes, alone=alone)
            self._note_below_zero(charge, line)
            total += self.view.rounded(line)
        if alone:
            return total
        if charge.minimum is not None:
            total = self.view.scene.arena.greater(total, self.view.rounded(Form(charge.minimum.amount)))
        if charge.cap is not None:
            # What a ceiling takes off several lines is a line below zero.
            self.below_zero.add(charge.name)
            total = self.view.scene.arena.lesser(total, self.view.rounded(Form(charge.cap.amount)))
        return total

    def _note_below_zero(self, charge: Charge, line: Form) -> None:
        if charge.name in self.below_zero or _is_positive(charge):
            return
        low = self.view.bounds.upper(line.times(-ONE)).clean
        if low is None or low > 0:
            self.below_zero.add(charge.name)

    def _groups(self, charge: Charge, meter: str) -> list[tuple[int, list[int]]]:
        """The rows of a charge's lines, each with the axes whose quantities add up to the line's."""
        own = self.view.scene.by_meter[meter]
        if not charge.columns:
            if len(own) > 1 and self.view.scene.world.program.meters[meter].rounding is not None:
                raise Unmodelled(f"the quantity of {meter} is rounded for each of its rows")
            return [(0, own)]
        found: dict[tuple[int, tuple[str, ...]], list[int]] = {}
        for number in own:
            axis = self.view.scene.axes[number]
            assert isinstance(axis, UsageAxis)
            for plan, name, row, key in axis.rows:
                if plan == self.number and name == charge.name:
                    found.setdefault((row, key), []).append(number)
        ordered = sorted(found, key=lambda item: (item[0], declared_order(charge, item[1])))
        return [(row, found[row, key]) for row, key in ordered]

    def _line(self, charge: Charge, row: Row, meter: str, axes: list[int], *, alone: bool) -> Form:
        includes = [item for item in self.plan.includes if item.meter == meter]
        schedule = self._settled(row)
        renewed = any(item.every is not None for item in includes)
        shared = len(includes) > 0 and self._is_shared(meter)
        if isinstance(schedule, Schedule) and len(axes) == 1 and not renewed and not shared:
            free = sum((item.quantity for item in includes), ZERO)
            self._refuse(schedule, axes[0], free)
            curve = curve_of(schedule, free)
            return self._curved(axes[0], always(curve) if not charge.columns else curve, charge, row, alone=alone)
        quantity = NOTHING
        for axis in axes:
            quantity += self.view.quantity_on(axis)
        if any(band.refused for band in row.schedule.bands):
            raise Unmodelled(f"{charge.name} refuses some usage, and its quantity is not one alone")
        if any(axis in self.view.scene.endless for axis in axes):
            raise Unmodelled(f"what is included is shared by any number of rows of {charge.name}")
        if renewed:
            amount = self._renewed(charge, schedule, quantity, axes, includes)
        else:
            quantity = self._less_included(quantity, meter, [item.quantity for item in includes])
            amount = self._through(charge, quantity, schedule)
        if charge.columns and _touches_absence(charge, row):
            raise Unmodelled(f"{charge.name} has lines that cost something at zero usage")
        return self._bounded(amount, charge, row, alone=alone)

    def _is_shared(self, meter: str) -> bool:
        lines = sum(
            len(self._groups(other, meter))
            for other in self.plan.charges
            if isinstance(other.source, OfMeter) and other.source.meter == meter
        )
        return lines > 1

    def _less_included(self, quantity: Form, meter: str, included: Sequence[Fraction]) -> Form:
        arena = self.view.scene.arena
        left = self._left.setdefault(meter, [Form(item) for item in included])
        for index, free in enumerate(left):
            left[index] = arena.positive(free - quantity)
            quantity = arena.positive(quantity - free)
        return quantity

    def _curved(self, axis: int, curve: Curve, charge: Charge, row: Row, *, alone: bool) -> Form:
        """A line over one quantity; floors and ceilings bend the curve where they can."""
        bounds = [(row.minimum, True), (row.cap, False)]
        if alone:
            bounds += [(charge.minimum, True), (charge.cap, False)]
        for bound, floor in bounds:
            if bound is None:
                continue
            bent = bounded(curve, bound.amount, floor=floor)
            if bent is None:
                if (
                    self.view.box.ranges[axis].low < START
                    and self.view.box.ranges[axis].high != self.view.box.ranges[axis].low
                ):
                    raise Fork(split_at(self.view.box, axis, START), axis=axis, at=START)
                if self.view.box.ranges[axis].low < START:
                    return Form(curve.absent)
                return self._bounded(self.view.along(axis, curve), charge, row, alone=alone)
            curve = bent
        return self.view.along(axis, curve)

    def _bounded(self, amount: Form, charge: Charge, row: Row, *, alone: bool) -> Form:
        arena = self.view.scene.arena
        bounds: list[tuple[Bound | None, bool]] = [(row.minimum, True), (row.cap, False)]
        if alone:
            bounds += [(charge.minimum, True), (charge.cap, False)]
        for bound, floor in bounds:
            if bound is not None:
                pick = arena.greater if floor else arena.lesser
                amount = pick(amount, Form(bound.amount))
        return amount

    def _refuse(self, schedule: Schedule, axis: int, free: Fraction) -> None:
        """Leave out usage that the price list refuses. Raises `Unrated` and `Fork`."""
        low = ZERO
        for band in schedule.bands:
            high = None if band.upper is None else Fraction(band.upper, schedule.quantity_scale)
            if band.refused:
                begins = At(low + free, 1)
                beyond = schedule.mode is Mode.GRADUATED or high is None
                ends = None if beyond else At((high or ZERO) + free, 1 if band.inclusive else 0)
                own = self.view.box.ranges[axis]
                for edge in (begins, ends):
                    if edge is not None and own.low < edge and (own.high is None or own.high >= edge):
                        raise Fork(split_at(self.view.box, axis, edge), axis=axis, at=edge)
                if own.low >= begins and (ends is None or own.low < ends):
                    raise Unrated
                if beyond:
                    return
            low = high or low

    # Other sources

    def _of_attribute(self, charge: Charge, attribute: str, factor: Fraction) -> Form:
        row = charge.rows[self._row_of_account(charge)]
        schedule = self._settled(row)
        if attribute in self.view.scene.by_attribute and isinstance(schedule, Schedule) and factor > 0:
            axis = self.view.scene.by_attribute[attribute]
            if any(band.refused for band in schedule.bands):
                raise Unmodelled(f"{charge.name} refuses some numbers of {attribute}")
            curve = always(curve_of(schedule, ZERO, factor))
            amount = self._curved(axis, curve, charge, row, alone=True)
        else:
            quantity = self.view.number(attribute).times(factor)
            amount = self._bounded(self._through(charge, quantity, schedule), charge, row, alone=True)
        self._note_below_zero(charge, amount)
        return self.view.rounded(amount)

    def _row_of_account(self, charge: Charge) -> int:
        if not charge.columns:
            return 0
        from ...dispatch import dispatch
        from .worlds import attribute_of

        values = tuple(attribute_of(self.view.scene.world, column.name) for column in charge.columns)
        found = dispatch(charge.tree, values, lambda _window: False)
        if isinstance(found, int):
            raise Unrated
        return found[0]

    def _of_each(self, charge: Charge) -> Form:
        """The price of events: it depends on no metered quantity, and is the same where the prices are the same."""
        name = (f"{charge.name} prices every event on its own", self.view.scene.arena.digest(charge, _prices_of_events))
        if not _is_positive(charge):
            self.below_zero.add(charge.name)
        return self.view.scene.arena.form(Rising(NOTHING, name, Form() if _is_positive(charge) else None, None))

    # Schedules

    def _settled(self, row: Row) -> Schedule | Form:
        """The schedule with its widths, or a form of what they depend on where that is an axis."""
        if not row.schedule.depends:
            return row.schedule
        factors = []
        depends = NOTHING
        for band in row.schedule.bands:
            if band.width_per is None:
                # A width that is prorated is whole for a period that is covered whole.
                factors.append(ONE)
            elif band.width_per.days is not None or (band.width_per.meter is None and band.width_per.attribute is None):
                factors.append(Fraction(self.view.scene.world.period.day_count) / band.width_per.per)
            else:
                name = band.width_per.attribute
                on = self.view.quantity(band.width_per.meter or "") if name is None else self.view.number(name)
                if not on.is_constant:
                    depends += on
                elif on.constant < 0:
                    raise Unrated
                factors.append(on.constant / band.width_per.per)
        return settled(row.schedule, tuple(factors)) if depends.is_constant else depends

    def _through(self, charge: Charge, quantity: Form, schedule: Schedule | Form) -> Form:
        """What a quantity that is a form costs, below zero as zero."""
        if isinstance(schedule, Form):
            return self._dependent(charge, quantity, schedule)
        if any(band.refused for band in schedule.bands):
            raise Unmodelled(f"{charge.name} refuses some usage, and its quantity is not one alone")
        curve = curve_of(schedule)
        if quantity.is_constant:
            return Form(curve.value(At(max(quantity.constant, ZERO))))
        low, high = self.view.bounds.range(quantity)
        straight = len(curve.points) == 1 and curve.values[0] == curve.pieces[0].base and not curve.pieces[0].stairs
        if straight and low is not None and low >= 0:
            return quantity.times(curve.pieces[0].slope).plus(curve.pieces[0].base)
        if low is not None and low > 0 and high is not None:
            ends = [*curve.points[1:], None]
            piece = next((item for item, begin, end in zip(curve.pieces, curve.points, ends, strict=True)
                          if begin < low and (end is None or high < end) and not item.stairs), None)  # fmt: skip
            if piece is not None:
                return quantity.times(piece.slope).plus(piece.base)
        return self.view.scene.arena.form(Through(quantity, curve))

    def _dependent(self, charge: Charge, quantity: Form, depends: Form) -> Form:
        row = charge.rows[0] if not charge.columns else None
        if row is None:
            raise Unmodelled(f"the widths of {charge.name} depend on usage or on a number of the account")
        schedule = row.schedule
        rates, falling = _rates(schedule)
        rises = schedule.mode is Mode.GRADUATED and all(rate >= 0 for rate in rates) and _is_positive(charge)
        entered = [band.once for band in schedule.bands[1:]]
        # Wider bands move usage to the bands before: dearer, where rates fall and nothing is paid for entering.
        wider_costs_more = rises and falling and not any(entered) and all(band.step is None for band in schedule.bands)
        once = sum((Fraction(band.once, schedule.money_scale) for band in schedule.bands), ZERO)
        block = max((rate * (_step(schedule, index) or ZERO) for index, rate in enumerate(rates)), default=ZERO)
        name = (f"the widths of {charge.name} depend on usage or on a number of the account", schedule, quantity.key)
        arena = self.view.scene.arena
        # Both must rise by themselves: where one axis moves both, their sum says nothing of either.
        wider_costs_more = wider_costs_more and not arena.axes_of(quantity) & arena.axes_of(depends)
        on = quantity + depends if wider_costs_more else quantity
        also = frozenset[int]() if wider_costs_more else self.view.scene.arena.axes_of(depends)
        low, _ = self.view.bounds.range(quantity)
        above = quantity if low is not None and low >= 0 else arena.positive(quantity)
        lower = above.times(min(rates)) if rises else None
        upper = above.times(max(rates)).plus(once + block * len(rates)) if rises else None
        return self.view.scene.arena.form(Rising(on, (*name, depends.key), lower, upper, rises=rises, also=also))

    def _renewed(
        self,
        charge: Charge,
        schedule: Schedule | Form,
        quantity: Form,
        axes: list[int],
        includes: Sequence[Include],
    ) -> Form:
        """A line whose included units reach back over several bills: what is left of them may be anything."""
        if isinstance(schedule, Form):
            raise Unmodelled(f"the widths of {charge.name} depend on usage or on a number of the account")
        rates, _ = _rates(schedule)
        rises = schedule.mode is Mode.GRADUATED and all(rate >= 0 for rate in rates) and _is_positive(charge)
        included = sum((item.quantity for item in includes), ZERO)
        edges = [curve_of(schedule), curve_of(schedule, included)]
        if len(axes) == 1:
            upper, lower = (self.view.along(axes[0], edge) for edge in edges)
        else:
            upper, lower = (self.view.scene.arena.form(Through(quantity, edge)) for edge in edges)
        name = (f"what is included with {charge.name} reaches back over several bills", schedule, tuple(includes))
        return self.view.scene.arena.form(
            Rising(quantity, name, lower if rises else None, upper if rises else None, rises=rises)
        )


def _rates(schedule: Schedule) -> tuple[list[Fraction], bool]:
    """The price of one unit in each band, and whether it never rises from band to band."""
    rates = []
    for band in schedule.bands:
        rate = Fraction(band.rate, schedule.money_scale)
        rates.append(rate * schedule.quantity_scale / (band.step or 1))
    return rates, all(left >= right for left, right in pairwise(rates))


def _step(schedule: Schedule, index: int) -> Fraction | None:
    step = schedule.bands[index].step
    return None if step is None else Fraction(step, schedule.quantity_scale)


def _prices_of_events(charge: Charge) -> object:
    """Everything that decides what events cost: charges with the same cost the same."""
    prices = tuple((row.schedule, _amount(row.minimum), _amount(row.cap)) for row in charge.rows)
    bounds = tuple(map(_amount, (charge.minimum, charge.cap, charge.period_minimum, charge.period_cap)))
    table = charge.tree if charge.columns else None
    free = (charge.free_events, charge.free_quantity)
    return (charge.source, charge.columns, prices, table, bounds, free, charge.round_event)


def _amount(bound: Bound | None) -> Fraction | None:
    return None if bound is None else bound.amount


def _is_positive(charge: Charge) -> bool:
    """Whether nothing in a charge's prices is below zero."""
    bounds = [charge.minimum, charge.cap, charge.period_minimum, charge.period_cap]
    bounds += [bound for row in charge.rows for bound in (row.minimum, row.cap)]
    prices = [number for row in charge.rows for band in row.schedule.bands for number in (band.rate, band.once)]
    return all(number >= 0 for number in prices) and all(bound is None or bound.amount >= 0 for bound in bounds)


def _touches_absence(charge: Charge, row: Row) -> bool:
    """Whether a line without usage would cost something if it stood."""
    first = row.schedule.bands[0]
    floor = row.minimum or (charge.minimum if charge.bounds_per_row else None)
    return (first.once != 0 and not first.if_used) or floor is not None

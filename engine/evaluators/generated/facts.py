"""What generated code is told and may ask: its arguments, and conditions over them as Python expressions.

Dates, months and windows are settled here, for the period is fixed. A condition that is certain becomes True or False
and leaves no code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import lcm, prod
from typing import TypeAlias, assert_never

from ....money import Rounding, round_ratio
from ...condition import (
    AmountOf,
    And,
    Attribute,
    Compare,
    Comparison,
    Condition,
    FieldOf,
    Known,
    Literal,
    Month,
    Not,
    OneOf,
    Operand,
    Or,
    Scalar,
    StartsIn,
    UsageOf,
)
from ...plan import Charge, ColumnKind, Meter, OfMeter
from ...schedule import Schedule, settled
from ...usage import FieldKind, Value
from ...window import contains
from ..proration import covered_share
from ..situation import Situation
from .source import NotGenerated, Obstacle, Source, Term, together

Values: TypeAlias = tuple[Value, ...]
"""The values of the fields that a plan asks of a meter, in the order of `fields_of`."""

Test: TypeAlias = bool | str
"""A condition in generated code: certain, or an expression."""

MAX_KEYS = 256
"""How many combinations of a meter's values may be arguments of their own."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A positional argument: a quantity of `meter` for the field values `key`, times `scale`; or an attribute.

    Numbers and money are integers, `scale` to one of the unit; other attributes, with scale 0, are as they are.
    `absent` says that no usage (None) is not the same as zero usage.
    """

    argument: str
    meter: str = ""
    key: Values = ()
    attribute: str = ""
    scale: int = 0
    absent: bool = False


def fields_of(charges: Sequence[Charge], meter: str) -> tuple[str, ...]:
    """The fields that the charges of a plan ask of a meter, in the order in which they first stand."""
    names = (
        column.name
        for charge in charges
        if isinstance(charge.source, OfMeter) and charge.source.meter == meter
        for column in charge.columns
        if column.kind is ColumnKind.FIELD
    )
    return tuple(dict.fromkeys(names))


class Frame:
    """One function to be generated: the situation that is constant, and the arguments that were asked for so far."""

    def __init__(
        self,
        situation: Situation,
        decimals: int,
        keys: Mapping[str, Sequence[Values]],
        absent: frozenset[tuple[str, Values]] = frozenset(),
    ) -> None:
        self.situation = situation
        self.program = situation.program
        self.plan = situation.plan
        self.money = situation.program.money
        self.source = Source()
        self.amounts: dict[str, Term] = {}
        """The lines so far by name, in money, as conditions see them."""
        self._decimals = decimals
        self._keys = keys
        self._known_absent = absent
        self.absent: set[tuple[str, Values]] = set()
        """The arguments for which None turned out not to be the same as zero; `absent` are those known before."""
        self._slots: dict[str, list[Slot]] = {}
        self._attributes: dict[str, Slot] = {}
        self._totals: dict[str, Term] = {}

    # Arguments

    def arguments(self) -> tuple[Slot, ...]:
        """All arguments: quantities in the order of meters and declared values, then attributes as declared."""
        meters = [slot for meter in self.program.meters for slot in self._slots.get(meter, ())]
        return (
            *meters,
            *(self._attributes[name] for name in self.program.schema.attributes if name in self._attributes),
        )

    def slots(self, meter: str) -> list[Slot]:
        """The arguments of a meter: one for each combination of the values that the plan asks of it."""
        if meter not in self._slots:
            number = list(self.program.meters).index(meter)
            scale = self._scale(self.program.meters[meter])
            keys = self._keys.get(meter) or self._declared_keys(meter)
            self._slots[meter] = [
                Slot(
                    argument=f"q{number}" if keys == [()] else f"q{number}_{index}",
                    meter=meter,
                    key=tuple(key),
                    scale=scale,
                    absent=(meter, tuple(key)) in self._known_absent,
                )
                for index, key in enumerate(keys)
            ]
        return self._slots[meter]

    def quantity(self, slot: Slot) -> str:
        """The quantity of an argument, zero where it is absent."""
        return f"({slot.argument} or 0)" if slot.absent else slot.argument

    def _declared_keys(self, meter: str) -> list[Values]:
        declared = {item.name: item for item in self.program.schema.events[self.program.meters[meter].event].fields}
        values: list[tuple[Value, ...]] = []
        for name in fields_of(self.plan.charges, meter):
            field = declared.get(name)
            if field is not None and field.kind is FieldKind.ONE_OF:
                values.append(field.values)
            elif field is not None and field.kind is FieldKind.YES_NO:
                values.append((True, False))
            else:
                raise NotGenerated(Obstacle.OPEN_KEYS)
        if prod(len(item) for item in values) > MAX_KEYS:
            raise NotGenerated(Obstacle.MANY_KEYS)
        return list(product(*values))

    def _scale(self, meter: Meter) -> int:
        """Quantities in integers that hold every bound of the plan and so many decimals."""
        scales = [10**self._decimals]
        for charge in self.plan.charges:
            if isinstance(charge.source, OfMeter) and charge.source.meter == meter.name:
                scales += [self.schedule(row.schedule).quantity_scale for row in charge.rows]
        scales += [include.quantity.denominator for include in self.plan.includes if include.meter == meter.name]
        if meter.rounding is not None:
            scales.append(meter.rounding.size.denominator)
        return lcm(*scales)

    def schedule(self, schedule: Schedule) -> Schedule:
        """The schedule with widths that depend on the period's days settled."""
        if not schedule.depends:
            return schedule
        days = Fraction(self.situation.covered_days.day_count)
        factors = []
        for band in schedule.bands:
            depends = band.width_per
            if depends is not None and (depends.meter is not None or depends.attribute is not None):
                raise NotGenerated(Obstacle.DEPENDENT_WIDTH)
            share = covered_share(self.situation) if band.prorated else Fraction(1)
            factors.append(share if depends is None else share * days / depends.per)
        found = settled(schedule, tuple(factors))
        uppers = [band.upper for band in found.bands if band.upper is not None]
        if any(low >= high for low, high in zip([0, *uppers], uppers, strict=False)):
            raise NotGenerated(Obstacle.DEPENDENT_WIDTH)
        return found

    def attribute(self, name: str) -> str:
        """The argument of an attribute, which may be None."""
        if name not in self._attributes:
            declared = self.program.schema.attributes[name]
            scale = 10**self._decimals if declared.kind in (FieldKind.NUMBER, FieldKind.MONEY) else 0
            number = list(self.program.schema.attributes).index(name)
            self._attributes[name] = Slot(f"a{number}", attribute=name, scale=scale)
        return self._attributes[name].argument

    def number(self, name: str, factor: Fraction = Fraction(1)) -> Term:
        """An attribute that is a number or money, times a factor; unknown, it ends the pricing."""
        text = f"(need() if {self.attribute(name)} is None else {self.attribute(name)})"
        if self.program.schema.attributes[name].kind not in (FieldKind.NUMBER, FieldKind.MONEY):
            raise NotGenerated(Obstacle.UNKNOWN_FORM)
        return Term(text, factor / self._attributes[name].scale)

    def choices(self, name: str) -> tuple[Scalar, ...]:
        """The values that an attribute of a table's column can have."""
        declared = self.program.schema.attributes[name]
        match declared.kind:
            case FieldKind.ONE_OF:
                return declared.values
            case FieldKind.YES_NO:
                return (True, False)
            case _:
                raise NotGenerated(Obstacle.OPEN_ATTRIBUTE)

    def total(self, meter: str) -> Term:
        """The quantity of a meter over all its values, rounded as the meter says; it may be below zero."""
        if meter not in self._totals:
            slots = self.slots(meter)
            texts = [self.quantity(slot) for slot in slots]
            unit = Fraction(1, slots[0].scale)
            if len(slots) == 1 and not slots[0].key and self.program.meters[meter].rounding is None:
                self._totals[meter] = Term(texts[0], unit)
            else:
                name = self.source.name("t")
                self.source.before(f"{name} = {self.as_metered(meter, ' + '.join(texts), slots[0].scale)}")
                self._totals[meter] = Term(name, unit)
        return self._totals[meter]

    def as_metered(self, meter: str, text: str, scale: int) -> str:
        """An expression for a quantity of a meter with the meter's own rounding."""
        rounding = self.program.meters[meter].rounding
        if rounding is None:
            return text
        size = rounding.size * scale
        assert size.denominator == 1, "the scale holds the meter's rounding"
        whole = self.source.constant(_Rounded(size.numerator, rounding.mode))
        return f"{whole}({text})"

    # Conditions

    def all_hold(self, conditions: Sequence[Condition]) -> Test:
        """Whether all conditions hold, read from the top."""
        return _joined([self.holds(condition) for condition in conditions], " and ", neutral=True)

    def holds(self, condition: Condition) -> Test:
        """Whether one condition holds."""
        match condition:
            case Compare(left, comparison, right):
                return self._compare(left, comparison, right)
            case OneOf(operand, values, negated):
                found = _joined(
                    [self._compare(operand, Comparison.IS, value) for value in values], " or ", neutral=False
                )
                return _negated(found) if negated else found
            case Known(Attribute(name), negated):
                return f"{self.attribute(name)} is {'' if negated else 'not '}None"
            case Known():
                raise NotGenerated(Obstacle.UNKNOWN_FORM)
            case StartsIn(window):
                zone = self.situation.zone
                start = self.situation.days.period(zone).start
                return contains(self.program.windows[window], start, zone)
            case And(parts):
                return self.all_hold(parts)
            case Or(parts):
                return _joined([self.holds(part) for part in parts], " or ", neutral=False)
            case Not(part):
                return _negated(self.holds(part))
            case _:
                assert_never(condition)

    def _compare(self, left: Operand, comparison: Comparison, right: Operand) -> Test:
        first, second = self._operand(left), self._operand(right)
        sign = {Comparison.IS: "==", Comparison.IS_NOT: "!="}.get(comparison, comparison.value)
        if isinstance(first, Term) and isinstance(second, Term):
            low, high, _ = together(first, second)
            if first.number is not None and second.number is not None:
                return _COMPARED[comparison](int(low), int(high))
            return f"{low} {sign} {high}"
        if isinstance(first, Term) or isinstance(second, Term):
            raise NotGenerated(Obstacle.UNKNOWN_FORM)
        return f"{first} {sign} {second}"

    def _operand(self, operand: Operand) -> Term | str:
        match operand:
            case Literal(value):
                return Term.constant(value) if isinstance(value, Fraction) else self.source.constant(value)
            case Attribute(name):
                if self.program.schema.attributes[name].kind in (FieldKind.NUMBER, FieldKind.MONEY):
                    return self.number(name)
                return f"(need() if {self.attribute(name)} is None else {self.attribute(name)})"
            case FieldOf():
                raise NotGenerated(Obstacle.UNKNOWN_FORM)
            case UsageOf(meter):
                total = self.total(meter)
                return Term(f"({total.text} if {total.text} > 0 else 0)", total.unit, nonnegative=True)
            case AmountOf(line):
                return self.amounts.get(line, Term("0"))
            case Month():
                return Term.constant(Fraction(self.situation.days.start.month))
            case _:
                assert_never(operand)


_COMPARED: Mapping[Comparison, Callable[[int, int], bool]] = {
    Comparison.IS: lambda left, right: left == right,
    Comparison.IS_NOT: lambda left, right: left != right,
    Comparison.LESS: lambda left, right: left < right,
    Comparison.LESS_OR_EQUAL: lambda left, right: left <= right,
    Comparison.GREATER: lambda left, right: left > right,
    Comparison.GREATER_OR_EQUAL: lambda left, right: left >= right,
}


@dataclass(frozen=True, slots=True)
class _Rounded:
    """A quantity rounded to a multiple of a size, both in the meter's integers."""

    size: int
    mode: Rounding

    def __call__(self, quantity: int) -> int:
        return round_ratio(quantity, self.size, self.mode) * self.size


def _joined(tests: Sequence[Test], word: str, *, neutral: bool) -> Test:
    """Tests joined by `and` (neutral True) or `or` (neutral False); what comes after a certain answer is left out."""
    kept: list[str] = []
    for test in tests:
        if isinstance(test, str):
            kept.append(test)
        elif test is not neutral:
            return (not neutral) if not kept else f"({word.join([*kept, str(not neutral)])})"
    if not kept:
        return neutral
    return kept[0] if len(kept) == 1 else f"({word.join(kept)})"


def _negated(test: Test) -> Test:
    return f"(not {test})" if isinstance(test, str) else not test

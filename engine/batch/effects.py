"""What a policy does to its lines before it is rounded, in units of money, for a family at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Final, TypeAlias, TypeVar

from ...money import MoneyUnit, Rounding
from ...records import Record
from ..condition import Comparison
from ..plan import (
    AddMoney,
    AddPercent,
    AddPerUnit,
    MoneyOf,
    MoneyOff,
    NumberOf,
    PerAttribute,
    PercentOff,
    Policy,
    UnitsFree,
)
from .facts import StatementFacts
from .free_units import free_units
from .ledger import Ledger, Target
from .number import (
    FALSE,
    NOTHING,
    ONE,
    TRUE,
    ZERO,
    Integer,
    Number,
    Truth,
    add,
    aligned,
    both,
    choose,
    compare,
    compare_numbers,
    counted,
    either,
    is_positive,
    least,
    less,
    literal,
    multiply,
    negated,
    negation,
    not_below_zero,
    number_not_below_zero,
    product_of,
    smaller,
    subtract,
    sum_of,
)

E = TypeVar("E", PercentOff, MoneyOff, UnitsFree, AddMoney, AddPercent, AddPerUnit)

WindowShares: TypeAlias = Callable[[int, str], tuple[Number, Number] | None]
"""For a priced line (by its index) and a window: the quantity that lies in it, and the whole quantity, both before
rounding and over one `under`; None for a line that has no quantity to lie anywhere."""

FINENESS: Final = 10**9
"""Shares of lines over different quantities are added in such parts of a money unit, and the sum's bounds rounded."""


class Effect(Record):
    """What a policy does to its targets.

    `amount` is before rounding, and with an `upper` lies between the two. `exists` says where there is something to
    work on, `missing` where an attribute that is not known is needed to tell; `weights` (none below zero) say how the
    amount falls. `own_weights` says that they are what the lines have left now. `per_weight` is the share of each
    weight that is taken, where the amount is that for certain. What does not fall has no weights.
    """

    amount: Number
    weights: Callable[[], tuple[Number, ...]]
    any_weight: Callable[[], Truth]
    exists: Truth = TRUE
    missing: Truth = FALSE
    upper: Number | None = None
    own_weights: bool = False
    falls: bool = True
    per_weight: Number | None = None


class Scene(Record):
    """What policies look at. `shares` gives the parts of lines that lie in windows.

    With `exact` no effect has bounds instead of an amount; that may raise `TooLargeError`.
    """

    ledger: Ledger
    facts: StatementFacts
    money: MoneyUnit
    shares: WindowShares
    exact: bool = False

    def effect(self, policies: Sequence[Policy], targets: Sequence[Target], at: int) -> Effect:
        """The effect of a policy (one of each member) on targets as they are at a moment, its `at most` included."""
        found = self._plain_effect(policies, targets, at)
        limits = [policy.at_most for policy in policies]
        if limits[0] is None:
            return found
        limit, missing = self._money_of([item for item in limits if item is not None])
        return replace(
            found,
            amount=smaller(found.amount, limit),
            missing=either(found.missing, both(found.exists, missing)),
            upper=None if found.upper is None else smaller(found.upper, limit),
            per_weight=None,
        )

    def _plain_effect(self, policies: Sequence[Policy], targets: Sequence[Target], at: int) -> Effect:
        effect = policies[0].effect
        present = either(*(condition for _, condition in targets))
        match effect:
            case PercentOff(during=None):
                return self._percent(self._numbers(policies, "percent"), targets, at, exists=present)
            case PercentOff(during=str(window)):
                return self._during(self._numbers(policies, "percent"), window, targets, at, exists=present)
            case MoneyOff():
                amount, missing = self._money_of([_effect_of(policy, MoneyOff).money for policy in policies])
                return self._on_what_is_left(amount, targets, at, exists=present, missing=both(present, missing))
            case UnitsFree():
                return self._units_free([_effect_of(policy, UnitsFree).quantity for policy in policies], targets)
            case AddMoney():
                amount, missing = self._money_of([_effect_of(policy, AddMoney).money for policy in policies])
                return _weightless(amount, targets, TRUE, missing)
            case AddPercent():
                return self._add_percent([_effect_of(policy, AddPercent) for policy in policies], targets, at)
            case AddPerUnit():
                return self._add_per_unit([_effect_of(policy, AddPerUnit) for policy in policies], targets, at)
            case _:
                raise AssertionError("every effect is one of these")

    # Percentages and money

    def _on_what_is_left(
        self, amount: Number, targets: Sequence[Target], at: int, *, exists: Truth = TRUE, missing: Truth = FALSE
    ) -> Effect:
        """An effect that falls on lines by what they have left."""
        ledger = self.ledger

        def weights() -> tuple[Number, ...]:
            return tuple(Number(not_below_zero(ledger.left_of(target, at))) for target in targets)

        def any_weight() -> Truth:
            return is_positive(ledger.left_sum(targets, at, positive=True))

        return Effect(amount, weights, any_weight, exists, missing, own_weights=at == ledger.now)

    def _percent(self, percent: Number, targets: Sequence[Target], at: int, *, exists: Truth) -> Effect:
        whole = Number(self.ledger.left_sum(targets, at))
        found = self._on_what_is_left(product_of(percent, whole), targets, at, exists=exists)
        return replace(found, per_weight=self._certain(percent, targets, at))

    def _certain(self, percent: Number, targets: Sequence[Target], at: int) -> Number | None:
        """The percentage, where it takes just that of every line: none is below zero, and there is no more to take."""
        most = percent.top.high <= percent.scale
        return percent if most and at == self.ledger.now and self.ledger.never_below(targets) else None

    def _during(self, percent: Number, window: str, targets: Sequence[Target], at: int, *, exists: Truth) -> Effect:
        parts = tuple(self._part_in(window, target, at) for target in targets)

        def weights() -> tuple[Number, ...]:
            return tuple(number_not_below_zero(part) for part in parts)

        def any_weight() -> Truth:
            return either(*(is_positive(part.top) for part in parts))

        whole, upper = self._sum(parts)
        return Effect(
            product_of(percent, whole),
            weights,
            any_weight,
            exists,
            upper=None if upper is None else product_of(percent, upper),
            per_weight=self._certain(percent, targets, at),
        )

    def _part_in(self, window: str, target: Target, at: int) -> Number:
        """What a line has left, for the share of its quantity that lies in a window."""
        found = self.shares(target[0], window)
        if found is None:
            return NOTHING
        sheet = self.ledger.sheet
        (inside, whole), _, _ = aligned(*found)
        some = is_positive(whole)
        # Corrections below zero on one side leave at most the whole, or nothing, inside.
        clamped = sheet.let(_within(choose(some, least(not_below_zero(inside), whole), ZERO), 0, max(whole.high, 0)))
        divisor = sheet.let(_within(choose(some, whole, ONE), 1, max(whole.high, 1)))
        top = sheet.let(multiply(self.ledger.left_of(target, at), clamped))
        if divisor.constant is not None:
            return Number(top, divisor.constant)
        return Number(top, 1, divisor)

    def _sum(self, parts: Sequence[Number]) -> tuple[Number, Number | None]:
        """The sum; where no integer holds it over all divisors at once, bounds of it that lie close together."""
        sheet = self.ledger.sheet
        if self.exact or len({part.under.sql for part in parts if part.under is not None}) <= 1:
            return sheet.let_number(sum_of(*parts)), None
        lows, opens = [], []
        for part in parts:
            low, rest = self._floor(part)
            lows.append(low)
            opens.append(counted(rest))
        low_sum = sheet.let(add(*lows))
        high_sum = sheet.let(add(low_sum, *opens))
        return Number(low_sum, FINENESS), Number(high_sum, FINENESS)

    def _floor(self, part: Number) -> tuple[Integer, Truth]:
        """How many whole parts of `FINENESS` a number holds, towards less, and whether anything is left over."""
        sheet = self.ledger.sheet
        divisor = part.divisor
        top = sheet.let(multiply(part.top, literal(FINENESS)))
        if top.low >= 0:
            whole, rest = sheet.quotient(top, divisor)
            return whole, is_positive(rest)
        below = compare(top, Comparison.LESS, ZERO)
        size = sheet.let(_within(choose(below, negated(top), top), 0, top.size_max))
        whole, rest = sheet.quotient(size, divisor)
        some = is_positive(rest)
        down = subtract(negated(whole), counted(some))
        return sheet.let(choose(below, down, whole)), some

    # Units

    def _units_free(self, quantities: Sequence[Fraction], targets: Sequence[Target]) -> Effect:
        costs, exists = free_units(self.ledger, targets, self.ledger.sheet.numbers(quantities), self.money.size)

        def any_weight() -> Truth:
            return either(*(is_positive(cost.top) for cost in costs))

        return Effect(self.ledger.sheet.let_number(sum_of(*costs)), lambda: costs, any_weight, exists)

    def _add_percent(self, effects: Sequence[AddPercent], targets: Sequence[Target], at: int) -> Effect:
        percent = self.ledger.sheet.numbers([item.percent for item in effects])
        bases = [item.base for item in effects if item.base is not None]
        if bases:
            whole, missing = self._money_of(bases)
            found = _weightless(product_of(percent, whole), targets, TRUE, missing)
        else:
            found = replace(self._percent(percent, targets, at, exists=TRUE), per_weight=None)
        steps = [item.per for item in effects if item.per is not None]
        if not steps:
            return found
        count, exists, missing = self._steps(steps)
        amount = product_of(self.ledger.sheet.let_number(found.amount), count)
        return replace(found, amount=amount, exists=exists, missing=either(found.missing, missing))

    def _steps(self, per: Sequence[PerAttribute]) -> tuple[Number, Truth, Truth]:
        quantity, missing = self.facts.attribute_number(per[0].attribute)
        past, exists, unknown = self._past(quantity, [item.bound for item in per], above=per[0].above)
        missing = either(missing, unknown)
        count = product_of(past, self.ledger.sheet.numbers([1 / item.step for item in per]))
        return count, both(exists, negation(missing)), missing

    def _add_per_unit(self, effects: Sequence[AddPerUnit], targets: Sequence[Target], at: int) -> Effect:
        effect, sheet = effects[0], self.ledger.sheet
        missing = FALSE
        if effect.meter is not None:
            quantity = self.facts.usage(effect.meter)
        else:
            assert effect.attribute is not None, "what is counted is a meter or an attribute"
            factors = sheet.numbers([item.attribute_factor for item in effects])
            own, missing = self.facts.attribute_number(effect.attribute)
            quantity = product_of(own, factors)
        past, exists, unknown = self._past(quantity, [item.bound for item in effects], above=effect.above)
        missing = either(missing, unknown)
        steps = product_of(number_not_below_zero(past), sheet.numbers([1 / item.per for item in effects]))
        if effect.started:
            started = sheet.let_number(steps)
            steps = Number(sheet.rounded(started.top, started.divisor, Rounding.UP))
        prices = sheet.numbers([item.price / self.money.size for item in effects])
        amount = product_of(steps, prices)
        return self._on_what_is_left(amount, targets, at, exists=both(exists, negation(missing)), missing=missing)

    def _past(self, quantity: Number, bounds: Sequence[NumberOf | None], *, above: bool) -> tuple[Number, Truth, Truth]:
        """How much of a quantity lies past a mark, where something does, and where the mark is not known."""
        sheet = self.ledger.sheet
        marks = [item for item in bounds if item is not None]
        if not marks:
            return quantity, compare_numbers(quantity, Comparison.GREATER, NOTHING), FALSE
        mark, missing = self._number_of(marks)
        gap = sheet.let_number(less(quantity, mark) if above else less(mark, quantity))
        return gap, compare_numbers(gap, Comparison.GREATER, NOTHING), missing

    # Constants and attributes

    def _numbers(self, policies: Sequence[Policy], name: str) -> Number:
        return self.ledger.sheet.numbers([getattr(policy.effect, name) for policy in policies])

    def _money_of(self, moneys: Sequence[MoneyOf]) -> tuple[Number, Truth]:
        """Money in units, and where it is an attribute that is not known."""
        if moneys[0].attribute is not None:
            return self.facts.attribute_number(moneys[0].attribute, 1 / self.money.size)
        values = [(item.amount or Fraction(0)) / self.money.size for item in moneys]
        return self.ledger.sheet.numbers(values), FALSE

    def _number_of(self, numbers: Sequence[NumberOf]) -> tuple[Number, Truth]:
        if numbers[0].attribute is not None:
            value, missing = self.facts.attribute_number(numbers[0].attribute)
            return product_of(value, self.ledger.sheet.numbers([item.factor for item in numbers])), missing
        return self.ledger.sheet.numbers([item.number or Fraction(0) for item in numbers]), FALSE


def _weightless(amount: Number, targets: Sequence[Target], exists: Truth, missing: Truth) -> Effect:
    """An effect that falls on no line."""
    return Effect(amount, lambda: (NOTHING,) * len(targets), lambda: FALSE, exists, missing, falls=False)


def _effect_of(policy: Policy, kind: type[E]) -> E:
    """The effect of a policy whose family has effects of this kind."""
    assert isinstance(policy.effect, kind), "policies of a family have effects of one kind"
    return policy.effect


def _within(value: Integer, low: int, high: int) -> Integer:
    """A value with bounds that are known of it otherwise."""
    return value if value.constant is not None else replace(value, low=low, high=high)

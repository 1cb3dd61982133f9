"""The plan as Python source: one function that prices the quantities of one account in one fixed period, in integers.

`quoter` makes it and `rate` stays the meaning: a `Quoter` gives the same amounts without derivations, many times
faster, and asks `rate` wherever it was not generated for what it is given. `Obstacle` lists the plans that it leaves
to `rate` as a whole. For each call it leaves to it prepaid cards, quantities finer than its integers, keys that are
no arguments, attributes that are needed and unknown, and refused usage.
"""

from __future__ import annotations

import linecache
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from ....diagnostics import Diagnostic
from ... import plan as operations
from ... import schedule
from ...period import DateRange, billing_period, time_zone
from ...plan import Program
from ...usage import NOTHING, AccountUsage, CardHolding, MeteredQuantity, Subscription, Value
from ..in_force import plan_on, stretches_of
from ..rate import rate
from ..situation import Situation
from .charges import put_charges, put_fees
from .facts import Frame, Slot, Values, fields_of
from .policies import put_rest
from .source import NotGenerated, Obstacle, Unquotable
from .support import Offered, add, best_one, need, spread, take

__all__ = ["Obstacle", "Quoted", "Quoter", "Slot", "Unquotable", "quoter"]

Key: TypeAlias = str | tuple[Value, ...]
"""A meter, or a meter and the values of the fields that the plan asks of it: `("storage", "eu")`."""

_SUPPORT: Mapping[str, object] = MappingProxyType(
    {"need": need, "take": take, "add": add, "spread": spread, "best_one": best_one, "Offered": Offered}
)

# What the generator has read. A part of the plan that learns a new field falls back until the field is known here.
_KNOWN: Mapping[type, str] = MappingProxyType(
    {
        operations.Program: "name labels hash zone money line_rounding total_rounding total_rounding_place schema "
        "meters windows plans cards combinations",
        operations.Plan: "name labels place start end billing charges fees includes bounds policies taxes "
        "dated_by_usage",
        operations.Meter: "name labels unit event aggregation place text field factor rank where level per interval "
        "by_day rounding each_rounding each_minimum",
        operations.Charge: "name labels place text source unit columns tree rows pooling counted prorated "
        "bounds_per_row minimum cap period_minimum period_cap free_events free_quantity free_text round_event when "
        "because citation",
        operations.Column: "kind name values",
        operations.Row: "schedule place minimum cap",
        operations.Bound: "amount text place prorated because source",
        operations.OfMeter: "meter",
        operations.OfAttribute: "attribute factor",
        operations.OfAmount: "lines",
        operations.Fee: "name labels place text amount every calendar in_advance proration per multiplier trial "
        "trial_steps when because citation",
        operations.Include: "meter quantity text place every prorated because citation",
        operations.PlanBound: "kind bound labels lines",
        operations.Policy: "kind name labels place text effect targets at_most when start end because citation",
        operations.Targets: "names everything text",
        operations.PercentOff: "percent text during",
        operations.MoneyOff: "money",
        operations.AddMoney: "money",
        operations.AddPercent: "percent text base per",
        operations.AddPerUnit: "price per text meter attribute attribute_factor bound above started unit",
        operations.PerAttribute: "attribute step text bound above",
        operations.MoneyOf: "amount attribute text",
        operations.NumberOf: "number attribute factor text",
        operations.Tax: "name labels place text percent targets included when start end because citation",
        schedule.Schedule: "mode bands quantity_scale money_scale",
        schedule.Band: "upper inclusive rate step once if_used refused width_per prorated head text once_text",
    }
)


def unknown_forms() -> tuple[str, ...]:
    """The parts of a plan that have other fields than the generator was written for."""
    return tuple(
        known.__name__
        for known, names in _KNOWN.items()
        if {field.name for field in fields(known)} != set(names.split())
    )


@dataclass(frozen=True, slots=True)
class Quoted:
    """What an account owes, in the money unit."""

    total: int
    due: int


def quoter(
    program: Program,
    plan: str,
    *,
    period_start: date,
    subscription_start: date | None = None,
    keys: Mapping[str, Sequence[Values]] | None = None,
    decimals: int = 6,
) -> Quoter:
    """The quoter of a plan for the billing period that holds `period_start`.

    Without `subscription_start` the subscription begins with the period. `keys` tells, for meters that are priced by
    fields with open values, which combinations become arguments; others are left to the interpreter. Quantities and
    numeric attributes have up to so many `decimals`, more where the plan's own bounds do.
    """
    start = period_start if subscription_start is None else subscription_start
    return Quoter(program, plan, period_start, start, keys or {}, decimals)


class Quoter:
    """Prices quantities of one account. Source is made, and compiled, when it is first asked for."""

    def __init__(
        self,
        program: Program,
        plan: str,
        period_start: date,
        subscription_start: date,
        keys: Mapping[str, Sequence[Values]],
        decimals: int,
    ) -> None:
        self.program = program
        self.plan = plan
        self.subscription_start = subscription_start
        day = max(period_start, subscription_start)
        version = plan_on(program, plan, day)
        self.period = (
            DateRange(day, day) if version is None else billing_period(version.billing, day, subscription_start)
        )
        self._keys = keys
        self._decimals = decimals

    @cached_property
    def _generated(self) -> tuple[tuple[Slot, ...], str, dict[str, object]] | Obstacle:
        try:
            return _generate(self._situation(), self._keys, self._decimals)
        except NotGenerated as reason:
            return reason.obstacle

    def _situation(self) -> Situation:
        if unknown_forms():
            raise NotGenerated(Obstacle.UNKNOWN_FORM)
        day = max(self.period.start, self.subscription_start)
        version = plan_on(self.program, self.plan, day)
        if version is None or self.period.day_count == 0:
            raise NotGenerated(Obstacle.NO_VERSION)
        if len(stretches_of(self.program, version, DateRange(day, self.period.end))) > 1:
            raise NotGenerated(Obstacle.CHANGES_INSIDE)
        zone = time_zone(self.program.zone)
        assert isinstance(zone, ZoneInfo), "the resolver lets only known zones through"
        return Situation(
            program=self.program,
            plan=version,
            subscription=Subscription("", self.plan, self.subscription_start),
            events=(),
            quantities=(),
            days=self.period,
            covered_days=DateRange(day, self.period.end),
            zone=zone,
        )

    @property
    def obstacle(self) -> Obstacle | None:
        """Why the plan is left to the interpreter, or None where it is generated."""
        return self._generated if isinstance(self._generated, Obstacle) else None

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The positional arguments of `price`, in order; none where the plan is left to the interpreter."""
        return () if isinstance(self._generated, Obstacle) else self._generated[0]

    @property
    def source(self) -> str:
        """The generated source."""
        return "" if isinstance(self._generated, Obstacle) else self._generated[1]

    @cached_property
    def price(self) -> Callable[..., int]:
        """The compiled function: the total in the money unit, from the integers that `slots` describes.

        It raises `Unquotable` for what only the interpreter can answer; where there is an obstacle, always.
        """
        if isinstance(self._generated, Obstacle):
            return _never
        _, text, names = self._generated
        name = _file_name(f"ratebook {self.program.name} plan {self.plan}")
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        weakref.finalize(self, linecache.cache.pop, name, None)
        space: dict[str, Any] = dict(names)
        exec(compile(text, name, "exec"), space)
        function: Callable[..., int] = space["price"]
        return function

    def __call__(
        self,
        quantities: Mapping[Key, int | Fraction | Decimal],
        attributes: Mapping[str, Value] = NOTHING,
        cards: tuple[CardHolding, ...] = (),
    ) -> Quoted | Diagnostic:
        """The same amounts as `rate` gives for quantities of the period, or the reason why there are none.

        A meter that is priced by fields has one quantity a key, `("storage", "eu")`; what is left out was not used.
        """
        if not cards:
            arguments = self.arguments(quantities, attributes)
            if arguments is not None:
                try:
                    total = self.price(*arguments)
                except Unquotable:
                    pass
                else:
                    return Quoted(total, total)
        return self.interpreted(quantities, attributes, cards)

    def arguments(
        self, quantities: Mapping[Key, int | Fraction | Decimal], attributes: Mapping[str, Value]
    ) -> list[Value | int | None] | None:
        """The arguments of `price`, or None where it has none that say exactly this."""
        if isinstance(self._generated, Obstacle):
            return None
        found: list[Value | int | None] = []
        unread = len(quantities)
        for key, scale, absent in self._meters:
            quantity = quantities.get(key)
            if quantity is None:
                found.append(absent)
                continue
            unread -= 1
            whole = _scaled(quantity, scale)
            if whole is None:
                return None
            found.append(whole)
        for name, scale in self._attributes:
            value = attributes.get(name)
            if value is None or not scale:
                found.append(value)
                continue
            assert isinstance(value, Decimal | int), "a number is a decimal"
            whole = _scaled(value, scale)
            if whole is None:
                return None
            found.append(whole)
        return None if unread else found

    @cached_property
    def _meters(self) -> list[tuple[Key, int, int | None]]:
        """The key and scale of each quantity, and what stands where there is none."""
        return [
            ((slot.meter, *slot.key) if slot.key else slot.meter, slot.scale, None if slot.absent else 0)
            for slot in self.slots
            if slot.meter
        ]

    @cached_property
    def _attributes(self) -> list[tuple[str, int]]:
        return [(slot.attribute, slot.scale) for slot in self.slots if slot.attribute]

    def interpreted(
        self,
        quantities: Mapping[Key, int | Fraction | Decimal],
        attributes: Mapping[str, Value] = NOTHING,
        cards: tuple[CardHolding, ...] = (),
    ) -> Quoted | Diagnostic:
        """The amounts by way of `rate`."""
        subscription = Subscription("", self.plan, self.subscription_start, None, attributes, cards)
        metered = tuple(self._metered(key, Fraction(quantity)) for key, quantity in quantities.items())
        found = rate(self.program, subscription, AccountUsage((), metered), self.period)
        return found if isinstance(found, Diagnostic) else Quoted(found.total, found.due)

    def _metered(self, key: Key, quantity: Fraction) -> MeteredQuantity:
        meter, *values = (key,) if isinstance(key, str) else key
        version = plan_on(self.program, self.plan, max(self.period.start, self.subscription_start))
        names = () if version is None else fields_of(version.charges, str(meter))
        if len(values) > len(names):
            raise ValueError(f"plan {self.plan} asks {len(names)} fields of {meter}, not {len(values)}: {names}")
        return MeteredQuantity("", str(meter), quantity, dict(zip(names, values, strict=False)))


def _scaled(value: Decimal | Fraction | int, scale: int) -> int | None:
    """The value in integers, or None where they are too coarse for it."""
    if isinstance(value, int):
        return value * scale
    numerator, denominator = value.as_integer_ratio()
    return None if scale % denominator else numerator * (scale // denominator)


def _never(*_arguments: object) -> int:
    raise Unquotable


def _file_name(stem: str) -> str:
    """`<ratebook web plan hosting>`, with a number where another source already goes by that name."""
    number, name = 1, f"<{stem}>"
    while name in linecache.cache:
        number += 1
        name = f"<{stem} {number}>"
    return name


def _generate(
    situation: Situation, keys: Mapping[str, Sequence[Values]], decimals: int
) -> tuple[tuple[Slot, ...], str, dict[str, object]]:
    """Arguments, source and names. Written again where an argument turns out to tell no usage from zero usage."""
    _check_ladders(situation)
    absent: frozenset[tuple[str, Values]] = frozenset()
    while True:
        frame = Frame(situation, decimals, keys, absent)
        lines = [*put_charges(frame), *put_fees(frame)]
        frame.source.put(f"return {put_rest(frame, lines)}")
        if frame.absent <= absent:
            slots = frame.arguments()
            text, names = frame.source.text("price", [slot.argument for slot in slots], _SUPPORT)
            return slots, text, names
        absent |= frame.absent


def _check_ladders(situation: Situation) -> None:
    """What generated code has no part for: ladders that are more than a line's own, and shares of a period."""
    plan = situation.plan
    if any(charge.pooling is not None or charge.counted is not None for charge in plan.charges):
        raise NotGenerated(Obstacle.RUNNING_LADDER)
    bounds = [bound.bound for bound in plan.bounds]
    for charge in plan.charges:
        if charge.prorated:
            raise NotGenerated(Obstacle.PRORATED)
        own = (charge.minimum, charge.cap, *(bound for row in charge.rows for bound in (row.minimum, row.cap)))
        bounds += [bound for bound in own if bound is not None]
    # Of a period that is covered whole, the share is the whole.
    prorated = any(bound.prorated for bound in bounds) or any(item.prorated for item in plan.includes)
    if prorated and situation.covered_days != situation.days:
        raise NotGenerated(Obstacle.PRORATED)

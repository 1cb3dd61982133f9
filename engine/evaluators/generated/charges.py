"""Charges and fees as code: quantities through included units and bands to rounded lines, in integers.

Rounding never falls, so that a floor or ceiling of a line can be rounded here and applied to the rounded line: the
amount is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from typing import assert_never

from ...condition import Scalar, scalar
from ...dispatch import Key, dispatch
from ...plan import Bound, Charge, ColumnKind, Fee, OfAmount, OfAttribute, OfEach, OfMeter, Row
from ...schedule import price
from ..fees import price_fee
from ..situation import Readings, declared_order
from .bands import put_price
from .facts import Frame, Slot, fields_of
from .source import NotGenerated, Obstacle, Term, added, times

MAX_LINES = 512
"""How many lines the code of one charge may have, over all values of its attributes."""

MAX_CHOICES = 64
"""How many combinations of attributes one charge may choose its prices by."""

_FINE = 10**60
"""A fee this many times over loses nothing that matters to the rounding of its line."""


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line of a charge or fee in generated code: a name or number of the money unit, 0 where the line is absent."""

    name: str
    text: str
    nonnegative: bool


@dataclass(frozen=True, slots=True)
class _Group:
    """The arguments that come to one line, and the row that prices it; without a row there is no price for them."""

    row: int | None
    key: Key
    slots: tuple[Slot, ...]


def put_charges(frame: Frame) -> list[PricedLine]:
    """Code for all charges, in the order of their lines."""
    allowances = {
        meter: _put_allowance(frame, meter) for meter in dict.fromkeys(item.meter for item in frame.plan.includes)
    }
    lines: list[PricedLine] = []
    for charge in frame.plan.charges:
        own = _put_charge(frame, charge, allowances)
        frame.amounts[charge.name] = Term(f"({added([line.text for line in own])})", frame.money.size)
        lines += own
    return lines


def _put_allowance(frame: Frame, meter: str) -> str:
    """A name for what is left of a meter's included units; nothing was used before the period."""
    name = frame.source.name("i")
    quantity = sum((item.quantity for item in frame.plan.includes if item.meter == meter), Fraction(0))
    scale = frame.slots(meter)[0].scale
    frame.source.before(f"{name} = {int(quantity * scale)}")
    return name


def _put_charge(frame: Frame, charge: Charge, allowances: dict[str, str]) -> list[PricedLine]:
    test = frame.all_hold(charge.when)
    if test is False:
        return []
    if isinstance(charge.source, OfEach):
        raise NotGenerated(Obstacle.EACH)
    if any(column.kind is ColumnKind.TIME for column in charge.columns):
        raise NotGenerated(Obstacle.BY_TIME)
    chosen = list(dict.fromkeys(column.name for column in charge.columns if column.kind is ColumnKind.ATTRIBUTE))
    variants = [
        (values, _groups(frame, charge, dict(zip(chosen, values, strict=True))))
        for values in product(*(frame.choices(name) for name in chosen))
    ]
    if len(variants) * max(len(groups) for _, groups in variants) > MAX_LINES or len(variants) > MAX_CHOICES:
        raise NotGenerated(Obstacle.MANY_KEYS)
    names = [frame.source.name("c") for _ in range(max((len(groups) for _, groups in variants), default=0))]
    if chosen or isinstance(test, str):
        frame.source.put(*(f"{name} = 0" for name in names))
    lines = [PricedLine(charge.name, name, nonnegative=True) for name in names]
    with nullcontext() if test is True else frame.source.block(f"if {test}:"):
        for number, (values, groups) in enumerate(variants):
            with _choice(frame, chosen, values, first=number == 0):
                for index, group in enumerate(groups):
                    sure = _put_group(frame, charge, group, names[index], allowances)
                    lines[index] = replace(lines[index], nonnegative=lines[index].nonnegative and sure)
        if chosen:
            with frame.source.block("else:"):
                frame.source.put("need()")
    if charge.columns and not charge.bounds_per_row:
        lines += _put_sum_bounds(frame, charge, lines, test if isinstance(test, str) else "")
    return lines


def _choice(
    frame: Frame, chosen: Sequence[str], values: Sequence[Scalar], *, first: bool
) -> AbstractContextManager[None]:
    if not chosen:
        return nullcontext()
    pairs = zip(chosen, values, strict=True)
    tests = [f"{frame.attribute(name)} == {frame.source.constant(value)}" for name, value in pairs]
    return frame.source.block(f"{'if' if first else 'elif'} {' and '.join(tests)}:")


def _groups(frame: Frame, charge: Charge, attributes: dict[str, Scalar]) -> list[_Group]:
    """The lines of a charge for an account's attributes, in their order."""
    if not isinstance(charge.source, OfMeter):
        values = tuple(attributes[column.name] for column in charge.columns)
        return [_group(charge, values, ())]
    slots = frame.slots(charge.source.meter)
    if not charge.columns:
        return [_Group(0, (), tuple(slots))]
    fields = fields_of(frame.plan.charges, charge.source.meter)
    found: dict[tuple[int, Key] | None, _Group] = {}
    for slot in slots:
        known = {name: scalar(value) for name, value in zip(fields, slot.key, strict=True)}
        values = tuple(
            (attributes if column.kind is ColumnKind.ATTRIBUTE else known)[column.name] for column in charge.columns
        )
        group = _group(charge, values, (slot,))
        place = None if group.row is None else (group.row, group.key)
        before = found.get(place)
        if before is not None:
            group = replace(group, slots=(*before.slots, slot))
        found[place] = group
    return sorted(
        found.values(), key=lambda group: (-1 if group.row is None else group.row, declared_order(charge, group.key))
    )


def _group(charge: Charge, values: tuple[Scalar, ...], slots: tuple[Slot, ...]) -> _Group:
    found = dispatch(charge.tree, values, _no_window)
    return _Group(None, (), slots) if isinstance(found, int) else _Group(found[0], found[1], slots)


def _no_window(_name: str) -> bool:
    raise NotGenerated(Obstacle.BY_TIME)


def _put_group(frame: Frame, charge: Charge, group: _Group, name: str, allowances: dict[str, str]) -> bool:
    """Code that gives `name` the amount of a line. The result tells whether it is certainly not below zero."""
    source = frame.source
    if group.row is None:
        used = " or ".join(f"{slot.argument} is not None" for slot in group.slots)
        frame.absent.update((slot.meter, slot.key) for slot in group.slots)
        source.put(f"{name} = 0", *([f"if {used}: need()"] if used else ["need()"]))
        return True
    row = charge.rows[group.row]
    bounds = [(row.minimum, row.cap)]
    if not charge.columns or charge.bounds_per_row:
        bounds.append((charge.minimum, charge.cap))
    absent = bool(charge.columns and group.slots) and _at_zero(frame, row, bounds) != 0
    if absent:
        frame.absent.update((slot.meter, slot.key) for slot in group.slots)
        source.put(f"{name} = 0")
    some = " or ".join(f"{slot.argument} is not None" for slot in group.slots)
    with source.block(f"if {some}:") if absent else nullcontext():
        quantity = _quantity(frame, charge, group, allowances)
        nonnegative = put_price(frame, frame.schedule(row.schedule), quantity, name)
        for minimum, cap in bounds:
            nonnegative = _put_bound(frame, name, minimum, "<", nonnegative=nonnegative)
            nonnegative = _put_bound(frame, name, cap, ">", nonnegative=nonnegative)
    return nonnegative


def _quantity(frame: Frame, charge: Charge, group: _Group, allowances: dict[str, str]) -> Term:
    match charge.source:
        case OfAttribute(attribute, factor):
            return frame.number(attribute, factor)
        case OfAmount(lines):
            # A line that does not stand is zero, as is one whose charge was left out.
            texts = [frame.amounts[line].text for line in lines if line in frame.amounts]
            return Term(f"({added(texts)})", frame.money.size)
        case OfMeter(meter):
            return _less_included(frame, _metered(frame, meter, group, whole=not charge.columns), allowances.get(meter))
        case OfEach():
            raise NotGenerated(Obstacle.EACH)
        case _:
            assert_never(charge.source)


def _metered(frame: Frame, meter: str, group: _Group, *, whole: bool) -> Term:
    if whole:
        return frame.total(meter)
    scale = group.slots[0].scale
    text = " + ".join(frame.quantity(slot) for slot in group.slots)
    return Term(frame.as_metered(meter, text, scale), Fraction(1, scale))


def _less_included(frame: Frame, quantity: Term, allowance: str | None) -> Term:
    if allowance is None:
        return quantity
    name = frame.source.name("u")
    frame.source.put(
        f"{name} = {quantity.text}",
        f"if {name} > {allowance}: {name} -= {allowance}; {allowance} = 0",
        f"elif {name} > 0: {allowance} -= {name}; {name} = 0",
        f"else: {name} = 0",
    )
    return Term(name, quantity.unit, nonnegative=True)


# Prices


def _at_zero(frame: Frame, row: Row, bounds: Sequence[tuple[Bound | None, Bound | None]]) -> int:
    """The line of a row for a quantity of zero."""
    schedule = frame.schedule(row.schedule)
    mode = frame.program.line_rounding
    amount = frame.money.round(Fraction(price(schedule, 0), schedule.money_scale), mode)
    for minimum, cap in bounds:
        amount = amount if minimum is None else max(amount, frame.money.round(minimum.amount, mode))
        amount = amount if cap is None else min(amount, frame.money.round(cap.amount, mode))
    return amount


def _put_bound(frame: Frame, name: str, bound: Bound | None, sign: str, *, nonnegative: bool) -> bool:
    if bound is None:
        return nonnegative
    limit = frame.money.round(bound.amount, frame.program.line_rounding)
    frame.source.put(f"if {name} {sign} {limit}: {name} = {limit}")
    return limit >= 0 if sign == "<" else nonnegative and limit >= 0


def _put_sum_bounds(frame: Frame, charge: Charge, lines: Sequence[PricedLine], test: str) -> list[PricedLine]:
    """What a floor or cap on the sum of several rows adds or takes, as lines of their own."""
    found: list[PricedLine] = []
    for bound, sign in ((charge.minimum, "<"), (charge.cap, ">")):
        if bound is None:
            continue
        name, source = frame.source.name("b"), frame.source
        limit = frame.money.round(bound.amount, frame.program.line_rounding)
        whole = source.atom(f"{added([line.text for line in [*lines, *found]])}")
        stands = f"{test} and " if test else ""
        source.put(f"{name} = {limit} - {whole} if {stands}{whole} {sign} {limit} else 0")
        found.append(PricedLine(charge.name, name, nonnegative=sign == "<"))
    return found


# Fees


def put_fees(frame: Frame) -> list[PricedLine]:
    """Code for the fees whose terms stand on the statement."""
    lines = []
    for fee in frame.plan.fees:
        line = _put_fee(frame, fee)
        if line is not None:
            frame.amounts[fee.name] = Term(line.text, frame.money.size, line.nonnegative)
            lines.append(line)
    return lines


def _put_fee(frame: Frame, fee: Fee) -> PricedLine | None:
    test = frame.all_hold(fee.when)
    if test is False:
        return None
    amount, mode, source = _of_terms(frame, fee), frame.program.line_rounding, frame.source
    if fee.multiplier is None:
        rounded = frame.money.round(amount, mode)
        text = str(rounded) if test is True else f"({rounded} if {test} else 0)"
        return PricedLine(fee.name, source.atom(text), rounded >= 0)
    name = source.name("f")
    if test is not True:
        source.put(f"{name} = 0")
    with nullcontext() if test is True else source.block(f"if {test}:"):
        count = frame.number(fee.multiplier)
        ratio = amount * count.unit / frame.money.size
        own = source.atom(count.text)
        # A count below zero is rare enough to be left to the interpreter, and keeps the line's sign certain.
        source.put(f"if {own} < 0: need()")
        text = times(own, ratio.numerator)
        source.rounded(text, ratio.denominator, mode, nonnegative=ratio >= 0, target=name)
    return PricedLine(fee.name, name, ratio >= 0)


def _of_terms(frame: Frame, fee: Fee) -> Fraction:
    """The fee's terms of the period for a count of one, before rounding."""
    once = replace(fee, multiplier=None, amount=fee.amount * _FINE)
    priced = price_fee(once, Readings(frame.situation))
    return Fraction(0) if priced is None else priced.line.derivation.parts[0].value / _FINE

"""Rates so small beside the rounding that what they price costs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from ....diagnostics import Diagnostic
from ....money import Rounding
from ...plan import OfEach
from ..model import Band, Charge, Ruleset
from .wording import money_text, number_text

# A price is taken for a slip where a thousand units, or times what it is written for if that is more, cost nothing.
_TIMES = 1000
_WRITTEN = re.compile(r" per (?:started )?([0-9][0-9,.]*)? ?([^\W\d]\S*)?$")


@dataclass(frozen=True, slots=True)
class _Rounded:
    """What an amount is rounded to, and how many units of the charge are rounded at once: None for any number."""

    size: Fraction
    mode: Rounding
    quantity: Fraction | None

    def vanishes(self, amount: Fraction) -> bool:
        """Whether an amount rounds to nothing."""
        return amount < self.least or (amount == self.least and self.mode in (Rounding.HALF_EVEN, Rounding.HALF_DOWN))

    @property
    def least(self) -> Fraction:
        """The amount from which, or above which, something is left."""
        match self.mode:
            case Rounding.UP:
                return Fraction(0)
            case Rounding.DOWN:
                return self.size
            case _:
                return self.size / 2


def check_small_rates(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Rates at which an event, or a thousand units, rounds to nothing."""
    for plan in ruleset.plans:
        for charge in plan.charges:
            found = next((band for row in charge.rows for band in row.bands if _is_small(ruleset, charge, band)), None)
            if found is not None:
                yield _small(ruleset, charge, found)


def _rounding(ruleset: Ruleset, charge: Charge, band: Band) -> _Rounded:
    if charge.round_event is None:
        return _Rounded(ruleset.money.size, ruleset.line_rounding, None)
    single = isinstance(charge.source, OfEach) and charge.source.field is None
    return _Rounded(charge.round_event.size, charge.round_event.mode, Fraction(1) if single else band.price.step)


def _is_small(ruleset: Ruleset, charge: Charge, band: Band) -> bool:
    price = band.price
    if price.rate <= 0 or price.once or "%" in price.text:
        return False
    rounded = _rounding(ruleset, charge, band)
    if rounded.quantity is not None:
        return rounded.vanishes(_of(band, rounded.quantity))
    return rounded.vanishes(_of(band, _many(band)))


def _many(band: Band) -> Fraction:
    return _TIMES * max(band.price.block, Fraction(1))


def _of(band: Band, quantity: Fraction) -> Fraction:
    step = band.price.step
    return band.price.rate * (quantity if step is None else quantity / step)


def _small(ruleset: Ruleset, charge: Charge, band: Band) -> Diagnostic:
    price, rounded = band.price, _rounding(ruleset, charge, band)
    size, per_event = money_text(rounded.size, ruleset.money), charge.round_event is not None
    quantity = _many(band) if rounded.quantity is None else rounded.quantity
    shown = _shown(band, quantity, charge)
    whose = "each event" if per_event else "a line"
    cost = f"{'an event of ' if per_event else ''}{shown} {'costs' if per_event else 'cost'} nothing"
    exact, nothing = money_text(_of(band, quantity), ruleset.money), money_text(Fraction(0), ruleset.money)
    least = rounded.least / _of(band, Fraction(1))
    above = "just above " if rounded.vanishes(rounded.least) else ""
    wider = price.block * 10 ** len(str(int(least / price.block)))
    as_in = f"{money_text(_of(band, wider), ruleset.money)} per {_shown(band, wider, charge)}"
    return Diagnostic(
        "RB2110",
        f"at {price.text}, {cost}: {whose} is rounded to {size} {rounded.mode.value}",
        price.span,
        "too small to bill",
        hints=(
            "correct the decimals of the price",
            "round the line instead of each event" if per_event else f"write `{as_in}`, if the price is meant",
            (
                f"round {'each event' if per_event else 'each line'} to less, as in "
                f"`{'round each event to' if per_event else 'round each line to'} "
                f"{money_text(_of(band, price.block), ruleset.money)} half even`"
            ),
        ),
        notes=(
            (
                f"witness: {shown} come to {exact}, which is rounded to {nothing}; "
                f"the least that costs anything is {above}{_shown(band, least, charge)}"
            ),
        ),
    )


def _shown(band: Band, quantity: Fraction, charge: Charge) -> str:
    """A quantity of the charge in the unit that its price is written for."""
    written = _WRITTEN.search(band.price.text)
    if written is None:
        return " ".join(filter(None, [number_text(quantity), charge.unit_text]))
    number = Fraction(written.group(1).replace(",", "")) if written.group(1) else Fraction(1)
    return " ".join(filter(None, [number_text(quantity * number / band.price.block), written.group(2)]))

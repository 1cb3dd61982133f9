"""Prices that fall where more is used."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

from ....diagnostics import Diagnostic, Label
from ...schedule import Mode
from ..model import Charge, Price, Row, Ruleset
from .wording import money_text, number_text


def check_cliffs(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Bounds of volume and stairstep bands past which using more costs less."""
    for plan in ruleset.plans:
        for charge in plan.charges:
            if charge.mode is Mode.GRADUATED:
                continue
            for row in charge.rows:
                yield from _cliffs(ruleset, charge, row)


def _cliffs(ruleset: Ruleset, charge: Charge, row: Row) -> Iterator[Diagnostic]:
    for band, following in pairwise(row.bands):
        if band.upper is None or band.price.refused or following.price.refused or band.width_per is not None:
            continue
        at, past = _amount(band.upper, band.price), _amount(band.upper, following.price)
        if band.price.step is not None or following.price.step is not None or past >= at:
            continue
        unit = f" {charge.unit_text}" if charge.unit_text else ""
        money = ruleset.money
        bound = f"{number_text(band.upper)}{unit}"
        yield Diagnostic(
            "RB2209",
            f"just above {bound}, using more of {charge.name} costs less",
            following.span,
            f"costs {money_text(past, money)} from here",
            (Label(band.span, f"costs {money_text(at, money)} at its end"),),
            (
                "write `graduated`, so that only what lies above is cheaper",
                'keep it with `allow RB2209 because "…"`',
            ),
            (f"witness: {bound} cost {money_text(at, money)}, the least above costs {money_text(past, money)}",),
        )


def _amount(quantity: Fraction, price: Price) -> Fraction:
    return quantity * price.rate + price.once

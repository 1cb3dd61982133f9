"""Versions that begin inside a billing period and price the usage of their days: what cannot be cut at their date."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from ....diagnostics import Diagnostic, Label
from ...plan import OfAttribute, OfEach, OfMeter
from ..model import Charge, Plan, Ruleset
from ..resolve.dates import begins_period

_PERIOD = "write `dated by period` in the version: a period keeps the prices that it began with"
_START = "begin the version on the first day of a billing period"


def check_versions(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Charges of which two versions would each price a part, where the parts do not make up the whole."""
    for earlier, later in pairwise(ruleset.plans):
        if earlier.name == later.name and _cuts(later):
            for charge in later.charges:
                yield from _undivided(ruleset, earlier, later, charge)


def _cuts(later: Plan) -> bool:
    """Whether a version may begin inside a billing period and price the rest of its usage."""
    if not later.dated_by_usage or later.start is None:
        return False
    return later.billing.anchored or not begins_period(later.billing, later.start)


def _undivided(ruleset: Ruleset, earlier: Plan, later: Plan, charge: Charge) -> Iterator[Diagnostic]:
    before = next((item for item in earlier.charges if item.name == charge.name), None)
    hints = (_PERIOD,) if later.billing.anchored else (_PERIOD, _START)
    if isinstance(charge.source, OfMeter):
        meter = ruleset.meters[charge.source.meter]
        same = next((item for item in earlier.charges if item.source == charge.source), None)
        # A price by the day takes each day's level by itself, whatever it is over a whole period.
        by_day = same is not None and same.prorated and charge.prorated
        if same is not None and not by_day and not meter.is_divisible:
            yield Diagnostic(
                "RB2308",
                f"both versions of `{later.name}` would price {meter.name}, each for its own days",
                charge.span,
                f"from {later.start} at this price",
                (Label(same.span, "until then at this one"),),
                hints,
                (f"witness: where {meter.name} is 10 on every day, it is 10 in each of the two parts: billed twice",),
            )
            return
    if before is None:
        return
    if isinstance(before.source, OfAttribute) != isinstance(charge.source, OfAttribute):
        yield Diagnostic(
            "RB2308",
            f"one version of `{later.name}` prices an attribute as `{charge.name}`, the other prices usage",
            charge.span,
            f"from {later.start} on",
            (Label(before.span, "until then"),),
            ("give the charge of the new version a name of its own", *hints),
        )
    elif not isinstance(charge.source, OfEach):
        bounded = next((item for item in (before, charge) if _bounds_rows(item)), None)
        if bounded is not None:
            yield Diagnostic(
                "RB2309",
                f"the rows of `{charge.name}` have a floor or ceiling of their own, and two versions would price a row",
                charge.span,
                f"from {later.start} at this price",
                (Label(before.span, "until then at this one"),),
                ("bound the sum of the charge instead, with a `minimum` or `cap` below its table", *hints),
            )


def _bounds_rows(charge: Charge) -> bool:
    own = any(row.minimum is not None or row.cap is not None for row in charge.rows)
    return own or (charge.bounds_per_row and (charge.minimum is not None or charge.cap is not None))

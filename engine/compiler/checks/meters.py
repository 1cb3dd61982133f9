"""Meters that nothing asks for, and included units of meters that their plan does not price."""

from __future__ import annotations

from collections.abc import Iterator

from ....diagnostics import Diagnostic, Label, Span
from ...condition import Condition, UsageOf, operands
from ...plan import AddPerUnit, OfMeter, UnitsFree
from ..model import Ruleset


def check_unpriced(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Meters that no charge, policy, included quantity, width or condition asks for."""
    asked: set[str] = set(ruleset.costs)
    for plan in ruleset.plans:
        asked |= {include.meter for include in plan.includes}
        for charge in plan.charges:
            if isinstance(charge.source, OfMeter):
                asked.add(charge.source.meter)
            asked |= {
                band.width_per.meter
                for row in charge.rows
                for band in row.bands
                if band.width_per is not None and band.width_per.meter is not None
            }
            asked |= _meters_in(charge.when)
        for fee in plan.fees:
            asked |= _meters_in(fee.when)
    for item in ruleset.policies:
        effect = item.policy.effect
        if isinstance(effect, UnitsFree | AddPerUnit) and effect.meter is not None:
            asked.add(effect.meter)
        asked |= _meters_in(item.policy.when)
    for tax in ruleset.taxes:
        asked |= _meters_in(tax.tax.when)
    for name, span in ruleset.meter_spans.items():
        if name not in asked and name not in ruleset.mentioned and ruleset.plans:
            yield Diagnostic(
                "RB2210",
                f"nothing prices meter `{name}`",
                span,
                "its usage costs nothing",
                hints=(
                    f"add `charge {name}: …` to a plan",
                    "remove the meter",
                    'keep it with `allow RB2210 because "…"`',
                ),
            )


def _meters_in(conditions: tuple[Condition, ...]) -> set[str]:
    return {
        operand.meter for condition in conditions for operand in operands(condition) if isinstance(operand, UsageOf)
    }


def check_included(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Included units that take nothing off, for no charge of their plan prices the meter."""
    for plan in ruleset.plans:
        priced = {charge.source.meter for charge in plan.charges if isinstance(charge.source, OfMeter)}
        for include in plan.includes:
            if include.meter in priced or include.meter in ruleset.mentioned:
                continue
            other = next(
                (
                    charge
                    for each in ruleset.plans
                    for charge in each.charges
                    if isinstance(charge.source, OfMeter) and charge.source.meter == include.meter
                ),
                None,
            )
            yield Diagnostic(
                "RB2233",
                f"`{plan.name}` includes units of `{include.meter}`, and no charge of it prices them",
                Span(include.place.file, include.place.start, include.place.end),
                "included in what?",
                () if other is None else (Label(other.span, "priced here, in another plan"),),
                (
                    f"add `charge {include.meter}: …` to `{plan.name}`",
                    "remove this line",
                    'keep it with `allow RB2233 because "…"`',
                ),
                (f"witness: any usage of `{include.meter}` costs nothing in `{plan.name}`, with this line or without",),
            )

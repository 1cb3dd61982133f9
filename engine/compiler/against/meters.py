"""Meters that count otherwise while the prices on them stay: the same price for another quantity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ....diagnostics import Diagnostic
from ...plan import OfEach, OfMeter
from ..model import Charge, Plan
from .comparison import ExampleChange
from .meaning import same
from .rules import declared_text
from .sides import Side
from .wording import money_text

_CHARGES_MAX = 4


def check_meters(old: Side, new: Side, examples: Sequence[ExampleChange]) -> Iterator[Diagnostic]:
    """A finding for each meter whose definition changed under charges whose prices did not."""
    for name, meter in new.ruleset.meters.items():
        before = old.ruleset.meters.get(name)
        if before is None or same(before, meter):
            continue
        charges = _unchanged(old, new, name)
        if not charges:
            continue
        listed = ", ".join(f"`{charge}`" for charge in charges[:_CHARGES_MAX])
        more = f" and {len(charges) - _CHARGES_MAX} more" if len(charges) > _CHARGES_MAX else ""
        yield Diagnostic(
            "RB2704",
            f"meter `{name}` counts otherwise than before, under prices that stay: {listed}{more}",
            new.ruleset.meter_spans[name],
            f"was `{declared_text(old, 'meter', name) or before.text}`",
            hints=(
                "if it is another quantity, declare a meter of another name, and a version of the plan that prices it",
                'if it is meant, keep it with `allow RB2704 because "…"` in the same change',
            ),
            notes=(f"witness: {_witness(name, old, charges, examples)}",),
        )


def _unchanged(old: Side, new: Side, meter: str) -> list[str]:
    """The charges on a meter whose prices are the same in both."""
    found: dict[str, None] = {}
    for name, versions in new.versions.items():
        for version in versions:
            for charge in version.model.charges:
                if not isinstance(charge.source, OfMeter) or charge.source.meter != meter:
                    continue
                if any(_same_prices(earlier.model, charge) for earlier in old.versions.get(name, ())):
                    found[charge.name] = None
    return list(found)


def _same_prices(plan: Plan, charge: Charge) -> bool:
    return any(
        other.name == charge.name
        and not isinstance(other.source, OfEach)
        and same(tuple(row.bands for row in other.rows), tuple(row.bands for row in charge.rows))
        for other in plan.charges
    )


def _witness(meter: str, old: Side, charges: Sequence[str], examples: Sequence[ExampleChange]) -> str:
    money = old.program.money
    for example in examples:
        if example.line in (*charges, "total") and example.old is not None and example.new is not None:
            amounts = money_text(example.old, money), money_text(example.new, money)
            return f"in “{example.title}”, {example.line} was {amounts[0]}, and is {amounts[1]} now"
    return f"events are counted as another quantity of {meter}, and each unit of it costs what it did"

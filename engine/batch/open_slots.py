"""Charges of meters whose keys may hold any value, in the pricing of a family: their lines as one, in a bundle."""

from __future__ import annotations

from collections.abc import Sequence

from ..plan import Charge, OfMeter, Pooling
from ..statement import LineKind
from .charges import sum_bounds
from .family import combinations
from .ledger import Info, PricedSlot, Slot
from .number import ZERO, UnfitError, both, choose
from .situation import Pricing


def is_open(pricing: Pricing, index: int) -> bool:
    """Whether the lines of a charge are not known before its usage."""
    member = pricing.members[0]
    charge = member.plan.charges[index]
    return (
        bool(charge.columns) and isinstance(charge.source, OfMeter) and combinations(charge, member.situation) is None
    )


def price_open_charge(pricing: Pricing, index: int) -> None:
    """Put the bundle of a charge on the ledger, and what its floor or cap adds. Raises `UnfitError`."""
    charges = [member.plan.charges[index] for member in pricing.members]
    _refuse_unfit(pricing, charges)
    charge, ledger, sheet = charges[0], pricing.ledger, pricing.sheet
    stands, missing = pricing.facts.condition([item.when for item in charges])
    ledger.refuse_where("an attribute that is not known", missing)
    if stands.known is False:
        return
    bundle = pricing.bundles[index]
    ledger.refuse_where("usage that no row prices", both(stands, bundle.unpriced))
    ledger.refuse_where("usage that the price list refuses", both(stands, bundle.refused))
    infos = tuple(
        Info(item.name, LineKind.CHARGE, item.labels.default, item.place, item.unit, item.because) for item in charges
    )
    present = sheet.let(both(stands, bundle.present))
    amount = sheet.let(choose(stands, bundle.amount, ZERO))
    line = PricedSlot(Slot(infos, present, amount, bundle=bundle), tuple(charges), None, None)
    ledger.put_priced(line)
    if not charge.bounds_per_row:
        for gap in sum_bounds(pricing, charges, [line], stands):
            ledger.put_priced(PricedSlot(gap, tuple(charges)))


def _refuse_unfit(pricing: Pricing, charges: Sequence[Charge]) -> None:
    charge = charges[0]
    assert isinstance(charge.source, OfMeter)
    if charge.pooling is Pooling.TIME_ORDER or charge.counted is not None or charge.prorated:
        raise UnfitError(
            "a table whose columns may hold any value, on a ladder that bills, days or turns in time share"
        )
    plan = pricing.members[0].plan
    own = [include for include in plan.includes if include.meter == charge.source.meter]
    several = sum(isinstance(item.source, OfMeter) and item.source == charge.source for item in plan.charges) > 1
    if any(include.every is not None for include in own) or (own and several):
        raise UnfitError("a table whose columns may hold any value, of a meter whose included units others use too")

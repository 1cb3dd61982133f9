"""`each` charges in the pricing of a family: what a query of its own found, bounded and rounded to the line."""

from __future__ import annotations

from ..statement import LineKind
from .charges import bounded, rounded_line
from .each_keys import EachAmount, EachQuantity
from .ledger import Info, PricedSlot, Slot
from .number import ZERO, choose
from .situation import Pricing


def price_each_charge(pricing: Pricing, index: int) -> None:
    """Put the one line of an `each` charge on the ledger."""
    charges = [member.plan.charges[index] for member in pricing.members]
    ledger, sheet = pricing.ledger, pricing.sheet
    stands, missing = pricing.facts.condition([item.when for item in charges])
    ledger.refuse_where("an attribute that is not known", missing)
    amount = sheet.let_number(pricing.each[EachAmount(index)])
    quantity = sheet.let_number(pricing.each[EachQuantity(index)])
    whole = bounded(pricing, amount, [item.period_minimum for item in charges], [item.period_cap for item in charges])
    units = sheet.let(choose(stands, rounded_line(pricing, whole), ZERO))
    infos = tuple(
        Info(item.name, LineKind.CHARGE, item.labels.default, item.place, item.unit, item.because) for item in charges
    )
    ledger.put_priced(PricedSlot(Slot(infos, stands, units, quantity), tuple(charges), None, None, index))

"""Fees of a family: their terms are known without usage, so that only a count of the account is left to the query."""

from __future__ import annotations

from ..condition import Comparison
from ..evaluators.fees import terms_due
from ..plan import Program
from ..statement import LineKind
from .facts import UNKNOWN_ATTRIBUTE, StatementFacts, stands
from .ledger import Ledger, PricedSlot, Slot, info_of
from .number import ZERO, both, choose, compare, fraction, product_of


def price_fees(program: Program, ledger: Ledger, facts: StatementFacts) -> None:
    """Put the lines of all fees on the ledger."""
    for index in range(len(ledger.members[0].plan.fees)):
        _price_fee(index, program, ledger, facts)


def _price_fee(index: int, program: Program, ledger: Ledger, facts: StatementFacts) -> None:
    sheet, money = ledger.sheet, program.money
    fees = [member.plan.fees[index] for member in ledger.members]
    fee = fees[0]
    standing = stands(ledger, facts, [item.when for item in fees])
    due = [item.amount * terms_due(item, member.situation) for item, member in zip(fees, ledger.members, strict=True)]
    quantity = None
    if fee.multiplier is None:
        amount = sheet.integers([money.round(value, program.line_rounding) for value in due])
    else:
        quantity, missing = facts.attribute_number(fee.multiplier)
        ledger.refuse_where(UNKNOWN_ATTRIBUTE, both(standing, missing))
        owed = sheet.let_number(product_of(product_of(quantity, sheet.numbers(due)), fraction(1 / money.size)))
        amount = sheet.rounded(owed.top, owed.divisor, program.line_rounding)
    amount = sheet.let(choose(standing, amount, ZERO))
    present = sheet.let(compare(amount, Comparison.IS_NOT, ZERO))
    if present.known is False:
        return
    infos = tuple(info_of(item, LineKind.FEE, item.per) for item in fees)
    ledger.put_priced(PricedSlot(Slot(infos, present, amount, quantity)))

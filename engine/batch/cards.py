"""Prepaid cards of a family's statements: they pay, in order, what is left to pay, and are no part of the total."""

from __future__ import annotations

from collections.abc import Sequence

from ...money import Rounding
from ...records import Record
from ..condition import Comparison
from ..plan import Card, Program
from ..statement import LineKind
from .allocation import allocate
from .bundle import SHARED
from .closing import TaxShares
from .ledger import Ledger, Slot, info_of
from .number import (
    FALSE,
    ONE,
    TRUE,
    ZERO,
    Integer,
    Number,
    Truth,
    UnfitError,
    add,
    both,
    choose,
    compare,
    either,
    fraction,
    greatest,
    is_positive,
    least,
    literal,
    multiply,
    negated,
    not_below_zero,
    product_of,
    subtract,
)

TOO_MANY = "statements on which more than six prepaid cards take part"
"""Why a statement is left to the scalar evaluator."""


class CardColumns(Record):
    """The cards that take part in a statement, in the order in which they pay, as columns of the statement's row.

    `cards[j]` is the card at place j, as an index into the program's cards in their order, -1 where there is none;
    `worths[j]` what is on it in money, zero where there is none: what earlier statements of this run took off is off.
    `too_many` holds where more cards take part than there are places. With `are_carried` an account may have several
    statements, and what each takes off its cards is asked for, statement by statement.
    """

    cards: tuple[Integer, ...]
    worths: tuple[Number, ...]
    too_many: Truth = FALSE
    are_carried: bool = False


NO_CARDS = CardColumns((), ())


def apply_cards(
    program: Program, ledger: Ledger, columns: CardColumns, left_by_policies: int, tax_shares: TaxShares
) -> None:
    """Put the lines of prepaid cards on the ledger.

    `left_by_policies` is the moment of the ledger before bounds. A card for named lines pays what policies left of them
    and their share of added taxes.
    """
    if not columns.cards:
        return
    ledger.refuse_where(TOO_MANY, columns.too_many)
    sheet = ledger.sheet
    cards = tuple(program.cards.values())
    open_total = ledger.total()
    by_line = any(card.pays for card in cards)
    payable = _payable(ledger, left_by_policies, tax_shares) if by_line else []
    for number, worth in zip(columns.cards, columns.worths, strict=True):
        chosen = [(card, sheet.let(compare(number, Comparison.IS, literal(place)))) for place, card in enumerate(cards)]
        chosen = [(card, where) for card, where in chosen if where.known is not False]
        owed = not_below_zero(open_total)
        masks = _masks(ledger, chosen) if by_line else []
        if by_line:
            named = either(*(where for card, where in chosen if card.pays))
            own = sheet.let(add(*(choose(mask, part, ZERO) for mask, part in zip(masks, payable, strict=True))))
            owed = choose(named, least(owed, own), owed)
        paid = sheet.let(least(owed, _held(ledger, worth, program)), "paid")
        paid = sheet.let(choose(either(*(where for _, where in chosen)), paid, ZERO), "paid")
        ledger.payments.append(paid)
        for card, where in chosen:
            _put(card, where, paid, ledger)
        open_total = sheet.let(subtract(open_total, paid))
        if by_line:
            payable = _less_paid(ledger, payable, masks, paid)


def _payable(ledger: Ledger, left_by_policies: int, tax_shares: TaxShares) -> list[Integer]:
    """What cards may pay of each line: what a floor adds is not theirs, what a ceiling takes is not owed."""
    sheet = ledger.sheet
    if any(item.slot.bundle is not None for item in ledger.priced):
        raise UnfitError(SHARED)
    found = []
    for index, share in enumerate(tax_shares.of_lines()):
        left, own = ledger.left(index), ledger.left(index, left_by_policies)
        raised = sheet.let(compare(left, Comparison.GREATER, own))
        part = choose(raised, _floored(ledger, share, own, left), share)
        found.append(sheet.let(not_below_zero(add(least(left, own), part)), "payable"))
    return found


def _floored(ledger: Ledger, share: Integer, own: Integer, left: Integer) -> Integer:
    """`share * own // left`, down also where the share is below zero; only for a line that a floor raised."""
    sheet = ledger.sheet
    below = compare(share, Comparison.LESS, ZERO)
    size = choose(below, negated(share), share)
    top = sheet.let(multiply(not_below_zero(size), not_below_zero(own)))
    whole, rest = sheet.quotient(top, sheet.let(greatest(left, ONE)))
    down = subtract(negated(whole), choose(is_positive(rest), ONE, ZERO))
    return sheet.let(choose(below, down, whole))


def _masks(ledger: Ledger, chosen: Sequence[tuple[Card, Truth]]) -> list[Truth]:
    """For each priced line whether the card pays it."""
    return [
        either(*(where for card, where in chosen if not card.pays or item.slot.id in card.pays))
        for item in ledger.priced
    ]


def _held(ledger: Ledger, worth: Number, program: Program) -> Integer:
    """What is on a card in whole units of money."""
    sheet = ledger.sheet
    units = product_of(worth, fraction(1 / program.money.size))
    return sheet.rounded(not_below_zero(units.top), units.divisor, Rounding.DOWN)


def _put(card: Card, where: Truth, paid: Integer, ledger: Ledger) -> None:
    present = ledger.sheet.let(both(where, is_positive(paid)), "p")
    if present.known is False:
        return
    amount = ledger.sheet.let(choose(where, negated(paid), ZERO))
    info = info_of(card, LineKind.PREPAID)
    on = tuple((name, TRUE) for name in card.pays)
    ledger.put(Slot((info,) * len(ledger.members), present, amount, on=on))


def _less_paid(ledger: Ledger, payable: Sequence[Integer], masks: Sequence[Truth], paid: Integer) -> list[Integer]:
    """What is left to be paid of each line."""
    sheet = ledger.sheet
    weights = [sheet.let(choose(mask, part, ZERO)) for mask, part in zip(masks, payable, strict=True)]
    size = sheet.let(least(paid, add(*weights)))
    return [
        sheet.let(not_below_zero(subtract(part, own)))
        for part, own in zip(payable, allocate(sheet, size, weights), strict=True)
    ]

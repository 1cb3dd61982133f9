"""Selling prepaid cards, and taking back those that nobody has used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import cast
from zoneinfo import ZoneInfo

from ..diagnostics import Diagnostic
from ..ledger.accounts import AccountKind, open_account, platform_account
from ..ledger.books import CARD_EVENTS
from ..ledger.requests import AccountId, Leg, Reverse, Transfer, TransferId
from ..ledger.store import Reader, Store, Transaction
from .acting import Acting, Json, once, record
from .cards import CardState, find_card
from .customers import Customer, find_customer, post_one


def sell(
    store: Store, acting: Acting, serials: Sequence[str], *, account: str | None = None, day: date | None = None
) -> Json | Diagnostic:
    """Sell cards on a day, today where the ruleset is for None: to an account, where they can pay at once, or to
    somebody unknown, who redeems them later."""
    body = {"serials": list(serials), "account": account, "day": None if day is None else day.isoformat()}

    def work(transaction: Transaction) -> Json | Diagnostic:
        customer = None if account is None else find_customer(transaction, account)
        if isinstance(customer, Diagnostic):
            return customer
        sold: list[str] = []
        for serial in dict.fromkeys(serials):
            card = find_card(transaction, serial)
            if isinstance(card, Diagnostic):
                return card
            today = acting.now.astimezone(ZoneInfo(card.terms.zone)).date()
            refused = _sell_one(transaction, acting, card, customer, today if day is None else day)
            if refused is not None:
                return refused
            sold.append(serial)
        return {"sold": sold, "account": account or ""}

    return once(store, acting, "card sell", body, work)


def _sell_one(
    transaction: Transaction, acting: Acting, card: CardState, customer: Customer | None, day: date
) -> Diagnostic | None:
    if card.state != "made":
        hint = "choose one that was not sold; `ratebook card list` shows them"
        return Diagnostic("RB7076", f"card {card.serial} is {card.state} already", hints=(hint,))
    terms, currency = card.terms, card.terms.currency
    gateway = platform_account(transaction, AccountKind.GATEWAY, currency, effective=acting.time)
    difference = platform_account(transaction, AccountKind.CARD_SALES, currency, effective=acting.time)
    if customer is None:
        taker = platform_account(transaction, AccountKind.SOLD_CARDS, currency, effective=acting.time)
    else:
        opened = open_card(transaction, acting, card, customer)
        if isinstance(opened, Diagnostic):
            return opened
        taker = opened
    moves = (
        (gateway, taker, min(terms.price, terms.worth)),
        (difference, taker, terms.worth - terms.price),
        (gateway, difference, terms.price - terms.worth),
    )
    legs: list[Leg] = [
        Transfer(debit, credit, size, currency, "card sale", card.serial) for debit, credit, size in moves if size > 0
    ]
    posted = post_one(transaction, acting, f"card sale {card.serial}", legs)
    if isinstance(posted, Diagnostic):
        return posted
    whose = "" if customer is None else customer.account
    events = [(card.id, "sold", whose, day.isoformat(), terms.price, posted.transfers[0], acting.time)]
    if customer is not None:
        events.append((card.id, "redeemed", whose, day.isoformat(), terms.worth, posted.transfers[0], acting.time))
    transaction.append(CARD_EVENTS, events)
    after = {"price": terms.price, "worth": terms.worth}
    record(transaction, acting, "card sold", account=whose, subject=card.serial, after=after)
    return None


def open_card(transaction: Transaction, acting: Acting, card: CardState, customer: Customer) -> AccountId | Diagnostic:
    """The ledger's account of a card that becomes a customer's; refused for another currency or a closed account."""
    if customer.currency != card.terms.currency:
        message = f"card {card.serial} is in {card.terms.currency}, account {customer.account} in {customer.currency}"
        return Diagnostic("RB7007", message, hints=("choose a card in the account's currency",))
    if customer.closed:
        hint = "name an account that is open"
        return Diagnostic("RB7008", f"account {customer.account} is closed", hints=(hint,))
    return open_account(
        transaction,
        f"card:{card.serial}",
        AccountKind.CARD,
        card.terms.currency,
        owner=customer.account,
        floor=0,
        effective=acting.time,
    )


def void(store: Store, acting: Acting, serial: str) -> Json | Diagnostic:
    """Make a card worthless before it was used. Of one that was sold, the sale is undone, and its price goes back."""

    def work(transaction: Transaction) -> Json | Diagnostic:
        card = find_card(transaction, serial)
        if isinstance(card, Diagnostic):
            return card
        if card.state in ("voided", "expired") or (card.state != "made" and card.left != card.terms.worth):
            why = f"is {card.state}" if card.state in ("voided", "expired") else "has been used"
            return Diagnostic("RB7076", f"card {serial} {why}", hints=("only a card that is whole can be voided",))
        legs: list[Leg] = [Reverse(row, kind="card voided", reference=serial) for row in _moves_of(transaction, card)]
        posted = post_one(transaction, acting, "card void", legs) if legs else None
        if isinstance(posted, Diagnostic):
            return posted
        first = None if posted is None else posted.transfers[0]
        day = acting.now.date().isoformat()
        row = (card.id, "voided", card.account, day, card.left if legs else 0, first, acting.time)
        transaction.append(CARD_EVENTS, [row])
        before = {"state": card.state, "left": card.left}
        record(transaction, acting, "card voided", account=card.account, subject=serial, before=before)
        return {"serial": serial, "state": "voided", "was": card.state}

    return once(store, acting, "card void", {"serial": serial}, work)


def _moves_of(reader: Reader, card: CardState) -> list[TransferId]:
    """The rows of the ledger that sold and redeemed a card, the latest first."""
    rows = reader.rows(
        "SELECT id FROM transfers WHERE reference = ? AND kind IN ('card sale', 'card redeemed') "
        "AND key IN (SELECT key FROM transfers AS first JOIN card_events ON card_events.transfer = first.id "
        "WHERE card_events.card = ?) ORDER BY id DESC",
        (card.serial, card.id),
    )
    return [TransferId(cast(int, row)) for (row,) in rows]

"""Prepaid cards that are no longer valid: what is left on them is earned, exactly once.

A card may pay bills of periods that ended before it expired, and these are made later. So a card waits until its
account is billed through its last day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import cast

from ..diagnostics import Diagnostic
from ..ledger.accounts import AccountKind, platform_account
from ..ledger.books import CARD_EVENTS
from ..ledger.requests import Posted, Request, Transfer
from ..ledger.store import Reader, Store, Transaction, Value
from .acting import Acting, Json, once, record
from .cards import CardState, list_cards


def expire_cards(store: Store, acting: Acting, day: date, *, unbilled_too: bool = False) -> Json | Diagnostic:
    """Turn what is left on cards that are no longer valid on a day into breakage.

    Cards with money on hold wait, and so do those that may yet pay an earlier bill, unless `unbilled_too`.
    """

    def work(transaction: Transaction) -> Json | Diagnostic:
        due = [
            card
            for card in list_cards(transaction)
            if card.state in ("sold", "redeemed") and card.end is not None and card.end <= day
        ]
        waiting = [card.serial for card in due if card.held or (not unbilled_too and may_pay_a_bill(transaction, card))]
        expired = [card for card in due if card.serial not in set(waiting)]
        amounts = _expire(transaction, acting, expired, day)
        return {"day": day.isoformat(), "expired": amounts, "waiting": waiting}

    return once(store, acting, "card expire", {"day": day.isoformat(), "unbilled_too": unbilled_too}, work)


def may_pay_a_bill(reader: Reader, card: CardState) -> bool:
    """Whether a period before the card's end may still be unbilled for its account."""
    end = card.end
    if end is None or not card.account:
        return False
    rows = reader.rows(
        "SELECT number, start, end_day FROM subscriptions WHERE account = ? AND ruleset = ? "
        "AND id IN (SELECT max(id) FROM subscriptions GROUP BY number)",
        (card.account, card.terms.ruleset),
    )
    for number, start, end_day in cast("list[tuple[int, str, str]]", rows):
        last = min(end.isoformat(), end_day) if end_day else end.isoformat()
        if start >= last:
            continue
        ((billed,),) = reader.rows(
            "SELECT coalesce(max(period_end), '') FROM invoices WHERE subscription = ? AND kind <> 'credit note'",
            (number,),
        )
        if cast(str, billed) < last:
            return True
    return False


def _expire(transaction: Transaction, acting: Acting, cards: Sequence[CardState], day: date) -> list[dict[str, object]]:
    """Move what is left of each under a key of its own, and say so; a card without anything left just ends."""
    requests: list[Request] = []
    for card in cards:
        if not card.left:
            continue
        currency = card.terms.currency
        breakage = platform_account(transaction, AccountKind.BREAKAGE, currency, effective=acting.time)
        giver = card.ledger_account
        if giver is None:
            giver = platform_account(transaction, AccountKind.SOLD_CARDS, currency, effective=acting.time)
        leg = Transfer(giver, breakage, card.left, currency, "card expired", card.serial)
        requests.append(Request(f"expire:{card.serial}", (leg,), acting.time))
    outcomes = iter(transaction.post(requests) if requests else [])
    rows: list[tuple[Value, ...]] = []
    for card in cards:
        transfer: int | None = None
        if card.left:
            outcome = next(outcomes)
            assert isinstance(outcome, Posted) and not outcome.repeated, f"card {card.serial}: {outcome}"
            transfer = outcome.transfers[0]
        rows.append((card.id, "expired", card.account, day.isoformat(), card.left, transfer, acting.time))
        before, after = {"left": card.left}, {"left": 0}
        record(
            transaction, acting, "card expired", account=card.account, subject=card.serial, before=before, after=after
        )
    if rows:
        transaction.append(CARD_EVENTS, rows)
    return [
        {"serial": card.serial, "account": card.account, "amount": card.left, "currency": card.terms.currency}
        for card in cards
    ]

"""Prepaid cards as they stand: where they are in their lives, and what is left on them.

A card is worth what the ruleset said when its batch was made. Sold to an account, its worth stands on `card:SERIAL` at
once; sold to somebody unknown, on the platform's account of sold cards until it is redeemed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

from ..diagnostics import Diagnostic
from ..ledger.requests import AccountId
from ..ledger.store import Reader
from .card_batches import CardTerms


@dataclass(frozen=True, slots=True)
class CardState:
    """A card as it stands now. `left` is in minor units; `account` is whose it is, empty for nobody known."""

    id: int
    serial: str
    batch: str
    terms: CardTerms
    key_check: str
    state: str
    account: str
    sold: date | None
    left: int
    held: int
    ledger_account: AccountId | None

    @property
    def end(self) -> date | None:
        """The first day on which it is no longer valid; None where it was not sold or is always valid."""
        return None if self.sold is None else self.terms.end(self.sold)


_SELECT = (
    "SELECT cards.id, serial, batch.batch, batch.ruleset, batch.card, worth, price, batch.currency, zone, "
    "valid_months, valid_days, "
    "key_check, coalesce(sold.day, ''), coalesce(redeemed.account, ''), expired.id, voided.id, sold.id, redeemed.id, "
    "held.account, held.credits, held.debits, held.held FROM cards "
    "JOIN card_batches AS batch ON batch.id = cards.batch "
    "LEFT JOIN card_events AS sold ON sold.card = cards.id AND sold.what = 'sold' "
    "LEFT JOIN card_events AS redeemed ON redeemed.card = cards.id AND redeemed.what = 'redeemed' "
    "LEFT JOIN card_events AS expired ON expired.card = cards.id AND expired.what = 'expired' "
    "LEFT JOIN card_events AS voided ON voided.card = cards.id AND voided.what = 'voided' "
    "LEFT JOIN accounts ON accounts.name = 'card:' || serial "
    "LEFT JOIN balances AS held ON held.account = accounts.id"
)


def find_card(reader: Reader, serial: str) -> CardState | Diagnostic:
    """The card of a serial number as it stands now, or that there is none."""
    found = reader.rows(f"{_SELECT} WHERE serial = ?", (serial,))
    if not found:
        hint = "`ratebook card list` shows the serial numbers; they stand on the cards beside the codes"
        return Diagnostic("RB7071", f"there is no card {serial}", hints=(hint,))
    return _state(found[0])


def card_of_code(reader: Reader, code: str) -> CardState | None:
    """The card of a hashed code."""
    found = reader.rows(f"{_SELECT} WHERE cards.code = ?", (code,))
    return _state(found[0]) if found else None


def list_cards(reader: Reader, *, batch: str | None = None, account: str | None = None) -> list[CardState]:
    """Cards in the order in which they were made, of a batch or an account or all."""
    found = [_state(row) for row in reader.rows(f"{_SELECT} ORDER BY cards.id")]
    return [card for card in found if batch in (None, card.batch) and account in (None, card.account)]


def _state(row: Sequence[object]) -> CardState:
    number, serial, batch, ruleset, card, worth, price, currency, zone, months, days, key_check = row[:12]
    sold_day, account, expired, voided, sold, redeemed, ledger_account, credited, debited, held = row[12:]
    ended = "voided" if voided else "expired" if expired else ""
    state = ended or ("redeemed" if redeemed else "sold" if sold else "made")
    left = cast(int, credited or 0) - cast(int, debited or 0)
    return CardState(
        id=cast(int, number),
        serial=cast(str, serial),
        batch=cast(str, batch),
        terms=CardTerms(
            cast(str, ruleset),
            cast(str, card),
            cast(int, worth),
            cast(int, price),
            cast(str, currency),
            cast(str, zone),
            cast("int | None", months),
            cast("int | None", days),
        ),
        key_check=cast(str, key_check),
        state=state,
        account=cast(str, account),
        sold=date.fromisoformat(cast(str, sold_day)) if sold_day else None,
        left=cast(int, worth) if state == "sold" else left,
        held=cast(int, held or 0),
        ledger_account=None if ledger_account is None else AccountId(cast(int, ledger_account)),
    )

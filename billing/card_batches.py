"""Batches of prepaid cards: the terms that a ruleset gives them, their codes, and storing what is kept of these."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256

from ..diagnostics import Diagnostic
from ..engine.period import add_months
from ..engine.plan import Program
from ..ledger.books import CARD_BATCHES, CARDS
from ..ledger.store import Store, Transaction
from ..money import MoneyUnit
from .acting import Acting, Json, once, record
from .card_codes import check_of_key, hashed, new_code, read_code

COUNT_MAX = 100_000
"""The most cards of one batch."""


@dataclass(frozen=True, slots=True)
class CardTerms:
    """What a card of a ruleset is: worth and price in minor units, how long it is valid from the day of its sale."""

    ruleset: str
    card: str
    worth: int
    price: int
    currency: str
    zone: str
    valid_months: int | None = None
    valid_days: int | None = None

    def end(self, sold: date) -> date | None:
        """The first day on which a card sold on a day is no longer valid; None for one that is always valid."""
        if self.valid_months is not None:
            return add_months(sold, self.valid_months)
        return None if self.valid_days is None else sold + timedelta(days=self.valid_days)


def terms_of(program: Program, card: str) -> CardTerms | Diagnostic:
    """The terms of a card of a ruleset; refused where it has none of the name, or its worth is finer than a coin."""
    found = program.cards.get(card)
    if found is None:
        known = ", ".join(program.cards) or "none"
        return Diagnostic(
            "RB7075", f"ruleset {program.name} has no card {card}", hints=(f"the cards of the ruleset: {known}",)
        )
    unit = MoneyUnit.minor(program.money.currency)
    price = found.worth if found.price is None else found.price
    if not unit.holds(found.worth) or not unit.holds(price) or price < 0:
        hint = "mend worth and price in the ruleset"
        return Diagnostic("RB7075", f"card {card} is worth or costs what no coins pay", hints=(hint,))
    return CardTerms(
        program.name,
        card,
        unit.parse(found.worth),
        unit.parse(price),
        unit.currency.code,
        program.zone,
        found.valid_months,
        found.valid_days,
    )


def new_codes(batch: str, count: int) -> list[tuple[str, str]] | Diagnostic:
    """Serials and codes for a new batch; they are in no database yet."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]{0,39}", batch):
        hint = "use up to 40 letters, digits, dots and hyphens"
        return Diagnostic("RB7075", f"“{batch}” is no name for a batch", hints=(hint,))
    if type(count) is not int or not 0 < count <= COUNT_MAX:
        hint = f"make 1 to {COUNT_MAX:,} cards at a time"
        return Diagnostic("RB7075", f"{count} cards cannot be made at once", hints=(hint,))
    return [(f"{batch}-{number:06d}", new_code()) for number in range(1, count + 1)]


def make_batch(
    store: Store, acting: Acting, batch: str, terms: CardTerms, codes: Sequence[tuple[str, str]], key: bytes
) -> Json | Diagnostic:
    """Store a batch of cards with the hashes of their codes. Refused where there is a batch of this name.

    The answer's `made` is true where these very codes are in the database, and false where the same wish was granted
    before with others, which were shown then.
    """
    letters = [(serial, read_code(code)) for serial, code in codes]
    hashes = [(serial, hashed(code, key)) for serial, code in letters if isinstance(code, str)]
    assert len(hashes) == len(codes), "codes that were just made have no slip"
    digest = sha256("".join(code for _, code in hashes).encode()).hexdigest()
    body = {"batch": batch, "ruleset": terms.ruleset, "card": terms.card, "count": len(codes)}

    def work(transaction: Transaction) -> Json | Diagnostic:
        if transaction.rows("SELECT 1 FROM card_batches WHERE batch = ?", (batch,)):
            hint = "choose another name; `ratebook card list` shows what there is"
            return Diagnostic("RB7075", f"there is a batch {batch} already", hints=(hint,))
        row = (
            batch,
            terms.ruleset,
            terms.card,
            terms.worth,
            terms.price,
            terms.currency,
            terms.valid_months,
            terms.valid_days,
            terms.zone,
            check_of_key(key),
            acting.time,
        )
        (number,) = transaction.append(CARD_BATCHES, [row])
        transaction.append(CARDS, [(number, code, serial) for serial, code in hashes])
        record(transaction, acting, "cards made", subject=batch, after={**body, "worth": terms.worth})
        return {**body, "worth": terms.worth, "price": terms.price, "currency": terms.currency, "digest": digest}

    answer = once(store, acting, "card batch", body, work)
    return answer if isinstance(answer, Diagnostic) else {**answer, "made": answer["digest"] == digest}

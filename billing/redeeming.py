"""Redeeming the code of a prepaid card, with a limit of tries.

Five wrong codes of an account within an hour are all that it has: the next try is refused before its code is looked
at. Whether a code exists and was used, or never existed, is answered alike and by the same queries.
"""

from __future__ import annotations

from datetime import timedelta
from typing import cast
from zoneinfo import ZoneInfo

from ..diagnostics import Diagnostic
from ..ledger.accounts import AccountKind, platform_account
from ..ledger.books import CARD_EVENTS, REDEEM_ATTEMPTS
from ..ledger.requests import Transfer
from ..ledger.store import Reader, Store, Transaction
from .acting import Acting, Json, as_answer, as_found, microseconds, once, record
from .card_codes import check_of_key, hashed, read_code
from .card_sales import open_card
from .cards import CardState, card_of_code
from .customers import Customer, find_customer, post_one

TRIES_MAX = 5
TRIES_WITHIN = timedelta(hours=1)


def redeem(store: Store, acting: Acting, account: str, code: str, key: bytes) -> Json | Diagnostic:
    """Put the worth of the card with this code on the account; it pays from then on.

    Refused for a code with a slip, which is no try, for too many wrong tries, and with one and the same answer for a
    code that is unknown, used, not sold, voided or expired.
    """
    letters = read_code(code)
    if isinstance(letters, Diagnostic):
        return letters
    limited = store.read(lambda reader: _limited(reader, acting, account))
    if limited is not None:
        return limited
    own = hashed(letters, key)

    def work(transaction: Transaction) -> Json | Diagnostic:
        customer = find_customer(transaction, account)
        if isinstance(customer, Diagnostic):
            return customer
        again = _limited(transaction, acting, account)
        if again is not None:
            return again
        wrong_key = _refuse_key(transaction, key)
        if wrong_key is not None:
            return wrong_key
        card = card_of_code(transaction, own)
        good = card is not None and _is_good(card, acting)
        if card is None or not good:
            # A try that counts stays, so that this is an answer and not a refusal that undoes it.
            transaction.append(REDEEM_ATTEMPTS, [(account, acting.time, 0)])
            return as_answer(_not_redeemable())
        return _redeem(transaction, acting, customer, card)

    answer = once(store, acting, "card redeem", {"account": account, "code": own}, work)
    return answer if isinstance(answer, Diagnostic) else as_found(answer)


def _limited(reader: Reader, acting: Acting, account: str) -> Diagnostic | None:
    """Whether the account has used its tries up. A wish that was granted before is answered all the same."""
    if reader.rows("SELECT 1 FROM answers WHERE key = ?", (acting.key,)):
        return None
    since = microseconds(acting.now - TRIES_WITHIN)
    ((wrong,),) = reader.rows(
        "SELECT count(*) FROM redeem_attempts WHERE account = ? AND time > ? AND succeeded = 0", (account, since)
    )
    if cast(int, wrong) < TRIES_MAX:
        return None
    hint = "look at the code on the card, and try again in an hour"
    return Diagnostic("RB7074", f"account {account} has tried {TRIES_MAX} wrong codes within an hour", hints=(hint,))


def _refuse_key(reader: Reader, key: bytes) -> Diagnostic | None:
    """Whether the key is none that any batch was made with; with it every code would look unknown."""
    known = reader.rows("SELECT DISTINCT key_check FROM card_batches")
    if not known or (check_of_key(key),) in known:
        return None
    hint = "give the key that the cards were made with; RATEBOOK_CARD_KEY or --key-file names it"
    return Diagnostic("RB7070", "the key is not the one that any card was made with", hints=(hint,))


def _is_good(card: CardState, acting: Acting) -> bool:
    today = acting.now.astimezone(ZoneInfo(card.terms.zone)).date()
    return card.state == "sold" and (card.end is None or today < card.end)


def _not_redeemable() -> Diagnostic:
    hints = ("compare it with the card", "a card can be redeemed once, after its sale and before it expires")
    return Diagnostic("RB7073", "this code cannot be redeemed", hints=hints)


def _redeem(transaction: Transaction, acting: Acting, customer: Customer, card: CardState) -> Json | Diagnostic:
    terms = card.terms
    opened = open_card(transaction, acting, card, customer)
    if isinstance(opened, Diagnostic):
        return opened
    sold = platform_account(transaction, AccountKind.SOLD_CARDS, terms.currency, effective=acting.time)
    leg = Transfer(sold, opened, terms.worth, terms.currency, "card redeemed", card.serial)
    posted = post_one(transaction, acting, "card redeem", [leg])
    if isinstance(posted, Diagnostic):
        return posted
    day = acting.now.astimezone(ZoneInfo(terms.zone)).date().isoformat()
    row = (card.id, "redeemed", customer.account, day, terms.worth, posted.transfers[0], acting.time)
    transaction.append(CARD_EVENTS, [row])
    transaction.append(REDEEM_ATTEMPTS, [(customer.account, acting.time, 1)])
    record(
        transaction,
        acting,
        "card redeemed",
        account=customer.account,
        subject=card.serial,
        after={"worth": terms.worth},
    )
    return {
        "serial": card.serial,
        "card": terms.card,
        "account": customer.account,
        "worth": terms.worth,
        "currency": terms.currency,
        "valid_until": "" if card.end is None else card.end.isoformat(),
    }

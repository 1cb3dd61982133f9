"""Several people at once: no payment is refunded twice, no invoice credited twice, no card redeemed twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date

from ratebook.billing.card_batches import CardTerms, make_batch, new_codes
from ratebook.billing.card_expiry import expire_cards
from ratebook.billing.card_sales import sell
from ratebook.billing.credit_notes import credit
from ratebook.billing.payments import pay, pay_from_wallet
from ratebook.billing.redeeming import redeem
from ratebook.billing.refunds import refund
from ratebook.diagnostics import Diagnostic
from ratebook.ledger.accounts import AccountKind

from .conftest import Desk, code, done

KEY = b"a key of 16 byte"
PEOPLE = 6


def at_once(wish: Callable[[int], object]) -> list[object]:
    """What each of several threads was answered, all begun together."""
    answers: list[object] = [None] * PEOPLE
    begin = threading.Barrier(PEOPLE)

    def work(place: int) -> None:
        begin.wait()
        answers[place] = wish(place)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(PEOPLE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def granted(answers: list[object], refused: str) -> int:
    """How many were granted; the others were refused with this code."""
    assert all(code(answer) == refused for answer in answers if isinstance(answer, Diagnostic)), answers
    return sum(not isinstance(answer, Diagnostic) for answer in answers)


def test_refunds_of_one_payment(desk: Desk) -> None:
    desk.account()
    payment = int(str(done(pay(desk.store, desk.acting(), "a-1", 100_00))["payment"]))
    acting = [desk.acting() for _ in range(PEOPLE)]
    assert granted(at_once(lambda place: refund(desk.store, acting[place], payment, 30_00)), "RB7065") == 3
    assert desk.platform(AccountKind.REFUNDS) == 90_00
    desk.check()


def test_one_wish_that_several_send(desk: Desk) -> None:
    desk.account()
    desk.invoice()
    acting = desk.acting("the same")
    answers = at_once(lambda place: pay(desk.store, acting, "a-1", 100_00))
    assert all(answer == answers[0] for answer in answers)
    assert (-desk.platform(AccountKind.GATEWAY), desk.owed(), desk.wallet()) == (100_00, 0, 0)


def test_credits_of_one_invoice_and_a_wallet_that_pays_it(desk: Desk) -> None:
    desk.account(wallet=100_00)
    number = desk.invoice()
    acting = [desk.acting(reason="wrong") for _ in range(PEOPLE)]

    def wish(place: int) -> object:
        if place == 0:
            return pay_from_wallet(desk.store, acting[place], "a-1")
        return credit(desk.store, acting[place], number, amount=30_00, issued=date(2026, 4, 2))

    answers = at_once(wish)
    assert granted(answers[1:], "RB7067") == 3
    numbers = {str(done(answer)["credit_note"]) for answer in answers[1:] if not isinstance(answer, Diagnostic)}
    assert numbers == {"CN-2026-000001", "CN-2026-000002", "CN-2026-000003"}
    desk.check()


def test_one_card(desk: Desk) -> None:
    for place in range(PEOPLE):
        desk.account(f"p-{place}")
    codes = new_codes("b", 1)
    assert not isinstance(codes, Diagnostic)
    terms = CardTerms("platform", "starter", 100_00, 95_00, "CNY", "UTC", valid_days=30)
    done(make_batch(desk.store, desk.acting(), "b", terms, codes, KEY))
    done(sell(desk.store, desk.acting(), ["b-000001"], day=date(2026, 4, 1)))
    acting = [desk.acting() for _ in range(PEOPLE)]
    answers = at_once(lambda place: redeem(desk.store, acting[place], f"p-{place}", codes[0][1], KEY))
    assert granted(answers, "RB7073") == 1
    acting = [desk.acting() for _ in range(PEOPLE)]
    expired = [
        done(answer)["expired"]
        for answer in at_once(lambda place: expire_cards(desk.store, acting[place], date(2026, 6, 1)))
    ]
    assert sorted(len(found) for found in expired) == [0] * (PEOPLE - 1) + [1]  # type: ignore[arg-type]
    assert desk.platform(AccountKind.BREAKAGE) == 100_00
    desk.check()

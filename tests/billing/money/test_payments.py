"""Payments, partial payments and what is too much, payments that bounce: on both databases, money conserved."""

from __future__ import annotations

import pytest

from ratebook.billing.payments import find_payment, pay, pay_from_wallet, payments_of
from ratebook.billing.reversals import reverse_payment
from ratebook.ledger.accounts import AccountKind

from .conftest import Desk, code, done


def test_a_payment_settles_what_is_payable_first_and_the_rest_goes_to_the_wallet(desk: Desk) -> None:
    desk.account()
    late = desk.invoice(payable_by="2026-05-15")
    early = desk.invoice(payable_by="2026-04-15")
    answer = done(pay(desk.store, desk.acting(), "a-1", 150_00, method="bank", reference="R1"))
    assert answer["invoices"] == {early: 100_00, late: 50_00}
    assert (desk.open(early), desk.open(late), desk.owed(), desk.wallet()) == (0, 50_00, 50_00, 0)
    answer = done(pay(desk.store, desk.acting(), "a-1", 70_00))
    assert answer["to_wallet"] == 20_00
    assert (desk.owed(), desk.wallet(), -desk.platform(AccountKind.GATEWAY)) == (0, 20_00, 220_00)
    desk.check()


def test_a_payment_goes_to_the_invoices_that_it_names_in_their_order(desk: Desk) -> None:
    desk.account()
    first, second, third = desk.invoice(), desk.invoice(), desk.invoice()
    done(pay(desk.store, desk.acting(), "a-1", 130_00, invoices=[third, second]))
    assert [desk.open(number) for number in (first, second, third)] == [100_00, 70_00, 0]
    desk.check()


@pytest.mark.parametrize(
    ("amount", "expected"), [(0, "RB7003"), (-5, "RB7003"), (10**15 + 1, "RB7004"), (True, "RB7002"), ("5", "RB7002")]
)
def test_an_amount_that_is_none_is_refused(desk: Desk, amount: int, expected: str) -> None:
    desk.account()
    assert code(pay(desk.store, desk.acting(), "a-1", amount)) == expected
    assert desk.store.read(payments_of) == []


def test_refusals_have_no_effect(desk: Desk) -> None:
    desk.account()
    desk.account("a-2")
    mine, other = desk.invoice("a-1"), desk.invoice("a-2")
    assert code(pay(desk.store, desk.acting(), "a-9", 1)) == "RB7006"
    assert code(pay(desk.store, desk.acting(), "a-1", 1, invoices=["INV-2026-000099"])) == "RB7060"
    assert code(pay(desk.store, desk.acting(), "a-1", 1, invoices=["rubbish"])) == "RB7060"
    assert code(pay(desk.store, desk.acting(), "a-1", 1, invoices=[other])) == "RB7061"
    done(pay(desk.store, desk.acting(), "a-1", 100_00, invoices=[mine]))
    assert code(pay(desk.store, desk.acting(), "a-1", 1, invoices=[mine])) == "RB7062"
    assert (desk.owed("a-1"), desk.owed("a-2"), desk.wallet("a-1")) == (0, 100_00, 0)
    desk.check()


def test_the_same_wish_pays_once_and_another_under_its_key_is_refused(desk: Desk) -> None:
    desk.account()
    desk.invoice()
    first = done(pay(desk.store, desk.acting("k"), "a-1", 40_00))
    assert done(pay(desk.store, desk.acting("k"), "a-1", 40_00)) == first
    assert code(pay(desk.store, desk.acting("k"), "a-1", 41_00)) == "RB7001"
    assert desk.owed() == 60_00


def test_the_wallet_pays_down_to_zero_and_not_on_credit(desk: Desk) -> None:
    desk.account(wallet=30_00, limit=500_00)
    number = desk.invoice()
    assert done(pay_from_wallet(desk.store, desk.acting(), "a-1"))["invoices"] == {number: 30_00}
    assert (desk.open(number), desk.wallet()) == (70_00, 0)
    assert code(pay_from_wallet(desk.store, desk.acting(), "a-1")) == "RB7018"
    desk.check()


def test_a_payment_that_bounces_opens_its_invoices_again(desk: Desk) -> None:
    desk.account()
    number = desk.invoice()
    payment = int(str(done(pay(desk.store, desk.acting(), "a-1", 120_00))["payment"]))
    done(reverse_payment(desk.store, desk.acting(reason="chargeback"), payment))
    assert (desk.open(number), desk.wallet(), desk.platform(AccountKind.GATEWAY)) == (100_00, 0, 0)
    assert done(desk.store.read(lambda reader: find_payment(reader, payment))).left == 0  # type: ignore[attr-defined]
    assert code(reverse_payment(desk.store, desk.acting(), payment)) == "RB7064"
    assert code(reverse_payment(desk.store, desk.acting(), 999_999)) == "RB7063"
    desk.check()


def test_a_payment_that_bounces_after_the_wallet_spent_it_opens_what_the_wallet_paid(desk: Desk) -> None:
    desk.account()
    payment = int(str(done(pay(desk.store, desk.acting(), "a-1", 150_00))["payment"]))
    first, second = desk.invoice(wallet=True), desk.invoice(wallet=True)
    assert (desk.open(first), desk.open(second)) == (0, 50_00)
    done(reverse_payment(desk.store, desk.acting(), payment))
    assert (desk.open(first), desk.open(second), desk.wallet()) == (100_00, 100_00, 0)
    desk.check()

"""Refunds: never more than was paid, through the outbox, undone where they fail: on both databases."""

from __future__ import annotations

from datetime import date

from ratebook.billing.credit_notes import credit
from ratebook.billing.customers import close_customer, withdraw
from ratebook.billing.outbox import list_messages
from ratebook.billing.payments import Payment, find_payment, pay
from ratebook.billing.refunds import refund, refund_confirmed, refund_failed
from ratebook.billing.reversals import reverse_payment
from ratebook.ledger.accounts import AccountKind

from .conftest import Desk, code, done


def paid(desk: Desk, amount: int) -> int:
    return int(str(done(pay(desk.store, desk.acting(), "a-1", amount, method="bank"))["payment"]))


def left(desk: Desk, payment: int) -> int:
    found = desk.store.read(lambda reader: find_payment(reader, payment))
    assert isinstance(found, Payment)
    return found.left


def test_the_wallet_part_goes_back_first_then_invoices_open_again(desk: Desk) -> None:
    desk.account()
    number = desk.invoice()
    payment = paid(desk, 120_00)
    done(refund(desk.store, desk.acting(), payment, 15_00))
    assert (desk.open(number), desk.wallet(), left(desk, payment)) == (0, 5_00, 105_00)
    done(refund(desk.store, desk.acting(), payment, 30_00))
    assert (desk.open(number), desk.wallet(), left(desk, payment)) == (25_00, 0, 75_00)
    assert desk.platform(AccountKind.REFUNDS) == 45_00
    desk.check()


def test_never_more_than_was_paid_and_never_twice(desk: Desk) -> None:
    desk.account()
    desk.invoice()
    payment = paid(desk, 100_00)
    assert code(refund(desk.store, desk.acting(), payment, 100_01)) == "RB7065"
    assert code(refund(desk.store, desk.acting(), payment, 0)) == "RB7003"
    assert code(refund(desk.store, desk.acting(), 999_999)) == "RB7063"
    first = done(refund(desk.store, desk.acting("k"), payment))
    assert done(refund(desk.store, desk.acting("k"), payment)) == first
    assert code(refund(desk.store, desk.acting(), payment)) == "RB7064"
    assert code(refund(desk.store, desk.acting(), int(str(first["refund"])))) == "RB7063"
    assert code(reverse_payment(desk.store, desk.acting(), payment)) == "RB7064"
    assert [message.kind for message in desk.store.read(list_messages)] == ["refund"]
    desk.check()


def test_what_the_wallet_has_spent_cannot_go_back(desk: Desk) -> None:
    desk.account(limit=1_000_00)
    payment = paid(desk, 80_00)
    desk.invoice(wallet=True)
    assert code(refund(desk.store, desk.acting(), payment)) == "RB7018"
    assert (desk.wallet(), desk.owed(), left(desk, payment)) == (0, 20_00, 80_00)
    assert desk.store.read(list_messages) == []


def test_a_refund_that_arrives_leaves_through_the_gateway_once(desk: Desk) -> None:
    desk.account()
    desk.invoice()
    payment = paid(desk, 100_00)
    number = int(str(done(refund(desk.store, desk.acting(), payment, 40_00))["refund"]))
    assert (desk.platform(AccountKind.REFUNDS), desk.platform(AccountKind.GATEWAY)) == (40_00, -100_00)
    desk.store.write(lambda transaction: refund_confirmed(transaction, desk.acting(), number))
    assert (desk.platform(AccountKind.REFUNDS), desk.platform(AccountKind.GATEWAY)) == (0, -60_00)
    desk.check()


def test_a_refund_that_fails_leaves_everything_as_before(desk: Desk) -> None:
    desk.account()
    invoice = desk.invoice()
    payment = paid(desk, 130_00)
    number = int(str(done(refund(desk.store, desk.acting(), payment, 70_00))["refund"]))
    assert (desk.open(invoice), desk.wallet()) == (40_00, 0)
    desk.store.write(lambda transaction: refund_failed(transaction, desk.acting(), number))
    assert (desk.open(invoice), desk.wallet(), left(desk, payment)) == (0, 30_00, 130_00)
    assert desk.platform(AccountKind.REFUNDS) == 0
    desk.check()
    done(refund(desk.store, desk.acting(), payment))
    assert (desk.open(invoice), desk.wallet(), left(desk, payment)) == (100_00, 0, 0)
    desk.check()


def test_a_refund_that_fails_after_the_invoice_was_paid_again_goes_to_the_wallet_and_back(desk: Desk) -> None:
    desk.account()
    invoice = desk.invoice()
    payment = paid(desk, 100_00)
    number = int(str(done(refund(desk.store, desk.acting(), payment))["refund"]))
    paid(desk, 100_00)
    desk.store.write(lambda transaction: refund_failed(transaction, desk.acting(), number))
    assert (desk.open(invoice), desk.wallet(), left(desk, payment)) == (0, 100_00, 100_00)
    desk.check()
    done(refund(desk.store, desk.acting(), payment))
    assert (desk.open(invoice), desk.wallet(), left(desk, payment)) == (0, 0, 0)
    desk.check()


def test_an_account_is_not_closed_while_a_refund_is_under_way(desk: Desk) -> None:
    desk.account()
    payment = paid(desk, 100_00)
    number = int(str(done(refund(desk.store, desk.acting(), payment))["refund"]))
    assert code(close_customer(desk.store, desk.acting(), "a-1")) == "RB7019"
    desk.store.write(lambda transaction: refund_confirmed(transaction, desk.acting(), number))
    done(close_customer(desk.store, desk.acting(), "a-1"))


def test_a_refund_never_opens_what_was_credited(desk: Desk) -> None:
    desk.account()
    invoice = desk.invoice()
    payment = paid(desk, 100_00)
    done(credit(desk.store, desk.acting(reason="wrong"), invoice, amount=30_00, issued=date(2026, 4, 2)))
    done(withdraw(desk.store, desk.acting(), "a-1", 30_00))
    assert code(refund(desk.store, desk.acting(), payment)) == "RB7018"
    assert code(refund(desk.store, desk.acting(), payment, 70_01)) == "RB7018"
    done(refund(desk.store, desk.acting(), payment, 70_00))
    assert (desk.open(invoice), desk.wallet()) == (70_00, 0)
    desk.check()

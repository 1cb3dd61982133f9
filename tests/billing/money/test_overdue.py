"""Overdue invoices: marked once, written off and recovered."""

from __future__ import annotations

from datetime import date

from ratebook.billing.overdue import mark_overdue, write_off
from ratebook.billing.payments import pay
from ratebook.billing.reversals import reverse_payment
from ratebook.ledger.accounts import AccountKind

from .conftest import Desk, code, done

DAY = date(2026, 4, 20)


def marked(desk: Desk, day: date, grace_days: int = 0) -> list[str]:
    found = done(mark_overdue(desk.store, desk.acting(), day, grace_days=grace_days))["marked"]
    return [item["invoice"] for item in found]  # type: ignore[attr-defined]


def test_an_invoice_is_overdue_the_day_after_and_marked_once(desk: Desk) -> None:
    desk.account()
    number = desk.invoice(payable_by="2026-04-15")
    assert marked(desk, date(2026, 4, 15)) == []
    assert marked(desk, date(2026, 4, 18), grace_days=3) == []
    assert marked(desk, date(2026, 4, 16)) == [number]
    assert marked(desk, date(2026, 4, 17)) == []
    log = desk.store.read(lambda reader: reader.rows("SELECT subject FROM operations WHERE what = 'overdue'"))
    assert log == [(number,)]
    desk.check()


def test_an_invoice_that_a_bounced_payment_opens_again_is_overdue_as_before(desk: Desk) -> None:
    desk.account()
    number = desk.invoice(payable_by="2026-04-15")
    assert marked(desk, DAY) == [number]
    payment = int(str(done(pay(desk.store, desk.acting(), "a-1", 100_00))["payment"]))
    done(reverse_payment(desk.store, desk.acting(), payment))
    since = desk.store.read(lambda reader: reader.rows("SELECT overdue_since FROM open_invoices"))
    assert since == [("2026-04-16",)]
    assert marked(desk, DAY) == []


def test_a_write_off_and_its_recovery(desk: Desk) -> None:
    desk.account()
    number = desk.invoice()
    assert code(write_off(desk.store, desk.acting(), number)) == "RB7069"
    assert code(write_off(desk.store, desk.acting(reason="gone"), number, 100_01)) == "RB7067"
    assert code(write_off(desk.store, desk.acting(reason="gone"), "INV-2026-000077")) == "RB7060"
    done(write_off(desk.store, desk.acting(reason="part"), number, 20_00))
    done(write_off(desk.store, desk.acting(reason="gone"), number))
    assert (desk.open(number), desk.owed(), -desk.platform(AccountKind.WRITE_OFFS)) == (0, 0, 100_00)
    assert code(write_off(desk.store, desk.acting(reason="again"), number)) == "RB7062"
    desk.check()
    # Money that names no invoice goes to the wallet; money for this one recovers it.
    done(pay(desk.store, desk.acting(), "a-1", 5_00))
    done(pay(desk.store, desk.acting(), "a-1", 70_00, invoices=[number]))
    assert (desk.wallet(), desk.owed(), -desk.platform(AccountKind.WRITE_OFFS)) == (5_00, 0, 30_00)
    desk.check()
    done(pay(desk.store, desk.acting(), "a-1", 40_00, invoices=[number]))
    assert (desk.wallet(), -desk.platform(AccountKind.WRITE_OFFS)) == (15_00, 0)
    desk.check()

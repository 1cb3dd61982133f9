"""Credit notes: parts that add up to the invoice, never more, and what was paid goes to the wallet."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.billing.credit_notes import credit
from ratebook.billing.crediting import Creditable, in_scope, parts_of
from ratebook.billing.documents import Document, find_document, lines_of
from ratebook.billing.overdue import write_off
from ratebook.billing.payments import pay
from ratebook.billing.refunds import refund
from ratebook.ledger.accounts import AccountKind

from .conftest import Desk, code, done

DAY = date(2026, 4, 20)
LINES = (
    ("compute", "charge", 100_00),
    ("storage", "charge", 33_33),
    ("gold", "discount", -10_00),
    ("vat", "tax", 16_03),
)


def credited(desk: Desk, number: str, amount: int | None = None, lines: tuple[int, ...] = ()) -> dict[str, object]:
    found = credit(desk.store, desk.acting(reason="wrong price"), number, amount=amount, lines=lines, issued=DAY)
    return dict(done(found))


def test_a_whole_credit_takes_everything_back(desk: Desk) -> None:
    desk.account()
    number = desk.invoice(lines=LINES)
    answer = credited(desk, number)
    assert (answer["credit_note"], answer["amount"]) == ("CN-2026-000001", 139_36)
    assert answer["lines"] == {"1": 100_00, "2": 33_33, "3": -10_00, "4": 16_03}
    assert (desk.open(number), desk.owed(), desk.wallet()) == (0, 0, 0)
    for kind in (AccountKind.REVENUE, AccountKind.DISCOUNTS, AccountKind.TAX):
        assert desk.platform(kind) == 0
    desk.check()
    note = desk.store.read(lambda reader: done(find_document(reader, "CN-2026-000001")))
    assert isinstance(note, Document)
    assert (note.total, note.kind) == (-139_36, "credit note")
    assert [line.amount for line in desk.store.read(lambda reader: lines_of(reader, note.id))] == [
        -100_00,
        -33_33,
        10_00,
        -16_03,
    ]


def test_partial_credits_add_up_to_the_invoice(desk: Desk) -> None:
    desk.account()
    number = desk.invoice(lines=LINES)
    total: dict[str, int] = {}
    for amount in (1, 33_33, 7, 50_01, None):
        for line, part in credited(desk, number, amount)["lines"].items():  # type: ignore[attr-defined]
            total[line] = total.get(line, 0) + part
        desk.check()
    assert total == {"1": 100_00, "2": 33_33, "3": -10_00, "4": 16_03}
    assert code(credit(desk.store, desk.acting(reason="again"), number, issued=DAY)) == "RB7067"


def test_lines_are_credited_with_their_share_of_tax(desk: Desk) -> None:
    desk.account()
    lines = (("compute", "charge", 100_00), ("storage", "charge", 50_00), ("vat", "tax", 15_00))
    number = desk.invoice(lines=lines)
    assert credited(desk, number, lines=(2,))["lines"] == {"2": 50_00, "3": 5_00}
    assert credited(desk, number)["lines"] == {"1": 100_00, "3": 10_00}
    other = desk.invoice(lines=lines, taxed=["compute"])
    assert credited(desk, other, lines=(2,))["lines"] == {"2": 50_00}
    assert credited(desk, other, 55_00, lines=(1,))["lines"] == {"1": 47_83, "3": 7_17}
    desk.check()


def test_an_included_tax_goes_back_with_what_it_is_in(desk: Desk) -> None:
    desk.account()
    number = desk.invoice(lines=(("compute", "charge", 113_00), ("vat", "included tax", 13_00)))
    assert credited(desk, number, 56_50)["lines"] == {"1": 56_50}
    assert (desk.platform(AccountKind.TAX), desk.platform(AccountKind.REVENUE)) == (6_50, 50_00)
    credited(desk, number)
    assert (desk.platform(AccountKind.TAX), desk.platform(AccountKind.REVENUE)) == (0, 0)
    desk.check()


def test_what_was_paid_too_much_goes_to_the_wallet_and_can_be_refunded_without_opening_the_invoice(desk: Desk) -> None:
    desk.account()
    number = desk.invoice()
    payment = int(str(done(pay(desk.store, desk.acting(), "a-1", 100_00))["payment"]))
    credited(desk, number, 30_00)
    assert (desk.open(number), desk.wallet()) == (0, 30_00)
    done(refund(desk.store, desk.acting(), payment, 30_00))
    assert (desk.open(number), desk.wallet()) == (0, 0)
    desk.check()
    done(refund(desk.store, desk.acting(), payment, 20_00))
    assert (desk.open(number), desk.wallet()) == (20_00, 0)
    desk.check()


def test_a_credit_of_what_was_written_off_takes_the_write_off_back(desk: Desk) -> None:
    desk.account()
    number = desk.invoice()
    done(pay(desk.store, desk.acting(), "a-1", 60_00))
    done(write_off(desk.store, desk.acting(reason="bankrupt"), number))
    assert -desk.platform(AccountKind.WRITE_OFFS) == 40_00
    credited(desk, number, 50_00)
    assert (desk.platform(AccountKind.WRITE_OFFS), desk.wallet(), desk.open(number)) == (0, 10_00, 0)
    desk.check()


def test_refusals(desk: Desk) -> None:
    desk.account()
    number = desk.invoice(lines=LINES)

    def asked(of: str, *, reason: str = "why", lines: tuple[int, ...] = (), amount: int | None = None) -> str:
        return code(credit(desk.store, desk.acting(reason=reason), of, lines=lines, amount=amount, issued=DAY))

    assert asked("INV-2026-000009") == "RB7060"
    assert asked(number, reason=" ") == "RB7069"
    assert asked(number, amount=139_37) == "RB7067"
    assert asked(number, amount=0) == "RB7003"
    assert asked(number, lines=(9,)) == "RB7068"
    assert asked(number, lines=(3,)) == "RB7067"
    credited(desk, number, lines=(2,))
    assert asked(number, lines=(2,)) == "RB7068"
    assert asked("CN-2026-000001") == "RB7066"
    assert [desk.store.read(lambda reader: reader.rows("SELECT value FROM counters WHERE name = 'CN-2026'"))] == [
        [(1,)]
    ]
    desk.check()


amounts = st.lists(st.integers(-5_000, 20_000).filter(bool), min_size=1, max_size=6)


@given(amounts, st.lists(st.integers(1, 9_999), max_size=6))
def test_any_credits_one_after_another_add_up(sizes: list[int], asked: list[int]) -> None:
    left = dict(enumerate(sizes, start=1))
    if sum(sizes) <= 0:
        with pytest.raises(ValueError, match="left"):
            parts_of(1, left)
        return
    for amount in [*asked, 10**9]:
        whole = sum(left.values())
        if whole == 0:
            break
        parts = parts_of(min(amount, whole), left)
        assert sum(parts.values()) == min(amount, whole)
        for line, part in parts.items():
            assert 0 <= part <= left[line] or left[line] <= part <= 0
            left[line] -= part
    assert not any(left.values())


@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=5), st.integers(1, 5_000), st.data())
def test_the_tax_of_chosen_lines_is_never_more_than_is_left(charges: list[int], tax: int, data: st.DataObject) -> None:
    lines = [Creditable(place, f"c{place}", "charge", size) for place, size in enumerate(charges, start=1)]
    lines.append(Creditable(len(lines) + 1, "vat", "tax", tax))
    chosen = data.draw(st.sets(st.integers(1, len(charges)), min_size=1))
    scope = in_scope(lines, chosen, {})
    assert all(scope[place] == charges[place - 1] for place in chosen)
    assert scope.get(len(lines), 0) <= tax
    if len(chosen) == len(charges):
        assert scope[len(lines)] == tax

"""What requests come to: transfers, groups, holds, reversals, and the memory of keys."""

from __future__ import annotations

from typing import Any

import pytest

from ratebook.ledger.accounts import AccountKind as Kind
from ratebook.ledger.accounts import accounts_owned_by, find_account, open_account, platform_account, set_floor
from ratebook.ledger.refusals import Refusal
from ratebook.ledger.requests import (
    ExpireHold,
    Hold,
    Leg,
    Posted,
    PostHold,
    Refused,
    Request,
    Reverse,
    Transfer,
    VoidHold,
)


def test_a_transfer_moves_money_and_is_one_row(bank: Any) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    number = bank.posted(Transfer(payer, payee, 30, "USD", "payment", "invoice 7"), key="k", effective=5)
    assert (bank.balance(payer), bank.balance(payee)) == ((70, 0), (30, 0))
    columns = "key, leg, phase, debit, credit, amount, currency, kind, reference, effective"
    assert bank.rows(f"SELECT {columns} FROM transfers WHERE id = ?", (number,)) == [
        ("k", 0, "plain", payer, payee, 30, "USD", "payment", "invoice 7", 5)
    ]


def test_ids_are_one_sequence_over_all_tables(bank: Any) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    bank.posted(Transfer(payer, payee, 30, "USD", "payment"))
    bank.refusal(Transfer(payer, payee, 300, "USD", "payment"))
    bank.posted(Hold(payer, payee, 1, "USD", "reserve"))
    contents = bank.contents()
    ids = [row[0] for name in ("accounts", "transfers", "refusals", "account_terms") for row in contents[name]]
    assert sorted(ids) == list(range(1, len(ids) + 1))
    assert contents["log_head"][0][1] == len(ids)


def test_texts_of_every_kind_come_back(bank: Any) -> None:
    payer, payee = bank.account("付款人 'a' \"b\" \\ 100%? {}", 100), bank.account("😀")
    text = "what? 100% 'quoted' \\n \t\n {values} é 😀"
    bank.posted(Transfer(payer, payee, 1, "USD", text, text), key=text)
    (outcome,) = bank.requests([Request(text, (Transfer(payer, payee, 1, "USD", text, text),), 0)])
    assert isinstance(outcome, Posted) and outcome.repeated
    several = [bank.request(Transfer(payer, payee, 1, "USD", text), key=f"{text}{number}") for number in range(12)]
    assert all(isinstance(outcome, Posted) for outcome in bank.requests(several))
    assert all(isinstance(outcome, Posted) and outcome.repeated for outcome in bank.requests(several))
    assert bank.rows("SELECT count(*) FROM transfers WHERE kind = ?", (text,)) == [(13,)]
    assert bank.named("付款人 'a' \"b\" \\ 100%? {}").id == payer


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_texts_that_no_database_stores_have_no_effect(bank: Any, text: str) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    before = bank.contents()
    for request in (
        bank.request(Transfer(payer, payee, 1, "USD", text)),
        bank.request(Transfer(payer, payee, 1, "USD", "payment"), key=text),
    ):
        with pytest.raises(ValueError, match=r"zero character|surrogates"):
            bank.requests([request])
    with pytest.raises(ValueError, match="has legs"):
        bank.requests([Request("k", (), 0)])
    assert bank.contents() == before


def test_a_group_lands_whole(bank: Any) -> None:
    payer, payee, tax = bank.account("payer", 100), bank.account("payee"), bank.account("tax")
    outcome = bank.do(
        Transfer(payer, payee, 60, "USD", "payment"),
        Transfer(payee, tax, 10, "USD", "tax"),
        Hold(payer, payee, 40, "USD", "reserve"),
    )
    assert isinstance(outcome, Posted) and len(outcome.transfers) == 3
    assert (bank.balance(payer), bank.balance(payee), bank.balance(tax)) == ((40, 40), (50, 0), (10, 0))


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_group_with_one_bad_leg_has_no_effect(bank: Any, place: int) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    hold = bank.posted(Hold(payer, payee, 20, "USD", "reserve"))
    paid = bank.posted(Transfer(payer, payee, 20, "USD", "payment"))
    legs: list[Leg] = [Transfer(payer, payee, 10, "USD", "payment"), PostHold(hold, 5), Reverse(paid, 5)]
    legs.insert(place, Transfer(payer, payee, 1_000, "USD", "payment"))
    assert bank.refusal(*legs) is Refusal.INSUFFICIENT_FUNDS
    # The hold is open and the transfer whole, as before.
    bank.posted(PostHold(hold))
    bank.posted(Reverse(paid, 20))
    assert bank.balance(payer) == (80, 0)


def test_of_a_group_the_first_leg_that_is_refused_speaks(bank: Any) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    legs = Transfer(payer, payee, 1_000, "USD", "payment"), Transfer(payer, payee, 0, "USD", "payment")
    assert bank.refusal(*legs) is Refusal.INSUFFICIENT_FUNDS
    assert bank.refusal(*reversed(legs)) is Refusal.AMOUNT_NOT_POSITIVE


def test_requests_of_one_call_see_those_before(bank: Any) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    pay = Transfer(payer, payee, 60, "USD", "payment")
    first, second, third = (bank.request(pay) for _ in range(3))
    back = bank.request(Transfer(payee, payer, 60, "USD", "refund"))
    outcomes = bank.requests([first, second, first, second, back, third])
    kinds = [(type(outcome).__name__, outcome.repeated) for outcome in outcomes]
    assert kinds == [
        ("Posted", False),
        ("Refused", False),
        ("Posted", True),
        ("Refused", True),
        ("Posted", False),
        ("Posted", False),
    ]
    assert bank.balance(payer) == (40, 0)


def test_a_hold_counts_against_the_floor_until_it_ends(bank: Any) -> None:
    payer, payee = bank.account("payer", 100, floor=-20), bank.account("payee")
    hold = bank.posted(Hold(payer, payee, 90, "USD", "reserve"))
    assert bank.balance(payer) == (100, 90)
    assert bank.refusal(Transfer(payer, payee, 31, "USD", "payment")) is Refusal.INSUFFICIENT_FUNDS
    assert bank.refusal(Hold(payer, payee, 31, "USD", "reserve")) is Refusal.INSUFFICIENT_FUNDS
    bank.posted(Transfer(payer, payee, 30, "USD", "payment"))
    bank.posted(PostHold(hold, 25))
    assert (bank.balance(payer), bank.balance(payee)) == ((45, 0), (55, 0))
    bank.posted(Transfer(payer, payee, 65, "USD", "payment"))


@pytest.mark.parametrize("end", ["void", "expire", "post", "part"])
def test_a_hold_ends_once(bank: Any, end: str) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    hold = bank.posted(Hold(payer, payee, 90, "USD", "reserve", "ride 5", expires=50))
    legs: dict[str, Leg] = {
        "void": VoidHold(hold),
        "expire": ExpireHold(hold),
        "post": PostHold(hold),
        "part": PostHold(hold, 1),
    }
    moved = {"void": 0, "expire": 0, "post": 90, "part": 1}[end]
    bank.posted(legs[end], effective=50 if end == "expire" else 49)
    assert (bank.balance(payer), bank.balance(payee)) == ((100 - moved, 0), (moved, 0))
    for leg in legs.values():
        assert bank.refusal(leg, effective=49) is Refusal.HOLD_RESOLVED
    ends = bank.rows("SELECT phase, amount, reference FROM transfers WHERE hold = ?", (hold,))
    assert ends == [({"part": "post"}.get(end, end), moved or 90, "ride 5")]


def test_a_hold_may_end_on_a_closed_account(bank: Any) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    hold = bank.posted(Hold(payer, payee, 100, "USD", "reserve"))
    bank.store.write(lambda transaction: transaction.put("UPDATE balances SET closed = 1 WHERE account = ?", (payee,)))
    assert bank.refusal(Transfer(payer, payee, 1, "USD", "payment")) is Refusal.ACCOUNT_CLOSED
    bank.posted(PostHold(hold))
    assert bank.balance(payee) == (100, 0)


def test_reversals_stay_within_the_amount(bank: Any) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    paid = bank.posted(Transfer(payer, payee, 60, "USD", "payment", "invoice 7"))
    bank.posted(Reverse(paid, 25))
    assert bank.refusal(Reverse(paid, 36)) is Refusal.REVERSAL_EXCEEDED
    bank.posted(Reverse(paid, 5, "refund", "complaint"))
    rest = bank.posted(Reverse(paid))
    assert bank.refusal(Reverse(paid)) is Refusal.REVERSAL_EXCEEDED
    assert bank.refusal(Reverse(paid, 1)) is Refusal.REVERSAL_EXCEEDED
    assert bank.refusal(Reverse(rest)) is Refusal.NOT_REVERSIBLE
    parts = bank.rows(
        "SELECT amount, kind, reference, reversed_from FROM transfers WHERE reverses = ? ORDER BY id", (paid,)
    )
    assert parts == [
        (25, "reversal", "invoice 7", 0),
        (5, "refund", "complaint", 25),
        (30, "reversal", "invoice 7", 30),
    ]
    assert (bank.balance(payer), bank.balance(payee)) == ((100, 0), (0, 0))


def test_what_a_hold_posted_can_be_reversed(bank: Any) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    posted = bank.posted(PostHold(bank.posted(Hold(payer, payee, 60, "USD", "reserve")), 40))
    bank.posted(Reverse(posted))
    assert (bank.balance(payer), bank.balance(payee)) == ((100, 0), (0, 0))


def test_a_key_keeps_its_answer(bank: Any) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    pay, dear = Transfer(payer, payee, 60, "USD", "payment"), Transfer(payer, payee, 600, "USD", "payment")
    paid, refused = bank.do(pay, key="paid"), bank.do(dear, key="refused")
    assert isinstance(paid, Posted) and isinstance(refused, Refused)
    bank.posted(Transfer(bank.gateway, payer, 1_000, "USD", "deposit"))
    before = bank.contents()
    # Whatever the time, and though there are funds now.
    assert bank.do(pay, key="paid", effective=99) == Posted(paid.transfers, repeated=True)
    assert bank.do(dear, key="refused", effective=99) == Refused(refused.refusal, refused.detail, repeated=True)
    for key in ("paid", "refused"):
        for other in ((Transfer(payer, payee, 61, "USD", "payment"),), (pay, pay), (Hold(*_fields(pay)),)):
            assert bank.refusal(*other, key=key) is Refusal.KEY_REUSED
    assert bank.contents() == before


def _fields(leg: Transfer) -> tuple[Any, ...]:
    return leg.debit, leg.credit, leg.amount, leg.currency, leg.kind, leg.reference


def test_bodies_that_read_alike_are_not_the_same(bank: Any) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    bank.posted(Transfer(payer, payee, 1, "USD", "a 1 b", "c"), key="k")
    assert bank.refusal(Transfer(payer, payee, 1, "USD", "a", "b 1 c"), key="k") is Refusal.KEY_REUSED


def test_many_at_once(bank: Any) -> None:
    accounts = [bank.account(f"account {number}", 1_000) for number in range(50)]
    requests = [
        bank.request(
            Transfer(accounts[number % 50], accounts[(number * 7 + 1) % 50], number % 90 + 1, "USD", "payment")
        )
        for number in range(2_000)
        if number % 50 != (number * 7 + 1) % 50
    ]
    expected = dict.fromkeys(accounts, 1_000)
    for outcome, request in zip(bank.requests(requests), requests, strict=True):
        (leg,) = request.legs
        assert isinstance(leg, Transfer)
        if isinstance(outcome, Posted):
            expected[leg.debit] -= leg.amount
            expected[leg.credit] += leg.amount
        else:
            assert outcome.refusal is Refusal.INSUFFICIENT_FUNDS and expected[leg.debit] < leg.amount
    assert {account: bank.balance(account)[0] for account in accounts} == expected
    assert all(outcome.repeated for outcome in bank.requests(requests))


def test_accounts_are_found_by_name_and_owner(bank: Any) -> None:
    def open_two(transaction: Any) -> None:
        open_account(transaction, "wallet:a", Kind.WALLET, "USD", owner="a", floor=0, effective=1)
        open_account(transaction, "receivable:a", Kind.RECEIVABLE, "USD", owner="a", effective=1)

    bank.store.write(open_two)
    owned = bank.store.read(lambda reader: accounts_owned_by(reader, "a"))
    assert [(account.name, account.kind, account.floor) for account in owned] == [
        ("wallet:a", Kind.WALLET, 0),
        ("receivable:a", Kind.RECEIVABLE, None),
    ]
    assert bank.store.read(lambda reader: find_account(reader, "wallet:b")) is None


def test_an_account_of_the_platform_is_opened_once(bank: Any) -> None:
    ids = [
        bank.store.write(
            lambda transaction, time=number: platform_account(transaction, Kind.REVENUE, "USD", effective=time)
        )
        for number in range(3)
    ]
    assert len(set(ids)) == 1


def test_a_floor_is_not_raised_above_what_is_there(bank: Any) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    bank.posted(Hold(payer, payee, 30, "USD", "reserve"))

    def raised_to(floor: int | None) -> Refused | None:
        return bank.store.write(lambda transaction: set_floor(transaction, bank.named("payer"), floor, effective=1))

    refused = raised_to(71)
    assert refused is not None and refused.refusal is Refusal.INSUFFICIENT_FUNDS
    assert raised_to(70) is None
    assert bank.refusal(Transfer(payer, payee, 1, "USD", "payment")) is Refusal.INSUFFICIENT_FUNDS
    assert raised_to(None) is None
    bank.posted(Transfer(payer, payee, 1_000, "USD", "payment"))
    assert bank.rows("SELECT floor FROM account_terms WHERE account = ? ORDER BY id", (payer,)) == [
        (0,),
        (70,),
        (None,),
    ]

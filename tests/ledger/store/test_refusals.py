"""Every refusal with its code, and of every two that hold at once the earlier one."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from ratebook.diagnostics import CODES
from ratebook.ledger.accounts import AccountKind
from ratebook.ledger.refusals import PRECEDENCE, Refusal
from ratebook.ledger.requests import (
    AMOUNT_MAX,
    AccountId,
    ExpireHold,
    Hold,
    Leg,
    PostHold,
    Reverse,
    Transfer,
    TransferId,
    VoidHold,
)

SUM_MAX = 9 * 10**18
NOWHERE = AccountId(4_000_000)
NO_TRANSFER = TransferId(4_000_000)
AMOUNTS: dict[Refusal, Any] = {
    Refusal.AMOUNT_NOT_WHOLE: True,
    Refusal.AMOUNT_NOT_POSITIVE: 0,
    Refusal.AMOUNT_TOO_LARGE: AMOUNT_MAX + 1,
}
R = Refusal


def pairs(reasons: list[Refusal], *, never: set[frozenset[Refusal]]) -> list[frozenset[Refusal]]:
    """Each reason alone, and every two that can hold at once."""
    alone = [frozenset({reason}) for reason in reasons]
    amounts = {frozenset(pair) for pair in combinations(AMOUNTS, 2)}
    both = [frozenset(pair) for pair in combinations(reasons, 2)]
    return alone + [pair for pair in both if pair not in never | amounts]


def named(pair: frozenset[Refusal]) -> str:
    return " and ".join(sorted(reason.name.lower() for reason in pair))


TRANSFERS = pairs(
    [
        R.KEY_REUSED,
        *AMOUNTS,
        R.SAME_ACCOUNT,
        R.ACCOUNT_UNKNOWN,
        R.CURRENCY_DIFFERS,
        R.ACCOUNT_CLOSED,
        R.BALANCE_TOO_LARGE,
        R.INSUFFICIENT_FUNDS,
    ],
    never={
        frozenset({R.AMOUNT_NOT_WHOLE, R.INSUFFICIENT_FUNDS}),
        frozenset({R.AMOUNT_NOT_POSITIVE, R.INSUFFICIENT_FUNDS}),
    },
)


# A hold moves nothing yet, so that no sum is too large for it.
HOLDS = [reasons for reasons in TRANSFERS if R.BALANCE_TOO_LARGE not in reasons]


@pytest.mark.parametrize(
    ("kind", "reasons"),
    [*((Transfer, reasons) for reasons in TRANSFERS), *((Hold, reasons) for reasons in HOLDS)],
    ids=lambda value: value.__name__ if isinstance(value, type) else named(value),
)
def test_transfers(bank: Any, kind: type[Transfer | Hold], reasons: frozenset[Refusal]) -> None:
    debit = bank.account("payer", 100)
    credit = bank.account("payee")
    full = bank.account("full", floor=None, kind=AccountKind.REVENUE)
    bank.set_balance(full, credited=SUM_MAX, debited=SUM_MAX)
    if R.ACCOUNT_CLOSED in reasons:
        debit = bank.account("closed")
        assert bank.close("closed") is None
    if R.BALANCE_TOO_LARGE in reasons:
        if R.ACCOUNT_UNKNOWN in reasons:
            debit = full
        credit = full
    if R.ACCOUNT_UNKNOWN in reasons:
        credit = NOWHERE
    if R.SAME_ACCOUNT in reasons:
        debit = credit if reasons & {R.ACCOUNT_UNKNOWN, R.BALANCE_TOO_LARGE} else debit
        credit = debit
    amount: Any = 1_000 if reasons & {R.INSUFFICIENT_FUNDS, R.BALANCE_TOO_LARGE} else 10
    if R.BALANCE_TOO_LARGE in reasons and R.INSUFFICIENT_FUNDS not in reasons:
        amount = 50
    amount = next((AMOUNTS[reason] for reason in reasons if reason in AMOUNTS), amount)
    if R.ACCOUNT_CLOSED in reasons and not reasons & {R.INSUFFICIENT_FUNDS, *AMOUNTS}:
        # Without funds on the closed account, only the floor would speak besides.
        bank.store.write(lambda transaction: transaction.put("UPDATE balances SET floor = NULL WHERE closed = 1"))
    currency = "EUR" if R.CURRENCY_DIFFERS in reasons else "USD"
    key = ""
    if R.KEY_REUSED in reasons:
        key = "used"
        bank.posted(Transfer(bank.gateway, bank.account("other"), 1, "USD", "deposit"), key=key)
    leg = kind(debit, credit, amount, currency, "payment")
    assert bank.refusal(leg, key=key) is min(reasons, key=PRECEDENCE.__getitem__)


POSTS = pairs(
    [
        R.KEY_REUSED,
        *AMOUNTS,
        R.HOLD_UNKNOWN,
        R.HOLD_RESOLVED,
        R.HOLD_EXPIRED,
        R.HOLD_EXCEEDED,
        R.BALANCE_TOO_LARGE,
    ],
    never={
        frozenset({R.HOLD_UNKNOWN, other})
        for other in (R.HOLD_RESOLVED, R.HOLD_EXPIRED, R.HOLD_EXCEEDED, R.BALANCE_TOO_LARGE)
    }
    | {
        frozenset({R.HOLD_EXCEEDED, R.AMOUNT_NOT_WHOLE}),
        frozenset({R.HOLD_EXCEEDED, R.AMOUNT_NOT_POSITIVE}),
    },
)


@pytest.mark.parametrize("reasons", POSTS, ids=named)
def test_posting_holds(bank: Any, reasons: frozenset[Refusal]) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    expires = 50 if R.HOLD_EXPIRED in reasons else None
    hold = bank.posted(Hold(payer, payee, 60, "USD", "reserve", expires=expires))
    if R.HOLD_RESOLVED in reasons:
        bank.posted(VoidHold(hold))
    if R.BALANCE_TOO_LARGE in reasons:
        bank.set_balance(payee, credited=SUM_MAX, debited=0)
    amount = 61 if R.HOLD_EXCEEDED in reasons else 60
    amount = next((AMOUNTS[reason] for reason in reasons if reason in AMOUNTS), amount)
    key = ""
    if R.KEY_REUSED in reasons:
        key = "used"
        bank.posted(Transfer(bank.gateway, bank.account("other"), 1, "USD", "deposit"), key=key)
    asked = NO_TRANSFER if R.HOLD_UNKNOWN in reasons else hold
    assert bank.refusal(PostHold(asked, amount), key=key, effective=50) is min(reasons, key=PRECEDENCE.__getitem__)


REVERSALS = pairs(
    [
        R.KEY_REUSED,
        *AMOUNTS,
        R.ACCOUNT_CLOSED,
        R.TRANSFER_UNKNOWN,
        R.NOT_REVERSIBLE,
        R.REVERSAL_EXCEEDED,
        R.BALANCE_TOO_LARGE,
        R.INSUFFICIENT_FUNDS,
    ],
    never={
        frozenset({R.TRANSFER_UNKNOWN, other})
        for other in (
            R.ACCOUNT_CLOSED,
            R.NOT_REVERSIBLE,
            R.REVERSAL_EXCEEDED,
            R.BALANCE_TOO_LARGE,
            R.INSUFFICIENT_FUNDS,
        )
    }
    | {
        frozenset({amount, other})
        for amount in (R.AMOUNT_NOT_WHOLE, R.AMOUNT_NOT_POSITIVE)
        for other in (R.REVERSAL_EXCEEDED, R.INSUFFICIENT_FUNDS)
    },
)


@pytest.mark.parametrize("reasons", REVERSALS, ids=named)
def test_reversals(bank: Any, reasons: frozenset[Refusal]) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    paid = bank.posted(Transfer(payer, payee, 60, "USD", "payment"))
    if R.NOT_REVERSIBLE in reasons:
        paid = bank.posted(Reverse(paid))
        if R.INSUFFICIENT_FUNDS in reasons:
            bank.posted(Transfer(payer, bank.gateway, 100, "USD", "withdrawal"))
    elif reasons & {R.ACCOUNT_CLOSED, R.INSUFFICIENT_FUNDS}:
        bank.posted(Transfer(payee, bank.gateway, 60, "USD", "withdrawal"))
    if R.ACCOUNT_CLOSED in reasons:
        assert bank.close("payee") is None
        if R.INSUFFICIENT_FUNDS not in reasons:
            bank.store.write(lambda transaction: transaction.put("UPDATE balances SET floor = NULL WHERE closed = 1"))
    if R.BALANCE_TOO_LARGE in reasons:
        # What is reversed goes to the payer, or the other way round where it was a reversal.
        taker = payee if R.NOT_REVERSIBLE in reasons else payer
        bank.set_balance(taker, credited=SUM_MAX, debited=0)
    amount: Any = 61 if R.REVERSAL_EXCEEDED in reasons else None
    amount = next((AMOUNTS[reason] for reason in reasons if reason in AMOUNTS), amount)
    key = ""
    if R.KEY_REUSED in reasons:
        key = "used"
        bank.posted(Transfer(bank.gateway, bank.account("other"), 1, "USD", "deposit"), key=key)
    asked = NO_TRANSFER if R.TRANSFER_UNKNOWN in reasons else paid
    assert bank.refusal(Reverse(asked, amount), key=key) is min(reasons, key=PRECEDENCE.__getitem__)


def test_ends_of_holds(bank: Any) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    hold = bank.posted(Hold(payer, payee, 60, "USD", "reserve", expires=50))
    plain = bank.posted(Transfer(payer, payee, 1, "USD", "payment"))
    assert bank.refusal(ExpireHold(hold), effective=49) is R.HOLD_NOT_EXPIRED
    assert bank.refusal(PostHold(hold), effective=50) is R.HOLD_EXPIRED
    assert bank.refusal(VoidHold(plain)) is R.HOLD_UNKNOWN
    assert bank.refusal(Reverse(hold)) is R.NOT_REVERSIBLE
    bank.posted(ExpireHold(hold), effective=50)
    for end in (ExpireHold(hold), VoidHold(hold), PostHold(hold)):
        assert bank.refusal(end, effective=10) is R.HOLD_RESOLVED


def test_accounts_that_are_not_empty(bank: Any) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    refused = bank.close("payer")
    assert refused is not None and refused.refusal is R.NOT_EMPTY
    hold = bank.posted(Hold(payer, payee, 100, "USD", "reserve"))
    expected = bank.close("payee")
    assert expected is not None and expected.refusal is R.NOT_EMPTY
    bank.posted(PostHold(hold))
    assert bank.close("payer") is None
    again = bank.close("payer")
    assert again is not None and again.refusal is R.ACCOUNT_CLOSED


ODD: list[tuple[Any, Refusal]] = [
    (True, R.AMOUNT_NOT_WHOLE),
    ("12", R.AMOUNT_NOT_WHOLE),
    (12.0, R.AMOUNT_NOT_WHOLE),
    (b"12", R.AMOUNT_NOT_WHOLE),
    (float("nan"), R.AMOUNT_NOT_WHOLE),
    (-1, R.AMOUNT_NOT_POSITIVE),
    (-(10**5000), R.AMOUNT_NOT_POSITIVE),
    (AMOUNT_MAX + 1, R.AMOUNT_TOO_LARGE),
    (2**63, R.AMOUNT_TOO_LARGE),
    (10**5000, R.AMOUNT_TOO_LARGE),
]


@pytest.mark.parametrize(
    ("amount", "reason"), ODD, ids=lambda value: repr(value)[:12] if type(value) is not int else ""
)
def test_odd_amounts(bank: Any, amount: Any, reason: Refusal) -> None:
    payer, payee = bank.account("payer", 100, floor=None), bank.account("payee")
    paid = bank.posted(Transfer(payer, payee, 10, "USD", "payment"))
    hold = bank.posted(Hold(payer, payee, 10, "USD", "reserve"))
    legs: list[Leg] = [
        Transfer(payer, payee, amount, "USD", "payment"),
        Hold(payer, payee, amount, "USD", "reserve"),
        PostHold(hold, amount),
        Reverse(paid, amount),
    ]
    for leg in legs:
        assert bank.refusal(leg) is reason


def test_an_amount_as_text_is_another_request(bank: Any) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    asked: Any = "12"
    assert bank.refusal(Transfer(payer, payee, asked, "USD", "payment"), key="k") is R.AMOUNT_NOT_WHOLE
    assert bank.refusal(Transfer(payer, payee, 12, "USD", "payment"), key="k") is R.KEY_REUSED


def test_the_largest_amount(bank: Any) -> None:
    payee = bank.account("payee")
    bank.posted(Transfer(bank.gateway, payee, AMOUNT_MAX, "USD", "deposit"))
    assert bank.balance(payee) == (10**15, 0)


@pytest.mark.parametrize("number", [0, -1, 2**63 - 1, 2**63, 10**40])
def test_ids_that_no_row_has(bank: Any, number: int) -> None:
    payer = bank.account("payer", 100)
    assert bank.refusal(VoidHold(TransferId(number))) is R.HOLD_UNKNOWN
    assert bank.refusal(Reverse(TransferId(number))) is R.TRANSFER_UNKNOWN
    assert bank.refusal(Transfer(payer, AccountId(number), 1, "USD", "payment")) is R.ACCOUNT_UNKNOWN


def test_sums_stay_within_64_bits(bank: Any) -> None:
    full, other = bank.account("full", floor=None), bank.account("other", floor=None)
    bank.set_balance(full, credited=SUM_MAX - 10, debited=0)
    bank.posted(Transfer(other, full, 10, "USD", "payment"))
    assert bank.refusal(Transfer(other, full, 1, "USD", "payment")) is R.BALANCE_TOO_LARGE
    bank.set_balance(other, credited=0, debited=SUM_MAX)
    assert bank.refusal(Transfer(other, bank.gateway, 1, "USD", "payment")) is R.BALANCE_TOO_LARGE


def test_every_refusal_has_a_page() -> None:
    assert {reason.code for reason in Refusal} <= set(CODES)
    assert len({reason.code for reason in Refusal}) == len(Refusal)

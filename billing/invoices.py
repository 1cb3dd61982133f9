"""Issuing documents: numbers without gaps, lines posted as one group, cards and wallet taken, the rest left open.

A few hundred documents are issued in one transaction, which first looks which of them are there already: that makes a
run restartable at any point and two runs beside each other safe. What a document comes to was worked out before; what
is left in wallets and on cards is looked up here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeAlias, cast

from ..diagnostics import Diagnostic
from ..engine.statement import LineKind
from ..ledger.accounts import AccountKind, platform_account
from ..ledger.books import INVOICE_LINES, INVOICES
from ..ledger.requests import AccountId, Leg, Posted, Refused, Request, Transfer, TransferId
from ..ledger.store import Reader, Row, Store, Transaction, Undo, Value
from .acting import refusal
from .documents import document_number, next_numbers
from .drafts import Draft, DraftLine
from .settlements import NewInvoice, Settlement, SettlementKind, open_new

PER_COMMIT = 1_000

_Key: TypeAlias = tuple[int, str, bool]
"""What is issued once: a subscription's bill of the period that begins on a day, or its adjustments of a run."""


@dataclass(frozen=True, slots=True)
class Issue:
    """What all documents of a run share. `time` is when they are issued, in microseconds."""

    run: int
    issued: date
    payable_by: date
    time: int

    @property
    def series(self) -> str:
        """The series of their numbers: one a year of issue."""
        return f"INV-{self.issued.year}"


@dataclass(slots=True)
class Issued:
    """How many documents came about, what they come to, and which could not be posted."""

    invoices: int = 0
    empty: int = 0
    earlier: int = 0
    total: int = 0
    refusals: tuple[Diagnostic, ...] = ()


# As texts: a bill of a hundred thousand accounts asks for them a million times.
_CHARGE, _PREPAID, _INCLUDED_TAX = LineKind.CHARGE.value, LineKind.PREPAID.value, LineKind.INCLUDED_TAX.value
_ACCOUNTS = (AccountKind.RECEIVABLE.value, AccountKind.WALLET.value)
_OTHER_SIDE: Mapping[str, AccountKind] = {
    _CHARGE: AccountKind.REVENUE,
    LineKind.FEE.value: AccountKind.REVENUE,
    LineKind.PENALTY.value: AccountKind.REVENUE,
    LineKind.MINIMUM.value: AccountKind.REVENUE,
    LineKind.DISCOUNT.value: AccountKind.DISCOUNTS,
    LineKind.OFFER.value: AccountKind.DISCOUNTS,
    LineKind.CAP.value: AccountKind.DISCOUNTS,
    LineKind.TAX.value: AccountKind.TAX,
    _INCLUDED_TAX: AccountKind.TAX,
    LineKind.ROUNDING.value: AccountKind.ROUNDING,
}


def issue(store: Store, drafts: Sequence[Draft], shared: Issue) -> Issued:
    """Issue documents in their order, all in one transaction; those that are there already stay as they are.

    One that the ledger refuses to post is left out, and has no number.
    """
    refusals: list[Diagnostic] = []
    while True:
        answer = store.write(lambda transaction, drafts=drafts: _issue(transaction, drafts, shared))  # type: ignore[misc]
        if isinstance(answer, Issued):
            answer.refusals = tuple(refusals)
            return answer
        refused: dict[_Key, tuple[str, Refused]] = answer
        refusals.extend(replace(refusal(reason), place=f"account {account}") for account, reason in refused.values())
        drafts = [draft for draft in drafts if _key(draft) not in refused]


@dataclass(slots=True)
class _Plan:
    """A document with everything that posts it. `payments` pairs settlements with the place of their leg."""

    draft: Draft
    total: int
    number: str
    legs: list[Leg]
    line_legs: list[int | None]
    payments: list[tuple[SettlementKind, int, int | None, str]]


def _issue(transaction: Transaction, drafts: Sequence[Draft], shared: Issue) -> Issued:
    there = _issued_before(transaction, drafts, shared.run)
    new = [draft for draft in drafts if _key(draft) not in there]
    result = Issued(earlier=len(drafts) - len(new))
    if not new:
        return result
    live = _taken_live(transaction, new)
    money = [draft for draft in new if draft.has_amounts or (draft.subscription, draft.period_start) in live]
    numbers = next_numbers(transaction, shared.series, len(money)) if money else range(0)
    plans = _plans(transaction, money, numbers, live, shared)
    requests = [
        Request(
            # Keys that rise with the documents: an index takes them faster than such as come in any order.
            f"invoice:{shared.run}:{plan.draft.subscription:012}:{plan.draft.period_start}:{plan.draft.is_of_period:d}",
            tuple(plan.legs),
            shared.time,
        )
        for plan in plans
    ]
    posting = [request for request in requests if request.legs]
    answers = transaction.post(posting) if posting else []
    outcomes = dict(zip((request.key for request in posting), answers, strict=True))
    refused = {
        _key(plan.draft): (plan.draft.account, outcome)
        for plan, request in zip(plans, requests, strict=True)
        if isinstance(outcome := outcomes.get(request.key), Refused)
    }
    if refused:
        raise Undo(refused)
    posted = [
        outcome.transfers if isinstance(outcome := outcomes.get(request.key), Posted) else () for request in requests
    ]
    _write(transaction, new, plans, numbers, posted, shared)
    result.invoices, result.empty = len(plans), len(new) - len(plans)
    result.total = sum(plan.total for plan in plans)
    return result


def _key(draft: Draft) -> _Key:
    return draft.subscription, draft.period_start if draft.is_of_period else "", draft.is_of_period


def _issued_before(reader: Reader, drafts: Sequence[Draft], run: int) -> set[_Key]:
    marks = ", ".join("?" * len(drafts))
    found = reader.rows(
        "SELECT subscription, period_start, kind FROM invoices WHERE "
        f"subscription IN ({marks}) AND (kind IN ('invoice', 'nothing') OR (kind = 'adjustment' AND run = ?))",
        (*(draft.subscription for draft in drafts), run),
    )
    return {
        (cast(int, number), "" if kind == "adjustment" else cast(str, start), kind != "adjustment")
        for number, start, kind in found
    }


def _taken_live(reader: Reader, drafts: Sequence[Draft]) -> dict[tuple[int, str], dict[AccountId, int]]:
    """What was taken as it happened, by subscription and first day, and by the account that it was taken from."""
    marks = ", ".join("?" * len(drafts))
    found: dict[tuple[int, str], dict[AccountId, int]] = {}
    for number, start, amount, debit, credit in reader.rows(
        "SELECT subscription, period_start, live_charges.amount, debit, credit FROM live_charges "
        f"JOIN transfers ON transfers.id = live_charges.transfer WHERE subscription IN ({marks})",
        [draft.subscription for draft in drafts],
    ):
        own = found.setdefault((cast(int, number), cast(str, start)), {})
        account = AccountId(cast(int, debit if cast(int, amount) > 0 else credit))
        own[account] = own.get(account, 0) + cast(int, amount)
    return found


@dataclass(slots=True)
class _Money:
    """The accounts of a customer, and what may still be taken from the wallet and from cards."""

    receivable: AccountId
    wallet: AccountId
    left: dict[AccountId, int]
    cards: dict[AccountId, str]
    """The serial numbers of cards that have not ended."""


def _money_of(reader: Reader, accounts: Sequence[str]) -> dict[str, _Money]:
    marks = ", ".join("?" * len(accounts))
    ids: dict[str, dict[str, AccountId]] = {}
    left: dict[str, dict[AccountId, int]] = {}
    cards: dict[str, dict[AccountId, str]] = {}
    for owner, kind, number, available, name, ended in reader.rows(
        "SELECT owner, kind, accounts.id, credits - debits - held, name, CASE WHEN kind = 'card' THEN "
        "(SELECT count(*) FROM card_events JOIN cards ON cards.id = card_events.card "
        "WHERE accounts.name = 'card:' || serial AND what IN ('expired', 'voided')) ELSE 0 END FROM accounts "
        f"JOIN balances ON balances.account = accounts.id WHERE owner IN ({marks})",
        accounts,
    ):
        account = AccountId(cast(int, number))
        if kind in _ACCOUNTS:
            ids.setdefault(cast(str, owner), {})[kind] = account
        elif not ended:
            cards.setdefault(cast(str, owner), {})[account] = cast(str, name).removeprefix("card:")
        left.setdefault(cast(str, owner), {})[account] = max(cast(int, available), 0)
    return {
        owner: _Money(own["receivable"], own["wallet"], left[owner], cards.get(owner, {})) for owner, own in ids.items()
    }


def _plans(
    transaction: Transaction,
    drafts: Sequence[Draft],
    numbers: Sequence[int],
    live: Mapping[tuple[int, str], Mapping[AccountId, int]],
    shared: Issue,
) -> list[_Plan]:
    money = _money_of(transaction, sorted({draft.account for draft in drafts})) if drafts else {}
    sides: dict[tuple[str, str], AccountId] = {}

    def side(posted_as: str, currency: str) -> AccountId:
        """Where a line of this kind is posted, for most lines found without a look at enumerations."""
        found = sides.get((posted_as, currency))
        if found is None:
            found = platform_account(transaction, _OTHER_SIDE[posted_as], currency, effective=shared.time)
            sides[posted_as, currency] = found
        return found

    plans = []
    for draft, number in zip(drafts, numbers, strict=True):
        own = money[draft.account]
        plan = _Plan(draft, draft.total, document_number(shared.series, number), [], [], [])
        taken = dict(live.get((draft.subscription, draft.period_start), {})) if draft.is_of_period else {}
        before = sum(taken.values())
        paid: dict[int, DraftLine] = {}
        for place, line in enumerate(draft.lines):
            if line.kind == _PREPAID:
                paid[place] = _pay_by_card(plan, own, line, taken, draft.currency)
            else:
                plan.line_legs.append(_add_line(plan, own, line, draft.currency, side))
        if paid:
            lines = tuple(paid.get(place, line) for place, line in enumerate(draft.lines))
            plan.draft = replace(draft, lines=lines)
        _give_cards_back(plan, own, taken)
        if before:
            plan.payments.append((SettlementKind.LIVE, before, None, ""))
        _settle_by_wallet(plan, own)
        plans.append(plan)
    return plans


def _add_line(
    plan: _Plan, own: _Money, line: DraftLine, currency: str, side: Callable[[str, str], AccountId]
) -> int | None:
    """Post a line; the place of its leg, None for nothing."""
    if line.amount == 0:
        return None
    credit = side(line.posted_as, currency)
    debit = side(_CHARGE, currency) if line.posted_as == _INCLUDED_TAX else own.receivable
    if line.amount < 0:
        debit, credit = credit, debit
    plan.legs.append(Transfer(debit, credit, abs(line.amount), currency, line.kind, plan.number))
    return len(plan.legs) - 1


def _pay_by_card(plan: _Plan, own: _Money, line: DraftLine, taken: dict[AccountId, int], currency: str) -> DraftLine:
    """Take what a card pays and has not paid as it happened, as far as it is still there; the line as it came to be."""
    assert line.card is not None, "a prepaid line names its card"
    before = min(taken.get(line.card, 0), -line.amount)
    taken[line.card] = taken.get(line.card, 0) - before
    amount = min(-line.amount - before, own.left.get(line.card, 0))
    place = None
    if amount > 0:
        own.left[line.card] -= amount
        place = len(plan.legs)
        plan.legs.append(Transfer(line.card, own.receivable, amount, currency, line.kind, plan.number))
        plan.payments.append((SettlementKind.CARD, amount, place, line.serial))
    plan.line_legs.append(place)
    return replace(line, amount=-amount)


def _give_cards_back(plan: _Plan, own: _Money, taken: Mapping[AccountId, int]) -> None:
    """Put back on a card what was taken as it happened and what the bill does not take from it after all.

    What would go back to a card that has ended goes to the wallet, with the rest.
    """
    for account, amount in taken.items():
        if amount > 0 and account in own.cards:
            own.left[account] += amount
            plan.payments.append((SettlementKind.CARD, -amount, len(plan.legs), own.cards[account]))
            plan.legs.append(Transfer(own.receivable, account, amount, plan.draft.currency, _PREPAID))


def _settle_by_wallet(plan: _Plan, own: _Money) -> None:
    """Take what is left to pay from the wallet as far as there is money in it, or put there what is too much."""
    rest = plan.total - sum(amount for _, amount, _, _ in plan.payments)
    currency = plan.draft.currency
    if rest > 0:
        amount = min(own.left[own.wallet], rest)
        if amount > 0:
            own.left[own.wallet] -= amount
            plan.payments.append((SettlementKind.WALLET, amount, len(plan.legs), ""))
            plan.legs.append(Transfer(own.wallet, own.receivable, amount, currency, "wallet", plan.number))
    elif rest < 0:
        own.left[own.wallet] -= rest
        plan.payments.append((SettlementKind.TO_WALLET, rest, len(plan.legs), ""))
        plan.legs.append(Transfer(own.receivable, own.wallet, -rest, currency, "to wallet", plan.number))


def _write(
    transaction: Transaction,
    drafts: Sequence[Draft],
    plans: Sequence[_Plan],
    numbers: Sequence[int],
    posted: Sequence[Sequence[TransferId]],
    shared: Issue,
) -> None:
    by_key = {_key(plan.draft): place for place, plan in enumerate(plans)}
    rows: list[Row] = []
    for draft in drafts:
        place = by_key.get(_key(draft))
        kind = "nothing" if place is None else "invoice" if draft.is_of_period else "adjustment"
        rows.append(
            _invoice_row(draft, kind, *((0, 0) if place is None else (numbers[place], plans[place].total)), shared)
        )
    ids = transaction.append(INVOICES, rows)
    lines: list[Row] = []
    opened: list[NewInvoice] = []
    for number, draft in zip(ids, drafts, strict=True):
        place = by_key.get(_key(draft))
        plan, transfers = (None, ()) if place is None else (plans[place], posted[place])
        own = draft.lines if plan is None else plan.draft.lines
        legs: Sequence[int | None] = [None] * len(own) if plan is None else plan.line_legs
        for index, (line, leg) in enumerate(zip(own, legs, strict=True), start=1):
            lines.append(_line_row(number, index, line, None if leg is None else transfers[leg]))
        if plan is not None:
            settled = tuple(
                Settlement(kind, amount, None if leg is None else transfers[leg], reference)
                for kind, amount, leg, reference in plan.payments
            )
            opened.append(NewInvoice(number, draft.account, plan.total, shared.payable_by.isoformat(), settled))
    if lines:
        transaction.append(INVOICE_LINES, lines)
    open_new(transaction, opened)


def _invoice_row(draft: Draft, kind: str, number: int, total: int, shared: Issue) -> tuple[Value, ...]:
    return (
        shared.series,
        number,
        kind,
        draft.account,
        draft.subscription,
        draft.plan,
        draft.ruleset,
        draft.hash,
        draft.period_start,
        draft.period_end,
        draft.starts,
        draft.ends,
        draft.currency,
        total,
        shared.issued.isoformat(),
        shared.payable_by.isoformat(),
        None,
        shared.run,
        draft.statement,
    )


def _line_row(invoice: int, index: int, line: DraftLine, transfer: TransferId | None) -> tuple[Value, ...]:
    return (
        invoice,
        index,
        line.name,
        line.kind,
        line.label,
        line.dimensions,
        line.quantity,
        line.unit,
        line.amount,
        line.place,
        *line.origin,
        line.adjusts,
        transfer,
    )

"""One stream of operations for two stores and for the model: all answer the same, always.

After each step the invariants are checked on both stores (see `watched`); the same key has the same answer and another
body is refused; and what was refused left nothing but its answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ratebook.ledger.accounts import AccountKind, close_account, find_account, open_account, set_floor
from ratebook.ledger.refusals import Refusal
from ratebook.ledger.requests import (
    AMOUNT_MAX,
    AccountId,
    ExpireHold,
    Hold,
    Leg,
    PostHold,
    Refused,
    Request,
    Reverse,
    Transfer,
    TransferId,
    VoidHold,
)
from ratebook.ledger.store import Undo, open_store

from .model import Model, ModelAccount, without_words
from .watched import Watched

CURRENCIES = ("USD", "USD", "USD", "EUR")
KINDS = ["transfer"] * 4 + ["hold"] * 2 + ["post"] * 2 + ["void", "expire", "reverse"]
NOWHERE = AccountId(10**6)
FIGURES: Counter[str] = Counter()
"""What happened in all sequences: steps, and outcomes by their kinds. `sequences` counts those with all their steps."""

ODD_AMOUNTS = st.sampled_from([0, -1, True, "7", AMOUNT_MAX, AMOUNT_MAX + 1, 10**30])


EFFECTIVE = st.integers(0, 8)
"""A moment; few, so that requests meet those at which holds expire."""

LEGS = st.sampled_from((1, 1, 1, 2))


def rarely(data: st.DataObject) -> bool:
    """One time in fifteen; not at a bound, where Hypothesis looks more often."""
    return data.draw(st.integers(0, 14)) == 8


class BothStores(RuleBasedStateMachine):
    """Operations that are done to two stores and to the model.

    `databases` makes the stores of a sequence, `steps_max` says how many steps it has.
    """

    databases: Callable[[], tuple[str, str]]
    steps_max: int

    def __init__(self) -> None:
        super().__init__()
        self.stores = [Watched(open_store(url)) for url in type(self).databases()]
        self.model = Model()
        self.keys = count(1)
        self.sent: list[Request] = []
        self.names: dict[int, str] = {}
        self.steps = 0

    def teardown(self) -> None:
        try:
            for watched in self.stores:
                watched.check_all()
            FIGURES["sequences" if self.steps == type(self).steps_max else "shorter"] += 1
            for _, outcome in self.model.answers.values():
                FIGURES[outcome.refusal.name if isinstance(outcome, Refused) else "posted"] += 1
        finally:
            for watched in self.stores:
                watched.store.close()

    def same(self, work: Callable[[Any], Any]) -> Any:
        """The answer of both stores."""
        answers = [watched.store.write(work) for watched in self.stores]
        assert answers[0] == answers[1]
        return answers[0]

    def post(self, requests: list[Request]) -> None:
        expected = self.model.post(requests)
        outcomes = self.same(lambda transaction: transaction.post(requests))
        assert [without_words(outcome) for outcome in outcomes] == expected
        self.sent.extend(requests)

    def account(self, data: st.DataObject) -> AccountId:
        if rarely(data):
            return NOWHERE
        return AccountId(data.draw(st.sampled_from([*self.model.accounts])))

    def beside(self, data: st.DataObject, debit: AccountId) -> AccountId:
        """An account that can be paid by another: most often one that fits."""
        known = self.model.accounts.get(debit)
        if known is None or rarely(data):
            return data.draw(st.sampled_from([debit, self.account(data)]))
        fitting = [
            number
            for number, item in self.model.accounts.items()
            if item.currency == known.currency and number != debit
        ]
        return AccountId(data.draw(st.sampled_from(fitting or [NOWHERE])))

    def transfer(self, data: st.DataObject, phase: str) -> TransferId:
        """An earlier row, most often one of that kind, and one of which something is left."""
        earlier = self.model.transfers
        fitting = [number for number, item in earlier.items() if (item.phase == "hold") == (phase == "hold")]
        if rarely(data) or not fitting:
            return TransferId(data.draw(st.sampled_from([*earlier, 10**6])))
        left = [number for number in fitting if not earlier[number].ended and earlier[number].left != 0]
        if left and data.draw(st.integers(0, 3)):
            fitting = left
        return TransferId(data.draw(st.sampled_from(fitting[-12:])))

    def amount(self, data: st.DataObject, most: int | None) -> Any:
        """A small amount; one time in four the most that can be, one less, or one more."""
        if rarely(data):
            return data.draw(ODD_AMOUNTS)
        near = data.draw(st.integers(-1, 10))
        return data.draw(st.integers(1, 60)) if most is None or near > 1 else most + near

    def leg(self, data: st.DataObject) -> Leg:
        kind = data.draw(st.sampled_from(KINDS))
        if kind in ("transfer", "hold"):
            debit = self.account(data)
            credit = self.beside(data, debit)
            known = self.model.accounts.get(debit)
            some = self.amount(data, known and known.available)
            currency = known.currency if known and not rarely(data) else data.draw(st.sampled_from(CURRENCIES))
            if kind == "transfer":
                return Transfer(debit, credit, some, currency, "payment", "")
            return Hold(debit, credit, some, currency, "reserve", "", data.draw(st.none() | EFFECTIVE))
        earlier = self.transfer(data, "plain" if kind == "reverse" else "hold")
        known_earlier = self.model.transfers.get(earlier)
        match kind:
            case "void":
                return VoidHold(earlier)
            case "expire":
                return ExpireHold(earlier)
            case "post":
                most = known_earlier and known_earlier.amount
                return PostHold(earlier, None if data.draw(st.booleans()) else self.amount(data, most))
            case _:
                left = known_earlier and known_earlier.left
                return Reverse(earlier, None if data.draw(st.booleans()) else self.amount(data, left))

    @initialize()
    def accounts(self) -> None:
        for currency, floor in (("USD", None), ("USD", 0), ("USD", 0), ("EUR", None), ("EUR", -50)):
            self.open(currency, floor, 7)
        first, second, third, euros, more = (AccountId(number) for number in self.names)
        self.post(
            [
                Request("funds 1", (Transfer(first, second, 300, "USD", "deposit"),), 0),
                Request("funds 2", (Transfer(first, third, 300, "USD", "deposit"),), 0),
                Request("funds 3", (Transfer(euros, more, 300, "EUR", "deposit"),), 0),
            ]
        )

    def open(self, currency: str, floor: int | None, effective: int) -> None:
        name = f"account {len(self.names)}"
        made = self.same(
            lambda transaction: open_account(
                transaction, name, AccountKind.WALLET, currency, floor=floor, effective=effective
            )
        )
        self.names[made] = name
        self.model.accounts[made] = ModelAccount(currency, floor)
        self.model.size += 2 if floor is not None else 1

    @rule(currency=st.sampled_from(CURRENCIES), floor=st.none() | st.integers(-100, 0))
    def open_another(self, currency: str, floor: int | None) -> None:
        if sum(not account.closed for account in self.model.accounts.values()) < 9:
            self.open(currency, floor, 0)

    @rule(data=st.data(), legs=LEGS, effective=EFFECTIVE)
    def request(self, data: st.DataObject, legs: int, effective: int) -> None:
        made = tuple(self.leg(data) for _ in range(legs))
        self.post([Request(f"key {next(self.keys)}", made, effective)])

    @rule(data=st.data(), size=st.integers(2, 20), effective=EFFECTIVE)
    def several(self, data: st.DataObject, size: int, effective: int) -> None:
        requests = [
            Request(f"key {next(self.keys)}", tuple(self.leg(data) for _ in range(legs)), effective)
            for legs in [data.draw(LEGS) for _ in range(size)]
        ]
        requests += data.draw(st.lists(st.sampled_from(requests), max_size=2))
        self.post(requests)

    @rule(data=st.data(), effective=EFFECTIVE)
    def again(self, data: st.DataObject, effective: int) -> None:
        if self.sent:
            sent = data.draw(st.sampled_from(self.sent))
            self.post([Request(sent.key, sent.legs, effective)])

    @rule(data=st.data())
    def another_body(self, data: st.DataObject) -> None:
        if self.sent:
            sent = data.draw(st.sampled_from(self.sent))
            self.post([Request(sent.key, (self.leg(data),), sent.effective)])

    @rule(data=st.data(), floor=st.none() | st.integers(-200, 50))
    def new_floor(self, data: st.DataObject, floor: int | None) -> None:
        number = data.draw(st.sampled_from([*self.names]))
        refused = self.terms(number, lambda transaction, account: set_floor(transaction, account, floor, effective=1))
        known = self.model.accounts[number]
        if known.closed:
            assert refused is Refusal.ACCOUNT_CLOSED
        elif floor is not None and known.balance - known.held < floor:
            assert refused is Refusal.INSUFFICIENT_FUNDS
        else:
            assert refused is None
            known.floor = floor
            self.model.size += 1

    @rule(data=st.data(), empty=st.booleans())
    def close(self, data: st.DataObject, empty: bool) -> None:
        """Most often refused, for an account is rarely empty by itself."""
        if not data.draw(st.booleans()):
            return
        free = [number for number, known in self.model.accounts.items() if not (known.balance or known.held)]
        number = data.draw(st.sampled_from(free if free and empty else [*self.names]))
        refused = self.terms(number, lambda transaction, account: close_account(transaction, account, effective=1))
        known = self.model.accounts[number]
        expected = any(
            item.phase == "hold" and not item.ended and item.credit == number for item in self.model.transfers.values()
        )
        if known.closed:
            assert refused is Refusal.ACCOUNT_CLOSED
        elif known.balance or known.held or expected:
            assert refused is Refusal.NOT_EMPTY
        else:
            assert refused is None
            known.closed = True
            self.model.size += 1

    def terms(self, number: int, change: Callable[[Any, Any], Refused | None]) -> Refusal | None:
        def work(transaction: Any) -> Refused | None:
            account = find_account(transaction, self.names[number])
            assert account is not None
            return change(transaction, account)

        refused: Refused | None = self.same(work)
        return None if refused is None else refused.refusal

    @rule(data=st.data(), undone=st.booleans())
    def a_work_that_fails(self, data: st.DataObject, undone: bool) -> None:
        """What it wrote is gone, and so is its key."""
        request = Request(f"key {next(self.keys)}", (self.leg(data),), 1)

        def work(transaction: Any) -> None:
            transaction.post([request])
            raise Undo("undone") if undone else LookupError("failed")

        for watched in self.stores:
            if undone:
                answer: Any = watched.store.write(work)
                assert answer == "undone"
            else:
                with pytest.raises(LookupError):
                    watched.store.write(work)

    @invariant()
    def both_are_sound(self) -> None:
        for watched in self.stores:
            watched.check(self.model)
            assert len(watched.hashes) == self.model.size
        # The roots say that all rows are the same, too.
        assert self.stores[0].root == self.stores[1].root
        FIGURES["steps"] += 1
        self.steps += 1

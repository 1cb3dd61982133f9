"""One stream of operations for both real databases and for a model in plain Python: all answer the same, always.

After each step the ledger's invariants are checked on both: debits equal credits, balances are the fold of the
transfers, floors hold with holds counted, a hold ends once, reversals stay within the amount, the same key has the
same answer and another body is refused, what was refused left nothing but its answer, and the log's tree grew from
the one that was seen before.

Short here. `scripts/stateful` runs it long and writes what came out to docs/reliability.md; the environment variable
RATEBOOK_STATEFUL, as in `2000x100`, says how many sequences of how many steps.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ratebook.ledger.accounts import AccountKind, close_account, find_account, open_account, set_floor
from ratebook.ledger.leaf import leaf
from ratebook.ledger.merkle import Frontier, consistency_proof, leaf_hash, verify_consistency
from ratebook.ledger.refusals import Refusal
from ratebook.ledger.requests import (
    AMOUNT_MAX,
    AccountId,
    ExpireHold,
    Hold,
    Leg,
    Outcome,
    Posted,
    PostHold,
    Refused,
    Request,
    Reverse,
    Transfer,
    TransferId,
    VoidHold,
)
from ratebook.ledger.store import Store, Undo, open_store
from ratebook.ledger.tables import LEDGER_TABLES, TRANSFERS
from ratebook.ledger.transaction import heading_of

APPEND_ONLY = [table for table in LEDGER_TABLES if table.append_only]
CURRENCIES = ("USD", "USD", "USD", "EUR")
KINDS = ["transfer"] * 4 + ["hold"] * 2 + ["post"] * 2 + ["void", "expire", "reverse"]
NOWHERE = AccountId(10**6)
FIGURES: Counter[str] = Counter()
"""What happened in all sequences: steps, and outcomes by their kinds."""


@dataclass
class ModelAccount:
    """An account as the model knows it."""

    currency: str
    floor: int | None
    balance: int = 0
    held: int = 0
    closed: bool = False


@dataclass
class ModelTransfer:
    """A row as the model knows it: `left` is what may be reversed, None where nothing may."""

    phase: str
    debit: int
    credit: int
    amount: int
    currency: str
    expires: int | None = None
    ended: bool = False
    left: int | None = None


@dataclass
class Model:
    """The ledger in plain words. It decides on copies, so that a refusal leaves nothing."""

    accounts: dict[int, ModelAccount] = field(default_factory=dict)
    transfers: dict[int, ModelTransfer] = field(default_factory=dict)
    answers: dict[str, tuple[tuple[Leg, ...], Outcome]] = field(default_factory=dict)
    size: int = 0

    def post(self, requests: list[Request]) -> list[Outcome]:
        """What requests are answered. Ids of refusals come after those of the transfers of the same call."""
        # Only what stood before a call can be named by it: nobody knows ids that are yet to come.
        before = set(self.transfers)
        outcomes = [self.one(request, before) for request in requests]
        self.size += sum(isinstance(outcome, Refused) and self.fresh(outcome) for outcome in outcomes)
        return outcomes

    def fresh(self, outcome: Outcome) -> bool:
        return not outcome.repeated and getattr(outcome, "refusal", None) is not Refusal.KEY_REUSED

    def one(self, request: Request, before: set[int]) -> Outcome:
        if request.key in self.answers:
            legs, outcome = self.answers[request.key]
            if plain(legs) != plain(request.legs):
                return Refused(Refusal.KEY_REUSED)
            if isinstance(outcome, Posted):
                return Posted(outcome.transfers, repeated=True)
            return Refused(outcome.refusal, repeated=True)
        accounts = {number: ModelAccount(**vars(account)) for number, account in self.accounts.items()}
        transfers = {number: ModelTransfer(**vars(transfer)) for number, transfer in self.transfers.items()}
        ids: list[TransferId] = []
        for leg in request.legs:
            known = {number: transfer for number, transfer in transfers.items() if number in before}
            made = self.leg(leg, request.effective, accounts, known)
            if isinstance(made, Refusal):
                self.answers[request.key] = request.legs, Refused(made)
                return Refused(made)
            ids.append(TransferId(self.size + len(ids) + 1))
            transfers[ids[-1]] = made
        self.accounts, self.transfers, self.size = accounts, transfers, self.size + len(ids)
        self.answers[request.key] = request.legs, Posted(tuple(ids))
        return Posted(tuple(ids))

    def leg(
        self, leg: Leg, effective: int, accounts: dict[int, ModelAccount], known: dict[int, ModelTransfer]
    ) -> ModelTransfer | Refusal:
        amount: Any = getattr(leg, "amount", None)
        if amount is not None:
            if type(amount) is not int:
                return Refusal.AMOUNT_NOT_WHOLE
            if amount <= 0:
                return Refusal.AMOUNT_NOT_POSITIVE
            if amount > AMOUNT_MAX:
                return Refusal.AMOUNT_TOO_LARGE
        if isinstance(leg, Transfer | Hold):
            return self.opening(leg, accounts)
        if isinstance(leg, Reverse):
            return self.reversal(leg, accounts, known)
        hold = known.get(leg.hold)
        if hold is None or hold.phase != "hold":
            return Refusal.HOLD_UNKNOWN
        passed = hold.expires is not None and hold.expires <= effective
        if hold.ended:
            return Refusal.HOLD_RESOLVED
        if isinstance(leg, PostHold):
            if passed:
                return Refusal.HOLD_EXPIRED
            if leg.amount is not None and leg.amount > hold.amount:
                return Refusal.HOLD_EXCEEDED
        if isinstance(leg, ExpireHold) and not passed:
            return Refusal.HOLD_NOT_EXPIRED
        hold.ended = True
        giver, taker = accounts[hold.debit], accounts[hold.credit]
        giver.held -= hold.amount
        if not isinstance(leg, PostHold):
            return ModelTransfer("end", hold.debit, hold.credit, hold.amount, hold.currency)
        moved = hold.amount if leg.amount is None else leg.amount
        giver.balance -= moved
        taker.balance += moved
        return ModelTransfer("post", hold.debit, hold.credit, moved, hold.currency, left=moved)

    def opening(self, leg: Transfer | Hold, accounts: dict[int, ModelAccount]) -> ModelTransfer | Refusal:
        if leg.debit == leg.credit:
            return Refusal.SAME_ACCOUNT
        giver, taker = accounts.get(leg.debit), accounts.get(leg.credit)
        if giver is None or taker is None:
            return Refusal.ACCOUNT_UNKNOWN
        if {giver.currency, taker.currency} != {leg.currency}:
            return Refusal.CURRENCY_DIFFERS
        if giver.closed or taker.closed:
            return Refusal.ACCOUNT_CLOSED
        if giver.floor is not None and giver.balance - giver.held - leg.amount < giver.floor:
            return Refusal.INSUFFICIENT_FUNDS
        if isinstance(leg, Hold):
            giver.held += leg.amount
            return ModelTransfer("hold", leg.debit, leg.credit, leg.amount, leg.currency, leg.expires)
        giver.balance -= leg.amount
        taker.balance += leg.amount
        return ModelTransfer("plain", leg.debit, leg.credit, leg.amount, leg.currency, left=leg.amount)

    def reversal(
        self, leg: Reverse, accounts: dict[int, ModelAccount], known: dict[int, ModelTransfer]
    ) -> ModelTransfer | Refusal:
        earlier = known.get(leg.transfer)
        if earlier is None:
            return Refusal.TRANSFER_UNKNOWN
        giver, taker = accounts[earlier.credit], accounts[earlier.debit]
        if giver.closed or taker.closed:
            return Refusal.ACCOUNT_CLOSED
        if earlier.left is None:
            return Refusal.NOT_REVERSIBLE
        amount = earlier.left if leg.amount is None else leg.amount
        if not 0 < amount <= earlier.left:
            return Refusal.REVERSAL_EXCEEDED
        if giver.floor is not None and giver.balance - giver.held - amount < giver.floor:
            return Refusal.INSUFFICIENT_FUNDS
        earlier.left -= amount
        giver.balance -= amount
        taker.balance += amount
        return ModelTransfer("plain", earlier.credit, earlier.debit, amount, earlier.currency)


ODD_AMOUNTS = st.sampled_from([0, -1, True, "7", AMOUNT_MAX, AMOUNT_MAX + 1, 10**30])


def rarely(data: st.DataObject) -> bool:
    """One time in fifteen; not at a bound, where Hypothesis looks more often."""
    return data.draw(st.integers(0, 14)) == 8


def plain(legs: tuple[Leg, ...]) -> list[tuple[str, list[tuple[str, object]]]]:
    """What the body of a request says; when a hold expires is no part of it."""
    return [
        (
            type(leg).__name__,
            [
                (type(value).__name__, value)
                for name in leg.__slots__
                if name != "expires"
                for value in (getattr(leg, name),)
            ],
        )
        for leg in legs
    ]


def without_words(outcome: Outcome) -> Outcome:
    """An outcome without the detail, which the model does not write."""
    return Refused(outcome.refusal, repeated=outcome.repeated) if isinstance(outcome, Refused) else outcome


class Watched:
    """A store with what was seen of it at the last check, so that each check reads only what is new."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.root = Frontier().root()
        self.hashes: list[bytes] = []
        self.rows: dict[str, list[tuple[Any, ...]]] = {table.name: [] for table in APPEND_ONLY}
        self.fold: dict[int, list[int]] = {}
        self.holds: dict[int, int] = {}
        self.left: dict[int, int] = {}

    def check(self, model: Model) -> None:
        """The invariants, on one consistent view."""

        def work(reader: Any) -> tuple[dict[str, list[tuple[Any, ...]]], Any, Any]:
            new = {
                table.name: reader.rows(f"SELECT * FROM {table.name} WHERE id > ? ORDER BY id", (len(self.hashes),))
                for table in APPEND_ONLY
            }
            return new, reader.rows("SELECT * FROM balances"), reader.rows("SELECT size, frontier FROM log_head")

        new, balances, ((size, stored),) = self.store.read(work)
        for row in new["accounts"]:
            self.fold[row[0]] = [0, 0, 0]
        names = [column.name for column in TRANSFERS.all_columns]
        for row in new["transfers"]:
            self.moved(dict(zip(names, row, strict=True)))
        assert sum(held for _, _, held in self.fold.values()) == sum(self.holds.values())
        assert sum(credited - debited for credited, debited, _ in self.fold.values()) == 0
        assert len(balances) == len(self.fold)
        for account, credited, debited, held, floor, closed in balances:
            assert [credited, debited, held] == self.fold[account]
            assert floor is None or credited - debited - held >= floor
            known = model.accounts[account]
            assert (credited - debited, held) == (known.balance, known.held)
            assert (floor, bool(closed)) == (known.floor, known.closed)
        self.grown(new, Frontier.from_bytes(stored))
        assert size == len(self.hashes)

    def moved(self, row: dict[str, Any]) -> None:
        """Fold one transfer into the balances."""
        giver, taker = self.fold[row["debit"]], self.fold[row["credit"]]
        if row["phase"] in ("plain", "post"):
            taker[0] += row["amount"]
            giver[1] += row["amount"]
        if row["phase"] == "hold":
            giver[2] += row["amount"]
            self.holds[row["id"]] = row["amount"]
        if row["hold"] is not None:
            giver[2] -= self.holds.pop(row["hold"])  # a KeyError where a hold ends twice
        self.left[row["id"]] = row["amount"]
        if row["reverses"] is not None:
            self.left[row["reverses"]] -= row["amount"]
            assert self.left[row["reverses"]] >= 0

    def grown(self, new: dict[str, list[tuple[Any, ...]]], frontier: Frontier) -> None:
        """Ids have no gap, every row has its hash, and the tree grew from the one that was seen before."""
        earlier = len(self.hashes)
        numbered: dict[int, bytes] = {}
        for table in APPEND_ONLY:
            for row in new[table.name]:
                assert leaf_hash(leaf(heading_of(table), row[:-1])) == row[-1]
                numbered[row[0]] = row[-1]
            self.rows[table.name] += new[table.name]
        assert sorted(numbered) == list(range(earlier + 1, earlier + len(numbered) + 1))
        self.hashes += [numbered[number] for number in sorted(numbered)]
        assert frontier.size == len(self.hashes)
        proof = consistency_proof(self.hashes, earlier, frontier.size)
        assert verify_consistency(earlier, self.root, frontier.size, frontier.root(), proof)
        self.root = frontier.root()

    def check_all(self) -> None:
        """No row changed after it was seen, and the tree is that over all rows."""
        for name, rows in self.rows.items():
            found = self.store.read(lambda reader, asked=name: reader.rows(f"SELECT * FROM {asked} ORDER BY id"))
            assert found == rows
        assert Frontier().append(self.hashes).root() == self.root


class BothStores(RuleBasedStateMachine):
    """Operations that are done to SQLite, to PostgreSQL and to the model."""

    databases: Callable[[], tuple[str, str]]

    def __init__(self) -> None:
        super().__init__()
        self.stores = [Watched(open_store(url)) for url in type(self).databases()]
        self.model = Model()
        self.keys = count(1)
        self.sent: list[Request] = []
        self.names: dict[int, str] = {}

    def teardown(self) -> None:
        try:
            for watched in self.stores:
                watched.check_all()
            FIGURES["sequences"] += 1
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
            return self.account(data)
        fitting = [
            number
            for number, item in self.model.accounts.items()
            if item.currency == known.currency and number != debit
        ]
        return AccountId(data.draw(st.sampled_from(fitting or [NOWHERE])))

    def transfer(self, data: st.DataObject, phase: str) -> TransferId:
        """An earlier row, most often one of that kind."""
        earlier = self.model.transfers
        fitting = [number for number, item in earlier.items() if (item.phase == "hold") == (phase == "hold")]
        if rarely(data) or not fitting:
            return TransferId(data.draw(st.sampled_from([*earlier, 10**6])))
        return TransferId(data.draw(st.sampled_from(fitting[-12:])))

    def leg(self, data: st.DataObject) -> Leg:
        kind = data.draw(st.sampled_from(KINDS))
        some: Any = data.draw(ODD_AMOUNTS if rarely(data) else st.integers(1, 60))
        if kind in ("transfer", "hold"):
            debit = self.account(data)
            credit = self.beside(data, debit)
            known = self.model.accounts.get(debit)
            currency = known.currency if known and not rarely(data) else data.draw(st.sampled_from(CURRENCIES))
            if kind == "transfer":
                return Transfer(debit, credit, some, currency, "payment", "")
            return Hold(debit, credit, some, currency, "reserve", "", data.draw(st.none() | st.integers(0, 30)))
        part = None if data.draw(st.booleans()) else some
        match kind:
            case "post":
                return PostHold(self.transfer(data, "hold"), part)
            case "void":
                return VoidHold(self.transfer(data, "hold"))
            case "expire":
                return ExpireHold(self.transfer(data, "hold"))
            case _:
                return Reverse(self.transfer(data, "plain"), part)

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
        if len(self.names) < 9:
            self.open(currency, floor, 0)

    @rule(data=st.data(), legs=st.integers(1, 3), effective=st.integers(0, 40))
    def request(self, data: st.DataObject, legs: int, effective: int) -> None:
        made = tuple(self.leg(data) for _ in range(legs if legs < 3 else 1))
        self.post([Request(f"key {next(self.keys)}", made, effective)])

    @rule(data=st.data(), size=st.integers(2, 20), effective=st.integers(0, 40))
    def several(self, data: st.DataObject, size: int, effective: int) -> None:
        requests = [Request(f"key {next(self.keys)}", (self.leg(data),), effective) for _ in range(size)]
        requests += data.draw(st.lists(st.sampled_from(requests), max_size=2))
        self.post(requests)

    @rule(data=st.data(), effective=st.integers(0, 40))
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

    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        if not rarely(data):
            return
        number = data.draw(st.sampled_from([*self.names]))
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


def test_both_stores_and_the_model_agree(new_sqlite: Callable[[], str], recycled_postgresql: Callable[[], str]) -> None:
    sequences, _, steps = os.environ.get("RATEBOOK_STATEFUL", "12x30").partition("x")
    seed = os.environ.get("RATEBOOK_STATEFUL_SEED")

    class Machine(BothStores):
        """The machine on databases of this test."""

        @staticmethod
        def databases() -> tuple[str, str]:
            return new_sqlite(), recycled_postgresql()

    machine: Any = Machine
    if seed is not None:
        from hypothesis import seed as with_seed

        machine = with_seed(int(seed))(machine)
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=int(sequences),
            stateful_step_count=int(steps),
            deadline=None,
            derandomize=seed is None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert FIGURES["steps"] >= int(sequences) and FIGURES["posted"] > 0
    if told := os.environ.get("RATEBOOK_STATEFUL_FIGURES"):
        Path(told).write_text(json.dumps(FIGURES), encoding="utf-8")

"""Any order of payments, refunds, credits, cards and messages, on both databases at once.

Every wish goes to SQLite and to PostgreSQL and has to be answered alike. After each step money is conserved: debits are
credits, each invoice is what was settled and what is open, no more goes back than came, no more is credited than was
billed, a card is worth what was paid in less what was taken, and a refused wish has left nothing but its answer.

`RATEBOOK_SEQUENCES` and `RATEBOOK_STEPS` make a long run of it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from ratebook.billing.acting import Acting
from ratebook.billing.card_batches import CardTerms, make_batch, new_codes
from ratebook.billing.card_expiry import expire_cards
from ratebook.billing.card_sales import sell, void
from ratebook.billing.cards import CardState, find_card, list_cards
from ratebook.billing.credit_notes import credit
from ratebook.billing.customers import deposit, withdraw
from ratebook.billing.delivering import resolve
from ratebook.billing.outbox import MessageState
from ratebook.billing.overdue import mark_overdue, write_off
from ratebook.billing.payments import pay, pay_from_wallet, payments_of
from ratebook.billing.redeeming import redeem
from ratebook.billing.refunds import refund
from ratebook.billing.reversals import reverse_payment
from ratebook.diagnostics import Diagnostic
from ratebook.ledger.requests import Posted, Request, Transfer
from ratebook.ledger.store import Store

from .conftest import KINDS, Desk, done, everything_wrong, new_store

KEY = b"a key of 16 byte"
SEQUENCES = int(os.environ.get("RATEBOOK_SEQUENCES", "8"))
STEPS = int(os.environ.get("RATEBOOK_STEPS", "25"))
CARDS = 4
TERMS = CardTerms("platform", "starter", 50_00, 45_00, "CNY", "Asia/Shanghai", valid_months=1)

accounts = st.sampled_from(["a-1", "a-2"])
# Few different amounts and places: what goes wrong goes wrong where amounts meet.
amounts = st.one_of(st.sampled_from([20_00, 30_00, 50_00, 80_00, 100_00]), st.integers(1, 150_00))
places = st.integers(0, 3)
lines = st.lists(
    st.tuples(st.sampled_from(["compute", "storage"]), st.just("charge"), st.integers(1, 120_00)),
    min_size=1,
    max_size=3,
)
Wish = Callable[[Store, Acting], object]


class Machine(RuleBasedStateMachine):
    """The same wishes to a desk at each database."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        kinds = KINDS
        self.desks = [Desk(self.stack.enter_context(new_store(kind, folder))) for kind in kinds]
        for desk in self.desks:
            desk.account("a-1")
            desk.account("a-2", limit=50_00)
        self.granted: list[tuple[str, Wish, object]] = []
        codes = new_codes("b", CARDS)
        assert not isinstance(codes, Diagnostic)
        self.codes = [code for _, code in codes]
        self.both(lambda store, acting: make_batch(store, acting, "b", TERMS, codes, KEY))
        self.invoices: list[str] = []
        self.whose: dict[str, str] = {}
        self.payments: list[int] = []
        self.left: dict[int, int] = {}
        self.messages: list[int] = []
        self.promised: dict[int, tuple[int, int]] = {}
        self.spent = [0] * CARDS
        # Begun with an invoice that is paid, and more: most of what can happen needs a payment first.
        self.bill("a-1", [("compute", "charge", 100_00)], 10, 13, False)
        self.pay("a-1", 150_00, [])

    def teardown(self) -> None:
        self.stack.close()

    def both(self, wish: Wish, *, key: str | None = None) -> object:
        """A wish to every desk: answered alike, and without effect where it is refused."""
        answers = []
        for desk in self.desks:
            before = size(desk)
            acting = desk.acting(key, reason="machine")
            answer = wish(desk.store, acting)
            grown = size(desk) - before
            if isinstance(answer, Diagnostic):
                # The answer itself is remembered; so is a try to redeem a wrong code. Refused before, nothing is.
                assert grown <= (2 if answer.code == "RB7073" else 1), (answer, grown)
            answers.append(answer)
        assert all(answer == answers[0] for answer in answers), answers
        if key is None:
            self.granted.append((acting.key, wish, answers[0]))
        return answers[0]

    def number(self, answer: object, name: str) -> int | None:
        return None if isinstance(answer, Diagnostic) else int(str(answer[name]))  # type: ignore[index]

    # Wishes

    @rule(account=accounts, amount=amounts, what=st.sampled_from(["deposit", "withdraw", "empty", "pay from it"]))
    def wallet(self, account: str, amount: int, what: str) -> None:
        """Emptied, so that what goes back later has to come from somewhere else."""
        if what == "deposit":
            self.both(lambda store, acting: deposit(store, acting, account, amount))
        elif what == "pay from it":
            self.both(lambda store, acting: pay_from_wallet(store, acting, account))
        else:
            own = amount if what == "withdraw" else max(self.desks[0].wallet(account), 1)
            self.both(lambda store, acting: withdraw(store, acting, account, own))

    @rule(account=accounts, charges=lines, discount=st.integers(0, 50), tax=st.integers(0, 20), wallet=st.booleans())
    def bill(self, account: str, charges: list[tuple[str, str, int]], discount: int, tax: int, wallet: bool) -> None:
        rows = [(f"{name} {place}", kind, amount) for place, (name, kind, amount) in enumerate(charges)]
        whole = sum(amount for _, _, amount in rows)
        rows += [("gold", "discount", -(whole * discount // 100)), ("vat", "tax", whole * tax // 100)]
        rows = [row for row in rows if row[2]]
        payable = (date(2026, 4, 1) + timedelta(days=len(self.invoices))).isoformat()
        numbers = [desk.invoice(account, rows, wallet=wallet, payable_by=payable) for desk in self.desks]
        assert len(set(numbers)) == 1
        self.invoices.append(numbers[0])
        self.whose[numbers[0]] = account

    @rule(account=accounts, amount=amounts, named=st.lists(places, max_size=2))
    def pay(self, account: str, amount: int, named: list[int]) -> None:
        own = [number for number in self.invoices if self.whose[number] == account or len(named) == 2]
        invoices = [own[place % len(own)] for place in named if own]
        answer = self.both(lambda store, acting: pay(store, acting, account, amount, invoices=invoices))
        found = self.number(answer, "payment")
        if found is not None:
            self.payments.append(found)
            self.left[found] = amount

    @precondition(lambda self: self.payments)
    @rule(place=places, amount=st.one_of(st.none(), amounts))
    def refund(self, place: int, amount: int | None) -> None:
        payment = self.payments[place % len(self.payments)]
        answer = self.both(lambda store, acting: refund(store, acting, payment, amount))
        message, back = self.number(answer, "message"), self.number(answer, "amount")
        if message is not None and back is not None:
            self.messages.append(message)
            self.promised[message] = (payment, back)
            self.left[payment] -= back

    @precondition(lambda self: self.messages)
    @rule(place=places, state=st.sampled_from([MessageState.CONFIRMED, MessageState.FAILED, MessageState.REQUESTED]))
    def resolve(self, place: int, state: MessageState) -> None:
        message = self.messages[-1 - place % len(self.messages)]
        answer = self.both(lambda store, acting: resolve(store, acting, message, state))
        if not isinstance(answer, Diagnostic) and state is MessageState.FAILED:
            payment, back = self.promised[message]
            self.left[payment] += back

    @precondition(lambda self: self.payments)
    @rule(place=places)
    def bounce(self, place: int) -> None:
        payment = self.payments[place % len(self.payments)]
        if not isinstance(self.both(lambda store, acting: reverse_payment(store, acting, payment)), Diagnostic):
            self.left[payment] = 0

    @precondition(lambda self: self.invoices)
    @rule(place=places, amount=st.one_of(st.none(), amounts), chosen=st.sets(st.integers(1, 5), max_size=2))
    def credit(self, place: int, amount: int | None, chosen: set[int]) -> None:
        number, issued = self.invoices[place % len(self.invoices)], date(2026, 4, 20)
        own = sorted(chosen)
        self.both(lambda store, acting: credit(store, acting, number, lines=own, amount=amount, issued=issued))

    @precondition(lambda self: self.invoices)
    @rule(place=places, amount=st.one_of(st.none(), amounts), days=st.integers(0, 40), give_up=st.booleans())
    def late(self, place: int, amount: int | None, days: int, give_up: bool) -> None:
        number, day = self.invoices[place % len(self.invoices)], date(2026, 4, 1) + timedelta(days=days)
        if give_up:
            self.both(lambda store, acting: write_off(store, acting, number, amount))
        else:
            self.both(lambda store, acting: mark_overdue(store, acting, day))

    @rule(
        card=st.integers(0, CARDS - 1),
        account=accounts,
        what=st.sampled_from(["sell", "sell to somebody", "redeem", "spend", "void", "expire"]),
        amount=st.integers(1, 60_00),
        days=st.integers(25, 35),
    )
    def card(self, card: int, account: str, what: str, amount: int, days: int) -> None:
        day = date(2026, 4, 1)
        match what:
            case "sell" | "sell to somebody":
                taker, sold = account if what == "sell" else None, day + timedelta(days=card)
                self.both(lambda store, acting: sell(store, acting, [serial(card)], account=taker, day=sold))
            case "redeem":
                self.both(lambda store, acting: redeem(store, acting, account, self.codes[card], KEY))
            case "void":
                self.both(lambda store, acting: void(store, acting, serial(card)))
            case "expire":
                self.both(lambda store, acting: expire_cards(store, acting, day + timedelta(days=days)))
            case _:
                self.spend(card, amount)

    def spend(self, card: int, amount: int) -> None:
        """A card pays into a wallet, as nothing does; but it takes from a card what a bill would take."""
        outcomes = []
        for desk in self.desks:
            found = desk.store.read(lambda reader: find_card(reader, serial(card)))
            assert isinstance(found, CardState)
            if found.ledger_account is None:
                return
            leg = Transfer(found.ledger_account, desk.customer(found.account).wallet.id, amount, "CNY", "card")
            request = Request(f"spend {desk.acting().key}", (leg,), desk.acting().time)
            outcomes.append(desk.store.write(lambda transaction, own=request: transaction.post([own]))[0])
        assert all(outcome == outcomes[0] for outcome in outcomes)
        if isinstance(outcomes[0], Posted):
            self.spent[card] += amount

    @precondition(lambda self: self.granted)
    @rule(place=st.integers(0, 30), another=st.booleans())
    def repeat(self, place: int, another: bool) -> None:
        if another:
            self.another_under_its_key(place)
        else:
            self.again(place)

    def again(self, place: int) -> None:
        """The same wish under the same key has the same answer and no effect."""
        key, wish, answer = self.granted[place % len(self.granted)]
        before = [size(desk) for desk in self.desks]
        found = self.both(wish, key=key)
        assert found == answer or (isinstance(found, Diagnostic) and found.code == "RB7074")
        # What was refused before it was a wish at all was not remembered, and is decided again.
        remembered = not isinstance(answer, Diagnostic) or answer.code not in ("RB7074", "RB7072")
        if remembered:
            assert [size(desk) for desk in self.desks] == before

    def another_under_its_key(self, place: int) -> None:
        key, _, answer = self.granted[place % len(self.granted)]
        if isinstance(answer, Diagnostic) and answer.code == "RB7074":
            return
        found = self.both(lambda store, acting: deposit(store, acting, "a-1", 7_77, reference="another"), key=key)
        assert isinstance(found, Diagnostic) and found.code == "RB7001"

    # What always holds

    @invariant()
    def money_is_conserved(self) -> None:
        for desk in self.desks:
            assert desk.store.read(everything_wrong) == []

    @invariant()
    def of_payments_is_left_what_did_not_go_back(self) -> None:
        for desk in self.desks:
            found = {payment.id: payment.left for payment in desk.store.read(payments_of) if payment.kind == "payment"}
            assert found == self.left

    @invariant()
    def cards_are_worth_what_is_left(self) -> None:
        for desk in self.desks:
            for place, card in enumerate(desk.store.read(list_cards)):
                if card.state in ("sold", "redeemed"):
                    assert card.left == TERMS.worth - self.spent[place]
                elif card.state in ("expired", "voided"):
                    assert card.left == 0


def serial(card: int) -> str:
    return f"b-{card + 1:06d}"


def size(desk: Desk) -> int:
    """How many rows the log has."""
    return int(str(desk.store.read(lambda reader: reader.rows("SELECT size FROM log_head"))[0][0]))


def test_any_order_of_operations_conserves_money() -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(max_examples=SEQUENCES, stateful_step_count=STEPS, deadline=None),
    )


def test_both_databases_take_part() -> None:
    machine = Machine()
    try:
        assert len(machine.desks) == len(KINDS)
        assert [desk.wallet("a-1") for desk in machine.desks] == [47_00, 47_00]
        done(machine.both(lambda store, acting: refund(store, acting, machine.payments[0], 50_00)))
        assert [desk.owed("a-1") for desk in machine.desks] == [3_00, 3_00]
        machine.money_is_conserved()
    finally:
        machine.teardown()

"""The ledger in plain Python, as small as it can be said: what both databases are held against."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ratebook.ledger.refusals import Refusal
from ratebook.ledger.requests import (
    AMOUNT_MAX,
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
)


@dataclass
class ModelAccount:
    """An account as the model knows it."""

    currency: str
    floor: int | None
    balance: int = 0
    held: int = 0
    closed: bool = False

    @property
    def available(self) -> int | None:
        """What may still leave it; None where it has no floor."""
        return None if self.floor is None else self.balance - self.held - self.floor


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
        before = self.size
        outcomes = [self.one(request, before) for request in requests]
        self.size += sum(isinstance(outcome, Refused) and self.fresh(outcome) for outcome in outcomes)
        return outcomes

    def fresh(self, outcome: Outcome) -> bool:
        return not outcome.repeated and getattr(outcome, "refusal", None) is not Refusal.KEY_REUSED

    def one(self, request: Request, before: int) -> Outcome:
        """One answer. Only rows up to `before` can be named by a call: nobody knows ids that are yet to come."""
        if request.key in self.answers:
            legs, outcome = self.answers[request.key]
            if plain(legs) != plain(request.legs):
                return Refused(Refusal.KEY_REUSED)
            if isinstance(outcome, Posted):
                return Posted(outcome.transfers, repeated=True)
            return Refused(outcome.refusal, repeated=True)
        accounts = {number: ModelAccount(**vars(account)) for number, account in self.accounts.items()}
        named = {getattr(leg, "hold", None) or getattr(leg, "transfer", None) for leg in request.legs}
        known = {number: ModelTransfer(**vars(self.transfers[number])) for number in named & self.transfers.keys()}
        known = {number: transfer for number, transfer in known.items() if number <= before}
        made: dict[int, ModelTransfer] = {}
        for leg in request.legs:
            one = self.leg(leg, request.effective, accounts, known)
            if isinstance(one, Refusal):
                self.answers[request.key] = request.legs, Refused(one)
                return Refused(one)
            made[self.size + len(made) + 1] = one
        self.accounts, self.size = accounts, self.size + len(made)
        self.transfers |= known | made
        self.answers[request.key] = request.legs, Posted(tuple(map(TransferId, made)))
        return self.answers[request.key][1]

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
        if giver.available is not None and leg.amount > giver.available:
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
        if giver.available is not None and amount > giver.available:
            return Refusal.INSUFFICIENT_FUNDS
        earlier.left -= amount
        giver.balance -= amount
        taker.balance += amount
        return ModelTransfer("plain", earlier.credit, earlier.debit, amount, earlier.currency)


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

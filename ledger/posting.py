"""The rules of the ledger, without a database: requests and what is known before them, to outcomes and rows.

Both stores call `decide` inside a write transaction that nobody else can write beside, so that what is known is what
is. A store first loads what `needs` names. Requests are decided in their order, each on what those before it left.
Balances count credits less debits; a floor is the least that may be left of them, with holds taken off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, assert_never, cast

from ..money import MoneyUnit
from ..money import currency as currency_of
from .refusals import Refusal
from .requests import (
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
    fingerprint,
    storable,
)

SUM_MAX = 9 * 10**18
"""The most that all credits, or all debits, of an account may come to: what fits into 64 bits."""

PLAIN, HOLD, POST, VOID, EXPIRE = "plain", "hold", "post", "void", "expire"
"""What a row of `transfers` is: moved at once, put aside, and the three ends of what was put aside."""

MOVING = frozenset({PLAIN, POST})
"""The phases that move money."""


@dataclass(slots=True)
class AccountState:
    """An account while requests are decided: its sums, what is put aside of it, and its floor."""

    currency: str
    credits: int
    debits: int
    held: int
    floor: int | None
    closed: int
    """1 for an account that is closed, else 0."""
    name: str


@dataclass(slots=True)
class EarlierTransfer:
    """A row that a request speaks of: a hold to resolve, or a transfer to reverse."""

    phase: str
    debit: AccountId
    credit: AccountId
    amount: int
    currency: str
    kind: str
    reference: str
    expires: int | None = None
    resolved: bool = False
    reversed: int = 0
    reversible: bool = True
    """Whether it is no reversal itself."""


class Remembered(NamedTuple):
    """What a key was answered with before."""

    fingerprint: bytes
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Needs:
    """What has to be known before requests can be decided."""

    keys: frozenset[str]
    accounts: frozenset[AccountId]
    transfers: frozenset[TransferId]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known before. `decide` changes `accounts` and `transfers` in place."""

    remembered: dict[str, Remembered]
    accounts: dict[AccountId, AccountState]
    transfers: dict[TransferId, EarlierTransfer]


class Move(NamedTuple):
    """What a leg comes to unless something speaks against it: its row, and the earlier row that it speaks of."""

    phase: str
    debit: AccountId
    credit: AccountId
    amount: int
    currency: str
    kind: str
    reference: str
    expires: int | None = None
    hold: TransferId | None = None
    reverses: TransferId | None = None
    reversed_from: int | None = None
    earlier: EarlierTransfer | None = None
    """The hold to end, or the transfer to reverse."""
    released: int = 0
    """What the hold had put aside."""


TransferRow = tuple[
    str, int, bytes, str, int, int, int, str, str, str, int, int | None, int | None, int | None, int | None
]
"""key, leg, fingerprint, phase, debit, credit, amount, currency, kind, reference, effective, expires, hold, reverses,
reversed_from: the columns of `transfers`."""

RefusalRow = tuple[str, bytes, str, str, int]
"""key, fingerprint, refusal, detail, effective."""


@dataclass(slots=True)
class Decided:
    """What a batch comes to. The rows of `transfers` are numbered as they stand, refusals get their ids after them."""

    outcomes: list[Outcome] = field(default_factory=list)
    transfers: list[TransferRow] = field(default_factory=list)
    refusals: list[RefusalRow] = field(default_factory=list)

    @property
    def touched(self) -> set[int]:
        """The accounts whose balances changed."""
        return {row[4] for row in self.transfers} | {row[5] for row in self.transfers}


def needs(requests: Iterable[Request]) -> Needs:
    """What these requests speak of. The accounts of earlier transfers are not among it: `accounts_of` names them.

    ValueError for a key that cannot be stored.
    """
    keys: set[str] = set()
    accounts: set[AccountId] = set()
    transfers: set[TransferId] = set()
    for request in requests:
        keys.add(request.key)
        for leg in request.legs:
            if isinstance(leg, Transfer | Hold):
                accounts.add(leg.debit)
                accounts.add(leg.credit)
            elif isinstance(leg, Reverse):
                transfers.add(leg.transfer)
            else:
                transfers.add(leg.hold)
    storable("".join(keys))
    return Needs(frozenset(keys), frozenset(accounts), frozenset(transfers))


def accounts_of(transfers: Mapping[TransferId, EarlierTransfer]) -> set[AccountId]:
    """The accounts of earlier transfers."""
    return {account for item in transfers.values() for account in (item.debit, item.credit)}


def decide(requests: Sequence[Request], known: Known, first: int) -> Decided:
    """Outcomes of requests in their order, and the rows that say so; rows are numbered from `first`.

    A group of legs is undone where one is refused: with the first that is. `known` afterwards holds what is left.
    """
    decided = Decided()
    for request in requests:
        body = fingerprint(request)
        before = known.remembered.get(request.key)
        if before is not None:
            decided.outcomes.append(_again(before, body))
            continue
        outcome = _decide_one(request, body, known, decided, first)
        known.remembered[request.key] = Remembered(body, outcome)
        decided.outcomes.append(outcome)
    return decided


def _again(before: Remembered, body: bytes) -> Outcome:
    if before.fingerprint != body:
        return Refused(Refusal.KEY_REUSED, "the key was used before for another request")
    match before.outcome:
        case Posted(transfers):
            return Posted(transfers, repeated=True)
        case Refused(refusal, detail):
            return Refused(refusal, detail, repeated=True)
        case _:
            assert_never(before.outcome)


def _decide_one(request: Request, body: bytes, known: Known, decided: Decided, first: int) -> Outcome:
    rows, accounts = decided.transfers, known.accounts
    start = len(rows)
    # What a leg changes is noted only where a later one may have it undone.
    undo: list[_Before] | None = [] if len(request.legs) > 1 else None
    for number, leg in enumerate(request.legs):
        move = _move(leg, request.effective, known)
        refused = move if type(move) is Refused else _refuse(cast(Move, move), accounts)
        if refused is not None:
            for before in reversed(undo or ()):
                before.restore()
            del rows[start:]
            decided.refusals.append((request.key, body, refused.refusal.name, refused.detail, request.effective))
            return refused
        assert type(move) is Move
        giver, taker, earlier = accounts[move.debit], accounts[move.credit], move.earlier
        if undo is not None:
            undo.append(_Before.of(giver, taker, earlier))
        if move.phase in MOVING:
            giver.debits += move.amount
            taker.credits += move.amount
            giver.held -= move.released
        else:
            giver.held += move.amount if move.phase == HOLD else -move.released
        if earlier is not None:
            if move.hold is None:
                earlier.reversed += move.amount
            else:
                earlier.resolved = True
        rows.append((request.key, number, body, *move[:7], request.effective, *move[7:11]))
    if len(rows) == start + 1:
        return Posted((TransferId(first + start),))
    return Posted(tuple(map(TransferId, range(first + start, first + len(rows)))))


class _Before(NamedTuple):
    """What one leg found before it changed anything."""

    giver: AccountState
    taker: AccountState
    earlier: EarlierTransfer | None
    debits: int
    held: int
    credits: int
    resolved: bool
    reversed: int

    @classmethod
    def of(cls, giver: AccountState, taker: AccountState, earlier: EarlierTransfer | None) -> _Before:
        resolved, reversed_ = (earlier.resolved, earlier.reversed) if earlier is not None else (False, 0)
        return cls(giver, taker, earlier, giver.debits, giver.held, taker.credits, resolved, reversed_)

    def restore(self) -> None:
        self.giver.debits, self.giver.held, self.taker.credits = self.debits, self.held, self.credits
        if self.earlier is not None:
            self.earlier.resolved, self.earlier.reversed = self.resolved, self.reversed


def _move(leg: Leg, effective: int, known: Known) -> Move | Refused:
    """What a leg comes to, or why what it says of an earlier row cannot be."""
    match leg:
        case Transfer():
            return Move(PLAIN, leg.debit, leg.credit, leg.amount, leg.currency, leg.kind, leg.reference)
        case Hold():
            return Move(HOLD, leg.debit, leg.credit, leg.amount, leg.currency, leg.kind, leg.reference, leg.expires)
        case PostHold() | VoidHold() | ExpireHold():
            earlier = known.transfers.get(leg.hold)
            if earlier is None or earlier.phase != HOLD:
                asked = leg.amount if isinstance(leg, PostHold) else None
                return _refuse_amount(asked) or Refused(Refusal.HOLD_UNKNOWN, f"there is no hold {leg.hold}")
            phase, amount, refused = _resolution(leg, earlier, effective)
            return refused or Move(
                phase,
                earlier.debit,
                earlier.credit,
                amount,
                earlier.currency,
                earlier.kind,
                earlier.reference,
                hold=leg.hold,
                earlier=earlier,
                released=earlier.amount,
            )
        case Reverse():
            earlier = known.transfers.get(leg.transfer)
            if earlier is None:
                return _refuse_amount(leg.amount) or Refused(
                    Refusal.TRANSFER_UNKNOWN, f"there is no transfer {leg.transfer}"
                )
            left = earlier.amount - earlier.reversed
            return _refuse_reversal(leg, earlier, left, known) or Move(
                PLAIN,
                earlier.credit,
                earlier.debit,
                left if leg.amount is None else leg.amount,
                earlier.currency,
                leg.kind,
                leg.reference or earlier.reference,
                reverses=leg.transfer,
                reversed_from=earlier.reversed,
                earlier=earlier,
            )
        case _:
            assert_never(leg)


def _refuse(move: Move, accounts: Mapping[AccountId, AccountState]) -> Refused | None:
    """Why the accounts do not allow a move."""
    amount, debit, credit = move.amount, move.debit, move.credit
    # `type` and not isinstance: True is an int to Python and 1 to a database.
    if type(amount) is not int or not 0 < amount <= AMOUNT_MAX:
        return _refuse_amount(amount)
    if debit == credit:
        return Refused(Refusal.SAME_ACCOUNT, f"account {debit} cannot pay itself")
    giver, taker = accounts.get(debit), accounts.get(credit)
    if giver is None or taker is None:
        return Refused(Refusal.ACCOUNT_UNKNOWN, f"there is no account {debit if giver is None else credit}")
    currency = move.currency
    if giver.currency != currency or taker.currency != currency:
        other, its = (debit, giver.currency) if giver.currency != currency else (credit, taker.currency)
        return Refused(Refusal.CURRENCY_DIFFERS, f"{accounts[other].name} is in {its}, the amount in {currency}")
    # What was put aside may end after an account was closed.
    if (giver.closed or taker.closed) and move.hold is None:
        return Refused(Refusal.ACCOUNT_CLOSED, f"{giver.name if giver.closed else taker.name} is closed")
    moved = amount if move.phase in MOVING else 0
    held = amount if move.phase == HOLD else -move.released
    if giver.debits + moved > SUM_MAX or taker.credits + moved > SUM_MAX or giver.held + held > SUM_MAX:
        return Refused(Refusal.BALANCE_TOO_LARGE, "the sum of the account's transfers would pass 9 × 10^18")
    if giver.floor is not None:
        left = giver.credits - giver.debits - giver.held - moved - held
        if left < giver.floor:
            return Refused(Refusal.INSUFFICIENT_FUNDS, f"{giver.name} lacks {_shown(giver.floor - left, currency)}")
    return None


def _shown(amount: int, code: str) -> str:
    """An amount as people read it: `12.30 CNY`."""
    known = currency_of(code)
    return f"{amount} {code}" if known is None else f"{MoneyUnit.minor(known).text(amount)} {code}"


def _refuse_amount(amount: object) -> Refused | None:
    """Why an amount cannot be one; None, which means all there is, can."""
    if amount is None:
        return None
    if type(amount) is not int:
        return Refused(Refusal.AMOUNT_NOT_WHOLE, f"{_short(amount)} is no whole number of minor units")
    if amount <= 0:
        return Refused(Refusal.AMOUNT_NOT_POSITIVE, f"{_short(amount)} is not above zero")
    if amount > AMOUNT_MAX:
        return Refused(Refusal.AMOUNT_TOO_LARGE, f"{_short(amount)} is above 10^15 minor units")
    return None


def _short(amount: object) -> str:
    # Python refuses to write integers of thousands of digits.
    if type(amount) is int and abs(amount) > 10**30:
        return f"a number of {amount.bit_length()} bits"
    return repr(amount)[:100]


def _resolution(
    leg: PostHold | VoidHold | ExpireHold, hold: EarlierTransfer, effective: int
) -> tuple[str, int, Refused | None]:
    """The phase that resolves a hold, the amount of its row, and why it cannot be resolved so."""
    passed = hold.expires is not None and effective >= hold.expires
    match leg:
        case PostHold(number, asked):
            phase, amount = POST, hold.amount if asked is None else asked
        case VoidHold(number):
            phase, amount = VOID, hold.amount
        case ExpireHold(number):
            phase, amount = EXPIRE, hold.amount
        case _:
            assert_never(leg)
    refused = _refuse_amount(amount)
    if refused is None:
        if hold.resolved:
            refused = Refused(Refusal.HOLD_RESOLVED, f"hold {number} was resolved before")
        elif phase == POST and passed:
            refused = Refused(Refusal.HOLD_EXPIRED, f"hold {number} has expired")
        elif phase == EXPIRE and not passed:
            refused = Refused(Refusal.HOLD_NOT_EXPIRED, f"hold {number} has not expired")
        elif amount > hold.amount:
            refused = Refused(Refusal.HOLD_EXCEEDED, f"hold {number} put {hold.amount} aside, not {amount}")
    return phase, amount, refused


def _refuse_reversal(leg: Reverse, earlier: EarlierTransfer, left: int, known: Known) -> Refused | None:
    refused = _refuse_amount(leg.amount)
    if refused is not None:
        return refused
    for account in (earlier.credit, earlier.debit):
        if known.accounts[account].closed:
            return Refused(Refusal.ACCOUNT_CLOSED, f"{known.accounts[account].name} is closed")
    if earlier.phase not in MOVING or not earlier.reversible:
        return Refused(Refusal.NOT_REVERSIBLE, f"transfer {leg.transfer} moved nothing that can be moved back")
    if left <= 0:
        return Refused(Refusal.REVERSAL_EXCEEDED, f"all of transfer {leg.transfer} was reversed before")
    if leg.amount is not None and leg.amount > left:
        return Refused(
            Refusal.REVERSAL_EXCEEDED, f"{left} of transfer {leg.transfer} are left to reverse, not {leg.amount}"
        )
    return None

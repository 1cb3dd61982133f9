"""What can be asked of the ledger, and what it answers.

A request is one or more legs under one idempotency key, which land together or not at all. A leg moves money from the
`debit` account to the `credit` account, or puts it aside for that (a hold) and later posts, voids or expires what was
put aside, or reverses a transfer in whole or in part. Amounts are whole minor units of the leg's currency. Times are
microseconds since 1970 in UTC and never decide an order.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import NewType, TypeAlias, assert_never

from .refusals import Refusal

AccountId = NewType("AccountId", int)
TransferId = NewType("TransferId", int)

AMOUNT_MAX = 10**15
"""The largest amount of one transfer, in minor units: beyond it, a slip is likelier than a payment."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Moves `amount` from `debit` to `credit`. `kind` is a word of the field, `reference` what it is about."""

    debit: AccountId
    credit: AccountId
    amount: int
    currency: str
    kind: str
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """Puts `amount` of `debit` aside for `credit`, until `expires` (never for None)."""

    debit: AccountId
    credit: AccountId
    amount: int
    currency: str
    kind: str
    reference: str = ""
    expires: int | None = None


@dataclass(frozen=True, slots=True)
class PostHold:
    """Takes `amount` of what a hold put aside (all of it for None) and frees the rest."""

    hold: TransferId
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class VoidHold:
    """Frees what a hold put aside."""

    hold: TransferId


@dataclass(frozen=True, slots=True)
class ExpireHold:
    """Frees what a hold put aside, because its time has passed; refused before."""

    hold: TransferId


@dataclass(frozen=True, slots=True)
class Reverse:
    """Moves `amount` of a transfer back (all that is left of it for None)."""

    transfer: TransferId
    amount: int | None = None
    kind: str = "reversal"
    reference: str = ""


Leg: TypeAlias = Transfer | Hold | PostHold | VoidHold | ExpireHold | Reverse


@dataclass(frozen=True, slots=True)
class Request:
    """Legs that land together. `effective` is when they take effect for people; it is no part of the body."""

    key: str
    legs: tuple[Leg, ...]
    effective: int


@dataclass(frozen=True, slots=True)
class Posted:
    """The request has taken effect: its rows, one a leg. `repeated` where it had done so before."""

    transfers: tuple[TransferId, ...]
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The request has no effect. The answer to its key stays this one."""

    refusal: Refusal
    detail: str = ""
    repeated: bool = False


Outcome: TypeAlias = Posted | Refused


def fingerprint(request: Request) -> bytes:
    """What a request asks for, without its key and its times: the same body gives the same 32 bytes.

    ValueError for a request without legs, and for texts that databases do not store; see `storable`.
    """
    legs = request.legs
    body = _body(legs[0]) if len(legs) == 1 else "\n".join(map(_body, legs))
    if not body:
        raise ValueError("a request has legs")
    return sha256(storable(body)).digest()


def storable(text: str) -> bytes:
    """A text in UTF-8. ValueError for what databases do not store: a zero character, or half a surrogate pair."""
    if "\0" in text:
        raise ValueError("a text has a zero character, which databases do not store")
    return text.encode()


def _body(leg: Leg) -> str:
    match leg:
        case Transfer():
            return f"transfer {_moved(leg)}"
        case Hold():
            return f"hold {_moved(leg)}"
        case PostHold(hold, amount):
            return f"post {hold} {_written(amount)}"
        case VoidHold(hold):
            return f"void {hold}"
        case ExpireHold(hold):
            return f"expire {hold}"
        case Reverse(transfer, amount, kind, reference):
            return f"reverse {transfer} {_written(amount)} {len(kind)} {kind} {len(reference)} {reference}"
        case _:
            assert_never(leg)


def _moved(leg: Transfer | Hold) -> str:
    amount, kind, reference = leg.amount, leg.kind, leg.reference
    if type(amount) is not int or not -AMOUNT_MAX <= amount <= AMOUNT_MAX:
        amount = _written(amount)  # type: ignore[assignment]
    return f"{leg.debit} {leg.credit} {amount} {leg.currency} {len(kind)} {kind} {len(reference)} {reference}"


def _written(amount: object) -> str:
    """An amount, also one that will be refused: `12` the text is not 12, and Python does not write every integer."""
    if amount is None or (type(amount) is int and -AMOUNT_MAX <= amount <= AMOUNT_MAX):
        return str(amount)
    return f"{type(amount).__name__} {amount:x}" if isinstance(amount, int) else f"{type(amount).__name__} {amount!r}"

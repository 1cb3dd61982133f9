"""What every operation needs to know of its call, and how it is done at most once.

An operation is named by a key. `once` remembers what a key was answered in the transaction that does the work: the
same key with the same body gets the same answer and has no second effect, and with another body it is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, TypeAlias, cast

from ..diagnostics import Diagnostic
from ..ledger.books import ANSWERS, OPERATIONS
from ..ledger.refusals import Refusal
from ..ledger.requests import Refused
from ..ledger.store import Reader, Store, Transaction, Undo

Json: TypeAlias = Mapping[str, object]
"""An object as JSON has it: texts, whole numbers, truths, None, lists and objects."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Acting:
    """Who does something, when, why, and under which key. A key is the caller's name of this one wish."""

    actor: str
    now: datetime
    key: str
    reason: str = ""

    @property
    def time(self) -> int:
        """The time as the ledger has it."""
        return microseconds(self.now)


def microseconds(time: datetime) -> int:
    """A time as whole microseconds since 1970; it must know its zone."""
    return (time - EPOCH) // timedelta(microseconds=1)


def instant(time: int) -> datetime:
    """The inverse of `microseconds`, in UTC."""
    return EPOCH + timedelta(microseconds=time)


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces: the same value gives the same text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def once(
    store: Store, acting: Acting, what: str, body: Json, work: Callable[[Transaction], Json | Diagnostic]
) -> Json | Diagnostic:
    """Do a work at most once under the key of this call, and give its answer; a refusal has no effect.

    `body` is what was asked for, without key, time and actor. The answer comes from memory where the key is known,
    also where it was a refusal: who wants to try again has another wish, and gives it another key.
    """
    asked = asked_for(what, body)

    def guarded(transaction: Transaction) -> Json | Diagnostic:
        before = remembered(transaction, acting.key, asked)
        if before is not None:
            return before
        answer = work(transaction)
        if isinstance(answer, Diagnostic):
            raise Undo(answer)
        remember(transaction, acting.key, asked, answer)
        return answer

    answer = store.write(guarded)
    if isinstance(answer, Diagnostic) and answer.code != Refusal.KEY_REUSED.code:
        # The work was undone whole, so that the refusal is remembered by a write of its own. Where it is lost, the
        # same wish is decided again, which is safe: it has had no effect.
        return store.write(lambda transaction: _remember_refusal(transaction, acting.key, asked, answer))
    return answer


def asked_for(what: str, body: Json) -> bytes:
    """32 bytes that stand for what is asked for."""
    return sha256(canonical([what, body]).encode()).digest()


def remembered(reader: Reader, key: str, asked: bytes) -> Json | Diagnostic | None:
    """What a key was answered, None where it is new; refused where it was used for something else.

    `asked` are 32 bytes that stand for what is asked for.
    """
    found = reader.rows("SELECT fingerprint, answer FROM answers WHERE key = ?", (key,))
    if not found:
        return None
    if found[0][0] != asked:
        return refusal(Refused(Refusal.KEY_REUSED, f"key {key} was used before for another request"))
    return as_found(cast(Json, json.loads(cast(str, found[0][1]))))


def _remember_refusal(transaction: Transaction, key: str, asked: bytes, found: Diagnostic) -> Json | Diagnostic:
    before = remembered(transaction, key, asked)
    if before is not None:
        return before
    remember(transaction, key, asked, found)
    return found


def remember(transaction: Transaction, key: str, asked: bytes, answer: Json | Diagnostic) -> None:
    """Remember for ever what a key was answered."""
    kept = as_answer(answer) if isinstance(answer, Diagnostic) else answer
    transaction.append(ANSWERS, [(key, asked, canonical(kept))])


def as_answer(found: Diagnostic) -> Json:
    """A refusal as an answer that is remembered. A work that refuses, and yet has written something that has to stay,
    such as a try that counts, returns it, and its caller reads it with `as_found`."""
    return {"refused": [found.code, found.message, list(found.hints), found.place]}


def as_found(answer: Json) -> Json | Diagnostic:
    """An answer, or the refusal that it is."""
    if "refused" not in answer:
        return answer
    code, message, hints, place = cast("list[Any]", answer["refused"])
    return Diagnostic(code, message, hints=tuple(hints), place=place)


def record(
    transaction: Transaction,
    acting: Acting,
    what: str,
    *,
    account: str = "",
    subject: str = "",
    before: object = None,
    after: object = None,
) -> None:
    """Write to the log of operations, in the transaction of the operation itself."""
    record_all(transaction, acting, what, [Recorded(account, subject, before, after)])


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the log says of one operation: of which account and thing, and what was before and after."""

    account: str = ""
    subject: str = ""
    before: object = None
    after: object = None


def record_all(transaction: Transaction, acting: Acting, what: str, items: Iterable[Recorded]) -> None:
    """Write many operations of a kind to the log, a row for each."""
    time, actor, reason = acting.time, acting.actor, acting.reason
    rows = [
        (time, actor, what, item.account, item.subject, canonical(item.before), canonical(item.after), reason)
        for item in items
    ]
    transaction.append(OPERATIONS, rows)


HINTS: Mapping[Refusal, str] = {
    Refusal.KEY_REUSED: "give another key to another wish",
    Refusal.AMOUNT_NOT_POSITIVE: "give an amount above zero",
    Refusal.INSUFFICIENT_FUNDS: "deposit money, raise the credit limit, or ask for less",
    Refusal.AMOUNT_TOO_LARGE: "see whether the amount is a slip; else split it",
    Refusal.CURRENCY_DIFFERS: "give the amount in the account's currency",
    Refusal.ACCOUNT_CLOSED: "open another account",
    Refusal.NOT_EMPTY: "withdraw what is left, and settle what is held",
}


def refusal(refused: Refused, *, place: str = "") -> Diagnostic:
    """A refusal of the ledger as a finding."""
    hint = HINTS.get(refused.refusal)
    return Diagnostic(refused.refusal.code, refused.detail, hints=(hint,) if hint else (), place=place)

"""Authorizations of usage as they stand: what was authorized, what is put aside for it, how it ended."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import cast

from ..diagnostics import Diagnostic
from ..ledger.requests import AccountId, TransferId
from ..ledger.store import Reader
from .acting import instant
from .live import Row


@dataclass(frozen=True, slots=True)
class Authorization:
    """Usage that was authorized: the event without its quantity, the field that it belongs to, and what is held.

    `state` is `authorized` while money is put aside, then `settled`, `cancelled` or `expired`.
    """

    id: int
    account: str
    event: Row
    field: str
    units: Decimal
    amount: int
    expires: datetime
    state: str


def holds_of(reader: Reader, authorization: int) -> dict[AccountId, tuple[TransferId, int]]:
    """What is put aside, by account."""
    return {
        AccountId(cast(int, account)): (TransferId(cast(int, transfer)), cast(int, amount))
        for transfer, account, amount in reader.rows(
            "SELECT transfers.id, debit, amount FROM authorization_holds JOIN transfers "
            "ON transfers.id = authorization_holds.transfer WHERE authorization_row = ? ORDER BY transfers.id",
            (authorization,),
        )
    }


_SELECT = (
    "SELECT authorizations.id, account, event, field, authorizations.units, authorizations.amount, expires, "
    "coalesce(authorization_ends.what, 'authorized') FROM authorizations "
    "LEFT JOIN authorization_ends ON authorization_ends.authorization_row = authorizations.id"
)


def find_authorization(reader: Reader, authorization: int) -> Authorization | Diagnostic:
    """An authorization as it stands, or that there is none."""
    found = reader.rows(f"{_SELECT} WHERE authorizations.id = ?", (authorization,))
    if not found:
        hint = "`ratebook usage authorizations` shows all"
        return Diagnostic("RB7082", f"there is no authorization {authorization}", hints=(hint,))
    return _authorization(found[0])


def list_authorizations(reader: Reader, *, account: str | None = None) -> list[Authorization]:
    """Authorizations in their order, of one account or of all."""
    where, given = ("", ()) if account is None else (" WHERE account = ?", (account,))
    return [_authorization(row) for row in reader.rows(f"{_SELECT}{where} ORDER BY authorizations.id", given)]


def _authorization(row: tuple[object, ...]) -> Authorization:
    number, account, event, field, units, amount, expires, state = row
    return Authorization(
        cast(int, number),
        cast(str, account),
        json.loads(cast(str, event)),
        cast(str, field),
        Decimal(cast(str, units)),
        cast(int, amount),
        instant(cast(int, expires)),
        cast(str, state),
    )


def open_authorization(reader: Reader, authorization: int) -> Authorization | Diagnostic:
    found = find_authorization(reader, authorization)
    if isinstance(found, Authorization) and found.state != "authorized":
        return ended(found, found.state)
    return found


def ended(found: Authorization, state: str) -> Diagnostic:
    hint = "charge what was used as an event of its own: `ratebook usage debit`"
    return Diagnostic("RB7083", f"authorization {found.id} is {state} already", hints=(hint,))


def parse_units(text: str) -> Decimal | Diagnostic:
    """A number of units as people write it."""
    try:
        found = Decimal(text.replace(",", ""))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or "e" in text.lower() or len(text) > 40:
        return Diagnostic("RB7084", f"“{text}” is no number of units", hints=("write it as 1,000 or 2.5",))
    return found

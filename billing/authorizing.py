"""Authorizing usage before it happens: money put aside for it, and what it came to in the end.

    authorized → settled | cancelled | expired

What is put aside is the price of so many units now, held on the cards and the wallet that would pay it. Settling
charges the true quantity as any event is charged, at the price that it has by then, first from what was put aside. More
is taken from what else is there, or the whole is refused and the money stays aside. What was not needed is free again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import cast

from ..diagnostics import Diagnostic
from ..ledger.books import AUTHORIZATION_ENDS, AUTHORIZATION_HOLDS, AUTHORIZATIONS
from ..ledger.requests import AccountId, ExpireHold, Hold, Leg, PostHold, Refused, Request, TransferId, VoidHold
from ..ledger.store import Store, Transaction
from .acting import Acting, Json, canonical, instant, microseconds, once, record, refusal
from .affording import granted_units
from .authorizations import Authorization, ended, holds_of, open_authorization
from .declared import refuse_field
from .live import Priced, Row, leg_of, price_in, read_rows, write
from .live_period import Memory, memory_of, period_of
from .live_sources import Share, sources_of
from .stored.lookup import kept
from .usage_rows import UsageRow


def authorize(
    store: Store, acting: Acting, event: Row, field: str, *, units: Decimal | None, expires: datetime
) -> Json | Diagnostic:
    """Put aside what `units` of a field of an event cost, or as many as are affordable; all that are for None.

    Refused where not even one is. `event` is a row of usage without the field; its `id` is that of the usage to come.
    """
    body = {"event": dict(event), "field": field, "units": None if units is None else str(units)}
    body["expires"] = expires.isoformat()
    if expires <= acting.now or (units is not None and (not units.is_finite() or units <= 0)):
        hint = "ask for units above zero, and let it expire after now"
        shown = "nothing" if units is None else f"{units} {field}"
        message = f"{shown} until {expires.isoformat(timespec='seconds')} cannot be authorized"
        return Diagnostic("RB7084", message, hints=(hint,))
    given = {**event, field: "1" if units is None else format(units, "f")}
    memory = memory_of(store)
    wrong = store.read(
        lambda reader: refuse_field(reader, str(event.get("account", "")), str(event.get("event", "")), field)
    )
    if wrong is not None:
        return wrong
    (row,) = store.read(lambda reader: read_rows(reader, memory, [given]))
    if isinstance(row, Diagnostic):
        return row

    def work(transaction: Transaction) -> Json | Diagnostic:
        found = granted_units(transaction, memory, row, field, units)
        if isinstance(found, Diagnostic):
            return found
        granted, priced, most = found
        return _put_aside(transaction, acting, {**event}, row, field, granted, priced, most, expires)

    return once(store, acting, "authorize", body, work)


def _put_aside(
    transaction: Transaction,
    acting: Acting,
    event: Row,
    row: UsageRow,
    field: str,
    units: Decimal,
    priced: Priced,
    most: Decimal | None,
    expires: datetime,
) -> Json | Diagnostic:
    amount = max(priced.price, 0)
    body = canonical(event)
    times = (microseconds(expires), acting.time)
    (number,) = transaction.append(AUTHORIZATIONS, [(row.account, body, field, format(units, "f"), amount, *times)])
    legs: list[Leg] = [
        Hold(
            share.source.account,
            priced.sources.receivable,
            share.amount,
            priced.sources.currency,
            "authorization",
            str(number),
            microseconds(expires),
        )
        for share in priced.shares
        if share.amount > 0
    ]
    if legs:
        (outcome,) = transaction.post([Request(f"authorization:{number}", tuple(legs), acting.time)])
        if isinstance(outcome, Refused):
            return refusal(outcome)
        transaction.append(AUTHORIZATION_HOLDS, [(number, transfer) for transfer in outcome.transfers])
    answer = {
        "authorization": number,
        "account": row.account,
        "field": field,
        "units": format(units, "f"),
        **({} if most is None else {"affordable": format(most, "f")}),
        "held": amount,
        "currency": priced.sources.currency,
        "expires": expires.isoformat(),
    }
    record(transaction, acting, "usage authorized", account=row.account, subject=str(number), after=answer)
    return answer


def settle(
    store: Store, acting: Acting, authorization: int, units: Decimal, *, time: datetime | None = None
) -> Json | Diagnostic:
    """Charge what was really used, first from what was put aside; the rest of that is free again.

    `time` is when it was used, where the authorized event did not say it truly.
    """
    body = {"authorization": authorization, "units": str(units), "time": None if time is None else time.isoformat()}
    memory = memory_of(store)

    def work(transaction: Transaction) -> Json | Diagnostic:
        found = open_authorization(transaction, authorization)
        if isinstance(found, Diagnostic):
            return found
        if found.expires <= acting.now:
            return ended(found, "expired")
        row = _row_of(transaction, memory, found, units, time)
        if isinstance(row, Diagnostic):
            return row
        return _settle(transaction, acting, memory, found, row, units)

    return once(store, acting, "settle", body, work)


def _row_of(
    transaction: Transaction, memory: Memory, found: Authorization, units: Decimal, time: datetime | None
) -> UsageRow | Diagnostic:
    event = {**found.event, found.field: format(units, "f") if units.is_finite() else str(units)}
    if time is not None:
        event["time"] = time.isoformat()
    (row,) = read_rows(transaction, memory, [event])
    if isinstance(row, Diagnostic):
        return row
    if kept(transaction, [row.identity]):
        hint = "cancel the authorization: what it was for has been kept already"
        return Diagnostic("RB3009", f"event {row.event_id} came before", hints=(hint,))
    return row


def _settle(
    transaction: Transaction, acting: Acting, memory: Memory, found: Authorization, row: UsageRow, units: Decimal
) -> Json | Diagnostic:
    holds = holds_of(transaction, found.id)
    period = period_of(transaction, memory, row.account, row.event, instant(row.time))
    if isinstance(period, Diagnostic):
        return period
    freed = {account: amount for account, (_, amount) in holds.items()}
    sources = sources_of(transaction, row.account, period.program, freed=freed)
    if isinstance(sources, Diagnostic):
        return sources
    priced = price_in(transaction, period, row, sources=sources)
    if isinstance(priced, Diagnostic):
        return priced
    shares, legs = _legs(priced, holds, row)
    answer = write(transaction, acting, memory, row, replace(priced, shares=shares), legs)
    if isinstance(answer, Refused):
        return refusal(answer)
    end = (found.id, "settled", format(units, "f"), priced.price, acting.time)
    transaction.append(AUTHORIZATION_ENDS, [end])
    return {**answer, "authorization": found.id, "units": format(units, "f"), "held": found.amount}


def _legs(
    priced: Priced, holds: Mapping[AccountId, tuple[TransferId, int]], row: UsageRow
) -> tuple[tuple[Share, ...], list[Leg]]:
    """The shares with the leg of each: what was put aside is posted, what goes beyond is a share of its own.

    After them come the legs that free what is not needed. Freeing comes too late for no leg, for each source gives at
    most what it has with its own hold.
    """
    shares: list[Share] = []
    legs: list[Leg] = []
    used: set[AccountId] = set()
    for share in priced.shares:
        hold = holds.get(share.source.account)
        if hold is None or share.amount <= 0:
            shares.append(share)
            legs.append(leg_of(share, priced.sources, row))
            continue
        transfer, amount = hold
        used.add(share.source.account)
        part = min(amount, share.amount)
        shares.append(replace(share, amount=part))
        legs.append(PostHold(transfer, part))
        if share.amount > part:
            more = replace(share, amount=share.amount - part)
            shares.append(more)
            legs.append(leg_of(more, priced.sources, row))
    legs.extend(VoidHold(transfer) for account, (transfer, _) in holds.items() if account not in used)
    return tuple(shares), legs


def cancel(store: Store, acting: Acting, authorization: int) -> Json | Diagnostic:
    """Free what was put aside: nothing was used."""

    def work(transaction: Transaction) -> Json | Diagnostic:
        found = open_authorization(transaction, authorization)
        return found if isinstance(found, Diagnostic) else _free(transaction, acting, found, "cancelled")

    return once(store, acting, "cancel authorization", {"authorization": authorization}, work)


def expire_authorizations(store: Store, acting: Acting) -> Json | Diagnostic:
    """Free what was put aside by authorizations whose time has passed."""

    def work(transaction: Transaction) -> Json | Diagnostic:
        due = transaction.rows(
            "SELECT id FROM authorizations WHERE expires <= ? AND id NOT IN "
            "(SELECT authorization_row FROM authorization_ends) ORDER BY id",
            (acting.time,),
        )
        numbers = [cast(int, number) for (number,) in due]
        for number in numbers:
            found = open_authorization(transaction, number)
            assert isinstance(found, Authorization), "it has not ended"
            answer = _free(transaction, acting, found, "expired")
            if isinstance(answer, Diagnostic):
                return answer
        return {"expired": numbers}

    return once(store, acting, "expire authorizations", {}, work)


def _free(transaction: Transaction, acting: Acting, found: Authorization, what: str) -> Json | Diagnostic:
    end = ExpireHold if what == "expired" else VoidHold
    legs: list[Leg] = [end(transfer) for transfer, _ in holds_of(transaction, found.id).values()]
    if legs:
        (outcome,) = transaction.post([Request(f"authorization:{found.id}:{what}", tuple(legs), acting.time)])
        if isinstance(outcome, Refused):
            return refusal(outcome)
    transaction.append(AUTHORIZATION_ENDS, [(found.id, what, "0", 0, acting.time)])
    record(transaction, acting, f"authorization {what}", account=found.account, subject=str(found.id))
    return {"authorization": found.id, "account": found.account, "state": what, "freed": found.amount}

"""Statements that are left to the scalar evaluator: their accounts' rows come back as facts, rated one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from ...diagnostics import Diagnostic
from ...engine.evaluators.account import rate_account
from ...engine.period import DateRange
from ...engine.plan import Program
from ...engine.statement import Statement
from ...engine.usage import AccountUsage, MeteredQuantity, Subscription, UsageEvent
from ...records import Record
from .cells import name
from .subscriptions import subscriptions_of

if TYPE_CHECKING:
    import duckdb

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ACCOUNTS: Final = 5_000
_NOTHING: Final = AccountUsage()
_NO_MORE: Final[Mapping[str, AccountUsage]] = {}


class Answered(Record):
    """What the scalar evaluator made of an account: a result for each of its statements (`sids`, in order), or
    findings.
    """

    account: str
    sids: tuple[int, ...]
    results: tuple[Statement | Diagnostic, ...]


def rated_one_by_one(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    relation: str,
    period: DateRange,
    beyond: Mapping[int, Subscription],
    accounts: str,
    more: Mapping[str, AccountUsage] = _NO_MORE,
) -> Iterator[Answered]:
    """Rate the accounts that `accounts` (a query of one column, the account's text) gives, on their rows of
    `relation`.
    """
    fetched = _fetch(connection, relation, accounts)
    for first in range(0, fetched.count, _ACCOUNTS):
        page = f"SELECT account FROM lone_account WHERE place >= {first} AND place < {first + _ACCOUNTS}"
        chosen = f"account IN ({page})"
        subscriptions: dict[str, list[Subscription]] = {}
        for sub, subscription in subscriptions_of(connection, program.schema, chosen):
            own = beyond.get(sub, subscription)
            subscriptions.setdefault(own.account, []).append(own)
        sids: dict[str, list[int]] = {}
        for account, sid in connection.execute(
            f"SELECT account, sid FROM statement WHERE {chosen} ORDER BY sid"
        ).fetchall():
            sids.setdefault(account, []).append(sid)
        usage = _usage(connection, program, fetched, page)
        for account, own_subscriptions in subscriptions.items():
            own_usage = usage.get(account, _NOTHING)
            if account in more:
                other = more[account]
                own_usage = AccountUsage((*own_usage.events, *other.events), (*own_usage.quantities, *other.quantities))
            results = tuple(rate_account(program, own_subscriptions, own_usage, period))
            yield Answered(account, tuple(sids.get(account, ())), results)


class _Fetched(Record):
    """The rows of some accounts in the table `lone_usage`, and its columns of fields."""

    count: int
    fields: tuple[str, ...]


def _fetch(connection: duckdb.DuckDBPyConnection, relation: str, accounts: str) -> _Fetched:
    """Put the accounts into `lone_account`, in order, and their rows into `lone_usage`: one scan for all of them."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE lone_account AS SELECT account, row_number() OVER (ORDER BY account) - 1 "
        "AS place "
        f"FROM (SELECT DISTINCT account FROM ({accounts}) AS asked(account))"
    )
    columns = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()]
    fields = tuple(column for column in columns if column.startswith("f_"))
    extra = ", ".join(
        f"{name(column) if column in columns else 'NULL'} AS {column}"
        for column in ("id", "source", "meter", "quantity")
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE lone_usage AS SELECT CAST(account AS VARCHAR) AS account, CAST(event AS "
        "VARCHAR) AS event, "
        f"epoch_us(time) AS time, {extra}{''.join(', ' + name(column) for column in fields)} FROM {relation} "
        "WHERE CAST(account AS VARCHAR) IN (SELECT account FROM lone_account)"
    )
    count = connection.execute("SELECT count(*) FROM lone_account").fetchone()
    return _Fetched(int(count[0]) if count else 0, fields)


def _usage(
    connection: duckdb.DuckDBPyConnection, program: Program, fetched: _Fetched, page: str
) -> Mapping[str, AccountUsage]:
    """The usage of a page of accounts, as facts of the engine."""
    events: dict[str, list[UsageEvent]] = {}
    quantities: dict[str, list[MeteredQuantity]] = {}
    own_fields = {
        event.name: [field.name for field in event.fields if f"f_{field.name}" in fetched.fields]
        for event in program.schema.events.values()
    }
    keys = {
        meter.name: [field.name for field in meter.fields if f"f_{field.name}" in fetched.fields]
        for meter in program.schema.meters.values()
    }
    rows: list[tuple[Any, ...]] = connection.execute(f"SELECT * FROM lone_usage WHERE account IN ({page})").fetchall()
    for account, event, time, id_, source, meter, quantity, *values in rows:
        instant = None if time is None else _EPOCH + timedelta(microseconds=time)
        held = dict(zip(fetched.fields, values, strict=True))
        if meter is not None:
            known = {key: held[f"f_{key}"] for key in keys[meter] if held[f"f_{key}"] is not None}
            found = MeteredQuantity(account, meter, Fraction(quantity), known, instant)
            quantities.setdefault(account, []).append(found)
        elif instant is not None:
            known = {key: held[f"f_{key}"] for key in own_fields[event] if held[f"f_{key}"] is not None}
            events.setdefault(account, []).append(UsageEvent(account, event, instant, known, id_, source))
    return {
        account: AccountUsage(tuple(events.get(account, ())), tuple(quantities.get(account, ())))
        for account in {*events, *quantities}
    }

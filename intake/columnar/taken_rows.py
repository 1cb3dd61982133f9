"""Facts of the Python reader back into a table, with columns of a relation's types or wider ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Final

from ...engine.usage import AccountUsage, MeteredQuantity, UsageEvent, Value
from ...records import Record
from ..facts import Fact
from ..values import DIGITS_MAX
from .expressions import literal, quoted
from .readings import Digits
from .relation import digits_of

if TYPE_CHECKING:
    import duckdb

_PAGE: Final = 5_000


class Taken(Record):
    """What became of facts: the types that the table's columns needed, and the facts that no column has room for."""

    types: Mapping[str, str]
    beyond: Mapping[str, AccountUsage]


def take(connection: duckdb.DuckDBPyConnection, table: str, facts: Iterable[Fact], types: Mapping[str, str]) -> Taken:
    """Make a temporary table of facts with the columns of `types`; numbers widen their columns up to 38 digits."""
    rooms = {name: room_of(sql_type) for name, sql_type in types.items() if sql_type.startswith("DECIMAL")}
    fitting: list[Fact] = []
    beyond: dict[str, list[Fact]] = {}
    for fact in facts:
        needed = _rooms_with(rooms, fact)
        if needed is None:
            beyond.setdefault(fact.account, []).append(fact)
        else:
            rooms = needed
            fitting.append(fact)
    widened = {name: rooms[name].sql_type if name in rooms else sql_type for name, sql_type in types.items()}
    if not widened["account"].startswith("VARCHAR") and not all(_is_number(fact.account) for fact in fitting):
        widened["account"] = "VARCHAR"
    widened["id_key"] = "VARCHAR" if types["id_key"] == "VARCHAR" else types["id_key"]
    _fill(connection, table, fitting, widened)
    return Taken(widened, {account: usage_of(own) for account, own in beyond.items()})


def usage_of(facts: Sequence[Fact]) -> AccountUsage:
    """The facts of one account."""
    return AccountUsage(
        tuple(fact for fact in facts if isinstance(fact, UsageEvent)),
        tuple(fact for fact in facts if isinstance(fact, MeteredQuantity)),
    )


def room_of(sql_type: str) -> Digits:
    """The digits that a DECIMAL has room for."""
    width, scale = (int(size) for size in sql_type.removeprefix("DECIMAL(").rstrip(")").split(","))
    return Digits(width - scale, scale)


def _rooms_with(rooms: Mapping[str, Digits], fact: Fact) -> dict[str, Digits] | None:
    """The room that columns need for a fact too; None where one would need more than 38 digits."""
    needed = dict(rooms)
    for name, value in _cells(fact):
        if isinstance(value, Fraction):
            value = _decimal(value)
            if value is None:
                return None
        if isinstance(value, Decimal) and name in needed:
            room = needed[name].joined(digits_of(value))
            if room.whole + room.decimals > DIGITS_MAX:
                return None
            needed[name] = room
    return needed


def _decimal(value: Fraction) -> Decimal | None:
    """A fraction as a decimal of at most 38 digits behind the point; None for others."""
    scale = next((scale for scale in range(DIGITS_MAX + 1) if 10**scale % value.denominator == 0), None)
    if scale is None:
        return None
    digits = str(abs(value.numerator) * (10**scale // value.denominator)).rjust(scale + 1, "0")
    written = f"{digits[: len(digits) - scale]}.{digits[len(digits) - scale :]}" if scale else digits
    return Decimal(f"-{written}" if value < 0 else written)


def _is_number(account: str) -> bool:
    return account.isascii() and str(int(account)) == account if account.lstrip("-").isdecimal() else False


def _cells(fact: Fact) -> Iterator[tuple[str, Value | Fraction | datetime | None]]:
    yield "account", fact.account
    yield "time", fact.time
    if isinstance(fact, MeteredQuantity):
        yield "meter", fact.meter
        yield "quantity", fact.quantity
    else:
        yield "event", fact.event
        yield "id_key", fact.id
        yield "id", fact.id
        yield "source", fact.source
    for name, value in fact.fields.items():
        yield f"f_{name}", value


def _fill(connection: duckdb.DuckDBPyConnection, table: str, facts: Sequence[Fact], types: Mapping[str, str]) -> None:
    columns = ", ".join(f"{quoted(name)} {sql_type}" for name, sql_type in types.items())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} ({columns})")
    shape = json.dumps([dict.fromkeys(types, "VARCHAR")])
    casts = ", ".join(f"CAST(fact.{quoted(name)} AS {sql_type})" for name, sql_type in types.items())
    query = f"INSERT INTO {table} SELECT {casts} FROM (SELECT unnest(from_json(?, {literal(shape)})) AS fact)"
    rest = iter(facts)
    while page := list(islice(rest, _PAGE)):
        rows = [
            {name: _written(value) for name, value in _cells(fact) if name in types} | {"plain": "true"}
            for fact in page
        ]
        connection.execute(query, [json.dumps(rows)])


def _written(value: Value | Fraction | datetime | None) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Fraction):
        value = _decimal(value)
        assert value is not None, "a fact with room for it"
    return f"{value:f}" if isinstance(value, Decimal) else value.isoformat()

"""The pricing queries of all families over the table `metered`, and the statements left to the scalar evaluator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...engine.batch.buckets import Bucket, Metered
from ...engine.batch.cards import CardColumns
from ...engine.batch.each_keys import EachKey, WantedEach
from ...engine.batch.facts import AttributeColumn
from ...engine.batch.family import Member, families
from ...engine.batch.history import HistoryKey, WantedHistory
from ...engine.batch.ledger import Info
from ...engine.batch.metering import Wanted
from ...engine.batch.number import Integer, Number, TooLargeError, Truth, UnfitError, literal
from ...engine.batch.pricing import price_family, turns_asked
from ...engine.batch.sheet import Parameter
from ...engine.batch.time_order import TurnsKey, WantedTurns, asks_single_rows
from ...engine.plan import Program
from ...engine.usage import FieldKind
from .cards import Held
from .carried_cards import carry_cards
from .cells import name
from .day_prices import MakeView, read_days
from .each_events import KnownEach
from .history import Known
from .tables import insert, whole_sql
from .turns import Rows, read_turns

if TYPE_CHECKING:
    import duckdb

TOO_LARGE = "quantities or prices of more than 38 digits"


@dataclass(frozen=True, slots=True)
class Family:
    """Members that one query prices; `unfit` says why none does."""

    number: int
    members: tuple[Member, ...]
    unfit: str | None = None
    history: tuple[HistoryKey, ...] = ()
    each: tuple[EachKey, ...] = ()
    turns: bool = False
    """Whether charges are pooled in time order or prorated by day."""


def plan_families(
    program: Program,
    members: Sequence[Member],
    attributes: Mapping[str, AttributeColumn],
    cards: CardColumns,
) -> tuple[tuple[Family, ...], tuple[Bucket, ...]]:
    """The families of all members, and the buckets that they ask for."""
    wanted = Wanted()
    found: list[Family] = []
    for number, own in enumerate(families(members)):
        asked, history, each, turns = Wanted(wanted), WantedHistory(), WantedEach(), WantedTurns()
        try:
            price_family(program, own, Metered(asked), history, each, attributes, cards, "metered", turns)
        except UnfitError as unfit:
            found.append(Family(number, own, str(unfit)))
        except TooLargeError:
            found.append(Family(number, own, TOO_LARGE))
        else:
            wanted = asked
            found.append(Family(number, own, None, tuple(history), tuple(each), asks_single_rows(own[0])))
    return tuple(found), tuple(wanted)


@dataclass(frozen=True, slots=True)
class Priced:
    """The queries of the families, and the constant parts of lines, one numbering for all families."""

    lines: str | None
    totals: str | None
    infos: tuple[Info, ...]


def price(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    planned: Sequence[Family],
    metered: Metered,
    history: Mapping[int, Known | str],
    each: Mapping[int, KnownEach | str],
    attributes: Mapping[str, AttributeColumn],
    held: Held,
    rows: Rows,
) -> Priced:
    """Put what is left to the scalar evaluator into `scalar_statement` (sid, reason); the queries for the rest."""
    lines: list[str] = []
    totals: list[str] = []
    infos: list[Info] = []
    payments: list[str | None] = []
    for index, family in enumerate(planned):
        source, reason, query = f"family_{index}", family.unfit, None
        known = history.get(family.number)
        events = each.get(family.number)
        reason = next((found for found in (reason, known, events) if isinstance(found, str)), None)
        joined = [known.table] if isinstance(known, Known) else []
        joined += events.tables if isinstance(events, KnownEach) else []
        if reason is None:
            numbers = known.numbers if isinstance(known, Known) else {}
            rated = events.numbers if isinstance(events, KnownEach) else {}
            turns: Mapping[TurnsKey, Number] = {}
            try:
                if family.turns:
                    sheet, asked = turns_asked(program, family.members, metered, numbers, rated, attributes)
                    alone = len(planned) == 1
                    _make_source(connection, f"{source}_turns", family, sheet.parameters, joined, alone=alone)
                    found = read_turns(connection, program, rows, sheet, asked, f"{source}_turns")
                    daily = read_days(
                        connection,
                        program,
                        rows,
                        family.number,
                        family.members,
                        metered,
                        attributes,
                        _viewer(connection, family, alone=alone),
                    )
                    joined, turns = [*joined, *found.tables, *daily.tables], {**found.numbers, **daily.numbers}
                query = price_family(
                    program, family.members, metered, numbers, rated, attributes, held.columns, source, turns
                )
            except UnfitError as unfit:
                reason = str(unfit)
            except TooLargeError:
                reason = TOO_LARGE
        if query is None:
            _leave(connection, family, reason or TOO_LARGE)
            continue
        joined += ["statement_card"] if held.any else []
        _make_source(connection, source, family, query.parameters, joined, alone=len(planned) == 1)
        if query.scalar is not None:
            connection.execute(f"INSERT INTO scalar_statement {query.scalar}")
        if query.lines is not None:
            columns = f"sid, ord, info + {len(infos)} AS info, amount, quantity, exact, applied_to"
            lines.append(f"SELECT {columns} FROM ({query.lines})")
        totals.append(query.totals)
        payments.append(query.payments)
        infos.extend(query.infos)
    carry_cards(connection, program, held, payments)
    return Priced(" UNION ALL ".join(lines) or None, " UNION ALL ".join(totals) or None, tuple(infos))


def _viewer(connection: duckdb.DuckDBPyConnection, family: Family, *, alone: bool) -> MakeView:
    """What makes a view of a family's statements joined to a table."""

    def make(view: str, parameters: Sequence[Parameter], table: str) -> None:
        _make_source(connection, view, family, parameters, [table], alone=alone)

    return make


def _leave(connection: duckdb.DuckDBPyConnection, family: Family, reason: str) -> None:
    """Leave all statements of a family to the scalar evaluator."""
    connection.execute(
        "INSERT INTO scalar_statement SELECT sid, ? FROM statement WHERE member IN (SELECT unnest(?::INTEGER[]))",
        [reason, [member.number for member in family.members]],
    )


def _make_source(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    family: Family,
    parameters: Sequence[Parameter],
    joined: Sequence[str],
    *,
    alone: bool,
) -> None:
    """The view that a family's query reads: its statements, its parameters by member, and what earlier usage decides."""
    sql = "SELECT * FROM metered"
    sql += "".join(f" LEFT JOIN {table} USING (sid)" for table in joined)
    if parameters:
        types = {"member": "INTEGER", **{parameter.name: parameter.type_ for parameter in parameters}}
        columns = [parameter.values for parameter in parameters]
        rows = [[member.number, *(own[at] for own in columns)] for at, member in enumerate(family.members)]
        insert(connection, f"{source}_parameter", types, rows)
        sql += f" JOIN {source}_parameter USING (member)"
    elif not alone:
        sql += f" WHERE member IN ({', '.join(str(member.number) for member in family.members)})"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {source} AS {sql}")


def attribute_columns(connection: duckdb.DuckDBPyConnection, program: Program) -> Mapping[str, AttributeColumn]:
    """The attributes of the table `subscription`, numbers as integers with the bounds that they have there.

    They read the columns `a_<name>` and, for numbers, `n_<name>`, which `metered` has as whole numbers.
    """
    types = {row[0]: row[1] for row in connection.execute("DESCRIBE subscription").fetchall()}
    found: dict[str, AttributeColumn] = {}
    for attribute in program.schema.attributes.values():
        column = name("a_" + attribute.name)
        missing = connection.execute(f"SELECT count(*) - count({column}) FROM subscription").fetchone()
        known = Truth("true", True) if missing == (0,) else Truth(f"({column} IS NOT NULL)")
        if attribute.kind not in (FieldKind.NUMBER, FieldKind.MONEY):
            found[attribute.name] = AttributeColumn(attribute.kind, known, None, column)
            continue
        scale = _scale(types["a_" + attribute.name])
        ends = connection.execute(f"SELECT min({column})::VARCHAR, max({column})::VARCHAR FROM subscription").fetchone()
        low, high = (0 if end is None else int(end.replace(".", "")) for end in ends or (None, None))
        low, high = min(low, 0) if known.known is None else low, max(high, 0) if known.known is None else high
        whole = Integer(f"coalesce({whole_sql(column, scale, max(-low, high))}, 0::HUGEINT)", low, high)
        top = literal(low) if low == high else whole
        found[attribute.name] = AttributeColumn(attribute.kind, known, Number(top, 10**scale))
    return found


def _scale(type_: str) -> int:
    """The decimals of a column of numbers."""
    return int(type_.partition(",")[2].rstrip(")") or 0) if type_.startswith("DECIMAL") else 0

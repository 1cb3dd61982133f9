"""The pricing queries of all families over the table `metered`, and the statements left to the scalar evaluator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ...engine.batch.buckets import Bucket, Metered
from ...engine.batch.bundle import WantedBundles
from ...engine.batch.cards import CardColumns
from ...engine.batch.each_keys import EachKey, WantedEach
from ...engine.batch.facts import AttributeColumn
from ...engine.batch.family import Member, families
from ...engine.batch.history import HistoryKey, WantedHistory
from ...engine.batch.ledger import Info
from ...engine.batch.metering import Wanted
from ...engine.batch.number import Integer, Number, TooLargeError, Truth, UnfitError, literal
from ...engine.batch.pricing import FamilyQuery, price_family, turns_asked
from ...engine.batch.quantities import NO_TEXT, QUANTITY_DIGITS, quantity_type
from ...engine.batch.quoting import text_literal
from ...engine.batch.sheet import Parameter
from ...engine.batch.time_order import TurnsKey, WantedTurns, asks_single_rows
from ...engine.plan import Program
from ...engine.usage import FieldKind
from ...records import Record
from .cards import Held
from .carried_cards import carry_cards
from .cells import name
from .day_prices import MakeView, read_days
from .each_events import KnownEach
from .history import Known
from .open_lines import Opened
from .tables import insert, whole_sql
from .turns import Rows, read_turns

if TYPE_CHECKING:
    import duckdb

LINE_KEYS: Final = ("account", "member")
"""What lines repeat of their statement, so that they are written without being joined to it."""

TOO_LARGE: Final = "quantities or prices of more than 38 digits"
LARGEST: Final = (10**15, 10**12, 10**9, 10**6)
"""What a quantity is taken to be at most where those that were measured are too large; the first that fits."""


class Family(Record):
    """Members that one query prices; `unfit` says why none does."""

    number: int
    members: tuple[Member, ...]
    unfit: str | None = None
    history: tuple[HistoryKey, ...] = ()
    each: tuple[EachKey, ...] = ()
    bundles: tuple[int, ...] = ()
    """The charges whose lines come from queries of their own."""
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
        asked, history, each = Wanted(wanted), WantedHistory(), WantedEach()
        bundles, turns = WantedBundles(), WantedTurns()
        try:
            price_family(program, own, Metered(asked), history, each, bundles, attributes, cards, "metered", turns)
        except UnfitError as unfit:
            found.append(Family(number, own, str(unfit)))
        except TooLargeError:
            found.append(Family(number, own, TOO_LARGE))
        else:
            wanted = asked
            ordered = asks_single_rows(own[0])
            found.append(Family(number, own, None, tuple(history), tuple(each), tuple(bundles), ordered))
    return tuple(found), tuple(wanted)


class Priced(Record):
    """The queries of the families, and the constant parts of lines, one numbering for all families.

    `lines` has the columns `columns`.
    """

    lines: str | None
    totals: str | None
    infos: tuple[Info, ...]
    columns: tuple[str, ...]


def price(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    planned: Sequence[Family],
    metered: Metered,
    history: Mapping[int, Known | str],
    each: Mapping[int, KnownEach | str],
    opened: Opened,
    attributes: Mapping[str, AttributeColumn],
    held: Held,
    rows: Rows,
) -> Priced:
    """Put what is left to the scalar evaluator into `scalar_statement` (sid, reason); the queries for the rest."""
    lines: list[tuple[FamilyQuery, int]] = []
    open_lines: list[str] = []
    totals: list[str] = []
    infos: list[Info] = list(opened.infos)
    payments: list[str | None] = []
    sources: list[str] = []
    for index, family in enumerate(planned):
        source, reason, query = f"family_{index}", family.unfit, None
        known = history.get(family.number)
        events = each.get(family.number)
        bundles = opened.families.get(family.number, {})
        reason = next((found for found in (reason, known, events, bundles) if isinstance(found, str)), None)
        opens = {} if isinstance(bundles, str) else bundles
        joined = [known.table] if isinstance(known, Known) else []
        joined += events.tables if isinstance(events, KnownEach) else []
        joined += [item.table for item in opens.values()]
        if reason is None:
            numbers = known.numbers if isinstance(known, Known) else {}
            rated = events.numbers if isinstance(events, KnownEach) else {}
            own = {index: item.bundle for index, item in opens.items()}
            turns: Mapping[TurnsKey, Number] = {}
            try:
                if family.turns:
                    sheet, asked = turns_asked(program, family.members, metered, numbers, rated, own, attributes)
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
                rest = numbers, rated, own, attributes, held.columns, source, turns, LINE_KEYS

                def priced(limited: Metered, family: Family = family, rest: Any = rest) -> FamilyQuery:
                    return price_family(program, family.members, limited, *rest)

                query = _priced_or_limited(connection, family, metered, priced)
            except UnfitError as unfit:
                reason = str(unfit)
            except TooLargeError:
                reason = TOO_LARGE
        if query is None:
            _leave(connection, family, reason or TOO_LARGE)
            continue
        late = ["statement_card"] if held.any else []
        _make_source(connection, source, family, query.parameters, joined, alone=len(planned) == 1, late=late)
        if query.scalar is not None:
            connection.execute(f"INSERT INTO scalar_statement {query.scalar}")
        if query.lines is not None:
            lines.append((query, len(infos)))
        open_lines += [opens[own.charge].lines_sql(family.members, own.first, own.statements) for own in query.bundles]
        totals.append(query.totals)
        payments.append(query.payments)
        sources.append(source)
        infos.extend(query.infos)
    carry_cards(connection, program, held, payments)
    if held.any:
        _keep_cards(connection, sources)
    columns = _columns(lines, is_narrow=not open_lines)
    whole = max((query.quantity_whole for query, _ in lines), default=0)
    type_ = quantity_type(whole, max((query.quantity_decimals for query, _ in lines), default=0))
    type_ = f"DECIMAL(38,{QUANTITY_DIGITS})" if open_lines else type_
    every = [*(_lines(query, first, columns, type_) for query, first in lines), *open_lines]
    return Priced(" UNION ALL ".join(every) or None, " UNION ALL ".join(totals) or None, tuple(infos), columns)


def _priced_or_limited(
    connection: duckdb.DuckDBPyConnection, family: Family, metered: Metered, priced: Callable[[Metered], FamilyQuery]
) -> FamilyQuery:
    """A family's query. Where the largest quantities need more than 38 digits, the fewest statements that have such
    take the scalar road, so that one row with a slip of the pen does not send everybody there. Raises
    `TooLargeError`.
    """
    try:
        return priced(metered)
    except TooLargeError:
        for largest in LARGEST:
            limited = metered.limited(largest)
            try:
                query = priced(limited.metered)
            except TooLargeError:
                continue
            members = ", ".join(str(member.number) for member in family.members)
            too_large = f"member IN ({members}) AND ({' OR '.join(limited.conditions)})"
            connection.execute(
                f"INSERT INTO scalar_statement SELECT sid, {text_literal(TOO_LARGE)} FROM metered WHERE {too_large}"
            )
            # Made anew: DuckDB 2.0 may fail on a table from which rows were deleted.
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE metered AS SELECT * FROM metered WHERE NOT ({too_large}) ORDER BY sid"
            )
            return query
        raise


def _columns(lines: Sequence[tuple[FamilyQuery, int]], *, is_narrow: bool) -> tuple[str, ...]:
    """The columns of lines: those that one of them fills, or those that lines of other queries have."""
    if not is_narrow:
        return ("sid", "ord", "info", "amount", "quantity", "exact", "by", "applied_to")
    columns: tuple[str, ...] = ("sid", *LINE_KEYS, "ord", "info", "amount", "quantity")
    columns += ("exact",) if any(query.has_exact for query, _ in lines) else ()
    return columns + (("applied_to",) if any(query.has_applied_to for query, _ in lines) else ())


def _lines(query: FamilyQuery, first: int, columns: Sequence[str], quantity: str) -> str:
    """The lines of a family as columns that all families have, their constant parts numbered from `first`."""
    cells = {column: column for column in columns} | {"by": NO_TEXT}
    # Families differ in their decimals, and a union would take a type that not all of them fit.
    cells |= {"info": f"info + {first}" if first else "info", "quantity": f"CAST(quantity AS {quantity})"}
    if not query.has_exact:
        cells["exact"] = NO_TEXT
    if not query.has_applied_to:
        cells["applied_to"] = NO_TEXT
    selected = ", ".join(f"{cells[column]} AS {name(column)}" for column in columns)
    return f"SELECT {selected} FROM ({query.lines})"


def _viewer(connection: duckdb.DuckDBPyConnection, family: Family, *, alone: bool) -> MakeView:
    """What makes a view of a family's statements joined to a table."""

    def make(view: str, parameters: Sequence[Parameter], table: str) -> None:
        _make_source(connection, view, family, parameters, [table], alone=alone)

    return make


def _keep_cards(connection: duckdb.DuckDBPyConnection, sources: Sequence[str]) -> None:
    """Make tables of what families read, now that it is known what is left on cards: fewer joins later."""
    for source in sources:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {source}_carded AS SELECT * FROM {source}")
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {source} AS SELECT * FROM {source}_carded")


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
    late: Sequence[str] = (),
) -> None:
    """The view that a family's query reads: its statements, parameters by member, and what earlier usage decides.

    Tables that are `late` may still change before it is read.
    """
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
    if joined:
        # Several joins and an aggregate over them in one query are more than the engine can always bear.
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {source}_joined AS {sql}")
        sql = f"SELECT * FROM {source}_joined"
    if late:
        sql = f"SELECT * FROM ({sql})" + "".join(f" LEFT JOIN {table} USING (sid)" for table in late)
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

"""An accounts file as the table `subscription`: one row per subscription, by account and start.

What SQL can read exactly as the Python reader does is read in SQL. As soon as one row is not plain, the Python reader
reads the whole file, so that its findings and rejects are the only ones there are.

| column of `subscription` | holds |
|---|---|
| `sub` INTEGER | 0, 1, … by account (as text) and start |
| `account`, `plan` VARCHAR | |
| `start`, `end` DATE | half-open; `end` NULL where there is none |
| `a_<attribute>` | DECIMAL, VARCHAR, DATE or BOOLEAN; NULL where it is not known |
| `cards` | list of STRUCT(card VARCHAR, bought DATE, left DECIMAL), NULL for none; `left` NULL for the whole worth |

`account_name`, a table or a view, has a column `account`: every account that the file names, those of rejected rows
included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...diagnostics import Diagnostic
from ...engine.batch.quoting import text_literal
from ...engine.usage import FactSchema, FieldKind, FieldSchema, Subscription
from ...records import Record
from ..accounts import read_accounts
from ..columns import account_columns
from ..files import InputFile, expand_paths
from ..rejects import Reject, ignored_column
from ..values import DIGITS_MAX
from .account_cards import CardsColumn, cards_column
from .account_files import RawFile, raw_file
from .cells import Cell, cell, column_type, day, digits_of, digits_of_text, literal, name
from .subscriptions import insert_subscriptions
from .threads import one_thread

if TYPE_CHECKING:
    import duckdb

_STRUCTURE: Final = ("account", "plan", "start")
_NUMBERS: Final = (FieldKind.NUMBER, FieldKind.MONEY)
_SMALL: Final = 4 * 1024 * 1024
"""Bytes of files that a second thread would cost more for than it would save."""


class LoadedAccounts(Record):
    """What `load_accounts` found; the subscriptions themselves stand in the connection.

    `read` counts rows, `count` subscriptions. `beyond` holds the subscriptions, by `sub`, whose numbers their column
    cannot hold: columns of numbers are at most 38 digits wide, over all accounts. The table has NULL there.
    """

    count: int
    read: int
    rejects: tuple[Reject, ...] = ()
    findings: tuple[Diagnostic, ...] = ()
    beyond: Mapping[int, Subscription] = field(default_factory=dict)
    by_query: bool = True
    """Whether SQL alone read the file."""

    @property
    def rejected(self) -> int:
        """How many rows gave no subscription."""
        return self.read - self.count


def load_accounts(connection: duckdb.DuckDBPyConnection, path: str | Path, schema: FactSchema) -> LoadedAccounts:
    """Make the tables `subscription` and `account_name` of a file, or of the files of a glob.

    The result is what `read_accounts` gives. Names of attributes must differ in more than the case of their letters.
    """
    import duckdb

    try:
        loaded = _by_query(connection, path, schema)
    except (duckdb.Error, OverflowError, UnicodeDecodeError):
        loaded = None  # the Python reader says what is wrong with the file
    if loaded is not None:
        return loaded
    intake = read_accounts(path, schema)
    beyond = insert_subscriptions(connection, intake.subscriptions, schema)
    _forget_names(connection)
    connection.execute("CREATE TEMP TABLE account_name (account VARCHAR)")
    connection.execute("INSERT INTO account_name SELECT unnest(?::VARCHAR[])", [sorted(intake.named)])
    return LoadedAccounts(len(intake.subscriptions), intake.read, intake.rejects, intake.findings, beyond, False)


def _by_query(connection: duckdb.DuckDBPyConnection, path: str | Path, schema: FactSchema) -> LoadedAccounts | None:
    """The tables made by SQL alone, or None where anything at all needs the Python reader."""
    paths, findings = expand_paths([path])
    found = [raw_file(connection, file) for file in paths]
    files = [file for file in found if file is not None]
    if findings or not files or len(files) < len(found):
        return None
    if not all(column in file.types for file in files for column in _STRUCTURE):
        return None
    columns = _attributes(connection, files, schema)
    cards = cards_column(connection, files, schema)
    if columns is None or cards is None:
        return None
    selects = [_rows(file, columns, cards, schema) for file in files]
    if None in selects:
        return None
    with one_thread(connection) if _are_small(paths) else nullcontext():
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE subscription AS SELECT CAST(row_number() OVER () - 1 AS INTEGER) AS sub, * "
            f"FROM (SELECT * FROM ({' UNION ALL '.join(map(str, selects))}) ORDER BY account, start)"
        )
        count = _count_in_order(connection)
    if count is None:
        return None
    connection.execute("ALTER TABLE subscription DROP COLUMN plain")
    _forget_names(connection)
    connection.execute("CREATE TEMP VIEW account_name AS SELECT DISTINCT account FROM subscription")
    wanted = account_columns(schema)
    ignored = [(file, column) for file in files for column in file.types if column not in wanted]
    warnings = tuple(ignored_column(file.file, column, " of accounts") for file, column in ignored)
    return LoadedAccounts(count, count, findings=warnings)


def _are_small(files: Sequence[InputFile]) -> bool:
    """Whether files are one piece of work."""
    sizes = [file.path.stat().st_size for file in files if file.path is not None]
    return sum(sizes) <= _SMALL


def _forget_names(connection: duckdb.DuckDBPyConnection) -> None:
    import duckdb

    for kind in ("VIEW", "TABLE"):
        with suppress(duckdb.CatalogException):  # It is of the other kind.
            connection.execute(f"DROP {kind} IF EXISTS account_name")


def choose_account(connection: duckdb.DuckDBPyConnection, account: str) -> None:
    """Leave the subscriptions of one account; `account_name` keeps them all."""
    connection.execute("CREATE OR REPLACE TEMP TABLE every_name AS SELECT account FROM account_name")
    _forget_names(connection)
    connection.execute("ALTER TABLE every_name RENAME TO account_name")
    chosen = f"SELECT * FROM subscription WHERE account = {text_literal(account)} ORDER BY sub"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE subscription AS {chosen}")


def _count_in_order(connection: duckdb.DuckDBPyConnection) -> int | None:
    """How many subscriptions there are, or None if some overlap or are not plain."""
    found = connection.execute(
        "SELECT count(*), coalesce(bool_and(plain AND follows), true) FROM (SELECT plain, "
        "coalesce(lag(sub) OVER () = sub - 1 AND (lag(account) OVER () < account OR "
        '(lag(account) OVER () = account AND lag("end") OVER () <= start)), sub = 0) AS follows FROM subscription)'
    ).fetchone()
    return found[0] if found is not None and found[1] else None


def _attributes(
    connection: duckdb.DuckDBPyConnection, files: list[RawFile], schema: FactSchema
) -> dict[str, tuple[FieldSchema, str]] | None:
    """Each attribute with the type of its column, or None where no type holds its numbers."""
    columns: dict[str, tuple[FieldSchema, str]] = {}
    for attribute in schema.attributes.values():
        sizes = [(0, 0)]
        if attribute.kind in _NUMBERS:
            if isinstance(attribute.default, Decimal):
                sizes.append(digits_of(attribute.default))
            for file in files:
                found = _cell(file, attribute)
                if found is not None:
                    sizes.append(_digits(connection, file, found))
        whole, decimals = (max(size) for size in zip(*sizes, strict=True))
        if whole + decimals > DIGITS_MAX:
            return None
        columns[attribute.name] = attribute, column_type(attribute.kind, (whole, decimals))
    return columns


def _digits(connection: duckdb.DuckDBPyConnection, file: RawFile, number: Cell) -> tuple[int, int]:
    if number.digits is not None:
        return number.digits
    before, behind = digits_of_text(number.value)
    sql = f"SELECT max({before}), max({behind}) FROM {file.relation} WHERE {number.plain}"
    found = connection.execute(sql).fetchone()
    return (0, 0) if found is None or found[0] is None else (found[0], found[1])


def _cell(file: RawFile, attribute: FieldSchema) -> Cell | None:
    type_ = file.types.get(attribute.name)
    return None if type_ is None else cell(attribute.kind, attribute.values, name(attribute.name), type_)


def _rows(
    file: RawFile, columns: Mapping[str, tuple[FieldSchema, str]], cards: CardsColumn, schema: FactSchema
) -> str | None:
    """The SELECT of a file's rows as `subscription` has them, with `plain`; None where SQL does not read a type."""
    account = cell(FieldKind.TEXT, (), name("account"), file.types["account"])
    plan = cell(FieldKind.ONE_OF, schema.plans, name("plan"), file.types["plan"])
    start, end = _day(file, "start"), _day(file, "end")
    if account is None or plan is None or start is None or end is None:
        return None
    (_, first), (raw_end, after) = start, end
    plain = [f"{account.value} <> ''", str(plan.plain), str(first.plain)]
    plain.append(f"({raw_end} IS NULL OR ({after.plain or 'true'} AND {first.value} < {after.value}))")
    selected = [f"{account.value} AS account", f"{plan.value} AS plan", f"{first.value} AS start"]
    selected.append(f'{after.value} AS "end"')
    for attribute, type_ in columns.values():
        value, condition = _attribute(file, attribute, type_)
        if value is None:
            return None
        selected.append(f"{value} AS {name('a_' + attribute.name)}")
        plain.extend([condition] if condition else [])
    selected.append(f"{cards.value(file)} AS cards")
    plain.append(cards.plain(file))
    selected.append(f"coalesce({' AND '.join(plain)}, false) AS plain")
    return f"SELECT {', '.join(selected)} FROM {file.relation} AS raw{cards.joined(file)}"


def _day(file: RawFile, column: str) -> tuple[str, Cell] | None:
    """The cell of a day and what stands there, NULL for an empty text; None where the Python reader has to decide."""
    type_ = file.types.get(column)
    if type_ is None:
        return "NULL", Cell("CAST(NULL AS DATE)")
    raw = f"nullif({name(column)}, '')" if type_.id == "varchar" else name(column)
    found = day(raw, type_)
    return None if found is None else (raw, found)


def _attribute(file: RawFile, attribute: FieldSchema, type_: str) -> tuple[str | None, str]:
    """The value of an attribute, and the condition that it is plain (empty if it always is)."""
    default = None if attribute.default is None else f"CAST({literal(attribute.default)} AS {type_})"
    if attribute.name not in file.types:
        return default or f"CAST(NULL AS {type_})", "false" if attribute.required and default is None else ""
    found = _cell(file, attribute)
    if found is None:
        return None, ""
    raw = name(attribute.name)
    value = f"{'TRY_CAST' if found.is_number_text else 'CAST'}({found.value} AS {type_})"
    if default is not None:
        # Both sides have the same type: `coalesce` would else take the lower scale.
        value = f"coalesce({value}, {default})"
    if attribute.required and default is None:
        return value, f"{raw} IS NOT NULL" + (f" AND {found.plain}" if found.plain else "")
    return value, f"({raw} IS NULL OR {found.plain})" if found.plain else ""

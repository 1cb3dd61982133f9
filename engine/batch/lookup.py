"""Which row of a table prices a combination of values, for millions of rows: asked once a combination, then joined.

A query never holds a price table. It reduces the values of the key columns to what the tables can tell apart (a prefix
column to its longest prefix, a range column to the range, time to which windows are open), lists the combinations that
occur, has `dispatch` decide each, as the scalar evaluator does, and joins the answers back by equality. A combination
that no row prices, or that misses an attribute, has no row: such a statement takes the scalar road, which words why.

The charges of many versions share a lookup. Versions whose tables read alike are one *variant* of it, so that a
thousand plans with one long table are asked once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from decimal import Decimal
from enum import Enum
from itertools import product
from typing import TypeAlias

from ...records import Record
from ..condition import Scalar, scalar
from ..dispatch import Branch, Key, Tree, dispatch
from ..plan import Charge, Column, ColumnKind
from ..usage import Value
from .cells import Cut, cell_sql, cuts_of, held_at
from .quoting import quoted, text_literal
from .table import SmallTable, small_table
from .trees import branches_of, form_of_tree, windows_asked

MOST_CUTS = 128
"""Past so many ends of ranges a column is looked up by its values."""
MOST_PREFIXES = 20_000
"""Past so many prefixes a query does not name them."""
MOST_CLOSED = 50_000
"""Past so many combinations it is cheaper to list those that occur."""


class SourceColumn(Record):
    """Where a query finds the value of a key column: an expression and its SQL type."""

    expression: str
    type: str

    @property
    def digits(self) -> int:
        """How many digits a decimal column has after its point."""
        found = re.fullmatch(r"DECIMAL\(\d+, ?(\d+)\)", self.type)
        return int(found[1]) if found else 0


WindowSql: TypeAlias = Callable[[str], str]
"""The membership of a row's time in a window of this name, as a boolean that is never NULL."""
Reading: TypeAlias = Mapping[tuple[ColumnKind, str], SourceColumn]
"""The key columns of fields and attributes, by their names in the ruleset."""


class Reduction(Enum):
    """What of a value the tables can tell apart."""

    WHOLE = "the value"
    SIGNS = "its first signs"
    PREFIX = "the longest prefix that a table names"
    RANGE = "the range that holds it"


class KeyColumn(Record):
    """A column of the lookup: column `index` of the charges, reduced. `name` is its column in tables and queries.

    `values` are all that the tables name, `prefixes` likewise, `length` the signs that matter where a column has both,
    `cuts` the ends of ranges.
    """

    index: int
    name: str
    column: Column
    source: SourceColumn
    reduction: Reduction
    values: tuple[Scalar, ...] = ()
    length: int = 0
    cuts: tuple[Cut, ...] = ()
    prefixes: tuple[str, ...] = ()

    @property
    def expression(self) -> str:
        """The reduced value of a row."""
        match self.reduction:
            case Reduction.WHOLE:
                return self.source.expression
            case Reduction.SIGNS:
                return f"left({self.source.expression}, {self.length})"
            case Reduction.PREFIX:
                return _longest_prefix(self.source.expression, self.prefixes)
            case Reduction.RANGE:
                return cell_sql(self.source.expression, self.cuts)

    @property
    def signs_sql(self) -> str:
        """Of a column that is reduced to a prefix, the signs that decide, which are cheaper to get for every row."""
        return f"left({self.source.expression}, {max(map(len, self.prefixes))})"

    def prefix_of_signs(self, signs: str) -> str:
        """The reduced value from these signs."""
        return _longest_prefix(signs, self.prefixes)

    @property
    def type(self) -> str:
        """The SQL type of the reduced value."""
        match self.reduction:
            case Reduction.WHOLE:
                # A table may name words that no row of the file has, and an ENUM of the file then neither.
                return "VARCHAR" if self.source.type.upper().startswith("ENUM") else self.source.type
            case Reduction.SIGNS | Reduction.PREFIX:
                return "VARCHAR"
            case Reduction.RANGE:
                return "INTEGER"

    def value(self, reduced: Value | int | None) -> Scalar | None:
        """A value that the tables read like all values which are reduced to this."""
        if reduced is None:
            return None
        if self.reduction is Reduction.RANGE:
            assert isinstance(reduced, int)
            return held_at(self.cuts, reduced)
        return scalar(Decimal(reduced) if type(reduced) is int else reduced)  # type: ignore[arg-type]


class Answer(Record):
    """What prices a combination: its row (None where nothing does) and the key that its line shows."""

    variant: int
    values: tuple[Value | int | None, ...]
    windows: int
    row: int | None
    key: Key = ()

    @property
    def key_text(self) -> str | None:
        """The key as the JSON list of its texts."""
        return None if self.row is None else json.dumps(self.key, ensure_ascii=False)


class Lookup(Record):
    """The tables of a charge in all versions. `variants` maps a version to its variant, `trees` a variant to its table.

    `windows` are the names of the windows that tables ask, in the order of their bits in `windows_sql`.
    """

    columns: tuple[Column, ...]
    variants: Mapping[int, int]
    trees: tuple[Tree, ...]
    keys: tuple[KeyColumn, ...]
    windows: tuple[str, ...]
    window_sql: WindowSql = field(repr=False)
    shows_keys: bool = False

    @property
    def is_constant(self) -> bool:
        """Whether there is nothing to look up: one variant with one row for everything."""
        return len(self.trees) == 1 and not self.keys and not self.windows

    @property
    def selected(self) -> tuple[tuple[str, str], ...]:
        """The reduced keys of a row, as expressions with their names, for the inner projection of a query."""
        found = [(key.expression, key.name) for key in self.keys]
        if self.windows:
            found.append((self.windows_sql(self.window_sql), "windows"))
        return tuple(found)

    @property
    def key_columns(self) -> tuple[tuple[str, str], ...]:
        """The names and types of the columns by which answers are joined, `variant` first where there are several."""
        found = [("variant", "INTEGER")] if len(self.trees) > 1 else []
        found += [(key.name, key.type) for key in self.keys]
        return tuple(found + ([("windows", "BIGINT")] if self.windows else []))

    def windows_sql(self, membership: WindowSql) -> str:
        """Which windows are open, as the sum of their bits."""
        return " + ".join(
            f"CASE WHEN {membership(name)} THEN {1 << bit}::BIGINT ELSE 0 END" for bit, name in _bits(self)
        )

    def variant_table(self, name: str) -> SmallTable | None:
        """The table (version, variant) that a query joins by version; None where all versions read alike."""
        if len(self.trees) == 1:
            return None
        return small_table(name, (("version", "INTEGER"), ("variant", "INTEGER")), sorted(self.variants.items()))

    def keys_sql(self, relation: str, variants: str | None = None, where: str = "true") -> str:
        """The combinations that occur among rows of a relation: `variant`, the reduced keys, `windows`.

        The relation has `version` and what the expressions of columns and windows ask for; `variants` names the table
        that `variant_table` made.
        """
        chosen = ", ".join(
            ["variant" if variants else "0 AS variant", *(f"{sql} AS {quoted(name)}" for sql, name in self.selected)]
        )
        joined = f" JOIN {quoted(variants)} USING (version)" if variants else ""
        windows = "" if self.windows else ", 0 AS windows"
        return f"SELECT DISTINCT {chosen}{windows} FROM {relation}{joined} WHERE {where}"

    def closed(self) -> tuple[tuple[Value | int | None, ...], ...] | None:
        """Every combination that can occur, as rows of `keys_sql`; None where that is not known, or too many."""
        domains = [domain for key in self.keys if (domain := _domain(key)) is not None]
        if len(domains) < len(self.keys):
            return None
        count = len(self.trees) << len(self.windows)
        for domain in domains:
            count *= len(domain)
        if count > MOST_CLOSED:
            return None
        variants, windows = range(len(self.trees)), range(1 << len(self.windows))
        return tuple(product(variants, *domains, windows))

    def at_windows(
        self, combinations: Iterable[Sequence[Value | int | None]], windows: Sequence[int]
    ) -> tuple[tuple[Value | int | None, ...], ...]:
        """The combinations as they read at other times: each at every one of these sets of open windows."""
        apart = dict.fromkeys(tuple(combination[:-1]) for combination in combinations)
        return tuple((*combination, mask) for combination in apart for mask in windows)

    def answers(self, combinations: Iterable[Sequence[Value | int | None]]) -> Iterator[Answer]:
        """What prices each combination, given as a row of `keys_sql`."""
        bits = {name: 1 << bit for bit, name in _bits(self)}
        values: list[Scalar | None] = [None] * len(self.columns)
        for combination in combinations:
            variant, *reduced, windows = combination
            assert isinstance(variant, int) and isinstance(windows, int)
            for key, value in zip(self.keys, reduced, strict=True):
                values[key.index] = key.value(value)
            missing = any(
                key.column.kind is ColumnKind.ATTRIBUTE and value is None
                for key, value in zip(self.keys, reduced, strict=True)
            )
            found = (
                0
                if missing
                else dispatch(
                    self.trees[variant],
                    tuple(values),
                    lambda name, windows=windows: bool(windows & bits[name]),  # type: ignore[misc]
                )
            )
            if isinstance(found, int):
                yield Answer(variant, tuple(reduced), windows, None)
            else:
                yield Answer(variant, tuple(reduced), windows, *found)

    def cells_of(self, answer: Answer) -> tuple[Value | int | None, ...]:
        """An answer's values for `key_columns`."""
        first = (answer.variant,) if len(self.trees) > 1 else ()
        return (*first, *answer.values, *((answer.windows,) if self.windows else ()))

    def table(self, name: str, answers: Iterable[Answer]) -> SmallTable:
        """The answers as a table: `key_columns`, `row` and `key`, the JSON list of the key's texts."""
        return small_table(
            name,
            (*self.key_columns, ("row", "INTEGER"), ("key", "VARCHAR")),
            ((*self.cells_of(answer), answer.row, answer.key_text) for answer in answers),
        )

    def join_sql(self, rows: str, answers: str) -> str:
        """The condition that joins rows with reduced keys to answers; a missing value is a value of its own."""
        found = [
            f"{rows}.{quoted(name)} IS NOT DISTINCT FROM {answers}.{quoted(name)}"
            if name.startswith("k")
            else f"{rows}.{quoted(name)} = {answers}.{quoted(name)}"
            for name, _ in self.key_columns
        ]
        return " AND ".join(found) or "true"


def lookup_of(
    charges: Mapping[int, Charge],
    reading: Reading,
    window_sql: WindowSql,
    *,
    shows_keys: bool,
    apart: Callable[[Charge], Hashable] | None = None,
) -> Lookup:
    """The lookup of the charge of each version; all have the same columns.

    With `shows_keys` the answers hold the keys of lines, so that values which tables cannot tell apart stay apart where
    a line shows them. Charges of which `apart` says different things are variants even where their tables read alike.
    Raises `ValueError` where columns differ.
    """
    shapes = {tuple((column.kind, column.name) for column in charge.columns) for charge in charges.values()}
    if len(shapes) > 1:
        raise ValueError("the charges of one lookup have the same columns")
    columns = next(iter(charges.values())).columns
    forms: dict[object, int] = {}
    trees: list[Tree] = []
    variants: dict[int, int] = {}
    seen: dict[int, object] = {}
    for version, charge in charges.items():
        form = (form_of_tree(charge.tree, seen), None if apart is None else apart(charge))
        if form not in forms:
            forms[form] = len(trees)
            trees.append(charge.tree)
        variants[version] = forms[form]
    keys = []
    for index, column in enumerate(columns):
        branches = [branch for tree in trees for branch in branches_of(tree, index)]
        if column.kind is ColumnKind.TIME:
            continue
        key = _key_column(index, column, branches, reading, shows_keys=shows_keys)
        if key is not None:
            keys.append(key)
    names = tuple(sorted({name for tree in trees for name in windows_asked(tree)}))
    return Lookup(columns, variants, tuple(trees), tuple(keys), names, window_sql, shows_keys)


def _key_column(
    index: int, column: Column, branches: Sequence[Branch], reading: Reading, *, shows_keys: bool
) -> KeyColumn | None:
    """The column as the lookup reduces it; None where no table asks for its value."""
    needed = column.kind is ColumnKind.ATTRIBUTE or any(
        branch.values or branch.ranges or branch.prefixes for branch in branches
    )
    shown = shows_keys and any(_shows_its_value(branch) for branch in branches)
    if not needed and not shown:
        return None
    source = reading[column.kind, column.name]
    name = f"k{index}"
    values = tuple(dict.fromkeys(value for branch in branches for value in branch.values))
    lengths = [length for branch in branches for length in branch.prefix_lengths]
    whole = KeyColumn(index, name, column, source, Reduction.WHOLE, values)
    if shown:
        return whole
    prefixes = tuple(dict.fromkeys(prefix for branch in branches for prefix in branch.prefixes))
    if lengths and not values and len(prefixes) <= MOST_PREFIXES:
        return KeyColumn(index, name, column, source, Reduction.PREFIX, prefixes=prefixes)
    if lengths:
        # A value that is longer than any other by a sign is none of them.
        length = max([*lengths, *(len(value) + 1 for value in values if isinstance(value, str))])
        return KeyColumn(index, name, column, source, Reduction.SIGNS, values, length)
    ranges = [case for branch in branches for case in branch.ranges]
    if ranges:
        cuts = cuts_of(ranges, values, source.digits)
        if len(cuts) <= MOST_CUTS:
            return KeyColumn(index, name, column, source, Reduction.RANGE, values, cuts=cuts)
    return whole


def _longest_prefix(expression: str, prefixes: Sequence[str]) -> str:
    """The longest of these prefixes that a text begins with, '' for none and NULL for NULL.

    All that tables name are prefixes of the longest, so that it stands for the text. The engine reads each list of
    constants into a hash table.
    """
    by_length: dict[int, list[str]] = {}
    for prefix in prefixes:
        by_length.setdefault(len(prefix), []).append(text_literal(prefix))
    cases = "".join(
        f" WHEN left({expression}, {length}) IN ({', '.join(found)}) THEN left({expression}, {length})"
        for length, found in sorted(by_length.items(), reverse=True)
    )
    return f"CASE WHEN {expression} IS NULL THEN NULL{cases} ELSE '' END"


def _shows_its_value(branch: Branch) -> bool:
    """Whether a value that a branch does not name is a key of its own."""
    return branch.otherwise is not None and not (
        branch.ranges or branch.prefix_lengths or branch.windows or branch.otherwise_text
    )


def _domain(key: KeyColumn) -> tuple[Value | int | None, ...] | None:
    if key.reduction is Reduction.RANGE:
        return (None, *range(len(key.cuts) + 1))
    if key.reduction is Reduction.PREFIX:
        return (None, "", *key.prefixes)
    if key.source.type == "BOOLEAN":
        return (None, False, True)
    if key.reduction is Reduction.WHOLE and key.column.values:
        return (None, *key.column.values)
    return None


def _bits(lookup: Lookup) -> Iterator[tuple[int, str]]:
    return enumerate(lookup.windows)

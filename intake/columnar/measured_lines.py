"""What is true of all lines of a run, and how their amounts and quantities are written.

What was measured decides on the types in which lines are written, so that nothing overflows and nothing wide is carried
along for nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from ...money import MoneyUnit, approximate_text
from ...records import Record
from .statement_tables import QUANTITY_DIGITS

if TYPE_CHECKING:
    import duckdb

_OPTIONAL: Final = ("exact", "by", "applied_to", "days")
_FRACTION: Final = "contains(exact, '/')"


class Measured(Record):
    """What is true of all lines of a run. Sizes are the largest, `whole` digits of texts before the point."""

    count: int
    amount_size: int
    """Of amounts, and of totals where they are written, in money units."""
    quantity_size: Fraction
    quantity_scale: int
    """Decimals of the column of quantities."""
    has_exact: bool
    has_cut: bool
    """Whether some quantity has no decimal text."""
    exact_whole: int
    exact_decimals: int
    has_by: bool
    has_applied_to: bool
    has_days: bool


def measure(connection: duckdb.DuckDBPyConnection, *, with_totals: bool = False) -> Measured:
    """Measure the lines in one scan, and totals where they are written too. A column that `line` lacks is empty."""
    rows = connection.sql("SELECT * FROM line")
    types = dict(zip(rows.columns, rows.types, strict=True))
    missing = [f'CAST(NULL AS VARCHAR) AS "{name}"' for name in _OPTIONAL if name not in types]
    found = connection.execute(
        f"SELECT count(*), min(amount), max(amount), min(quantity), max(quantity), count(exact), "
        f"coalesce(bool_or({_FRACTION}), false), "
        f"max(length(ltrim(split_part(exact, '.', 1), '-'))) FILTER (NOT {_FRACTION}), "
        f"max(length(split_part(exact, '.', 2))) FILTER (NOT {_FRACTION}), "
        f'count("by"), count(applied_to), count(days) FROM (SELECT {", ".join(["*", *missing])} FROM line)'
    ).fetchone()
    # Worked out once: where totals are a view, each of the four would have it worked out anew.
    ends = (
        "WITH known AS MATERIALIZED (SELECT total, due FROM statement_total) "
        "SELECT min(total), max(total), min(due), max(due) FROM known"
    )
    totals = connection.execute(ends).fetchone() if with_totals else ()
    assert found is not None, "an aggregate has a row"
    assert totals is not None, "an aggregate has a row"
    count, least, most, quantity_least, quantity_most, exact, cut, whole, decimals, by, applied_to, days = found
    parts: dict[str, Any] = dict(types["quantity"].children) if types["quantity"].id == "decimal" else {}
    return Measured(
        count,
        max(abs(each) for each in (least, most, *totals, 0) if each is not None),
        max(abs(Fraction(each or 0)) for each in (quantity_least, quantity_most)),
        parts.get("scale", 0),
        exact > 0,
        cut,
        whole or 0,
        decimals or 0,
        by > 0,
        applied_to > 0,
        days > 0,
    )


# Amounts


class AmountSQL(Record):
    """How amounts that count a money unit become money: a decimal (None where no decimal holds them all), and text."""

    unit: MoneyUnit
    decimals: int
    """Decimals that every amount can be written with; those beyond the currency's are left out where they are zero."""
    size_max: int
    """The largest amount, as a whole number over `decimals`."""

    def decimal(self, amount: str) -> str | None:
        """The money as a DECIMAL with `decimals` behind the point."""
        width = next((width for width in (18, 38) if self.size_max < 10**width), None)
        if width is None:
            return None
        size = (
            f"CAST('{self._size_text()}' AS DECIMAL({max(len(self._size_text()), self.decimals + 1)}, {self.decimals}))"
        )
        # The product has the scale of the size. Its width follows from both and is narrowed to what holds every amount.
        return f"CAST(CAST({amount} AS DECIMAL({width}, 0)) * {size} AS DECIMAL({width}, {self.decimals}))"

    def text(self, amount: str) -> str:
        """The money as `MoneyUnit.text` writes it."""
        decimal = self.decimal(amount)
        written = self._digits(amount) if decimal is None else f"CAST({decimal} AS VARCHAR)"
        least = self.unit.currency.minor_digits
        if self.decimals == least:
            return written
        spare = self.decimals - least
        kept = f"left({written}, -{spare}) || rtrim(right({written}, {spare}), '0')"
        return f"rtrim({kept}, '.')" if least == 0 else f"({kept})"

    def _size_text(self) -> str:
        return approximate_text(self.unit.size, self.decimals)

    def _digits(self, amount: str) -> str:
        """The text of an amount of 39 digits, which no decimal holds."""
        if self.unit.size != Fraction(1, 10**self.decimals):
            raise OverflowError("an amount beyond what a decimal holds")
        digits = f"CAST(abs({amount}) AS VARCHAR)"
        digits = f"lpad({digits}, CAST(greatest(length({digits}), {self.decimals + 1}) AS INTEGER), '0')"
        sign = f"CASE WHEN {amount} < 0 THEN '-' ELSE '' END"
        if self.decimals == 0:
            return f"({sign} || {digits})"
        return f"({sign} || left({digits}, -{self.decimals}) || '.' || right({digits}, {self.decimals}))"


def amount_sql(unit: MoneyUnit, size_max: int) -> AmountSQL:
    """How amounts up to a size become money."""
    decimals = unit.currency.minor_digits
    while (unit.size * 10**decimals).denominator != 1:
        decimals += 1
    return AmountSQL(unit, decimals, size_max * int(unit.size * 10**decimals))


def decimals_used(
    connection: duckdb.DuckDBPyConnection, has_more: Callable[[int], str], source: str, *, least: int, most: int
) -> int:
    """The fewest decimals, between `least` and `most`, that hold every value of some rows exactly.

    `has_more` gives the condition that a value has more decimals than so many; `source` what follows FROM, with a
    condition of its own.
    """
    low, high = least, max(least, most)
    while low < high:
        middle = (low + high) // 2
        # Ends at the first value that has more; only a scan that finds none goes through all of them.
        more = f"SELECT 1 FROM {source} AND {has_more(middle)} LIMIT 1"
        if connection.execute(more).fetchone() is None:
            high = middle
        else:
            low = middle + 1
    return low


# Quantities


class QuantitySQL(Record):
    """How the quantities of lines are written. `shown` in a row is what `written_cut` has for it."""

    measured: Measured
    cut_whole: int
    """Digits before the point of the widest quantity in `written_cut`."""

    def shown(self) -> str:
        """The text of `consumed_quantity`: exact, or cut to twelve decimals where no decimal is."""
        if not self.measured.has_exact:
            return self._plain()
        whens = f"WHEN exact IS NULL THEN {self._plain()}"
        if self.measured.has_cut:
            # A quantity that came rounded to twelve decimals need not be worked out.
            came = "CAST(quantity AS VARCHAR)" if self.measured.quantity_scale == QUANTITY_DIGITS else "NULL"
            whens += f" WHEN {_FRACTION} THEN coalesce({came}, shown)"
        return f"CASE {whens} ELSE exact END"

    def exact(self) -> str:
        """The exact text, `numerator/denominator` where there is no decimal one."""
        return f"coalesce(exact, {self._plain()})" if self.measured.has_exact else self._plain()

    def decimal(self, type_: str) -> str:
        """What `shown` says, as a number of a type that holds it."""
        plain = self._narrowed(lambda quantity: f"CAST({quantity} AS {type_})")
        if not self.measured.has_exact:
            return plain
        # Both branches have one type, for DuckDB would else take the lower scale.
        return f"CASE WHEN exact IS NULL THEN {plain} ELSE CAST({self.shown()} AS {type_}) END"

    def size(self, connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
        """The digits before and behind the point of the widest quantities, as `shown` writes them."""
        measured = self.measured
        source = "line WHERE exact IS NULL" if measured.has_exact else "line WHERE true"
        plain = decimals_used(
            connection,
            lambda digits: self._narrowed(lambda quantity: f"({quantity} <> round({quantity}, {digits}))"),
            source,
            least=0,
            most=measured.quantity_scale,
        )
        whole = max(len(str(int(measured.quantity_size))), measured.exact_whole, self.cut_whole)
        return whole, max(plain, measured.exact_decimals, QUANTITY_DIGITS if measured.has_cut else 0)

    def _plain(self) -> str:
        written = self._narrowed(lambda quantity: f"CAST({quantity} AS VARCHAR)")
        return f"rtrim(rtrim({written}, '0'), '.')" if self.measured.quantity_scale else written

    def _narrowed(self, expression: Callable[[str], str]) -> str:
        """An expression over the quantity, of 64 bits in the rows where it fits: 128 bits cost twenty times as much."""
        scale, size = self.measured.quantity_scale, self.measured.quantity_size
        narrow = f"TRY_CAST(quantity AS DECIMAL(18, {scale}))"
        if size * 10**scale < 10**18 - 1:
            return expression(narrow)
        if scale > 17:
            return expression("quantity")
        most = f"CAST({10 ** (18 - scale) - 1} AS DECIMAL(38, {scale}))"
        return f"CASE WHEN abs(quantity) <= {most} THEN {expression(narrow)} ELSE {expression('quantity')} END"


def quantity_sql(connection: duckdb.DuckDBPyConnection, measured: Measured) -> QuantitySQL:
    """How quantities are written; makes `written_cut`, the cut texts of quantities that came as fractions only."""
    if not measured.has_cut:
        return QuantitySQL(measured, 0)
    came = " AND quantity IS NULL" if measured.quantity_scale == QUANTITY_DIGITS else ""
    connection.execute("CREATE OR REPLACE TEMP TABLE written_cut (exact VARCHAR, shown VARCHAR)")
    found = connection.execute(f"SELECT DISTINCT exact FROM line WHERE {_FRACTION}{came}").fetchall()
    texts = [exact for (exact,) in found]
    shown = [approximate_text(Fraction(exact), QUANTITY_DIGITS) for exact in texts]
    connection.execute("INSERT INTO written_cut SELECT unnest(?::VARCHAR[]), unnest(?::VARCHAR[])", [texts, shown])
    return QuantitySQL(measured, max((len(text.lstrip("-").partition(".")[0]) for text in shown), default=0))

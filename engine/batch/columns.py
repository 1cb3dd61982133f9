"""The columns of usage as SQL sees them, and exact decimals over them.

DuckDB has 38 decimal digits and raises past them; types grow or stay at 18 digits by rules of their own. So every
expression here says its digits itself: `Decimals` holds an expression together with how many digits it can have, and
`decimal_type` refuses what does not fit, before anything runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from ...records import Record, field
from ..usage import EventSchema, FieldKind
from .number import TooLargeError
from .quoting import quoted

DIGITS_MAX: Final = 38
"""The digits of DuckDB's widest decimal, and the whole digits that a HUGEINT always holds."""

BIGINT_DIGITS: Final = 18
"""The digits of the widest decimal that is a BIGINT inside, and the whole digits that a BIGINT always holds."""

NUMERIC: Final = (FieldKind.NUMBER, FieldKind.MONEY)


class FieldColumn(Record):
    """The column of a declared field. Of numbers no value has more than `whole_digits` before the point.

    A column that is not `required` is NULL where an event of its kind does not have the field.
    """

    sql: str
    kind: FieldKind
    required: bool = True
    whole_digits: int = 12
    scale: int = 6


class EventColumns(Record):
    """A relation of usage joined to statements, and the columns of one event's fields in it.

    `relation` has `sid`, `time`, `event`, `id`, `source`, `from_time` and `until_time` besides. No statement has more
    than `rows_max` rows of it. `event` is the event that rows are asked for, None where the relation has no others.
    Rows without `has_identity` have neither `id` nor `source`, which need not be columns then.
    """

    relation: str
    fields: Mapping[str, FieldColumn] = field(default_factory=dict)
    rows_max: int = 10**9
    event: str | None = None
    has_identity: bool = True

    @property
    def identity_sql(self) -> str:
        """What puts events of one instant in order, as `oid` and `osource`."""
        if not self.has_identity:
            return "'' AS oid, '' AS osource"
        return "coalesce(id::VARCHAR, '') AS oid, coalesce(source::VARCHAR, '') AS osource"

    @property
    def row_digits(self) -> int:
        """How many digits a sum of one statement's rows may have more than each of them."""
        return len(str(self.rows_max))


def columns_of(
    event: EventSchema,
    relation: str,
    digits: Mapping[str, tuple[int, int]],
    *,
    rows_max: int = 10**9,
    only_event: bool = False,
    has_identity: bool = True,
) -> EventColumns:
    """The columns `f_<field>` of an event; `digits` holds whole digits and scale of each number that has a column.

    With `only_event` the relation has rows of no other event, and no row is asked which it is of.
    """
    found: dict[str, FieldColumn] = {}
    for schema in event.fields:
        required = schema.required or schema.default is not None
        name = quoted(f"f_{schema.name}")
        if schema.kind not in NUMERIC:
            found[schema.name] = FieldColumn(name, schema.kind, required)
        elif schema.name in digits:
            found[schema.name] = FieldColumn(name, schema.kind, required, *digits[schema.name])
    return EventColumns(relation, found, rows_max, None if only_event else event.name, has_identity)


class Decimals(Record):
    """A number per row: `sql` is a DECIMAL of at most `whole_digits` before the point and `scale` after it.

    The number is that over `denominator`.
    """

    sql: str
    whole_digits: int
    scale: int
    denominator: int = 1

    @property
    def type(self) -> str:
        """The narrowest type that holds it. Raises `TooLargeError`."""
        return decimal_type(self.whole_digits, self.scale)


def decimal_type(whole_digits: int, scale: int) -> str:
    """A DECIMAL for so many digits before and after the point. Raises `TooLargeError`."""
    width = max(whole_digits + scale, 1)
    if width > DIGITS_MAX:
        raise TooLargeError
    return f"DECIMAL({width},{scale})"


def scale_of(value: Fraction) -> int | None:
    """How many digits a number has after the point; None where it is no finite decimal."""
    return next((scale for scale in range(DIGITS_MAX + 1) if 10**scale % value.denominator == 0), None)


def whole_digits_of(value: Fraction) -> int:
    """How many digits a number has before the point."""
    whole = abs(value.numerator) // value.denominator
    return len(str(whole)) if whole else 0


def decimal_literal(value: Fraction, type_: str, scale: int) -> str:
    """A number as a constant of a type that holds it exactly."""
    units = value * 10**scale
    assert units.denominator == 1, "the type holds the number"
    digits = str(abs(units.numerator)).rjust(scale + 1, "0")
    text = f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits
    return f"'{'-' if units < 0 else ''}{text}'::{type_}"


def unscaled(sql: str, whole_digits: int, scale: int) -> str:
    """The integer that a DECIMAL of so many digits before and after the point holds, as a HUGEINT.

    A power of ten doubles the digits after the point, so that wide ones go in two parts, each in its own digits.
    """
    if scale == 0:
        return f"({sql})::HUGEINT"
    if whole_digits + 2 * scale <= BIGINT_DIGITS:
        return f"(({sql})::DECIMAL({BIGINT_DIGITS},{scale}) * {_power(scale)})::HUGEINT"
    if whole_digits + 2 * scale <= DIGITS_MAX:
        return f"(({sql})::DECIMAL(38,{scale}) * {_power(scale)})::HUGEINT"
    whole, rest = f"trunc({sql})", f"(({sql})::DECIMAL(38,{scale}) - trunc({sql})::DECIMAL(38,{scale}))"
    low = (
        f"({rest}::DECIMAL({2 * scale},{scale}) * {_power(scale)})::HUGEINT"
        if 2 * scale <= DIGITS_MAX
        else f"replace({rest}::VARCHAR, '.', '')::HUGEINT"
    )
    return f"({whole}::HUGEINT * {10**scale}::HUGEINT + {low})"


def _power(scale: int) -> str:
    return f"{10**scale}::DECIMAL({scale + 1},0)"


def floor_quotient(numerator: str, denominator: str) -> str:
    """The greatest integer at or below a ratio of HUGEINTs; `denominator` is above zero. DuckDB's `//` truncates."""
    below = f"CASE WHEN {numerator} % {denominator} < 0 THEN 1::HUGEINT ELSE 0::HUGEINT END"
    return f"({numerator} // {denominator} - {below})"

"""What a meter counts of the rows of its event, and what each of them counts: `samples_of` as SQL."""

from __future__ import annotations

from fractions import Fraction

from ...money import Rounding
from ...records import Record
from ..plan import Aggregation, Meter, QuantityRounding
from .columns import NUMERIC, Decimals, EventColumns, decimal_literal, decimal_type, scale_of, whole_digits_of
from .conditions import event_condition_sql
from .number import UnfitError
from .quoting import text_literal


class Aggregate(Record):
    """One aggregate of SQL over a group of rows: `top / (denominator * under)`, in the field's unit.

    `top` is a DECIMAL of `whole_digits` before the point and `scale` after it (an integer where that is 0), `under`
    a BIGINT above zero or None for 1.
    """

    top: str
    whole_digits: int
    scale: int
    denominator: int = 1
    under: str | None = None


def aggregate_of(aggregation: Aggregation, value: Decimals | str, row_digits: int) -> Aggregate | None:
    """One aggregate over rows of a `value` (any column, where different ones are counted), or None where it is none.

    Raises `TooLargeError` where so many rows may add up to more than 38 digits.
    """
    match aggregation:
        case Aggregation.COUNT:
            return Aggregate("count(*)", row_digits, 0)
        case Aggregation.UNIQUE:
            return Aggregate(f"count(DISTINCT {value.sql if isinstance(value, Decimals) else value})", row_digits, 0)
        case Aggregation.SUM | Aggregation.AVERAGE:
            assert isinstance(value, Decimals), "the resolver lets only numbers be aggregated"
            digits = value.whole_digits + row_digits
            decimal_type(digits, value.scale)  # the engine adds up in 38 digits
            under = "count(*)" if aggregation is Aggregation.AVERAGE else None
            return Aggregate(f"sum({value.sql})", digits, value.scale, value.denominator, under)
        case Aggregation.MINIMUM | Aggregation.MAXIMUM:
            assert isinstance(value, Decimals), "the resolver lets only numbers be aggregated"
            top = f"{'min' if aggregation is Aggregation.MINIMUM else 'max'}({value.sql})"
            return Aggregate(top, value.whole_digits, value.scale, value.denominator)
        case _:
            return None


def counted_sql(meter: Meter, columns: EventColumns) -> str:
    """Whether a meter counts a row, whenever it happened; empty where it counts every row."""
    tests = []
    if columns.event is not None:
        tests.append(f"event = {text_literal(meter.event)}")
    if meter.where is not None:
        tests.append(event_condition_sql(meter.where, columns.fields))
    if meter.field is not None and not columns.fields[meter.field].required:
        tests.append(f"{columns.fields[meter.field].sql} IS NOT NULL")
    return " AND ".join(tests)


def distinct_sql(meter: Meter, columns: EventColumns) -> str:
    """What a meter that counts different values tells apart."""
    assert meter.field is not None, "the resolver gives every meter but a count its field"
    column = columns.fields[meter.field]
    return measured(meter, columns).sql if column.kind in NUMERIC else column.sql


def measured(meter: Meter, columns: EventColumns) -> Decimals:
    """The value of each row, in the field's unit, with `each rounded up to …` and `each at least …`."""
    assert meter.field is not None, "the resolver gives every meter but a count its field"
    column = columns.fields[meter.field]
    assert column.kind in NUMERIC, "the resolver lets only numbers be aggregated"
    value = Decimals(column.sql, column.whole_digits, column.scale)
    if meter.each_rounding is not None:
        value = _rounded(value, meter.each_rounding)
    return value if meter.each_minimum is None else _raised(value, meter.each_minimum)


def _rounded(value: Decimals, rounding: QuantityRounding) -> Decimals:
    """To a multiple of the size, by what is left of the value after whole ones of it, which keeps the value's sign."""
    size_scale = scale_of(rounding.size)
    if size_scale is None:
        raise UnfitError("rounding each event to a size that is no decimal")
    scale = max(value.scale, size_scale)
    # One digit more, for the multiple above and for twice the rest.
    whole_digits = max(value.whole_digits, whole_digits_of(rounding.size)) + 1
    type_ = decimal_type(whole_digits, scale)
    exact = f"{value.sql}::{type_}"
    size = decimal_literal(rounding.size, type_, scale)
    rest = f"({exact} % {size})"
    twice = f"({rest} + {rest})"
    down = f"({exact} - {rest})"
    match rounding.mode:
        case Rounding.DOWN:
            return _multiples(down, whole_digits, size_scale)
        case Rounding.UP:
            above, below = f"{rest} > 0", f"{rest} < 0"
        case Rounding.HALF_UP:
            above, below = f"{twice} >= {size}", f"{twice} <= -{size}"
        case Rounding.HALF_DOWN:
            above, below = f"{twice} > {size}", f"{twice} < -{size}"
        case Rounding.HALF_EVEN:
            both = decimal_literal(2 * rounding.size, type_, scale)
            odd = f"{down} % {both} <> 0"
            above = f"({twice} > {size} OR ({twice} = {size} AND {odd}))"
            below = f"({twice} < -{size} OR ({twice} = -{size} AND {odd}))"
    nothing = decimal_literal(Fraction(0), type_, scale)
    away = f"CASE WHEN {above} THEN {size} WHEN {below} THEN -{size} ELSE {nothing} END"
    return _multiples(f"({down} + {away})", whole_digits, size_scale)


def _multiples(sql: str, whole_digits: int, scale: int) -> Decimals:
    return Decimals(f"({sql})::{decimal_type(whole_digits, scale)}", whole_digits, scale)


def _raised(value: Decimals, minimum: Fraction) -> Decimals:
    """At least the minimum; one that is no decimal is compared in units of its denominator."""
    minimum_scale = scale_of(minimum)
    if minimum_scale is None:
        denominator = minimum.denominator
        digits = len(str(denominator))
        value = Decimals(f"({value.sql})", value.whole_digits + digits, value.scale, denominator)
        exact = f"({value.sql}::{value.type} * {denominator}::DECIMAL({digits},0))::{value.type}"
        value = Decimals(exact, value.whole_digits, value.scale, denominator)
        minimum, minimum_scale = Fraction(minimum.numerator), 0
    scale = max(value.scale, minimum_scale)
    whole_digits = max(value.whole_digits, whole_digits_of(minimum))
    type_ = decimal_type(whole_digits, scale)
    sql = f"greatest({value.sql}::{type_}, {decimal_literal(minimum, type_, scale)})"
    return Decimals(sql, whole_digits, scale, value.denominator)

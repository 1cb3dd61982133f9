"""How SQL reads one column of a usage file as `values` and `instants` do.

A reading gives a typed value, NULL where nothing stands and where SQL alone does not take what stands: then the Python
reader decides. Where the value is there, the Python reader takes the cell too, with the same value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from ...engine.usage import FieldKind
from ...records import Record
from ..values import DIGITS_MAX
from .expressions import FALSE, TRUE, enum_type, literal
from .footers import UNKNOWN, Evidence
from .local_time import LocalReach, instant_sql

_INTEGER_DIGITS: Final = {
    "tinyint": 3,
    "utinyint": 3,
    "smallint": 5,
    "usmallint": 5,
    "integer": 10,
    "uinteger": 10,
    "bigint": 19,
    "ubigint": 20,
    "hugeint": 39,
    "uhugeint": 39,
}
_SHORT_DIGITS: Final = 18
"""As many digits as DuckDB keeps in 64 bits; wider numbers cost more to add up."""

_AS_TEXT: Final = frozenset({"uuid", "enum"})
_FIRST_DAY, _LAST_DAY = "DATE '0001-01-01'", "DATE '9999-12-31'"
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - a time without offset, on purpose
_FIRST_INSTANT, _LAST_INSTANT = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
_RFC_3339: Final = r"[12][0-9]{3}-[01][0-9]-[0-3][0-9][Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
_OFFSET: Final = r"(?:[Zz]|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])"


class Digits(Record):
    """The digits before and behind the point that a number's type has room for."""

    whole: int
    decimals: int

    @property
    def sql_type(self) -> str:
        """The narrowest DECIMAL that holds them; beyond 38 digits those before the point are given up.

        A cast to it may fail then, but never rounds.
        """
        decimals = min(self.decimals, DIGITS_MAX)
        whole = min(self.whole, DIGITS_MAX - decimals)
        return f"DECIMAL({max(whole + decimals, 1)}, {decimals})"

    def joined(self, other: Digits) -> Digits:
        """Room for both."""
        return Digits(max(self.whole, other.whole), max(self.decimals, other.decimals))


class Column(Record):
    """A column as a file has it: the SQL that gives it, its type by DuckDB's name, and what is known of it.

    `absent_text` says that an empty text is nothing (CSV). `digits` are those of a number that is written as text.
    """

    sql: str
    type_id: str
    precision: int = 0
    scale: int = 0
    evidence: Evidence = field(default=UNKNOWN)
    digits: Digits = field(default=Digits(12, 6))
    reach: LocalReach | None = None

    @property
    def present(self) -> str:
        """Whether something stands there."""
        return f"{self.sql} IS NOT NULL" if self.evidence.has_nulls else TRUE

    @property
    def empty(self) -> str:
        """Whether nothing stands there, or an empty text."""
        if self.type_id == "enum":
            return f"coalesce(CAST({self.sql} AS VARCHAR) = '', true)"
        if self.type_id == "json":
            return f"coalesce({self.sql} = '\"\"', true)"
        if self.type_id == "varchar":
            low = self.evidence.low
            if not self.evidence.has_nulls and low is not None and low > "":
                return FALSE
            return f"coalesce({self.sql} = '', true)" if self.evidence.has_nulls else f"{self.sql} = ''"
        return f"{self.sql} IS NULL" if self.evidence.has_nulls else FALSE


class Reading(Record):
    """`value` of `sql_type`; `always` says that it is there wherever something stands."""

    value: str
    sql_type: str
    always: bool = False
    digits: Digits | None = None


def nothing(sql_type: str) -> Reading:
    """The reading of a column that SQL does not take, or that is not there."""
    return Reading(f"CAST(NULL AS {sql_type})", sql_type)


def field_reading(column: Column, kind: FieldKind, words: Sequence[str]) -> Reading:
    """A declared field; words are those of every owner that declares it as `one of`."""
    if kind in (FieldKind.NUMBER, FieldKind.MONEY):
        return number(column)
    if kind is FieldKind.TEXT:
        return text(column)
    if kind is FieldKind.ONE_OF:
        return word(column, words)
    return day(column) if kind is FieldKind.DATE else yes_or_no(column)


def number(column: Column) -> Reading:
    """An exact number; whole columns of numbers that a footer bounds become as narrow as it says."""
    if column.type_id in _INTEGER_DIGITS:
        return _integer(column)
    if column.type_id == "decimal":
        return _decimal(column)
    if column.type_id != "varchar":
        return nothing("DECIMAL(1, 0)")
    whole, decimals = max(column.digits.whole, 1), column.digits.decimals
    fraction = rf"(\.[0-9]{{1,{decimals}}})?" if decimals else ""
    without_whole = rf"|\.[0-9]{{1,{decimals}}}" if decimals else ""
    digits = Digits(whole, decimals)
    shape = literal(rf"[+-]?([0-9]{{1,{whole}}}{fraction}{without_whole})")
    value = f"CASE WHEN regexp_full_match({column.sql}, {shape}) THEN TRY_CAST({column.sql} AS {digits.sql_type}) END"
    return Reading(value, digits.sql_type, digits=digits)


def _integer(column: Column) -> Reading:
    known = _greatest_length(column.evidence)
    count = _INTEGER_DIGITS[column.type_id] if known is None else min(known, _INTEGER_DIGITS[column.type_id])
    digits = Digits(min(count, DIGITS_MAX), 0)
    cast = "CAST" if count <= DIGITS_MAX else "TRY_CAST"
    return Reading(f"{cast}({column.sql} AS {digits.sql_type})", digits.sql_type, count <= DIGITS_MAX, digits)


def _decimal(column: Column) -> Reading:
    digits = Digits(column.precision - column.scale, column.scale)
    known = _greatest_length(column.evidence)
    if column.precision > _SHORT_DIGITS and known is not None and known + column.scale <= _SHORT_DIGITS:
        digits = Digits(_SHORT_DIGITS - column.scale, column.scale)
        return Reading(f"CAST({column.sql} AS {digits.sql_type})", digits.sql_type, True, digits)
    return Reading(column.sql, digits.sql_type, True, digits)


def _greatest_length(evidence: Evidence) -> int | None:
    """How many digits before the point the longest number between the bounds has."""
    if evidence.low is None or evidence.high is None:
        return None
    return max(len(bound.lstrip("-").partition(".")[0].lstrip("0")) for bound in (evidence.low, evidence.high))


def text(column: Column) -> Reading:
    """A text, or the digits of a whole number."""
    if column.type_id in _INTEGER_DIGITS or column.type_id in _AS_TEXT:
        return Reading(f"CAST({column.sql} AS VARCHAR)", "VARCHAR", True)
    if column.type_id == "decimal" and column.scale == 0:
        return Reading(f"CAST({column.sql} AS VARCHAR)", "VARCHAR", True)
    if column.type_id == "json":
        return Reading(_text_of_json(column.sql), "VARCHAR")
    return Reading(column.sql, "VARCHAR", True) if column.type_id == "varchar" else nothing("VARCHAR")


def _text_of_json(sql: str) -> str:
    """The text or the digits of a whole number that JSON holds."""
    bare = f"CASE WHEN contains({sql}, '\\') THEN {sql} ->> '$' ELSE substr({sql}, 2, length({sql}) - 2) END"
    is_whole = f"regexp_full_match({sql}, '-?(0|[1-9][0-9]*)')"
    return f"CASE WHEN starts_with({sql}, '\"') THEN {bare} WHEN {is_whole} THEN CAST({sql} AS VARCHAR) END"


def word(column: Column, words: Sequence[str]) -> Reading:
    """One of some words. The cast asks a dictionary's entries, not its rows."""
    sql_type = enum_type(words)
    found = text(column)
    if found.value.startswith("CAST(NULL"):
        return nothing(sql_type)
    evidence = column.evidence
    only = evidence.low if evidence.low == evidence.high and not evidence.has_nulls else None
    if column.type_id == "varchar" and only is not None and only in words:
        return Reading(f"CAST({literal(only)} AS {sql_type})", sql_type, True)
    return Reading(f"TRY_CAST({found.value} AS {sql_type})", sql_type)


def day(column: Column) -> Reading:
    """A day of the calendar."""
    inside = f"BETWEEN {_FIRST_DAY} AND {_LAST_DAY}"
    if column.type_id == "date":
        evidence = column.evidence
        if evidence.low is not None and evidence.high is not None and _is_day(evidence.low) and _is_day(evidence.high):
            return Reading(column.sql, "DATE", True)
        return Reading(f"CASE WHEN {column.sql} {inside} THEN {column.sql} END", "DATE")
    if column.type_id != "varchar":
        return nothing("DATE")
    shape = literal("[12][0-9]{3}-[0-9]{2}-[0-9]{2}")
    return Reading(
        f"CASE WHEN regexp_full_match({column.sql}, {shape}) THEN TRY_CAST({column.sql} AS DATE) END", "DATE"
    )


def _is_day(text: str) -> bool:
    return len(text) == len("2026-03-01") and text[0] in "12"


def yes_or_no(column: Column) -> Reading:
    """Yes or no."""
    if column.type_id == "boolean":
        return Reading(column.sql, "BOOLEAN", True)
    if column.type_id != "varchar":
        return nothing("BOOLEAN")
    folded = f"lower({column.sql})"
    value = f"CASE WHEN {folded} IN ('true', 'yes') THEN true WHEN {folded} IN ('false', 'no') THEN false END"
    return Reading(value, "BOOLEAN")


def instant(column: Column, zone: ZoneInfo) -> Reading:
    """An instant; what has no offset is local time of the zone."""
    sql, evidence = column.sql, column.evidence
    match column.type_id:
        case "timestamp with time zone":
            if _is_bounded(evidence):
                return Reading(sql, "TIMESTAMPTZ", True)
            first, last = (f"TIMESTAMPTZ '{bound.isoformat(sep=' ')}'" for bound in (_FIRST_INSTANT, _LAST_INSTANT))
            return Reading(f"CASE WHEN {sql} BETWEEN {first} AND {last} THEN {sql} END", "TIMESTAMPTZ")
        case "timestamp" | "timestamp_s" | "timestamp_ms":
            known = _reach(evidence) or column.reach or LocalReach(datetime(1970, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001
            clock = sql if column.type_id == "timestamp" else f"CAST({sql} AS TIMESTAMP)"
            return Reading(instant_sql(clock, zone, known), "TIMESTAMPTZ", _reach(evidence) is not None)
        case "timestamp_ns":
            known = LocalReach(datetime(1970, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001
            clock = f"make_timestamp(epoch_ns({sql}) // 1000)"
            return Reading(instant_sql(clock, zone, known), "TIMESTAMPTZ")
        case "varchar":
            return Reading(_written_instant(column, zone), "TIMESTAMPTZ")
        case _:
            return nothing("TIMESTAMPTZ")


def _written_instant(column: Column, zone: ZoneInfo) -> str:
    sql = column.sql
    with_offset = f"WHEN regexp_full_match({sql}, {literal(_RFC_3339 + _OFFSET)}) THEN TRY_CAST({sql} AS TIMESTAMPTZ)"
    if column.reach is None:
        return f"CASE {with_offset} END"
    local = instant_sql(f"TRY_CAST({sql} AS TIMESTAMP)", zone, column.reach)
    return f"CASE {with_offset} WHEN regexp_full_match({sql}, {literal(_RFC_3339)}) THEN {local} END"


def _is_bounded(evidence: Evidence) -> bool:
    if evidence.low is None or evidence.high is None:
        return False
    first, last = (
        int((bound.replace(tzinfo=None) - _EPOCH).total_seconds()) * 10**6 for bound in (_FIRST_INSTANT, _LAST_INSTANT)
    )
    return first <= int(evidence.low) and int(evidence.high) <= last


def _reach(evidence: Evidence) -> LocalReach | None:
    """The clock times between the bounds of a column without offsets."""
    if evidence.low is None or evidence.high is None or not _is_bounded(evidence):
        return None
    low, high = (_EPOCH + timedelta(microseconds=int(bound)) for bound in (evidence.low, evidence.high))
    reach = LocalReach(low, high + timedelta(microseconds=1))
    years = (reach.high - reach.low).days // 365
    return reach if years < 200 else None


def account(column: Column) -> Reading:
    """A name (of an account, an `id`, a `source`); whole numbers stay as they are, and become texts in small tables."""
    if column.type_id in _INTEGER_DIGITS:
        return Reading(column.sql, column.type_id.upper(), True)
    found = text(column)
    if column.type_id in ("varchar", "enum", "json") and column.empty != FALSE:
        return Reading(f"NULLIF({found.value}, '')", "VARCHAR")
    return found

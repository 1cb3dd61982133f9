"""One scan over usage that fills every bucket: the grouped query, and what its columns mean.

Simple meters (counts, sums and the like) are aggregates with a FILTER, all in one pass. Meters that need order in
time or an inner level are queries of their own over the rows of their event, joined to the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo

from ...records import Record
from ..period import Period
from ..plan import ColumnKind, Meter, Program
from ..window import Coverage, covers
from .buckets import Bucket, Cases, Filled
from .columns import EventColumns
from .conditions import event_condition_sql, undecided_sql
from .family import Part
from .number import Integer, Number, Truth
from .quoting import text_literal
from .simple import Aggregate
from .windows import window_sql


class Usage(Record):
    """The relation of usage as metering sees it: the columns of each event, and what a scan has to reach.

    `quantity_scale` is the scale of metered quantities, None where the files hold none.
    """

    events: Mapping[str, EventColumns]
    reach: Period
    zone: ZoneInfo
    quantity_scale: int | None = None
    common: Period | None = None
    """The covered period of all statements, where it is one."""
    sums: Mapping[Bucket, Aggregate] | None = None
    """How each bucket is put together where a row is not an event but a sum of some: `n` is how many, `doubts`
    how many of them `doubtful_sql` finds."""

    @property
    def counts_sql(self) -> tuple[str, str]:
        """How many events rows are, and how many of these have a time."""
        if self.sums is None:
            return "count(*)", "count(time)"
        return "sum(n)", "coalesce(sum(n) FILTER (WHERE time IS NOT NULL), 0)"


def case_sql(program: Program, cases: Cases, usage: Usage, columns: EventColumns) -> str:
    """Whether a row belongs to one of the cases."""
    alternatives: list[str] = []
    for case in cases:
        parts: list[str] = [_part_sql(program, part, usage, columns) for part in case]
        alternatives.append("(" + " AND ".join(parts) + ")" if parts else "true")
    merged = _one_column(cases)
    if merged is not None:
        name, values = merged
        return f"{columns.fields[name].sql} IN ({', '.join(text_literal(value) for value in values)})"
    return alternatives[0] if len(alternatives) == 1 else "(" + " OR ".join(alternatives) + ")"


def _one_column(cases: Cases) -> tuple[str, list[str]] | None:
    """The column and its values, where cases are values of one text column."""
    names = {part.name for case in cases for part in case}
    if len(cases) < 2 or len(names) != 1 or any(len(case) != 1 for case in cases):
        return None
    parts = [case[0] for case in cases]
    values = [part.value for part in parts if isinstance(part.value, str)]
    return (parts[0].name, values) if len(values) == len(parts) else None


def _part_sql(program: Program, part: Part, usage: Usage, columns: EventColumns) -> str:
    match part.kind:
        case ColumnKind.FIELD:
            column = columns.fields[part.name].sql
            if part.value is None:
                return f"{column} IS NULL"
            if isinstance(part.value, bool):
                return f"coalesce({column} = {str(part.value).lower()}, false)"
            return (
                f"coalesce({column} = {text_literal(str(part.value))}, false)"
                if not columns.fields[part.name].required
                else f"{column} = {text_literal(str(part.value))}"
            )
        case ColumnKind.TIME:
            inside, outside = (
                [_inside(program, name, usage) for name in names if name]
                for names in ((part.name, *part.also), part.others)
            )
            return " AND ".join([*inside, *(f"NOT {sql}" for sql in outside)]) or "true"
        case ColumnKind.ATTRIBUTE:
            return "true"


def filter_sql(program: Program, meter: Meter, bucket: Bucket, usage: Usage) -> str:
    """Whether a row is an event that a bucket's meter counts."""
    columns = usage.events[meter.event]
    parts = (
        [f"event = {text_literal(meter.event)}"] if len(usage.events) > 1 or usage.quantity_scale is not None else []
    )
    if meter.where is not None:
        parts.append(event_condition_sql(meter.where, columns.fields))
    case = case_sql(program, bucket.cases, usage, columns)
    if case != "true":
        parts.append(case)
    if bucket.window is not None:
        parts.append(_inside(program, bucket.window, usage))
    return " AND ".join(parts) or "true"


def _inside(program: Program, name: str, usage: Usage) -> str:
    """Whether a row lies in a window. A quantity without a time does where all of its period does."""
    window = program.windows[name]
    inside = window_sql(window, "time", usage.reach, usage.zone)
    if usage.quantity_scale is None or usage.common is None:
        return inside
    whole = covers(window, usage.common, usage.zone) is Coverage.ALL
    return f"CASE WHEN time IS NULL THEN {str(whole).lower()} ELSE {inside} END"


def given_sql(program: Program, bucket: Bucket, usage: Usage) -> str | None:
    """The sum of what was metered elsewhere for a bucket."""
    if usage.quantity_scale is None:
        return None
    meter = program.meters[bucket.meter]
    columns = usage.events[meter.event]
    parts = [f"meter = {text_literal(bucket.meter)}", case_sql(program, bucket.cases, usage, columns)]
    if bucket.window is not None:
        parts.append(_inside(program, bucket.window, usage))
    if usage.common is None and _windows_of(bucket):
        parts.insert(1, "time IS NOT NULL")
    return f"sum(quantity) FILTER (WHERE {' AND '.join(parts)})"


def doubtful_sql(program: Program, buckets: Iterable[Bucket], usage: Usage) -> str | None:
    """Whether no query says what a row belongs to; None where all rows are clear.

    A metered quantity without a time may lie in a window all the same. One without a field that a table asks for is
    refused, and so is an event without a field that its meter's condition needs.
    """
    doubts: dict[str, dict[str, None]] = {}
    for bucket in buckets:
        meter = program.meters[bucket.meter]
        columns = usage.events[meter.event]
        undecided = None if meter.where is None else undecided_sql(meter.where, columns.fields)
        if undecided is not None:
            doubts.setdefault(f"event = {text_literal(meter.event)}", {})[undecided] = None
        own: dict[str, None] = {}
        if any(_is_split(program, name, usage) for name in _windows_of(bucket)):
            own["time IS NULL"] = None
        for part in (part for case in bucket.cases for part in case):
            if part.kind is ColumnKind.FIELD:
                if not columns.fields[part.name].required:
                    missing = f"{columns.fields[part.name].sql} IS NULL"
                    doubts.setdefault(f"event = {text_literal(meter.event)}", {})[missing] = None
                own[f"{columns.fields[part.name].sql} IS NULL"] = None
        if own and usage.quantity_scale is not None:
            doubts.setdefault(f"meter = {text_literal(bucket.meter)}", {}).update(own)
    return " OR ".join(f"({of} AND ({' OR '.join(own)}))" for of, own in doubts.items()) or None


def _windows_of(bucket: Bucket) -> set[str]:
    """The windows that decide what a bucket holds."""
    parts = [part for case in bucket.cases for part in case if part.kind is ColumnKind.TIME]
    names = {name for part in parts for name in (part.name, *part.also, *part.others) if name}
    return names if bucket.window is None else {*names, bucket.window}


def _is_split(program: Program, name: str, usage: Usage) -> bool:
    """Whether it is not known if what was used in a period lies in a window: it covers a part of it."""
    return usage.common is None or covers(program.windows[name], usage.common, usage.zone) is Coverage.PART


class Wanted(dict[Bucket, Filled]):
    """The buckets that plans ask for, each once, in the order of asking. It answers with anything at all."""

    def __missing__(self, bucket: Bucket) -> Filled:
        anything = Number(Integer("asked", -1_000_000, 1_000_000))
        self[bucket] = Filled(anything, anything, Truth("asked_used"))
        return self[bucket]

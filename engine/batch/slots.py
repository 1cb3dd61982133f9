"""Buckets that share no row, numbered: each row has one number, and a bucket asks for its own.

Every bucket of a scan chooses its rows. Comparing one small number costs a fraction of what the bucket's own conditions
do, and these are then read only until one holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ...records import Record
from ..condition import And, Compare, Comparison, Condition, FieldOf, Literal
from ..plan import ColumnKind, Program
from .buckets import Bucket
from .metering import Usage, filter_sql

SLOT: Final = "slot"
"""The column that holds a row's number."""

_FEWEST: Final = 3
"""Fewer buckets are not worth a column."""
_MOST: Final = 127


class Slots(Record):
    """`sql` is a row's number, NULL where no bucket has it; `filters` are the conditions on the column `slot`.

    Buckets without a filter have rows that another bucket may have too.
    """

    sql: str
    filters: Mapping[Bucket, str]

    def relation(self, relation: str) -> str:
        """The relation with the column `slot`."""
        return f"(SELECT *, {self.sql} AS {SLOT} FROM {relation})"


def slots_of(program: Program, buckets: Iterable[Bucket], usage: Usage) -> Slots | None:
    """Numbers for those buckets of which it is certain that they share no row; None where it is not worth it."""
    apart: dict[Bucket, Mapping[str, object]] = {}
    fixed_of = {bucket: _fixed(program, bucket) for bucket in buckets}
    # Those of which most is known share rows with fewest others.
    for bucket, fixed in sorted(fixed_of.items(), key=lambda item: -len(item[1])):
        if len(apart) < _MOST and all(_are_apart(fixed, other) for other in apart.values()):
            apart[bucket] = fixed
    if len(apart) < _FEWEST:
        return None
    wheres = [filter_sql(program, program.meters[bucket.meter], bucket, usage) for bucket in apart]
    whens = " ".join(f"WHEN {where} THEN {number}" for number, where in enumerate(wheres))
    return Slots(
        f"CAST(CASE {whens} END AS TINYINT)",
        {bucket: f"{SLOT} = {number}" for number, bucket in enumerate(apart)},
    )


def _are_apart(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    return any(name in other and other[name] != value for name, value in one.items())


def _fixed(program: Program, bucket: Bucket) -> Mapping[str, object]:
    """The event and the fields that have the same value in every row of a bucket, None for none.

    Fields of different events may have one name: what they fix is only told apart where the event is the same.
    """
    meter = program.meters[bucket.meter]
    found: dict[str, object] = {"": meter.event}
    if meter.where is not None:
        found |= {f"{meter.event}.{name}": value for name, value in _required(meter.where).items()}
    if len(bucket.cases) == 1:
        found |= {f"{meter.event}.{part.name}": part.value for part in bucket.cases[0] if part.kind is ColumnKind.FIELD}
    return found


def _required(condition: Condition) -> Mapping[str, object]:
    """The fields of which a condition asks for one text or truth."""
    match condition:
        case Compare(FieldOf(name), Comparison.IS, Literal(str() | bool() as value)):
            return {name: value}
        case And(parts):
            return {name: value for part in parts for name, value in _required(part).items()}
        case _:
            return {}

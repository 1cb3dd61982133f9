"""Usage added up before it is sent to the task that prices it: which rulesets allow that, and both sides' queries.

Sums are kept by account and by stretch of time: the instants at which some statement or some span of earlier usage
begins or ends cut time into stretches, so that the sums of stretches are the sums of whatever is asked for later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from ...engine.batch.buckets import Bucket
from ...engine.batch.family import Member
from ...engine.batch.history import buckets_of, spans_of
from ...engine.batch.metering import Usage, doubtful_sql
from ...engine.batch.number import UnfitError
from ...engine.batch.simple import Aggregate, is_simple
from ...engine.plan import Aggregation, Program
from ..columnar.pricing import Family
from ..columnar.scan import aggregates_of

CUTS_MAX: Final = 128
"""With more stretches than that most sums would be of a single event."""

BEFORE: Final = -(2**62)
"""Where the stretch begins that lies before all others, in microseconds since 1970."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sums:
    """The queries of partial sums. A row of the result is of an account and a stretch of time.

    `columns` are the types of the columns beside `account`, `time` (the instant in microseconds since 1970 at which the
    stretch begins, NULL for quantities without a time) and `n` (how many rows). `first` adds up events, `merging` rows
    of the result; `final` says how the evaluator does.
    """

    columns: Mapping[str, str]
    first: Mapping[str, str]
    merging: Mapping[str, str]
    final: Mapping[Bucket, Aggregate]
    cuts: tuple[int, ...]

    def of_events(self, relation: str) -> str:
        """The sums of a relation of usage."""
        listed = "".join(f", CAST({sql} AS {self.columns[name]}) AS {name}" for name, sql in self.first.items())
        return (
            f"SELECT account, {_stretch_sql(self.cuts)} AS stretch, count(*) AS n{listed} FROM {relation} "
            "GROUP BY account, stretch"
        )

    def of_sums(self, relation: str) -> str:
        """The sums of such sums."""
        listed = "".join(f", CAST({sql} AS {self.columns[name]}) AS {name}" for name, sql in self.merging.items())
        return (
            "SELECT CAST(account AS VARCHAR) AS account, stretch AS time, CAST(sum(n) AS BIGINT) AS n"
            f"{listed} FROM {relation} GROUP BY ALL"
        )


def sums_of(
    program: Program, usage: Usage, planned: Sequence[Family], buckets: Sequence[Bucket], more: Iterable[datetime]
) -> Sums | str:
    """How usage is added up in parts, or why it cannot be. Time is cut at `more` instants besides."""
    members = [member for family in planned for member in family.members]
    asked = dict.fromkeys(buckets)
    for family in planned:
        if family.each:
            return "charges that rate every event on its own"
        if family.turns:
            return "ladders in order of time, or charges that are prorated by day"
        if family.bundles:
            return "tables whose columns may hold any value"
        if family.history and family.unfit is None:
            try:
                asked.update(dict.fromkeys(buckets_of(family.members[0])))
            except UnfitError:
                continue
    for bucket in asked:
        meter = program.meters[bucket.meter]
        if not is_simple(meter, usage.events[meter.event]) or meter.aggregation is Aggregation.UNIQUE:
            return f"the meter {meter.name}, which needs single events"
    cuts = _cuts(program, members, more)
    if len(cuts) > CUTS_MAX:
        return "more billing periods than sums are worth"
    try:
        doubtful = doubtful_sql(program, list(asked), usage)
        aggregates = aggregates_of(program, usage, list(asked))
    except UnfitError as unfit:
        return str(unfit)
    columns: dict[str, str] = {}
    first: dict[str, str] = {}
    merging: dict[str, str] = {}
    for bucket, aggregate in aggregates.items():
        function = _merging_function(program.meters[bucket.meter].aggregation)
        for name, sql, scale in aggregate.columns:
            is_count = name == aggregate.under or (
                aggregate.counts and aggregate.under is None and name == aggregate.top
            )
            columns[name] = "BIGINT" if is_count else f"DECIMAL(38, {scale})"
            first[name] = sql
            merging[name] = f"{function if name == aggregate.top else 'sum'}({name})"
    if doubtful is not None:
        columns["doubts"], merging["doubts"] = "BIGINT", "sum(doubts)"
        first["doubts"] = f"count(*) FILTER (WHERE {doubtful})"
    final = {bucket: _added_up(each, merging) for bucket, each in aggregates.items()}
    return Sums(columns, first, merging, final, cuts)


def _merging_function(aggregation: Aggregation) -> str:
    return {Aggregation.MINIMUM: "min", Aggregation.MAXIMUM: "max"}.get(aggregation, "sum")


def _added_up(aggregate: Aggregate, merging: Mapping[str, str]) -> Aggregate:
    return replace(
        aggregate,
        top_sql=merging[aggregate.top],
        under_sql=None if aggregate.under is None else merging[aggregate.under],
        given_sql=None if aggregate.given is None else merging[aggregate.given],
    )


def _cuts(program: Program, members: Iterable[Member], more: Iterable[datetime]) -> tuple[int, ...]:
    """Every instant at which a statement, or a span of earlier usage, begins or ends; and more."""
    found = set(more)
    for member in members:
        covered = member.situation.covered
        found |= {covered.start, covered.end}
        try:
            spans = spans_of(program, member)
        except UnfitError:
            continue
        for span in spans:
            found |= {span.period.start, span.period.end}
    return tuple(sorted((instant - _EPOCH) // timedelta(microseconds=1) for instant in found))


def _stretch_sql(cuts: Sequence[int]) -> str:
    """The instant at which the stretch of a row begins: few comparisons, whatever the number of stretches."""

    def chosen(low: int, high: int) -> str:
        """Of the stretches that begin at `cuts[low:high]`, and the one before them."""
        if low == high:
            return str(cuts[low - 1] if low else BEFORE)
        middle = (low + high) // 2
        earlier, later = chosen(low, middle), chosen(middle + 1, high)
        return f"CASE WHEN time < make_timestamptz({cuts[middle]}) THEN {earlier} ELSE {later} END"

    return f"CASE WHEN time IS NOT NULL THEN CAST({chosen(0, len(cuts))} AS BIGINT) END"

"""What earlier usage decides of a statement: included units that renew every so many months, ladders counted over a
year.

A member knows the stretches of time that have to be read (`Span`), each on its own, for quantities are rounded and
cut at zero one by one. A second scan fills the same buckets for every span; `history_query` adds them up to one row a
statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from ...records import Record
from ..evaluators.counting import counting_year
from ..evaluators.included import earlier, part_of
from ..evaluators.proration import granted
from ..period import DateRange, Period
from ..plan import Charge, OfMeter, Program
from .buckets import EVERYTHING, Bucket, Metered
from .family import Combination, Member, combinations
from .number import ZERO, Integer, Number, UnfitError, choose, number_not_below_zero, sum_of
from .sheet import Sheet


class Used(Record):
    """What was used of an included meter: before the period in the present term (part -1), or in a part of the
    period.
    """

    include: int
    part: int


class Climbed(Record):
    """What a combination (by its number) of a counted charge has on its ladder when the period begins; with `entered`,
    in how many earlier periods it had a line."""

    charge: int
    combination: int
    entered: bool = False


HistoryKey = Used | Climbed


class Span(Record):
    """A stretch of time whose usage counts into `rule`: an included quantity's part, or a charge's ladder."""

    rule: Used | int
    period: Period
    undated: bool = False
    """Whether quantities without a time belong to it."""


class Term(Record):
    """What an include grants: the term in which the period begins, and those that begin inside it."""

    grants: tuple[Fraction, ...]
    spans: tuple[Span, ...]


def terms_of(program: Program, member: Member, index: int) -> Term:
    """The terms of an include that renews every so many months. The first grant is less what was used before."""
    situation = member.situation
    include = situation.plan.includes[index]
    assert include.every is not None
    start, covered = situation.subscription.start, situation.covered_days
    steps = max(include.every.steps_to(start, covered.start), 0)
    begins, renewal = include.every.after(start, steps), include.every.after(start, steps + 1)
    spans = [Span(Used(index, -1), part.covered) for part in earlier(situation, include.meter, begins)]
    grants = [granted(include, situation, DateRange(begins, renewal))]
    if renewal >= covered.end or not program.meters[include.meter].adds_up:
        return Term(tuple(grants), tuple(spans))
    begins, number = covered.start, 0
    while begins < covered.end:
        part = DateRange(begins, min(renewal, covered.end))
        spans.append(Span(Used(index, number), part_of(situation, part).covered, begins == covered.start))
        steps, number, begins = steps + 1, number + 1, part.end
        renewal = include.every.after(start, steps + 1)
        grants.append(granted(include, situation, DateRange(include.every.after(start, steps), renewal)))
    return Term(tuple(grants[:number]), tuple(spans))


def spans_of_ladder(program: Program, member: Member, index: int) -> tuple[Span, ...]:
    """The earlier billing periods whose usage stands on a counted charge's ladder. Raises `UnfitError`."""
    situation = member.situation
    charge = situation.plan.charges[index]
    assert charge.counted is not None and isinstance(charge.source, OfMeter)
    meter = program.meters[charge.source.meter]
    if any(include.meter == meter.name for include in situation.plan.includes):
        raise UnfitError("a ladder that is counted over a year, of a meter with included units")
    covered = situation.covered_days
    year = counting_year(charge.counted, situation.subscription.start, covered.start)
    if year.end < covered.end and meter.adds_up:
        raise UnfitError("a ladder that is counted over a year which ends inside the billing period")
    found: list[Span] = []
    for cut in earlier(situation, meter.name, year.start):
        days = cut.days.overlap(DateRange(situation.subscription.start, covered.start))
        if (
            days is None
            or days != cut.covered_days
            or counting_year(charge.counted, situation.subscription.start, days.start) != year
        ):
            raise UnfitError("a ladder that is counted over a year which begins inside a billing period")
        found.append(Span(index, cut.covered))
    return tuple(found)


def spans_of(program: Program, member: Member) -> tuple[Span, ...]:
    """Every span that a member's statements read. Raises `UnfitError`."""
    found: list[Span] = []
    for index, include in enumerate(member.plan.includes):
        if include.every is not None:
            found.extend(terms_of(program, member, index).spans)
    for index, charge in enumerate(member.plan.charges):
        if charge.counted is not None:
            found.extend(spans_of_ladder(program, member, index))
    return tuple(found)


def has_history(member: Member) -> bool:
    """Whether a plan asks for earlier usage."""
    return any(include.every is not None for include in member.plan.includes) or any(
        charge.counted is not None for charge in member.plan.charges
    )


class WantedHistory(dict[HistoryKey, Number]):
    """Answers with anything while a family's plan is read."""

    def __missing__(self, key: HistoryKey) -> Number:
        self[key] = Number(Integer("asked", 0, 1_000_000))
        return self[key]


def groups_of(meter: str, member: Member) -> tuple[Bucket, ...]:
    """The buckets of the quantities that a meter has in a plan, as its first charge groups them."""
    for charge in member.plan.charges:
        if isinstance(charge.source, OfMeter) and charge.source.meter == meter:
            return tuple(Bucket(meter, item.cases) for item in _combinations(charge, member))
    return (Bucket(meter),)


def _combinations(charge: Charge, member: Member) -> tuple[Combination, ...]:
    if not charge.columns:
        return (Combination(0, (), EVERYTHING),)
    found = combinations(charge, member.situation)
    if found is None:
        raise UnfitError("a table whose columns may hold any value")
    return found


def buckets_of(member: Member) -> tuple[Bucket, ...]:
    """The buckets that a second scan has to fill for a member's spans."""
    found: list[Bucket] = []
    for include in member.plan.includes:
        if include.every is not None:
            found.extend(groups_of(include.meter, member))
    for charge in member.plan.charges:
        if charge.counted is not None and isinstance(charge.source, OfMeter):
            found.extend(Bucket(charge.source.meter, item.cases) for item in _combinations(charge, member))
    return tuple(dict.fromkeys(found))


def rule_number(rule: Used | int) -> tuple[int, int]:
    """A span's rule as two integers for a table: an include and its part, or -1 less a charge's number and 0."""
    return (rule.include, rule.part) if isinstance(rule, Used) else (-1 - rule, 0)


class HistoryQuery(Record):
    """`sql` gives a row per statement: `sid` and a whole number for each key, over `scales`."""

    sql: str
    columns: Mapping[HistoryKey, tuple[str, int]]


def history_query(
    program: Program, members: Sequence[Member], metered: Metered, keys: Sequence[HistoryKey], source: str
) -> HistoryQuery:
    """The query over the scanned spans (`source`: sid, rule, part and buckets) that gives what a family asks for."""
    sheet = Sheet(len(members))
    selected: list[str] = []
    columns: dict[HistoryKey, tuple[str, int]] = {}
    named: dict[str, str] = {}
    for number, key in enumerate(keys):
        match key:
            case Used(include, part):
                meter = program.meters[members[0].plan.includes[include].meter]
                values = [_quantity(sheet, program, metered, bucket) for bucket in groups_of(meter.name, members[0])]
                whole = sheet.let_number(sum_of(*values))
                rule = include, part
            case Climbed(index, combination, entered):
                charge = members[0].plan.charges[index]
                assert isinstance(charge.source, OfMeter)
                # Cases that no row prices have no ladder.
                own = [item for item in _combinations(charge, members[0]) if item.row != -1][combination]
                bucket = Bucket(charge.source.meter, own.cases)
                if entered:
                    present = metered.raw(program.meters[bucket.meter], bucket)[1]
                    whole = Number(sheet.let(choose(present, Integer("1::BIGINT", 1, 1), ZERO)))
                    if not charge.columns:
                        whole = Number(Integer("1::BIGINT", 1, 1))
                else:
                    whole = _quantity(sheet, program, metered, bucket)
                rule, part = (-1 - index, 0), 0
            case _:
                raise AssertionError(key)
        if whole.under is not None:
            raise UnfitError("earlier usage of a meter whose quantities are ratios")
        column = f"h_{number}"
        named.setdefault(whole.top.sql, f"t_{len(named)}")
        selected.append(
            f"coalesce(sum({named[whole.top.sql]}) FILTER (WHERE rule = {rule[0]} AND part = {rule[1]}), "
            f"0)::HUGEINT AS {column}"
        )
        columns[key] = (column, whole.scale)
    inner = sheet.select(
        source, ["sid", "rule", "part", *(f"({sql})::HUGEINT AS {name}" for sql, name in named.items())]
    )
    return HistoryQuery(f"SELECT sid, {', '.join(selected)} FROM ({inner}) GROUP BY sid", columns)


def _quantity(sheet: Sheet, program: Program, metered: Metered, bucket: Bucket) -> Number:
    value, _ = metered.quantity(sheet, program.meters[bucket.meter], bucket)
    return sheet.let_number(number_not_below_zero(value))

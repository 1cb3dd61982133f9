"""Charges that are `prorated by day`, in the pricing of a family: each day's level on the whole ladder, for its share.

A query has a row for every covered day of every statement; its meters read that day alone. What the days cost is added
up before anything is rounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from ...records import Record
from ..plan import OfMeter, Pooling, Program
from .buckets import Bucket, Filled, Metered
from .charges import day_costs
from .facts import AttributeColumn, StatementFacts
from .family import Member, combinations
from .ledger import Ledger
from .number import NOTHING, UnfitError, both, either, literal, multiply, number_where, product_of
from .sheet import Parameter, Sheet
from .situation import Pricing, bucket_of
from .time_order import DayAmount


class DayQuery(Record):
    """`sql` is a SELECT of `sid`, a whole number for each answer by its column and scale, and `refused`: whether
    the statement is one for the scalar evaluator."""

    sql: str
    parameters: tuple[Parameter, ...]
    columns: Mapping[DayAmount, tuple[str, int]]


def day_buckets(member: Member, index: int) -> tuple[Bucket, ...]:
    """What has to be read of each day. Raises `UnfitError`."""
    charge = member.plan.charges[index]
    assert isinstance(charge.source, OfMeter), "only usage has days"
    if charge.pooling is Pooling.TIME_ORDER:
        raise UnfitError("a charge that is prorated by day, on a ladder in order of time")
    if any(band.width_per and band.width_per.meter for row in charge.rows for band in row.schedule.bands):
        raise UnfitError("a charge that is prorated by day, with a width that depends on a meter")
    found = combinations(charge, member.situation)
    if found is None:
        raise UnfitError("a table whose columns may hold any value")
    return tuple(dict.fromkeys(bucket_of(charge, item) for item in found))


def day_query(
    program: Program,
    members: Sequence[Member],
    index: int,
    metered: Metered,
    filled: Mapping[Bucket, Filled],
    attributes: Mapping[str, AttributeColumn],
    source: str,
    prefix: str,
) -> DayQuery:
    """The query over `source`, a row a day: `filled` is what its meters read, `metered` what the statement's did.

    Raises `UnfitError` or `TooLargeError`.
    """
    own = tuple(members)
    sheet = Sheet(len(own))
    ledger = Ledger(sheet, own)

    def usage(name: str) -> object:
        return metered.quantity(sheet, program.meters[name], Bucket(name))[0]

    facts = StatementFacts(sheet, own, attributes, usage, ledger.amounts, program.money)  # type: ignore[arg-type]
    pricing = Pricing(program, sheet, own, ledger, facts, Metered(filled))
    groups, costs = day_costs(pricing, index)
    shares = sheet.numbers([Fraction(1, member.situation.days.day_count) for member in own])
    most = max(member.situation.covered_days.day_count for member in own)
    inner, outer = [], []
    columns: dict[DayAmount, tuple[str, int]] = {}
    for number, (group, cost) in enumerate(zip(groups, costs, strict=True)):
        amount = sheet.let_number(product_of(number_where(group.present, cost.amount, NOTHING), shares))
        if amount.under is not None:
            raise UnfitError("a charge that is prorated by day, of quantities that are ratios")
        # The sum over all days has to fit too.
        multiply(amount.top, literal(most))
        column = f"{prefix}_{number}"
        inner.append(f"({amount.top.sql})::HUGEINT AS {column}")
        outer.append(f"sum({column})::HUGEINT AS {column}")
        columns[DayAmount(index, number)] = column, amount.scale
    refused = either(
        *(condition for _, condition in ledger.scalar),
        *(both(group.present, cost.refused) for group, cost in zip(groups, costs, strict=True)),
    )
    days = sheet.select(source, ["sid", *inner, f"({refused.sql}) AS refused"])
    sql = f"SELECT sid, {', '.join([*outer, 'bool_or(refused) AS refused'])} FROM ({days}) GROUP BY sid"
    return DayQuery(sql, tuple(sheet.parameters), columns)

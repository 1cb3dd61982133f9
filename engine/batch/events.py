"""The text of the query that rates events one by one; `each` says what goes into it.

Three steps: `rated` reads the events that a charge rates, each with its quantity as an integer of the column's last
digit; `joined` adds the numbers of its price; `priced` is the arithmetic. Where events are freed in the order of time,
window functions stand between; where they are cut at windows, `pieces` goes on from `priced`.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from ...records import Record
from ..plan import OfEach
from .columns import EventColumns, FieldColumn, unscaled
from .conditions import event_condition_sql, undecided_sql
from .event_ladder import Ladders, Price, Stretch, bounded_event, climb, ladders_of
from .included_events import Included, freeing_of, in_order_sql
from .lookup import Answer, Lookup
from .number import (
    BIGINT_MAX,
    FALSE,
    HUGEINT_MAX,
    ZERO,
    Integer,
    TooLargeError,
    Truth,
    both,
    choose,
    literal,
    multiply,
    negation,
    type_of,
)
from .pieces import CutQuery, Cuts, Lasting, cut_query
from .quoting import quoted, text_literal
from .sheet import Sheet
from .table import SmallTable, small_table
from .windows import epoch_us_sql

_SHORT: Final = 18
"""The digits of a decimal that is one machine word inside."""


class Rule(Record):
    """What decides the amount of an event beside the event itself."""

    price: Price
    free_events: int
    free_quantity: Fraction


class EachQuery(Record):
    """`sql` gives `sid`, `amount`, `quantity`, `events`, `scalar` and `inside_0`, … for the windows that were asked.

    Amounts are whole numbers of `1/amount_scale` money, quantities (also those inside windows) of `1/quantity_scale` of
    the charge's unit; all are HUGEINT. `tables` have to be made before. A statement without rated events has no row.
    No statement's amount is more than `amount_max`, or less than its opposite, and so for its quantity. An event with
    more than `event_quantity_max` of the charge's unit sends its statement to the scalar road.
    """

    sql: str
    tables: tuple[SmallTable, ...]
    amount_scale: int
    quantity_scale: int
    amount_max: int
    quantity_max: int
    event_quantity_max: Fraction


class Writing(Record):
    """What the query is written from. `ruled` has the rule of each answer; `high` is the greatest quantity it takes,
    in the last digit of the column: a statement with a greater one takes the scalar road."""

    source: OfEach
    events: EventColumns
    lookup: Lookup
    rules: tuple[Rule, ...]
    ruled: tuple[tuple[Answer, int], ...]
    cuts: Cuts | None
    high: int
    name: str
    shares: tuple[str, ...]

    @property
    def field(self) -> FieldColumn | None:
        """The column of the quantity; None where each event counts one."""
        return None if self.source.field is None else self.events.fields[self.source.field]

    @property
    def unit(self) -> Fraction:
        """How much of the charge's unit one integer of the column is."""
        return self.source.factor * Fraction(1, 10 ** (0 if self.field is None else self.field.scale))

    @property
    def frees(self) -> bool:
        """Whether something is included, so that the order of events matters."""
        return any(rule.free_events or rule.free_quantity for rule in self.rules)


def fitting_high(source: OfEach, events: EventColumns) -> int:
    """The greatest quantity of an event, in the last digit of its column, as far as a machine word holds it."""
    if source.field is None:
        return 1
    field = events.fields[source.field]
    digits = min(field.whole_digits + field.scale, _SHORT)
    return int("9" * digits or "0")


def write(given: Writing) -> EachQuery:
    """The query. Raises `TooLargeError` where `high` is too much."""
    prices = [rule.price for rule in given.rules]
    free = [rule.free_quantity.denominator for rule in given.rules]
    ladders = ladders_of(prices, given.unit.denominator, *free)
    lasting, fine, high = None, ladders, given.high
    if given.cuts is not None:
        microseconds = given.source.seconds * 1_000_000
        fine = ladders_of(prices, ladders.quantity_scale, microseconds.numerator)
        lasting = Lasting(given.cuts, microseconds / fine.quantity_scale)
        # No event that lasts longer than the reach is cut here.
        high = min(high, int(given.cuts.span_max / (microseconds * given.unit)))
    sheet, freeing = Sheet(len(given.rules)), None
    units = Integer("x", 0, high)
    quantity = sheet.let(multiply(units, literal(int(given.unit * ladders.quantity_scale))))
    if given.frees:
        per_unit = int(given.unit * ladders.quantity_scale)
        freeing = freeing_of(sheet, _included(given), ladders.quantity_scale, per_unit, quantity, given.events.rows_max)
    rest = quantity if freeing is None else freeing.rest
    amount, refused = climb(sheet, ladders, Stretch(rest, rest))
    amount = bounded_event(sheet, ladders, amount)
    free_truth = FALSE if freeing is None else freeing.free
    amount = choose(free_truth, ZERO, amount)
    refused = both(refused, negation(free_truth))
    table = _price_table(given, sheet)
    rows_max = given.events.rows_max
    ratio = fine.money_scale // ladders.money_scale
    expressions = list(_rated(given, high, lasting))
    expressions += list(_joined(given, sheet, table))
    flags = ["x IS NULL", *_sql_of(refused)]
    flags += ["undecided"] if _undecided(given) else []
    flags += ["priced IS NULL"] if table is not None else []
    flags += ["ambiguous"] if freeing is not None else []
    flags += ["late"] if lasting is not None else []
    columns = ["sid", "x", f"({' OR '.join(flags)}) AS scalar", *(f"inside_{i}" for i in range(len(given.shares)))]
    cut: CutQuery | None = None
    amount_sql = f"({amount.sql})::{type_of(amount.low, amount.high)}"
    if lasting is None:
        columns.append(f"{amount_sql} AS amount")
    else:
        keys = [quoted(name) for name, _ in given.lookup.key_columns if name != "windows"]
        columns.append(f"(CASE WHEN crosses THEN NULL ELSE {amount_sql} END) AS amount")
        columns += ["begin_us", "crosses", f"{free_truth.sql} AS free", *keys]
        if freeing is not None:
            columns.append(f"{freeing.freed.sql} AS freed")
        cut = _cut(given, ladders, fine, lasting, high, freed=freeing is not None)
    expressions.append(f"priced AS {_kept(given)}({sheet.select('joined', columns)})")
    quantity_max = high * given.unit.numerator * rows_max
    amount_max = max(amount.size_max * ratio, 0 if cut is None else cut.amount_max) * rows_max
    if max(quantity_max, amount_max) > HUGEINT_MAX:
        raise TooLargeError
    tables = [item for item in (given.lookup.variant_table(f"{given.name}_variant"), table) if item is not None]
    if cut is not None:
        expressions += cut.expressions
        tables += cut.tables
        tables.append(_answer_table(given))
    return EachQuery(
        f"WITH RECURSIVE {', '.join(expressions)} {_total_sql(given, ratio, cut)}",
        tuple(tables),
        fine.money_scale,
        given.unit.denominator,
        amount_max,
        quantity_max,
        high * given.unit,
    )


def _kept(given: Writing) -> str:
    """Cut events are asked for a second time: a sorted relation is kept for that, a scan is repeated."""
    return "MATERIALIZED " if given.frees and given.cuts is not None else "NOT MATERIALIZED "


def _total_sql(given: Writing, ratio: int, cut: CutQuery | None) -> str:
    factor = given.unit.numerator
    inside = "".join(
        f", coalesce(sum(x) FILTER (inside_{i}), 0)::HUGEINT * {factor} AS inside_{i}" for i in range(len(given.shares))
    )
    summed = (
        f"SELECT sid, coalesce(sum(amount), 0)::HUGEINT * {ratio}::HUGEINT AS amount, "
        f"coalesce(sum(x), 0)::HUGEINT * {factor}::HUGEINT AS quantity, count(*) AS events, "
        f"bool_or(scalar) AS scalar{inside} FROM priced GROUP BY sid"
    )
    if cut is None:
        return summed
    shared = "".join(f", t.inside_{i}" for i in range(len(given.shares)))
    return (
        "SELECT t.sid, t.amount + coalesce(c.amount, 0)::HUGEINT AS amount, t.quantity, t.events, "
        f"(t.scalar OR coalesce(c.scalar, false)) AS scalar{shared} FROM ({summed}) t "
        "LEFT JOIN cut_events c ON t.sid = c.sid"
    )


# Reading events


def _included(given: Writing) -> Included:
    """What the rules include, and which variants include something."""
    frees = [bool(rule.free_events or rule.free_quantity) for rule in given.rules]
    variants = {answer.variant: frees[rule] for answer, rule in given.ruled}
    several = len(given.lookup.trees) > 1
    return Included(
        tuple(rule.free_events for rule in given.rules),
        tuple(rule.free_quantity for rule in given.rules),
        tuple(sorted(variant for variant, free in variants.items() if free)) if several else None,
    )


def _rated(given: Writing, high: int, lasting: Lasting | None) -> Iterator[str]:
    """The events that the charge rates; `x` is NULL where the quantity is past `high`."""
    lookup = given.lookup
    variants = lookup.variant_table(f"{given.name}_variant")
    chosen = ["sid", *(["variant"] if variants is not None else [])]
    chosen += [f"{sql} AS {quoted(name)}" for sql, name in lookup.selected]
    if given.frees:
        chosen += ["time", "id", "source"]
    if lasting is not None:
        chosen.append(f"{epoch_us_sql('time')} AS begin_us")
    chosen += [f"{sql} AS inside_{number}" for number, sql in enumerate(given.shares)]
    undecided = _undecided(given)
    if undecided is not None:
        chosen.append(f"{undecided} AS undecided")
    chosen.append(f"{_integer_sql(given.field)} AS own")
    relation = given.events.relation
    if variants is not None:
        relation = f"{relation} JOIN {quoted(variants.name)} USING (version)"
    scan = f"SELECT {', '.join(chosen)} FROM {relation} WHERE {' AND '.join(_wheres(given))}"
    found = f"SELECT *, CASE WHEN own > {high} THEN NULL ELSE greatest(own, 0::BIGINT) END AS x FROM ({scan})"
    if lasting is not None:
        found = _with_crossing(found, given, high, lasting)
    yield f"rated AS NOT MATERIALIZED ({found})"


def _undecided(given: Writing) -> str | None:
    where = given.source.where
    return None if where is None else undecided_sql(where, given.events.fields)


def _wheres(given: Writing) -> Iterator[str]:
    source, fields = given.source, given.events.fields
    yield f"event = {text_literal(source.event)}"
    if source.where is not None:
        decided, undecided = event_condition_sql(source.where, fields), undecided_sql(source.where, fields)
        # An event whose `where` cannot be decided is kept, and sends its statement to the scalar road.
        yield decided if undecided is None else f"({decided} OR {undecided})"
    if source.length is not None:
        column = fields[source.length].sql
        yield f"({column} IS NULL OR {column} > 0)"
    if given.field is not None:
        yield f"{given.field.sql} IS NOT NULL"


def _integer_sql(field: FieldColumn | None) -> str:
    """The column as a BIGINT of its last digit, NULL where it does not fit: without a step into wide integers."""
    if field is None:
        return "1::BIGINT"
    scale = field.scale
    if scale == 0:
        return f"TRY_CAST({field.sql} AS BIGINT)"
    if 2 * scale > _SHORT:
        return f"TRY_CAST({unscaled(field.sql, field.whole_digits, scale)} AS BIGINT)"
    narrow = f"TRY_CAST({field.sql} AS DECIMAL({_SHORT},{scale}))"
    if field.whole_digits + 2 * scale <= _SHORT:
        return f"({narrow} * {10**scale})::BIGINT"
    # Digits before and after the point apart, so that neither grows past a machine word.
    return (
        f"(trunc({narrow})::BIGINT * {10**scale} + (({narrow} % 1::DECIMAL({_SHORT},{scale})) * {10**scale})::BIGINT)"
    )


def _with_crossing(rows: str, given: Writing, high: int, lasting: Lasting) -> str:
    """With `crosses`, where an edge of a window may lie inside an event, and `late`, where the reach ends inside it."""
    duration = given.source.seconds * 1_000_000 * given.unit
    if high * duration.numerator + duration.denominator > BIGINT_MAX:
        raise TooLargeError
    cuts = lasting.cuts
    spanned = f"(x * {duration.numerator} + {duration.denominator - 1}) // {duration.denominator}"
    crosses = f"begin_us // {cuts.granule} <> (end_us - 1) // {cuts.granule}" if cuts.granule else "false"
    late = f"end_us > {cuts.at[-1]} OR begin_us < {cuts.start}"
    return (
        f"SELECT *, coalesce({crosses}, false) AS crosses, coalesce({late}, true) AS late "
        f"FROM (SELECT *, begin_us + {spanned} AS end_us FROM ({rows}))"
    )


# The prices of events


def _price_table(given: Writing, sheet: Sheet) -> SmallTable | None:
    """The numbers of prices by the keys of the lookup; None where one price is for everything."""
    if given.lookup.is_constant:
        return None
    columns = [*given.lookup.key_columns, *((item.name, item.type_) for item in sheet.parameters)]
    return small_table(
        f"{given.name}_price",
        (*columns, ("priced", "BOOLEAN")),
        (
            (*given.lookup.cells_of(answer), *(item.values[rule] for item in sheet.parameters), True)
            for answer, rule in given.ruled
        ),
    )


def _answer_table(given: Writing) -> SmallTable:
    """The row and the number of the price by the keys of the lookup, for cut events."""
    return small_table(
        f"{given.name}_answer",
        (*given.lookup.key_columns, ("row", "INTEGER"), ("price", "INTEGER")),
        ((*given.lookup.cells_of(answer), answer.row, rule) for answer, rule in given.ruled),
    )


def _joined(given: Writing, sheet: Sheet, table: SmallTable | None) -> Iterator[str]:
    if table is None:
        joined = "SELECT * FROM rated"
    else:
        numbers = "".join(f", p.{item.name}" for item in sheet.parameters)
        joined = (
            f"SELECT r.*{numbers}, p.priced FROM rated r LEFT JOIN {quoted(table.name)} p "
            f"ON {given.lookup.join_sql('r', 'p')}"
        )
    if given.frees:
        told = ["own", *(quoted(name) for name, _ in given.lookup.key_columns)]
        joined = in_order_sql(joined, _included(given), given.unit, told)
    yield f"joined AS NOT MATERIALIZED ({joined})"


# Events that are cut


def _cut(given: Writing, ladders: Ladders, fine: Ladders, lasting: Lasting, high: int, *, freed: bool) -> CutQuery:
    size = int(given.unit * fine.quantity_scale)
    type_ = type_of(0, high * size)
    keys = [quoted(name) for name, _ in given.lookup.key_columns if name != "windows"]
    found = [
        f"w.{quoted(name)} IS NOT DISTINCT FROM a.{quoted(name)}"
        for name, _ in given.lookup.key_columns
        if name != "windows"
    ]
    finer = fine.quantity_scale // ladders.quantity_scale
    return cut_query(
        fine,
        lasting,
        high * size,
        f"x::{type_} * {size}::{type_}",
        f"freed::{type_} * {finer}::{type_}" if freed else "0",
        keys,
        f"{given.name}_answer",
        " AND ".join(found) or "true",
        given.name,
    )


def _sql_of(truth: Truth) -> list[str]:
    return [] if truth.known is False else [truth.sql]

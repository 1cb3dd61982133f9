"""Events that last, cut at the edges of windows: `evaluators.each` on the few events that hold such an edge.

The edges of a run are one small table. An event that may hold one is walked from edge to edge by a recursive query, a
step of the recursion an edge; its row is the one that the windows open just before the edge choose, and a started step
moves the cut to its end. All other events are priced whole, by the row of their start.

Positions count in integers of the fine scale, over which every microsecond of an event is whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import gcd
from zoneinfo import ZoneInfo

from ...records import Record
from ..condition import Comparison
from ..period import Period
from ..schedule import Mode
from ..window import Window, contains, intervals
from .event_ladder import Ladders, Stretch, bounded_event, climb, started
from .number import (
    ZERO,
    Integer,
    Truth,
    choose,
    compare,
    greatest,
    least,
    literal,
    multiply,
    not_below_zero,
    subtract,
    type_of,
)
from .quoting import quoted
from .sheet import Sheet
from .table import SmallTable, small_table
from .windows import epoch_us


class Cuts(Record):
    """The instants at which windows open or close, in microseconds since 1970, and which are open before each.

    The last one is the end of the reach, past which nothing is known. `windows_open` are sums of the lookup's bits.
    """

    at: tuple[int, ...]
    windows_open: tuple[int, ...]
    start: int

    @property
    def granule(self) -> int:
        """All edges are whole multiples of so many microseconds; zero where there are none."""
        return gcd(*self.at[:-1]) if len(self.at) > 1 else 0

    @property
    def span_max(self) -> int:
        """Nothing inside the reach lasts longer."""
        return self.at[-1] - self.start


def cuts_of(names: Sequence[str], windows: Mapping[str, Window], reach: Period, zone: ZoneInfo) -> Cuts:
    """The edges of these windows inside the reach; their bits are in the order of the names."""
    inner = {
        edge
        for name in names
        for interval in intervals(windows[name], reach, zone)
        for edge in (interval.start, interval.end)
        if reach.start < edge < reach.end
    }
    edges = [reach.start, *sorted(inner)]
    masks = [sum(1 << bit for bit, name in enumerate(names) if contains(windows[name], edge, zone)) for edge in edges]
    at = (*(epoch_us(edge) for edge in edges[1:]), epoch_us(reach.end))
    return Cuts(at, tuple(masks), epoch_us(reach.start))


class Lasting(Record):
    """How long a quantity lasts, over the fine scale: `microseconds` of one integer."""

    cuts: Cuts
    microseconds: Fraction

    @property
    def units(self) -> int:
        """The integers that one microsecond is."""
        assert self.microseconds.numerator == 1, "the fine scale holds every microsecond"
        return self.microseconds.denominator


class CutQuery(Record):
    """The common table expressions after `priced`, the last of which is `cut_events` (`sid`, `amount`, `scalar`)."""

    expressions: tuple[str, ...]
    tables: tuple[SmallTable, ...]
    amount_max: int


def cut_query(
    ladders: Ladders,
    lasting: Lasting,
    quantity_max: int,
    quantity_sql: str,
    freed_sql: str,
    keys: Sequence[str],
    answers: str,
    join: str,
    name: str,
) -> CutQuery:
    """The cut events of `priced` (`sid`, `begin_us`, `keys`, `crosses`, `scalar`, `free` and what expressions name).

    `quantity_sql` and `freed_sql` are integers over the fine scale; `join` joins a relation `w` with the keys and
    `windows` to the table `answers` (as `a`), which has `row` and `price`, the number of a price in `ladders`.
    Raises `TooLargeError`.
    """
    type_ = type_of(0, quantity_max)
    cut_name, ends_name, climb_name, bound_name = (f"{name}_{part}" for part in ("cut", "ends", "climb", "bound"))
    listed = "".join(f", {key}" for key in keys)
    crossing = (
        f"crossing AS (SELECT row_number() OVER () AS n, p.sid, p.begin_us{''.join(f', p.{key}' for key in keys)}, "
        f"({quantity_sql})::{type_} AS w, ({freed_sql})::{type_} AS freed, c.k FROM priced p "
        f"ASOF JOIN {quoted(cut_name)} c ON p.begin_us < c.edge_us WHERE p.crosses AND NOT p.free AND NOT p.scalar)"
    )
    step, ends = _step_sql(ladders, lasting, quantity_max, type_, keys, cut_name, answers, join, ends_name)
    walk = (
        f"walk AS (SELECT n, begin_us{listed}, w, k, 0::{type_} AS s, 0::{type_} AS e, NULL::INTEGER AS row, "
        f"NULL::INTEGER AS price FROM crossing UNION ALL {step})"
    )
    pieces = (
        "piece AS (SELECT n, row, price, min(s) AS s, max(e) AS e FROM (SELECT *, sum(turns) OVER (PARTITION BY n "
        "ORDER BY s) AS island FROM (SELECT *, CASE WHEN lag(row) OVER (PARTITION BY n ORDER BY s) = row THEN 0 ELSE 1 "
        "END AS turns FROM walk WHERE e > s)) GROUP BY n, island, row, price)"
    )
    climbed, climb_table, piece_max = _climb_sql(ladders, quantity_max, climb_name)
    event = (
        "cut_event AS (SELECT n, sum(amount) AS amount, bool_or(scalar) AS scalar, arg_min(price, s) AS price "
        f"FROM ({climbed}) GROUP BY n)"
    )
    # Pieces end at edges, so that no event has more of them than there are edges.
    most = piece_max * (len(lasting.cuts.at) + 1)
    bounded, bound_table, amount_max = _bound_sql(ladders, most, bound_name)
    total = (
        f"cut_events AS (SELECT sid, sum(amount) AS amount, bool_or(scalar) AS scalar FROM ({bounded}) b "
        "JOIN crossing USING (n) GROUP BY sid)"
    )
    cut_table = small_table(
        cut_name,
        (("k", "INTEGER"), ("edge_us", "BIGINT"), ("windows", "BIGINT")),
        ((index, at, mask) for index, (at, mask) in enumerate(_rows(lasting.cuts))),
    )
    tables = tuple(table for table in (cut_table, ends, climb_table, bound_table) if table is not None)
    return CutQuery((crossing, walk, pieces, event, total), tables, amount_max)


def _rows(cuts: Cuts) -> list[tuple[int, int]]:
    """The edges; the last stands past the reach, so that every event finds an edge after its start."""
    return list(zip((*cuts.at[:-1], cuts.at[-1] + 1), cuts.windows_open, strict=True))


def _step_sql(
    ladders: Ladders,
    lasting: Lasting,
    quantity_max: int,
    type_: str,
    keys: Sequence[str],
    cut_name: str,
    answers: str,
    join: str,
    ends_name: str,
) -> tuple[str, SmallTable | None]:
    """One step of the walk: from where the last piece ended to the next edge, or to the end of a step begun there."""
    sheet = Sheet(len(ladders.prices))
    position, whole = Integer("p", 0, quantity_max), Integer("w", 0, quantity_max)
    span = Integer("(edge_us - begin_us)", 1, lasting.cuts.span_max + 1)
    edge = sheet.let(multiply(span, literal(lasting.units)))
    end = _end_of_piece(sheet, ladders, position, whole, edge)
    listed = "".join(f", w.{key}" for key in keys)
    plain = "".join(f", {key}" for key in keys)
    # The clock shows whole microseconds: a position between two of them is at the earlier one.
    passed = f"edge_us <= begin_us + p // {lasting.units}"
    joined = (
        f"SELECT w.n, w.begin_us{listed}, w.w, w.k, w.e AS p, c.edge_us, a.row, a.price{_columns('t', sheet)} "
        f"FROM (SELECT * FROM walk WHERE e < w) w JOIN {quoted(cut_name)} c ON c.k = w.k "
        f"LEFT JOIN {quoted(answers)} a ON {join} AND a.windows = c.windows"
    )
    table = _parameters(ends_name, sheet)
    if table is not None:
        joined += f" LEFT JOIN {quoted(ends_name)} t ON t.price = a.price"
    columns = [
        f"n, begin_us{plain}, w, k + 1 AS k, p AS s",
        f"(CASE WHEN {passed} THEN p WHEN row IS NULL THEN w ELSE {end.sql} END)::{type_} AS e",
        "row",
        "price",
    ]
    return sheet.select(f"({joined})", columns), table


def _end_of_piece(sheet: Sheet, ladders: Ladders, position: Integer, whole: Integer, edge: Integer) -> Integer:
    """Where a row stops pricing, of an event that goes on past the edge: `each._end_of_piece`."""
    past = whole.high
    low, step = ZERO, literal(1)
    for index in reversed(range(ladders.depth)):
        lows, steps, tops, limits = [], [], [], []
        for schedule in ladders.schedules:
            graduated = schedule.mode is Mode.GRADUATED
            band = schedule.bands[min(index, len(schedule.bands) - 1)]
            last = index >= len(schedule.bands) - 1
            lows.append(min(ladders.low(schedule, min(index, len(schedule.bands) - 1)), past) if graduated else 0)
            steps.append(band.step or 1)
            # The band that holds the edge decides on a graduated ladder, that of the whole quantity on others.
            upper = past if last or band.upper is None else min(band.upper, past)
            tops.append(upper if graduated else past)
            limits.append(past if graduated or last or band.upper is None else upper - (not band.inclusive))
        if index == ladders.depth - 1:
            low, step = sheet.integers(lows), sheet.integers(steps)
            continue
        of_edge = compare(edge, Comparison.LESS, sheet.integers(tops))
        of_whole = compare(whole, Comparison.LESS_OR_EQUAL, sheet.integers(limits))
        graduated_truth = sheet.truths([schedule.mode is Mode.GRADUATED for schedule in ladders.schedules])
        if graduated_truth.known is None:
            here = Truth(f"(CASE WHEN {graduated_truth.sql} THEN {of_edge.sql} ELSE {of_whole.sql} END)", None)
            here = Truth(here.sql, None, max(of_edge.depth, of_whole.depth, graduated_truth.depth))
        else:
            here = of_edge if graduated_truth.known else of_whole
        low = choose(here, sheet.integers(lows), low)
        step = choose(here, sheet.integers(steps), step)
    foot = sheet.let(greatest(position, sheet.let(low)))
    gap = sheet.let(not_below_zero(subtract(edge, foot)))
    reached = foot
    steps_taken = started(sheet, gap, sheet.let(step))
    reached = sheet.let(_sum(foot, multiply(steps_taken, step)))
    ended = choose(compare(edge, Comparison.GREATER_OR_EQUAL, whole), whole, least(reached, whole))
    return sheet.let(Integer(ended.sql, 0, past, ended.depth))


def _sum(left: Integer, right: Integer) -> Integer:
    return subtract(left, subtract(ZERO, right))


def _climb_sql(ladders: Ladders, quantity_max: int, name: str) -> tuple[str, SmallTable | None, int]:
    """What each piece costs on the ladder of its row."""
    sheet = Sheet(len(ladders.prices))
    start, end, whole, freed = (Integer(column, 0, quantity_max) for column in ("s", "e", "w", "freed"))
    # What is included comes off before the bands: the rest begins at the foot of the ladder.
    from_ = sheet.let(not_below_zero(subtract(start, freed)))
    to = sheet.let(not_below_zero(subtract(end, freed)))
    rest = sheet.let(not_below_zero(subtract(whole, freed)))
    amount, refused = climb(sheet, ladders, Stretch(to, rest, from_))
    counts = compare(to, Comparison.GREATER, from_)
    source = f"SELECT piece.*, crossing.w, crossing.freed{_columns('t', sheet)} FROM piece JOIN crossing USING (n)"
    table = _parameters(name, sheet)
    if table is not None:
        source += f" LEFT JOIN {quoted(name)} t ON t.price = piece.price"
    amount_here = choose(counts, amount, ZERO)
    type_ = type_of(amount_here.low, amount_here.high)
    columns = [
        "n",
        "s",
        "price",
        f"({amount_here.sql})::{type_} AS amount",
        f"(price IS NULL OR ({counts.sql} AND {refused.sql})) AS scalar",
    ]
    return sheet.select(f"({source})", columns), table, amount_here.size_max


def _bound_sql(ladders: Ladders, most: int, name: str) -> tuple[str, SmallTable | None, int]:
    """The whole event with the floor, ceiling and rounding of the row that prices its start."""
    sheet = Sheet(len(ladders.prices))
    amount = bounded_event(sheet, ladders, Integer(f"amount::{type_of(-most, most)}", -most, most))
    table = _parameters(name, sheet)
    source = f"SELECT cut_event.*{_columns('t', sheet)} FROM cut_event"
    if table is not None:
        source += f" LEFT JOIN {quoted(name)} t ON t.price = cut_event.price"
    type_ = type_of(amount.low, amount.high)
    return sheet.select(f"({source})", ["n", f"({amount.sql})::{type_} AS amount", "scalar"]), table, amount.size_max


def _parameters(name: str, sheet: Sheet) -> SmallTable | None:
    """The constants of prices as a table by `price`; None where all prices have the same."""
    if not sheet.parameters:
        return None
    columns = (("price", "INTEGER"), *((item.name, item.type_) for item in sheet.parameters))
    return small_table(
        name, columns, ((price, *(item.values[price] for item in sheet.parameters)) for price in range(sheet.size))
    )


def _columns(alias: str, sheet: Sheet) -> str:
    return "".join(f", {alias}.{item.name}" for item in sheet.parameters)

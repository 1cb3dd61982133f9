"""What a charge that is pooled in time order asks of its events, as SQL: turns added up by combination."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import lcm
from typing import TypeAlias

from ...records import Record
from ..plan import Meter, Program
from .columns import EventColumns
from .metering import Usage, case_sql
from .number import Number, UnfitError, literal, multiply
from .sheet import Sheet
from .time_order import Above, AskedTurns, Entering, Rung, Started, TurnsKey
from .turns import TurnsQuery, time_order_sql, turns_scale

Edge: TypeAlias = tuple[int, int, str]
"""A combination and a band of it by their numbers, and which of the band's numbers: `low`, `high` or `step`."""


class Bounds(Record):
    """`sql` is a SELECT of `sid`, edges and steps of every statement's ladders and `free_0`, … of each combination, all
    whole numbers over `scale`; `names` are the columns, None for zero and for no end."""

    sql: str
    scale: int
    names: Mapping[Edge, str | None]


def bounds_query(
    sheet: Sheet,
    source: str,
    asked: AskedTurns,
    meter: Meter,
    columns: EventColumns,
    quantity_digits: tuple[int, int] | None,
) -> Bounds:
    """The query over a family's statements for the ladders of one charge."""
    numbers = list(_numbers(asked.rungs))
    freed = asked.freed or ()
    every = [*(number for _, number in numbers), *freed]
    if any(number.under is not None for number in every):
        raise UnfitError("a ladder in order of time, of which a width or an included quantity is a ratio")
    scale = lcm(turns_scale(meter, columns, quantity_digits), *(number.scale for number in every))

    def whole(number: Number) -> str:
        return f"({multiply(number.top, literal(scale // number.scale)).sql})::HUGEINT"

    names: dict[Edge, str | None] = {}
    known: dict[str, str] = {}
    for edge, number in numbers:
        names[edge] = None if number.top.constant == 0 else known.setdefault(whole(number), f"edge_{len(known)}")
    selected = ["sid", *(f"{sql} AS {name}" for sql, name in known.items())]
    selected += [f"{whole(number)} AS free_{place}" for place, number in enumerate(freed)]
    return Bounds(sheet.select(source, selected), scale, names)


def _numbers(rungs: Sequence[Sequence[Rung]]) -> Iterator[tuple[Edge, Number]]:
    for combination, own in enumerate(rungs):
        for band, rung in enumerate(own):
            yield (combination, band, "low"), rung.low
            if rung.high is not None:
                yield (combination, band, "high"), rung.high
            if rung.step is not None:
                yield (combination, band, "step"), rung.step


def turns_query(
    program: Program,
    usage: Usage,
    columns: EventColumns,
    asked: AskedTurns,
    bounds: Bounds,
    bounds_table: str,
    quantity_digits: tuple[int, int] | None,
) -> TurnsQuery:
    """The turns, of which `k0` is the number of the combination. Raises `UnfitError` or `TooLargeError`."""
    cases = " ".join(
        f"WHEN {case_sql(program, own, usage, columns)} THEN {number}" for number, own in enumerate(asked.cases)
    )
    freed = None
    if asked.freed is not None:
        rows = (f"SELECT sid, {number} AS k0, free_{number} AS freed FROM {bounds_table}" for number in _places(asked))
        freed = f"({' UNION ALL '.join(rows)})"
    meter = program.meters[asked.meter]
    key = f"(CASE {cases} END)::INTEGER"
    return time_order_sql(meter, columns, [key], scale=bounds.scale, freed=freed, quantity_digits=quantity_digits)


def _places(asked: AskedTurns) -> range:
    return range(len(asked.cases))


def open_sql(asked: AskedTurns, bounds: Bounds, turns: str, bounds_table: str) -> str:
    """The statements (`sid`) that the table of turns leaves to the scalar evaluator.

    Where usage of one instant has no known order, that matters if a band or a step begins inside of what it puts on
    the ladder together.
    """
    refused = f"SELECT sid FROM {turns} WHERE ambiguous"
    tied = f"SELECT sid FROM {turns} WHERE tied"
    if any(kind == "step" for _, _, kind in bounds.names):
        return f"{refused} UNION {tied}"
    tests = ["low = 0"] if any(own and own[0].once for own in asked.rungs) else []
    tests += [f"({name} >= low AND {name} < high)" for name in sorted({name for name in bounds.names.values() if name})]
    if not tests:
        return refused
    blocks = (
        f"SELECT sid, min(low) AS low, max(high) AS high FROM {turns} WHERE sid IN ({tied}) "
        "GROUP BY sid, us, oid, osource HAVING min(k0) <> max(k0)"
    )
    return f"{refused} UNION SELECT sid FROM ({blocks}) JOIN {bounds_table} USING (sid) WHERE {' OR '.join(tests)}"


def sums_sql(
    asked: AskedTurns, bounds: Bounds, turns: str, bounds_table: str, prefix: str
) -> tuple[str, Mapping[TurnsKey, tuple[str, int]]]:
    """A SELECT of `sid` and a whole number for each answer, by its column and scale, over the table of turns."""
    inner: dict[str, str] = {}
    answers: dict[TurnsKey, tuple[str, int]] = {}
    outer: list[str] = []
    for combination, own in enumerate(asked.rungs):
        for band, rung in enumerate(own):
            wanted: list[tuple[TurnsKey, int, str]] = []
            if band:
                wanted.append((Above(asked.charge, combination, band), bounds.scale, _above(asked, bounds, band)))
            if rung.step is not None:
                wanted.append((Started(asked.charge, combination, band), 1, _started(asked, bounds, band)))
            if rung.once:
                # On a ladder whose band is that of the whole, every band is entered at the foot of the ladder.
                at = 0 if rung.foot else band
                wanted.append((Entering(asked.charge, combination, at), 1, _entering(asked, bounds, at)))
            for key, scale, sql in wanted:
                if key in answers:
                    continue
                column = f"{prefix}_{len(answers)}"
                name = inner.setdefault(sql, f"s_{len(inner)}")
                outer.append(f"max({name}) FILTER (WHERE k0 = {combination}) AS {column}")
                answers[key] = (column, scale)
    if not answers:
        return "", {}
    summed = ", ".join(f"{sql} AS {name}" for sql, name in inner.items())
    grouped = f"SELECT sid, k0, {summed} FROM {turns} JOIN {bounds_table} USING (sid) GROUP BY sid, k0"
    return f"SELECT sid, {', '.join(outer)} FROM ({grouped}) GROUP BY sid", answers


def _above(asked: AskedTurns, bounds: Bounds, band: int) -> str:
    edge = _edge(asked, bounds, band, "low", "0")
    return f"sum(greatest(high - greatest(low, {edge}), 0::HUGEINT))"


def _started(asked: AskedTurns, bounds: Bounds, band: int) -> str:
    foot, step = _edge(asked, bounds, band, "low", "0"), _edge(asked, bounds, band, "step", "1")
    top = _edge(asked, bounds, band, "high", "NULL")

    def reached(position: str) -> str:
        # What has no top is left out of `least`.
        inside = f"greatest(least({position}, {top}) - {foot}, 0::HUGEINT)"
        return f"(({inside} + {step} - 1::HUGEINT) // {step})"

    return f"sum({reached('high')} - {reached('low')})"


def _entering(asked: AskedTurns, bounds: Bounds, band: int) -> str:
    edge = _edge(asked, bounds, band, "low", "0")
    return f"max((low <= {edge} AND {edge} < high)::INTEGER)"


def _edge(asked: AskedTurns, bounds: Bounds, band: int, kind: str, otherwise: str) -> str:
    """A bound of the band, by the combination of the row."""
    absent = f"{otherwise}::HUGEINT"
    own = [bounds.names.get((number, band, kind)) or absent for number in _places(asked)]
    if len(set(own)) == 1:
        return own[0]
    return f"(CASE k0 {' '.join(f'WHEN {number} THEN {name}' for number, name in enumerate(own))} END)"

"""Statements as values again, from the tables that a run left them in; for people, who read few of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from ...engine.derivation import Place, Role, given
from ...engine.period import DateRange
from ...engine.plan import Program
from ...engine.statement import Labels, Line, LineKind, Statement

if TYPE_CHECKING:
    import duckdb

_PAGE: Final = 1_000
_HEADS: Final = (
    'SELECT sid, account, plan, start, "end", part_start, part_end, total, due FROM statement_head '
    "JOIN statement_period USING (period) JOIN statement_total USING (sid) "
    "WHERE sid IN (SELECT unnest(?::INTEGER[])) ORDER BY sid"
)
_LINES: Final = (
    'SELECT sid, id, kind, label, unit, because, source, included, coalesce(own."by", line_info."by"), '
    'coalesce(own.applied_to, line_info.applied_to), amount, quantity, exact, start, "end" FROM ({lines}) AS own '
    "JOIN line_info USING (info) LEFT JOIN line_days USING (days) ORDER BY sid, ord"
)
_OPTIONAL: Final = {"exact": "VARCHAR", "by": "VARCHAR", "applied_to": "VARCHAR", "days": "INTEGER"}


def statements_of(
    connection: duckdb.DuckDBPyConnection, program: Program, condition: str = "true"
) -> Iterator[Statement]:
    """The statements of which `condition` holds in `statement_head`, in the order of output.

    They say all that is written of a statement: neither derivations, nor what did not apply, nor covered days.
    """
    zone = ZoneInfo(program.zone)
    found = connection.execute(f"SELECT sid FROM statement_head WHERE {condition} ORDER BY sid").fetchall()
    lines_query = _LINES.format(lines=_own_lines(connection))
    for first in range(0, len(found), _PAGE):
        page = [[row[0] for row in found[first : first + _PAGE]]]
        lines: dict[int, list[Line]] = {}
        for sid, *cells in connection.execute(lines_query, page).fetchall():
            lines.setdefault(sid, []).append(_line(program, zone, *cells))
        for sid, account, plan, start, end, part_start, part_end, total, due in connection.execute(
            _HEADS, page
        ).fetchall():
            yield Statement(
                ruleset=program.name,
                ruleset_hash=program.hash,
                account=account,
                plan=plan,
                plan_labels=Labels(plan),
                start=_instant(start, zone),
                end=_instant(end, zone),
                money=program.money,
                lines=tuple(lines.get(sid, ())),
                not_applied=(),
                total=total,
                due=due,
                ruleset_labels=program.labels,
                part_of=None if part_start is None else (_instant(part_start, zone), _instant(part_end, zone)),
            )


def _own_lines(connection: duckdb.DuckDBPyConnection) -> str:
    """The lines of a page of statements, with every column that `line` may have."""
    known = connection.sql("SELECT * FROM line").columns
    missing = "".join(f', CAST(NULL AS {type_}) AS "{name}"' for name, type_ in _OPTIONAL.items() if name not in known)
    return f"SELECT *{missing} FROM line WHERE sid IN (SELECT unnest(?::INTEGER[]))"


def _instant(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).astimezone(zone)


def _line(program: Program, zone: ZoneInfo, *cells: Any) -> Line:
    name, kind, label, unit, because, source, included, by, on, amount, quantity, exact, start, end = cells
    file, _, number = source.rpartition(":")
    value = exact if exact is not None else quantity
    return Line(
        name,
        LineKind.INCLUDED_TAX if included else LineKind(kind),
        Labels(label),
        amount,
        given(Role.AMOUNT, program.money.fraction(amount)),
        Place(file, int(number), 0, 0),
        quantity=None if value is None else Fraction(value),
        unit=unit,
        by=tuple(json.loads(by).items()) if by else (),
        on=tuple(json.loads(on)) if on else (),
        because=because,
        days=None if start is None else DateRange(_instant(start, zone).date(), _instant(end, zone).date()),
    )

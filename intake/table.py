"""A statement as a table of text for a terminal of 80 columns; wide characters take two."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from ..diagnostics import display_width
from ..engine.period import add_months
from ..engine.statement import Line, LineKind, Statement
from ..money import approximate_text, decimal_text, grouped

_WIDTH: Final = 80
_LABEL_WIDTH_MIN: Final = 24
_GAP: Final = 2


def statement_table(statement: Statement) -> str:
    """A heading, a row per line, the total and what is due. Long labels are cut, amounts never."""
    money = statement.money
    rows = [(_label(line, statement), _quantity(line), grouped(money.text(line.amount))) for line in statement.lines]
    ends = [("Total", "", grouped(money.text(statement.total)))]
    if statement.due != statement.total:
        ends.append(("Due", "", grouped(money.text(statement.due))))
    quantity_width = max(display_width(row[1]) for row in rows + ends)
    amount_width = max(display_width(row[2]) for row in rows + ends)
    label_width = max(_LABEL_WIDTH_MIN, _WIDTH - quantity_width - amount_width - 2 * _GAP)
    widths = (label_width, quantity_width, amount_width)
    heading = f"{statement.account} on {statement.plan}, {_period(statement)}, {money.currency.code}"
    rule = "-" * (sum(widths) + 2 * _GAP)
    body = [_row(row, widths) for row in rows] or ["(no lines)"]
    return "\n".join([heading, rule, *body, rule, *(_row(row, widths) for row in ends)]) + "\n"


def _label(line: Line, statement: Statement) -> str:
    days = [] if line.days is None else [_days(*statement.period_of(line))]
    values = ", ".join([*(value for _, value in line.by), *days])
    label = f"{line.labels.default} ({values})" if values else line.labels.default
    return f"{label} (included)" if line.kind is LineKind.INCLUDED_TAX else label


def _quantity(line: Line) -> str:
    return "" if line.quantity is None else f"{_number(line.quantity)} {line.unit}".rstrip()


def _number(value: Fraction) -> str:
    exact = decimal_text(value)
    return f"~{grouped(approximate_text(value, 6))}" if exact is None else grouped(exact)


def _period(statement: Statement) -> str:
    days = _days(statement.start, statement.end)
    return days if statement.part_of is None else f"{days} (part of {_days(*statement.part_of)})"


def _days(begins: datetime, ends: datetime) -> str:
    """`2026-03` for a calendar month, otherwise the first and the last day."""
    start, last = begins.date(), ends.date() - timedelta(days=1)
    if start.day == 1 and add_months(start, 1) == ends.date():
        return f"{start:%Y-%m}"
    return start.isoformat() if start == last else f"{start} to {last}"


def _row(cells: tuple[str, str, str], widths: tuple[int, int, int]) -> str:
    label, quantity, amount = cells
    gap = " " * _GAP
    left = _cut(label, widths[0])
    return gap.join(
        (
            left + " " * (widths[0] - display_width(left)),
            " " * (widths[1] - display_width(quantity)) + quantity,
            " " * (widths[2] - display_width(amount)) + amount,
        )
    )


def _cut(text: str, width: int) -> str:
    if display_width(text) <= width:
        return text
    return "".join(_prefix(text, width - 1)) + "…"


def _prefix(text: str, width: int) -> Iterator[str]:
    for character in text:
        width -= display_width(character)
        if width < 0:
            return
        yield character

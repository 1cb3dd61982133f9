"""The rows of a breakdown as text: labels left, quantities and amounts right, decimal marks in one column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..diagnostics import display_width
from .breakdown import Row, RowKind
from .columns import pad_left, pad_right, two_columns, wrap

_GAP: Final = "  "
_LABEL_MIN: Final = 14


def worksheet(rows: Sequence[Row], width: int, *, indent: int = 0) -> tuple[str, ...]:
    """The lines of a block of rows, none wider than `width`."""
    amounts = [row.amount + " " * len(row.trail) for row in rows]
    amount_width = max((display_width(amount) for amount in amounts), default=0)
    worked = [row for row in rows if row.quantity or row.rate]
    quantity_width = max((display_width(row.quantity) for row in worked), default=0)
    rate_width = max((display_width(row.rate) for row in worked), default=0)
    label_width = max((display_width(row.label) for row in worked), default=0)
    room = width - indent - amount_width - quantity_width - rate_width - 3 * len(_GAP)
    label_width = min(label_width, room)
    beside = label_width >= min(_LABEL_MIN, max((display_width(row.label) for row in worked), default=0))
    lines: list[str] = []
    for row, amount in zip(rows, amounts, strict=True):
        if row.quantity or row.rate:
            if beside:
                lines.extend(_beside(row, amount, label_width, quantity_width, width, indent))
            else:
                lines.extend(_stacked(row, amount, width, indent))
        elif row.kind is RowKind.SUM and amount:
            label_room = width - indent - amount_width - len(_GAP)
            *above, last = wrap(row.label, max(label_room, 1))
            lines.extend(" " * indent + pad_left(line, label_room) for line in above)
            lines.append(" " * indent + pad_left(last, label_room) + _GAP + pad_left(amount, amount_width))
        else:
            lines.extend(two_columns(row.label, pad_left(amount, amount_width), width, indent=indent).split("\n"))
        if row.note:
            lines.extend(" " * (indent + 2) + line for line in wrap(row.note, width - indent - 2))
    return tuple(line.rstrip() for line in lines)


def _beside(row: Row, amount: str, label_width: int, quantity_width: int, width: int, indent: int) -> list[str]:
    *above, last = wrap(row.label, max(label_width, 1)) if row.label else ("",)
    working = pad_left(row.quantity, quantity_width) + (_GAP + row.rate if row.rate else "")
    left = (pad_right(last, label_width) + _GAP if label_width else "") + working
    head = " " * indent + left
    return [*(" " * indent + line for line in above), pad_right(head, width - display_width(amount)) + amount]


def _stacked(row: Row, amount: str, width: int, indent: int) -> list[str]:
    label = [" " * indent + line for line in wrap(row.label, width - indent)] if row.label else []
    working = f"{row.quantity} {row.rate}".strip()
    return [*label, *two_columns(working, amount, width, indent=indent + 2).split("\n")]

"""Prices, bands and tables: from productions to nodes. A table's cells get their meaning from their columns here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...diagnostics import Diagnostic, Edit, Label, Span
from .. import syntax as s
from .build import Action, Build, Part, constant, first, named, part
from .leaves import annotations_of

# Prices


def _rate_of(parts: Sequence[Any], span: Span) -> s.Rate:
    price = parts[0]
    if isinstance(price, s.Percent) or named(parts, "each"):
        return s.Rate(span=span, price=price, each=named(parts, "each") is not None)
    return s.Rate(
        span=span,
        price=price,
        started=named(parts, "started") is not None,
        per_number=first(parts, s.Number),
        per_unit=first(parts, s.Name),
        steps=first(parts, s.Quantity),
    )


def _rate(_: Build, parts: list[Any], span: Span) -> s.Rate:
    return _rate_of(parts, span)


def _once(_: Build, parts: list[Any], span: Span) -> Part:
    return Part("once", span, (parts[0], named(parts, "if_used") is not None))


def _with_once(rate: s.Rate, parts: Sequence[Any], span: Span) -> s.AtPrice:
    once = named(parts, "once")
    money, if_used = once.value if once else (None, False)
    return s.AtPrice(span=span, rate=rate, once=money, if_used=if_used)


def _at_price(_: Build, parts: list[Any], span: Span) -> s.AtPrice:
    return _with_once(parts[0], parts, span)


def _for_price(_: Build, parts: list[Any], span: Span) -> s.ForPrice:
    return s.ForPrice(span=span, money=parts[0], if_used=named(parts, "if_used") is not None)


def _rate_cell(_: Build, parts: list[Any], span: Span) -> s.AtPrice:
    own = [item for item in parts if not (isinstance(item, Part) and item.kind == "once")]
    last = own[-1].span if not isinstance(own[-1], str) else span
    return _with_once(_rate_of(own, span.to(last)), parts, span)


# Bands


def _band_head(word: s.BandWord) -> Action:
    return lambda _, parts, span: s.BandHead(span=span, word=word, width=parts[0] if parts else None)


def _per_days(build: Build, parts: list[Any], span: Span) -> Part:
    term: s.Term = parts[0]
    if term.unit is not s.TermUnit.DAY:
        build.report(
            Diagnostic(
                "RB1001",
                f"a width can depend on days, not on {term.unit.value}s",
                span,
                hints=("write `per day`, or `per account.…` for an attribute",),
            )
        )
    return Part("per_days", span, s.Number(span=term.span, digits=str(term.count)))


def _per_meter(_: Build, parts: list[Any], span: Span) -> Part:
    step, meter = parts
    return Part("per_meter", span, (as_quantity(step), meter))


def as_quantity(step: Any) -> s.Quantity:
    """`kW`, `day` and `15 min` after `per`, each as a number with a unit."""
    match step:
        case s.Quantity():
            return step
        case s.Term(span=span, count=count, unit=unit):
            name = s.Name(span=span, text=unit.value)
            return s.Quantity(span=span, number=s.Number(span=span, digits=str(count)), unit=name)
        case _:
            return s.Quantity(span=step.span, number=s.Number(span=step.span, digits="1"), unit=step)


def _width(_: Build, parts: list[Any], span: Span) -> s.Width:
    days, meter, attribute = (named(parts, kind) for kind in ("per_days", "per_meter", "per_attribute"))
    return s.Width(
        span=span,
        amount=parts[0],
        per_days=days.value if days else None,
        per_meter=meter.value if meter else None,
        per_attribute=attribute.value if attribute else None,
        prorated=named(parts, "prorated") is not None,
    )


def _band(build: Build, parts: list[Any], span: Span) -> s.Band:
    return s.Band(span=span, head=parts[0], price=parts[1], annotations=annotations_of(build, parts))


# Tables


def _range(low: bool, high: bool, low_included: bool = True, high_included: bool = False) -> Action:
    def make(_: Build, parts: list[Any], span: Span) -> s.RangeKey:
        return s.RangeKey(
            span=span,
            low=parts[0] if low else None,
            high=parts[-1] if high else None,
            low_included=low_included,
            high_included=high_included,
        )

    return make


def _head_row(_: Build, parts: list[Any], span: Span) -> Part:
    return Part("head_row", span, tuple(column_of(part) for part in parts))


def column_of(head: Any) -> s.Column:
    """The column of a cell of the first row."""
    return s.BandColumn(span=head.span, head=head) if isinstance(head, s.BandHead) else head


def _key_column(_: Build, parts: list[Any], span: Span) -> s.KeyColumn:
    return s.KeyColumn(span=span, field=parts[0], prefix=span.end > parts[0].span.end)


def _table(build: Build, parts: list[Any], span: Span) -> s.Table:
    head: Part = parts[0]
    columns: tuple[s.Column, ...] = head.value
    rows: list[s.Row] = []
    for row in parts[1:]:
        if len(row.value) != len(columns):
            build.report(_wrong_count(row, head, columns))
            continue
        cells = [cell_of(build, cell, column) for cell, column in zip(row.value, columns, strict=True)]
        if REFUSED not in cells:
            rows.append(s.Row(span=row.span, cells=tuple(cells)))
    if len(parts) == 1 and not build.mended:
        build.report(
            Diagnostic("RB1108", "this table has a header but no rows", head.span, hints=("add a row for each price",))
        )
    return s.Table(span=span, columns=columns, rows=tuple(rows))


def _wrong_count(row: Part, head: Part, columns: Sequence[s.Column]) -> Diagnostic:
    have, want = len(row.value), len(columns)
    more = "too many" if have > want else "too few"
    return Diagnostic(
        "RB1107",
        f"this row has {have} cell{'s' * (have != 1)}, and the header has {want}",
        row.span,
        here=f"{more} cells",
        labels=(Label(head.span, f"{want} columns"),),
        hints=("an empty cell still has its bars: `| |`",) if have < want else ("delete a cell or add a column",),
    )


REFUSED = object()


def cell_of(build: Build, cell: Any, column: s.Column) -> Any:
    """What a cell is in its column; `REFUSED`, with a finding, where it does not fit."""
    match column:
        case s.KeyColumn():
            return _key_cell(build, cell)
        case s.AmountColumn():
            return _amount_cell(build, cell, column)
        case _:
            return _price_cell(build, cell)


def _single(cell: Any) -> Any:
    values: tuple[Any, ...] = cell.value if isinstance(cell, Part) and cell.kind == "values" else ()
    return values[0] if len(values) == 1 else None


def _key_cell(build: Build, cell: Any) -> Any:
    if isinstance(cell, Part) and cell.kind == "values":
        return s.ValuesKey(span=cell.span, values=cell.value)
    if isinstance(cell, s.RangeKey | s.AnyKey | s.OtherwiseKey):
        return cell
    what = "is empty" if isinstance(cell, Part) else "holds a price"
    build.report(
        Diagnostic(
            "RB1001",
            f"this cell {what}, but its column says for which values the row is",
            cell.span,
            hints=("write a value, `us, eu`, `from 10 below 20`, `any` or `otherwise`",),
        )
    )
    return REFUSED


def _amount_cell(build: Build, cell: Any, column: s.AmountColumn) -> Any:
    if isinstance(cell, Part) and cell.kind == "empty":
        return None
    value = _single(cell)
    if isinstance(value, s.Money):
        return value
    if isinstance(value, s.Number):
        build.report(bare_number(build, value))
    else:
        build.report(Diagnostic("RB1001", f"the column `{column.kind.value}` holds money or nothing", cell.span))
    return REFUSED


def _price_cell(build: Build, cell: Any) -> Any:
    if isinstance(cell, s.AtPrice | s.ForPrice):
        return cell
    value = _single(cell)
    match value:
        case s.Name(text="free"):
            return s.FreePrice(span=cell.span)
        case s.Name(text="refused"):
            return s.RefusedPrice(span=cell.span)
        case s.Percent():
            return s.AtPrice(span=cell.span, rate=s.Rate(span=cell.span, price=value))
        case s.Money():
            build.report(without_unit(value))
        case s.Number():
            build.report(bare_number(build, value))
        case _:
            build.report(
                Diagnostic(
                    "RB1001",
                    "a price has to stand in this cell",
                    cell.span,
                    hints=("write `$0.09 per GB`, `$0.01 each`, `2.9%`, `for $5`, `free` or `refused`",),
                )
            )
    return REFUSED


def without_unit(money: s.Money) -> Diagnostic:
    """Money as a price that does not say for how much."""
    written = f"{money.symbol}{money.digits}" if money.symbol else f"{money.digits} {money.code}"
    return Diagnostic(
        "RB1114",
        f"the price {written} does not say what it is for",
        money.span,
        hints=(
            f"write `{written} per …` with a unit, or `{written} each`",
            f"or `for {written}` if it does not depend on how much is used",
        ),
    )


_SYMBOLS = {"USD": "$", "CNY": "¥", "JPY": "¥", "EUR": "€", "GBP": "£"}


def as_money(build: Build, digits: str) -> str:
    """How a bare number would be written as money of the ruleset."""
    symbol = _SYMBOLS.get(build.currency)
    if symbol:
        return f"-{symbol}{digits[1:]}" if digits.startswith("-") else f"{symbol}{digits}"
    return f"{digits} {build.currency}" if build.currency else f"${digits}"


def bare_number(build: Build, number: s.Number) -> Diagnostic:
    """A number where money belongs."""
    written = as_money(build, number.digits)
    edits = (Edit(number.span, written),) if build.currency else ()
    return Diagnostic("RB1104", "a bare number is never money", number.span, hints=(f"write `{written}`",), edits=edits)


def _prices_from(_: Build, parts: list[Any], span: Span) -> s.PricesFrom:
    return s.PricesFrom(span=span, paths=tuple(parts))


ACTIONS: dict[str, Action] = {
    "rate": _rate,
    "effect_rate": _rate,
    "per_one": part("each"),
    "started": part("started"),
    "steps": lambda _build, parts, _span: parts[0],
    "once": _once,
    "if_used": part("if_used"),
    "at_price": _at_price,
    "for_price": _for_price,
    "free_price": lambda _build, _parts, span: s.FreePrice(span=span),
    "refused_price": lambda _build, _parts, span: s.RefusedPrice(span=span),
    "band_first": _band_head(s.BandWord.FIRST),
    "band_next": _band_head(s.BandWord.NEXT),
    "band_up_to": _band_head(s.BandWord.UP_TO),
    "band_below": _band_head(s.BandWord.BELOW),
    "band_above": _band_head(s.BandWord.ABOVE),
    "width": _width,
    "per_days": _per_days,
    "per_meter": _per_meter,
    "per_attribute": part("per_attribute"),
    "band": _band,
    "table": _table,
    "head_row": _head_row,
    "key_column": _key_column,
    "price_column": lambda _build, _parts, span: s.PriceColumn(span=span),
    "amount_column": lambda _, parts, span: s.AmountColumn(span=span, kind=s.AmountColumnKind(parts[0])),
    "row": lambda _, parts, span: Part("row", span, tuple(parts)),
    "empty_cell": part("empty"),
    "any_cell": lambda _build, _parts, span: s.AnyKey(span=span),
    "otherwise_cell": lambda _build, _parts, span: s.OtherwiseKey(span=span),
    "values_cell": lambda _, parts, span: Part("values", span, tuple(parts)),
    "rate_cell": _rate_cell,
    "range_from": _range(low=True, high=False),
    "range_from_below": _range(low=True, high=True),
    "range_from_up_to": _range(low=True, high=True, high_included=True),
    "range_below": _range(low=False, high=True),
    "range_up_to": _range(low=False, high=True, high_included=True),
    "range_above": _range(low=True, high=False, low_included=False),
    "range_above_below": _range(low=True, high=True, low_included=False),
    "range_above_up_to": _range(low=True, high=True, low_included=False, high_included=True),
    "prices_from": _prices_from,
    "band_mode": lambda _build, parts, _span: s.BandMode(parts[0]),
    "pooled_row_order": constant(s.Pooling.ROW_ORDER),
    "pooled_share": constant(s.Pooling.SHARE),
    "pooled_time_order": constant(s.Pooling.TIME_ORDER),
    "counted_from_start": constant(s.CountedPer.YEAR_FROM_START),
    "counted_calendar": constant(s.CountedPer.CALENDAR_YEAR),
}

"""From nodes to their canonical words: each function gives a piece of one line. Layout is the matter of `format`.

Over 400 lines, because it is one flat function for each kind of node, and they call each other."""

from __future__ import annotations

import re
from typing import assert_never

from . import syntax as s

_BARE_COUNTRY = re.compile(r"[A-Z]{2}-[A-Z0-9]+")
_BARE_ZONE = re.compile(r"[A-Za-z_]+(?:[-/+]\w+)*")
_UNQUOTABLE = re.compile(r'["\n]')


# Leaves


def digits(plain: str) -> str:
    """Digits with thousands commas from 1,000 on."""
    sign = "-" if plain.startswith("-") else ""
    whole, point, decimals = plain.removeprefix("-").partition(".")
    groups = [whole[max(end - 3, 0) : end] for end in range(len(whole), 0, -3)]
    return sign + ",".join(reversed(groups)) + point + decimals


def text(node: s.Text) -> str:
    return f'"{_UNQUOTABLE.sub(" ", node.text)}"'


def label(node: s.Text | None) -> str:
    return f" {text(node)}" if node is not None else ""


def number(node: s.Number) -> str:
    return digits(node.digits)


def money(node: s.Money) -> str:
    if node.code:
        return f"{digits(node.digits)} {node.code}"
    sign, size = ("-", node.digits[1:]) if node.digits.startswith("-") else ("", node.digits)
    return f"{sign}{node.symbol}{digits(size)}"


def percent(node: s.Percent) -> str:
    return f"{digits(node.digits)}%"


def quantity(node: s.Quantity) -> str:
    return number(node.number) + (f" {node.unit.text}" if node.unit is not None else "")


def time(node: s.Time) -> str:
    minutes, seconds = divmod(node.seconds, 60)
    clock = f"{minutes // 60:02}:{minutes % 60:02}"
    return f"{clock}:{seconds:02}" if seconds else clock


def account_field(node: s.AccountField) -> str:
    return f"account.{node.name.text}"


def value(node: s.Operand | s.AccountField) -> str:
    """Anything that may stand as a value or in a condition."""
    match node:
        case s.Name():
            return node.text
        case s.Text():
            return text(node)
        case s.Number():
            return number(node)
        case s.Money():
            return money(node)
        case s.Percent():
            return percent(node)
        case s.Quantity():
            return quantity(node)
        case s.Date():
            return node.iso
        case s.Boolean():
            return "yes" if node.value else "no"
        case s.AccountField():
            return account_field(node)
        case s.UsageOf():
            return f"usage of {node.meter.text}"
        case s.AmountOfLine():
            return f"amount of {node.line.text}"
        case s.Month():
            return "month"
        case _:
            assert_never(node)


def names(nodes: tuple[s.Name, ...]) -> str:
    return ", ".join(node.text for node in nodes)


def length_of_time(node: s.Term) -> str:
    """`1 month`, `12 months`: so long, where nothing says `per`."""
    return f"1 {node.unit.value}" if node.count == 1 else term(node)


def term(node: s.Term) -> str:
    """`month`, `12 months`: after `per`."""
    return node.unit.value if node.count == 1 else f"{digits(str(node.count))} {node.unit.value}s"


def dating(node: s.Dating | None) -> str:
    if node is None:
        return ""
    parts = [("from", node.start), ("before", node.before), ("through", node.through)]
    return "".join(f" {word} {date.iso}" for word, date in parts if date is not None)


def rounding(node: s.RoundMoney) -> str:
    unit = f" to {money(node.unit)}" if node.unit is not None else ""
    return unit + (f" {node.mode.value}" if node.mode is not None else "")


def time_zone(node: s.Text) -> str:
    return node.text if _BARE_ZONE.fullmatch(node.text) else text(node)


# Fields and conditions


def field(node: s.Field) -> str:
    default = f", default {value(node.default)}" if node.default is not None else ""
    return f"{node.name.text}: {field_type(node.type)}{', optional' if node.optional else ''}{default}"


def field_type(node: s.FieldType) -> str:
    match node:
        case s.NumberType():
            return "number" + (f" of {node.unit.text}" if node.unit is not None else "")
        case s.MoneyType():
            return "money"
        case s.TextType():
            return "text"
        case s.DateType():
            return "date"
        case s.YesNoType():
            return "yes or no"
        case s.OneOfType():
            return "one of " + ", ".join(value(choice) for choice in node.values)
        case _:
            assert_never(node)


def condition(node: s.Condition) -> str:
    match node:
        case s.Compare():
            return f"{value(node.left)} {node.comparison.value} {value(node.right)}"
        case s.IsOneOf():
            word = "is not one of" if node.negated else "is one of"
            return f"{value(node.left)} {word} {', '.join(value(each) for each in node.values)}"
        case s.IsKnown():
            return f"{value(node.left)} {'is not known' if node.negated else 'is known'}"
        case s.PeriodStartsIn():
            return f"period starts in {node.window.text}"
        case s.Holds():
            return value(node.operand)
        case s.And():
            return " and ".join(_inside(part, (s.And, s.Or)) for part in node.parts)
        case s.Or():
            return " or ".join(_inside(part, (s.Or,)) for part in node.parts)
        case s.Not():
            return f"not {_inside(node.part, (s.And, s.Or))}"
        case _:
            assert_never(node)


def _inside(node: s.Condition, bracketed: tuple[type[s.Node], ...]) -> str:
    return f"({condition(node)})" if isinstance(node, bracketed) else condition(node)


# Meters and windows


def aggregation(node: s.Aggregation) -> str:
    if node.kind is s.AggregationKind.PERCENTILE:
        return f"{node.rank}{_ordinal(node.rank)} percentile"
    return str(node.kind.value)


def _ordinal(rank: str) -> str:
    if rank.endswith(("11", "12", "13")):
        return "th"
    return {"1": "st", "2": "nd", "3": "rd"}.get(rank[-1:], "th")


def meter(node: s.Meter) -> str:
    parts = [f"meter {node.name.text}{label(node.label)}: {measure(node)}"]
    if node.where is not None:
        parts.append(f"where {condition(node.where)}")
    if node.unit:
        parts.append("in " + " ".join(unit.text for unit in node.unit))
    if node.by_day is not None:
        parts.append(node.by_day.value)
    if node.each_rounding is not None:
        parts.append(f"each rounded {round_quantity(node.each_rounding)}")
    if node.each_minimum is not None:
        parts.append(f"each at least {quantity(node.each_minimum)}")
    if node.rounding is not None:
        parts.append(f"rounded {round_quantity(node.rounding)}")
    return " ".join(parts)


def round_quantity(node: s.RoundQuantity) -> str:
    return f"{node.mode.value} to {quantity(node.unit)}"


def measure(node: s.Meter) -> str:
    word, event = aggregation(node.aggregation), node.event.text
    match node.value:
        case None:
            return f"{word} of {event}"
        case s.Name():
            between = " " if node.aggregation.kind is s.AggregationKind.UNIQUE else " of "
            return f"{word}{between}{node.value.text} of {event}"
        case s.Level():
            per = f" per {node.value.per.text}" if node.value.per is not None else ""
            return f"{word} of {node.value.kind.value} {node.value.field.text} of {event}{per}"
        case s.InnerAggregation():
            return f"{word} of {_inner(node.value, event)}"
        case _:
            assert_never(node.value)


def _inner(node: s.InnerAggregation, event: str) -> str:
    what = ""
    if node.level is not None:
        per = f" per {node.level.per.text}" if node.level.per is not None else ""
        what = f" of {node.level.kind.value} {node.level.field.text}{per}"
    elif node.field is not None:
        between = " " if node.aggregation.kind is s.AggregationKind.UNIQUE else " of "
        what = f"{between}{node.field.text}"
    days = " of days with usage" if node.days_with_usage else ""
    return f"{aggregation(node.aggregation)}{what} of {event} per {quantity(node.interval)}{days}"


def window(node: s.WindowExpression) -> str:
    match node:
        case s.DaySpan():
            return _days(node)
        case s.HolidaySpan():
            bare = isinstance(node.country, s.Name) or _BARE_COUNTRY.fullmatch(node.country.text)
            country = node.country.text if bare else value(node.country)
            named = f" named {', '.join(text(name) for name in node.names)}" if node.names else ""
            return f"holidays of {country}{named}"
        case s.MonthSpan():
            first, last = s.MONTHS[node.first - 1], s.MONTHS[node.last - 1]
            return first if node.first == node.last else f"{first} to {last}"
        case s.MonthDaySpan():
            first, last = (f"{s.MONTHS[month - 1]} {day}" for month, day in (node.first, node.last))
            return first if first == last else f"{first} to {last}"
        case s.DateSpan():
            if node.before is not None:
                return f"from {node.start.iso} before {node.before.iso}"
            return node.start.iso + (f" through {node.through.iso}" if node.through is not None else "")
        case s.WindowName():
            return node.name.text
        case s.WindowUnion():
            return ", ".join(window(part) for part in node.parts)
        case s.WindowIntersection():
            return " and ".join(window(part) for part in node.parts)
        case s.WindowDifference():
            return f"{window(node.whole)} except {window(node.removed)}"
        case _:
            assert_never(node)


def _days(node: s.DaySpan) -> str:
    ranges = [
        s.WEEKDAYS[first] if first == last else f"{s.WEEKDAYS[first]} to {s.WEEKDAYS[last]}"
        for first, last in node.ranges
    ]
    days = ", ".join(ranges) or "daily"
    if node.start is None or node.end is None:
        return days
    return f"{days} {time(node.start)} to {time(node.end)}"


# Prices


def rate(node: s.Rate) -> str:
    price = money(node.price) if isinstance(node.price, s.Money) else percent(node.price)
    if node.each:
        return f"{price} each"
    parts = [number(node.per_number)] if node.per_number is not None else []
    if node.per_unit is not None:
        parts.append(node.per_unit.text)
    if not parts:
        return price
    steps = f" in steps of {quantity(node.steps)}" if node.steps is not None else ""
    return f"{price} per {'started ' if node.started else ''}{' '.join(parts)}{steps}"


def price(node: s.Price, *, in_cell: bool = False) -> str:
    match node:
        case s.AtPrice():
            once = f" plus {money(node.once)} once{' if used' if node.if_used else ''}" if node.once else ""
            return f"{'' if in_cell else 'at '}{rate(node.rate)}{once}"
        case s.ForPrice():
            return f"for {money(node.money)}{' if used' if node.if_used else ''}"
        case s.FreePrice():
            return "free"
        case s.RefusedPrice():
            return "refused"
        case _:
            assert_never(node)


def band_head(node: s.BandHead) -> str:
    return node.word.value + (f" {width(node.width)}" if node.width is not None else "")


def width(node: s.Width) -> str:
    words = money(node.amount) if isinstance(node.amount, s.Money) else quantity(node.amount)
    if node.per_days is not None:
        days = number(node.per_days)
        words += " per day" if days == "1" else f" per {days} days"
    elif node.per_meter is not None:
        step, of = node.per_meter
        words += f" per {per_step(step)} of {of.text}"
    elif node.per_attribute is not None:
        words += f" per {account_field(node.per_attribute)}"
    return words + (" prorated by day" if node.prorated else "")


def per_step(step: s.Quantity) -> str:
    """`kW` and not `1 kW`, but `1` where no unit stands."""
    if step.number.digits == "1" and step.unit is not None:
        return step.unit.text
    return quantity(step)


def column(node: s.Column) -> str:
    match node:
        case s.KeyColumn():
            return value(node.field) + (" prefix" if node.prefix else "")
        case s.PriceColumn():
            return "price"
        case s.BandColumn():
            return band_head(node.head)
        case s.AmountColumn():
            return node.kind.value
        case _:
            assert_never(node)


def cell(node: s.Key | s.Price | s.Money | None) -> str:
    match node:
        case None:
            return ""
        case s.Money():
            return money(node)
        case s.ValuesKey():
            return ", ".join(value(each) for each in node.values)
        case s.AnyKey():
            return "any"
        case s.OtherwiseKey():
            return "otherwise"
        case s.RangeKey():
            return _range(node)
        case _:
            return price(node, in_cell=True)


def _range(node: s.RangeKey) -> str:
    parts = []
    if node.low is not None:
        parts.append(f"{'from' if node.low_included else 'above'} {value(node.low)}")
    if node.high is not None:
        parts.append(f"{'up to' if node.high_included else 'below'} {value(node.high)}")
    return " ".join(parts)


# Policies


def money_operand(node: s.MoneyOperand) -> str:
    return money(node) if isinstance(node, s.Money) else account_field(node)


def _bound(bound: s.Quantity | s.AccountField | None, above: bool) -> str:
    return f" {'above' if above else 'below'} {value(bound)}" if bound is not None else ""


def effect(node: s.Effect) -> str:
    match node:
        case s.PercentOff():
            during = f" during {node.during.text}" if node.during is not None else ""
            return f"{percent(node.percent)} off {names(node.targets.names)}{during}"
        case s.MoneyOff():
            return f"{money_operand(node.money)} off {names(node.targets.names)}"
        case s.UnitsFree():
            return f"{quantity(node.quantity)} of {node.meter.text} free"
        case s.AddMoney():
            return money_operand(node.money)
        case s.AddPercent():
            of = names(node.of.names) if isinstance(node.of, s.Targets) else account_field(node.of)
            return f"{percent(node.percent)} of {of}{_per_attribute(node.per)}"
        case s.AddPerUnit():
            return f"{rate(node.rate)} of {value(node.of)}{_bound(node.bound, node.above)}"
        case _:
            assert_never(node)


def _per_attribute(node: s.PerAttribute | None) -> str:
    if node is None:
        return ""
    return f" per {per_step(node.step)} of {account_field(node.attribute)}{_bound(node.bound, node.above)}"


def givens(nodes: tuple[s.Given, ...]) -> str:
    return ", ".join(f"{node.name.text} {value(node.value)}" for node in nodes)

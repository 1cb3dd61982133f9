"""From declarations to the rows of their canonical text: which line stands where in which block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from ..diagnostics import display_width
from . import syntax as s
from . import wording as w


@dataclass(frozen=True, slots=True)
class Row:
    """One line: the depth of its block, its words, and the offset in the source where it was read."""

    level: int
    text: str
    offset: int


Block: TypeAlias = list[list[Row]]
"""The parts of a block, each a line with what stands below it; written in the order of the source."""


def rows_of(declaration: s.Declaration) -> list[Row]:
    """The rows of a top-level declaration."""
    match declaration:
        case s.Import():
            return [_row(declaration, f"import {w.text(declaration.path)}")]
        case s.Header():
            return _header(declaration)
        case s.UnitDeclaration(name=name, multiple=multiple):
            more = f" = {w.quantity(multiple)}" if multiple is not None else ""
            return _with_notes(declaration, f"unit {name.text}{more}", declaration.annotations)
        case s.AccountDeclaration():
            return _opened(declaration, "account", [_field(field) for field in declaration.fields])
        case s.EventDeclaration():
            return _event(declaration)
        case s.Meter():
            return _with_notes(declaration, w.meter(declaration), declaration.annotations)
        case s.WindowDeclaration(name=name, label=label, expression=expression):
            text = f"window {name.text}{w.label(label)}: {w.window(expression)}"
            return _with_notes(declaration, text, declaration.annotations)
        case s.Plan() | s.Contract():
            return _plan_or_contract(declaration)
        case s.Card():
            return _card(declaration)
        case s.Policy():
            return _policy(declaration)
        case s.Tax():
            return _tax(declaration)
        case s.Example():
            return _example(declaration)
        case s.Combination() | s.Promise() | s.CostOf() | s.Allow():
            return [_row(declaration, _one_line(declaration))]
        case _:
            assert_never(declaration)


def _row(node: s.Node, text: str) -> Row:
    return Row(0, text, node.span.start)


def _indented(rows: Iterable[Row]) -> Iterator[Row]:
    return (Row(row.level + 1, row.text, row.offset) for row in rows)


def _block(head: Row, parts: Block) -> list[Row]:
    ordered = sorted((part for part in parts if part), key=lambda part: part[0].offset)
    return [head, *_indented(row for part in ordered for row in part)]


def _opened(node: s.Node, text: str, parts: Block) -> list[Row]:
    """A line that ends in a colon and its block."""
    return _block(_row(node, f"{text}:"), parts)


def _with_notes(node: s.Node, text: str, annotations: s.Annotations | None) -> list[Row]:
    """A line that is complete, and its annotations."""
    return _block(_row(node, text), _notes(annotations))


def _notes(annotations: s.Annotations | None) -> Block:
    if annotations is None:
        return []
    parts = []
    for label in annotations.labels:
        language = f" {label.language}" if label.language else ""
        parts.append([_row(label, f"label{language} {w.text(label.text)}")])
    if annotations.because is not None:
        parts.append([_row(annotations.because, f"because {w.text(annotations.because)}")])
    if annotations.source is not None:
        parts.append([_row(annotations.source, f"source {w.text(annotations.source)}")])
    return parts


def _whens(whens: Sequence[s.When]) -> Block:
    return [[_row(when, f"when {w.condition(when.condition)}")] for when in whens]


def _header(node: s.Header) -> list[Row]:
    settings: list[tuple[s.Node | None, str]] = [
        (node.currency, f"currency {node.currency.text}" if node.currency else ""),
        (node.time_zone, f"time zone {w.time_zone(node.time_zone)}" if node.time_zone else ""),
        (node.round_line, f"round each line{w.rounding(node.round_line)}" if node.round_line else ""),
        (node.round_total, f"round total{w.rounding(node.round_total)}" if node.round_total else ""),
    ]
    parts = [[_row(setting, text)] for setting, text in settings if setting is not None]
    parts += _notes(node.annotations)
    text = f"ruleset {node.name.text}{w.label(node.label)}"
    return _opened(node, text, parts) if parts else [_row(node, text)]


def _field(node: s.Field) -> list[Row]:
    return _with_notes(node, w.field(node), node.annotations)


def _event(node: s.EventDeclaration) -> list[Row]:
    lasting = f" lasting {node.lasting.text}" if node.lasting is not None else ""
    text = f"event {node.name.text}{lasting}"
    if not node.fields:
        return _with_notes(node, text, node.annotations)
    return _opened(node, text, [*(_field(field) for field in node.fields), *_notes(node.annotations)])


# Plans


def _plan_or_contract(node: s.Plan | s.Contract) -> list[Row]:
    parts: Block = []
    if isinstance(node, s.Plan):
        text = f"plan {node.name.text}{w.label(node.label)}{w.dating(node.dating)}"
        parts += [_plan_item(item) for item in node.items]
    else:
        text = f"contract {node.name.text}{w.label(node.label)} extends {node.extends.text}{w.dating(node.dating)}"
        parts += [_contract_item(item) for item in node.items]
    parts += _notes(node.annotations)
    return _opened(node, text, parts) if parts else [_row(node, text)]


def _contract_item(node: s.ContractItem) -> list[Row]:
    match node:
        case s.Remove():
            return [_row(node, f"remove {node.name.text}")]
        case s.Replace():
            return _prefixed(node, "replace", _plan_item(node.item))
        case s.Add():
            rows = _policy(node.item) if isinstance(node.item, s.Policy) else _plan_item(node.item)
            return _prefixed(node, "add", rows)
        case _:
            assert_never(node)


def _prefixed(node: s.Node, word: str, rows: list[Row]) -> list[Row]:
    return [_row(node, f"{word} {rows[0].text}"), *rows[1:]]


def _plan_item(node: s.PlanItem) -> list[Row]:
    match node:
        case s.Billing():
            every = f"every {w.digits(str(node.months))} months" if node.months is not None else node.unit.value
            return [_row(node, f"billed {every}{' from start' if node.from_start else ''}")]
        case s.DatedByLine():
            return [_row(node, node.dated_by.value)]
        case s.Charge():
            return _charge(node)
        case s.Fee():
            return _block(_row(node, _fee(node)), [*_whens(node.when), *_notes(node.annotations)])
        case s.Include():
            per = f" per {w.term(node.term)}" if node.term is not None else ""
            text = f"include {w.quantity(node.quantity)} of {node.meter.text}{per}{_prorated(node.prorated)}"
            return _with_notes(node, text, node.annotations)
        case s.PlanBound():
            of = f" of {w.names(node.lines)}" if node.lines else ""
            text = f"{node.kind.value} {w.money(node.money)}{of}{_prorated(node.prorated)}"
            return _with_notes(node, text, node.annotations)
        case _:
            assert_never(node)


def _prorated(prorated: bool) -> str:
    return " prorated by day" if prorated else ""


def _fee(node: s.Fee) -> str:
    per_unit = f" per {node.per_unit.text}" if node.per_unit is not None else ""
    words = f"fee {node.name.text}{w.label(node.label)} {w.money(node.money)}{per_unit} per {w.term(node.term)}"
    if node.multiplier is not None:
        words += f" for {w.account_field(node.multiplier)}"
    if node.in_advance:
        words += " in advance"
    if node.proration is not s.FeeProration.BY_DAY:
        words += f" {node.proration.value}"
    return words + (f" after {w.length_of_time(node.trial)}" if node.trial is not None else "")


def _charge(node: s.Charge) -> list[Row]:
    words = f"charge {node.name.text}{w.label(node.label)}{_source(node.source)}"
    if node.by:
        words += f" by {', '.join(w.value(field) for field in node.by)}"
    words += " first match" if node.first_match else ""
    for mode in (node.mode, node.pooling, node.counted):
        words += f" {mode.value}" if mode is not None else ""
    words += _prorated(node.prorated)
    parts: Block = [
        *(_charge_bound(bound) for bound in node.bounds),
        *(_charge_include(include) for include in node.includes),
        *_whens(node.when),
        *_notes(node.annotations),
    ]
    if node.round_event is not None:
        parts.append([_row(node.round_event, f"round each event{w.rounding(node.round_event.rounding)}")])
    match node.prices:
        case s.BandList(bands=bands):
            return _opened(node, words, [*(_band(band) for band in bands), *parts])
        case s.Table():
            return _opened(node, words, [_table(node.prices), *parts])
        case s.PricesFrom(paths=paths):
            one_line = "prices from " + " then ".join(w.text(path) for path in paths)
        case None:
            return _opened(node, words, parts)
        case _:
            one_line = w.price(node.prices)
    beside_others = node.bounds or node.includes or node.round_event
    if beside_others or (parts and isinstance(node.prices, s.PricesFrom)):
        return _opened(node, words, [[_row(node.prices, one_line)], *parts])
    return _block(_row(node, f"{words}: {one_line}"), parts)


def _source(node: s.ChargeSource | None) -> str:
    match node:
        case None:
            return ""
        case s.MeterSource():
            return f" of {node.meter.text}"
        case s.AttributeSource():
            return f" of {w.account_field(node.attribute)}"
        case s.AmountSource():
            return f" of amount of {w.names(node.lines)}"
        case s.EachSource():
            where = f" where {w.condition(node.where)}" if node.where is not None else ""
            return f" of each {node.event.text}{where}"
        case _:
            assert_never(node)


def _band(node: s.Band) -> list[Row]:
    return _with_notes(node, f"{w.band_head(node.head)} {w.price(node.price)}", node.annotations)


def _charge_bound(node: s.ChargeBound) -> list[Row]:
    scope = f" {node.scope.value}" if node.scope is not s.BoundScope.WHOLE else ""
    text = f"{node.kind.value} {w.money(node.money)}{scope}{_prorated(node.prorated)}"
    return _with_notes(node, text, node.annotations)


def _charge_include(node: s.ChargeInclude) -> list[Row]:
    if isinstance(node.amount, s.Money):
        amount = w.money(node.amount)
    else:
        amount = f"{w.number(node.amount)} event{'s' * (node.amount.digits != '1')}"
    return _with_notes(node, f"include {amount}", node.annotations)


def _table(node: s.Table) -> list[Row]:
    """The columns aligned by the width that they take on a screen."""
    lines = [[w.column(column) for column in node.columns]]
    lines += [[w.cell(cell) for cell in row.cells] for row in node.rows]
    widths = [max(display_width(line[index]) for line in lines) for index in range(len(node.columns))]
    offsets = [node.span.start, *(row.span.start for row in node.rows)]
    rows = []
    for line, offset in zip(lines, offsets, strict=True):
        cells = [cell + " " * (width - display_width(cell)) for cell, width in zip(line, widths, strict=True)]
        rows.append(Row(0, "| " + " | ".join(cells) + " |", offset))
    return rows


# Cards, policies, examples


def _card(node: s.Card) -> list[Row]:
    parts = _notes(node.annotations)
    if node.worth is not None:
        parts.append([_row(node.worth, f"worth {w.money(node.worth)}")])
    if node.price is not None:
        parts.append([_row(node.price, f"price {w.money(node.price)}")])
    if node.valid is not None:
        parts.append([_row(node.valid, f"valid {w.length_of_time(node.valid)}")])
    return _opened(node, f"card {node.name.text}{w.label(node.label)}", [*parts, *_pays(node, parts)])


def _pays(node: s.Card, parts: Block) -> Block:
    """A card that pays everything says so, at the end if it did not say where."""
    last = max((part[0].offset for part in parts), default=node.name.span.start)
    at = node.pays_span.start if node.pays_span is not None else last
    return [[Row(0, f"pays {w.names(node.pays) or 'everything'}", at)]]


def _policy_head(node: s.Policy | s.Tax, included: bool = False) -> str:
    plans = f" for {w.names(node.plans)}" if node.plans else ""
    return f"{node.name.text}{w.label(node.label)}{' included' * included}{w.dating(node.dating)}{plans}"


def _policy(node: s.Policy) -> list[Row]:
    at_most = f", at most {w.money_operand(node.at_most)}" if node.at_most is not None else ""
    effect = f"{w.effect(node.effect)}{at_most}"
    head = f"{node.kind.value} {_policy_head(node)}"
    notes = [*_whens(node.when), *_notes(node.annotations)]
    return _opened(node, head, [[_row(node.effect, effect)], *notes])


def _tax(node: s.Tax) -> list[Row]:
    base = f"{w.percent(node.percent)} of {w.names(node.of.names)}"
    head = f"tax {_policy_head(node, node.included)}"
    notes = [*_whens(node.when), *_notes(node.annotations)]
    return _opened(node, head, [[_row(node.percent, base)], *notes])


def _example(node: s.Example) -> list[Row]:
    since = f" since {node.since.iso}" if node.since is not None else ""
    head = f"example {w.text(node.title)} on {node.plan.text}{since} in {node.period.iso}"
    if not node.items:  # the word alone makes a block
        return _opened(node, head, [[_row(node, "unreviewed")]])
    head += " unreviewed" if node.unreviewed else ""
    return _opened(node, head, [[_row(item, _example_item(item))] for item in node.items])


def _example_item(node: s.ExampleItem) -> str:
    match node:
        case s.AccountGiven():
            return f"account {w.givens(node.values)}"
        case s.UsageGiven():
            amount = w.money(node.quantity) if isinstance(node.quantity, s.Money) else w.quantity(node.quantity)
            values = f", {w.givens(node.values)}" if node.values else ""
            period = f" in {node.period.iso}" if node.period is not None else ""
            return f"usage {node.meter.text} {amount}{values}{period}"
        case s.EventGiven():
            values = f" {w.givens(node.values)}" if node.values else ""
            return f"event {node.date.iso} {w.time(node.time)} {node.event.text}{values}"
        case s.CardGiven():
            bought = f" bought {node.bought.iso}" if node.bought is not None else ""
            left = f" left {w.money(node.left)}" if node.left is not None else ""
            return f"card {node.name.text}{bought}{left}"
        case s.ExpectAmount():
            where = f" where {w.givens(node.where)}" if node.where else ""
            return f"expect {node.line.text}{where} {w.money(node.money)}"
        case s.ExpectNo():
            where = f" where {w.givens(node.where)}" if node.where else ""
            return f"expect no {node.line.text}{where}"
        case s.ExpectError():
            return f"expect error {node.code.text}"
        case _:
            assert_never(node)


def _one_line(node: s.Combination | s.Promise | s.CostOf | s.Allow) -> str:
    match node:
        case s.Combination():
            kind = {"discount": "discounts", "offer": "offers", "penalty": "penalties"}[node.kind.value]
            return f"{kind} combine {node.rule.value}"
        case s.CostOf():
            return f"cost of {node.meter.text}: {w.rate(node.rate)}"
        case s.Allow():
            return f"allow {node.code.text} because {w.text(node.because)}"
        case s.Promise():
            return f"promise {_claim(node.claim)}"
        case _:
            assert_never(node)


def _claim(node: s.MoreNeverCostsLess | s.NeverCostsMore | s.MarginAtLeast) -> str:
    match node:
        case s.MoreNeverCostsLess():
            return f"more {node.meter.text} never costs less"
        case s.NeverCostsMore():
            return f"{node.cheaper.text} never costs more than {node.dearer.text}"
        case s.MarginAtLeast():
            return f"margin on {node.meter.text} is at least {w.percent(node.percent)}"
        case _:
            assert_never(node)

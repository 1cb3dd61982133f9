"""The explanation of a statement: a text that reads like a patient accountant, a page, and a tree for machines.

All three show the derivation that the computation left behind; nothing is worked out again here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ..diagnostics import Source, display_width
from ..engine.derivation import Op, Step
from ..engine.statement import Line, LineKind, Statement, TurningPoint
from .breakdown import decimals, exact
from .columns import pad_left, pad_right, printable, two_columns, wrap
from .document import Fact, InvoiceOptions, LineView, RuleView
from .excerpt import excerpt
from .language import Language, english
from .render import render, wrap_indented
from .statement import line_views, period_text
from .worksheet import worksheet

SCHEMA: Final = "ratebook.explanation/1"
WIDTH: Final = 100


@dataclass(frozen=True, slots=True)
class SumView:
    """A row of the reckoning at the end: `kind` is a kind of line, `total` or `due`."""

    kind: str
    label: str
    amount: str
    note: str


@dataclass(frozen=True, slots=True)
class NotAppliedView:
    """What did nothing, and why."""

    id: str
    label: str
    reason: str
    place: str


@dataclass(frozen=True, slots=True)
class ExplanationView:
    """A whole explanation as finished strings."""

    language: str
    direction: str
    account: str
    facts: tuple[Fact, ...]
    lines: tuple[LineView, ...]
    sums: tuple[SumView, ...]
    not_applied: tuple[NotAppliedView, ...]
    ahead: tuple[str, ...]
    calculated_from: str
    ruleset_hash: str


def explained_lines(statement: Statement, line: str | None) -> tuple[int, ...]:
    """The indexes of the lines that an explanation of one line shows: its rows and what acts on it; all for None."""
    return tuple(
        index for index, found in enumerate(statement.lines) if line is None or found.id == line or line in found.on
    )


def explain_text(
    statement: Statement,
    sources: Mapping[str, Source],
    *,
    line: str | None = None,
    turning_points: Sequence[TurningPoint] = (),
    language: Language | None = None,
) -> str:
    """The explanation as text of at most 100 columns; with `line`, of that line and what acts on it alone."""
    language = language or english()
    page = explanation_view(statement, sources, line=line, turning_points=turning_points, language=language)
    return "\n".join(text.rstrip() for text in _text(page, language)).strip("\n") + "\n"


def explain_html(
    statement: Statement,
    sources: Mapping[str, Source],
    *,
    line: str | None = None,
    turning_points: Sequence[TurningPoint] = (),
    language: Language | None = None,
) -> str:
    """The explanation as one HTML file."""
    language = language or english()
    page = explanation_view(statement, sources, line=line, turning_points=turning_points, language=language)
    return render("explain.html.j2", page=page, words=language.words)


def explanation_view(
    statement: Statement,
    sources: Mapping[str, Source],
    *,
    line: str | None,
    turning_points: Sequence[TurningPoint],
    language: Language,
) -> ExplanationView:
    """What a page or a text of an explanation says."""
    words = language.words
    views = line_views(statement, InvoiceOptions(language=language), sources)
    chosen = explained_lines(statement, line)
    plan = printable(statement.plan_labels.in_language(language.code)) or printable(statement.plan)
    name = printable(statement.ruleset_labels.in_language(language.code)) or printable(statement.ruleset)
    return ExplanationView(
        language=language.tag,
        direction=language.direction,
        account=printable(statement.account),
        facts=(
            Fact(words.account, printable(statement.account)),
            Fact(words.plan, plan),
            Fact(words.period, period_text(statement, language)),
            Fact(words.currency, statement.money.currency.code),
        ),
        lines=tuple(views[index] for index in chosen),
        sums=tuple(_sums(statement, views, language)) if line is None else (),
        not_applied=tuple(
            NotAppliedView(
                printable(item.id),
                printable(item.labels.in_language(language.code)) or printable(item.id),
                language.sentence(printable(item.reason)),
                str(item.place),
            )
            for item in statement.not_applied
            if line in (None, item.id)
        ),
        ahead=tuple(language.sentence(printable(point.text)) for point in turning_points),
        calculated_from=words.calculated_from.format(name=name),
        ruleset_hash=printable(statement.ruleset_hash),
    )


def _sums(statement: Statement, views: Sequence[LineView], language: Language) -> Iterator[SumView]:
    words = language.words

    def row(index: int, note: str = "") -> SumView:
        view = views[index]
        return SumView(view.kind, f"{view.label} ({view.by})" if view.by else view.label, view.amount, note)

    of_kind = {kind: [i for i, line in enumerate(statement.lines) if line.kind is kind] for kind in LineKind}
    yield from (row(index) for index, line in enumerate(statement.lines) if line.is_added)
    yield SumView("total", words.total, language.money(statement.total, statement.money), "")
    yield from (row(index, words.included_tax_note) for index in of_kind[LineKind.INCLUDED_TAX])
    yield from (row(index, words.prepaid_note) for index in of_kind[LineKind.PREPAID])
    yield SumView("due", words.due, language.money(statement.due, statement.money), "")


def _text(page: ExplanationView, language: Language) -> Iterator[str]:
    words = language.words
    label_width = max(display_width(fact.label) for fact in page.facts)
    yield words.explanation
    for fact in page.facts:
        yield from two_columns(f"{pad_right(fact.label, label_width)}  {fact.value}", "", WIDTH, indent=2).split("\n")
    yield from wrap(f"{page.calculated_from} ({page.ruleset_hash})", WIDTH)
    place_width = max((display_width(line.why.rule.place) for line in page.lines), default=0)
    rule: RuleView | None = None
    for line in page.lines:
        yield ""
        yield from _line_text(line, rule, min(place_width, 30), language)
        rule = line.why.rule
    if page.sums:
        yield ""
        yield words.adds_up
        yield from _sums_text(page.sums)
    if page.not_applied:
        yield ""
        yield words.not_applied
        for item in page.not_applied:
            yield from two_columns(f"{item.id}  {item.label}", item.place, WIDTH, indent=2, hanging=2).split("\n")
            yield from (" " * 6 + text for text in wrap(item.reason, WIDTH - 6))
    if page.ahead:
        yield ""
        yield words.ahead
        for point in page.ahead:
            yield from two_columns(f"- {point}", "", WIDTH, indent=2, hanging=2).split("\n")


def _line_text(line: LineView, above: RuleView | None, place_width: int, language: Language) -> Iterator[str]:
    words = language.words
    width = WIDTH - place_width - 3
    name = line.label if line.label == line.id else f"{line.id}  {line.label}"
    head = two_columns(f"{name} ({line.by})" if line.by else name, line.amount, width, hanging=4).split("\n")
    place = line.why.rule.place
    if display_width(place) <= place_width:
        yield pad_right(head[0], width) + "   " + place
    else:
        yield head[0]
        yield from wrap(place, WIDTH)
    yield from head[1:]
    rule = line.why.rule
    # The rows of a table share their rule: it is quoted once.
    if rule.text and (above is None or (above.place, above.text) != (rule.place, rule.text)):
        for text in rule.text.split("\n"):
            yield from ("    | " + piece for piece in wrap_indented(text, WIDTH - 6))
    yield from worksheet(line.why.quantities, width, indent=4)
    # Decimals beyond the amount's own reach into the column of places, so that all decimal marks stand in one.
    mark = language.decimal_mark
    spare = max((decimals(row.amount, mark) for row in line.why.rows), default=0) - decimals(line.amount, mark)
    yield from worksheet(line.why.rows, min(width + max(spare, 0), WIDTH), indent=4)
    for share in line.why.shares:
        yield from two_columns(share.label, share.value, width, indent=4, hanging=2).split("\n")
    why = line.why
    for label, value in ((words.met, why.met), (words.because, why.because), (words.source, why.source)):
        if value:
            yield from two_columns(label + words.colon + value, "", WIDTH, indent=4, hanging=2).split("\n")


def _sums_text(sums: Sequence[SumView]) -> Iterator[str]:
    width = max(max(display_width(row.amount) for row in sums), 12)
    label_width = min(max(display_width(row.label) for row in sums), WIDTH - width - 6)
    for row in sums:
        if row.kind in ("total", "due"):
            yield "  " + " " * label_width + "  " + "-" * width
        *above, last = wrap(row.label, label_width)
        yield from ("  " + text for text in above)
        line = "  " + pad_right(last, label_width) + "  " + pad_left(row.amount, width)
        yield line if not row.note or display_width(line + row.note) + 3 > WIDTH else f"{line}   {row.note}"


def explain_json(
    statement: Statement,
    sources: Mapping[str, Source],
    *,
    line: str | None = None,
    turning_points: Sequence[TurningPoint] = (),
) -> str:
    """The explanation for machines: the schema `ratebook.explanation/1`, numbers as exact strings."""
    unit = statement.money
    tree = {
        "schema": SCHEMA,
        "ruleset": {"name": statement.ruleset, "hash": statement.ruleset_hash},
        "account": statement.account,
        "plan": statement.plan,
        "period": _period_tree(statement.start, statement.end),
        **({} if statement.part_of is None else {"part_of": _period_tree(*statement.part_of)}),
        "currency": unit.currency.code,
        "money_unit": exact(unit.size),
        "lines": [_line_tree(statement, statement.lines[i], sources) for i in explained_lines(statement, line)],
        "not_applied": [
            {
                "id": item.id,
                "kind": _kind(item.kind),
                "label": item.labels.default,
                "reason": item.reason,
                "source": str(item.place),
            }
            for item in statement.not_applied
            if line in (None, item.id)
        ],
        "total": unit.text(statement.total),
        "due": unit.text(statement.due),
        "turning_points": [
            {"meter": point.meter, "quantity": exact(point.quantity), "unit": point.unit, "text": point.text}
            for point in turning_points
        ],
    }
    return json.dumps(tree, ensure_ascii=False, indent=2) + "\n"


def _period_tree(start: datetime, end: datetime) -> dict[str, str]:
    return {"start": start.isoformat(), "end": end.isoformat()}


def _kind(kind: LineKind) -> str:
    return LineKind.TAX.value if kind is LineKind.INCLUDED_TAX else kind.value


def _line_tree(statement: Statement, line: Line, sources: Mapping[str, Source]) -> dict[str, Any]:
    rule = excerpt(line.place, sources, lines_max=None)
    tree: dict[str, Any] = {"id": line.id, "kind": _kind(line.kind), "label": line.labels.default}
    if line.kind is LineKind.INCLUDED_TAX:
        tree["included"] = True
    if line.by:
        tree["by"] = dict(line.by)
    if line.days is not None:
        tree["period"] = _period_tree(*statement.period_of(line))
    if line.quantity is not None:
        tree["quantity"], tree["unit"] = exact(line.quantity), line.unit
    if line.on:
        tree["on"] = list(line.on)
    tree["amount"] = statement.money.text(line.amount)
    tree["source"] = str(line.place)
    if rule.text:
        tree["rule"] = rule.text
    if line.met:
        tree["met"] = list(line.met)
    if line.because:
        tree["because"] = line.because
    if line.source:
        tree["reference"] = line.source
    if line.taken:
        tree["taken"] = [{"line": index, "amount": statement.money.text(amount)} for index, amount in line.taken]
    tree["derivation"] = _step_tree(line.derivation)
    if line.quantity_derivation is not None:
        tree["quantity_derivation"] = _step_tree(line.quantity_derivation)
    return tree


def _step_tree(step: Step) -> dict[str, Any]:
    tree: dict[str, Any] = {"op": step.op.value, "role": step.role.value, "value": exact(step.value)}
    if step.label:
        tree["label"] = step.label
    if step.unit:
        tree["unit"] = step.unit
    if step.op in (Op.ROUND, Op.SHARE):
        tree["size"] = exact(step.size)
    if step.op is Op.ROUND:
        tree["mode"] = step.mode.value
    if step.op is Op.SHARE:
        tree["index"] = step.index
    if step.place is not None:
        tree["place"] = str(step.place)
    if step.note:
        tree["note"] = step.note
    if step.parts:
        tree["parts"] = [_step_tree(part) for part in step.parts]
    return tree

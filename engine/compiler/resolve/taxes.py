"""Taxes: a percentage of lines, in or on top of their amounts."""

from __future__ import annotations

from collections.abc import Iterable

from ....grammar import syntax
from ...plan import (
    Tax,
)
from ..model import Plan, TaxModel
from .conditions import Subject, resolve_when
from .dates import check_dates, dates_of, dating_span
from .line_names import scope_name
from .scope import Scope, because, citation
from .targets import plans_meant, resolve_targets, touches


def resolve_taxes(scope: Scope, written: Iterable[syntax.Tax], plans: tuple[Plan, ...]) -> tuple[TaxModel, ...]:
    """Every tax of the ruleset."""
    found: list[TaxModel] = []
    for node in written:
        tax = _tax(scope, node, plans)
        if tax is None:
            scope.lose(node, node.name.text)
        else:
            found.append(tax)
    return tuple(found)


def _tax(scope: Scope, node: syntax.Tax, plans: tuple[Plan, ...]) -> TaxModel | None:
    meant = plans_meant(scope, node.plans, plans)
    if not scope_name(scope, node.name, "tax", meant, plans):
        return None
    targets = resolve_targets(scope, node.of, plans)
    when = resolve_when(scope, node.when, Subject(None, scope.plan_lines(plans).names))
    sound = check_dates(scope, node.dating)
    if node.percent.value < 0:
        scope.report("RB2103", "a tax cannot be below zero", node.percent, "below zero", "write a `discount`")
        return None
    if targets is None or meant is None or not sound or len(when) != len(node.when):
        return None
    if not touches(scope, node, targets, meant, plans):
        return None
    start, end = dates_of(node.dating)
    tax = Tax(
        name=node.name.text,
        labels=scope.labels(node.name.text, node.label, node.annotations),
        place=scope.place(node),
        text=f"{node.percent.digits}%",
        percent=node.percent.value,
        targets=targets,
        included=node.included,
        when=when,
        start=start,
        end=end,
        because=because(node.annotations),
        citation=citation(node.annotations),
    )
    return TaxModel(tax, node.name.span, meant, dating_span(node.dating))

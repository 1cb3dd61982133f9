"""What a plan has beside its charges: fees, included units, floors and ceilings."""

from __future__ import annotations

from fractions import Fraction

from ....diagnostics import Label, Span
from ....grammar import syntax
from ...period import Billing
from ...plan import BoundKind, Fee, Include, PlanBound, Proration
from ...quantity import convertible
from ...statement import Labels
from ...usage import FieldKind, FieldSchema
from .conditions import Subject, resolve_when
from .dates import every_of
from .line_names import reserved_line
from .scope import RESERVED_LINES, Scope, because, citation
from .tables import bound, check_bounds
from .values import quantity_in, type_words

_MINIMUM_LABELS = Labels("Minimum charge", {"zh": "最低消费"})
_CAP_LABELS = Labels("Cap", {"zh": "封顶"})
_PRORATIONS = {
    syntax.FeeProration.BY_DAY: Proration.BY_DAY,
    syntax.FeeProration.BY_SECOND: Proration.BY_SECOND,
    syntax.FeeProration.NONE: Proration.NONE,
}


def resolve_fee(scope: Scope, node: syntax.Fee, billing: Billing) -> Fee | None:
    """A fee, or None with findings."""
    if node.name.text in RESERVED_LINES:
        reserved_line(scope, node.name)
        return None
    amount = scope.money_value(node.money)
    counted = None
    if node.multiplier is not None:
        counted = _counted(scope, node.multiplier)
        if counted is None:
            return None
    if node.per_unit is not None:
        share = _share_of_unit(scope, node.per_unit, counted)
        if share is None:
            return None
        amount = None if amount is None else amount * share
    when = resolve_when(scope, node.when, Subject(None))
    if amount is None or len(when) != len(node.when):
        return None
    calendar = node.term.count == 1 and node.term.unit is not syntax.TermUnit.YEAR and not billing.anchored
    return Fee(
        name=node.name.text,
        labels=scope.labels(node.name.text, node.label, node.annotations),
        place=scope.place(node),
        text=_fee_text(scope, node),
        amount=amount,
        every=every_of(node.term),
        calendar=calendar,
        in_advance=node.in_advance,
        proration=_PRORATIONS[node.proration],
        per="" if counted is None or counted.unit is None else counted.unit.name,
        multiplier=None if counted is None else counted.name,
        trial=None if node.trial is None else every_of(node.trial),
        trial_steps=0 if node.trial is None else 1,
        when=when,
        because=because(node.annotations),
        citation=citation(node.annotations),
    )


def _counted(scope: Scope, node: syntax.AccountField) -> FieldSchema | None:
    """The attribute that says how often a fee is due."""
    schema = scope.look_up(scope.attributes, node.name, "attribute")
    if schema is None:
        return None
    if schema.kind is not FieldKind.NUMBER:
        scope.report(
            "RB2108",
            f"`account.{schema.name}` is {type_words(schema)}, not a number",
            node,
            "cannot be counted",
            "name an attribute that is a number",
        )
        return None
    return schema


def _share_of_unit(scope: Scope, node: syntax.Name, counted: FieldSchema | None) -> Fraction | None:
    """How much of the unit that a fee is per lies in one of what is counted."""
    unit = scope.unit(node)
    if unit is None:
        return None
    if counted is None:
        scope.report(
            "RB2103",
            f"this fee is per {unit.name}, and does not say how many there are",
            node,
            "how many?",
            "add `for account.…`, an attribute that counts them",
        )
        return None
    if counted.unit is None or not convertible(unit, counted.unit):
        own = "is a bare number" if counted.unit is None else f"counts {counted.unit.name}"
        scope.report(
            "RB2101",
            f"`account.{counted.name}` {own}, and the fee is per {unit.name}",
            node,
            "another unit",
            "leave `per …` out" if counted.unit is None else f"write `per {counted.unit.name}`",
        )
        return None
    return counted.unit.scale / unit.scale


def _fee_text(scope: Scope, node: syntax.Fee) -> str:
    unit = node.term.unit.value
    term = unit if node.term.count == 1 else f"{node.term.count} {unit}s"
    per = "" if node.per_unit is None else f" per {node.per_unit.text}"
    return f"{scope.text(node.money)}{per} per {term}"


def resolve_include(scope: Scope, node: syntax.Include) -> Include | None:
    """Included units in the meter's unit, or None with findings."""
    meter = scope.look_up(scope.meters, node.meter, "meter")
    if meter is None:
        return None
    quantity = quantity_in(scope, node.quantity, meter.unit if meter.unit.name else None, f"meter {meter.name}")
    if quantity is None:
        return None
    if quantity < 0:
        scope.report(
            "RB2103", "what is included cannot be below zero", node.quantity, "below zero", "leave the minus out"
        )
        return None
    return Include(
        meter=meter.name,
        quantity=quantity,
        text=scope.text(node),
        place=scope.place(node),
        every=None if node.term is None else every_of(node.term),
        prorated=node.prorated,
        because=because(node.annotations),
        citation=citation(node.annotations),
    )


def resolve_plan_bound(scope: Scope, node: syntax.PlanBound, lines: frozenset[str]) -> PlanBound | None:
    """A floor or ceiling of the plan or of some of its lines, or None with findings."""
    resolved = bound(scope, node)
    unknown = [line for line in node.lines if line.text not in lines]
    for line in unknown:
        scope.unknown(line, line.text, "line of this plan", sorted(lines))
    if resolved is None or unknown:
        return None
    low = node.kind is syntax.BoundKind.MINIMUM
    labels = _MINIMUM_LABELS if low else _CAP_LABELS
    if node.annotations is not None and node.annotations.labels:
        labels = scope.labels(labels.default, None, node.annotations)
    kind = BoundKind.MINIMUM if low else BoundKind.CAP
    return PlanBound(kind, resolved, labels, tuple(line.text for line in node.lines))


def check_plan_bounds(scope: Scope, node: syntax.Plan | syntax.Contract, bounds: list[PlanBound]) -> None:
    """No floor above the ceiling of the same lines, and none said twice; a contract may add to what it extends."""
    said: dict[tuple[BoundKind, frozenset[str]], Span] = {}
    for item in bounds:
        place = item.bound.place
        span = Span(place.file, place.start, place.end)
        if span.file != node.span.file or not node.span.start <= span.start < node.span.end:
            continue
        first = said.setdefault((item.kind, frozenset(item.lines)), span)
        if first is not span:
            which = f"{item.kind.value} of the same lines" if item.lines else item.kind.value
            message = f"this plan has a second {which}"
            scope.report("RB1113", message, span, "again", "keep one", labels=(Label(first, "first here"),))
    by_lines: dict[tuple[str, ...], dict[BoundKind, PlanBound]] = {}
    for item in bounds:
        by_lines.setdefault(item.lines, {})[item.kind] = item
    for pair in by_lines.values():
        low, high = pair.get(BoundKind.MINIMUM), pair.get(BoundKind.CAP)
        check_bounds(scope, None if low is None else low.bound, None if high is None else high.bound)

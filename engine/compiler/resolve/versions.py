"""Versions of a plan or contract, each as items before their names are resolved: they follow each other without gap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from ....diagnostics import Edit, Label, Span
from ....grammar import syntax
from .dates import begins_period, billing_of, is_dated_by_usage
from .scope import Scope


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan or contract as items, before its names are resolved."""

    node: syntax.Plan | syntax.Contract
    items: tuple[syntax.PlanItem, ...]
    lineage: tuple[str, ...]
    start: date | None
    end: date | None


def by_date(versions: list[Draft]) -> list[Draft]:
    """The versions in the order in which they come into force."""
    return sorted(versions, key=lambda draft: draft.start or date.min)


def check_versions(scope: Scope, versions: list[Draft]) -> None:
    """No two versions in force at once, no gap between them, no price that changes inside a period unsaid."""
    ordered = by_date(versions)
    for earlier, later in pairwise(ordered):
        name = later.node.name.text
        first = (Label(earlier.node.name.span, "the version before it"),)
        if later.start is None or earlier.end is None or earlier.end > later.start:
            scope.report(
                "RB2301",
                f"two versions of `{name}` are in force at the same time",
                later.node.name,
                "begins while another is in force",
                *_ways_out(earlier, later),
                labels=first,
                edits=_ended(earlier, later),
            )
        elif earlier.end < later.start:
            scope.report(
                "RB2302",
                f"no version of `{name}` is in force from {earlier.end} to {later.start - timedelta(days=1)}",
                later.node.name,
                "begins after a gap",
                f"begin it with `from {earlier.end}`, or end the version before it later",
                labels=first,
            )
        if _keeps_billing(scope, earlier, later):
            _check_clock(scope, ordered, later)


def _keeps_billing(scope: Scope, earlier: Draft, later: Draft) -> bool:
    """Whether the bills of two versions follow each other; a finding where they would overlap or leave a gap."""
    before, after = billing_of(earlier.items), billing_of(later.items)
    if before == after or later.start is None:
        return True
    anchored = before.anchored or after.anchored
    if not anchored and begins_period(before, later.start) and begins_period(after, later.start):
        return True
    line = next((item for item in (*later.items, *earlier.items) if isinstance(item, syntax.Billing)), None)
    name = later.node.name.text
    own_start = "; its periods begin on another day for each subscription" if anchored else ""
    hints = [
        "keep the billing, or give the plan with the new one a name of its own",
        *([] if anchored else ["begin the version on a day on which a period begins under both"]),
    ]
    scope.report(
        "RB2307",
        f"the billing of `{name}` changes on {later.start}, inside a billing period{own_start}",
        line or later.node.name,
        "another period than the version before or after",
        *hints,
        labels=(Label(earlier.node.name.span, "the version before it"), Label(later.node.name.span, "the new one")),
    )
    return False


def _ways_out(earlier: Draft, later: Draft) -> tuple[str, ...]:
    if later.start is None or later.start == earlier.start:
        return "give each version its own dates", "give one of them another name, if it is another plan"
    return (f"end the earlier one: `before {later.start}`",)


def _ended(earlier: Draft, later: Draft) -> tuple[Edit, ...]:
    """The earlier version's end written down, where it has none."""
    if earlier.end is not None or later.start is None or later.start == earlier.start:
        return ()
    node = earlier.node
    named = node.extends if isinstance(node, syntax.Contract) else node.label or node.name
    last = node.dating.start or named
    return (Edit(Span(last.span.file, last.span.end, last.span.end), f" before {later.start}"),)


def _check_clock(scope: Scope, versions: list[Draft], later: Draft) -> None:
    """A version that begins inside a billing period needs a word on which prices hold."""
    if later.start is None or any(isinstance(item, syntax.DatedByLine) for item in later.items):
        return
    billing = billing_of(later.items)
    if billing.anchored:
        _check_same_clock(scope, versions, later)
        return
    if begins_period(billing, later.start):
        return
    scope.report(
        "RB2304",
        f"the price of `{later.node.name.text}` changes on {later.start}, inside a billing period",
        later.node.dating.start or later.node.name,
        "in the middle of a period",
        "begin the version on the first day of a billing period",
        "write `dated by period` in it: a period keeps the prices that it began with",
        "write `dated by usage` in it: each event has the price of its day",
    )


def _check_same_clock(scope: Scope, versions: list[Draft], later: Draft) -> None:
    """Periods that count from a subscription's start may begin on any day: after one `dated by usage` all say so."""
    said = next((draft for draft in versions if is_dated_by_usage(draft.items)), None)
    if said is None or (said.start or date.min) > (later.start or date.min):
        return
    scope.report(
        "RB2306",
        f"this version of `{later.node.name.text}` does not say which prices a period has in which it begins",
        later.node.dating.start or later.node.name,
        "begins inside most billing periods",
        "write `dated by usage` in it, as the version before: each event has the price of its day",
        "write `dated by period` in it: a period keeps the prices that it began with",
        labels=(Label(said.node.name.span, "is dated by usage"),),
    )

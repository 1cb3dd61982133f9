"""Versions of a plan or contract, each as items before their names are resolved: they follow each other without gap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from ....diagnostics import Edit, Label, Span
from ....grammar import syntax
from .dates import begins_period, billing_of
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
        _check_clock(scope, later)


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


def _check_clock(scope: Scope, later: Draft) -> None:
    """A version that begins inside a calendar billing period needs a word on which prices hold."""
    if later.start is None or any(isinstance(item, syntax.DatedByLine) for item in later.items):
        return
    if begins_period(billing_of(later.items), later.start):
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

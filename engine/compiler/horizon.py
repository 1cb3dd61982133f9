"""The years and terms that a price list may speak of, so that every date that follows from them exists."""

from __future__ import annotations

from dataclasses import replace

from ...diagnostics import Diagnostic
from ...grammar import syntax

YEAR_MIN, YEAR_MAX = 1900, 2199
_DAYS_MAX = 36500
_DAYS = {
    syntax.TermUnit.DAY: 1,
    syntax.TermUnit.WEEK: 7,
    syntax.TermUnit.MONTH: 30,
    syntax.TermUnit.YEAR: 365,
}


def within_horizon(tree: syntax.Ruleset) -> tuple[syntax.Ruleset, tuple[Diagnostic, ...]]:
    """The tree without declarations that reach too far, and what is wrong with them."""
    findings: list[Diagnostic] = []
    kept: list[syntax.Declaration] = []
    for declaration in tree.declarations:
        found = [finding for node in syntax.walk(declaration) if (finding := _too_far(node)) is not None]
        findings += found
        if not found:
            kept.append(declaration)
    return (replace(tree, declarations=tuple(kept)) if findings else tree), tuple(findings)


def _too_far(node: syntax.Node) -> Diagnostic | None:
    match node:
        case syntax.Date(iso) | syntax.Period(iso) if not YEAR_MIN <= int(iso[:4]) <= YEAR_MAX:
            return Diagnostic(
                "RB1105",
                f"the year {iso[:4]} is out of reach: a price list speaks of {YEAR_MIN} to {YEAR_MAX}",
                node.span,
                "too far away",
                hints=("leave the end out where a price has none",),
            )
        case syntax.Term(count, unit) if count * _DAYS[unit] > _DAYS_MAX:
            return _too_long(node)
        case syntax.Billing(months=int(months)) if months > 1200:
            return _too_long(node)
        case _:
            return None


def _too_long(node: syntax.Node) -> Diagnostic:
    return Diagnostic(
        "RB1105", "this is longer than a hundred years", node.span, "too long", hints=("write a shorter term",)
    )

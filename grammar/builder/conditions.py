"""`where` and `when`: from productions to conditions, flat where `and` and `or` follow each other."""

from __future__ import annotations

from typing import Any

from ...diagnostics import Diagnostic, Span
from .. import syntax as s
from .build import Action, Build


def _joined(node: type[s.And] | type[s.Or]) -> Action:
    def make(_: Build, parts: list[Any], span: Span) -> s.Condition:
        return parts[0] if len(parts) == 1 else node(span=span, parts=tuple(parts))

    return make


def _compare(comparison: s.Comparison) -> Action:
    def make(_: Build, parts: list[Any], span: Span) -> s.Compare:
        return s.Compare(span=span, left=parts[0], comparison=comparison, right=parts[1])

    return make


def _sign_test(_: Build, parts: list[Any], span: Span) -> s.Compare:
    return s.Compare(span=span, left=parts[0], comparison=s.Comparison(parts[1]), right=parts[2])


def _is_known(negated: bool) -> Action:
    return lambda _, parts, span: s.IsKnown(span=span, left=parts[0], negated=negated)


def _is_one_of(negated: bool) -> Action:
    return lambda _, parts, span: s.IsOneOf(span=span, left=parts[0], values=tuple(parts[1:]), negated=negated)


def _holds(build: Build, parts: list[Any], span: Span) -> s.Holds:
    operand = parts[0]
    if not isinstance(operand, s.AccountField | s.Name):
        build.report(
            Diagnostic(
                "RB1001",
                "this compares nothing, so it is neither true nor false",
                span,
                hints=("compare it: `is`, `is not`, `is one of`, `is known`, `<`, `<=`, `>`, `>=`",),
            )
        )
        operand = s.Name(span=span, text="_")
    return s.Holds(span=span, operand=operand)


ACTIONS: dict[str, Action] = {
    "and_condition": _joined(s.And),
    "or_condition": _joined(s.Or),
    "not_condition": lambda _, parts, span: s.Not(span=span, part=parts[0]),
    "parenthesised": lambda _build, parts, _span: parts[0],
    "is_test": _compare(s.Comparison.IS),
    "is_not_test": _compare(s.Comparison.IS_NOT),
    "sign_test": _sign_test,
    "is_known": _is_known(False),
    "is_not_known": _is_known(True),
    "is_one_of": _is_one_of(False),
    "is_not_one_of": _is_one_of(True),
    "period_starts_in": lambda _, parts, span: s.PeriodStartsIn(span=span, window=parts[0]),
    "holds": _holds,
    "usage_of": lambda _, parts, span: s.UsageOf(span=span, meter=parts[0]),
    "amount_of_line": lambda _, parts, span: s.AmountOfLine(span=span, line=parts[0]),
    "month": lambda _build, _parts, span: s.Month(span=span),
    "when": lambda _, parts, span: s.When(span=span, condition=parts[0]),
}

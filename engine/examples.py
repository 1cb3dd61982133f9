"""Worked examples: what a ruleset says it costs, held against what it does cost.

An example is rated by the same evaluator as real usage; nothing is known here that rating does not know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..diagnostics import Diagnostic, Source
from ..money import grouped
from .compiler.model import Example, Expected, ExpectedError
from .evaluators.account import no_period, rate_account
from .period import DateRange
from .plan import Program
from .statement import Line, LineKind, Statement
from .usage import AccountUsage, Subscription


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One expectation that did not come out. `actual` is None where there is no such line."""

    expected: Expected | ExpectedError
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an example: its statement (or the finding that kept it from one), and what did not come out."""

    example: Example
    statement: Statement | None
    refusal: Diagnostic | None
    mismatches: tuple[Mismatch, ...]

    @property
    def passed(self) -> bool:
        return not self.mismatches and not self.example.unreviewed


def run_example(program: Program, example: Example) -> Outcome:
    """Rate an example and compare."""
    subscription = Subscription(
        account="example",
        plan=example.plan,
        start=example.start,
        attributes=example.attributes,
        cards=example.cards,
    )
    usage = AccountUsage(example.events, example.quantities)
    result = _rated(program, subscription, usage, example.period)
    if isinstance(result, Statement):
        return Outcome(example, result, None, tuple(_compare(example, result, program)))
    return Outcome(example, None, result, tuple(_compare_refusal(example, result)))


def _rated(
    program: Program, subscription: Subscription, usage: AccountUsage, within: DateRange
) -> Statement | Diagnostic:
    for result in rate_account(program, [subscription], usage, within):
        return result
    return no_period(subscription, within)


def _compare_refusal(example: Example, refusal: Diagnostic) -> Iterator[Mismatch]:
    for expected in example.expectations:
        if isinstance(expected, ExpectedError) and expected.code == refusal.code:
            continue
        yield Mismatch(expected, f"the usage is refused with {refusal.code}: {refusal.message}")


def _compare(example: Example, statement: Statement, program: Program) -> Iterator[Mismatch]:
    for expected in example.expectations:
        if isinstance(expected, ExpectedError):
            yield Mismatch(expected, f"there is no error; the total is {statement.money.text(statement.total)}")
            continue
        actual = amount_of(statement, expected)
        wanted = expected.amount
        money = program.money
        if wanted is None:
            if actual:
                yield Mismatch(expected, f"{_name(expected)} is {money.text(money.parse(actual))}, not absent")
        elif actual is None:
            if wanted:
                yield Mismatch(expected, f"there is no {_name(expected)}")
        elif actual != wanted:
            gap = actual - wanted
            sign = "+" if gap > 0 else "-"
            difference = money.text(money.parse(abs(gap))) if money.holds(gap) else str(abs(gap))
            yield Mismatch(expected, f"{_name(expected)} is {money.text(money.parse(actual))} ({sign}{difference})")


def _name(expected: Expected) -> str:
    where = ", ".join(f"{field} {value}" for field, value in expected.where)
    return f"{expected.line} where {where}" if where else expected.line


def amount_of(statement: Statement, expected: Expected) -> Fraction | None:
    """What a statement says for an expectation: a total, or the sum of the lines that are meant; None without any.

    `where from 2026-03-15` means the line of the version whose prices begin on that day of the period.
    """
    money = statement.money
    if expected.line == "total":
        return money.fraction(statement.total)
    if expected.line == "due":
        return money.fraction(statement.due)
    chosen = [line for line in statement.lines if _is_meant(line, expected)]
    return sum((money.fraction(line.amount) for line in chosen), Fraction(0)) if chosen else None


def _is_meant(line: Line, expected: Expected) -> bool:
    if expected.line in (LineKind.MINIMUM.value, LineKind.CAP.value):
        return line.id == expected.line
    values = line.by if line.days is None else (*line.by, ("from", line.days.start.isoformat()))
    return line.id == expected.line and all(item in values for item in expected.where)


def findings_of(outcome: Outcome) -> Iterator[Diagnostic]:
    """The findings of an example that failed: one an expectation, one for a mark that nobody has taken away."""
    example = outcome.example
    if example.unreviewed:
        yield Diagnostic(
            "RB5002",
            f"example “{example.title}” is marked `unreviewed`",
            example.span,
            "a tool wrote its amounts",
            hints=("check the amounts, then take the word away",),
        )
    for mismatch in outcome.mismatches:
        yield Diagnostic(
            "RB5001",
            f"in “{example.title}”, {mismatch.message}",
            mismatch.expected.span,
            "expected here",
            hints=("mend the price, or the expectation", "`ratebook quote --explain` shows how an amount comes about"),
        )


def accepted(outcomes: Sequence[Outcome], sources: Mapping[str, Source]) -> dict[str, str]:
    """The texts of sources with the amounts of failed expectations made true, and their examples marked."""
    edits: dict[str, list[tuple[int, int, str]]] = {}
    for outcome in outcomes:
        if outcome.statement is None or not outcome.mismatches:
            continue
        own: list[tuple[int, int, str]] = []
        for mismatch in outcome.mismatches:
            expected = mismatch.expected
            if isinstance(expected, ExpectedError) or expected.amount is None:
                continue
            actual = amount_of(outcome.statement, expected) or Fraction(0)
            text = sources[expected.span.file].slice(expected.span)
            written = text.split()[-1] if " " in text else text
            start = expected.span.end - len(written)
            own.append((start, expected.span.end, _like(written, actual, outcome.statement)))
        if not own:
            continue
        if not outcome.example.unreviewed:
            own.append(_mark(outcome.example, sources))
        edits.setdefault(outcome.example.span.file, []).extend(own)
    return {name: _edited(sources[name].text, changes) for name, changes in edits.items()}


def _like(written: str, amount: Fraction, statement: Statement) -> str:
    """An amount written as the expectation was: with its sign of currency before, or its code after."""
    text = grouped(statement.money.text(statement.money.parse(abs(amount))))
    sign = "-" if amount < 0 else ""
    symbol = written.lstrip("-")[:1]
    if not symbol or symbol.isdigit():
        return f"{sign}{text}"
    return f"{sign}{symbol}{text}" if not symbol.isalpha() else f"{sign}{text} {statement.money.currency.code}"


def _mark(example: Example, sources: Mapping[str, Source]) -> tuple[int, int, str]:
    source = sources[example.span.file]
    line = source.position(example.span.end)[0]
    start = source.line_start(line)
    colon = start + source.line(line).rstrip().rindex(":")
    return colon, colon, " unreviewed"


def _edited(text: str, changes: list[tuple[int, int, str]]) -> str:
    for start, end, replacement in sorted(changes, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text

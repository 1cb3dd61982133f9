"""Why a rule applied or did not: the conditions that held, or the one that failed and by how much."""

from __future__ import annotations

from fractions import Fraction
from typing import assert_never

from ...money import approximate_text, decimal_text, grouped
from ..condition import (
    And,
    Compare,
    Comparison,
    Condition,
    Facts,
    Known,
    Missing,
    Not,
    OneOf,
    Or,
    Scalar,
    StartsIn,
    first_failure,
    holds,
    value_of,
)
from ..dispatch import value_text


def why_not(conditions: tuple[Condition, ...], facts: Facts) -> str | None:
    """The reason why conditions do not all hold, or None where they do. Raises `Missing`."""
    failure = first_failure(conditions, facts)
    return None if failure is None else _reason(failure, facts)


def met(conditions: tuple[Condition, ...], facts: Facts) -> tuple[str, ...]:
    """Each condition that held, and the value that it was held against where its words don't give it away."""
    found: list[str] = []
    for condition in conditions:
        match condition:
            case And(parts):
                found.extend(met(parts, facts))
            case Compare(_, Comparison.IS, _, text):
                found.append(text)
            case Compare(left, _, _, text) | OneOf(left, _, _, text):
                found.append(f"{text} (it is {_text(value_of(left, facts))})")
            case Or(parts):
                # Read from the top: the first part that holds decides, and those before it were known.
                found.extend(met((next(part for part in parts if holds(part, facts)),), facts))
            case Known(_, _, text) | StartsIn(_, text) | Not(_, text):
                found.append(text)
            case _:
                assert_never(condition)
    return tuple(found)


def _reason(condition: Condition, facts: Facts) -> str:
    match condition:
        case Compare(left, comparison, right, text):
            have, want = value_of(left, facts), value_of(right, facts)
            return f"it needs {text}, and it is {_text(have)}{_gap(have, comparison, want)}"
        case OneOf(operand, _, _, text):
            return f"it needs {text}, and it is {_text(value_of(operand, facts))}"
        case Known(_, negated, text):
            return f"it needs {text}, and it is {'' if negated else 'not '}known"
        case StartsIn(_, text) | Not(_, text) | And(_, text):
            return f"it needs {text}"
        case Or(parts, text):
            return f"it needs {text}; " + "; ".join(_part(part, facts) for part in parts)
        case _:
            assert_never(condition)


def _part(condition: Condition, facts: Facts) -> str:
    try:
        return "" if holds(condition, facts) else _reason(condition, facts).removeprefix("it needs ")
    except Missing as missing:
        return f"account.{missing.attribute} is not known"


def _text(value: Scalar) -> str:
    if isinstance(value, Fraction):
        return _number(value)
    return value_text(value)


def _number(value: Fraction) -> str:
    return grouped(decimal_text(value) or approximate_text(value, 6))


def _gap(have: Scalar, comparison: Comparison, want: Scalar) -> str:
    """How far a number is from where the comparison would hold."""
    if isinstance(have, bool) or not isinstance(have, Fraction) or not isinstance(want, Fraction):
        return ""
    match comparison:
        case Comparison.GREATER_OR_EQUAL:
            return f" ({_number(want - have)} short)"
        case Comparison.GREATER:
            return f" (it must be more than {_number(want)})" if want == have else f" ({_number(want - have)} short)"
        case Comparison.LESS_OR_EQUAL:
            return f" ({_number(have - want)} too many)"
        case Comparison.LESS:
            return f" (it must be less than {_number(want)})" if want == have else f" ({_number(have - want)} too many)"
        case Comparison.IS | Comparison.IS_NOT:
            return ""
        case _:
            assert_never(comparison)

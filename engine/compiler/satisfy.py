"""Whether conditions can hold together, decided exactly, with facts for which they do.

Conditions are brought to alternatives of simple demands on one subject each; every subject is then decided by itself:
words by sets, numbers and dates by intervals. Comparing two subjects with each other is taken as possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import TypeAlias

from ..condition import (
    AmountOf,
    And,
    Attribute,
    Compare,
    Comparison,
    Condition,
    FieldOf,
    Known,
    Literal,
    Month,
    Not,
    OneOf,
    Operand,
    Or,
    Scalar,
    StartsIn,
    UsageOf,
)
from ..usage import FieldKind, FieldSchema

Subject: TypeAlias = Attribute | FieldOf | UsageOf | AmountOf | Month
_STEPS_MAX = 20_000

_OPPOSITES = {
    Comparison.IS: Comparison.IS_NOT,
    Comparison.IS_NOT: Comparison.IS,
    Comparison.LESS: Comparison.GREATER_OR_EQUAL,
    Comparison.GREATER_OR_EQUAL: Comparison.LESS,
    Comparison.GREATER: Comparison.LESS_OR_EQUAL,
    Comparison.LESS_OR_EQUAL: Comparison.GREATER,
}


@dataclass(frozen=True, slots=True)
class Demand:
    """A simple demand on one subject: a comparison with a constant, or `known` or not."""

    subject: Subject
    comparison: Comparison | None
    value: Scalar | None
    known: bool = True


Alternative: TypeAlias = tuple[Demand, ...]


def witness(conditions: Sequence[Condition], attributes: Mapping[str, FieldSchema]) -> Mapping[Subject, Scalar] | None:
    """Facts for which all conditions hold, or None where there are none. Subjects left out may be anything.

    Conditions with more alternatives than can be tried are taken as possible, with no facts to show for it.
    """
    search = _Search(attributes)
    found = search.from_here([(condition, False) for condition in reversed(conditions)], ())
    return {} if search.steps_left <= 0 else found


@dataclass(slots=True)
class _Search:
    """Conditions taken one after the other; what contradicts the demands made so far is left at once."""

    attributes: Mapping[str, FieldSchema]
    steps_left: int = _STEPS_MAX

    def from_here(
        self, waiting: Sequence[tuple[Condition, bool]], demands: tuple[Demand, ...]
    ) -> Mapping[Subject, Scalar] | None:
        """Facts that meet the demands and the waiting conditions, the last one first; True beside one negates it."""
        self.steps_left -= 1
        facts = _solve(demands, self.attributes)
        if facts is None or not waiting or self.steps_left <= 0:
            return facts
        (condition, negated), rest = waiting[-1], waiting[:-1]
        match condition:
            case Not(part):
                return self.from_here([*rest, (part, not negated)], demands)
            case And(parts) | Or(parts) if isinstance(condition, And) != negated:
                return self.from_here([*rest, *((part, negated) for part in reversed(parts))], demands)
            case And(parts) | Or(parts):
                ways = (self.from_here([*rest, (part, negated)], demands) for part in parts)
            case _:
                ways = (self.from_here(rest, (*demands, *way)) for way in _alternatives(condition, negated=negated))
        return next((found for found in ways if found is not None), None)


def _alternatives(condition: Compare | OneOf | Known | StartsIn, *, negated: bool) -> Iterator[Alternative]:
    match condition:
        case Compare(left, comparison, right):
            yield _comparison(left, _OPPOSITES[comparison] if negated else comparison, right)
        case OneOf(operand, values, is_negated):
            if isinstance(operand, Literal):
                yield ()
            elif is_negated != negated:
                yield tuple(Demand(operand, Comparison.IS_NOT, item.value) for item in values)
            else:
                for item in values:
                    yield (Demand(operand, Comparison.IS, item.value),)
        case Known(operand, is_negated):
            yield (Demand(operand, None, None, known=is_negated == negated),)
        case StartsIn():
            yield ()


_MIRRORED = {
    Comparison.LESS: Comparison.GREATER,
    Comparison.GREATER: Comparison.LESS,
    Comparison.LESS_OR_EQUAL: Comparison.GREATER_OR_EQUAL,
    Comparison.GREATER_OR_EQUAL: Comparison.LESS_OR_EQUAL,
}


def _comparison(left: Operand, comparison: Comparison, right: Operand) -> Alternative:
    if isinstance(right, Literal) and not isinstance(left, Literal):
        return (Demand(left, comparison, right.value),)
    if isinstance(left, Literal) and not isinstance(right, Literal):
        return (Demand(right, _MIRRORED.get(comparison, comparison), left.value),)
    return ()


def _solve(demands: Sequence[Demand], attributes: Mapping[str, FieldSchema]) -> Mapping[Subject, Scalar] | None:
    by_subject: dict[Subject, list[Demand]] = {}
    for demand in demands:
        by_subject.setdefault(demand.subject, []).append(demand)
    found: dict[Subject, Scalar] = {}
    for subject, own in by_subject.items():
        unknown = [demand for demand in own if not demand.known]
        if unknown:
            if len(unknown) < len(own) or (isinstance(subject, Attribute) and attributes[subject.name].required):
                return None
            continue
        value = _value(subject, own, attributes)
        if value is None:
            return None
        found[subject] = value
    return found


def _value(subject: Subject, demands: Sequence[Demand], attributes: Mapping[str, FieldSchema]) -> Scalar | None:
    compared = [demand for demand in demands if demand.comparison is not None]
    schema = attributes.get(subject.name) if isinstance(subject, Attribute) else None
    if schema is not None and schema.kind in (FieldKind.ONE_OF, FieldKind.YES_NO, FieldKind.TEXT):
        return _word(schema, compared)
    if isinstance(subject, Month):
        return next((Fraction(month) for month in range(1, 13) if _meets(Fraction(month), compared)), None)
    return _ordered(subject, schema, compared)


def _word(schema: FieldSchema, demands: Sequence[Demand]) -> Scalar | None:
    candidates: list[Scalar]
    if schema.kind is FieldKind.ONE_OF:
        candidates = list(schema.values)
    elif schema.kind is FieldKind.YES_NO:
        candidates = [True, False]
    else:
        named = [demand.value for demand in demands if isinstance(demand.value, str)]
        candidates = [*named, "another"]
    return next((value for value in candidates if _meets(value, demands)), None)


def _meets(value: Scalar, demands: Sequence[Demand]) -> bool:
    for demand in demands:
        other = demand.value
        match demand.comparison:
            case Comparison.IS:
                ok = value == other
            case Comparison.IS_NOT:
                ok = value != other
            case Comparison.LESS:
                ok = value < other  # type: ignore[operator]
            case Comparison.LESS_OR_EQUAL:
                ok = value <= other  # type: ignore[operator]
            case Comparison.GREATER:
                ok = value > other  # type: ignore[operator]
            case Comparison.GREATER_OR_EQUAL:
                ok = value >= other  # type: ignore[operator]
            case None:
                ok = True
        if not ok:
            return False
    return True


def _ordered(subject: Subject, schema: FieldSchema | None, demands: Sequence[Demand]) -> Scalar | None:
    """A value between the bounds that the demands set: a bound itself, a point between two, or past the last."""
    is_date = schema is not None and schema.kind is FieldKind.DATE
    bounds = sorted({demand.value for demand in demands if isinstance(demand.value, Fraction | date)})
    candidates: list[Scalar] = []
    if is_date:
        for bound in bounds:
            assert isinstance(bound, date)
            candidates += [bound - timedelta(days=1), bound, bound + timedelta(days=1)]
        candidates = candidates or [date(2026, 1, 1)]
    else:
        numbers = [bound for bound in bounds if isinstance(bound, Fraction)]
        candidates = [*numbers, *(number + 1 for number in numbers)]
        candidates += [(low + high) / 2 for low, high in pairwise(numbers)]
        candidates += [number - 1 for number in numbers] or [Fraction(0)]
        if isinstance(subject, UsageOf):
            candidates = [
                number for number in [*candidates, Fraction(0)] if isinstance(number, Fraction) and number >= 0
            ]
    return next((value for value in candidates if _meets(value, demands)), None)

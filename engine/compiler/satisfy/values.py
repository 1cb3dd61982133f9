"""Values for subjects: demands sorted by what they are about, each group met exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from ...condition import Attribute, Comparison, FieldOf, Month, Scalar, StartsIn, UsageOf
from ...usage import FieldKind, FieldSchema
from .calendar import Begins
from .demands import Between, Demand, Simple, Subject, meets
from .orders import ordered_together, unnamed, words_together

_WORDS = (FieldKind.ONE_OF, FieldKind.YES_NO, FieldKind.TEXT)


@dataclass(frozen=True, slots=True)
class Domains:
    """What values attributes of an account and fields of an event may have."""

    attributes: Mapping[str, FieldSchema]
    fields: Mapping[str, FieldSchema]

    def schema(self, subject: Subject) -> FieldSchema | None:
        """The declaration of a subject that has one."""
        match subject:
            case Attribute(name):
                return self.attributes.get(name)
            case FieldOf(name):
                return self.fields.get(name)
            case _:
                return None

    def words(self, subject: Subject) -> tuple[Scalar, ...] | None:
        """Every value of a word; empty where any text may stand; None for what is no word."""
        schema = self.schema(subject)
        if schema is None or schema.kind not in _WORDS:
            return None
        if schema.kind is FieldKind.YES_NO:
            return (True, False)
        return schema.values if schema.kind is FieldKind.ONE_OF else ()

    def is_date(self, subject: Subject) -> bool:
        """Whether a subject is a date."""
        schema = self.schema(subject)
        return schema is not None and schema.kind is FieldKind.DATE


def solve(
    demands: Sequence[Simple], days: Sequence[tuple[StartsIn, bool]], domains: Domains, begins: Begins
) -> Mapping[Subject, Scalar] | None:
    """Facts that meet all demands and on which day the period begins, or None where there are none."""
    if not days and not any(isinstance(subject, Month) for demand in demands for subject in _subjects(demand)):
        return _solve(demands, domains, None)
    for month in _months(days, begins):
        found = _solve(demands, domains, month)
        if found is not None:
            return found
    return None


def _months(days: Sequence[tuple[StartsIn, bool]], begins: Begins) -> Iterator[int | None]:
    """The months in which a period may begin on a day that the demands on days let through."""
    candidates = begins.days(condition.window for condition, _ in days)
    if candidates is None:
        # Windows are left open, the billing is not.
        plain = begins.days(())
        yield from range(1, 13) if plain is None else dict.fromkeys(day.month for day, _ in plain)
        return
    yield from dict.fromkeys(
        day.month
        for day, inside in candidates
        if all((condition.window in inside) != negated for condition, negated in days)
    )


def _subjects(demand: Simple) -> tuple[Subject, ...]:
    return (demand.left, demand.right) if isinstance(demand, Between) else (demand.subject,)


def _solve(demands: Sequence[Simple], domains: Domains, month: int | None) -> dict[Subject, Scalar] | None:
    single: dict[Subject, list[Demand]] = {}
    between: list[Between] = []
    for demand in demands:
        if isinstance(demand, Between):
            between.append(demand)
            for subject in (demand.left, demand.right):
                single.setdefault(subject, []).append(Demand(subject, None, None))
        else:
            single.setdefault(demand.subject, []).append(demand)
    found: dict[Subject, Scalar] = {}
    together = {subject for demand in between for subject in (demand.left, demand.right)}
    for subject, own in single.items():
        unknown = [demand for demand in own if not demand.known]
        schema = domains.schema(subject)
        if unknown:
            if len(unknown) < len(own) or (schema is not None and (schema.required or schema.default is not None)):
                return None
            continue
        value = _value(subject, own, domains, month)
        if value is None:
            return None
        if subject not in together:
            found[subject] = value
    if between:
        joint = _together(between, single, domains, month)
        if joint is None:
            return None
        found.update(joint)
    return found


def _together(
    between: Sequence[Between], single: Mapping[Subject, Sequence[Demand]], domains: Domains, month: int | None
) -> Mapping[Subject, Scalar] | None:
    """Values for all subjects that are compared with each other."""
    subjects = dict.fromkeys(subject for demand in between for subject in (demand.left, demand.right))
    own = {subject: [each for each in single[subject] if each.comparison is not None] for subject in subjects}
    words: dict[Subject, tuple[Scalar, ...]] = {}
    for subject in subjects:
        values = domains.words(subject)
        if values is not None:
            words[subject] = values
    found: dict[Subject, Scalar] = {}
    if words:
        of_words = words_together([each for each in between if each.left in words], own, words)
        if of_words is None:
            return None
        found.update(of_words)
    for is_date in (False, True):
        members = [each for each in subjects if each not in words and domains.is_date(each) is is_date]
        if not members:
            continue
        pairs = [each for each in between if each.left in members]
        fixed = {each: [*own[each], *_limits(each, month)] for each in members}
        in_order = ordered_together(pairs, fixed, is_date=is_date)
        if in_order is None:
            return None
        found.update(in_order)
    return found


def _limits(subject: Subject, month: int | None) -> Iterable[Demand]:
    if isinstance(subject, UsageOf):
        yield Demand(subject, Comparison.GREATER_OR_EQUAL, Fraction(0))
    elif isinstance(subject, Month) and month is not None:
        yield Demand(subject, Comparison.IS, Fraction(month))


def _value(subject: Subject, demands: Sequence[Demand], domains: Domains, month: int | None) -> Scalar | None:
    compared = [demand for demand in demands if demand.comparison is not None]
    values = domains.words(subject)
    if values is not None:
        named = [demand.value for demand in compared if isinstance(demand.value, str)]
        return next((value for value in values or (*named, *unnamed(named, 1)) if _meets(value, compared)), None)
    if isinstance(subject, Month):
        months = range(1, 13) if month is None else (month,)
        return next((Fraction(each) for each in months if _meets(Fraction(each), compared)), None)
    return _ordered(subject, compared, is_date=domains.is_date(subject))


def _meets(value: Scalar, demands: Sequence[Demand]) -> bool:
    return all(meets(value, demand.comparison, demand.value) for demand in demands)


def _ordered(subject: Subject, demands: Sequence[Demand], *, is_date: bool) -> Scalar | None:
    """A value between the bounds that the demands set: a bound itself, a point between two, or past the last."""
    if is_date:
        days = sorted({demand.value for demand in demands if isinstance(demand.value, date)})
        return next((day for day in _days_about(days) if _meets(day, demands)), None)
    bounds = {demand.value for demand in demands if isinstance(demand.value, Fraction)}
    if isinstance(subject, UsageOf):
        # It is never below zero, so that zero is a bound like any other.
        bounds.add(Fraction(0))
    numbers = sorted(bounds)
    candidates = [*numbers, *(number + 1 for number in numbers)]
    candidates += [(low + high) / 2 for low, high in pairwise(numbers)]
    candidates += [number - 1 for number in numbers] or [Fraction(0)]
    if isinstance(subject, UsageOf):
        candidates = [number for number in candidates if number >= 0]
    return next((number for number in candidates if _meets(number, demands)), None)


def _days_about(days: Sequence[date]) -> Iterator[date]:
    for day in days:
        yield from (day - timedelta(days=1), day, day + timedelta(days=1))
    yield date(2026, 1, 1)

"""Whether conditions can hold together: held to trying everything, and to z3, which knows nothing of our search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratebook.engine.compiler.satisfy import Begins, Subject, witness
from ratebook.engine.condition import (
    AmountOf,
    And,
    Attribute,
    Compare,
    Comparison,
    Condition,
    FieldOf,
    Known,
    Literal,
    Missing,
    Month,
    Not,
    OneOf,
    Or,
    Scalar,
    StartsIn,
    UsageOf,
    holds,
)
from ratebook.engine.period import MONTHLY, WEEKLY, YEARLY, Billing
from ratebook.engine.usage import FieldKind, FieldSchema
from ratebook.engine.window import Dates, Days, Difference, Intersection, Months, Weekday, Window

z3 = pytest.importorskip("z3")

DAYS = [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 4)]
NUMBERS = [Fraction(0), Fraction(1), Fraction(3)]
ATTRIBUTES = {
    "tier": FieldSchema("tier", FieldKind.ONE_OF, ("standard", "gold", "black")),
    "class": FieldSchema("class", FieldKind.ONE_OF, ("gold", "silver"), required=False),
    "country": FieldSchema("country", FieldKind.TEXT, required=False),
    "city": FieldSchema("city", FieldKind.TEXT),
    "vip": FieldSchema("vip", FieldKind.YES_NO, required=False, default=False),
    "seats": FieldSchema("seats", FieldKind.NUMBER, required=False, default=Decimal(1)),
    "limit": FieldSchema("limit", FieldKind.NUMBER, required=False),
    "since": FieldSchema("since", FieldKind.DATE, required=False),
    "signed": FieldSchema("signed", FieldKind.DATE),
}
WORDS: dict[Subject, tuple[Scalar, ...]] = {
    Attribute("tier"): ("standard", "gold", "black"),
    Attribute("class"): ("gold", "silver"),
    Attribute("country"): ("GB", "FR"),
    Attribute("city"): ("GB", "Paris"),
    Attribute("vip"): (True, False),
}
ORDERED: dict[Subject, Sequence[Scalar]] = {
    Attribute("seats"): NUMBERS,
    Attribute("limit"): NUMBERS,
    UsageOf("calls"): NUMBERS,
    AmountOf("calls"): NUMBERS,
    Month(): [Fraction(1), Fraction(2), Fraction(12)],
    Attribute("since"): DAYS,
    Attribute("signed"): DAYS,
}
# What may be compared with each other.
ALIKE = [
    [subject for subject, values in ORDERED.items() if isinstance(values[0], Fraction)],
    [Attribute("since"), Attribute("signed")],
    [Attribute("country"), Attribute("city")],
    [Attribute("tier"), Attribute("class")],
]
EQUALITY = [Comparison.IS, Comparison.IS_NOT]


def literals(values: Sequence[Scalar]) -> st.SearchStrategy[Literal]:
    return st.sampled_from(values).map(lambda value: Literal(value, str(value)))


def simple(subjects: Sequence[Subject]) -> st.SearchStrategy[Condition]:
    kinds: list[st.SearchStrategy[Condition]] = []
    for subject in subjects:
        ordered = subject in ORDERED
        values = ORDERED[subject] if ordered else WORDS[subject]
        signs = list(Comparison) if ordered else EQUALITY
        kinds.append(st.builds(Compare, st.just(subject), st.sampled_from(signs), literals(values)))
        listed = st.lists(literals(values), min_size=1, max_size=2).map(tuple)
        kinds.append(st.builds(OneOf, st.just(subject), listed, st.booleans()))
        if isinstance(subject, Attribute):
            kinds.append(st.builds(Known, st.just(subject), st.booleans()))
        twins = [other for group in ALIKE if subject in group for other in group if other in subjects]
        if twins:
            kinds.append(st.builds(Compare, st.just(subject), st.sampled_from(signs), st.sampled_from(twins)))
    return st.one_of(kinds)


def nested(leaves: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(Not, inner),
            st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
            st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        ),
        max_leaves=5,
    )


@st.composite
def few_subjects(draw: st.DrawFn) -> tuple[list[Subject], list[Condition]]:
    every = [*WORDS, *ORDERED]
    subjects = draw(st.lists(st.sampled_from(every), min_size=1, max_size=3, unique=True))
    return subjects, draw(st.lists(nested(simple(subjects)), min_size=1, max_size=3))


class World:
    """Facts given by subject; what is not given is not known."""

    def __init__(self, facts: Mapping[Subject, Scalar]) -> None:
        self.facts = facts

    def attribute(self, name: str) -> Scalar | None:
        found = self.facts.get(Attribute(name))
        schema = ATTRIBUTES[name]
        if found is None and (schema.required or schema.default is not None):
            return {"tier": "standard", "city": "Rome", "vip": False, "seats": Fraction(1), "signed": DAYS[0]}[name]
        return found

    def field(self, name: str) -> Scalar | None:
        raise AssertionError(name)

    def usage(self, meter: str) -> Fraction:
        return self._number(UsageOf(meter))

    def amount(self, line: str) -> Fraction:
        return self._number(AmountOf(line))

    def _number(self, subject: Subject) -> Fraction:
        found = self.facts.get(subject, Fraction(0))
        assert isinstance(found, Fraction)
        return found

    def month(self) -> int:
        found = self.facts.get(Month(), Fraction(1))
        assert isinstance(found, Fraction) and found in range(1, 13)
        return int(found)

    def starts_in(self, window: str) -> bool:
        raise AssertionError(window)


def all_hold(conditions: Sequence[Condition], facts: Mapping[Subject, Scalar]) -> bool:
    try:
        return all(holds(condition, World(facts)) for condition in conditions)
    except Missing:
        return False


# Two numbers strictly between any two constants, and two on either side.
GRID = [Fraction(n, 4) for n in (-8, -4, 0, 1, 2, 4, 5, 6, 8, 12, 13, 16, 48)]


def every_value(subject: Subject) -> list[Scalar | None]:
    if isinstance(subject, Month):
        return [Fraction(month) for month in range(1, 13)]
    if isinstance(subject, UsageOf | AmountOf):
        return [number for number in GRID if number >= 0 or isinstance(subject, AmountOf)]
    schema = ATTRIBUTES[subject.name]  # type: ignore[union-attr]
    values: list[Scalar | None]
    match schema.kind:
        case FieldKind.NUMBER:
            values = list(GRID)
        case FieldKind.DATE:
            values = [date(2026, 2, 27) + timedelta(days=offset) for offset in range(9)]
        case FieldKind.YES_NO:
            values = [True, False]
        case FieldKind.TEXT:
            values = ["GB", "FR", "Paris", "x", "y"]
        case _:
            values = list(schema.values)
    return values if schema.required or schema.default is not None else [None, *values]


@settings(max_examples=300)
@given(few_subjects())
def test_it_finds_what_trying_everything_finds(case: tuple[list[Subject], list[Condition]]) -> None:
    subjects, conditions = case
    worlds = (
        {subject: value for subject, value in zip(subjects, values, strict=True) if value is not None}
        for values in product(*(every_value(subject) for subject in subjects))
    )
    possible = any(all_hold(conditions, facts) for facts in worlds)
    found = witness(conditions, ATTRIBUTES)
    assert (found is not None) == possible
    if found is not None:
        assert all_hold(conditions, found), found


class Encoding:
    """The same question for z3: every subject a variable, and for each attribute whether it is known."""

    def __init__(self) -> None:
        self.limits: list[Any] = []
        self.values: dict[Subject, Any] = {}
        self.known: dict[Subject, Any] = {}
        for subject in [*WORDS, *ORDERED]:
            name = repr(subject)
            is_word = subject in WORDS
            is_date = isinstance(subject, Attribute) and ATTRIBUTES[subject.name].kind is FieldKind.DATE
            value = z3.Int(name) if is_word or is_date or isinstance(subject, Month) else z3.Real(name)
            self.values[subject] = value
            self.known[subject] = z3.BoolVal(True)
            if isinstance(subject, Attribute):
                schema = ATTRIBUTES[subject.name]
                if not schema.required and schema.default is None:
                    self.known[subject] = z3.Bool(f"known {name}")
                closed = schema.kind in (FieldKind.ONE_OF, FieldKind.YES_NO)
                if closed:
                    self.limits.append(z3.Or([value == _code(word) for word in WORDS[subject]]))
            elif isinstance(subject, UsageOf):
                self.limits.append(value >= 0)
            elif isinstance(subject, Month):
                self.limits.append(z3.And(value >= 1, value <= 12))

    def answer(self, condition: Condition, *, yes: bool) -> Any:
        """That a condition is evaluated to an end, and to this answer."""
        match condition:
            case Compare(left, sign, right):
                test = _signs[sign](self.number(left), self.number(right))
                return z3.And(self.is_known(left), self.is_known(right), test if yes else z3.Not(test))
            case OneOf(operand, values, negated):
                among = z3.Or([self.number(operand) == self.number(item) for item in values])
                return z3.And(self.is_known(operand), among if yes != negated else z3.Not(among))
            case Known(operand, negated):
                known = self.is_known(operand)
                return known if yes != negated else z3.Not(known)
            case Not(part):
                return self.answer(part, yes=not yes)
            case And(parts) | Or(parts):
                decisive = isinstance(condition, Or)
                last = [self.answer(part, yes=not decisive) for part in parts]
                if yes != decisive:
                    return z3.And(last)
                return z3.Or([z3.And(*last[:at], self.answer(part, yes=decisive)) for at, part in enumerate(parts)])
            case _:
                raise AssertionError(condition)

    def is_known(self, operand: Any) -> Any:
        return z3.BoolVal(True) if isinstance(operand, Literal) else self.known[operand]

    def number(self, operand: Any) -> Any:
        if not isinstance(operand, Literal):
            return self.values[operand]
        value = operand.value
        if isinstance(value, Fraction):
            return z3.RealVal(f"{value.numerator}/{value.denominator}")
        return z3.IntVal(value.toordinal() if isinstance(value, date) else _code(value))


_signs: dict[Comparison, Any] = {
    Comparison.IS: lambda left, right: left == right,
    Comparison.IS_NOT: lambda left, right: left != right,
    Comparison.LESS: lambda left, right: left < right,
    Comparison.LESS_OR_EQUAL: lambda left, right: left <= right,
    Comparison.GREATER: lambda left, right: left > right,
    Comparison.GREATER_OR_EQUAL: lambda left, right: left >= right,
}


def _code(word: Scalar) -> int:
    return [True, False, "standard", "gold", "black", "silver", "GB", "FR", "Paris"].index(word)


@settings(max_examples=300)
@given(st.lists(nested(simple([*WORDS, *ORDERED])), min_size=1, max_size=6))
def test_it_agrees_with_z3(conditions: list[Condition]) -> None:
    encoding = Encoding()
    solver = z3.Solver()
    solver.add(*encoding.limits, *(encoding.answer(condition, yes=True) for condition in conditions))
    verdict = solver.check()
    assert verdict != z3.unknown
    found = witness(conditions, ATTRIBUTES)
    assert (found is not None) == (verdict == z3.sat)
    if found is not None:
        assert all_hold(conditions, found), found


def compared(left: Subject, sign: str, right: Subject) -> Compare:
    return Compare(left, Comparison(sign), right)


SEATS, LIMIT, CALLS = Attribute("seats"), Attribute("limit"), UsageOf("calls")


@pytest.mark.parametrize(
    ("conditions", "possible"),
    [
        ([compared(SEATS, "<", LIMIT), compared(LIMIT, "<", SEATS)], False),
        ([compared(SEATS, "<=", LIMIT), compared(LIMIT, "<=", SEATS)], True),
        ([compared(SEATS, "<=", LIMIT), compared(LIMIT, "<=", SEATS), compared(SEATS, "is not", LIMIT)], False),
        ([compared(SEATS, "<", SEATS)], False),
        ([compared(CALLS, "<", CALLS)], False),
        ([compared(Attribute("since"), "<", Attribute("signed"))], True),
        ([Known(LIMIT, negated=True), compared(LIMIT, "<=", LIMIT)], False),
        # Between 1 March and 2 March there is no third day, between 1 and 3 seats there is a third number.
        (
            [
                Compare(Attribute("since"), Comparison.GREATER, Literal(DAYS[0], "")),
                compared(Attribute("since"), "<", Attribute("signed")),
                Compare(Attribute("signed"), Comparison.LESS_OR_EQUAL, Literal(DAYS[1], "")),
            ],
            False,
        ),
        (
            [
                Compare(SEATS, Comparison.GREATER, Literal(Fraction(1), "")),
                compared(SEATS, "<", LIMIT),
                Compare(LIMIT, Comparison.LESS, Literal(Fraction(2), "")),
            ],
            True,
        ),
        # Usage is never below zero, and may be any fraction above it.
        (
            [
                Compare(CALLS, Comparison.LESS, Literal(Fraction(1), "")),
                Compare(CALLS, Comparison.IS_NOT, Literal(Fraction(0), "")),
            ],
            True,
        ),
    ],
)
def test_two_subjects_are_compared_exactly(conditions: list[Condition], possible: bool) -> None:
    assert (witness(conditions, ATTRIBUTES) is not None) is possible


def test_an_unknown_attribute_is_never_passed_over() -> None:
    """`country is "GB" or seats > 1` needs the country before it comes to the seats."""
    either = Or((Compare(Attribute("country"), Comparison.IS, Literal("GB", "")), compared(SEATS, "is", SEATS)))
    assert witness([Known(Attribute("country"), negated=True), either], ATTRIBUTES) is None
    assert witness([Or((Known(Attribute("country"), negated=True), either))], ATTRIBUTES) is not None


JULY = Compare(Month(), Comparison.IS, Literal(Fraction(7), "jul"))
WINDOWS: dict[str, Window] = {
    "summer": Months(6, 9),
    "winter": Months(11, 2),
    "mondays": Days(frozenset({Weekday.MON})),
    "summer_mondays": Intersection((Months(6, 9), Days(frozenset({Weekday.MON})))),
    "not_summer": Difference(Days(frozenset(Weekday)), Months(6, 9)),
    "sale": Dates(date(2031, 11, 11), date(2031, 11, 13)),
    "from_noon": Days(frozenset(Weekday), 12 * 3600, 86400),
}


@pytest.mark.parametrize(
    ("billing", "start", "end", "conditions", "possible"),
    [
        (MONTHLY, None, None, [JULY], True),
        (YEARLY, None, None, [JULY], False),
        (MONTHLY, date(2026, 8, 1), date(2027, 7, 1), [JULY], False),
        (MONTHLY, date(2026, 8, 1), date(2027, 8, 1), [JULY], True),
        (MONTHLY, None, None, [StartsIn("summer"), StartsIn("winter")], False),
        (MONTHLY, None, None, [StartsIn("summer"), StartsIn("not_summer")], False),
        (MONTHLY, None, None, [Not(StartsIn("summer")), Not(StartsIn("winter"))], True),
        (MONTHLY, None, None, [StartsIn("winter"), JULY], False),
        (MONTHLY, None, None, [StartsIn("mondays"), JULY], True),
        (MONTHLY, None, None, [StartsIn("summer_mondays"), Not(StartsIn("mondays"))], False),
        # A first of July on a Monday: 2024 and 2030, but not in between.
        (MONTHLY, date(2025, 1, 1), date(2030, 1, 1), [StartsIn("mondays"), JULY], False),
        (WEEKLY, None, None, [StartsIn("mondays")], True),
        (WEEKLY, None, None, [Not(StartsIn("mondays"))], False),
        # Periods begin at midnight, and on the first of a month.
        (MONTHLY, None, None, [StartsIn("from_noon")], False),
        (MONTHLY, None, None, [StartsIn("sale")], False),
        ("from start", None, None, [StartsIn("sale")], True),
        ("from start", None, None, [StartsIn("sale"), JULY], False),
    ],
)
def test_a_period_begins_where_its_plan_lets_it(
    billing: Any, start: date | None, end: date | None, conditions: list[Condition], possible: bool
) -> None:
    rule = Billing(MONTHLY, anchored=True) if billing == "from start" else Billing(billing)
    begins = Begins(WINDOWS, ZoneInfo("Europe/Berlin"), rule, start, end)
    assert (witness(conditions, {}, begins) is not None) is possible


def test_fields_of_an_event_have_their_values() -> None:
    fields = {"region": FieldSchema("region", FieldKind.ONE_OF, ("us", "eu"))}

    def is_(word: str) -> Condition:
        return Compare(FieldOf("region"), Comparison.IS, Literal(word, word))

    assert witness([is_("us")], {}, fields=fields) == {FieldOf("region"): "us"}
    assert witness([is_("us"), is_("eu")], {}, fields=fields) is None
    assert witness([Not(is_("us")), Not(is_("eu"))], {}, fields=fields) is None


def test_too_many_alternatives_are_taken_as_possible() -> None:
    """A finding is made only where it is certain."""
    names = [f"a{index}" for index in range(40)]
    many = {name: FieldSchema(name, FieldKind.ONE_OF, ("x", "y", "z")) for name in names}
    either = [
        Or(tuple(Compare(Attribute(name), Comparison.IS, Literal(word, word)) for word in "xy")) for name in names
    ]
    contradiction = compared(Attribute("a39"), "is not", Attribute("a39"))
    assert witness([*either, contradiction], many) == {}

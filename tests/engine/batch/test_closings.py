"""Policies, fees, bounds, taxes and cards in SQL give line by line what the scalar evaluator gives."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from importlib.util import module_from_spec, spec_from_file_location
from math import lcm
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, note, settings
from hypothesis import strategies as st

from ratebook.engine.batch.cards import CardColumns, apply_cards
from ratebook.engine.batch.closing import apply_bounds, apply_taxes, apply_total_rounding, totals
from ratebook.engine.batch.facts import AttributeColumn, StatementFacts
from ratebook.engine.batch.family import Member, families
from ratebook.engine.batch.fees import price_fees
from ratebook.engine.batch.ledger import Info, Ledger, Portion, PricedSlot, Slot
from ratebook.engine.batch.number import TRUE, Integer, Number, TooLargeError, Truth, UnfitError, either
from ratebook.engine.batch.policies import apply_policies
from ratebook.engine.batch.sheet import Sheet
from ratebook.engine.derivation import Place, Role
from ratebook.engine.derivation import given as step
from ratebook.engine.evaluators import closing, policies, rate
from ratebook.engine.evaluators.charges import Priced
from ratebook.engine.evaluators.rate import situation_of
from ratebook.engine.evaluators.situation import PeriodFacts, Readings, Refused
from ratebook.engine.evaluators.slices import Portion as ScalarPortion
from ratebook.engine.plan import BoundKind, PolicyKind, Program
from ratebook.engine.statement import Labels, Line, LineKind
from ratebook.engine.usage import AccountUsage, FieldKind, Subscription
from ratebook.intake.parquet import connect

_spec = spec_from_file_location("drawn_closings", Path(__file__).parent / "drawn_closings.py")
assert _spec is not None and _spec.loader is not None
drawn = module_from_spec(_spec)
sys.modules[_spec.name] = drawn  # dataclasses look their module up
_spec.loader.exec_module(drawn)

PLACE = Place("drawn.rates", 1, 0, 0)
CARDS = 3
"""How many places for cards the query has."""


@dataclass(frozen=True)
class Result:
    """A statement as both evaluators give it: (id, kind, amount, on) a line, what lines have left, and the totals."""

    lines: tuple[tuple[str, str, int, tuple[str, ...]], ...]
    left: tuple[int, ...]
    left_by_policies: tuple[int, ...]
    total: int
    due: int


# The scalar evaluator, from lines that are given


class GivenReadings(Readings):
    """Readings whose totals and shares in windows are given."""

    def __init__(self, situation: Any, statement: Any) -> None:
        super().__init__(situation)
        self._given = statement

    def total(self, name: str) -> Any:
        return step(Role.METER, self._given.usage[name], name)

    def share_in(self, charge: Any, meter: Any, window: str, key: Any) -> tuple[Fraction, Fraction]:
        line = self._given.lines[drawn.LINES.index((charge.name, key))]
        return line.inside, line.whole


def subscription(statement: Any, start: date) -> Subscription:
    return Subscription("one", "one", start, None, statement.attributes, statement.cards)


def scalar_result(family: Any, statement: Any) -> Result | None:
    program: Program = family.programs[statement.member]
    start, period = family.starts[statement.member], family.periods[statement.member]
    situation = situation_of(program, subscription(statement, start), AccountUsage(), period)
    readings = GivenReadings(situation, statement)
    amounts: dict[str, Fraction] = {}
    ledger = policies.Ledger([], [], [])
    charges = {charge.name: charge for charge in situation.plan.charges}
    for place, ((name, key), line) in enumerate(zip(drawn.LINES, statement.lines, strict=True)):
        if line.amount is None:
            continue
        made = Line(name, LineKind.CHARGE, Labels(name), line.amount, step(Role.AMOUNT, Fraction(0), ""), PLACE)
        prices = (family.prices[statement.member][place], line.price if family.price_of_row else Fraction(1, 20))
        portions = tuple(ScalarPortion(size, price) for size, price in zip(line.sizes, prices, strict=True) if size > 0)
        ledger.priced.append(Priced(made, charges[name], key, portions))
        amounts[name] = amounts.get(name, Fraction(0)) + program.money.fraction(line.amount)
    facts = PeriodFacts(readings, amounts)
    try:
        rate._put_fees(ledger, readings, facts, amounts)
        ledger.left = [item.line.amount for item in ledger.priced]
        ledger.lines = [item.line for item in ledger.priced]
        for kind in PolicyKind:
            policies.apply_policies(kind, ledger, readings, facts)
        by_policies = tuple(ledger.left)
        closing.apply_bounds(BoundKind.MINIMUM, ledger, readings)
        closing.apply_bounds(BoundKind.CAP, ledger, readings)
        shares = closing.apply_taxes(ledger, readings, facts)
        closing.apply_total_rounding(ledger, situation)
        closing.apply_cards(ledger, by_policies, shares, situation)
    except Refused:
        return None
    total = sum(line.amount for line in ledger.lines if line.is_added)
    prepaid = sum(line.amount for line in ledger.lines if line.kind is LineKind.PREPAID)
    lines = tuple((line.id, line.kind.value, line.amount, line.on) for line in ledger.lines)
    return Result(lines, tuple(ledger.left), by_policies, total, total + prepaid)


# The query, from the same lines


def column(name: str, values: Sequence[int]) -> Integer:
    return Integer(name, min(values), max(values))


class Table:
    """A table of literals: each column's values are integers, texts, dates or truths, one a statement."""

    def __init__(self, count: int) -> None:
        self.columns: dict[str, list[str]] = {"sid": [str(index) for index in range(count)]}

    def integers(self, name: str, values: Sequence[int]) -> Integer:
        self.columns[name] = [f"{value}::BIGINT" for value in values]
        return column(name, values)

    def numbers(self, name: str, values: Sequence[Fraction]) -> Number:
        scale = lcm(*(value.denominator for value in values))
        return Number(self.integers(name, [int(value * scale) for value in values]), scale)

    def truths(self, name: str, values: Sequence[bool]) -> Truth:
        self.columns[name] = [str(value).lower() for value in values]
        return Truth(name)

    def others(self, name: str, values: Sequence[str]) -> str:
        self.columns[name] = list(values)
        return name

    def sql(self) -> str:
        rows = ", ".join(f"({', '.join(row)})" for row in zip(*self.columns.values(), strict=True))
        return f"(SELECT * FROM (VALUES {rows}) AS v({', '.join(self.columns)}))"


def attribute_columns(table: Table, statements: Sequence[Any]) -> Mapping[str, AttributeColumn]:
    found = {}
    kinds = {
        "tier": (FieldKind.ONE_OF, "VARCHAR"),
        "name": (FieldKind.TEXT, "VARCHAR"),
        "since": (FieldKind.DATE, "DATE"),
        "partner": (FieldKind.YES_NO, "BOOLEAN"),
    }
    for name, (kind, type_) in kinds.items():
        values = [item.attributes.get(name) for item in statements]
        quote = "'{}'"
        shown = [
            "NULL" if value is None else f"{quote.format(str(value).replace(chr(39), chr(39) * 2))}::{type_}"
            for value in values
        ]
        sql = table.others(f"a_{name}", [text if text != "NULL" else f"NULL::{type_}" for text in shown])
        found[name] = AttributeColumn(kind, Truth(f"({sql} IS NOT NULL)"), None, sql)
    for name, kind in (("seats", FieldKind.NUMBER), ("credit", FieldKind.MONEY)):
        values = [item.attributes.get(name) for item in statements]
        known = table.truths(f"k_{name}", [value is not None for value in values])
        number = table.numbers(f"a_{name}", [Fraction(0) if value is None else Fraction(value) for value in values])
        found[name] = AttributeColumn(kind, known, number)
    return found


def put_lines(ledger: Ledger, table: Table, family: Any, statements: Sequence[Any], numbers: Sequence[int]) -> None:
    members = ledger.members
    for place, (name, _) in enumerate(drawn.LINES):
        own = [item.lines[place] for item in statements]
        present = table.truths(f"p{place}", [line.amount is not None for line in own]) if name != "b" else TRUE
        amount = table.integers(f"x{place}", [line.amount or 0 for line in own])
        constant = ledger.sheet.numbers([family.prices[number][place] for number in numbers])
        varying = Number(table.integers(f"r{place}", [int(line.price * 300) for line in own]), 300)
        second = varying if family.price_of_row else ledger.sheet.numbers([Fraction(1, 20)] * len(members))
        portions = tuple(
            Portion(table.numbers(f"s{place}_{index}", [line.sizes[index] for line in own]), price)
            for index, price in enumerate((constant, second))
        )
        infos = tuple(Info(name, LineKind.CHARGE, name, PLACE) for _ in members)
        ledger.put_priced(PricedSlot(Slot(infos, present, amount), None, None, portions))


def card_columns(table: Table, family: Any, statements: Sequence[Any]) -> CardColumns:
    chosen = []
    for item in statements:
        program = family.programs[item.member]
        period = family.periods[item.member]
        situation = situation_of(program, subscription(item, family.starts[item.member]), AccountUsage(), period)
        names = list(program.cards)
        held = [
            (names.index(card.name), card.worth if holding.left is None else holding.left)
            for card, holding, _ in closing.cards_in_order(situation)
        ]
        chosen.append([*held, *[(-1, Fraction(0))] * (CARDS - len(held))])
    return CardColumns(
        tuple(table.integers(f"card{slot}", [own[slot][0] for own in chosen]) for slot in range(CARDS)),
        tuple(table.numbers(f"worth{slot}", [own[slot][1] for own in chosen]) for slot in range(CARDS)),
    )


def batch_results(family: Any, members: tuple[Member, ...], statements: Sequence[Any]) -> list[Result | None]:
    """The results of a family's statements; None where the query leaves them to the scalar evaluator."""
    numbers = [member.number for member in members]
    program: Program = family.programs[numbers[0]]
    sheet = Sheet(len(members))
    ledger = Ledger(sheet, members)
    table = Table(len(statements))
    put_lines(ledger, table, family, statements, numbers)
    usage = {name: table.numbers(f"u_{name}", [item.usage[name] for item in statements]) for name in ("a", "b")}
    attributes = attribute_columns(table, statements)
    facts = StatementFacts(sheet, members, attributes, lambda name: usage[name], ledger.amounts, program.money)

    def shares(index: int, window: str) -> tuple[Number, Number] | None:
        if index >= len(drawn.LINES):
            return None
        own = [item.lines[index] for item in statements]
        return (
            table.numbers(f"i{index}", [line.inside for line in own]),
            table.numbers(f"w{index}", [line.whole for line in own]),
        )

    price_fees(program, ledger, facts)
    for kind in PolicyKind:
        apply_policies(kind, program, ledger, facts, shares)
    at = ledger.now
    apply_bounds(BoundKind.MINIMUM, program, ledger)
    apply_bounds(BoundKind.CAP, program, ledger)
    tax_shares = apply_taxes(program, ledger, facts)
    apply_total_rounding(program, ledger)
    apply_cards(program, ledger, card_columns(table, family, statements), at, tax_shares)
    total, due = totals(ledger)
    left = [ledger.left(index) for index in range(len(ledger.priced))]
    earlier = [ledger.left(index, at) for index in range(len(ledger.priced))]
    unfit = either(*(condition for _, condition in ledger.scalar))
    columns = [f"({unfit.sql})", total.sql, due.sql]
    columns += [item.sql for item in (*left, *earlier)]
    for slot in ledger.slots:
        columns += [slot.present.sql, slot.amount.sql]
        columns += [condition.sql for _, condition in slot.on]
    source = parameterised(sheet, table, [numbers.index(item.member) for item in statements])
    with connect() as connection:
        rows = connection.execute(sheet.select(source, ["sid", *columns]) + " ORDER BY sid").fetchall()
    return [read(row[1:], ledger) for row in rows]


def parameterised(sheet: Sheet, table: Table, members: Sequence[int]) -> str:
    for parameter in sheet.parameters:
        values = [parameter.values[member] for member in members]
        shown = ["NULL" if value is None else repr(value).lower() for value in values]
        table.others(parameter.name, [f"{value}::{parameter.type_}" for value in shown])
    return table.sql()


def read(row: Sequence[Any], ledger: Ledger) -> Result | None:
    unfit, total, due, *rest = row
    assert all(value is not None for value in row)
    if unfit:
        return None
    count = len(ledger.priced)
    left, earlier, rest = rest[:count], rest[count : 2 * count], rest[2 * count :]
    lines = []
    present_lines = []
    for place, slot in enumerate(ledger.slots):
        present, amount, *flags = rest[: 2 + len(slot.on)]
        rest = rest[2 + len(slot.on) :]
        assert present or amount == 0
        assert slot.amount.low <= amount <= slot.amount.high
        if place < count:
            present_lines.append(present)
        if present:
            on = tuple(name for (name, _), flag in zip(slot.on, flags, strict=True) if flag)
            lines.append((slot.id, slot.kind.value, amount, on))
    return Result(
        tuple(lines),
        tuple(value for value, present in zip(left, present_lines, strict=True) if present),
        tuple(value for value, present in zip(earlier, present_lines, strict=True) if present),
        total,
        due,
    )


def members_of(family: Any) -> list[Member]:
    found = []
    for number, program in enumerate(family.programs):
        own = Subscription("", "one", family.starts[number])
        found.append(Member(number, situation_of(program, own, AccountUsage(), family.periods[number])))
    return found


@given(drawn.closings())
def test_lines_and_what_they_have_left_are_those_of_the_scalar_evaluator(family: Any) -> None:
    assert_same(family)


FORMS = {
    "effects added up take no more than is left": """
discount p0:
  50% off total
discount p1:
  50% off a, base
discount p2:
  $9 off a, b
discounts combine add up
offer p3:
  10% off a
""",
    "the best one line by line": """
discount p0:
  25% off a
discount p1:
  25% off total
discount p2:
  $3 off b
discount p3:
  50% off total during nights
discount p4:
  100% off fees, at most $4
discounts combine best one
offer p5:
  10% off b
""",
    "the best of free units": """
discount p0:
  10 of a free
discount p1:
  50% off total
discount p2:
  2 of b free, at most $0.50
discounts combine best one
offer p3:
  5% off a
""",
    "free units and windows one after another": """
discount p0:
  10 of a free
discount p1:
  25% off b during nights
discount p2:
  8 of b free
discounts combine one after another
offer p3:
  10% off b, c
""",
}


@pytest.mark.parametrize("policies_text", FORMS.values(), ids=FORMS)
@given(st.data())
@settings(max_examples=25)
def test_policies_that_meet_on_lines(policies_text: str, data: st.DataObject) -> None:
    assert_same(data.draw(drawn.closings(policies_text)))


def assert_same(family: Any) -> None:
    """Every statement of a family comes out as the scalar evaluator has it, or is left to it."""
    note("\n\n".join(family.texts))
    note(str(family.statements))
    for members in families(members_of(family)):
        numbers = [member.number for member in members]
        statements = [item for item in family.statements if item.member in numbers]
        if not statements:
            continue
        try:
            found = batch_results(family, members, statements)
        except UnfitError as unfit:
            event(f"unfit: {unfit}")
            continue
        except TooLargeError:
            event("too large")
            continue
        for statement, result in zip(statements, found, strict=True):
            wanted = scalar_result(family, statement)
            event("refused" if wanted is None else "left to the scalar evaluator" if result is None else "compared")
            assert result == wanted
            for line in result.lines if result is not None else ():
                event(line[1])

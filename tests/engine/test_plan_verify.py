"""`verify()` catches every invariant that it states: programs broken on purpose, one way each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from ratebook.diagnostics import Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.dispatch import Branch, Leaf
from ratebook.engine.plan import (
    Aggregation,
    Charge,
    CountedPer,
    OfAmount,
    OfAttribute,
    OfMeter,
    Plan,
    Pooling,
    Program,
    verify,
    violations,
)
from ratebook.engine.schedule import Mode, Schedule

RULESET = """
ruleset verified "Verified":
  currency USD
  time zone UTC

event net:
  size: number of GB
  region: one of us, eu

meter egress: sum of size of net
meter p95: 95th percentile of size of net

plan payg from 2026-01-01 before 2026-07-01:
  fee base $10 per month
  include 5 GB of egress
  charge egress by region graduated:
    | region | first 10            | next 20   | above     |
    | us     | $3 per started 5 GB | $2 per GB | $1 per GB |
    | eu     | $3 per GB           | $2 per GB | $1 per GB |
  charge p95: at $1 per GB
  charge support of amount of egress: at 10%

plan payg from 2026-07-01:
  charge p95: at $2 per GB

discount tenth: 10% off egress
"""


@pytest.fixture(scope="module")
def program() -> Program:
    found = compile_ruleset(Source("verified.rates", RULESET))
    assert found.program is not None, [item.message for item in found.findings]
    return found.program


def first(program: Program) -> Plan:
    return program.plans["payg"][0]


def with_plan(program: Program, **changes: Any) -> Program:
    versions = (replace(first(program), **changes), *program.plans["payg"][1:])
    return replace(program, plans={"payg": versions})


def with_charge(program: Program, **changes: Any) -> Program:
    """The program with its first charge, `egress`, changed."""
    charge, *others = first(program).charges
    return with_plan(program, charges=(replace(charge, **changes), *others))


def with_schedule(program: Program, change: Callable[[Schedule], Schedule]) -> Program:
    row, *others = egress(program).rows
    return with_charge(program, rows=(replace(row, schedule=change(row.schedule)), *others))


def with_band(program: Program, number: int, **changes: Any) -> Program:
    def change(schedule: Schedule) -> Schedule:
        bands = list(schedule.bands)
        bands[number] = replace(bands[number], **changes)
        return replace(schedule, bands=tuple(bands))

    return with_schedule(program, change)


def egress(program: Program) -> Charge:
    return first(program).charges[0]


def with_meter(program: Program, name: str, **changes: Any) -> Program:
    return replace(program, meters={**program.meters, name: replace(program.meters[name], **changes)})


def with_source(program: Program, source: object) -> Program:
    return with_charge(program, source=source)


def test_a_compiled_program_keeps_every_invariant(program: Program) -> None:
    verify(program)
    assert list(violations(program)) == []


BROKEN: dict[str, Callable[[Program], Program]] = {
    "versions of payg must follow one another in time": lambda program: with_plan(program, end=date(2026, 7, 2)),
    "meter egress must count a declared event": lambda program: with_meter(program, "egress", event="gone"),
    "meter egress must have a rank if and only if it is a percentile": lambda program: with_meter(
        program, "egress", rank=Fraction(95)
    ),
    "meter p95 must have a rank if and only if it is a percentile": lambda program: with_meter(
        program, "p95", aggregation=Aggregation.SUM
    ),
    "lines of payg must have names of their own": lambda program: with_plan(
        program, fees=(replace(first(program).fees[0], name="egress"),)
    ),
    "what payg includes must be a declared meter": lambda program: with_plan(
        program, includes=(replace(first(program).includes[0], meter="gone"),)
    ),
    "what payg includes must not be negative": lambda program: with_plan(
        program, includes=(replace(first(program).includes[0], quantity=Fraction(-1)),)
    ),
    "policy tenth must target lines of payg": lambda program: with_plan(
        program,
        policies=tuple(
            replace(item, targets=replace(item.targets, names=("gone",))) for item in first(program).policies
        ),
    ),
    "charge egress must price a declared meter": lambda program: with_source(program, OfMeter("gone")),
    "charge egress must come after the charges that it is a price on": lambda program: with_source(
        program, OfAmount(("support",))
    ),
    "charge egress must have a row": lambda program: with_charge(program, rows=()),
    "the tree of charge egress must lead to its rows": lambda program: with_charge(program, tree=Leaf(7)),
    "the tree of charge egress must not be deeper than its columns": lambda program: with_charge(
        program, tree=Branch(0, otherwise=Branch(1, otherwise=Leaf(0)))
    ),
    "the scales of charge egress must be positive": lambda program: with_schedule(
        program, lambda schedule: replace(schedule, quantity_scale=0)
    ),
    "the last band of charge egress must be open": lambda program: with_band(program, 2, upper=100),
    "only the last band of charge egress may be open": lambda program: with_band(program, 0, upper=None),
    "the bounds of charge egress must rise": lambda program: with_band(program, 1, upper=10),
    "the steps of charge egress must be positive": lambda program: with_band(program, 0, step=0),
    "a stairstep band of charge egress must have no rate": lambda program: with_schedule(
        program, lambda schedule: replace(schedule, mode=Mode.STAIRSTEP)
    ),
    "charge egress must price a meter to have a ladder of its own kind": lambda program: with_charge(
        program, counted=CountedPer.CALENDAR_YEAR, source=OfAttribute("seats")
    ),
    "the rows of charge egress, which share a ladder, must have the same bounds and steps": lambda program: with_charge(
        program, pooling=Pooling.ROW_ORDER
    ),
    "charge p95, pooled in time order, must price a quantity that events add up to": lambda program: with_plan(
        program, charges=(replace(first(program).charges[1], pooling=Pooling.TIME_ORDER),)
    ),
    "charge egress, which is prorated by day, must price a level on the ladder of one bill": lambda program: (
        with_charge(program, prorated=True)
    ),
}


@pytest.mark.parametrize("sentence", BROKEN)
def test_a_broken_program_is_told_in_a_sentence(program: Program, sentence: str) -> None:
    broken = BROKEN[sentence](program)
    assert sentence in list(violations(broken))
    with pytest.raises(AssertionError):
        verify(broken)


def test_blocks_may_differ_by_share(program: Program) -> None:
    assert list(violations(with_charge(program, pooling=Pooling.SHARE))) == []


def test_a_version_without_an_end_cannot_be_followed(program: Program) -> None:
    assert "versions of payg must follow one another in time" in list(violations(with_plan(program, end=None)))


def test_the_money_scale_is_positive_too(program: Program) -> None:
    broken = with_schedule(program, lambda schedule: replace(schedule, money_scale=-1))
    assert "the scales of charge egress must be positive" in list(violations(broken))


def test_a_schedule_without_bands_has_no_open_one(program: Program) -> None:
    broken = with_schedule(program, lambda schedule: replace(schedule, bands=()))
    assert "the last band of charge egress must be open" in list(violations(broken))


def test_a_price_on_itself_is_found(program: Program) -> None:
    support = first(program).charges[2]
    charges = (*first(program).charges[:2], replace(support, source=OfAmount(("support",))))
    assert list(violations(with_plan(program, charges=charges))) == [
        "charge support must come after the charges that it is a price on"
    ]

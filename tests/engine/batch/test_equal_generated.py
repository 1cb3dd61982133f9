"""Both evaluators make the same statements of random rulesets over random usage, and refuse the same.

`HYPOTHESIS_PROFILE=long` tries a thousand rulesets; each is rated for a dozen accounts at once. `bench/equal.py` does
so too, tells how far it is and counts what it compared.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from itertools import count
from pathlib import Path
from types import ModuleType

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from ratebook.diagnostics import Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.plan import (
    Aggregation,
    ByDay,
    ColumnKind,
    CountedPer,
    LevelKind,
    OfAmount,
    OfAttribute,
    OfEach,
    OfMeter,
    PolicyKind,
    Pooling,
    Program,
    Proration,
)
from ratebook.engine.schedule import Mode


def beside(name: str, folder: Path = Path(__file__).parent) -> ModuleType:
    """A module of this folder, or of another."""
    spec = spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


both, forms, equality = beside("both_evaluators"), beside("generated_forms"), beside("generated_equality")
drawn = beside("generated_rulesets", Path(__file__).parents[1])

RULESETS = 1_000 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 8
often = settings(
    max_examples=RULESETS, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def compiled(text: str) -> Program:
    found = compile_ruleset(Source("drawn.rates", text))
    assert found.program is not None
    return found.program


def assert_equal(program: Program, seed: int) -> None:
    """Both evaluators agree on the statements of accounts that can be rated, and on the refusals of the others."""
    assert [found for one in equality.compared(program, seed) for found in one.differences] == []


@often
@given(forms.forms(), st.integers(0, 2**32 - 1))
def test_rulesets_of_every_form(text: str, seed: int) -> None:
    note(text)
    assert_equal(compiled(text), seed)


@often
@given(drawn.rulesets(), st.integers(0, 2**32 - 1))
def test_rulesets_of_metered_quantities(text: str, seed: int) -> None:
    note(text)
    assert_equal(compiled(text), seed)


# What is drawn covers the operations of a plan


def operations(program: Program) -> Iterator[object]:
    """The operations that a program uses."""
    for meter in program.meters.values():
        yield meter.aggregation
        yield from (item for item in (meter.level, meter.by_day) if item is not None)
        yield from (name for name in ("per", "interval", "rounding", "each_rounding", "where") if getattr(meter, name))
    for plan in (version for versions in program.plans.values() for version in versions):
        yield "dated by usage" if plan.dated_by_usage else "dated by period"
        yield from (item.kind for item in plan.bounds)
        yield from ("include for a term" if item.every else "include" for item in plan.includes)
        for fee in plan.fees:
            yield fee.proration
            yield "fee in advance" if fee.in_advance else "fee in arrears"
            yield from ["trial"] if fee.trial else []
        for charge in plan.charges:
            yield type(charge.source)
            yield from (item for item in (charge.pooling, charge.counted) if item is not None)
            yield from (column.kind for column in charge.columns)
            names = ("prorated", "round_event", "free_events", "free_quantity", "period_minimum", "period_cap", "when")
            yield from (name for name in names if getattr(charge, name))
            for row in charge.rows:
                yield row.schedule.mode
                yield from ("stepped" for band in row.schedule.bands if band.step)
                yield from ("depends" for band in row.schedule.bands if band.width_per)
                yield from ("once if used" for band in row.schedule.bands if band.once and band.if_used)
        for policy in plan.policies:
            yield policy.kind
            yield type(policy.effect).__name__
            yield from ["at most"] if policy.at_most else []
        yield from ("included tax" if tax.included else "added tax" for tax in plan.taxes)
    yield from (f"combines {way.value}" for way in program.combinations.values())
    yield from ["card"] if program.cards else []
    yield from ["total rounded"] if program.total_rounding else []


WANTED = {
    *(set(Aggregation)),
    *LevelKind,
    *ByDay,
    *Mode,
    *Pooling,
    *CountedPer,
    *Proration,
    *ColumnKind,
    *PolicyKind,
    *(OfMeter, OfAttribute, OfAmount, OfEach),
    *("per", "interval", "rounding", "each_rounding", "where", "dated by usage", "include for a term", "include"),
    *("fee in advance", "fee in arrears", "trial", "prorated", "round_event", "free_events", "free_quantity", "when"),
    *("period_minimum", "period_cap", "stepped", "depends", "once if used", "included tax", "added tax", "card"),
    *("PercentOff", "MoneyOff", "UnitsFree", "AddMoney", "AddPercent", "AddPerUnit", "at most", "total rounded"),
    *("combines best one", "combines add up", "combines one after another"),
}


def test_every_operation_of_a_plan_is_drawn() -> None:
    found: Counter[object] = Counter()
    valid = 0
    for seed in count():
        result = compile_ruleset(Source("drawn.rates", forms.ruleset_text(seed)))
        if result.program is not None:
            valid += 1
            found.update(set(operations(result.program)))
        if valid == 120 or found.keys() >= WANTED:
            break
    assert WANTED - found.keys() == set()
    assert valid > seed / 3


def test_what_compares_finds_a_difference() -> None:
    """The comparison is not blind: one amount more, and it says where."""
    line = {"id": "a", "amount": "1.00"}
    statement = {"account": "x", "plan": "p", "period": {"start": "s"}, "lines": [line], "total": "1.00"}
    one = both.Rated([statement], (), (1, 1, 0, 0))
    other = replace(one, statements=[{**statement, "lines": [{**line, "amount": "1.01"}]}])
    assert both.differences(one, one) == []
    assert "1.01" in both.differences(one, other)[0]
    assert both.differences(one, replace(one, statements=[]))

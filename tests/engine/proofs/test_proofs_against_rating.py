"""What is proved holds for random usage through `rate`; what is refuted is refuted by `rate`; nothing is guessed."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from importlib.util import module_from_spec, spec_from_file_location
from itertools import pairwise
from pathlib import Path

from hypothesis import given, note, settings
from hypothesis import strategies as st

from ratebook.diagnostics import Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.compiler.proofs.dearer import never_costs_more
from ratebook.engine.compiler.proofs.more import more_never_costs_less
from ratebook.engine.compiler.proofs.outcome import Verdict
from ratebook.engine.evaluators.rate import rate
from ratebook.engine.period import DateRange
from ratebook.engine.plan import Program
from ratebook.engine.statement import Statement
from ratebook.engine.usage import AccountUsage, MeteredQuantity, Subscription

_spec = spec_from_file_location("generated_rulesets", Path(__file__).parents[1] / "generated_rulesets.py")
assert _spec is not None and _spec.loader is not None
drawn = module_from_spec(_spec)
_spec.loader.exec_module(drawn)

MARCH = DateRange(date(2026, 3, 1), date(2026, 4, 1))
BREAKS = (0, 1, 4, 5, 6, 9, 10, 11, 14, 15, 16, 19, 20, 21, 29, 30, 31, 60, 200)


def compiled(text: str) -> Program:
    result = compile_ruleset(Source("drawn.rates", text))
    assert result.program is not None, [finding.message for finding in result.findings] + [text]
    return result.program


def total(program: Program, plan: str, usage: dict[tuple[str, str], int], tier: str) -> Fraction:
    quantities = tuple(
        MeteredQuantity("", meter, Fraction(size), {"region": region} if region else {})
        for (meter, region), size in usage.items()
    )
    subscription = Subscription("", plan, MARCH.start, None, {"tier": tier})
    found = rate(program, subscription, AccountUsage((), quantities), MARCH)
    assert isinstance(found, Statement)
    return found.money.fraction(found.total)


@settings(max_examples=40)
@given(drawn.rulesets(), drawn.usages(), st.sampled_from(["standard", "gold"]), st.sampled_from(["a", "b"]), st.data())
def test_more_never_costs_less_where_it_is_proved(text, usage, tier, meter, data) -> None:
    program = compiled(text)
    outcome = more_never_costs_less(program, program.plans["one"][0], meter)
    note(text)
    note(str(outcome))
    if outcome.verdict is not Verdict.PROVED:
        assert outcome.verdict is Verdict.REFUTED or outcome.reason
        return
    key = ("a", "eu") if meter == "a" else ("b", "")
    previous = None
    for size in sorted({*BREAKS, usage[key], usage[key] + data.draw(st.integers(1, 40))}):
        amount = total(program, "one", {**usage, key: size}, tier)
        assert previous is None or amount >= previous - outcome.slack, (size, previous, amount)
        previous = amount


@settings(max_examples=40)
@given(drawn.rulesets(), drawn.usages(), st.sampled_from(["standard", "gold"]))
def test_a_plan_is_never_dearer_where_it_is_proved(text, usage, tier) -> None:
    program = compiled(text)
    outcome = never_costs_more(program, program.plans["one"][0], program.plans["two"][0], boxes_max=150)
    note(text)
    note(str(outcome))
    if outcome.verdict is not Verdict.PROVED:
        return
    assert total(program, "one", usage, tier) <= total(program, "two", usage, tier) + outcome.slack


@settings(max_examples=40)
@given(drawn.rulesets())
def test_a_fall_at_a_breakpoint_is_never_missed_as_proved(text) -> None:
    """Brute force at the breakpoints and one unit past them, with nothing else used."""
    program = compiled(text)
    for meter, key in (("a", ("a", "eu")), ("b", ("b", ""))):
        amounts = [total(program, "one", {key: size}, "standard") for size in BREAKS]
        falls = max((left - right for left, right in pairwise(amounts)), default=Fraction(0))
        outcome = more_never_costs_less(program, program.plans["one"][0], meter)
        note(text)
        assert outcome.verdict is not Verdict.PROVED or falls <= outcome.slack, (falls, outcome)


@settings(max_examples=40)
@given(drawn.rulesets(rising=True))
def test_rising_prices_without_thresholds_are_decided(text) -> None:
    program = compiled(text)
    note(text)
    outcome = more_never_costs_less(program, program.plans["one"][0], "a")
    note(str(outcome))
    assert outcome.verdict is not Verdict.NOT_DECIDED or "once" in text or outcome.reason

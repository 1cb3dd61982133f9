"""What is proved holds for random usage through `rate`; what is refuted is refuted by `rate`; nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from importlib.util import module_from_spec, spec_from_file_location
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

from hypothesis import assume, given, note
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
from ratebook.engine.usage import AccountUsage, MeteredQuantity, Subscription, Value

_spec = spec_from_file_location("generated_rulesets", Path(__file__).parents[1] / "generated_rulesets.py")
assert _spec is not None and _spec.loader is not None
drawn = module_from_spec(_spec)
_spec.loader.exec_module(drawn)

MONTHS = st.integers(1, 11)
Account: TypeAlias = Mapping[str, Value]
BREAKS = (0, 1, 4, 5, 6, 9, 10, 11, 14, 15, 16, 19, 20, 21, 29, 30, 31, 60, 200)


def compiled(text: str) -> Program:
    result = compile_ruleset(Source("drawn.rates", text))
    assert result.program is not None, [finding.message for finding in result.findings] + [text]
    return result.program


def total(program: Program, plan: str, usage: dict[tuple[str, str], int], account: Account, month: int = 3) -> Fraction:
    quantities = tuple(
        MeteredQuantity("", meter, Fraction(size), {"region": region} if region else {})
        for (meter, region), size in usage.items()
    )
    period = DateRange(date(2026, month, 1), date(2026, month + 1, 1))
    subscription = Subscription("", plan, date(2026, 1, 1), None, account)
    found = rate(program, subscription, AccountUsage((), quantities), period)
    assert isinstance(found, Statement)
    return found.money.fraction(found.total)


@given(drawn.rulesets(), drawn.usages(), drawn.accounts(), MONTHS, st.sampled_from(["a", "b"]), st.data())
def test_more_never_costs_less_where_it_is_proved(text, usage, account, month, meter, data) -> None:
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
        amount = total(program, "one", {**usage, key: size}, account, month)
        assert previous is None or amount >= previous - outcome.slack, (size, previous, amount)
        previous = amount


@given(drawn.rulesets(), st.lists(st.tuples(drawn.usages(), drawn.accounts(), MONTHS), min_size=1, max_size=12))
def test_a_plan_is_never_dearer_where_it_is_proved(text, facts) -> None:
    program = compiled(text)
    outcome = never_costs_more(program, program.plans["one"][0], program.plans["two"][0], boxes_max=150)
    note(text)
    note(str(outcome))
    if outcome.verdict is Verdict.PROVED:
        for own in facts:
            assert total(program, "one", *own) <= total(program, "two", *own) + outcome.slack, own


@given(drawn.rulesets(plans=("one",)), st.data())
def test_a_copy_that_is_dearer_for_sure_is_never_called_cheaper(text, data) -> None:
    """A plan against a copy of itself without its policies, or with a fee more: both directions are held to `rate`."""
    head, _, rest = text.partition("plan one from 2026-01-01:\n")
    body, _, rules = rest.partition("\n\n")
    extra = data.draw(st.sampled_from(["  fee extra $1 per month\n", "  fee extra $0.01 per 12 months\n", ""]))
    text = f"{head}plan one from 2026-01-01:\n{body}\nplan two from 2026-01-01:\n{body}\n{extra}\n{rules}"
    result = compile_ruleset(Source("drawn.rates", text))
    assume(result.program is not None)
    program = result.program
    note(text)
    for cheaper, dearer in (("one", "two"), ("two", "one")):
        outcome = never_costs_more(program, program.plans[cheaper][0], program.plans[dearer][0], boxes_max=60)
        note(str(outcome))
        own = data.draw(st.tuples(drawn.usages(), drawn.accounts(), MONTHS))
        if outcome.verdict is Verdict.PROVED:
            assert total(program, cheaper, *own) <= total(program, dearer, *own) + outcome.slack, own


@given(drawn.rulesets(), drawn.accounts())
def test_a_fall_at_a_breakpoint_is_never_missed_as_proved(text, account) -> None:
    """Brute force at the breakpoints and one unit past them, with nothing else used."""
    program = compiled(text)
    for meter, key in (("a", ("a", "eu")), ("b", ("b", ""))):
        amounts = [total(program, "one", {key: size}, account) for size in BREAKS]
        falls = max((left - right for left, right in pairwise(amounts)), default=Fraction(0))
        outcome = more_never_costs_less(program, program.plans["one"][0], meter)
        note(text)
        assert outcome.verdict is not Verdict.PROVED or falls <= outcome.slack, (falls, outcome)


@given(drawn.rulesets(rising=True))
def test_rising_prices_without_thresholds_are_decided(text) -> None:
    program = compiled(text)
    note(text)
    outcome = more_never_costs_less(program, program.plans["one"][0], "a")
    note(str(outcome))
    assert outcome.verdict is not Verdict.NOT_DECIDED or "once" in text or outcome.reason

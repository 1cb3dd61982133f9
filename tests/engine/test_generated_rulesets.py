"""Laws of every ruleset, over generated ones: its text, the sums of its bills, the walk over its bands, its quotes."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from hypothesis import given, note
from hypothesis import strategies as st

from ratebook.diagnostics import Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.evaluators.generated import Quoted, quoter
from ratebook.engine.evaluators.generated.facts import fields_of
from ratebook.engine.evaluators.generated.quotation import Key
from ratebook.engine.evaluators.rate import rate
from ratebook.engine.period import DateRange
from ratebook.engine.plan import Program
from ratebook.engine.schedule import fitting, price, walk
from ratebook.engine.statement import Statement
from ratebook.engine.usage import AccountUsage, MeteredQuantity, Subscription
from ratebook.grammar.format import format_ruleset
from ratebook.grammar.parse import parse

_spec = spec_from_file_location("generated_rulesets", Path(__file__).parent / "generated_rulesets.py")
assert _spec is not None and _spec.loader is not None
drawn = module_from_spec(_spec)
_spec.loader.exec_module(drawn)

MARCH = DateRange(date(2026, 3, 1), date(2026, 4, 1))


def compiled(text: str) -> Program:
    result = compile_ruleset(Source("drawn.rates", text))
    assert result.program is not None
    return result.program


@given(drawn.rulesets())
def test_formatting_keeps_the_meaning_and_is_done_at_once(text) -> None:
    tree, found = parse(Source("drawn.rates", text))
    assert found == ()
    formatted = format_ruleset(tree, text)
    note(formatted)
    again, found = parse(Source("drawn.rates", formatted))
    assert found == () and again == tree
    assert format_ruleset(again, formatted) == formatted


@given(drawn.texts())
def test_compiling_never_raises_and_says_why_there_is_no_program(text) -> None:
    result = compile_ruleset(Source("drawn.rates", text), prove=True)
    assert result.program is not None or any(finding.code for finding in result.findings)


@given(drawn.rulesets(), drawn.usages(), drawn.accounts())
def test_a_bill_adds_up_and_every_line_replays_to_its_amount(assert_sound, text, usage, account) -> None:
    program = compiled(text)
    note(text)
    quantities = tuple(
        MeteredQuantity("", meter, Fraction(size), {"region": region} if region else {})
        for (meter, region), size in usage.items()
    )
    for plan in ("one", "two"):
        found = rate(program, Subscription("", plan, MARCH.start, None, account), AccountUsage((), quantities), MARCH)
        assert isinstance(found, Statement)
        assert_sound(found)


@given(drawn.rulesets(), st.integers(0, 10**6) | st.fractions(0, 100, max_denominator=1000))
def test_the_slices_of_a_quantity_add_up_to_it_and_to_its_price(text, quantity) -> None:
    for plan in (version for versions in compiled(text).plans.values() for version in versions):
        for schedule in (row.schedule for charge in plan.charges for row in charge.rows if not row.schedule.depends):
            finer, whole = fitting(schedule, Fraction(quantity))
            slices = walk(finer, whole)
            assert sum(part.size for part in slices) == whole
            assert sum(part.amount + part.once for part in slices) == price(finer, whole)


@given(drawn.rulesets(), drawn.usages(), drawn.accounts(), st.integers(1, 11))
def test_a_quote_is_what_rating_says(text, usage, account, month) -> None:
    program = compiled(text)
    note(text)
    period = DateRange(date(2026, month, 1), date(2026, month + 1, 1))
    quantities = tuple(
        MeteredQuantity("", meter, Fraction(size), {"region": region} if region else {})
        for (meter, region), size in usage.items()
    )
    for plan in ("one", "two"):
        quote = quoter(program, plan, period_start=period.start, subscription_start=date(2026, 1, 1))
        if quote.obstacle is not None:
            continue
        subscription = Subscription("", plan, date(2026, 1, 1), None, account)
        found = rate(program, subscription, AccountUsage((), quantities), period)
        assert isinstance(found, Statement)
        asked: dict[Key, int] = {}
        for (meter, region), size in usage.items():
            key = (meter, region) if fields_of(program.plans[plan][0].charges, meter) else meter
            asked[key] = asked.get(key, 0) + size
        quoted = quote(asked, account)
        assert isinstance(quoted, Quoted)
        assert quoted.total == found.total

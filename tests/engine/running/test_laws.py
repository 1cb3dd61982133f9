"""Laws of prices at the margin over random rulesets: they add up to the statement, and what is affordable is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratebook.diagnostics import Diagnostic, Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.evaluators.afford import affordable
from ratebook.engine.evaluators.running import Running, debit, open_period
from ratebook.engine.period import DateRange
from ratebook.engine.plan import Program
from ratebook.engine.usage import AccountUsage, Subscription, UsageEvent, Value


def _module(path: Path) -> ModuleType:
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


drawn = _module(Path(__file__).parents[1] / "generated_rulesets.py")
meaning = _module(Path(__file__).parent / "meaning.py")

MARCH = DateRange(date(2026, 3, 1), date(2026, 4, 1))
SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]


def compiled(text: str) -> Program:
    found = compile_ruleset(Source("drawn.rates", text))
    assert found.program is not None
    return found.program


@st.composite
def events(draw: st.DrawFn) -> list[UsageEvent]:
    """Events of March in no order."""
    found = []
    for number in range(draw(st.integers(1, 6))):
        name = draw(st.sampled_from(["a.used", "a.used", "b.used"]))
        fields: dict[str, Value] = {"size": Decimal(draw(st.integers(0, 25)))}
        if name == "a.used":
            fields["region"] = draw(st.sampled_from(["eu", "us"]))
        at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=draw(st.integers(0, 31 * 24 - 1)))
        found.append(UsageEvent("a", name, at, fields, f"e{number}"))
    return found


def subscribed(attributes: dict[str, Value]) -> Subscription:
    return Subscription("a", "one", date(2026, 2, 10), None, attributes)


@settings(suppress_health_check=SLOW)
@given(drawn.rulesets(plans=("one",)), drawn.accounts(), events())
def test_prices_add_up_to_the_statement(text: str, account: dict[str, Value], found: list[UsageEvent]) -> None:
    meaning.assert_charged_as_meant(compiled(text), subscribed(account), MARCH, AccountUsage(), found)


def cost(running: Running, template: UsageEvent, size: Decimal) -> int | None:
    found = debit(running, replace(template, fields={**template.fields, "size": size}))
    return None if isinstance(found, Diagnostic) else found[1].total


@settings(max_examples=20, suppress_health_check=SLOW)
@given(drawn.rulesets(plans=("one",)), drawn.accounts(), events(), st.integers(0, 6000))
def test_what_is_affordable_is_found_as_by_trying_all(
    text: str, account: dict[str, Value], found: list[UsageEvent], available: int
) -> None:
    *before, template = found
    running = open_period(compiled(text), subscribed(account), MARCH, AccountUsage(tuple(before)))
    assert isinstance(running, Running)
    answer = affordable(running, template, "size", available)
    assert answer.probes <= 100
    if answer.units is None:
        assert (cost(running, template, Decimal(10**30)) or 0) <= available
        return
    costs = {size: cost(running, template, Decimal(size)) for size in range(1, 36)}
    best = max((size for size, price in costs.items() if price is not None and price <= available), default=0)
    if answer.units <= 35:
        assert answer.units == best and answer.cost == costs.get(best, 0)
        return
    assert cost(running, template, answer.units) == answer.cost <= available
    for more in (1, 2, 3, 10, 1000):
        after = cost(running, template, answer.units + more)
        assert after is None or after > available


LADDERS = """ruleset cliffs "Cliffs":
  currency USD
  time zone UTC

event used:
  size: number

meter used: sum of size of used

"""


@pytest.mark.parametrize(
    ("plan", "available", "units", "price"),
    [
        pytest.param("charge used: at $0.25 each", 1010, "40", 1000, id="40 x .25"),
        pytest.param(
            "charge used volume:\n    up to 10 at $1.00 each\n    above at $0.50 each",
            700,
            "14",
            700,
            id="past a cliff",
        ),
        pytest.param(
            "charge used volume:\n    up to 10 at $1.00 each\n    above at $0.90 each",
            700,
            "7",
            700,
            id="before a cliff",
        ),
        pytest.param(
            "charge used stairstep:\n    up to 10 for $5\n    above for $9", 399, "10", 0, id="a step is paid"
        ),
        pytest.param("charge used stairstep:\n    up to 10 for $5\n    above for $9", 500, None, 400, id="all steps"),
        pytest.param("charge used: at $1.00 each\n    cap $30", 3000, None, 3000, id="a cap"),
        pytest.param("charge used: at $2.00 each", 100, "0", 0, id="not even one"),
        pytest.param(
            "charge used graduated:\n    first 5 at $1 each\n    above refused", 99_999, "5", 500, id="refused"
        ),
    ],
)
def test_how_much_is_affordable_by_hand(plan: str, available: int, units: str | None, price: int) -> None:
    program = compiled(f"{LADDERS}plan one from 2026-01-01:\n  {plan}\n")
    running = open_period(program, subscribed({}), MARCH, AccountUsage())
    assert isinstance(running, Running)
    template = UsageEvent("a", "used", datetime(2026, 3, 2, tzinfo=UTC), {"size": Decimal(0)})
    answer = affordable(running, template, "size", available)
    assert (answer.units, answer.cost) == (None if units is None else Decimal(units), price)
    tenths = affordable(running, template, "size", available, Decimal("0.1"))
    assert tenths.units is None if units is None else tenths.units is not None and tenths.units >= Decimal(units)


def test_a_field_that_is_none_and_a_step_of_nothing_are_mistakes_of_the_caller() -> None:
    running = open_period(
        compiled(f"{LADDERS}plan one from 2026-01-01:\n  charge used: at $1 each\n"),
        subscribed({}),
        MARCH,
        AccountUsage(),
    )
    assert isinstance(running, Running)
    template = UsageEvent("a", "used", datetime(2026, 3, 2, tzinfo=UTC), {"size": Decimal(0)})
    with pytest.raises(ValueError, match="no field"):
        affordable(running, template, "weight", 100)
    with pytest.raises(ValueError, match="above zero"):
        affordable(running, template, "size", 100, Decimal(0))

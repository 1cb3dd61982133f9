"""What a statement takes off a prepaid card is gone for the account's next one, in both evaluators."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from ratebook.diagnostics import Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.period import DateRange
from ratebook.engine.usage import CardHolding, Subscription, UsageEvent

RULESET = """ruleset prepaid "Prepaid":
  currency USD
  time zone UTC
  round total to $0.05

event call:
  minutes: number
  abroad: yes or no

meter talk: sum of minutes of call
meter calls: count of call

plan one from 2026-01-01:
  charge talk: at $0.01 each
  charge calls: at $0.10 each
  fee line $2 per month

tax vat:
  20% of total

card starter "Starter":
  worth $7.03
  valid 2 months
{pays}

card gift "Gift":
  worth $5
"""


def beside(name: str) -> ModuleType:
    """A module of this folder."""
    spec = spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cases, equality = beside("test_equal_cases"), beside("generated_equality")


@pytest.mark.parametrize("pays", ["", "  pays talk, calls"])
def test_cards_are_carried_alike(pays: str, tmp_path: Path) -> None:
    compiled = compile_ruleset(Source("prepaid.rates", RULESET.format(pays=pays)))
    assert compiled.program is not None, [item.message for item in compiled.findings]
    runs = [cases.populations.population(compiled.program, seed) for seed in range(4)]
    found = cases.compared(compiled.program, runs, tmp_path)
    assert found.differences == []
    assert found.statements > found.accounts, "some have several statements"
    assert set(found.scalar) <= {"quantities without a time and several billing periods"}


MIXED = RULESET.replace(
    "tax vat:",
    """plan two from 2026-01-01:
  charge talk graduated counted per calendar year:
    first 100 at $0.02 each
    above at $0.01 each
  include 10 of talk
  fee line $1 per month

tax vat:""",
)
"""No query prices plan `two`: its ladder runs over a year, and some of what it counts is included."""


def test_cards_are_carried_between_what_queries_price_and_what_they_leave(tmp_path: Path) -> None:
    compiled = compile_ruleset(Source("prepaid.rates", MIXED.format(pays="")))
    program = compiled.program
    assert program is not None, [item.message for item in compiled.findings]
    change = date(2026, 3, 15)
    cards = (CardHolding("gift", date(2026, 3, 1)),)
    subscriptions = [
        Subscription(account, plan, *days, cards=cards)
        for account, plans in (("a", ("two", "one")), ("b", ("one", "two")), ("c", ("one", "one")))
        for plan, days in zip(plans, ((date(2026, 3, 1), change), (change, None)), strict=True)
    ]
    facts = [
        UsageEvent(account, "call", datetime(2026, 3, day, tzinfo=UTC), {"minutes": Decimal(100), "abroad": False})
        for account in ("a", "b", "c")
        for day in (2, 20)
    ]
    usage = equality.files.write_together(tmp_path, program.schema, facts, equality.files.Shape.JSON_LINES)
    accounts = equality.files.write_accounts(tmp_path, program.schema, subscriptions, equality.files.Shape.JSON_LINES)
    period = DateRange(date(2026, 3, 1), date(2026, 4, 1))
    scalar = equality.both.rate_scalar(program, usage, accounts, period)
    batch = equality.both.rate_batch(program, usage, accounts, period)
    assert equality.both.differences(scalar, batch) == []
    assert batch.scalar == {"a ladder that is counted over a year, of a meter with included units": 2}
    paid = [line["amount"] for item in scalar.statements for line in item["lines"] if line["kind"] == "prepaid"]
    assert paid == ["-2.70", "-2.30", "-2.40", "-2.60", "-2.40", "-2.60"], "the second is paid from what the first left"

"""What a statement takes off a prepaid card is gone for the account's next one, in both evaluators."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from ratebook.diagnostics import Source
from ratebook.engine.compiler.compile import compile_ruleset

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


cases = beside("test_equal_cases")


@pytest.mark.parametrize("pays", ["", "  pays talk, calls"])
def test_cards_are_carried_alike(pays: str, tmp_path: Path) -> None:
    compiled = compile_ruleset(Source("prepaid.rates", RULESET.format(pays=pays)))
    assert compiled.program is not None, [item.message for item in compiled.findings]
    runs = [cases.populations.population(compiled.program, seed) for seed in range(4)]
    found = cases.compared(compiled.program, runs, tmp_path)
    assert found.differences == []
    assert found.statements > found.accounts, "some have several statements"
    assert set(found.scalar) <= {"quantities without a time and several billing periods"}

"""Charges that are prorated by day cost the same in both evaluators, whatever a day is and however ladders are
shared.
"""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from ratebook.diagnostics import Source
from ratebook.engine.compiler.compile import compile_ruleset

RULESET = """ruleset days "Days":
  currency USD
  time zone Europe/Berlin

event held:
  size: number of GB
  region: one of eu, us

meter level: maximum of level of size of held
meter mean: time-weighted average of level of size of held rounded up to 0.5 GB
meter added: maximum of running sum of size of held

plan one from 2026-01-01:
  charge {charge}
"""
CHARGES = (
    """level graduated prorated by day:
    first 10 GB at $31 per GB plus $3 once
    above at $2 per GB
""",
    """mean volume prorated by day:
    up to 4 GB at $31 per GB
    above at $35.50 per started 2 GB
""",
    """added by region graduated pooled in row order prorated by day:
    | region | first 5 GB | above     |
    | eu     | $3 per GB  | $1 per GB |
    | us     | $2 per GB  | $1 per GB |
""",
    """level graduated prorated by day:
    first 1,000 GB at $1 per GB
    above refused
""",
)


def beside(name: str) -> ModuleType:
    """A module of this folder."""
    spec = spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cases = beside("test_equal_cases")


@pytest.mark.parametrize("charge", CHARGES, ids=["once", "started", "rows", "refused"])
def test_days_cost_the_same(charge: str, tmp_path: Path) -> None:
    compiled = compile_ruleset(Source("days.rates", RULESET.format(charge=charge)))
    assert compiled.program is not None, [item.message for item in compiled.findings]
    runs = [cases.populations.population(compiled.program, seed) for seed in range(2)]
    found = cases.compared(compiled.program, runs, tmp_path)
    assert found.differences == []
    assert set(found.scalar) <= {
        "quantities that were metered elsewhere, of a table that is prorated by day",
        "quantities without a time and several billing periods",
        "events whose order decides and is not known",
        "usage that the price list refuses",
        "usage without the time or field that a price asks for",
    }, found.scalar

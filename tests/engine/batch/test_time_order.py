"""Ladders that are pooled in time order cost the same in both evaluators, and few accounts need the scalar one."""

from __future__ import annotations

import sys
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from ratebook.diagnostics import Source
from ratebook.engine.compiler.compile import compile_ruleset

RULESET = """ruleset turns "Turns":
  currency USD
  time zone Europe/Berlin

account:
  seats: number

event net:
  size: number of MB
  region: one of us, eu, cn

meter traffic: sum of size of net in GB
meter calls: count of net
meter foreign: sum of size of net where region is not eu in GB

window day: daily 06:00 to 22:00
window night: daily 22:00 to 06:00

plan one from 2026-01-01:
  {head}charge traffic by region graduated pooled in time order:
    | region | first 1 GB             | next 2 GB                 | above                      |
    | eu     | $3 per GB plus $5 once | $1 per GB plus $2 once    | $0.75 per GB plus $20 once |
    | us, cn | $2 per GB plus $7 once | $0.50 per GB plus $1 once | $0.25 per GB plus $30 once |
"""
CHARGES = {
    "blocks": """charge calls by region graduated pooled in time order:
    first 4 at $3 per started 2
    above at $1 per started 3
""",
    "blocks in rows": """charge calls by region graduated pooled in time order:
    | region | first 4          | above            |
    | eu     | $3 per started 2 | $1 per started 3 |
    | us, cn | $2 per started 2 | $1 per started 3 |
""",
    "volume": """charge traffic by region volume pooled in time order:
    | region | up to 2 GB | up to 5 GB | above        |
    | eu     | $3 per GB  | $2 per GB  | $1 per GB    |
    | us     | $2 per GB  | $1 per GB  | $0.50 per GB |
    | cn     | $1 per GB  | $1 per GB  | $0.10 per GB |
""",
    "volume in blocks": """charge calls by region volume pooled in time order:
    | region | up to 5           | above              |
    | eu     | $3 per started 3  | $1 per started 2   |
    | us, cn | $2 per started 3  | $0.1 per started 2 |
""",
    "windows": """charge traffic by time graduated pooled in time order:
    | time  | first 1 GB | above        |
    | day   | $3 per GB  | $1 per GB    |
    | night | $2 per GB  | $0.50 per GB |
""",
    "one price list": """charge traffic by region graduated pooled in time order:
    first 1 GB at $2 per GB
    next 1 GB free
    above at $1 per GB
""",
    "refused": """charge traffic by region graduated pooled in time order:
    | region | first 3 GB | above     |
    | eu     | $3 per GB  | refused   |
    | us, cn | $2 per GB  | $1 per GB |
""",
    "two charges": """include 1 GB of traffic
  charge traffic by region graduated pooled in time order:
    | region | first 1 GB | above        |
    | eu     | $3 per GB  | $1 per GB    |
    | us, cn | $2 per GB  | $0.50 per GB |
  charge foreign by region graduated pooled in time order:
    first 1 GB at $2 per GB
    above at $1 per GB
""",
    "counted": """charge traffic by region graduated pooled in time order counted per calendar year:
    | region | first 4 GB             | above                      |
    | eu     | $3 per GB plus $5 once | $0.75 per GB plus $20 once |
    | us, cn | $2 per GB plus $7 once | $0.25 per GB plus $30 once |
""",
    "counted blocks": """charge calls by region graduated pooled in time order counted per year from start:
    first 8 at $3 per started 2
    above at $1 per started 3
""",
    "counted in row order": """charge calls by region graduated pooled in row order counted per year from start:
    | region | first 8                 | above                     |
    | eu     | $3 per started 2        | $1 per started 3          |
    | us, cn | $2 per started 2        | $0.5 per started 3        |
""",
    "counted by share": """charge traffic by region volume pooled by share counted per year from start:
    | region | up to 4 GB | above        |
    | eu     | $3 per GB  | $0.75 per GB |
    | us, cn | $2 per GB  | $0.25 per GB |
""",
    "included": "",
    "plain": "",
}


def beside(name: str) -> ModuleType:
    """A module of this folder."""
    spec = spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cases = beside("test_equal_cases")


@pytest.mark.parametrize("form", CHARGES)
def test_turns_cost_the_same(form: str, tmp_path: Path) -> None:
    head = "include 1.5 GB of traffic\n  " if form == "included" else ""
    text = RULESET.format(head=head)
    if CHARGES[form]:
        text = text[: text.index("  charge")] + "  " + CHARGES[form]
    compiled = compile_ruleset(Source("turns.rates", text))
    assert compiled.program is not None, [item.message for item in compiled.findings]
    runs = [cases.populations.population(compiled.program, seed) for seed in range(2)]
    found = cases.compared(compiled.program, runs, tmp_path)
    assert found.differences == []
    assert set(found.scalar) <= {
        "a ladder that is counted over a year which begins inside a billing period",
        "a ladder that is counted over a year which ends inside the billing period",
        "events whose order decides and is not known",
        "quantities without the time or field that a price asks for",
        "quantities without a time and several billing periods",
        "usage that the price list refuses",
        "usage without the time or field that a price asks for",
    }, found.scalar
    assert found.scalar == Counter() or found.accounts > found.scalar.total()

"""Charges whose keys may hold any value: both evaluators make the same statements, and no account takes the scalar
road.
"""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from ratebook.diagnostics import Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.plan import Program


def beside(name: str) -> ModuleType:
    """A module of this folder."""
    spec = spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


files, both, populations = beside("fact_files"), beside("both_evaluators"), beside("populations")

UNDATED = ("quantities without ", "usage without ")
"""Why quantities take the scalar road, whatever is priced by them."""
HEAD = """
ruleset keys "Keys":
  currency EUR
  time zone Europe/Berlin

account:
  tier: one of gold, silver, default silver
  land: text, default "at"

event call:
  bytes: number of MB
  model: text, default "m1"
  dialled: text, default "0049"
  grade: number
  peer: text
  way: one of land, sea, air, optional
  urgent: yes or no, optional

meter traffic: sum of bytes of call
meter calls: count of call
meter graded: sum of bytes of call where grade > 10
meter peers: unique peer of call
meter largest: maximum of bytes of call
meter usual: average of bytes of call
meter rounded_up: sum of bytes of call rounded up to 0.5 MB

window peak: mon to fri 08:00 to 18:00
"""
FORMS = {
    "words": """
plan words from 2026-01-01:
  charge traffic by model:
    | model     | price         |
    | "m1"      | €0.02 per MB  |
    | "m2"      | €0.031 per MB |
    | otherwise | €0.05 per MB  |
""",
    "versions": """
plan words from 2026-01-01 before 2026-03-01:
  charge traffic by model graduated:
    | model     | first 5 MB   | above        |
    | "m1"      | €0.02 per MB | €0.01 per MB |
    | otherwise | €0.05 per MB | €0.04 per MB |

plan words from 2026-03-01:
  charge traffic by model graduated:
    | model     | first 7 MB   | above        |
    | "m2"      | €0.03 per MB | €0.01 per MB |
    | otherwise | €0.06 per MB | €0.02 per MB |

plan others from 2026-01-01:
  charge calls by dialled:
    | dialled   | price |
    | "0049"    | €0.03 each |
    | otherwise | €0.06 each |
  charge traffic by model:
    | model     | price         |
    | "m1"      | refused       |
    | otherwise | €0.05 per MB  |
""",
    "prefixes": """
plan prefixes from 2026-01-01:
  charge calls by dialled, time:
    | dialled prefix | time      | price      |
    | "00"           | peak      | €0.03 each |
    | "00"           | otherwise | €0.02 each |
    | "0044"         | any       | €0.01 each |
    | "00447"        | any       | €0.07 each |
    | otherwise      | any       | €0.04 each |

plan others from 2026-01-01:
  charge calls by dialled, time:
    | dialled prefix | time      | price      |
    | "0044"         | any       | €0.015 each |
    | otherwise      | any       | €0.045 each |
""",
    "ranges": """
plan ranges from 2026-01-01:
  charge traffic by grade, model:
    | grade             | model     | price         | minimum |
    | below 10          | "m1"      | €0.02 per MB  |         |
    | below 10          | otherwise | €0.025 per MB | €0.10   |
    | from 10 below 20  | any       | €0.03 per MB  |         |
    | otherwise         | any       | €0.05 per MB  | €0.50   |
""",
    "attributes": """
plan attributes from 2026-01-01:
  charge traffic by account.tier, model, account.land volume:
    | account.tier | model     | account.land | up to 5 MB    | above        |
    | gold         | "m1"      | "at"         | €0.02 per MB  | €0.03 per MB |
    | gold         | any       | otherwise    | €0.03 per MB  | €0.03 per MB |
    | gold         | otherwise | "at"         | €0.035 per MB | €0.04 per MB |
    | silver       | any       | any          | €0.04 per MB  | €0.04 per MB plus €1 once |
""",
    "meters": """
plan peers_of from 2026-01-01:
  charge peers by model:
    | model     | price      |
    | "m1"      | €0.02 each |
    | otherwise | €0.03 each |
  charge largest by dialled:
    | dialled prefix | price        |
    | "00"           | €0.02 per MB |
    | "0044"         | €0.04 per MB |
    | otherwise      | €0.03 per MB |
  charge usual by dialled:
    | dialled prefix | price        |
    | "00"           | €0.02 per MB |
    | otherwise      | €0.03 per MB |
  charge rounded_up by model:
    | model     | price         |
    | "m2"      | €0.02 per started 1 MB |
    | otherwise | €0.031 per MB |

plan pair from 2026-01-01:
  charge peers by dialled:
    | dialled prefix | price      |
    | "0044"         | €0.02 each |
    | otherwise      | €0.03 each |
""",
    "bounds": """
plan bounded from 2026-01-01:
  charge traffic by model:
    minimum €3
    cap €9
    | model     | price        |
    | "m1"      | €0.2 per MB  |
    | otherwise | €0.5 per MB  |

plan each_row from 2026-01-01:
  charge traffic by model:
    minimum €1 per row prorated by day
    cap €4 per row
    | model     | price        |
    | "m1"      | €0.2 per MB  |
    | otherwise | €0.5 per MB  |
""",
    "included": """
plan some from 2026-01-01:
  include 7 MB of traffic
  include 3 MB of traffic prorated by day
  charge traffic by model graduated:
    | model     | first 5 MB             | above        |
    | "m1"      | €0.2 per started 2.5 MB  | €0.1 per MB  |
    | otherwise | €0.5 per MB plus €1 once if used | €0.4 per MB  |

plan more from 2026-01-01:
  include 2 of calls
  charge calls by dialled graduated pooled in row order:
    | dialled prefix | first 4              | above      |
    | "00"           | €3 each plus €1 once | €2 each    |
    | "0044"         | €4 each              | €1 each    |
    | otherwise      | €6 each              | €5 each    |
""",
    "conditions": """
plan graded_ones from 2026-01-01:
  charge graded by model:
    | model     | price        |
    | "m1"      | €0.2 per MB  |
    | otherwise | €0.5 per MB  |
""",
    "optional": """
plan ways from 2026-01-01:
  charge traffic by way:
    | way       | price        |
    | land      | €0.2 per MB  |
    | otherwise | €0.5 per MB  |
  charge calls by way, urgent:
    | way       | urgent | price      |
    | land, sea | yes    | €0.2 each  |
    | land, sea | no     | €0.1 each  |
    | air       | any    | €0.3 each  |
    | otherwise | any    | €0.4 each  |
""",
    "shared": """
plan rows from 2026-01-01:
  charge traffic by model graduated pooled in row order:
    | model     | first 5 MB             | above                 |
    | "m1"      | €0.2 per started 2.5 MB  | €0.1 per started 2.5 MB |
    | otherwise | €0.5 per started 2.5 MB  | €0.4 per started 2.5 MB |

plan shares from 2026-01-01:
  include 3 MB of traffic
  charge traffic by model volume pooled by share:
    | model     | up to 5 MB             | above                 |
    | "m1"      | €0.2 per MB            | €0.1 per MB plus €1 once |
    | otherwise | €0.5 per MB            | €0.4 per MB plus €2 once |
""",
    "around": """
discount tenth: 10% off traffic
offer fifth: 20% off total
penalty late: 2% of total
tax vat: 19% of total

plan around from 2026-01-01:
  charge traffic by model:
    when account.tier is gold
    | model     | price        |
    | "m1"      | €0.2 per MB  |
    | otherwise | €0.5 per MB  |
  charge share of amount of traffic: at 5%
  fee base €2 per month
  minimum €20
""",
}


def compiled(text: str) -> Program:
    found = compile_ruleset(Source("keys.rates", text), lambda _name: None)
    assert found.program is not None, [(item.message, item.place) for item in found.findings]
    return found.program


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(3))
def test_open_keys_are_rated_as_one_by_one(form: str, seed: int, tmp_path: Path) -> None:
    program = compiled(HEAD + FORMS[form])
    run = populations.population(program, seed)
    for number, part in enumerate(parts(program, run)):
        folder = tmp_path / str(number)
        folder.mkdir()
        usage = files.write_usage(folder, program.schema, part.facts, first_shape=seed)
        accounts = files.write_accounts(folder, program.schema, part.subscriptions, list(files.Shape)[seed])
        scalar = both.rate_scalar(program, usage, accounts, run.period)
        batch = both.rate_batch(program, usage, accounts, run.period)
        assert both.differences(scalar, batch) == []
        assert scalar.statements
        if number == 0:
            assert [reason for reason in batch.scalar if not reason.startswith(UNDATED)] == []


def parts(program: Program, run: object) -> list[object]:
    """The accounts that can be rated, and all where there are others."""
    refused = populations.refused(program, run)
    everybody = {item.account for item in run.subscriptions}
    return [run.of(everybody - refused), *([run] if refused else [])]

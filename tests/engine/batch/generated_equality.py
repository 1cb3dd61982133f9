"""A drawn population of a program through both evaluators: where they differ, and how much was compared."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from ratebook.engine.plan import Program


def _beside(name: str) -> ModuleType:
    spec = spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


files, both, populations = _beside("fact_files"), _beside("both_evaluators"), _beside("populations")

# Nearly all that a small run costs is planning of queries, so that the dear ways are taken by some seeds only.
APART_EVERY = 4
"""One seed in so many writes a file for each event, the formats in turn; the others write all rows into one file."""
REPEATED_EVERY = 3
"""One seed in so many has rows that come again, for which everything is metered anew without them."""
REFUSED_EVERY = 5
"""One seed in so many is rated once more with the accounts that cannot be rated."""


@dataclass(frozen=True)
class Compared:
    """One run of both evaluators over the same files."""

    differences: tuple[str, ...]
    facts: int
    statements: int
    lines: int
    accounts: int
    by_scalar: int
    """How many of the accounts the columnar evaluator handed to the scalar one."""
    refusals: int


def compared(program: Program, seed: int) -> Iterator[Compared]:
    """First the accounts that can be rated, then, for some seeds, all of them, for the refusals of the others."""
    run = populations.population(program, seed, repeated=0 if seed % REPEATED_EVERY else populations.REPEATED)
    everybody = {item.account for item in run.subscriptions}
    refused = populations.refused(program, run)
    if everybody - refused:
        yield _compared(program, run.of(everybody - refused), seed)
    if refused and (seed % REFUSED_EVERY == 0 or not everybody - refused):
        yield _compared(program, run, seed)


def _compared(program: Program, run: Any, seed: int) -> Compared:
    with TemporaryDirectory() as name:
        folder = Path(name)
        shape = list(files.Shape)[seed % 3]
        together = None if seed % APART_EVERY == 0 else files.write_together(folder, program.schema, run.facts, shape)
        usage = together or files.write_usage(folder, program.schema, run.facts, first_shape=seed)
        accounts = files.write_accounts(folder, program.schema, run.subscriptions, shape)
        scalar = both.rate_scalar(program, usage, accounts, run.period)
        batch = both.rate_batch(program, usage, accounts, run.period)
    return Compared(
        tuple(both.differences(scalar, batch)),
        len(run.facts),
        len(scalar.statements),
        sum(len(item["lines"]) for item in scalar.statements),
        len({item.account for item in run.subscriptions}),
        sum(batch.scalar.values()),
        len(scalar.refusals),
    )

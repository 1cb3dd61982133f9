"""Both evaluators rate every case alike: each example of a ruleset as files, and populations drawn for it.

`golden/scalar_road.txt` says for each ruleset how many statements were made and why accounts took the scalar road.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, timedelta
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from itertools import groupby
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

import pytest

from ratebook.diagnostics import Diagnostic, Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.compiler.model import Example
from ratebook.engine.evaluators.rate import billing_periods_of
from ratebook.engine.examples import subscription_of
from ratebook.engine.period import DateRange
from ratebook.engine.plan import Program
from ratebook.engine.usage import MeteredQuantity, Subscription, UsageEvent
from ratebook.engine.window import intervals


def beside(name: str) -> ModuleType:
    """A module of this folder."""
    spec = spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


files, both, populations = beside("fact_files"), beside("both_evaluators"), beside("populations")

CASES = Path(__file__).parents[2] / "cases"
REFERENCE = Path(__file__).parents[3] / "rulesets"
SAMPLES = sorted(CASES.glob("samples/*.rates"))
WITH_EXAMPLES = [
    *SAMPLES,
    *sorted(CASES.glob("worked/*.rates")),
    *sorted(CASES.glob("trade/*.rates")),
    *sorted(REFERENCE.glob("*/*.rates")),
]
OTHERS = [*sorted(CASES.glob("promises/*.rates")), *sorted(CASES.glob("against/*/new.rates"))]
SEEDS = range(1)


@cache
def compiled(path: Path) -> tuple[Program, tuple[Example, ...]]:
    def read(name: str) -> str | None:
        file = path.parent / name
        return file.read_text(encoding="utf-8") if file.is_file() else None

    found = compile_ruleset(Source(path.name, path.read_text(encoding="utf-8")), read)
    assert found.program is not None and found.ruleset is not None
    return found.program, found.ruleset.examples


@dataclass(frozen=True)
class Compared:
    """What came of a ruleset: where the evaluators differ, statements made, accounts by reason on the scalar road."""

    differences: list[str]
    statements: int
    accounts: int
    scalar: Counter[str]


def compared(program: Program, runs: Iterable[object], folder: Path) -> Compared:
    """Both evaluators over each population: once over the accounts that can be rated, once over all."""
    found = Compared([], 0, 0, Counter())
    for number, run in enumerate(runs):
        refused = populations.refused(program, run)
        everybody = {item.account for item in run.subscriptions}
        for part in [everybody - refused, *([everybody] if refused else [])]:
            own = folder / f"{number}-{len(part)}"
            own.mkdir(parents=True)
            scalar, batch = rated(program, run.of(part), own, number)
            found.differences.extend(f"run {number}: {text}" for text in both.differences(scalar, batch))
            if part is not everybody or not refused:
                found.scalar.update(batch.scalar)
                found = replace(
                    found, statements=found.statements + len(scalar.statements), accounts=found.accounts + len(part)
                )
    return found


def rated(program: Program, run: object, folder: Path, shape: int) -> tuple[object, object]:
    """A population rated by both, from files whose formats begin at `shape`."""
    usage = files.write_usage(folder, program.schema, run.facts, first_shape=shape)
    accounts = files.write_accounts(folder, program.schema, run.subscriptions, list(files.Shape)[(shape + 1) % 3])
    return both.rate_scalar(program, usage, accounts, run.period), both.rate_batch(program, usage, accounts, run.period)


# Examples as files


def runs_of_examples(program: Program, examples: Iterable[Example]) -> Iterator[object]:
    """Examples of one period as accounts of one run; those without times are rated for one billing period."""
    accounts = []
    for number, example in enumerate(examples):
        subscription = replace(subscription_of(example), account=f"e-{number:03}")
        found = next(billing_periods_of(program, subscription, example.period), None)
        if found is None or isinstance(found, Diagnostic):
            continue
        first = max(found.start, subscription.start)
        accounts.append((DateRange(first, first + timedelta(days=1)), subscription, example, found))
        accounts.append((DateRange(first, found.end + timedelta(days=70)), subscription, example, found))
    accounts.sort(key=lambda item: (item[0].start, item[0].end))
    for period, group in groupby(accounts, key=lambda item: item[0]):
        chosen = list(group)
        facts = [
            fact
            for _, subscription, example, found in chosen
            for fact in facts_of(program, example, subscription, found, alone=period.day_count == 1)
        ]
        yield populations.Population(tuple(item[1] for item in chosen), tuple(facts), period)


def facts_of(
    program: Program, example: Example, subscription: Subscription, period: DateRange, *, alone: bool
) -> Iterator[UsageEvent | MeteredQuantity]:
    """The usage of an example as rows say it: what names a window or an earlier period gets a time there."""
    zone = ZoneInfo(program.zone)
    for event in example.events:
        yield replace(event, account=subscription.account)
    for item in example.quantities:
        began = item.period_start or period.start
        covered = _covered(program, subscription, began).period(zone)
        time = None if alone and item.period_start is None else covered.start
        if item.window is not None:
            inside = intervals(program.windows[item.window], covered, zone)
            time = inside[0].start if inside else None
        if time is not None:
            time = time.astimezone(UTC)
        plain = MeteredQuantity(subscription.account, item.meter, item.quantity, item.fields, time)
        if files.can_be_written(plain):
            yield plain


def _covered(program: Program, subscription: Subscription, day: date) -> DateRange:
    first = max(day, subscription.start)
    found = next(billing_periods_of(program, subscription, DateRange(first, first + timedelta(days=1))), None)
    end = first + timedelta(days=1) if not isinstance(found, DateRange) else found.end
    return DateRange(first, end)


# Tests


@cache
def outcome(path: Path, folder: Path) -> Compared:
    program, examples = compiled(path)
    drawn = [populations.population(program, seed) for seed in SEEDS]
    return compared(program, [*runs_of_examples(program, examples), *drawn], folder / path.stem)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("equal")


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", [*WITH_EXAMPLES, *OTHERS], ids=name_of)
def test_both_evaluators_make_the_same_statements(path: Path, folder: Path) -> None:
    found = outcome(path, folder / path.parent.name)
    assert found.differences == []
    assert found.statements > 0


def test_what_takes_the_scalar_road_is_known(folder: Path, golden: Callable[[str, str], None]) -> None:
    lines = []
    for path in [*WITH_EXAMPLES, *OTHERS]:
        found = outcome(path, folder / path.parent.name)
        lines.append(f"{name_of(path)}: {found.statements} statements of {found.accounts} accounts\n")
        lines += [f"  {count} by the scalar evaluator: {reason}\n" for reason, count in sorted(found.scalar.items())]
    golden("".join(lines), "scalar_road.txt")


@pytest.mark.parametrize("path", SAMPLES, ids=name_of)
def test_no_example_of_a_sample_takes_the_scalar_road(path: Path, folder: Path) -> None:
    program, examples = compiled(path)
    own_periods = (run for run in runs_of_examples(program, examples) if run.period.day_count == 1)
    found = compared(program, own_periods, folder / path.parent.name / f"{path.stem}-examples")
    assert found.differences == []
    assert found.scalar == Counter()
    assert found.statements >= len(examples)

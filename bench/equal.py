"""Both evaluators over random rulesets with random usage: the same statements, line by line?

    python bench/equal.py [--write] [--rulesets 1000] [--seed 1] [--first 0]

Half of the rulesets are drawn of every form that events can be charged by; the other half, drawn by Hypothesis, have
metered quantities with policies, tables and bounds. For each a dozen accounts with usage are drawn, which lies on and
around bounds of bands, edges of windows and clock changes, written to files and rated by both evaluators. What differs
is told with its ruleset, and the exit code is 1. `--first` goes on where a run was ended.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from itertools import count as numbers_from
from itertools import zip_longest
from types import ModuleType

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from ratebook.diagnostics import Source
from ratebook.engine.compiler.compile import compile_ruleset
from report import ROOT, Report, options, publish

TOLD_EVERY = 25


def beside_tests(path: str) -> ModuleType:
    """A module of the tests, which are no package."""
    file = ROOT / "tests" / "engine" / path
    spec = spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = sys.modules[file.stem] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def of_every_form(forms: ModuleType, count: int, start: int) -> list[tuple[str, int]]:
    """So many rulesets that compile, each with the seed of its population."""
    found: list[tuple[str, int]] = []
    for number in numbers_from(start * 1_000_000):
        text = forms.ruleset_text(number)
        if compile_ruleset(Source("drawn.rates", text)).program is not None:
            found.append((text, number))
            if len(found) == count:
                break
    return found


def of_quantities(texts: st.SearchStrategy[str], count: int, start: int) -> list[tuple[str, int]]:
    """So many different rulesets; Hypothesis repeats some, and begins with the plainest."""
    found: dict[str, int] = {}
    every = settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    def draw(text: str) -> None:
        found.setdefault(text, 1_000_000 * start + len(found))

    for round_ in numbers_from(start):
        seed(round_)(every(given(texts)(draw)))()
        if len(found) >= count:
            break
    return list(found.items())[:count]


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--rulesets", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1, help="where drawing begins")
    parser.add_argument("--first", type=int, default=0, help="leave out so many rulesets at the beginning")
    said = parser.parse_args()
    forms, metered = beside_tests("batch/generated_forms.py"), beside_tests("generated_rulesets.py")
    equality = beside_tests("batch/generated_equality.py")
    half = said.rulesets // 2
    one = of_every_form(forms, said.rulesets - half, said.seed)
    other = of_quantities(metered.rulesets(), half, said.seed)
    rulesets = [item for pair in zip_longest(one, other) for item in pair if item is not None]
    tally: Counter[str] = Counter()
    begin = time.monotonic()
    for number, (text, chosen) in enumerate(rulesets):
        if number < said.first:
            continue
        program = compile_ruleset(Source("drawn.rates", text)).program
        assert program is not None
        runs = list(equality.compared(program, chosen))
        tally["rulesets"] += 1
        for run in runs:
            names = ("facts", "statements", "lines", "accounts", "by_scalar", "refusals")
            tally.update({name: getattr(run, name) for name in names})
            tally["differing"] += len(run.differences)
            for difference in run.differences:
                print(f"ruleset {number}, seed {chosen}: {difference}\n{text}\n", flush=True)
        if (number + 1) % TOLD_EVERY == 0:
            print(
                f"{number + 1} rulesets, {time.monotonic() - begin:.0f} s: {dict(tally)}", file=sys.stderr, flush=True
            )
    report = Report(
        "Equal to the scalar evaluator",
        f"python bench/equal.py --rulesets {said.rulesets} --seed {said.seed} --write",
        (
            "rulesets",
            "rows of usage",
            "accounts",
            "of them by scalar",
            "statements",
            "lines",
            "refusals",
            "differences",
        ),
        [
            [
                f"{tally[name]:,}"
                for name in (
                    *("rulesets", "facts", "accounts", "by_scalar"),
                    *("statements", "lines", "refusals", "differing"),
                )
            ]
        ],
        ["Accounts that the columnar evaluator hands to the scalar one are compared too, and say little."],
        ("ratebook", "duckdb", "hypothesis"),
    )
    publish(report, write=said.write)
    return 0 if tally["differing"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())

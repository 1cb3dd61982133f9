"""One set of files through both evaluators, and where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, groupby
from pathlib import Path
from typing import Any

from ratebook.diagnostics import Diagnostic
from ratebook.engine.evaluators.account import rate_account
from ratebook.engine.period import DateRange
from ratebook.engine.plan import Program
from ratebook.engine.usage import AccountUsage
from ratebook.intake import read_accounts, read_usage, statement_object
from ratebook.intake.columnar.run import rate_columnar


@dataclass(frozen=True)
class Rated:
    """What an evaluator made of some files: statements as objects of JSON, or why there are none."""

    statements: list[dict[str, Any]]
    refusals: tuple[Diagnostic, ...]
    rows: tuple[int, int, int, int]
    """How many were read, counted, repeated and rejected."""
    scalar: Mapping[str, int] = field(default_factory=dict)
    """For each reason how many accounts the columnar evaluator handed to the scalar one."""


def rate_scalar(program: Program, usage: Sequence[Path], accounts: Path, period: DateRange) -> Rated:
    """What the files mean."""
    subscriptions = read_accounts(accounts, program.schema)
    facts = read_usage(usage, program.schema, known_accounts=subscriptions.accounts)
    assert not subscriptions.rejects and not facts.rejects, [*subscriptions.rejects, *facts.rejects][:3]
    assert not subscriptions.findings and not facts.findings, [*subscriptions.findings, *facts.findings][:3]
    statements: list[dict[str, Any]] = []
    refusals: list[Diagnostic] = []
    for account, own in groupby(subscriptions.subscriptions, key=lambda item: item.account):
        for result in rate_account(program, list(own), facts.by_account.get(account, AccountUsage()), period):
            if isinstance(result, Diagnostic):
                refusals.append(result)
            else:
                statements.append(statement_object(result))
    return Rated(statements, tuple(refusals), (facts.read, facts.counted, facts.repeated, facts.rejected))


def rate_batch(program: Program, usage: Sequence[Path], accounts: Path, period: DateRange) -> Rated:
    """What the columnar evaluator makes of them."""
    with rate_columnar(program, usage, accounts, period) as rated:
        assert rated.is_sound, [*rated.rejects, *rated.findings][:3]
        made = [statement_object(item) for item in rated.statements()]
        counts = (rated.read, rated.counted, rated.repeated, rated.rejected)
        return Rated(made, tuple(rated.refusals), counts, dict(rated.scalar))


def differences(scalar: Rated, batch: Rated) -> list[str]:
    """Every way in which the evaluators differ, the account first; nothing where they agree."""
    found = []
    if scalar.refusals or batch.refusals:
        if scalar.refusals != batch.refusals:
            found.append(f"refusals: scalar {_said(scalar.refusals)}, batch {_said(batch.refusals)}")
        return found
    if scalar.rows != batch.rows:
        found.append(f"rows read, counted, repeated, rejected: scalar {scalar.rows}, batch {batch.rows}")
    ours, theirs = _keyed(scalar.statements), _keyed(batch.statements)
    if list(ours) != list(theirs):
        missing = [key for key in ours if key not in theirs]
        more = [key for key in theirs if key not in ours]
        found.append(f"statements: missing {missing[:3]}, too many {more[:3]}, or in another order")
    for key, expected in ours.items():
        actual = theirs.get(key)
        if actual is not None and (actual != expected or list(actual) != list(expected)):
            found.append(f"{key}: {_difference(expected, actual)}")
    return found


def _said(refusals: Sequence[Diagnostic]) -> list[str]:
    return [f"{item.place}: {item.code} {item.message}" for item in refusals[:3]]


def _keyed(statements: Iterable[dict[str, Any]]) -> dict[tuple[str, str, str, int], dict[str, Any]]:
    """Statements by account, plan and start, and a number: an account may take a plan twice in one period."""
    found: dict[tuple[str, str, str, int], dict[str, Any]] = {}
    for statement in statements:
        key = (statement["account"], statement["plan"], statement["period"]["start"])
        number = next(number for number in count() if (*key, number) not in found)
        found[(*key, number)] = statement
    return found


def _difference(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> str:
    names = [name for name in {**expected, **actual} if name != "lines" and expected.get(name) != actual.get(name)]
    found = [f"{name}: scalar {expected.get(name)}, batch {actual.get(name)}" for name in names]
    ours, theirs = expected["lines"], actual["lines"]
    for one, other in zip(ours, theirs, strict=False):
        if one != other or list(one) != list(other):
            found.append(f"scalar {one}\n      batch  {other}")
            break
    if len(ours) != len(theirs):
        found.append(f"lines: scalar {[item['id'] for item in ours]}, batch {[item['id'] for item in theirs]}")
    return "; ".join(found) or "keys in another order"

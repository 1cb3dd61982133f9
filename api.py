"""Ratebook in process: compile a price list once, then rate, quote and explain without a subprocess.

Everything public is listed in `ratebook.__all__`. Mistakes of a user arrive as `RatebookError`, which holds every
finding with its code, place and way out.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from .diagnostics import Diagnostic, Severity, Source
from .engine.period import DateRange, billing_period, parse_period
from .engine.plan import Plan, Program
from .engine.statement import Statement
from .engine.usage import AccountUsage

if TYPE_CHECKING:
    from .billing.usage import UsageAdded
    from .engine.compiler.compile import Compiled
    from .intake import Reject


class RatebookError(Exception):
    """A ruleset, usage or accounts with mistakes; `findings` holds every one of them."""

    def __init__(self, findings: Sequence[Diagnostic], sources: Mapping[str, Source] | None = None) -> None:
        self.findings = tuple(findings)
        self.sources = dict(sources or {})
        from .diagnostics.text import render_text

        super().__init__(render_text(self.findings, self.sources, colour=False))


@dataclass(frozen=True, slots=True)
class Ruleset:
    """A compiled price list. `findings` are its warnings; `hash` names its content."""

    program: Program
    sources: Mapping[str, Source]
    findings: tuple[Diagnostic, ...]

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def hash(self) -> str:
        return self.program.hash

    @property
    def plans(self) -> tuple[str, ...]:
        """The names of its plans and contracts."""
        return tuple(self.program.plans)


def compile(text: str, *, name: str = "ruleset.rates", imports: Mapping[str, str] | None = None) -> Ruleset:  # noqa: A001
    """Compile the text of a ruleset.

    `name` is how statements and messages cite it; `imports` maps paths of imported files and of price files to their
    texts. Raises `RatebookError` with every error.
    """
    from .engine.compiler.compile import compile_ruleset

    files = dict(imports or {})
    return _ruleset(compile_ruleset(Source(name, text), files.get))


def load(path: str | Path) -> Ruleset:
    """Compile a ruleset file, what it imports and its price files.

    Raises `RatebookError`, also where a file cannot be read.
    """
    path = Path(path)
    compiled = compile_file(path, name=path.name)
    if isinstance(compiled, Diagnostic):
        raise RatebookError([compiled])
    return _ruleset(compiled)


def _ruleset(compiled: Compiled) -> Ruleset:
    if compiled.program is None:
        errors = [finding for finding in compiled.findings if finding.severity is Severity.ERROR]
        raise RatebookError(errors, compiled.sources)
    return Ruleset(compiled.program, compiled.sources, compiled.findings)


def rate(
    ruleset: Ruleset,
    usage: Iterable[Mapping[str, object]],
    accounts: Iterable[Mapping[str, object]],
    period: str,
    *,
    part: bool = False,
) -> tuple[Statement, ...]:
    """The statements of all accounts for the billing periods that begin in `period`, by account and start.

    With `part` they bill exactly the days of `period`, also where these are a part of a billing period.

    Rows are mappings with the columns of usage and accounts files; numbers are `int`, `Decimal` or text, never
    `float`. Raises `RatebookError` with every mistake of every row.
    """
    from .engine.evaluators.account import rate_account
    from .intake import accounts_of_rows, usage_of_rows

    program = ruleset.program
    subscriptions = accounts_of_rows(accounts, program.schema)
    facts = usage_of_rows(usage, program.schema, known_accounts=subscriptions.accounts)
    _raise_rejects([*subscriptions.rejects, *facts.rejects])
    within = _period(period)
    statements: list[Statement] = []
    refusals: list[Diagnostic] = []
    for account, own in groupby(subscriptions.subscriptions, key=lambda item: item.account):
        usage_of_account = facts.by_account.get(account, AccountUsage())
        for result in rate_account(program, list(own), usage_of_account, within, part=part):
            if isinstance(result, Diagnostic):
                refusals.append(result)
            else:
                statements.append(result)
    if refusals:
        raise RatebookError(refusals)
    return tuple(statements)


def quote(
    ruleset: Ruleset,
    plan: str,
    usage: Mapping[str, object] | Iterable[Mapping[str, object]] = (),
    account: Mapping[str, object] | None = None,
    period: str | None = None,
) -> Statement:
    """What some usage would cost on a plan, as a statement for one billing period.

    `usage` maps meters to quantities, or holds rows `{"meter": …, "quantity": …, "unit": …, FIELD: …}`; `account`
    holds attributes. Without a period it is the first of the plan's latest version. Raises `RatebookError`.
    """
    from .engine.evaluators.rate import rate as rate_subscription
    from .intake import accounts_of_rows, usage_of_rows

    program = ruleset.program
    version, days = _quoted_period(program, plan, period)
    unknown = [name for name in account or {} if name not in program.schema.attributes]
    if unknown:
        raise RatebookError([_unknown_attribute(name, program) for name in unknown])
    rows = (
        [{"meter": meter, "quantity": quantity} for meter, quantity in usage.items()]
        if isinstance(usage, Mapping)
        else list(usage)
    )
    subscriptions = accounts_of_rows(
        [{"account": "quote", "plan": version.name, "start": days.start.isoformat(), **(account or {})}],
        program.schema,
        name="account",
    )
    facts = usage_of_rows([{"account": "quote", **row} for row in rows], program.schema)
    _raise_rejects([*subscriptions.rejects, *facts.rejects])
    own = facts.by_account.get("quote", AccountUsage())
    result = rate_subscription(program, subscriptions.subscriptions[0], own, days)
    if isinstance(result, Diagnostic):
        raise RatebookError([result])
    return result


def _unknown_attribute(name: str, program: Program) -> Diagnostic:
    near = difflib.get_close_matches(name, program.schema.attributes, n=1)
    known = ", ".join(program.schema.attributes) or "no attributes"
    hint = f"did you mean {near[0]}?" if near else f"accounts have {known}"
    return Diagnostic("RB2001", f"accounts have no attribute {name}", hints=(hint,), place="account")


def _quoted_period(program: Program, name: str, period: str | None) -> tuple[Plan, DateRange]:
    from .engine.evaluators.in_force import plan_on

    versions = program.plans.get(name)
    if versions is None:
        hint = f"the ruleset has {', '.join(program.plans)}"
        raise RatebookError([Diagnostic("RB9005", f"there is no plan {name}", hints=(hint,))])
    latest = versions[-1].start or date(2026, 1, 1)
    day = latest if period is None else _period(period).start
    version = plan_on(program, name, day)
    if version is None:
        known = ", ".join(f"from {plan.start}" for plan in versions)
        raise RatebookError([Diagnostic("RB4004", f"plan {name} is not in force on {day}; it is priced {known}")])
    return version, billing_period(version.billing, day, day)


def add_usage(
    database: str,
    usage: Iterable[str | Path] | Iterable[Mapping[str, object]],
    *,
    actor: str = "program",
    skip_bad_rows: bool = False,
) -> UsageAdded:
    """Add the usage of files, or rows, to a database: each event counts once for ever, by its source and id.

    `database` is a file, or `postgresql://…`. Rows need an `id`. Call it again with the same where it was broken off.
    Raises `RatebookError` with every mistake of every row, and nothing is added then; with `skip_bad_rows` the rest is.
    """
    from .billing.acting import Acting
    from .billing.usage import add_usage as add
    from .ledger.store import StoreError, open_store

    try:
        store = open_store(database)
        try:
            added = add(store, Acting(actor, datetime.now(UTC), "", ""), usage, skip_bad_rows=skip_bad_rows)
        finally:
            store.close()
    except StoreError as error:
        raise RatebookError([error.finding]) from None
    if isinstance(added, Diagnostic):
        raise RatebookError([added])
    if not added.is_sound and not skip_bad_rows:
        _raise_rejects(added.rejects)
        raise RatebookError([item for item in added.findings if item.severity is Severity.ERROR])
    return added


def explain(ruleset: Ruleset, statement: Statement, *, line: str | None = None, language: str | None = None) -> str:
    """Every amount of a statement, from the quantity and the rule to the last rounding, as text."""
    from .engine.evaluators.turning import turning_points
    from .invoice import explain_text, find_language

    spoken = None if language is None else find_language(language)
    if isinstance(spoken, Diagnostic):
        raise RatebookError([spoken])
    unknown = None if line is None else unknown_line(statement, line)
    if unknown is not None:
        raise RatebookError([unknown])
    points = turning_points(ruleset.program, statement) if line is None else ()
    return explain_text(statement, ruleset.sources, line=line, turning_points=points, language=spoken)


def period_of(text: str, *, place: str = "") -> DateRange | Diagnostic:
    """The days of a period as people write it, or that it is none; `place` is where it was asked for."""
    found = parse_period(text)
    if found is None:
        hint = "write 2026, 2026-Q2, 2026-03, 2026-03-01, or the first and the last as 2026-04..2026-06"
        return Diagnostic("RB9003", f"“{text}” is no period", hints=(hint,), place=place)
    return found


def unknown_line(statement: Statement, line: str, *, place: str = "") -> Diagnostic | None:
    """The finding that a statement has no such line, neither one that stands on it nor one that did not apply."""
    names = dict.fromkeys([item.id for item in statement.lines] + [item.id for item in statement.not_applied])
    if line in names or any(line in item.on for item in statement.lines):
        return None
    hint = f"the statement has {', '.join(names)}"
    return Diagnostic("RB2001", f"there is no line {line}", hints=(hint,), place=place)


def _period(text: str) -> DateRange:
    found = period_of(text)
    if isinstance(found, Diagnostic):
        raise RatebookError([found])
    return found


def _raise_rejects(rejects: Sequence[Reject]) -> None:
    if rejects:
        raise RatebookError([item.diagnostic for item in rejects])


# Files


def read_text(path: Path) -> str | Diagnostic:
    """A file's text, or why it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        return Diagnostic("RB9001", f"the file cannot be read: {reason}", hints=("check the path",), place=str(path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return Diagnostic(
            "RB1012",
            f"line {line} is not UTF-8: byte {data[error.start]:#04x}",
            hints=("save the file as UTF-8",),
            place=str(path),
        )


def compile_file(
    path: Path, *, name: str | None = None, max_bytes: int | None = None, prove: bool = False
) -> Compiled | Diagnostic:
    """A ruleset compiled from its file and those it imports. `name` is how messages and statements cite it.

    With `prove` its promises are decided too.
    """
    from .engine.compiler.compile import MAX_BYTES, compile_ruleset

    text = read_text(path)
    if isinstance(text, Diagnostic):
        return text
    return compile_ruleset(
        Source(name or str(path), text),
        reader_of(path.parent),
        max_bytes=MAX_BYTES if max_bytes is None else max_bytes,
        prove=prove,
    )


def reader_of(folder: Path) -> Callable[[str], str | None]:
    """Reads imported files below a folder; links that lead out of it are not followed."""
    root = folder.resolve()

    def read(relative: str) -> str | None:
        target = (folder / relative).resolve()
        if not target.is_relative_to(root):
            return None
        found = read_text(target)
        return found if isinstance(found, str) else None

    return read

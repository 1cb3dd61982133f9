"""What `rate`, `explain` and `invoice` share: reading the inputs, rating every subscription, saying what was read.

Nothing is printed as a result before everything is known to be sound: a bad row or an account that cannot be rated
ends the run with 2 and without output.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from ..cli import EXIT_FINDINGS, EXIT_USE
from ..diagnostics import Diagnostic, Severity, Source
from .console import note, number_of, show_findings
from .files import find_one
from .kept import compile_and_keep, kept_program

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from ..engine.period import DateRange, Period
    from ..engine.plan import Program
    from ..engine.statement import Statement
    from ..engine.usage import AccountUsage, Subscription
    from ..intake import AccountsIntake, UsageIntake
    from ..intake.rejects import Reject

F = TypeVar("F", bound=Callable[..., Any])
SHOWN_MAX = 20


def input_options(function: F) -> F:
    """The options that name what is rated; the command gets them as one argument `inputs`."""
    options = [
        click.argument("ruleset", metavar="RULESET"),
        click.option(
            "--usage",
            "usage",
            multiple=True,
            metavar="FILE…",
            help="Files of JSON Lines, CSV or Parquet, one or many, or globs; `-` is JSON Lines from standard input.",
        ),
        click.option(
            "--accounts", required=True, metavar="FILE", help="JSON Lines, JSON, CSV or Parquet: account, plan, start."
        ),
        click.option(
            "--period",
            "period_text",
            required=True,
            metavar="P",
            help="2026, 2026-Q2, 2026-03, 2026-03-01 or FIRST..LAST.",
        ),
        click.option(
            "--part",
            is_flag=True,
            help="Bill exactly the days of P, also where they are a part of a billing period.",
        ),
        click.option("--account", "account", metavar="ID", help="Only this account."),
        click.option("--rejects", metavar="FILE", help="Write rows with mistakes to this file (CSV or .jsonl)."),
        click.option("--skip-bad-rows", is_flag=True, help="Go on without rows that have mistakes; they are counted."),
    ]

    @wraps(function)
    def command(
        ruleset: str,
        usage: tuple[str, ...],
        accounts: str,
        period_text: str,
        part: bool,
        account: str | None,
        rejects: str | None,
        skip_bad_rows: bool,
        **own: Any,
    ) -> None:
        inputs = Inputs(ruleset, usage, accounts, period_text, part, account, rejects, skip_bad_rows)
        function(inputs, **own)

    for option in reversed(options):
        command = option(command)
    return cast(F, command)


@dataclass(frozen=True, slots=True)
class Inputs:
    """The call, as it was made."""

    ruleset: str
    usage: Sequence[str]
    accounts: str
    period_text: str
    part: bool
    account: str | None
    rejects: str | None
    skip_bad_rows: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run says of its rows and accounts at its end."""

    read: int
    counted: int
    repeated: int
    rejected: int
    outside: int
    unsubscribed: int
    accounts: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rated:
    """Everything that was rated, and what was read for it."""

    program: Program
    sources: Mapping[str, Source]
    period: DateRange
    statements: tuple[Statement, ...]
    usage: UsageIntake
    outside: int
    unsubscribed: int
    notes: tuple[str, ...] = field(default=())

    @property
    def summary(self) -> Summary:
        """What is said of it at its end."""
        usage = self.usage
        accounts = len({item.account for item in self.statements})
        rows = usage.read, usage.counted, usage.repeated, usage.rejected
        return Summary(*rows, self.outside, self.unsubscribed, accounts, self.notes)


def stop(findings: Sequence[Diagnostic], code: int = EXIT_USE, sources: Mapping[str, Source] | None = None) -> None:
    """Print findings (the first twenty, and how many more) and exit."""
    show_findings(findings[:SHOWN_MAX], sources)
    if len(findings) > SHOWN_MAX:
        note(f"… and {len(findings) - SHOWN_MAX:,} more")
    sys.exit(code)


def load_program(ruleset: str) -> tuple[Program, Mapping[str, Source]]:
    """The program of a ruleset file or folder; exits where it has errors. Statements cite it by its file's name."""
    path = find_one(ruleset)
    if isinstance(path, Diagnostic):
        stop([path])
        raise AssertionError
    kept = kept_program(path)
    if kept is not None:
        return kept.program, kept.sources
    compiled = compile_and_keep(path)
    if isinstance(compiled, Diagnostic):
        stop([compiled])
        raise AssertionError
    if compiled.program is None:
        stop(compiled.findings, EXIT_FINDINGS, compiled.sources)
        raise AssertionError
    return compiled.program, compiled.sources


def parsed_period(text: str) -> DateRange:
    """The days of `--period`; exits where it is none."""
    from ..api import period_of

    found = period_of(text, place="--period")
    if isinstance(found, Diagnostic):
        stop([found])
        raise AssertionError
    return found


def rate_inputs(inputs: Inputs) -> Rated:
    """Read and rate; exits with every mistake that was found."""
    from ..intake import read_accounts, read_usage

    program, sources = load_program(inputs.ruleset)
    period = parsed_period(inputs.period_text)
    accounts = read_accounts(inputs.accounts, program.schema)
    if any(finding.severity is Severity.ERROR for finding in accounts.findings):
        stop(accounts.findings)
    if len(set(inputs.usage)) < len(inputs.usage):
        note("note: a usage file is named twice, and read once")
    # Usage of an account whose own row is wrong is no mistake of its own, unless the run goes on without that row.
    known = accounts.accounts if inputs.skip_bad_rows else accounts.named
    with progress("reading usage", "rows") as report:
        usage = read_usage(inputs.usage, program.schema, known_accounts=known, on_progress=report)
    _check_rows(inputs, accounts, usage)
    subscriptions = _chosen(inputs, accounts)
    statements, refusals, outside, unsubscribed = _rate_all(program, subscriptions, usage, period, part=inputs.part)
    if refusals:
        stop(refusals)
    idle = _idle(subscriptions, statements)
    notes = _reach_notes(program, subscriptions, usage, period, statements)
    return Rated(
        program,
        sources,
        period,
        statements,
        usage,
        outside,
        unsubscribed,
        (*notes, *([_idle_note(idle, period, part=inputs.part)] if idle else [])),
    )


def _idle_note(idle: Sequence[Subscription], period: DateRange, *, part: bool) -> str:
    if part:
        return f"{number_of(len(idle), 'subscription')} without a day in it"
    with_days = any(item.start < period.end and (item.end is None or period.start < item.end) for item in idle)
    return idle_note(len(idle), with_days=with_days)


def idle_note(count: int, *, with_days: bool) -> str:
    """That so many subscriptions have no statement, although some may have days in the period."""
    found = number_of(count, "subscription")
    return f"{found} without a billing period that begins in it{'; --part bills its days alone' if with_days else ''}"


def _idle(subscriptions: Sequence[Subscription], statements: Sequence[Statement]) -> list[Subscription]:
    """The subscriptions that have no statement: over, not begun, or billed by longer periods."""
    billed = {(statement.account, statement.plan) for statement in statements}
    return [item for item in subscriptions if (item.account, item.plan) not in billed]


def _check_rows(inputs: Inputs, accounts: AccountsIntake, usage: UsageIntake) -> None:
    findings, rejects = [*accounts.findings, *usage.findings], [*accounts.rejects, *usage.rejects]
    check_rows(inputs, findings, rejects, accounts.rejected + usage.rejected)


def check_rows(inputs: Inputs, found: Sequence[Diagnostic], rejects: Sequence[Reject], rejected: int) -> None:
    """Show what is wrong with files and rows; exits where the run does not go on without them."""
    from ..intake import first_rejects, write_rejects

    findings = list(found)
    shown, more = first_rejects(rejects, SHOWN_MAX)
    if inputs.rejects is not None:
        findings.extend(write_rejects(rejects, Path(inputs.rejects)))
    show_findings([*findings, *shown])
    if more:
        hint = "" if inputs.rejects else "; `--rejects FILE` writes them all"
        note(f"… and {more:,} more mistakes{hint}")
    unreadable = any(finding.severity is Severity.ERROR for finding in findings)
    if unreadable or (rejects and not inputs.skip_bad_rows):
        if rejects:
            note(f"{number_of(rejected, 'row')} rejected, nothing written; `--skip-bad-rows` goes on without them")
        sys.exit(EXIT_USE)


def _chosen(inputs: Inputs, accounts: AccountsIntake) -> tuple[Subscription, ...]:
    if inputs.account is None:
        return accounts.subscriptions
    chosen = tuple(item for item in accounts.subscriptions if item.account == inputs.account)
    if not chosen:
        no_account(inputs.account, sorted(accounts.accounts))
    return chosen


def no_account(asked: str, known: Sequence[str]) -> None:
    """Exit, for `--account` names none of these."""
    import difflib

    near = difflib.get_close_matches(asked, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "name an account of the accounts file"
    stop([Diagnostic("RB9004", f"there is no account {asked}", hints=(hint,), place="--account")])


def _rate_all(
    program: Program, subscriptions: Sequence[Subscription], usage: UsageIntake, period: DateRange, *, part: bool
) -> tuple[tuple[Statement, ...], list[Diagnostic], int, int]:
    """The statements of all subscriptions and what was refused; how many rows lie outside the period, and how many
    inside it while their account has no subscription."""
    from itertools import groupby
    from zoneinfo import ZoneInfo

    from ..engine.evaluators.account import rate_account
    from ..engine.usage import AccountUsage

    statements: list[Statement] = []
    refusals: list[Diagnostic] = []
    outside = unsubscribed = 0
    zone = ZoneInfo(program.zone)
    asked = period.period(zone)
    nothing = AccountUsage()
    with progress("rating", "accounts", len(subscriptions)) as report:
        rated = 0
        for account, group in groupby(subscriptions, key=lambda item: item.account):
            own, subscribed = usage.by_account.get(account, nothing), list(group)
            covered: list[Period] = []
            for result in rate_account(program, subscribed, own, period, part=part):
                if isinstance(result, Diagnostic):
                    refusals.append(result)
                else:
                    statements.append(result)
                    covered.extend([] if result.covered is None else [result.covered])
            missed = _missed(own, covered)
            subscribed_days = [_subscribed(item, zone) for item in subscribed]
            inside = sum(asked.contains(time) and not any(holds(time) for holds in subscribed_days) for time in missed)
            unsubscribed += inside
            outside += len(missed) - inside
            rated += len(subscribed)
            report(rated)
    return tuple(statements), refusals, outside, unsubscribed


def _subscribed(subscription: Subscription, zone: ZoneInfo) -> Callable[[datetime], bool]:
    """Whether an instant lies on a day that a subscription covers."""
    from ..engine.period import local_midnight

    start = local_midnight(subscription.start, zone)
    end = None if subscription.end is None else local_midnight(subscription.end, zone)
    return lambda time: start <= time and (end is None or time < end)


def _missed(usage: AccountUsage, periods: Sequence[Period]) -> list[datetime]:
    """The times of usage that stands on no statement."""
    times = [event.time for event in usage.events]
    times += [item.time for item in usage.quantities if item.time is not None]
    return [time for time in times if not any(period.contains(time) for period in periods)]


def _reach_notes(
    program: Program,
    subscriptions: Sequence[Subscription],
    usage: UsageIntake,
    period: DateRange,
    statements: Sequence[Statement],
) -> tuple[str, ...]:
    """A note where a rule, or a bill for a part of a period, reaches back further than the files do."""
    rules = reaches_back_to(program, [(item.plan, item.start) for item in subscriptions], period)
    begun = [_begins(item) for item in statements if item.part_of is not None]
    needed = min([*begun, *([] if rules is None else [rules])], default=None)
    first = usage.first_time
    if needed is None or first is None:
        return ()
    from zoneinfo import ZoneInfo

    begins = first.astimezone(ZoneInfo(program.zone)).date()
    if begins <= needed:
        return ()
    what = "rules reach" if needed == rules else "the billing period reaches"
    return (late_usage(begins, needed, what),)


def late_usage(begins: date, needed: date, what: str) -> str:
    """That usage begins after what rules (or a billing period) reach back to."""
    return f"usage begins on {begins}, and {what} back to {needed}: what was used between is not known"


def _begins(statement: Statement) -> date:
    """The first day of the billing period of which a statement bills a part."""
    return (statement.start if statement.part_of is None else statement.part_of[0]).date()


def reaches_back_to(program: Program, kinds: Sequence[tuple[str, date]], period: DateRange) -> date | None:
    """The first day that rules ask about for subscriptions to these plans from these days, if before the period."""
    from ..engine.evaluators.counting import counting_year

    days = [
        include.every.after(start, max(include.every.steps_to(start, period.start), 0))
        for name, start in kinds
        for plan in program.plans[name]
        for include in plan.includes
        if include.every is not None
    ]
    days += [
        max(counting_year(charge.counted, start, max(period.start, start)).start, start)
        for name, start in kinds
        for plan in program.plans[name]
        for charge in plan.charges
        if charge.counted is not None
    ]
    reaching = [day for day in days if day < period.start]
    return min(reaching, default=None)


def say_summary(summary: Summary, total: str) -> None:
    """The summary of a run, on standard error."""
    note(
        f"{number_of(summary.read, 'event')} read: {summary.counted:,} counted, {summary.repeated:,} repeated, "
        f"{summary.rejected:,} rejected; {summary.outside:,} of those counted outside the period"
    )
    note(f"{number_of(summary.accounts, 'account')}; total {total}")
    if summary.unsubscribed:
        events = number_of(summary.unsubscribed, "event")
        note(f"warning: {events} inside the period, while the account has no subscription")
    for text in summary.notes:
        note(f"note: {text}")


@contextmanager
def progress(label: str, noun: str, length: int | None = None) -> Iterator[Callable[[int], None]]:
    """Hears how far something has come, and shows it on a terminal; elsewhere it says nothing."""
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    if length is None:

        def say(count: int) -> None:
            click.echo(f"\r{label}: {count:,} {noun}", nl=False, err=True)

        yield say
        click.echo("\r\033[K", nl=False, err=True)
        return
    begun = time.monotonic()

    def rate(reached: int | None) -> str | None:
        passed = time.monotonic() - begun
        return f"{reached / passed:,.0f} {noun}/s" if reached and passed > 1 else None

    with click.progressbar(length=length, label=label, file=sys.stderr, item_show_func=rate, show_pos=True) as bar:
        reached = 0

        def advance(count: int) -> None:
            nonlocal reached
            bar.update(count - reached, count)
            reached = count

        yield advance

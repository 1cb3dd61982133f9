"""`ratebook rate` of a whole customer base, by the columnar evaluator."""

from __future__ import annotations

import gc
import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..cli import EXIT_BUG, EXIT_USE
from .console import note, number_of, show_findings
from .rating import (
    SHOWN_MAX,
    Inputs,
    Summary,
    check_rows,
    idle_note,
    late_usage,
    load_program,
    no_account,
    parsed_period,
    progress,
    reaches_back_to,
    say_summary,
    stop,
)

if TYPE_CHECKING:
    from ..engine.period import DateRange
    from ..intake.columnar.run import Columnar


def rate_at_size(inputs: Inputs, form: str, out: Path | None, *, unique_ids: bool, verify: int) -> None:
    """Rate, write and say what was done; exits with every mistake that was found."""
    from ..intake.columnar.failures import NoRoomError

    try:
        _rate(inputs, form, out, unique_ids=unique_ids, verify=verify)
    except NoRoomError as error:
        stop([error.finding])


def _rate(inputs: Inputs, form: str, out: Path | None, *, unique_ids: bool, verify: int) -> None:
    from ..intake import StatementFormat
    from ..intake.columnar.run import rate_columnar

    program, _ = load_program(inputs.ruleset)
    # A program stays to the end: the collector of garbage need not look through it again and again.
    gc.freeze()
    period = parsed_period(inputs.period_text)
    if len(set(inputs.usage)) < len(inputs.usage):
        note("note: a usage file is named twice, and read once")
    with rate_columnar(
        program,
        inputs.usage,
        inputs.accounts,
        period,
        account=inputs.account,
        unique_ids=unique_ids,
        skip_bad_rows=inputs.skip_bad_rows,
        watch=_watched,
    ) as run:
        check_rows(inputs, run.findings, run.rejects, run.rejected)
        if inputs.account is not None and not run.subscriptions:
            no_account(inputs.account, run.account_names())
        if run.refusals:
            stop(run.refusals)
        if verify:
            _verify(run, verify)
        problems = run.write(StatementFormat(form), out)
        show_findings(problems)
        if problems:
            sys.exit(EXIT_USE)
        total = f"{program.money.text(run.total)} {program.money.currency.code}"
        rows = run.read, run.counted, run.repeated, run.rejected
        say_summary(Summary(*rows, run.outside, run.unsubscribed, run.accounts, _notes(run, period)), total)
        _say_engine(run)


def _say_engine(run: Columnar) -> None:
    """Which evaluator rated, and what the columnar one left to the scalar one."""
    note("rated by the columnar evaluator")
    for reason, count in run.scalar.items():
        note(f"{number_of(count, 'account')} by the scalar evaluator: {reason}")


def _verify(run: Columnar, count: int) -> None:
    """Rate random accounts again by the scalar evaluator; exits as an unexpected failure where a statement differs."""
    found = run.verify(count, random.Random())
    if not found.differences:
        note(
            f"verified: {number_of(found.accounts, 'account')} rated again by the scalar evaluator, every line the same"
        )
        return
    for each in found.differences[:SHOWN_MAX]:
        note(f"account {each.account}\n  columnar: {each.columnar}\n  scalar:   {each.scalar}")
    many = number_of(len(found.differences), "statement")
    note(f"error: {many} differ, nothing written: a mistake of Ratebook. `--engine scalar` rates without it.")
    sys.exit(EXIT_BUG)


def _notes(run: Columnar, period: DateRange) -> tuple[str, ...]:
    """What else is to be said: usage that begins too late, subscriptions without a statement."""
    notes = []
    needed = reaches_back_to(run.program, run.kinds, period)
    first = None if needed is None else run.first_day()
    if needed is not None and first is not None and first > needed:
        notes.append(late_usage(first, needed, "rules reach"))
    if run.idle:
        notes.append(idle_note(run.idle, with_days=run.idle_with_days))
    return tuple(notes)


@contextmanager
def _watched(label: str, rows: int | None, percent: Callable[[], float]) -> Iterator[None]:
    """Shows on a terminal how far a scan has come, how fast it is and what time is left."""
    if not sys.stderr.isatty() or not rows:
        yield
        return
    stopped = threading.Event()
    with progress(label, "rows", rows) as report:

        def ask() -> None:
            while not stopped.wait(0.5):
                report(int(min(max(percent(), 0), 100) * rows / 100))

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()

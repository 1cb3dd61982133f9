"""`ratebook check`: findings of rulesets, and what became of their promises."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..cli import EXIT_FINDINGS, EXIT_NOT_DECIDED, EXIT_USE, VERSION
from ..diagnostics import Diagnostic, Promised, Severity, Source
from ..money import decimal_text
from .console import counted, note, number_of, show_findings
from .files import compile_file, find_rulesets

if TYPE_CHECKING:
    from ..engine.compiler.compile import Compiled
    from .against import Against, Compared

FORMATS = ("text", "json", "sarif", "github", "junit")


@click.command("check", short_help="Check rulesets.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option(
    "--fail-on", type=click.Choice(["warning", "error"]), default="error", show_default=True, help="What exits with 1."
)
@click.option("--require-proof", is_flag=True, help="Exit with 3 when a promise is not decided.")
@click.option("--max-size", type=click.IntRange(1), metavar="KIB", help="The largest file, in KiB (256 by default).")
@click.option("--against", metavar="OLD", help="Compare with an earlier version: a file, a folder, or git:REVISION.")
@click.option(
    "--closed-before",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="With --against: bills of days before it have been made; the first of this month by default.",
)
def check_command(
    paths: tuple[str, ...],
    form: str,
    fail_on: str,
    require_proof: bool,
    max_size: int | None,
    against: str | None,
    closed_before: datetime | None,
) -> None:
    """Check rulesets: files, or every .rates file in folders.

    Finds mistakes of grammar, unknown names, units and currencies that do not fit, gaps and overlaps of bands and
    rows, policies that meet without a rule. Promises are proved or refuted for every usage, or said to be not decided.
    Findings go to standard output.

    With --against it also says what costs something else than in an earlier version, and what looks like a slip.
    """
    if closed_before is not None and against is None:
        raise click.UsageError("--closed-before says which periods are closed for --against OLD")
    found = find_rulesets(paths)
    findings: list[Diagnostic] = list(found.findings)
    sources: dict[str, Source] = {}
    promises: list[Promised] = []
    unreadable = bool(found.findings)
    compiled: list[tuple[Path, Compiled]] = []
    for path in found.files:
        result = compile_file(path, max_bytes=None if max_size is None else max_size * 1024, prove=True)
        if isinstance(result, Diagnostic):
            findings.append(result)
            unreadable = True
            continue
        compiled.append((path, result))
    imported = {name for path, result in compiled for name in result.sources if name != str(path)}
    for path, result in compiled:
        if str(path) in imported and [item.code for item in result.findings] == ["RB2008"]:
            continue  # a file of declarations that another imports is no ruleset of its own
        findings.extend(result.findings)
        sources.update(result.sources)
        promises.extend(_promises(result))
        for sentence in result.left_out:
            note(f"{path}: {sentence}")
    compared: list[Compared] = []
    if against is not None:
        closed = date.today().replace(day=1) if closed_before is None else closed_before.date()  # noqa: DTZ011
        comparison = _compare(compiled, paths, against, closed, max_size)
        findings.extend(comparison.findings)
        sources.update(comparison.sources)
        unreadable = unreadable or comparison.unreadable
        compared = comparison.compared
    findings = list(dict.fromkeys(findings))  # what several files import is reported once
    undecided = sum(promise.outcome == "not decided" for promise in promises)
    if form == "text" or require_proof:
        _say_promises(promises, sources, err=form != "text")
    if form == "text":
        show_findings(findings, sources, err=False)
        _say_changes(compared)
    else:
        changes = None if against is None else {"changes": [item.values() for item in compared]}
        click.echo(_rendered(form, findings, promises, sources, found.files, fail_on, changes), nl=False)
    errors, warnings = counted(findings)
    note(f"{number_of(len(found.files), 'file')}: {number_of(errors, 'error')}, {number_of(warnings, 'warning')}")
    sys.exit(_exit_code(findings, fail_on, unreadable=unreadable, undecided=require_proof and undecided > 0))


def _compare(
    compiled: Sequence[tuple[Path, Compiled]], paths: Sequence[str], against: str, closed: date, max_size: int | None
) -> Against:
    from .against import compare_all

    return compare_all(
        compiled, paths, against, closed_before=closed, max_bytes=None if max_size is None else max_size * 1024
    )


def _say_changes(compared: Sequence[Compared]) -> None:
    for index, item in enumerate(compared):
        click.echo(("\n" if index else "") + item.text(), nl=False)


def _rendered(
    form: str,
    findings: Sequence[Diagnostic],
    promises: Sequence[Promised],
    sources: Mapping[str, Source],
    files: Sequence[Path],
    fail_on: str,
    changes: Mapping[str, Any] | None,
) -> bytes:
    """The findings in a form for machines, which are UTF-8 whatever the terminal speaks."""
    match form:
        case "sarif":
            from ..diagnostics.sarif import render_sarif

            text = render_sarif(findings, sources, tool_version=VERSION, promises=promises)
        case "github":
            from ..diagnostics.github import render_github

            text = render_github(findings, sources)
        case "junit":
            from ..diagnostics.junit import cases_of_files, render_junit

            names, failing = map(str, files), _failing(fail_on)
            cases = cases_of_files(names, findings, sources, group="ratebook.check", failing=failing)
            text = render_junit("ratebook check", cases)
        case _:
            from ..diagnostics.json_text import render_json

            text = render_json(findings, sources, promises, changes)
    return text.encode("utf-8")


def _failing(fail_on: str) -> tuple[Severity, ...]:
    return (Severity.ERROR, Severity.WARNING) if fail_on == "warning" else (Severity.ERROR,)


def _promises(result: Compiled) -> Iterator[Promised]:
    """What became of each promise, for people and machines. Those of a ruleset with errors are not decided yet."""
    if result.ruleset is None:
        return
    if not result.outcomes:
        return
    money = result.ruleset.money
    for outcome in result.outcomes:
        assert outcome.span is not None, "the outcome of a promise stands at it"
        slack = decimal_text(outcome.slack, money.currency.minor_digits) or ""
        yield Promised(
            outcome.span,
            result.sources[outcome.span.file].slice(outcome.span),
            outcome.verdict.value,
            outcome.reason or ("" if outcome.witness is not None else outcome.text),
            "" if outcome.witness is None else outcome.witness.text,
            f"{slack} {money.currency.code}" if outcome.slack else "",
        )


def _say_promises(promises: Sequence[Promised], sources: Mapping[str, Source], *, err: bool) -> None:
    for promise in promises:
        source = sources[promise.span.file]
        click.echo(f"{source.place(promise.span)}: {promise.text}: {promise.sentence}", err=err)


def _exit_code(findings: list[Diagnostic], fail_on: str, *, unreadable: bool, undecided: bool) -> int:
    if unreadable:
        return EXIT_USE
    if any(finding.severity in _failing(fail_on) for finding in findings):
        return EXIT_FINDINGS
    return EXIT_NOT_DECIDED if undecided else 0

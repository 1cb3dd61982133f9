"""`ratebook test`: the worked examples of rulesets."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..cli import EXIT_FINDINGS, EXIT_USE
from ..diagnostics import Diagnostic, Severity, Source
from .console import note, number_of, show_findings
from .files import compile_file, find_rulesets, replace_file

if TYPE_CHECKING:
    from ..diagnostics.junit import Case
    from ..engine.compiler.compile import Compiled
    from ..engine.examples import Outcome
    from .coverage import Covered


@dataclass(frozen=True, slots=True)
class Ran:
    """A ruleset's examples and what became of them."""

    path: Path
    compiled: Compiled
    outcomes: tuple[Outcome, ...]


@click.command("test", short_help="Run worked examples.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--format", "form", type=click.Choice(["text", "json", "junit"]), default="text", show_default=True)
@click.option("--coverage", is_flag=True, help="Say what of the price list the examples touch, and what none does.")
@click.option(
    "--fail-under",
    type=click.IntRange(0, 100),
    metavar="PERCENT",
    help="Fail if the examples cover less.",
)
@click.option("--suggest", is_flag=True, help="Add examples for what none touches, marked `unreviewed`.")
@click.option("--dry-run", is_flag=True, help="Print what --suggest would add, and change no file.")
@click.option("--accept", is_flag=True, help="Rewrite expectations that failed, marked `unreviewed`.")
def test_command(
    paths: tuple[str, ...],
    form: str,
    coverage: bool,
    fail_under: int | None,
    suggest: bool,
    dry_run: bool,
    accept: bool,
) -> None:
    """Run the examples of rulesets: files, or every .rates file in folders.

    An example is rated exactly as real usage is. One that is marked `unreviewed` fails until a person takes the word
    away.

    Coverage counts the bounds, rows, conditions and rules that examples touch: those that pass and are reviewed. Every
    bound counts three times, for a quantity just below, exactly at and just above it.
    """
    if accept and suggest:
        raise click.UsageError("--accept and --suggest rewrite the same files: use one after the other")
    if dry_run and not suggest:
        raise click.UsageError("--dry-run belongs to --suggest")
    found = find_rulesets(paths)
    problems: list[Diagnostic] = list(found.findings)
    sources: dict[str, Source] = {}
    ran: list[Ran] = []
    for path in found.files:
        result = _run(path)
        if isinstance(result, Diagnostic):
            problems.append(result)
            continue
        if result.compiled.program is None and not _is_fragment(result, found.files):
            problems.extend(item for item in result.compiled.findings if item.severity.value == "error")
            sources.update(result.compiled.sources)
        ran.append(result)
    show_findings(problems, sources)
    covered = _covered(ran) if coverage or fail_under is not None else None
    if form == "json":
        click.echo(_as_json(ran, covered))
    elif form == "junit":
        click.echo(_as_junit(ran, problems, sources), nl=False)
    else:
        _print(ran)
    missed = False if covered is None else _show_coverage(covered, fail_under, form)
    if accept:
        for item in ran:
            _accept(item)
    if suggest:
        problems.extend(_suggest(ran, dry_run=dry_run))
    failed = [outcome for item in ran for outcome in item.outcomes if not outcome.passed]
    total = sum(len(item.outcomes) for item in ran)
    note(f"{number_of(total, 'example')}: {total - len(failed)} passed, {len(failed)} failed")
    if any(problem.code.startswith(("RB9", "RB1012")) for problem in problems):
        sys.exit(EXIT_USE)
    sys.exit(EXIT_FINDINGS if problems or failed or missed else 0)


def _is_fragment(ran: Ran, files: tuple[Path, ...]) -> bool:
    return len(files) > 1 and [item.code for item in ran.compiled.findings] == ["RB2008"]


def _run(path: Path) -> Ran | Diagnostic:
    from ..engine.examples import run_example

    compiled = compile_file(path)
    if isinstance(compiled, Diagnostic):
        return compiled
    if compiled.program is None or compiled.ruleset is None:
        return Ran(path, compiled, ())
    return Ran(path, compiled, tuple(run_example(compiled.program, item) for item in compiled.ruleset.examples))


def _covered(ran: Sequence[Ran]) -> list[Covered]:
    from .coverage import cover_all

    return cover_all([(item.path, item.compiled, item.outcomes) for item in ran])


def _show_coverage(covered: list[Covered], fail_under: int | None, form: str) -> bool:
    """Print the coverage: results of `text` on standard output, beside other forms the findings only."""
    from .coverage import coverage_text, findings_of_coverage

    findings = findings_of_coverage(covered, fail_under)
    sources = {name: source for item in covered for name, source in item.sources.items()}
    if form == "text":
        click.echo(f"\n{coverage_text(covered)}" if covered else "")
    show_findings(findings, sources, err=form != "text")
    return any(finding.severity is Severity.ERROR for finding in findings)


def _suggest(ran: Sequence[Ran], *, dry_run: bool) -> list[Diagnostic]:
    from .coverage import suggest_into

    found = [suggest_into(item.path, item.compiled, item.outcomes, dry_run=dry_run) for item in ran]
    problems = [problem for problem in found if problem is not None]
    show_findings(problems)
    return problems


def _print(ran: list[Ran]) -> None:
    from ..engine.examples import findings_of

    failures = [finding for item in ran for outcome in item.outcomes for finding in findings_of(outcome)]
    sources = {name: source for item in ran for name, source in item.compiled.sources.items()}
    for item in ran:
        for outcome in item.outcomes:
            place = item.compiled.sources[outcome.example.span.file].place(outcome.example.span)
            click.echo(f"{'ok  ' if outcome.passed else 'FAIL'} {place} {outcome.example.title}")
    show_findings(failures, sources, err=False)


def _as_json(ran: list[Ran], covered: list[Covered] | None) -> str:
    examples = [
        {
            "file": str(item.path),
            "line": item.compiled.sources[outcome.example.span.file].position(outcome.example.span.start)[0],
            "title": outcome.example.title,
            "plan": outcome.example.plan,
            "passed": outcome.passed,
            "unreviewed": outcome.example.unreviewed,
            "failures": [mismatch.message for mismatch in outcome.mismatches],
        }
        for item in ran
        for outcome in item.outcomes
    ]
    document: dict[str, object] = {"schema": "ratebook.examples/1", "examples": examples}
    if covered is not None:
        from .coverage import coverage_document

        document["coverage"] = coverage_document(covered)
    return json.dumps(document, ensure_ascii=False, indent=2)


def _as_junit(ran: Sequence[Ran], problems: Sequence[Diagnostic], sources: Mapping[str, Source]) -> bytes:
    """A case for each example, and one for each file whose examples could not be run."""
    from ..diagnostics.junit import Verdict, cases_of_files, render_junit

    broken = cases_of_files(
        [], problems, sources, group="ratebook.test", failing=tuple(Severity), verdict=Verdict.ERROR
    )
    cases = [*broken, *(case for item in ran for case in _cases(item))]
    return render_junit("ratebook test", cases).encode("utf-8")


def _cases(ran: Ran) -> Iterator[Case]:
    from ..diagnostics.junit import Case, problem_of
    from ..engine.examples import findings_of

    for outcome in ran.outcomes:
        span = outcome.example.span
        source = ran.compiled.sources[span.file]
        problem = problem_of(list(findings_of(outcome)), ran.compiled.sources)
        yield Case(outcome.example.title, source.name, source.name, source.position(span.start)[0], problem)


def _accept(ran: Ran) -> None:
    from ..engine.examples import accepted

    for name, text in accepted(ran.outcomes, ran.compiled.sources).items():
        path = ran.path if name == str(ran.path) else Path(name)
        failure = replace_file(path, text)
        if failure is not None:
            show_findings([failure])
            sys.exit(EXIT_USE)
        note(f"rewrote expectations of {path}; they fail until `unreviewed` is taken away")

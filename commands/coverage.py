"""What `ratebook test` says of coverage, and the examples that it writes into rulesets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..diagnostics import Diagnostic, Source
from .console import note, number_of
from .files import replace_file

if TYPE_CHECKING:
    from ..engine.compiler.compile import Compiled
    from ..engine.coverage.items import Item
    from ..engine.coverage.report import Coverage
    from ..engine.examples import Outcome
    from ..engine.plan import Program


@dataclass(frozen=True, slots=True)
class Covered:
    """A ruleset and its coverage."""

    path: Path
    program: Program
    coverage: Coverage
    sources: dict[str, Source]


def cover_all(ran: Sequence[tuple[Path, Compiled, Sequence[Outcome]]]) -> list[Covered]:
    """The coverage of every ruleset that compiles."""
    from ..engine.coverage.report import cover

    found = []
    for path, compiled, outcomes in ran:
        coverage = cover(compiled, outcomes)
        if coverage is not None and compiled.program is not None:
            found.append(Covered(path, compiled.program, coverage, dict(compiled.sources)))
    return found


def findings_of_coverage(covered: Sequence[Covered], fail_under: int | None) -> list[Diagnostic]:
    """Examples that touch no boundary, and the threshold that was missed."""
    from ..engine.coverage.report import percent

    findings = [finding for item in covered for finding in item.coverage.findings]
    items = sum(len(item.coverage.items) for item in covered)
    touched = sum(item.coverage.covered for item in covered)
    if fail_under is not None and touched * 100 < fail_under * items:
        message = f"the examples cover {percent(touched, items)}%, and --fail-under asks for {fail_under}%"
        hints = ("`ratebook test --suggest` writes examples for what is not touched",)
        findings.append(Diagnostic("RB5005", message, hints=hints, place="--fail-under"))
    return findings


# As text


def coverage_text(covered: Sequence[Covered]) -> str:
    """A table of rules with what is missing below it, one for each ruleset, and the sum where there are several."""
    from ..engine.coverage.report import percent

    parts = ["\n".join(_ruleset(item)) for item in covered]
    if len(covered) > 1:
        items = sum(len(item.coverage.items) for item in covered)
        touched = sum(item.coverage.covered for item in covered)
        parts.append(
            f"{number_of(len(covered), 'ruleset')}: {touched:,} of {items:,} touched, {percent(touched, items)}%"
        )
    return "\n\n".join(parts)


def _ruleset(covered: Covered) -> Iterator[str]:
    from ..engine.coverage.report import missing, percent

    coverage = covered.coverage
    rows = [("plan", "rule", "items", "missed", "covered")]
    for rule in coverage.rules:
        touched = percent(rule.items - rule.missed, rule.items)
        name = _version(covered.program, rule.plan, rule.since)
        rows.append((name, rule.rule or "-", f"{rule.items:,}", f"{rule.missed:,}", f"{touched}%"))
    count, missed = len(coverage.items), len(coverage.missed)
    rows.append(("total", "", f"{count:,}", f"{missed:,}", f"{percent(count - missed, count)}%"))
    yield f"coverage of {covered.path}"
    yield ""
    yield from _table(rows)
    for table in coverage.tables:
        yield ""
        name = _version(covered.program, table.plan, table.since)
        yield f"{name}, {table.charge}: {table.priced:,} of {number_of(table.rows, 'row')} priced"
    if coverage.missed:
        yield ""
        yield "not touched:"
    for item in missing(covered.program, coverage.missed):
        yield f"  {item.item.place}: {_named(covered.program, item.item)}: {item.text}"


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    from ..diagnostics.source import display_width

    widths = [max(display_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = []
        for column, text in enumerate(row):
            gap = " " * (widths[column] - display_width(text))
            cells.append(text + gap if column < 2 else gap + text)
        yield "  ".join(cells).rstrip()


def _version(program: Program, plan: str, since: object) -> str:
    if not plan:
        return "cards"
    return f"{plan} from {since}" if len(program.plans[plan]) > 1 and since is not None else plan


def _named(program: Program, item: Item) -> str:
    plan = _version(program, item.plan, item.since)
    return f"{plan}, {item.rule}" if item.rule else plan


# For programs


def coverage_document(covered: Sequence[Covered]) -> list[dict[str, Any]]:
    """The coverage of rulesets for `--format json`."""
    from ..engine.coverage.report import missing, percent

    return [
        {
            "file": str(one.path),
            "items": len(one.coverage.items),
            "covered": one.coverage.covered,
            "percent": percent(one.coverage.covered, len(one.coverage.items)),
            "rules": [
                {
                    "plan": rule.plan,
                    "from": None if rule.since is None else rule.since.isoformat(),
                    "rule": rule.rule,
                    "items": rule.items,
                    "missed": rule.missed,
                }
                for rule in one.coverage.rules
            ],
            "tables": [
                {"plan": table.plan, "charge": table.charge, "rows": table.rows, "priced": table.priced}
                for table in one.coverage.tables
            ],
            "missing": [
                {
                    "file": item.item.place.file,
                    "line": item.item.place.line,
                    "plan": item.item.plan,
                    "rule": item.item.rule,
                    "missing": item.text,
                }
                for item in missing(one.program, one.coverage.missed)
            ],
        }
        for one in covered
    ]


# Suggested examples


def suggest_into(path: Path, compiled: Compiled, outcomes: Sequence[Outcome], *, dry_run: bool) -> Diagnostic | None:
    """Append examples for what is not touched to a ruleset's file, or print them."""
    from ..api import reader_of
    from ..engine.coverage.suggest import suggest
    from ..engine.coverage.words import words_of

    source = compiled.sources.get(str(path))
    if compiled.program is None or source is None:
        return None
    found = suggest(compiled, outcomes, source, reader_of(path.parent))
    if dry_run and found.examples:
        click.echo("".join(f"\n{suggestion.text}" for suggestion in found.examples), nl=False)
    elif found.examples:
        failure = replace_file(path, found.text, "print them with `--suggest --dry-run`")
        if failure is not None:
            return failure
    for item in found.unreached:
        words = words_of(compiled.program, item.item).missing
        note(f"no example for {item.item.place}: {_named(compiled.program, item.item)}: {words} ({item.reason})")
    count = number_of(len(found.examples), "example")
    if dry_run or not found.examples:
        note(f"{path}: {count} to add")
    else:
        note(f"added {count} to {path}; they fail until `unreviewed` is taken away")
    return None

"""`ratebook fmt`: rulesets in their canonical form."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..cli import EXIT_FINDINGS, EXIT_USE
from ..diagnostics import Diagnostic, Source, has_errors
from .console import note, number_of, show_findings
from .files import find_rulesets, read_text, replace_file


@click.command("fmt", short_help="Format rulesets.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit with 1 if a file would change.")
@click.option("--diff", is_flag=True, help="Change nothing; print what would change.")
def fmt_command(paths: tuple[str, ...], only_check: bool, diff: bool) -> None:
    """Format rulesets in place: files, or every .rates file in folders.

    Comments stay; amounts never change. A file with mistakes of grammar is left alone.
    """
    found = find_rulesets(paths)
    findings: list[Diagnostic] = list(found.findings)
    sources: dict[str, Source] = {}
    changed: list[Path] = []
    for path in found.files:
        text = read_text(path)
        if isinstance(text, Diagnostic):
            findings.append(text)
            continue
        formatted = _formatted(path, text, findings, sources)
        if formatted is None or formatted == text:
            continue
        changed.append(path)
        if diff:
            _print_diff(path, text, formatted)
        elif not only_check:
            failure = replace_file(path, formatted)
            findings.extend([] if failure is None else [failure])
    show_findings(findings, sources)
    for path in changed:
        note(f"{'would change' if only_check or diff else 'changed'} {path}")
    note(f"{number_of(len(found.files), 'file')}, {len(changed)} {'to change' if only_check or diff else 'changed'}")
    if findings:
        sys.exit(EXIT_USE if any(item.code.startswith(("RB9", "RB1012")) for item in findings) else EXIT_FINDINGS)
    sys.exit(EXIT_FINDINGS if only_check and changed else 0)


def _formatted(path: Path, text: str, findings: list[Diagnostic], sources: dict[str, Source]) -> str | None:
    from ..grammar.format import format_ruleset
    from ..grammar.parse import parse

    source = Source(str(path), text)
    tree, mistakes = parse(source, max_bytes=1 << 30)
    if has_errors(mistakes):
        findings.extend(mistakes)
        sources[source.name] = source
        return None
    return format_ruleset(tree, text)


def _print_diff(path: Path, before: str, after: str) -> None:
    import difflib

    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), str(path), f"{path} (formatted)"
    )
    click.echo("".join(lines), nl=False)

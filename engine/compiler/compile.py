"""The pipeline in one function: text → syntax → model → checks → plan."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...diagnostics import CODES, Diagnostic, Severity, Source, has_errors, in_order
from ...grammar import syntax
from ...grammar.collector import without_garbage_collector
from ..holiday import library_version
from ..plan import Program, verify
from ..window import asks_holidays
from .checks import check
from .imports import PRICE_BYTES_MAX, Gathered, Reader, gather
from .lower import build_trees, lower
from .model import Ruleset
from .proofs.outcome import Outcome
from .resolve import resolve
from .unread import unread

MAX_BYTES = 256 * 1024
_OF_RULESETS = ("RB1", "RB2")
_OF_PROOFS = "RB26"
_OF_COMPARISONS = "RB27"


@dataclass(frozen=True, slots=True)
class Compiled:
    """What became of a text: its findings, its model as far as it is sound, and a program where nothing is wrong.

    `outcomes` are those of its promises, in their order, where they were asked for.
    """

    program: Program | None
    ruleset: Ruleset | None
    findings: tuple[Diagnostic, ...]
    sources: Mapping[str, Source]
    trees: tuple[syntax.Ruleset, ...] = ()
    """The syntax of each file, for whoever shows declarations as they are written."""
    outcomes: tuple[Outcome, ...] = ()
    left_out: tuple[str, ...] = ()
    """Sentences on what was not compared because there is too much of it."""


def compile_ruleset(
    source: Source,
    read: Reader = lambda _path: None,
    *,
    max_bytes: int = MAX_BYTES,
    price_bytes_max: int = PRICE_BYTES_MAX,
    prove: bool = False,
    warn: bool = True,
) -> Compiled:
    """Compile a ruleset; `read` gives the text of an imported file or a price file, by its path from the ruleset's.

    With `prove` its promises are decided and its prices compared over all usage, which rating does not need.
    Without `warn` the findings are its errors, all of them.
    """
    with without_garbage_collector():
        return _compile(source, read, max_bytes, price_bytes_max, prove=prove, warn=warn)


def _compile(
    source: Source, read: Reader, max_bytes: int, price_bytes_max: int, *, prove: bool, warn: bool
) -> Compiled:
    gathered = gather(source, read, max_bytes=max_bytes, price_bytes_max=price_bytes_max)
    gone = unread(gathered.findings, gathered.sources)
    ruleset, resolved = resolve(gathered.trees, gathered.sources, gone, gathered.prices)
    if ruleset is None:
        # A header that did not parse has been reported; that it is missing is no news then.
        return Compiled(None, None, in_order(gathered.findings or resolved), gathered.sources)
    trees = build_trees(ruleset)
    meaning = [*resolved, *trees.findings, *check(ruleset, warn=warn)]
    # The grammar has said it where both stumble over the same words.
    said = {(finding.code, finding.span) for finding in gathered.findings}
    meaning = [item for item in meaning if (item.code, item.span) not in said and not gone.explains(item)]
    findings = [*gathered.findings, *gathered.price_findings, *meaning]
    if has_errors(findings):
        findings = [*_not_allowed(findings, ruleset, proved=prove)] if warn else _errors(findings)
        return Compiled(None, ruleset, in_order(findings), gathered.sources, gathered.trees)
    program = lower(ruleset, trees, _content_hash(gathered, ruleset), gathered.sources)
    verify(program)
    outcomes: tuple[Outcome, ...] = ()
    left_out: tuple[str, ...] = ()
    if prove:
        # Imported where it is used: rating does not wait for it.
        from .proofs.findings import proved

        found = proved(program, ruleset)
        outcomes, left_out = found.outcomes, found.left_out
        findings += found.findings
    findings = [*_not_allowed(findings, ruleset, proved=prove)] if warn else _errors(findings)
    # A promise that does not hold is a finding about prices that can be rated all the same.
    return Compiled(
        program,
        ruleset,
        in_order(findings),
        gathered.sources,
        gathered.trees,
        outcomes,
        left_out,
    )


def _errors(findings: Sequence[Diagnostic]) -> list[Diagnostic]:
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def _not_allowed(findings: Sequence[Diagnostic], ruleset: Ruleset, *, proved: bool) -> Iterator[Diagnostic]:
    """The findings without the warnings that the ruleset allows, and a word on what allows nothing."""
    warned = {finding.code for finding in findings if finding.severity is Severity.WARNING}
    allowed = {allow.code for allow in ruleset.allows} & warned
    yield from (finding for finding in findings if finding.code not in allowed)
    if has_errors(findings):
        # What is wrong may hide what is allowed.
        return
    for allow in ruleset.allows:
        if allow.code.startswith(_OF_COMPARISONS) or (allow.code.startswith(_OF_PROOFS) and not proved):
            continue  # only a comparison with an earlier version, or a proof, can tell
        if allow.code not in warned and allow.code.startswith(_OF_RULESETS):
            yield Diagnostic(
                "RB2502",
                f"{allow.code} ({CODES[allow.code].title}) is allowed, and nothing here is warned of with it",
                allow.span,
                "allows nothing",
                hints=("remove this line, so that it hides nothing later",),
            )


def _content_hash(gathered: Gathered, ruleset: Ruleset) -> str:
    """The hash of everything that decides amounts: the texts, and the holiday tables where a window asks them."""
    digest = hashlib.sha256()
    for source in gathered.sources.values():
        data = source.text.encode()
        digest.update(f"{len(data)}:".encode())
        digest.update(data)
    if any(asks_holidays(window) for window in ruleset.windows.values()):
        digest.update(f"holidays {library_version()}".encode())
    return f"sha256:{digest.hexdigest()}"

"""Examples for what no example touches: found by trying, kept as few, written as text, and tried again as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from zoneinfo import ZoneInfo

from ...diagnostics import Diagnostic, Source
from ..compiler.compile import MAX_BYTES, Compiled, compile_ruleset
from ..compiler.imports import Reader
from ..compiler.model import Example
from ..examples import Outcome, run_example
from ..plan import Program
from .candidates import drafts_for
from .draft import Desk, Draft, example_of
from .frames import own_frames
from .items import Item, Key, items_of, key_of
from .ladders import adjusted
from .targets import CardMet
from .touched import Touched, touched
from .words import plan_of, words_of
from .writing import example_text

TRIES_MAX = 120
_MOVES_MAX = 3


@dataclass(frozen=True, slots=True)
class Unreached:
    """An item for which no example was found, and why."""

    item: Item
    reason: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An example for an item, as text, and everything missing that it touches."""

    item: Item
    title: str
    text: str
    keys: frozenset[Key]


@dataclass(frozen=True, slots=True)
class Suggestions:
    """The examples to add, the text of the ruleset with them, and what no example could be found for."""

    examples: tuple[Suggestion, ...]
    text: str
    unreached: tuple[Unreached, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    item: Item
    draft: Draft
    touched: Touched


def suggest(
    compiled: Compiled,
    outcomes: Sequence[Outcome],
    source: Source,
    read: Reader = lambda _path: None,
    *,
    max_bytes: int = MAX_BYTES,
) -> Suggestions:
    """Examples for what no example of a ruleset touches, appended to its text. The ruleset has to compile.

    Examples that wait for a review count as touching what they touch, so that nothing is suggested twice.
    """
    program, ruleset = compiled.program, compiled.ruleset
    if program is None or ruleset is None:
        raise ValueError("a ruleset with errors has no examples to suggest")
    touching = [outcome.example for outcome in outcomes if not outcome.mismatches]
    keys = {key for example in touching for key in touched(program, example).keys}
    missing = [item for item in items_of(program) if key_of(item) not in keys]
    found: list[_Found] = []
    unreached: list[Unreached] = []
    for item in missing:
        if any(key_of(item) in other.touched.keys for other in found):
            continue
        outcome = _find(program, compiled, item)
        if isinstance(outcome, _Found):
            found.append(outcome)
        else:
            unreached.append(outcome)
    wanted = frozenset(map(key_of, missing))
    written, unwritten = _written(program, _fewest(found, wanted), wanted, {example.title for example in touching})
    kept, text, failed = _confirmed(written, source, read, max_bytes)
    touched_now = frozenset(key for suggestion in kept for key in suggestion.keys)
    lost = [item for item in (*unwritten, *failed) if key_of(item) not in touched_now]
    unreached += [Unreached(item, "its numbers have no finite decimal text") for item in lost]
    return Suggestions(kept, text, tuple(unreached))


def _find(program: Program, compiled: Compiled, item: Item) -> _Found | Unreached:
    examples = () if compiled.ruleset is None else compiled.ruleset.examples
    plans = (
        [plan for versions in program.plans.values() for plan in versions]
        if isinstance(item.target, CardMet)
        else [plan_of(program, item)]
    )
    refusal: Diagnostic | None = None
    tried = 0
    for plan in plans:
        desk = Desk(program, plan, ZoneInfo(program.zone))
        frames = own_frames(program, plan, examples)
        for draft in islice(drafts_for(desk, item, frames), TRIES_MAX):
            tried += 1
            seen = touched(program, example_of(program, draft))
            if key_of(item) in seen.keys:
                return _Found(item, draft, seen)
            for better in _improved(desk, item, draft, seen):
                if key_of(item) in better.touched.keys:
                    return better
            if isinstance(seen.result, Diagnostic):
                refusal = seen.result
    if not tried:
        return Unreached(item, "no account and usage could be found for it")
    if refusal is not None:
        return Unreached(item, f"tried {tried}; {refusal.message}")
    return Unreached(item, f"tried {tried}, and none touched it")


def _improved(desk: Desk, item: Item, draft: Draft, seen: Touched) -> Iterator[_Found]:
    """A candidate moved to where it was meant to stand, as often as that brings it nearer."""
    for _ in range(_MOVES_MAX):
        better = next(adjusted(desk, item, draft, seen.walks), None)
        if better is None or better == draft:
            return
        draft, seen = better, touched(desk.program, example_of(desk.program, better))
        yield _Found(item, draft, seen)


def _fewest(found: Sequence[_Found], wanted: frozenset[Key]) -> list[_Found]:
    """The examples without those whose items the others touch as well; those that touch least go first."""
    kept = list(found)
    for candidate in sorted(found, key=lambda one: len(one.touched.keys & wanted)):
        others = {key for one in kept if one is not candidate for key in one.touched.keys}
        if candidate.touched.keys & wanted <= others:
            kept.remove(candidate)
    return kept


def _written(
    program: Program, found: Sequence[_Found], wanted: frozenset[Key], titles: set[str]
) -> tuple[list[Suggestion], list[Item]]:
    written: list[Suggestion] = []
    unwritten: list[Item] = []
    for one in found:
        title = _title(program, one, titles)
        text = example_text(program, one.draft, title, one.touched.result, one.item.rule)
        if text is None:
            unwritten.append(one.item)
            continue
        titles.add(title)
        written.append(Suggestion(one.item, title, text, one.touched.keys & wanted))
    return written, unwritten


def _title(program: Program, found: _Found, titles: set[str]) -> str:
    """The item's words; with the plan, and then a number, where another example is called so."""
    words = words_of(program, found.item).title.replace('"', "”")
    number = 2
    for title in (words, f"{words}, on {found.draft.plan}"):
        if title not in titles:
            return title
    while f"{words} ({number})" in titles:
        number += 1
    return f"{words} ({number})"


def _confirmed(
    written: Sequence[Suggestion], source: Source, read: Callable[[str], str | None], max_bytes: int
) -> tuple[tuple[Suggestion, ...], str, list[Item]]:
    """The examples that, read as text, come out and touch what they were written for."""
    kept, failed = list(written), list[Item]()
    while True:
        text = _appended(source.text, [suggestion.text for suggestion in kept])
        compiled = compile_ruleset(Source(source.name, text), read, max_bytes=max_bytes)
        if compiled.program is None or compiled.ruleset is None:
            return (), source.text, [suggestion.item for suggestion in written]
        by_title = {example.title: example for example in compiled.ruleset.examples}
        wrong = [item for item in kept if not _comes_out(compiled.program, by_title.get(item.title), item)]
        if not wrong:
            return tuple(kept), text, failed
        failed += [suggestion.item for suggestion in wrong]
        kept = [suggestion for suggestion in kept if suggestion not in wrong]


def _comes_out(program: Program, example: Example | None, suggestion: Suggestion) -> bool:
    if example is None or run_example(program, example).mismatches:
        return False
    return suggestion.keys <= touched(program, example).keys


def _appended(text: str, examples: Sequence[str]) -> str:
    if not examples:
        return text
    begins = text if text.endswith("\n") or not text else f"{text}\n"
    added = "".join(f"\n{example}" for example in examples)
    return begins + (added.replace("\n", "\r\n") if "\r\n" in text else added)

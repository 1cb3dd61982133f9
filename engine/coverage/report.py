"""The coverage of a ruleset: its items, which of them passing examples touch, and examples that touch no boundary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import groupby

from ...diagnostics import Diagnostic
from ..compiler.compile import Compiled
from ..compiler.model import Example
from ..examples import Outcome
from ..plan import Program
from .items import ROWS_LISTED_MAX, Item, Key, items_of, key_of, smallest
from .targets import BandEntered, BoundMet, OnceCharged, OnceSpared, OwnBoundMet, RowPriced, Side, StepMet, VersionUsed
from .touched import Touched, Walk, touched
from .words import bound_text, quantity_text, words_of


@dataclass(frozen=True, slots=True)
class RuleCoverage:
    """How much of a rule, in one version of a plan, examples touch."""

    plan: str
    since: date | None
    rule: str
    items: int
    missed: int


@dataclass(frozen=True, slots=True)
class LongTable:
    """How many rows of a long table price something in examples."""

    plan: str
    since: date | None
    charge: str
    rows: int
    priced: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the passing examples of a ruleset touch of what they could."""

    items: tuple[Item, ...]
    missed: tuple[Item, ...]
    rules: tuple[RuleCoverage, ...]
    tables: tuple[LongTable, ...]
    findings: tuple[Diagnostic, ...]

    @property
    def covered(self) -> int:
        return len(self.items) - len(self.missed)


def percent(covered: int, items: int) -> int:
    """Whole percent, rounded down: 100 means everything. Where there is nothing to touch, everything is touched."""
    return 100 if not items else covered * 100 // items


def cover(compiled: Compiled, outcomes: Sequence[Outcome]) -> Coverage | None:
    """The coverage of a ruleset by its examples that pass; None for one that does not compile.

    An example that fails, or that nobody has reviewed, holds no price and so covers nothing.
    """
    program, ruleset = compiled.program, compiled.ruleset
    if program is None or ruleset is None:
        return None
    seen = [(outcome.example, touched(program, outcome.example)) for outcome in outcomes if outcome.passed]
    keys = frozenset(key for _, item in seen for key in item.keys)
    items = items_of(program)
    missed = tuple(item for item in items if key_of(item) not in keys)
    allowed = any(allow.code == "RB5004" for allow in ruleset.allows)
    findings = () if allowed else tuple(_without_boundary(program, seen, frozenset(map(key_of, items))))
    tables = tuple(_long_tables(program, [item for _, item in seen]))
    return Coverage(items, missed, tuple(_rules(items, missed)), tables, findings)


def _rules(items: Sequence[Item], missed: Sequence[Item]) -> Iterator[RuleCoverage]:
    counts: dict[tuple[str, date | None, str], list[int]] = {}
    for number, group in enumerate((items, missed)):
        for item in group:
            counts.setdefault((item.plan, item.since, item.rule), [0, 0])[number] += 1
    yield from (RuleCoverage(*name, *count) for name, count in counts.items())


def _long_tables(program: Program, seen: Sequence[Touched]) -> Iterator[LongTable]:
    priced = {
        (walk.plan.name, walk.plan.start, walk.charge.name, walk.walked.row)
        for item in seen
        for walk in item.walks
        if walk.walked.quantity > 0
    }
    for versions in program.plans.values():
        for plan in versions:
            for charge in plan.charges:
                if len(charge.rows) > ROWS_LISTED_MAX:
                    count = sum(key[:3] == (plan.name, plan.start, charge.name) for key in priced)
                    yield LongTable(plan.name, plan.start, charge.name, len(charge.rows), count)


# Examples that touch no boundary


def _without_boundary(
    program: Program, seen: Sequence[tuple[Example, Touched]], known: frozenset[Key]
) -> Iterator[Diagnostic]:
    """Examples whose usage stands on ladders with bounds, far from all of them, and which alone show nothing else."""
    for example, item in seen:
        nearest = _nearest(item.walks)
        others = {key for other, found in seen if other is not example for key in found.keys}
        if nearest is None or any(_is_special(key) for key in (item.keys & known) - others):
            continue
        if any(isinstance(key[2], BoundMet) for key in item.keys):
            continue
        walk, band, bound = nearest
        charge = walk.charge
        at = bound_text(program, charge, walk.walked.row, band)
        gap = quantity_text(program, charge, abs(walk.position - bound))
        unit = smallest(program, charge)
        first = quantity_text(program, charge, bound + unit)
        yield Diagnostic(
            "RB5004",
            f"“{example.title}” touches no boundary",
            example.span,
            f"the nearest is {at} of {charge.name}, {gap} away",
            hints=(
                f"let {charge.name} come to {quantity_text(program, charge, bound)}, or to {first}, the first above",
                "`ratebook test --suggest` writes examples at the bounds",
            ),
            notes=(f"{charge.name} stands at {quantity_text(program, charge, walk.position)}",),
        )


def _is_special(key: Key) -> bool:
    """What an example may show instead of a boundary: anything but that a plan, row or version is used at all."""
    return not isinstance(key[2], VersionUsed | RowPriced)


def _nearest(walks: Sequence[Walk]) -> tuple[Walk, int, Fraction] | None:
    """The bound that some used quantity is nearest to, in proportion to itself; None where no ladder has bounds."""
    found: list[tuple[Fraction, int, int, Fraction]] = []
    for number, walk in enumerate(walks):
        if walk.walked.quantity <= 0:
            continue
        for index, band in enumerate(walk.walked.schedule.bands):
            if band.upper:
                bound = Fraction(band.upper, walk.walked.schedule.quantity_scale)
                found.append((abs(walk.position - bound) / bound, number, index, bound))
    if not found:
        return None
    _, number, index, bound = min(found)
    return walks[number], index, bound


# What is missing, in words


@dataclass(frozen=True, slots=True)
class Missing:
    """What no example shows, in words; the sides of one bound are said together."""

    item: Item
    text: str


_SIDES = {Side.BELOW: "just below", Side.AT: "exactly", Side.ABOVE: "just above"}


def missing(program: Program, items: Sequence[Item]) -> tuple[Missing, ...]:
    """Items in words, in their order; of a plan or row that is not used at all, only that."""
    found: list[Missing] = []
    unused = {(item.plan, item.since) for item in items if isinstance(item.target, VersionUsed)}
    idle = {
        (item.plan, item.since, item.target.charge, item.target.row)
        for item in items
        if isinstance(item.target, RowPriced)
    }
    shown = [item for item in items if not _is_implied(item, unused, idle)]
    for _, group in groupby(shown, _together):
        first, *others = group
        text = words_of(program, first).missing
        if others:
            sides = [_SIDES[one.target.side] for one in (first, *others) if isinstance(one.target, BoundMet)]
            text = text.replace(sides[0], f"{', '.join(sides[:-1])} and {sides[-1]}", 1).replace(
                " is never", " are never", 1
            )
        found.append(Missing(first, text))
    return tuple(found)


def _is_implied(item: Item, unused: set[tuple[str, date | None]], idle: set[tuple[str, date | None, str, int]]) -> bool:
    """Whether it goes without saying that an item is missing, because all of its plan or row is."""
    target = item.target
    if isinstance(target, VersionUsed):
        return False
    if (item.plan, item.since) in unused:
        return True
    match target:
        case BandEntered() | BoundMet() | OnceCharged() | OnceSpared() | StepMet() | OwnBoundMet():
            return (item.plan, item.since, target.charge, target.row) in idle
        case _:
            return False


def _together(item: Item) -> object:
    target = item.target
    bound = (target.charge, target.row, target.band) if isinstance(target, BoundMet) else target
    return item.plan, item.since, item.rule, bound

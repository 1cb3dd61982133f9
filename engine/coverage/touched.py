"""What an example exercises, seen from its statement, from the walks that priced it, and from the facts it was held to.

Nothing is guessed from what an example says: it is rated as usage is, and what happened is read off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from ...diagnostics import Diagnostic
from ..compiler.model import Example
from ..evaluators.in_force import plan_on
from ..evaluators.situation import Walked
from ..examples import rate_example
from ..plan import Charge, Plan, Program
from ..statement import Statement
from .happened import of_statement
from .items import Key, listed_row, smallest
from .targets import (
    BandEntered,
    BoundMet,
    CardMet,
    OnceCharged,
    OnceSpared,
    RowPriced,
    Side,
    StepMet,
    Target,
    UsageRefused,
    VersionUsed,
)


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk with the version of the plan that it belongs to."""

    plan: Plan
    charge: Charge
    walked: Walked

    @property
    def position(self) -> Fraction:
        """The quantity on the ladder, in the charge's unit."""
        return Fraction(self.walked.quantity, self.walked.schedule.quantity_scale)


@dataclass(frozen=True, slots=True)
class Touched:
    """What an example exercised: keys of items, and the walks that priced its quantities."""

    keys: frozenset[Key]
    result: Statement | Diagnostic
    walks: tuple[Walk, ...] = field(default=(), repr=False)


def touched(program: Program, example: Example) -> Touched:
    """What an example exercises. One that is refused exercises only what refused it."""
    heard: list[Walked] = []
    result = rate_example(program, example, heard.append)
    plan = _version(program, example, result)
    if plan is None:
        return Touched(frozenset(), result)
    # In a period in which prices change, other versions than the first price a part of the usage.
    versions = {
        (version.start, charge.name): (version, charge)
        for version in program.plans[plan.name]
        for charge in version.charges
    }
    walks = tuple(Walk(*versions[item.since, item.charge], item) for item in heard)
    if isinstance(result, Diagnostic):
        if result.code != "RB4002":
            return Touched(frozenset(), result, walks)
        keys = {_key(walk.plan, target) for walk in walks[-1:] for target in _refused(program, walk)}
    else:
        keys = {_key(walk.plan, target) for walk in walks for target in (VersionUsed(), *_of_walk(program, walk))}
        keys.update(_key(plan, target) for target in of_statement(program, plan, example, result))
    return Touched(frozenset({_key(plan, VersionUsed()), *keys}), result, walks)


def _key(plan: Plan, target: Target) -> Key:
    return ("", None, target) if isinstance(target, CardMet) else (plan.name, plan.start, target)


def _version(program: Program, example: Example, result: Statement | Diagnostic) -> Plan | None:
    if isinstance(result, Diagnostic):
        return plan_on(program, example.plan, max(example.start, example.period.start))
    return plan_on(program, example.plan, max(result.start.date(), example.start))


# Walks over bands


def _of_walk(program: Program, walk: Walk) -> Iterator[Target]:
    charge, walked = walk.charge, walk.walked
    name, row = charge.name, listed_row(charge, walked.row)
    used = False
    for piece in walked.slices:
        band = walked.schedule.bands[piece.band]
        if piece.size > 0 or piece.once:
            used = True
            yield BandEntered(name, row, piece.band)
        if piece.once:
            yield OnceCharged(name, row, piece.band)
        elif band.once and band.if_used and piece.size == 0 and walked.quantity == 0:
            yield OnceSpared(name, row, piece.band)
        if band.step is not None and piece.size > 0:
            yield StepMet(name, row, piece.band, whole=piece.steps * band.step == piece.size)
    if used and charge.columns:
        yield RowPriced(name, row)
    yield from _bounds_met(program, walk)


def _bounds_met(program: Program, walk: Walk) -> Iterator[Target]:
    charge, schedule = walk.charge, walk.walked.schedule
    unit, position = smallest(program, charge), walk.position
    for index, band in enumerate(schedule.bands):
        if band.upper is None:
            continue
        gap = position - Fraction(band.upper, schedule.quantity_scale)
        if abs(gap) <= unit:
            side = Side.AT if gap == 0 else Side.ABOVE if gap > 0 else Side.BELOW
            yield BoundMet(charge.name, listed_row(charge, walk.walked.row), index, side)


def _refused(program: Program, walk: Walk) -> Iterator[Target]:
    row = listed_row(walk.charge, walk.walked.row)
    for piece in walk.walked.slices:
        if walk.walked.schedule.bands[piece.band].refused and piece.size > 0:
            yield UsageRefused(walk.charge.name, row, piece.band)
            yield from _bounds_met(program, walk)
            return

"""What comes after policies, for a family: plan minimum, plan cap, taxes, rounding of the total.

The meaning is `evaluators.closing`. Cards, which come last, stand in `cards`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...records import Record
from ..condition import Comparison
from ..evaluators.proration import bound_step
from ..plan import BoundKind, PlanBound, Program, Tax
from ..statement import LineKind
from .allocation import allocate
from .bundle import refuse_shares
from .facts import StatementFacts, stands
from .family import Member
from .ledger import Fall, Info, Ledger, Slot, Target, info_of
from .number import (
    ZERO,
    Integer,
    Number,
    Truth,
    add,
    both,
    choose,
    compare,
    is_positive,
    least,
    literal,
    multiply,
    negated,
    not_below_zero,
    product_of,
    subtract,
)

# Bounds


@dataclass(slots=True)
class _Place:
    """A bound at its place in the order: that of each member which has it."""

    lines: tuple[str, ...]
    own: dict[int, PlanBound]


def apply_bounds(kind: BoundKind, program: Program, ledger: Ledger) -> None:
    """Put the lines of the plans' minimums or caps on the ledger."""
    for place in _places(kind, ledger.members):
        _apply_bound(kind, place, program, ledger)


def _places(kind: BoundKind, members: Sequence[Member]) -> list[_Place]:
    """The bounds of all members in an order that is that of each of them."""
    chains: list[list[_Place]] = []
    of_members = {
        number: [item for item in member.plan.bounds if item.kind is kind] for number, member in enumerate(members)
    }
    # Whoever has most goes first, so that what others have is found among theirs.
    for number, bounds in sorted(of_members.items(), key=lambda item: -len(item[1])):
        for chain in chains:
            fitting = _fitting(chain, bounds)
            if fitting is not None:
                break
        else:
            fitting = [_Place(item.lines, {}) for item in bounds]
            chains.append(fitting)
        for place, item in zip(fitting, bounds, strict=True):
            place.own[number] = item
    return [place for chain in chains for place in chain]


def _fitting(chain: Sequence[_Place], bounds: Sequence[PlanBound]) -> list[_Place] | None:
    """The places of bounds in a chain, in order; None where they do not all have one."""
    found: list[_Place] = []
    rest = iter(chain)
    for bound in bounds:
        place = next((item for item in rest if item.lines == bound.lines), None)
        if place is None:
            return None
        found.append(place)
    return found


def _apply_bound(kind: BoundKind, place: _Place, program: Program, ledger: Ledger) -> None:
    sheet = ledger.sheet
    low = kind is BoundKind.MINIMUM
    numbers = range(len(ledger.members))
    targets = ledger.targets_of(place.lines or None)
    base = ledger.left_sum(targets) if place.lines else ledger.total()
    limit = sheet.integers([_limit(place.own.get(number), ledger.members[number], program) for number in numbers])
    owned = sheet.truths([number in place.own for number in numbers])
    beyond = compare(base, Comparison.LESS if low else Comparison.GREATER, limit)
    present = sheet.let(both(owned, beyond), "p")
    if present.known is False:
        return
    # The gap is that of the limit to the sum, so that its sign is known where it counts.
    gap = not_below_zero(subtract(limit, base) if low else subtract(base, limit))
    size = sheet.let(choose(present, gap, ZERO), "bound")
    any_bound = next(iter(place.own.values()))
    infos = tuple(_bound_info(kind, place.own.get(number, any_bound)) for number in numbers)
    on = tuple((name, present) for name in place.lines)
    ledger.put(Slot(infos, present, size if low else negated(size), on=on))
    at = ledger.now

    def weights() -> tuple[Integer, ...]:
        return tuple(not_below_zero(ledger.left_of(target, at)) for target in targets)

    def have() -> Integer:
        return ledger.left_sum(targets, at, positive=True)

    ledger.fall(
        Fall(
            targets,
            lambda: size if low else least(size, have()),
            weights,
            lambda: is_positive(have()),
            takes=not low,
        )
    )


def _limit(bound: PlanBound | None, member: Member, program: Program) -> int:
    """A floor or ceiling as it stands for the covered days, in whole units; zero for a member that has none."""
    if bound is None:
        return 0
    return program.money.round(bound_step(bound.bound, member.situation).value, program.line_rounding)


def _bound_info(kind: BoundKind, bound: PlanBound) -> Info:
    line_kind = LineKind.MINIMUM if kind is BoundKind.MINIMUM else LineKind.CAP
    return Info(kind.value, line_kind, bound.labels.default, bound.bound.place, because=bound.bound.because)


# Taxes


class TaxShares(Record):
    """The taxes that are added: for each its targets, its amount (which may be below zero), and what they had left."""

    ledger: Ledger
    taxes: tuple[tuple[tuple[Target, ...], Integer], ...]
    at: int

    def of_lines(self) -> list[Integer]:
        """The share of every priced line in all of them, as taxes fall on what lines have left."""
        sheet = self.ledger.sheet
        shares: list[list[Integer]] = [[] for _ in self.ledger.priced]
        for targets, amount in self.taxes:
            refuse_shares(len(self.ledger.bundles_of(targets)), len(targets))
            weights = [not_below_zero(self.ledger.left_of(target, self.at)) for target in targets]
            below = compare(amount, Comparison.LESS, ZERO)
            size = sheet.let(not_below_zero(choose(below, negated(amount), amount)))
            for (index, _), part in zip(targets, allocate(sheet, size, weights), strict=True):
                shares[index].append(choose(below, negated(part), part))
        return [sheet.let(add(*own)) for own in shares]


def apply_taxes(program: Program, ledger: Ledger, facts: StatementFacts) -> TaxShares:
    """Put the tax lines on the ledger; the result tells each line's share of the taxes that are added."""
    base = ledger.total()
    added: list[tuple[tuple[Target, ...], Integer]] = []
    for taxes in zip(*(member.plan.taxes for member in ledger.members), strict=True):
        standing = _tax_stands(taxes, ledger, facts)
        if standing.known is not False:
            _apply_tax(taxes, standing, base, program, ledger, added)
    return TaxShares(ledger, tuple(added), ledger.now)


def _tax_stands(taxes: Sequence[Tax], ledger: Ledger, facts: StatementFacts) -> Truth:
    starts = [member.situation.days.start for member in ledger.members]
    dated = ledger.sheet.truths(
        [
            (tax.start is None or start >= tax.start) and (tax.end is None or start < tax.end)
            for tax, start in zip(taxes, starts, strict=True)
        ]
    )
    return stands(ledger, facts, [tax.when for tax in taxes], dated)


def _apply_tax(
    taxes: Sequence[Tax],
    standing: Truth,
    base: Integer,
    program: Program,
    ledger: Ledger,
    added: list[tuple[tuple[Target, ...], Integer]],
) -> None:
    sheet, tax = ledger.sheet, taxes[0]
    targets = ledger.targets_of(None if tax.targets.everything else tax.targets.names)
    if not tax.targets.everything:
        base = ledger.left_sum(targets)
    percents = [item.percent / (1 + item.percent) if item.included else item.percent for item in taxes]
    exact = product_of(Number(base), sheet.numbers(percents))
    amount = sheet.rounded(sheet.let(choose(standing, exact.top, ZERO)), exact.divisor, program.line_rounding)
    amount = sheet.let(amount, "tax")
    present = sheet.let(compare(amount, Comparison.IS_NOT, ZERO), "p")
    if present.known is False:
        return
    kind = LineKind.INCLUDED_TAX if tax.included else LineKind.TAX
    infos = tuple(info_of(item, kind) for item in taxes)
    ledger.put(Slot(infos, present, amount, on=ledger.on(targets)))
    if not tax.included:
        added.append((targets, amount))


# The total


def apply_total_rounding(program: Program, ledger: Ledger) -> None:
    """Put the line `rounding` on the ledger where the ruleset rounds its total."""
    rule, place = program.total_rounding, program.total_rounding_place
    if rule is None or place is None:
        return
    sheet, total = ledger.sheet, ledger.total()
    units = rule.size / program.money.size
    steps = sheet.round_number(Number(total), units, rule.mode)
    top = subtract(multiply(steps, literal(units.numerator)), multiply(total, literal(units.denominator)))
    amount = sheet.let(sheet.rounded(top, literal(units.denominator), program.line_rounding), "rounding")
    present = sheet.let(compare(amount, Comparison.IS_NOT, ZERO), "p")
    if present.known is False:
        return
    info = Info("rounding", LineKind.ROUNDING, "Rounding", place)
    ledger.put(Slot((info,) * len(ledger.members), present, amount))


def totals(ledger: Ledger) -> tuple[Integer, Integer]:
    """What the statement comes to, and what of it is due after prepaid cards."""
    total = ledger.total()
    prepaid = [slot.amount for slot in ledger.slots if slot.kind is LineKind.PREPAID]
    return total, ledger.sheet.let(add(total, *prepaid), "due")

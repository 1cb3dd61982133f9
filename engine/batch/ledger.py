"""The lines of a family's statements while their query is written, and what each has left as policies fall on it.

What lines have left is asked for lazily: a sum over lines that a policy fell on as a whole needs no share of any of
them, and a share that nothing asks for is not worked out. Every amount is a whole number of money units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from ...records import Record
from ..derivation import Place
from ..plan import Card, Charge, Fee, Policy, Tax
from ..statement import LineKind
from .allocation import allocate, moved_to_room
from .bundle import SHARED, Bundle, refuse_shares
from .family import Combination, Member
from .number import (
    ZERO,
    Integer,
    Number,
    Truth,
    UnfitError,
    add,
    choose,
    either,
    not_below_zero,
    subtract,
)
from .sheet import Sheet


class Info(Record):
    """What stands on a line whatever the usage: one for each member of the family."""

    id: str
    kind: LineKind
    label: str
    place: Place
    unit: str = ""
    because: str = ""
    by: tuple[tuple[str, str], ...] = ()
    on: tuple[str, ...] = ()


def info_of(rule: Fee | Policy | Tax | Card, kind: LineKind, unit: str = "") -> Info:
    """The constant part of the line of a rule that has one line."""
    return Info(rule.name, kind, rule.labels.default, rule.place, unit, rule.because)


class Portion(Record):
    """A part of a line's quantity at one unit price, as `slices.Portion`: `size` is zero where there is none of it."""

    size: Number
    unit_price: Number


class Slot(Record):
    """A line that a statement of the family may have, at its place in the order.

    `present` says whether it does; `amount` is in money units and zero where it is not present. `on` are the lines that
    it is about, by name, each under the condition that it counts.
    """

    infos: tuple[Info, ...]
    present: Truth
    amount: Integer
    quantity: Number | None = None
    on: tuple[tuple[str, Truth], ...] = ()
    bundle: Bundle | None = None
    """The lines that stand in this one's place, whose sum `amount` is."""

    @property
    def id(self) -> str:
        """The line's name, which is that of all members."""
        return self.infos[0].id

    @property
    def kind(self) -> LineKind:
        """The kind of line."""
        return self.infos[0].kind


class PricedSlot(Record):
    """A line of a charge or fee, with what later steps need to know of it."""

    slot: Slot
    charges: tuple[Charge, ...] | None = None
    combination: Combination | None = None
    portions: tuple[Portion, ...] | None = ()
    """None where they are not known to the query."""
    each: int | None = None
    """The number of the plan's charge, where it rates every event on its own."""


Target: TypeAlias = tuple[int, Truth]
"""A priced line by its index, and the condition under which it is a target."""


class Fall(Record):
    """An amount that falls on lines by weight, as `money.allocate` splits it; nothing falls where all weights are zero.

    Amount and weights are asked for only where something needs them. `size` is not below zero; `weights` are integers
    over one scale, none below zero, and zero for what is no target. With `takes` the lines have so much less, and
    `size` is no more than they have together. With `cut` a line bears no more than it has left, and the first ones that
    can bear the rest.
    """

    targets: tuple[Target, ...]
    size: Callable[[], Integer]
    weights: Callable[[], Sequence[Integer]]
    any_weight: Callable[[], Truth]
    takes: bool
    cut: bool = False


@dataclass(slots=True)
class Ledger:
    """The priced lines, all lines so far, and what has fallen on the priced ones. Mutable, while a query is written.

    `scalar` collects conditions under which a statement is left to the scalar evaluator (a missing attribute, a
    refusal).
    """

    sheet: Sheet
    members: tuple[Member, ...]
    priced: list[PricedSlot] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    amounts: dict[str, Integer] = field(default_factory=dict)
    """The sum of the lines of each charge and fee, for `amount of …`; a name that is missing is zero."""
    scalar: list[tuple[str, Truth]] = field(default_factory=list)
    payments: list[Integer] = field(default_factory=list)
    """What each prepaid card pays, by its place in the order of paying."""
    _falls: list[Fall] = field(default_factory=list)
    _moved: dict[int, Integer] = field(default_factory=dict)
    _left: dict[tuple[int, int], Integer] = field(default_factory=dict)
    _summed: tuple[int, Integer] = (0, ZERO)

    def refuse_where(self, reason: str, condition: Truth) -> None:
        """Leave statements to the scalar evaluator where a condition holds; the reason is told in summaries."""
        if condition.known is not False:
            self.scalar.append((reason, self.sheet.let(condition)))

    def put(self, slot: Slot) -> None:
        """Put a line on the statement."""
        self.slots.append(slot)

    def put_priced(self, item: PricedSlot) -> None:
        """Put the line of a charge or fee on the statement."""
        self.priced.append(item)
        self.slots.append(item.slot)
        name = item.slot.id
        self.amounts[name] = add(self.amounts.get(name, ZERO), item.slot.amount)

    def added(self) -> list[Slot]:
        """The lines that are part of the total."""
        return [slot for slot in self.slots if slot.kind not in (LineKind.PREPAID, LineKind.INCLUDED_TAX)]

    def total(self) -> Integer:
        """The sum of all lines so far that are part of the total."""
        count, known = self._summed
        added = self.added()
        if count < len(added):
            known = self.sheet.let(add(known, *(slot.amount for slot in added[count:])), "total")
            self._summed = (len(added), known)
        return known

    def targets_of(self, names: Sequence[str] | None) -> tuple[Target, ...]:
        """The priced lines of these names, in order; of all names for None."""
        return tuple(
            (index, item.slot.present)
            for index, item in enumerate(self.priced)
            if item.slot.present.known is not False and (names is None or item.slot.id in names)
        )

    def on(self, targets: Sequence[Target]) -> tuple[tuple[str, Truth], ...]:
        """The names of target lines, each under the condition that one of its lines is a target."""
        found: dict[str, list[Truth]] = {}
        for index, present in targets:
            found.setdefault(self.priced[index].slot.id, []).append(present)
        return tuple((name, either(*conditions)) for name, conditions in found.items())

    # What lines have left

    @property
    def now(self) -> int:
        """The present moment, as `left` takes it: how many amounts have fallen so far."""
        return len(self._falls)

    def fall(self, fall: Fall) -> None:
        """Let an amount fall on its targets."""
        if fall.targets:
            self._falls.append(fall)

    def left(self, index: int, at: int | None = None) -> Integer:
        """What a priced line has left at a moment (now by default), in money units; zero where it is not present."""
        at = self.now if at is None else at
        while at > 0 and all(target != index for target, _ in self._falls[at - 1].targets):
            at -= 1
        if at == 0:
            return self.priced[index].slot.amount
        if (index, at) not in self._left:
            self._share_out(at)
        return self._left[(index, at)]

    def left_of(self, target: Target, at: int | None = None) -> Integer:
        """What a target has left at a moment; zero where it is none."""
        index, present = target
        left = self.left(index, at)
        return left if self._is_own(target) else choose(present, left, ZERO)

    def left_sum(self, targets: Sequence[Target], at: int | None = None, *, positive: bool = False) -> Integer:
        """What targets have left together; with `positive` lines below zero count as nothing."""
        at = self.now if at is None else at
        if positive and not self.never_below(targets):
            if any(bundle.signed for bundle in self.bundles_of(targets)):
                raise UnfitError(SHARED)
            return self.sheet.let(add(*(not_below_zero(self.left_of(target, at)) for target in targets)))
        chosen = {index for index, _ in targets}
        while at > 0 and not any(index in chosen for index, _ in self._falls[at - 1].targets):
            at -= 1
        # What falls on these lines only changes their sum by its size, whatever their shares.
        within = at > 0 and all(index in chosen for index, _ in self._falls[at - 1].targets)
        if not within or not all(self._is_own(target) for target in targets):
            return self.sheet.let(add(*(self.left_of(target, at) for target in targets)))
        before, moved = self.left_sum(targets, at - 1), self._moved_by(at)
        after = subtract(before, moved) if self._falls[at - 1].takes else add(before, moved)
        if after.low < 0 and after.constant is None and self.never_below(targets):
            after = replace(after, low=0)
        return self.sheet.let(after)

    def never_below(self, targets: Sequence[Target]) -> bool:
        """Whether no target can be below zero: nothing takes more from a line than it has left."""
        return all(self.priced[index].slot.amount.low >= 0 for index, _ in targets) and not any(
            bundle.signed for bundle in self.bundles_of(targets)
        )

    def bundles_of(self, targets: Sequence[Target]) -> list[Bundle]:
        """The targets that stand for several lines."""
        found = (self.priced[index].slot.bundle for index, _ in targets)
        return [bundle for bundle in found if bundle is not None]

    def _is_own(self, target: Target) -> bool:
        """Whether a target counts wherever its line is present: elsewhere its amount is zero anyway."""
        index, present = target
        return present.known is True or present.sql == self.priced[index].slot.present.sql

    def _moved_by(self, at: int) -> Integer:
        """What falls in all at a moment: nothing where no weight is above zero."""
        if at not in self._moved:
            fall = self._falls[at - 1]
            self._moved[at] = self.sheet.let(choose(fall.any_weight(), fall.size(), ZERO))
        return self._moved[at]

    def _share_out(self, at: int) -> None:
        """Work out what each target of a fall has left after it."""
        fall = self._falls[at - 1]
        refuse_shares(len(self.bundles_of(fall.targets)), len(fall.targets))
        parts = allocate(self.sheet, fall.size(), fall.weights())
        if fall.cut:
            most = [not_below_zero(self.left_of(target, at - 1)) for target in fall.targets]
            parts = moved_to_room(self.sheet, parts, most)
        for target, part in zip(fall.targets, parts, strict=True):
            had = self.left(target[0], at - 1)
            after = subtract(had, part) if fall.takes else add(had, part)
            if fall.takes and after.constant is None:
                # A line that has nothing left keeps what it owes; others come to zero at the least.
                after = replace(after, low=min(had.low, 0), high=had.high)
            self._left[(target[0], at)] = self.sheet.let(after)

"""The lines of a family's statements while their query is written, and what each has left as policies fall on it.

What lines have left is asked for lazily: a sum over lines that a policy fell on as a whole needs no share of any of them,
and a share that nothing asks for is not worked out. Every amount is a whole number of money units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from ..derivation import Place
from ..plan import Charge
from ..statement import LineKind
from .family import Combination, Member
from .number import (
    ZERO,
    Integer,
    Number,
    Truth,
    add,
    both,
    choose,
    either,
    greatest,
    least,
    negated,
    not_below_zero,
    subtract,
)
from .sheet import Sheet


@dataclass(frozen=True, slots=True)
class Info:
    """What stands on a line whatever the usage: one for each member of the family."""

    id: str
    kind: LineKind
    label: str
    place: Place
    unit: str = ""
    because: str = ""
    by: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Portion:
    """A part of a line's quantity at one unit price, as `slices.Portion`: `size` may be zero."""

    size: Number
    unit_price: Number


@dataclass(frozen=True, slots=True)
class Slot:
    """A line that a statement of the family may have, at its place in the order.

    `present` says whether it does; `amount` is in money units and zero where it is not present. `on` are the lines that it
    is about, by name, each under the condition that it counts.
    """

    infos: tuple[Info, ...]
    present: Truth
    amount: Integer
    quantity: Number | None = None
    on: tuple[tuple[str, Truth], ...] = ()

    @property
    def id(self) -> str:
        """The line's name, which is that of all members."""
        return self.infos[0].id

    @property
    def kind(self) -> LineKind:
        """The kind of line."""
        return self.infos[0].kind


@dataclass(frozen=True, slots=True)
class PricedSlot:
    """A line of a charge or fee, with what later steps need to know of it."""

    slot: Slot
    charges: tuple[Charge, ...] | None = None
    combination: Combination | None = None
    portions: tuple[Portion, ...] | None = ()
    """None where they are not known to the query."""


Target: TypeAlias = tuple[int, Truth]
"""A priced line by its index, and the condition under which it is a target."""


@dataclass(frozen=True, slots=True)
class _Fall:
    """An amount that falls on lines by weight; `sign` is -1 where it is taken."""

    targets: tuple[Target, ...]
    size: Integer
    weights: Callable[[], tuple[Integer, ...]]
    any_weight: Truth
    sign: int
    cut: bool


@dataclass(slots=True)
class Ledger:
    """The priced lines, all lines so far, and what has fallen on the priced ones. Mutable, and only while a query is written.

    `scalar` collects conditions under which a statement is left to the scalar evaluator (a missing attribute, a refusal).
    """

    sheet: Sheet
    members: tuple[Member, ...]
    priced: list[PricedSlot] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    amounts: dict[str, Integer] = field(default_factory=dict)
    """The sum of the lines of each charge and fee, for `amount of …`; a name that is missing is zero."""
    scalar: list[tuple[str, Truth]] = field(default_factory=list)
    _falls: list[_Fall] = field(default_factory=list)
    _left: dict[tuple[int, int], Integer] = field(default_factory=dict)

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

    def targets_of(self, names: Sequence[str] | None) -> tuple[Target, ...]:
        """The priced lines of these names, in order; of all names for None."""
        return tuple(
            (index, item.slot.present)
            for index, item in enumerate(self.priced)
            if names is None or item.slot.id in names
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

    def left(self, index: int, at: int | None = None) -> Integer:
        """What a priced line has left at a moment (now by default), in money units; zero where it is not present."""
        at = self.now if at is None else at
        while at > 0 and all(target != index for target, _ in self._falls[at - 1].targets):
            at -= 1
        if at == 0:
            return self.priced[index].slot.amount
        known = self._left.get((index, at))
        if known is None:
            self._share_out(at)
            known = self._left[(index, at)]
        return known

    def left_sum(self, targets: Sequence[Target], at: int | None = None, *, positive: bool = False) -> Integer:
        """What targets have left together; with `positive` lines below zero count as nothing."""
        at = self.now if at is None else at
        chosen = {index: present for index, present in targets}
        never_below = all(self._never_below(index, at) for index in chosen)
        if positive and not never_below:
            return self.sheet.let(
                add(*(self._where(present, not_below_zero(self.left(index, at))) for index, present in targets))
            )
        whole = all(self._is_own(index, present) for index, present in targets)
        if whole and at > 0:
            fall = self._falls[at - 1]
            own = [index for index, _ in fall.targets if index in chosen]
            if not own:
                return self.left_sum(targets, at - 1)
            if len(own) == len(fall.targets):
                before = self.left_sum(targets, at - 1)
                moved = choose(fall.any_weight, fall.size, ZERO)
                after = add(before, moved if fall.sign > 0 else negated(moved))
                if never_below and after.low < 0:
                    after = replace(after, low=0)
                return self.sheet.let(after)
        return self.sheet.let(add(*(self._where(present, self.left(index, at)) for index, present in targets)))

    def _where(self, present: Truth, amount: Integer) -> Integer:
        return choose(present, amount, ZERO)

    def _is_own(self, index: int, present: Truth) -> bool:
        """Whether a target counts wherever its line is present: elsewhere its amount is zero anyway."""
        return present.known is True or present.sql == self.priced[index].slot.present.sql

    def _never_below(self, index: int, at: int) -> bool:
        """Whether a line cannot be below zero: nothing takes more than is left."""
        return self.priced[index].slot.amount.low >= 0 and all(
            fall.sign < 0 or fall.size.low >= 0
            for fall in self._falls[:at]
            if any(target == index for target, _ in fall.targets)
        )

    def fall(
        self,
        targets: Sequence[Target],
        size: Integer,
        weights: Callable[[], tuple[Integer, ...]],
        any_weight: Truth,
        *,
        takes: bool,
        cut: bool,
    ) -> None:
        """Let an amount (not below zero) fall on targets by weight, as `money.allocate`; nothing falls where no weight is above zero.

        `weights` (integers over one scale, none below zero) are asked for only where shares are. With `cut` a line bears
        no more than it has left, and the next ones that can bear the rest.
        """
        self._falls.append(_Fall(tuple(targets), size, weights, any_weight, -1 if takes else 1, cut))

    def _share_out(self, at: int) -> None:
        """Work out what each target of a fall has left after it."""
        fall = self._falls[at - 1]
        weights = tuple(
            self.sheet.let(choose(present, weight, ZERO))
            for (_, present), weight in zip(fall.targets, fall.weights(), strict=True)
        )
        parts = self.allocate(fall.size, weights)
        before = [self.left(index, at - 1) for index, _ in fall.targets]
        if fall.cut:
            parts = self._cut(parts, before)
        for (index, _), part, had in zip(fall.targets, parts, before, strict=True):
            after = add(had, part) if fall.sign > 0 else subtract(had, part)
            if fall.sign < 0 and self._never_below(index, at):
                after = replace(after, low=max(after.low, 0), high=had.high)
            self._left[(index, at)] = self.sheet.let(after)

    def _cut(self, parts: Sequence[Integer], left: Sequence[Integer]) -> list[Integer]:
        """As `policies._cut_to_left`: what a line cannot bear moves to the first lines that can."""
        sheet = self.sheet
        most = [sheet.let(not_below_zero(own)) for own in left]
        kept = [sheet.let(least(part, own)) for part, own in zip(parts, most, strict=True)]
        over = sheet.let(add(*(subtract(part, own) for part, own in zip(parts, kept, strict=True))))
        over = replace(over, low=0) if over.constant is None else over
        found = []
        for own, limit in zip(kept, most, strict=True):
            room = sheet.let(least(over, not_below_zero(subtract(limit, own))))
            found.append(sheet.let(add(own, room)))
            over = sheet.let(not_below_zero(subtract(over, room)))
        return found

    def allocate(self, size: Integer, weights: Sequence[Integer]) -> list[Integer]:
        """`money.allocate` of a size that is not below zero; all parts are zero where every weight is."""
        from ..condition import Comparison
        from .number import ONE, compare, counted, is_positive, literal, multiply

        sheet = self.sheet
        size = sheet.let(size)
        whole = sheet.let(add(*weights))
        divisor = sheet.let(greatest(whole, ONE))
        shares: list[Integer] = []
        rests: list[Integer] = []
        for weight in weights:
            part, rest = sheet.quotient(multiply(size, weight), divisor)
            # No part is more than the whole.
            part = part if part.high <= size.high else replace(part, high=size.high)
            shares.append(part)
            rests.append(rest)
        if len(weights) == 1:
            return [sheet.let(choose(is_positive(whole), size, ZERO))]
        missing = sheet.let(choose(is_positive(whole), not_below_zero(subtract(size, add(*shares))), ZERO))
        missing = missing if missing.constant is not None else replace(missing, high=min(missing.high, len(weights)))
        found = []
        for index, rest in enumerate(rests):
            earlier = [
                counted(compare(other, Comparison.GREATER if place > index else Comparison.GREATER_OR_EQUAL, rest))
                for place, other in enumerate(rests)
                if place != index
            ]
            rank = add(*earlier) if earlier else literal(0)
            extra = counted(both(compare(rank, Comparison.LESS, missing), is_positive(weights[index])))
            found.append(sheet.let(add(shares[index], extra)))
        return found

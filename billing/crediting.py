"""How a credit falls on the lines of an invoice and on their taxes: pure arithmetic.

Parts are taken of what is left of each line, so that credits one after another never take more of a line than it had,
and together come to the invoice exactly.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ..engine.statement import LineKind
from ..money import Rounding, allocate, round_ratio


@dataclass(frozen=True, slots=True)
class Creditable:
    """A line of an invoice: its amount less what was credited of it. Discounts are below zero."""

    line: int
    name: str
    kind: str
    left: int

    @property
    def is_tax(self) -> bool:
        """Whether it follows from other lines: a tax that was added."""
        return self.kind == LineKind.TAX.value


def in_scope(
    lines: Sequence[Creditable], chosen: Collection[int], taxed: Mapping[str, Collection[str]]
) -> dict[int, int]:
    """What can be credited of each line where these are chosen, all for none: the lines, and their share of taxes.

    `taxed` names the lines that a tax is about, none for all. Lines without a share are left out.
    """
    found: dict[int, int] = {}
    for line in lines:
        if not chosen or line.line in chosen:
            found[line.line] = line.left
        elif line.is_tax:
            about = taxed.get(line.name) or ()
            base = [item for item in lines if not item.is_tax and (not about or item.name in about)]
            whole = sum(item.left for item in base)
            own = sum(item.left for item in base if item.line in chosen)
            if whole > 0:
                found[line.line] = round_ratio(line.left * min(max(own, 0), whole), whole, Rounding.HALF_EVEN)
    return {line: left for line, left in found.items() if left}


def parts_of(amount: int, scope: Mapping[int, int]) -> dict[int, int]:
    """An amount split over what is left of lines: the parts add up to it, and none is more than its line has left.

    The amount is above zero and not more than the scope comes to. Charges and discounts are split apart, each by
    largest remainder, so that a discount goes back with what it was given on.
    """
    up = {line: left for line, left in scope.items() if left > 0}
    down = {line: -left for line, left in scope.items() if left < 0}
    whole = sum(up.values()) - sum(down.values())
    if not 0 < amount <= whole:
        raise ValueError(f"{amount} is not between zero and the {whole} that are left")
    taken_back = round_ratio(amount * sum(down.values()), whole, Rounding.HALF_EVEN)
    given = dict(zip(up, allocate(amount + taken_back, list(up.values())), strict=True))
    if down:
        given |= dict(zip(down, (-part for part in allocate(taken_back, list(down.values()))), strict=True))
    return {line: part for line, part in sorted(given.items()) if part}


def share_of(left: int, amount: int, whole: int) -> int:
    """The share of an included tax that goes back with an amount out of the whole that is left; all of it with all."""
    return round_ratio(left * amount, whole, Rounding.HALF_EVEN)

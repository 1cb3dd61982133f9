"""`100 GB of egress free`: what so many units of the target lines cost, the dearest first."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from ..condition import Comparison
from .allocation import running_sums
from .ledger import Ledger, Portion, Target
from .number import (
    ZERO,
    Integer,
    Number,
    Truth,
    UnfitError,
    add,
    aligned,
    both,
    choose,
    compare_numbers,
    fraction,
    is_positive,
    least,
    not_below_zero,
    product_of,
    subtract,
    sum_of,
)
from .sheet import Sheet

RANKED_MAX: Final = 40
"""Up to so many prices are ranked pair by pair, where their order differs between statements."""


def free_units(
    ledger: Ledger, targets: Sequence[Target], quantity: Number, money_size: Fraction
) -> tuple[tuple[Number, ...], Truth]:
    """For each target what its free units cost, in units of money; and whether there is a unit to be free.

    Raises `UnfitError` where unit prices are not known to the query, or are too many to be ranked.
    """
    sheet = ledger.sheet
    portions: list[Portion] = []
    owners: list[int] = []
    for place, (index, present) in enumerate(targets):
        known = ledger.priced[index].portions
        if known is None:
            raise UnfitError("units that are free on lines whose units have no price of their own")
        for portion in known:
            if portion.unit_price.top.low < 0:
                raise UnfitError("units that are free where a price is below zero")
            size = Number(choose(present, portion.size.top, ZERO), portion.size.scale, portion.size.under)
            if size.top.constant != 0:
                portions.append(Portion(size, portion.unit_price))
                owners.append(place)
    if not portions:
        return tuple(fraction(0) for _ in targets), both(is_positive(ZERO))
    (most, *tops), scale, under = aligned(quantity, *(portion.size for portion in portions))
    sizes = [sheet.let(top) for top in tops]
    taken = [
        Number(sheet.let(least(size, not_below_zero(subtract(most, before)))), scale, under)
        for size, before in zip(sizes, _before(sheet, portions, sizes), strict=True)
    ]
    costs: list[list[Number]] = [[] for _ in targets]
    for place, portion, size in zip(owners, portions, taken, strict=True):
        costs[place].append(product_of(size, product_of(portion.unit_price, fraction(1 / money_size))))
    some = both(is_positive(most), is_positive(sheet.let(add(*sizes))))
    return tuple(sheet.let_number(sum_of(*own)) for own in costs), some


def _before(sheet: Sheet, portions: Sequence[Portion], sizes: Sequence[Integer]) -> list[Integer]:
    """For each portion how much is dearer than it; of the same price, how much comes before it."""
    prices = [_prices(sheet, portion.unit_price) for portion in portions]
    known = [own for own in prices if own is not None]
    if len(known) == len(prices):
        orders = {tuple(_dearest_first([own[member] for own in known])) for member in range(sheet.size)}
        if len(orders) == 1:
            (order,) = orders
            sums = running_sums(sheet, [sizes[place] for place in order])
            return [sums[order.index(place)] for place in range(len(sizes))]
    if len(portions) > RANKED_MAX:
        raise UnfitError("units that are free among too many prices whose order differs")
    return [
        sheet.let(
            add(
                *(
                    choose(_is_dearer(sheet, portions, prices, other, place), size, ZERO)
                    for other, size in enumerate(sizes)
                    if other != place
                )
            )
        )
        for place in range(len(sizes))
    ]


def _dearest_first(prices: Sequence[Fraction]) -> list[int]:
    return sorted(range(len(prices)), key=lambda place: -prices[place])


def _prices(sheet: Sheet, price: Number) -> tuple[Fraction, ...] | None:
    """The price in each member, where it does not depend on the row."""
    values = None if price.under is not None else sheet.values_of(price.top)
    return None if values is None else tuple(Fraction(value, price.scale) for value in values)


def _is_dearer(
    sheet: Sheet,
    portions: Sequence[Portion],
    prices: Sequence[tuple[Fraction, ...] | None],
    other: int,
    place: int,
) -> Truth:
    """Whether another portion is taken before this one."""
    one, own = prices[other], prices[place]
    if one is not None and own is not None:
        pairs = zip(one, own, strict=True)
        return sheet.truths([left > right or (left == right and other < place) for left, right in pairs])
    sign = Comparison.GREATER_OR_EQUAL if other < place else Comparison.GREATER
    return compare_numbers(portions[other].unit_price, sign, portions[place].unit_price)

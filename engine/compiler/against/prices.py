"""What changed in the prices of a charge: bands of matched rows, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from ....money import MoneyUnit
from ....records import Record
from ...quantity import Unit, convertible
from ...schedule import DependsOn
from ..model import Band, Charge, Price, Row
from .comparison import Change, Kind
from .meaning import same
from .rows import RowPair
from .wording import money_text, price_text, quantity_text, range_text, rate_words

_PLACES_MAX = 3


class Priced(Record):
    """The prices of one stretch of usage before and now; None where there was, or is, no price.

    `usage` says the stretch in words, empty for all usage; `low` and `high` are its ends (0 and None where widths
    depend). `where` and `count` are the rows, `pair` one of them.
    """

    old: Price | None
    new: Price | None
    usage: str
    low: Fraction
    high: Fraction | None
    where: str
    count: int
    pair: RowPair


def in_unit(charge: Charge, unit: Unit | None) -> Charge:
    """The charge with its prices for another unit of the same kind; texts stay as they are written."""
    if unit is None or charge.unit is None or charge.unit == unit or not convertible(charge.unit, unit):
        return charge
    factor = charge.unit.scale / unit.scale
    if factor == 1:
        return charge
    rows = tuple(replace(row, bands=tuple(_rescaled(band, factor) for band in row.bands)) for row in charge.rows)
    return replace(charge, unit=unit, unit_text=unit.name, rows=rows)


def _rescaled(band: Band, factor: Fraction) -> Band:
    price = band.price
    step = price.step
    price = replace(price, rate=price.rate / factor) if step is None else replace(price, step=step * factor)
    return replace(band, upper=None if band.upper is None else band.upper * factor, price=price)


def priced_stretches(new: Charge, pairs: Sequence[RowPair], money: MoneyUnit) -> tuple[Priced, ...]:
    """Every stretch of usage whose price changed, equal changes of several rows taken together."""
    found: dict[object, Priced] = {}
    for pair in pairs:
        for item in _stretches(new, pair, money):
            key = (item.usage, _key(item.old), _key(item.new))
            known = found.get(key)
            found[key] = item if known is None else _merged(known, item)
    return tuple(found.values())


def _key(price: Price | None) -> object:
    return None if price is None else (price.rate, price.step, price.once, price.if_used, price.refused, price.text)


def _merged(left: Priced, right: Priced) -> Priced:
    places = left.where.split("; ")
    where = left.where
    if len(places) < _PLACES_MAX:
        where = f"{left.where}; {right.where}"
    elif not left.where.endswith("; …"):
        where = f"{left.where}; …"
    return replace(left, where=where, count=left.count + right.count)


def _stretches(charge: Charge, pair: RowPair, money: MoneyUnit) -> Iterator[Priced]:
    if pair.old is None or pair.new is None:
        row = pair.new or pair.old
        assert row is not None, "a pair has a row"
        for band in row.bands:
            old, new = (None, band.price) if pair.old is None else (band.price, None)
            yield Priced(old, new, _head(row, band), Fraction(0), band.upper, pair.where, pair.count, pair)
        return
    if _shape(pair.old) == _shape(pair.new):
        low = Fraction(0)
        for before, after in zip(pair.old.bands, pair.new.bands, strict=True):
            if not same(before.price, after.price):
                depends = _depends(pair.new)
                usage = after.head if depends else _usage(charge, pair.new, low, after, money)
                yield Priced(before.price, after.price, usage, low, after.upper, pair.where, pair.count, pair)
            low = after.upper if after.upper is not None else low
        return
    if _depends(pair.old) or _depends(pair.new):
        for before, after in zip(pair.old.bands, pair.new.bands, strict=False):
            yield Priced(before.price, after.price, after.head, Fraction(0), None, pair.where, pair.count, pair)
        return
    yield from _cut(charge, pair.old, pair.new, pair, money)


def _depends(row: Row) -> bool:
    """Whether the bounds of a row are known only for an account and a period."""
    return any(band.width_per is not None or band.prorated for band in row.bands)


def _shape(row: Row) -> tuple[tuple[Fraction | None, bool, DependsOn | None, bool], ...]:
    return tuple((band.upper, band.inclusive, band.width_per, band.prorated) for band in row.bands)


def _head(row: Row, band: Band) -> str:
    return band.head if len(row.bands) > 1 else ""


def _usage(charge: Charge, row: Row, low: Fraction, band: Band, money: MoneyUnit) -> str:
    previous = next((item for item in row.bands if item.upper == low), None)
    return range_text(
        low,
        band.upper,
        charge.unit_text,
        money if is_money(charge) else None,
        low_included=previous is not None and not previous.inclusive,
        high_included=band.inclusive,
    )


def is_money(charge: Charge) -> bool:
    """Whether what is priced is money."""
    return charge.unit is None and any("%" in band.price.text for row in charge.rows for band in row.bands)


def _cut(charge: Charge, old: Row, new: Row, pair: RowPair, money: MoneyUnit) -> Iterator[Priced]:
    """The stretches between the bounds of both ladders, neighbours that changed alike as one."""
    bounds = sorted({band.upper for row in (old, new) for band in row.bands if band.upper is not None})
    edges: list[Fraction | None] = [Fraction(0), *bounds, None]
    run: list[tuple[Fraction, Fraction | None, Price, Price]] = []
    for low, high in pairwise(edges):
        assert low is not None, "only the last edge is open"
        before, after = _band_above(old, low), _band_above(new, low)
        if run and same((run[-1][2], run[-1][3]), (before.price, after.price)):
            run[-1] = (run[-1][0], high, before.price, after.price)
        else:
            run.append((low, high, before.price, after.price))
    for low, high, earlier, later in run:
        if not same(earlier, later):
            closing = next((band for row in (new, old) for band in row.bands if band.upper == high), None)
            usage = range_text(
                low,
                high,
                charge.unit_text,
                money if is_money(charge) else None,
                high_included=closing is None or closing.inclusive,
            )
            yield Priced(earlier, later, usage, low, high, pair.where, pair.count, pair)


def _band_above(row: Row, low: Fraction) -> Band:
    return next(band for band in row.bands if band.upper is None or band.upper > low)


def change_of(item: Priced, charge: Charge, plan: str, money: MoneyUnit) -> Change:
    """The change in business words."""
    kind = Kind.CHANGED
    if item.old is None:
        kind = Kind.ADDED
    elif item.new is None:
        kind = Kind.REMOVED
    difference, share = _difference(item, charge, money)
    return Change(
        kind,
        "price",
        charge.name,
        plan,
        item.where,
        item.count,
        item.usage,
        price_text(item.old) if item.old is not None else "",
        price_text(item.new) if item.new is not None else "",
        difference,
        share,
        item.old.span if item.old is not None else None,
        item.new.span if item.new is not None else None,
    )


def _difference(item: Priced, charge: Charge, money: MoneyUnit) -> tuple[str, Fraction | None]:
    """`+$0.005 per GB` and the relative change, where both prices are of one kind."""
    old, new = item.old, item.new
    if old is None or new is None or old.refused or new.refused:
        return "", None
    if old.step != new.step and old.rate and new.rate:
        return _of_blocks(old, new, charge, money)
    parts = []
    share = None
    if old.rate != new.rate:
        parts.append(_rate_difference(old, new, charge, money))
        share = new.rate / old.rate - 1 if old.rate > 0 else None
    if old.once != new.once:
        words = " once" if old.rate or new.rate else ""
        parts.append(f"{money_text(new.once - old.once, money, signed=True)}{words}")
        if share is None and old.rate == new.rate and old.once > 0:
            share = new.once / old.once - 1
    return ", ".join(parts), share


def _of_blocks(old: Price, new: Price, charge: Charge, money: MoneyUnit) -> tuple[str, Fraction | None]:
    """Prices for blocks of different sizes, compared for each unit."""
    before = old.rate if old.step is None else old.rate / old.step
    after = new.rate if new.step is None else new.rate / new.step
    if before == after:
        return "other blocks, the same where they are whole", None
    per = f"per {charge.unit_text}" if charge.unit_text else "each"
    words = f"{money_text(after - before, money, signed=True)} {per} in whole blocks"
    return words, after / before - 1 if before > 0 else None


def _rate_difference(old: Price, new: Price, charge: Charge, money: MoneyUnit) -> str:
    gap = new.rate - old.rate
    if is_money(charge):
        points = gap * 100
        return f"{'-' if points < 0 else '+'}{quantity_text(abs(points), '')} percentage points"
    (block, words), (new_block, new_words) = rate_words(old), rate_words(new)
    if not words or not old.rate:
        block, words = new_block, new_words
    if old.rate and new.rate and (block != new_block or words != new_words):
        block, words = Fraction(1), f" per {charge.unit_text}" if charge.unit_text else " each"
    return f"{money_text(gap * block, money, signed=True)}{words}"

"""In which ranges the same usage costs more or less: the exact difference of two price functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from .comparison import UsageRange, Verdict
from .functions import PriceFunction, Stretch, line, stretches


@dataclass(frozen=True, slots=True)
class _Piece:
    """A point or an open stretch on which the difference is a line and keeps its sign."""

    low: Fraction
    high: Fraction | None
    verdict: Verdict
    old_low: Fraction = Fraction(0)
    new_low: Fraction = Fraction(0)
    old_slope: Fraction = Fraction(0)
    new_slope: Fraction = Fraction(0)

    @property
    def is_point(self) -> bool:
        return self.high == self.low

    @property
    def slope(self) -> Fraction:
        return self.new_slope - self.old_slope

    @property
    def at_low(self) -> Fraction:
        return self.new_low - self.old_low

    def amounts(self, quantity: Fraction) -> tuple[Fraction, Fraction]:
        """The old and the new amount, in the limit where the piece does not hold the quantity."""
        far = quantity - self.low
        return self.old_low + self.old_slope * far, self.new_low + self.new_slope * far


def usage_ranges(old: PriceFunction, new: PriceFunction) -> tuple[UsageRange, ...]:
    """The ranges from zero on, each with one verdict, in rising order; they cover every quantity once.

    That no usage costs what it did is left out where the least usage costs something else.
    """
    found: list[UsageRange] = []
    for piece in _pieces(old, new):
        item = _range(piece)
        if found and found[-1].verdict is item.verdict:
            found[-1] = _joined(found[-1], item)
        else:
            found.append(item)
    if len(found) > 1 and found[0].high == 0 and found[0].verdict is Verdict.SAME:
        return tuple(found[1:])
    return tuple(found)


def differs(ranges: Iterable[UsageRange]) -> bool:
    """Whether any usage costs something else."""
    return any(item.verdict is not Verdict.SAME for item in ranges)


def _pieces(old: PriceFunction, new: PriceFunction) -> Iterator[_Piece]:
    for stretch in stretches((*old.turns, *new.turns)):
        yield _point(old, new, stretch.low)
        yield from _split(old, new, stretch)


def _point(old: PriceFunction, new: PriceFunction, quantity: Fraction) -> _Piece:
    before, after = old.at(quantity), new.at(quantity)
    if before is None or after is None:
        return _Piece(quantity, quantity, _refused(before, after))
    return _Piece(quantity, quantity, _verdict(after - before), before, after)


def _refused(before: object, after: object) -> Verdict:
    if before is None and after is None:
        return Verdict.SAME
    return Verdict.PRICED if before is None else Verdict.REFUSED


def _verdict(difference: Fraction) -> Verdict:
    if difference == 0:
        return Verdict.SAME
    return Verdict.DEARER if difference > 0 else Verdict.CHEAPER


def _split(old: PriceFunction, new: PriceFunction, stretch: Stretch) -> Iterator[_Piece]:
    """The stretch, cut where the difference changes its sign."""
    before, after = line(old.at, stretch), line(new.at, stretch)
    if before is None or after is None:
        yield _Piece(stretch.low, stretch.high, _refused(before, after))
        return
    whole = _Piece(stretch.low, stretch.high, Verdict.SAME, before.at_low, after.at_low, before.slope, after.slope)
    crossing = stretch.low - whole.at_low / whole.slope if whole.slope else None
    if crossing is None or crossing <= stretch.low or (stretch.high is not None and crossing >= stretch.high):
        yield replace(whole, verdict=_verdict(whole.at_low or whole.slope))
        return
    old_there, new_there = whole.amounts(crossing)
    yield replace(whole, high=crossing, verdict=_verdict(whole.at_low))
    yield _Piece(crossing, crossing, Verdict.SAME, old_there, new_there)
    yield _Piece(crossing, stretch.high, _verdict(whole.slope), old_there, new_there, whole.old_slope, whole.new_slope)


def _range(piece: _Piece) -> UsageRange:
    point = piece.is_point
    at_high = None
    most_at = piece.low
    if piece.high is not None:
        at_high = piece.at_low + piece.slope * (piece.high - piece.low)
        if abs(at_high) > abs(piece.at_low):
            most_at = piece.high
    old, new = piece.amounts(most_at)
    return UsageRange(
        low=piece.low,
        low_included=point,
        high=piece.high,
        high_included=point,
        verdict=piece.verdict,
        at_low=piece.at_low,
        at_high=at_high,
        slope=piece.slope if piece.high is None else Fraction(0),
        most=new - old,
        most_at=most_at,
        most_included=point,
        most_old=old,
        most_new=new,
    )


def _joined(left: UsageRange, right: UsageRange) -> UsageRange:
    """Two neighbouring ranges of one verdict as one."""
    larger = left
    if abs(right.most) > abs(left.most):
        larger = right
    elif right.most == left.most and right.most_included and not left.most_included:
        # The same amount, and one of the two reaches it.
        larger = right
    return replace(
        left,
        high=right.high,
        high_included=right.high_included,
        at_high=right.at_high,
        slope=right.slope,
        most=larger.most,
        most_at=larger.most_at,
        most_included=larger.most_included,
        most_old=larger.most_old,
        most_new=larger.most_new,
    )

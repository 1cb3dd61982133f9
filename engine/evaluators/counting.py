"""Ladders that run over several bills: what stands on them already, and which year a part of a period belongs to.

What earlier bills priced is read again from usage, never from statements, so that a bill can be made again at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from ..dispatch import Key
from ..period import YEARLY, Billing, DateRange, billing_period
from ..plan import Charge, CountedPer, OfMeter
from .included import allowances, earlier, part_of, priced_quantity
from .situation import Group, Readings, Situation

NOTHING = Fraction(0)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a billing period on one ladder: for each combination, in order, what is priced and what went before.

    `entered` says that a combination has had a line on this ladder before, so that its foot is entered already. `year`
    is None where the ladder is the period's own. `pooled_before` and `pooled_entered` are of all combinations that ever
    stood on the ladder.
    """

    days: DateRange
    sizes: tuple[Fraction, ...]
    before: tuple[Fraction, ...]
    entered: tuple[bool, ...]
    year: DateRange | None = None
    pooled_before: Fraction = NOTHING
    pooled_entered: bool = False

    @property
    def dates(self) -> str:
        """Its first and last day, in words."""
        return f"{self.days.start} to {self.days.end - timedelta(days=1)}"


def sections_of(
    charge: Charge, situation: Situation, groups: Sequence[Group], sizes: Sequence[Fraction]
) -> list[Section]:
    """The parts of a period that have a ladder of their own; the sizes of each combination are split over them.

    Where a year ends inside the period, usage is split at that instant; what is included comes off the earlier part
    first. A meter that does not add up belongs whole to the year in which the period begins.
    """
    nothing, new = tuple(NOTHING for _ in sizes), tuple(False for _ in sizes)
    if charge.counted is None:
        return [Section(situation.covered_days, tuple(sizes), nothing, new)]
    found: list[Section] = []
    for days, own in _by_year(charge, situation, groups, sizes):
        year = counting_year(charge.counted, situation.subscription.start, days.start)
        if found:
            found.append(Section(days, own, nothing, new, year))
            continue
        before = _before(charge, situation, year)
        found.append(
            Section(
                days,
                own,
                tuple(before.get(group.key, NOTHING) for group in groups),
                tuple(group.key in before for group in groups),
                year,
                sum(before.values(), NOTHING),
                bool(before),
            )
        )
    return found


def counting_year(counted: CountedPer, start: date, day: date) -> DateRange:
    """The year of a ladder that holds a day, of a subscription that starts on `start`."""
    return billing_period(Billing(YEARLY, anchored=counted is CountedPer.YEAR_FROM_START), day, start)


def _by_year(
    charge: Charge, situation: Situation, groups: Sequence[Group], sizes: Sequence[Fraction]
) -> list[tuple[DateRange, tuple[Fraction, ...]]]:
    """The parts of a period by year, and what each combination has to be priced in each."""
    assert charge.counted is not None and isinstance(charge.source, OfMeter)
    meter = situation.program.meters[charge.source.meter]
    covered = situation.covered_days
    year = counting_year(charge.counted, situation.subscription.start, covered.start)
    if year.end >= covered.end or not meter.adds_up:
        return [(covered, tuple(sizes))]
    # The quantity of a period is rounded once, so that the last part is what the others leave of it.
    left = [max(group.metered.value, NOTHING) for group in groups]
    freed = [whole - size for whole, size in zip(left, sizes, strict=True)]
    found: list[tuple[DateRange, tuple[Fraction, ...]]] = []
    begins = covered.start
    while begins < covered.end:
        part = DateRange(begins, min(year.end, covered.end))
        own = list(left)
        if part.end < covered.end:
            read = {
                group.key: group.metered.value for group in Readings(part_of(situation, part)).groups(charge, meter)
            }
            own = [min(max(read.get(group.key, NOTHING), NOTHING), left[at]) for at, group in enumerate(groups)]
        taken = [min(free, size) for free, size in zip(freed, own, strict=True)]
        left = [whole - size for whole, size in zip(left, own, strict=True)]
        freed = [free - used for free, used in zip(freed, taken, strict=True)]
        found.append((part, tuple(size - used for size, used in zip(own, taken, strict=True))))
        begins = part.end
        year = counting_year(charge.counted, situation.subscription.start, begins)
    return found


def _before(charge: Charge, situation: Situation, year: DateRange) -> dict[Key, Fraction]:
    """What the combinations have on the ladder of a year when the period begins; one without a line yet has no entry.

    Included units came off it as on the bills of then, by the words of the plan's present version.
    """
    assert charge.counted is not None and isinstance(charge.source, OfMeter)
    found: dict[Key, Fraction] = {}
    for cut in earlier(situation, charge.source.meter, year.start):
        days = cut.days.overlap(DateRange(situation.subscription.start, situation.covered_days.start))
        assert days is not None, "an earlier period is covered in part at least"
        whole = part_of(situation, days, cut.days)
        groups, sizes = _priced_then(charge, whole)
        parts = _by_year(charge, whole, groups, sizes)
        for part, own in parts:
            if counting_year(charge.counted, situation.subscription.start, part.start) != year:
                continue
            for group, size in zip(groups, own, strict=True):
                if size > 0 or len(parts) == 1 or not charge.columns:
                    found[group.key] = found.get(group.key, NOTHING) + size
    return found


def _priced_then(charge: Charge, situation: Situation) -> tuple[list[Group], list[Fraction]]:
    """What a charge had to price in an earlier period: its quantities less what was included then."""
    assert isinstance(charge.source, OfMeter)
    # Other meters' terms would be read over again for each earlier period, and free nothing here.
    readings, held = Readings(situation), allowances(situation, charge.source.meter)
    meter = situation.program.meters[charge.source.meter]
    for other in situation.plan.charges:
        if isinstance(other.source, OfMeter) and other.source.meter == meter.name:
            groups = readings.groups(other, meter)
            sizes = [priced_quantity(other, group.metered, held).value for group in groups]
            if other.name == charge.name:
                return groups, sizes
    raise AssertionError("a charge is one of its plan's")

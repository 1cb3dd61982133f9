"""Buckets: the quantities that statements are priced from, each the reading of a meter over some of its events.

A bucket is asked for while a plan is read and filled by one scan over usage, together with all others. What a scan
found comes back as a `Metered`: exact numbers with the bounds that were measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import TypeAlias

from ...records import Record
from ..plan import Meter
from .family import Part
from .number import Number, Truth, UnfitError, fraction, product_of, sum_of
from .sheet import Sheet

Cases: TypeAlias = tuple[tuple[Part, ...], ...]
"""Alternatives of conditions on an event that all hold; one empty alternative is every event."""

EVERYTHING: Cases = ((),)


class Bucket(Record):
    """What a meter reads over the events of one of these cases, in the covered days of a statement."""

    meter: str
    cases: Cases = EVERYTHING
    window: str | None = None
    """Only what lies in this window, for the share of a line that an offer is about."""


class Filled(Record):
    """What a scan found for a bucket: the aggregate in the field's own unit, what was metered elsewhere in the meter's
    unit, and whether there was anything."""

    samples: Number
    given: Number
    used: Truth


class Metered(Record):
    """All buckets of a run as columns of one table."""

    filled: Mapping[Bucket, Filled]
    unfit: Mapping[Bucket, str] = field(default_factory=dict)
    """Why no query fills a bucket."""

    def limited(self, largest: int) -> Limited:
        """The same with no aggregate or quantity beyond so much; the conditions find the rows that have one."""
        filled: dict[Bucket, Filled] = {}
        conditions: dict[str, None] = {}
        for bucket, found in self.filled.items():
            samples, given = (_within(number, largest, conditions) for number in (found.samples, found.given))
            filled[bucket] = Filled(samples, given, found.used)
        return Limited(Metered(filled, self.unfit), tuple(conditions))

    def raw(self, meter: Meter, bucket: Bucket) -> tuple[Number, Truth]:
        """The quantity in the meter's unit before it is rounded, and whether there was usage."""
        if bucket in self.unfit:
            raise UnfitError(self.unfit[bucket])
        found = self.filled[bucket]
        return sum_of(product_of(found.samples, fraction(meter.factor)), found.given), found.used

    def quantity(self, sheet: Sheet, meter: Meter, bucket: Bucket) -> tuple[Number, Truth]:
        """The quantity that the meter reads, and whether there was usage."""
        value, used = self.raw(meter, bucket)
        if meter.rounding is not None:
            size = meter.rounding.size
            steps = sheet.round_number(value, size, meter.rounding.mode)
            value = product_of(Number(steps), fraction(size))
        return sheet.let_number(value), used


class Limited(Record):
    """Buckets without very large numbers, and the conditions on rows that have some."""

    metered: Metered
    conditions: tuple[str, ...]


def _within(number: Number, largest: int, conditions: dict[str, None]) -> Number:
    top, most = number.top, largest * number.scale
    if top.size_max <= most or top.constant is not None:
        return number
    conditions[f"{top.sql} > {most} OR {top.sql} < {-most}"] = None
    return replace(number, top=replace(top, low=max(top.low, -most), high=min(top.high, most)))

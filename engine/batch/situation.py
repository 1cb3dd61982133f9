"""What a family's charges are priced from, while its query is written: quantities, facts, and lines so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from ...records import Record
from ..plan import Charge, OfMeter, Program
from .buckets import EVERYTHING, Bucket, Metered
from .bundle import SHARED, Bundle
from .each_keys import EachKey, EachQuantity, EachShare
from .facts import StatementFacts
from .family import Combination, Member
from .history import HistoryKey
from .ledger import Ledger
from .number import (
    Number,
    Truth,
    UnfitError,
)
from .sheet import Sheet
from .time_order import Turns


@dataclass(slots=True)
class Allowance:
    """What is left of an included quantity while the charges of a statement use it up."""

    meter: str
    left: Number


class Group(Record):
    """The quantity of one line: the row that prices it in each member, as metered, and whether there was usage."""

    combination: Combination
    rows: tuple[int, ...]
    metered: Number
    present: Truth


@dataclass(slots=True)
class Pricing:
    """Everything that pricing a family's charges needs."""

    program: Program
    sheet: Sheet
    members: tuple[Member, ...]
    ledger: Ledger
    facts: StatementFacts
    metered: Metered
    history: Mapping[HistoryKey, Number] = field(default_factory=dict)
    each: Mapping[EachKey, Number] = field(default_factory=dict)
    bundles: Mapping[int, Bundle] = field(default_factory=dict)
    turns: Turns = field(default_factory=Turns)
    held: list[Allowance] = field(default_factory=list)

    @property
    def size(self) -> Fraction:
        """One money unit, in money."""
        return self.program.money.size

    def share_in(self, index: int, window: str) -> tuple[Number, Number] | None:
        """For a priced line: the quantity that lies in a window, and the whole quantity, both before rounding."""
        item = self.ledger.priced[index]
        if item.slot.bundle is not None:
            raise UnfitError(SHARED)
        if item.each is not None:
            return self.each[EachShare(item.each, window)], self.each[EachQuantity(item.each)]
        if item.charges is None or item.combination is None:
            return None
        charge = item.charges[0]
        if not isinstance(charge.source, OfMeter):
            return None
        meter = self.program.meters[charge.source.meter]
        if not meter.adds_up or meter.each_rounding is not None or meter.each_minimum is not None:
            raise UnfitError("an offer during a window on a meter that does not add up")
        bucket = bucket_of(charge, item.combination)
        inside, _ = self.metered.raw(meter, replace(bucket, window=window))
        whole, _ = self.metered.raw(meter, bucket)
        return inside, whole


def bucket_of(charge: Charge, combination: Combination) -> Bucket:
    """The bucket of a metered line."""
    assert isinstance(charge.source, OfMeter)
    cases = combination.cases if charge.columns else EVERYTHING
    return Bucket(charge.source.meter, cases)

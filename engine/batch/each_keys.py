"""What the pricing of a family asks of the queries over its `each` charges; charges by their number in the plan."""

from __future__ import annotations

from typing import TypeAlias

from ...records import Record
from .number import Integer, Number


class EachAmount(Record):
    """What the events of a charge cost together, in money, before the bounds of the period."""

    charge: int


class EachQuantity(Record):
    """The quantity of all events of a charge."""

    charge: int


class EachShare(Record):
    """The quantity of the events that lie in a window."""

    charge: int
    window: str


EachKey: TypeAlias = EachAmount | EachQuantity | EachShare


class WantedEach(dict[EachKey, Number]):
    """Answers with anything while a family's plan is read."""

    def __missing__(self, key: EachKey) -> Number:
        self[key] = Number(Integer("asked", 0, 1_000_000))
        return self[key]

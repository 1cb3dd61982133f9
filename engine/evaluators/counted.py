"""What stands for events that were counted before, so that a statement can be made without reading each of them again.

Whoever makes these vouches that they read as the events would: `running` does, and is held to it by its laws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from ..usage import UsageEvent


@dataclass(frozen=True, slots=True)
class EventSum:
    """Events of an `each` charge that were priced one by one before: what they come to together, unrounded.

    `time` is that of one of them and stands for all: they lie in the same windows and in the days of the same version.
    `metered` is their quantity where none counts below zero.
    """

    charge: str
    time: datetime
    count: int
    metered: Fraction
    amount: Fraction


@dataclass(frozen=True, slots=True)
class Counted:
    """What stands for a situation's events where they are not at hand one by one.

    Meters read `events` of their own, in the order of time; what else they counted is among the situation's
    quantities, each with a time. Where `sums` is not None, it stands for the events of all `each` charges.
    """

    events: Mapping[str, tuple[UsageEvent, ...]]
    sums: tuple[EventSum, ...] | None

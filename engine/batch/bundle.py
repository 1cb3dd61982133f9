"""Bundles: the lines of a charge whose keys may hold any value, as the pricing of a family sees them.

How many such lines a statement has, nobody knows while its query is written. A query of its own prices them, and the
family's query works with their sum.
"""

from __future__ import annotations

from typing import Final

from ...records import Record
from .number import FALSE, Integer, Truth, UnfitError

SHARED: Final = "lines of keys that may hold any value, which share an amount with others"


class Bundle(Record):
    """The lines of a charge (by its number in the plan) together, per statement.

    `amount` is their sum in money units and `present` whether there is one. Where usage is `unpriced` or `refused`, the
    other columns mean nothing. `signed` says that a line may be below zero, and `room` how many places on a statement
    they take at most.
    """

    charge: int
    amount: Integer
    present: Truth
    unpriced: Truth = FALSE
    refused: Truth = FALSE
    signed: bool = False
    room: int = 1


class WantedBundles(dict[int, Bundle]):
    """Answers with anything while a family's plan is read."""

    def __missing__(self, charge: int) -> Bundle:
        self[charge] = Bundle(charge, Integer("asked", 0, 1_000_000), Truth("asked_some"))
        return self[charge]


def refuse_shares(bundles: int, targets: int) -> None:
    """Raise `UnfitError` where one of several targets is a bundle: its lines would have shares of their own."""
    if bundles and targets > 1:
        raise UnfitError(SHARED)

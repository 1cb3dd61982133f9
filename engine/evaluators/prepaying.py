"""How prepaid cards share the price of an event: in the order in which they pay a bill, each only what it pays.

A card for everything pays what is left of the price; a card for named lines pays what the event added to these lines,
after policies and with their share of added taxes. Fees and floors are no part of it: cards pay those with the bill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...money import allocate
from ...records import Record
from ..usage import CardHolding
from .closing import cards_in_order
from .rate import payable_by_line
from .running.charging import Running
from .running.counters import situation_with


class PayingCard(Record):
    """A card that takes part in a running period: its place among the holdings, and the lines it pays, none for all."""

    place: int
    pays: tuple[str, ...]


def paying_cards(running: Running, holdings: Sequence[CardHolding]) -> list[PayingCard]:
    """The cards that take part, soonest to expire and earliest bought first; others of the holdings are left out."""
    situation = running.ground.situation
    own = replace(situation, subscription=replace(situation.subscription, cards=tuple(holdings)))
    return [PayingCard(place, tuple(card.pays)) for card, _, place in cards_in_order(own)]


def payable_now(running: Running) -> dict[str, int]:
    """What a card for named lines could pay of each charge and fee of the statement up to now, in the money unit."""
    return payable_by_line(situation_with(running.ground, running.counters))


def shares_of_cards(
    due: int, gained: Mapping[str, int], cards: Sequence[PayingCard], left: Sequence[int]
) -> dict[int, int]:
    """What each card pays of a price, by its place; together never more than the price. One unit of money for all.

    `gained` is what the event added to what is payable of each line, and `left` what is on each card by its place.
    """
    lines = {name: max(amount, 0) for name, amount in gained.items()}
    found: dict[int, int] = {}
    rest = max(due, 0)
    for card in cards:
        named = [name for name in lines if name in card.pays]
        owed = min(rest, sum(lines[name] for name in named)) if card.pays else rest
        paid = min(owed, left[card.place])
        if paid <= 0:
            continue
        found[card.place] = paid
        rest -= paid
        own = named if card.pays else list(lines)
        weights = [lines[name] for name in own]
        if any(weights):
            for name, part in zip(own, allocate(min(paid, sum(weights)), weights), strict=True):
                lines[name] -= part
    return found

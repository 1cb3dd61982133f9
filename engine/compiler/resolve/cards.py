"""Prepaid cards: what they are worth, how long, and which lines they pay."""

from __future__ import annotations

from ....grammar import syntax
from ...plan import (
    Card,
)
from ..model import Plan
from .dates import every_of
from .line_names import scope_name
from .scope import Scope, because, citation
from .targets import NO_TARGETS, resolve_targets


def resolve_card(scope: Scope, node: syntax.Card, plans: tuple[Plan, ...]) -> None:
    """A prepaid card."""
    name = node.name.text
    if not scope_name(scope, node.name, "card", (), plans):
        return
    if node.worth is None:
        example = scope.money_text("100")
        scope.report(
            "RB2207",
            f"card `{name}` does not say what it is worth",
            node.name,
            "worth what?",
            f"add `worth {example}`, say",
        )
        return
    worth = scope.money_value(node.worth)
    price = None if node.price is None else scope.money_value(node.price)
    targets = resolve_targets(scope, syntax.Targets(node.pays, span=node.span), plans) if node.pays else NO_TARGETS
    if worth is None or targets is None:
        return
    if worth <= 0:
        scope.report(
            "RB2103",
            "a card is worth more than nothing",
            node.worth,
            "nothing to pay with",
            "write an amount above zero",
        )
        return
    every = None if node.valid is None else every_of(node.valid)
    scope.cards[name] = Card(
        name=name,
        labels=scope.labels(name, node.label, node.annotations),
        place=scope.place(node),
        worth=worth,
        valid_months=None if every is None or not every.months else every.months,
        valid_days=None if every is None or not every.days else every.days,
        pays=targets.names,
        because=because(node.annotations),
        citation=citation(node.annotations),
        price=price,
    )

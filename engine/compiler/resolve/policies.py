"""Discounts, offers and penalties, those of the ruleset and those that contracts add for themselves."""

from __future__ import annotations

from collections.abc import Iterable

from ....grammar import syntax
from ...plan import (
    Combination,
    Policy,
    PolicyKind,
)
from ..model import Plan, PolicyModel
from .conditions import Subject, resolve_when
from .contracts import Contracts
from .dates import check_dates, dates_of, dating_span
from .effects import resolve_effect, resolve_money
from .line_names import scope_name
from .scope import Scope, because, citation
from .targets import plans_meant, touches

KINDS = {
    syntax.PolicyKind.DISCOUNT: PolicyKind.DISCOUNT,
    syntax.PolicyKind.OFFER: PolicyKind.OFFER,
    syntax.PolicyKind.PENALTY: PolicyKind.PENALTY,
}
COMBINATIONS = {
    syntax.CombinationRule.BEST_ONE: Combination.BEST_ONE,
    syntax.CombinationRule.ADD_UP: Combination.ADD_UP,
    syntax.CombinationRule.ONE_AFTER_ANOTHER: Combination.ONE_AFTER_ANOTHER,
}


def resolve_policies(
    scope: Scope, written: Iterable[syntax.Policy], plans: tuple[Plan, ...], changes: Contracts
) -> tuple[PolicyModel, ...]:
    """Every policy of the ruleset, and those that contracts add for themselves."""
    found: list[PolicyModel] = []
    own: list[tuple[syntax.Policy, tuple[str, ...]]] = [(policy, ()) for policy in written]
    added = [(policy, (contract,)) for contract, policies in changes.added.items() for policy in policies]
    for policy, contracts in [*own, *added]:
        meant = contracts or plans_meant(scope, policy.plans, plans)
        free = scope_name(scope, policy.name, policy.kind.value, meant, plans)
        resolved = _policy(scope, policy, plans) if free and meant is not None else None
        if resolved is None or meant is None:
            scope.lose(policy, policy.name.text)
        elif touches(scope, policy, resolved.targets, meant, plans):
            found.append(PolicyModel(resolved, policy.name.span, meant, dating_span(policy.dating)))
    return tuple(found)


def _policy(scope: Scope, node: syntax.Policy, plans: tuple[Plan, ...]) -> Policy | None:
    resolved = resolve_effect(scope, node, plans)
    at_most = None if node.at_most is None else resolve_money(scope, node.at_most)
    when = resolve_when(scope, node.when, Subject(None, scope.plan_lines(plans).names))
    if resolved is None or (node.at_most is not None and at_most is None) or len(when) != len(node.when):
        return None
    effect, targets = resolved
    if not check_dates(scope, node.dating):
        return None
    start, end = dates_of(node.dating)
    return Policy(
        kind=KINDS[node.kind],
        name=node.name.text,
        labels=scope.labels(node.name.text, node.label, node.annotations),
        place=scope.place(node),
        text=scope.text(node.effect),
        effect=effect,
        targets=targets,
        at_most=at_most,
        when=when,
        start=start,
        end=end,
        because=because(node.annotations),
        citation=citation(node.annotations),
    )

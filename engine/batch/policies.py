"""Discounts, offers and penalties of a family: how those of one kind combine, and how each falls on the lines.

The meaning is `evaluators.policies`, form by form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from ...money import Rounding
from ..condition import Comparison
from ..plan import Combination, Policy, PolicyKind, Program
from ..statement import LineKind
from .bundle import SHARED
from .effects import Effect, Scene, WindowShares
from .facts import UNKNOWN_ATTRIBUTE, StatementFacts, stands
from .ledger import Fall, Ledger, Slot, Target, info_of
from .number import (
    NOTHING,
    ONE,
    ZERO,
    Integer,
    Number,
    TooLargeError,
    Truth,
    UnfitError,
    aligned,
    both,
    choose,
    compare,
    compare_numbers,
    either,
    greatest,
    is_positive,
    negated,
    number_not_below_zero,
    product_of,
    ratio_of,
    smaller,
    sum_of,
)

KINDS = {
    PolicyKind.DISCOUNT: LineKind.DISCOUNT,
    PolicyKind.OFFER: LineKind.OFFER,
    PolicyKind.PENALTY: LineKind.PENALTY,
}


def apply_policies(
    kind: PolicyKind, program: Program, ledger: Ledger, facts: StatementFacts, shares: WindowShares
) -> None:
    """Put the lines of one kind of policy on the ledger.

    `shares` is asked for `during` a window only, and may raise `UnfitError`.
    """
    scene = Scene(ledger, facts, program.money, shares)
    mode = program.line_rounding
    of_kind: list[tuple[Policy, ...]] = [
        own for own in zip(*(member.plan.policies for member in ledger.members), strict=True) if own[0].kind is kind
    ]
    asked: list[tuple[Sequence[Policy], Truth]] = [(own, _stands(own, ledger, facts)) for own in of_kind]
    standing = [(own, where) for own, where in asked if where.known is not False]
    combination = program.combinations.get(kind, Combination.ONE_AFTER_ANOTHER)
    if kind is PolicyKind.PENALTY:
        combination = Combination.ADD_UP
    match combination:
        case Combination.ONE_AFTER_ANOTHER:
            for own, where in standing:
                _settle(scene, own, where, _targets(own, ledger), ledger.now, mode)
        case Combination.ADD_UP:
            begun = ledger.now
            for own, where in standing:
                _settle(scene, own, where, _targets(own, ledger), begun, mode)
        case Combination.BEST_ONE:
            for won, where, targets in _best(scene, standing):
                _settle(scene, won, where, targets, ledger.now, mode)
        case _:
            assert_never(combination)


def _stands(policies: Sequence[Policy], ledger: Ledger, facts: StatementFacts) -> Truth:
    """Where a policy's dates and conditions hold."""
    starts = [member.situation.days.start for member in ledger.members]
    dated = ledger.sheet.truths(
        [
            (policy.start is None or start >= policy.start) and (policy.end is None or start < policy.end)
            for policy, start in zip(policies, starts, strict=True)
        ]
    )
    return stands(ledger, facts, [policy.when for policy in policies], dated)


def _targets(policies: Sequence[Policy], ledger: Ledger) -> tuple[Target, ...]:
    targets = policies[0].targets
    return ledger.targets_of(None if targets.everything else targets.names)


# The best one


def _best(
    scene: Scene, standing: Sequence[tuple[Sequence[Policy], Truth]]
) -> list[tuple[Sequence[Policy], Truth, tuple[Target, ...]]]:
    """Line by line the policy that takes most, ties to the first written; then each policy with the lines it won."""
    ledger = scene.ledger
    shares: list[dict[int, Number]] = [_shares(scene, own, where) for own, where in standing]
    won: list[list[Target]] = [[] for _ in standing]
    for index in range(len(ledger.priced)):
        rivals = [(place, own[index]) for place, own in enumerate(shares) if index in own]
        for place, share in rivals:
            best = both(
                compare_numbers(share, Comparison.GREATER, NOTHING),
                *(
                    compare_numbers(share, Comparison.GREATER if other < place else Comparison.GREATER_OR_EQUAL, rival)
                    for other, rival in rivals
                    if other != place
                ),
            )
            if best.known is not False:
                won[place].append((index, ledger.sheet.let(best, "won")))
    return [
        (own, both(where, either(*(present for _, present in lines))), tuple(lines))
        for (own, where), lines in zip(standing, won, strict=True)
        if lines
    ]


def _shares(scene: Scene, own: Sequence[Policy], where: Truth) -> dict[int, Number]:
    """What a policy would take from each of its targets, alone and before rounding; not above zero where nothing."""
    ledger, sheet = scene.ledger, scene.ledger.sheet
    targets = _targets(own, ledger)
    if not targets:
        return {}
    if ledger.bundles_of(targets):
        raise UnfitError(SHARED)
    try:
        effect = scene.effect(own, targets, ledger.now)
        if effect.upper is not None and effect.per_weight is None:
            effect = replace(scene, exact=True).effect(own, targets, ledger.now)
    except TooLargeError:
        raise UnfitError("the best one of policies where one is for a window, and more than a percentage") from None
    ledger.refuse_where(UNKNOWN_ATTRIBUTE, both(where, effect.missing))
    live = sheet.let(both(where, effect.exists))
    weights = effect.weights()
    if effect.per_weight is not None:
        found = [product_of(effect.per_weight, weight) for weight in weights]
    else:
        whole = sheet.let_number(sum_of(*weights))
        divisor = Number(sheet.let(greatest(whole.top, ONE)), whole.scale, whole.under)
        most = Number(ledger.left_sum(targets, positive=True))
        size = sheet.let_number(smaller(effect.amount, most))
        found = [ratio_of(product_of(size, weight), divisor) for weight in weights]
    return {
        index: Number(sheet.let(choose(live, share.top, ZERO)), share.scale, share.under)
        for (index, _), share in zip(targets, found, strict=True)
    }


# One policy


def _settle(
    scene: Scene, own: Sequence[Policy], where: Truth, targets: tuple[Target, ...], at: int, mode: Rounding
) -> None:
    """Round a policy's effect, put its line on the ledger and let it fall on its targets.

    `at` is the moment whose amounts the effect is worked out on.
    """
    ledger, policy = scene.ledger, own[0]
    takes = policy.kind is not PolicyKind.PENALTY
    effect = scene.effect(own, targets, at)
    ledger.refuse_where(UNKNOWN_ATTRIBUTE, both(where, effect.missing))
    live = ledger.sheet.let(both(where, effect.exists))
    size = _rounded(effect.amount, effect, live, targets, ledger, mode, takes=takes)
    if effect.upper is not None:
        upper = _rounded(effect.upper, effect, live, targets, ledger, mode, takes=takes)
        ledger.refuse_where("a percentage during a window that is too close to call", _differ(size, upper))
    present = ledger.sheet.let(is_positive(size), "p")
    if present.known is False:
        return
    infos = tuple(info_of(item, KINDS[item.kind]) for item in own)
    ledger.put(Slot(infos, present, negated(size) if takes else size, on=ledger.on(targets)))
    if effect.falls:
        ledger.fall(
            Fall(
                targets,
                lambda: size,
                lambda: _whole_weights(effect),
                effect.any_weight,
                takes=takes,
                cut=takes and not effect.own_weights,
            )
        )


def _rounded(
    amount: Number,
    effect: Effect,
    live: Truth,
    targets: Sequence[Target],
    ledger: Ledger,
    mode: Rounding,
    *,
    takes: bool,
) -> Integer:
    """The size of a policy's line: not more than is left, not less than nothing, and nothing where it is not live."""
    sheet = ledger.sheet
    if takes and effect.per_weight is None:
        amount = smaller(amount, Number(ledger.left_sum(targets, positive=True)))
    amount = number_not_below_zero(amount)
    top = sheet.let(choose(live, amount.top, ZERO))
    return sheet.let(sheet.rounded(top, amount.divisor, mode), "policy")


def _differ(one: Integer, other: Integer) -> Truth:
    """Whether two roundings of one amount are not the same."""
    return compare(one, Comparison.IS_NOT, other)


def _whole_weights(effect: Effect) -> tuple[Integer, ...]:
    """The weights as integers over one scale."""
    try:
        return aligned(*effect.weights())[0]
    except TooLargeError:
        raise UnfitError("lines that share a policy during a window, each by a quantity of its own") from None

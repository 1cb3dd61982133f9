"""What became of a ruleset's promises: one outcome each, and an error for each that is refuted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import assert_never

from ....diagnostics import Diagnostic, Label, Span
from ....money import symbols
from ...derivation import Place
from ...plan import AddPerUnit, Fee, OfMeter, Plan, Policy, Program, Tax
from ..model import MarginAtLeast, MoreNeverCostsLess, NeverCostsMore, Promise, Ruleset
from .dearer import never_costs_more, together
from .margin import margin_at_least
from .more import more_never_costs_less
from .outcome import Outcome, Verdict, Witness
from .witness import money_text, number_text


def prove(program: Program, ruleset: Ruleset) -> tuple[Outcome, ...]:
    """The outcomes of a ruleset's promises, in their order."""
    return tuple(_prove(program, ruleset, promise) for promise in ruleset.promises)


def _prove(program: Program, ruleset: Ruleset, promise: Promise) -> Outcome:
    match promise:
        case MoreNeverCostsLess(meter):
            plans = [plan for plan in _versions(program) if _depends_on(plan, meter)]
            outcome = _all(plans, lambda plan: more_never_costs_less(program, plan, meter))
        case NeverCostsMore(cheaper, dearer):
            pairs = [(one, other) for one in program.plans[cheaper] for other in program.plans[dearer]
                     if together(one, other) is not None]  # fmt: skip
            if not pairs:
                outcome = Outcome(Verdict.NOT_DECIDED, "", reason="the plans are never in force together")
            else:
                outcome = _all(pairs, lambda pair: never_costs_more(program, *pair))
        case MarginAtLeast(meter, share):
            cost = ruleset.costs.get(meter)
            if cost is None:
                reason = f"no `cost of {meter}` is declared"
                outcome = Outcome(Verdict.NOT_DECIDED, "", reason=reason)
            else:
                plans = [plan for plan in _versions(program) if _prices(plan, meter)]
                outcome = _all(plans, lambda plan: margin_at_least(program, plan, meter, share, cost))
        case _:
            assert_never(promise)
    return replace(outcome, span=promise.span)


def _versions(program: Program) -> list[Plan]:
    return [plan for versions in program.plans.values() for plan in versions]


def _prices(plan: Plan, meter: str) -> bool:
    return any(isinstance(charge.source, OfMeter) and charge.source.meter == meter for charge in plan.charges)


def _depends_on(plan: Plan, meter: str) -> bool:
    adds = any(isinstance(policy.effect, AddPerUnit) and policy.effect.meter == meter for policy in plan.policies)
    return adds or _prices(plan, meter)


def _all(items: Sequence[object], claim: Callable[..., Outcome]) -> Outcome:
    """The outcome for all of them: a refutation first, then what is not decided."""
    if not items:
        return Outcome(Verdict.NOT_DECIDED, "", reason="no plan prices it")
    outcomes = []
    for item in items:
        outcome = claim(item)
        if outcome.verdict is Verdict.REFUTED:
            return outcome
        outcomes.append(outcome)
    undecided = next((outcome for outcome in outcomes if outcome.verdict is Verdict.NOT_DECIDED), None)
    if undecided is not None:
        return undecided
    return replace(outcomes[0], slack=max(outcome.slack for outcome in outcomes))


# Findings


def refutations(program: Program, ruleset: Ruleset, outcomes: Sequence[Outcome]) -> Iterator[Diagnostic]:
    """An error for each promise that is refuted, at the promise and at the plans that it is about."""
    for promise, outcome in zip(ruleset.promises, outcomes, strict=True):
        if outcome.verdict is not Verdict.REFUTED or outcome.witness is None:
            continue
        witness = outcome.witness
        yield Diagnostic(
            "RB2601",
            _broken(promise),
            promise.span,
            "does not hold",
            tuple(_labels(program, promise, outcome)),
            _ways_out(promise, *_turned(program, witness)),
            (f"witness: {witness.text}",),
        )


def _broken(promise: Promise) -> str:
    match promise:
        case MoreNeverCostsLess(meter):
            return f"more {meter} can cost less, against the promise"
        case NeverCostsMore(cheaper, dearer):
            return f"{cheaper} can cost more than {dearer}, against the promise"
        case MarginAtLeast(meter, share):
            return f"the margin on {meter} can be below {number_text(share * 100)}%, against the promise"
        case _:
            assert_never(promise)


def _labels(program: Program, promise: Promise, outcome: Outcome) -> Iterator[Label]:
    assert outcome.witness is not None
    names = dict.fromkeys((outcome.witness.bill.plan, outcome.witness.against.plan))
    bills = {outcome.witness.bill.plan: outcome.witness.bill, outcome.witness.against.plan: outcome.witness.against}
    for name in names:
        versions = program.plans.get(name)
        if not versions:
            continue
        place = versions[0].place
        if isinstance(promise, NeverCostsMore):
            yield Label(span_of(place), f"costs {money(program, bills[name].amount)} there")
            continue
        meter = promise.meter
        charge = next((item for item in versions[0].charges
                       if isinstance(item.source, OfMeter) and item.source.meter == meter), None)  # fmt: skip
        yield Label(span_of(place if charge is None else charge.place), "priced here")
    for rule in list(_turned(program, outcome.witness))[:1]:
        yield Label(span_of(rule.place), "is on one of the two bills only")


def span_of(place: Place) -> Span:
    return Span(place.file, place.start, place.end)


def money(program: Program, value: Fraction) -> str:
    """`$12.00`"""
    signs = symbols(program.money.currency.code)
    return f"{signs[0] if signs else program.money.currency.code + ' '}{money_text(program, value)}"


def _turned(program: Program, witness: Witness) -> Iterator[Policy | Fee | Tax]:
    """The rules that stand on one of the two bills only."""
    for plan in program.plans.get(witness.bill.plan, ()):
        rules: tuple[Policy | Fee | Tax, ...] = (*plan.policies, *plan.fees, *plan.taxes)
        yield from (rule for rule in rules if rule.name in witness.turned)
        return


def _ways_out(promise: Promise, *turned: Policy | Fee | Tax) -> tuple[str, ...]:
    match promise:
        case MoreNeverCostsLess() if turned:
            return (
                f"let `{turned[0].name}` act on what lies above its threshold only",
                "take the promise away, if the fall is meant",
            )
        case MoreNeverCostsLess():
            return (
                "write `graduated`, so that only what lies above a bound is cheaper",
                "raise the price that falls below what came before",
                "take the promise away, if the fall is meant",
            )
        case NeverCostsMore(cheaper):
            return (
                f"change a price, fee or bound of {cheaper} for such usage",
                "take the promise away, if this is meant",
            )
        case MarginAtLeast(meter):
            return (
                "raise the price of that band or row",
                "limit the discounts and offers on it",
                f"correct the `cost of {meter}`",
            )
        case _:
            assert_never(promise)

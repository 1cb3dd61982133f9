"""Plans and contracts: every version with its charges, fees, included units, floors and ceilings.

Plans come before the contracts that extend them, and charges before those that are a price on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import assert_never

from ....grammar import syntax
from ...plan import Fee, Include, OfAmount, PlanBound
from ..model import Charge, Plan
from .charges import resolve_charge
from .contracts import Contracts, draft_of_contract
from .dates import billing_of, is_dated_by_usage, resolve_dates
from .fees import check_plan_bounds, resolve_fee, resolve_include, resolve_plan_bound
from .scope import Scope, circle, round_about
from .versions import Draft, by_date, check_versions


def resolve_plans(
    scope: Scope,
    plans: Iterable[syntax.Plan],
    contracts: Iterable[syntax.Contract],
    policies: frozenset[str],
    changes: Contracts,
) -> tuple[Plan, ...]:
    """Every version of every plan and contract, by name and date. `policies` are the names that may be removed."""
    drafts: dict[str, list[Draft]] = {}
    for plan in plans:
        dates = resolve_dates(scope, plan.dating)
        if dates is None:
            scope.lose(plan, plan.name.text, *_line_names(plan.items))
            continue
        drafts.setdefault(plan.name.text, []).append(Draft(plan, plan.items, (plan.name.text,), *dates))
    waiting = list(contracts)
    while waiting:
        names = set(drafts) | {contract.name.text for contract in waiting}
        ready = [item for item in waiting if item.extends.text in drafts or item.extends.text not in names]
        if not ready:
            after = {contract.name.text: (contract.extends.text,) for contract in waiting}
            found = circle(waiting[0].name.text, after)
            own = "this contract extends itself" if len(found) == 1 else "contracts extend each other in a circle"
            place = next(contract.extends for contract in waiting if contract.name.text == found[0])
            scope.report("RB2013", own, place, round_about(found), "extend a plan")
            for contract in waiting:
                # What extends them hangs on the same mistake.
                scope.lose(contract, contract.name.text)
            break
        for contract in ready:
            waiting.remove(contract)
            draft = draft_of_contract(scope, contract, drafts, policies, changes)
            if draft is None:
                scope.lose(contract, contract.name.text)
                continue
            drafts.setdefault(contract.name.text, []).append(draft)
    for versions in drafts.values():
        check_versions(scope, versions)
    resolved = (_resolve_plan(scope, draft) for versions in drafts.values() for draft in by_date(versions))
    return tuple(plan for plan in resolved if plan is not None)


def _line_names(items: Iterable[syntax.PlanItem]) -> tuple[str, ...]:
    return tuple(item.name.text for item in items if isinstance(item, syntax.Charge | syntax.Fee))


def _resolve_plan(scope: Scope, draft: Draft) -> Plan | None:
    node = draft.node
    billing = billing_of(draft.items)
    charge_names = frozenset(item.name.text for item in draft.items if isinstance(item, syntax.Charge))
    charges: list[Charge] = []
    fees: list[Fee] = []
    includes: list[Include] = []
    bounds: list[PlanBound] = []
    seen: dict[str, syntax.Name] = {}
    lines = frozenset(item.name.text for item in draft.items if isinstance(item, syntax.Charge | syntax.Fee))
    for item in draft.items:
        if isinstance(item, syntax.Charge | syntax.Fee):
            if item.name.text in seen:
                scope.declared_before(item.name, item.name.text, "line", seen[item.name.text].span)
                continue
            seen[item.name.text] = item.name
        match item:
            case syntax.Charge():
                charge = resolve_charge(scope, item, charge_names)
                charges.extend([] if charge is None else [charge])
                if charge is None:
                    scope.lose(item, item.name.text)
            case syntax.Fee():
                fee = resolve_fee(scope, item, billing)
                fees.extend([] if fee is None else [fee])
                if fee is None:
                    scope.lose(item, item.name.text)
            case syntax.Include():
                include = resolve_include(scope, item)
                includes.extend([] if include is None else [include])
            case syntax.PlanBound():
                plan_bound = resolve_plan_bound(scope, item, lines)
                bounds.extend([] if plan_bound is None else [plan_bound])
            case syntax.Billing() | syntax.DatedByLine():
                pass
            case _:
                assert_never(item)
    check_plan_bounds(scope, node, bounds)
    if not lines and (isinstance(node, syntax.Plan) or any(isinstance(item, syntax.Remove) for item in node.items)):
        what = "contract" if isinstance(node, syntax.Contract) else "plan"
        scope.report(
            "RB2212",
            f"{what} `{node.name.text}` has no charge and no fee",
            node.name,
            "its statements have no line for usage",
            "add a charge or a fee",
            'keep it with `allow RB2212 because "…"`',
        )
    return Plan(
        name=node.name.text,
        labels=scope.labels(node.name.text, node.label, node.annotations),
        span=node.name.span,
        place=scope.place(node),
        start=draft.start,
        end=draft.end,
        billing=billing,
        clock_declared=any(isinstance(item, syntax.DatedByLine) for item in draft.items),
        charges=_in_order(scope, charges, seen),
        fees=tuple(fees),
        includes=tuple(includes),
        bounds=tuple(bounds),
        lineage=draft.lineage,
        is_contract=isinstance(node, syntax.Contract),
        dated_by_usage=is_dated_by_usage(draft.items),
    )


def _priced_on(charge: Charge) -> tuple[str, ...]:
    return charge.source.lines if isinstance(charge.source, OfAmount) else ()


def _in_order(scope: Scope, charges: list[Charge], names: Mapping[str, syntax.Name]) -> tuple[Charge, ...]:
    """Charges so that each comes after those it is a price on, otherwise as written."""
    ordered: list[Charge] = []
    waiting = list(charges)
    done: set[str] = set()
    resolved = {charge.name for charge in charges}
    while waiting:
        ready = next(
            (charge for charge in waiting if all(line in done or line not in resolved for line in _priced_on(charge))),
            None,
        )
        if ready is None:
            found = circle(waiting[0].name, {charge.name: _priced_on(charge) for charge in waiting})
            scope.report(
                "RB2013",
                "this charge is a price on itself"
                if len(found) == 1
                else "charges are a price on each other in a circle",
                names[found[0]],
                round_about(found),
                "name only charges that do not depend on this one",
            )
            done.update(found)
            scope.broken.update(found)
            waiting = [charge for charge in waiting if charge.name not in found]
            continue
        waiting.remove(ready)
        ordered.append(ready)
        done.add(ready.name)
    return tuple(ordered)

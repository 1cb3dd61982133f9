"""Plans and contracts: their versions, billing, charges, fees, included units, floors and ceilings.

A contract is resolved from the text of what it extends: its items with the contract's changes made, so that every
line still cites the place where its price stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import assert_never

from ....diagnostics import Label
from ....grammar import syntax
from ...period import Billing, Every, billing_period
from ...plan import BoundKind, Fee, Include, OfAmount, PlanBound, Proration
from ...quantity import convertible
from ...statement import Labels
from ...usage import FieldKind
from ..model import Charge, Plan
from .charges import reserved_line, resolve_charge
from .conditions import Subject, resolve_when
from .facts import quantity_in, type_words
from .scope import RESERVED_LINES, Scope, because, circle, citation, near_names, round_about
from .tables import bound, check_bounds

MINIMUM_LABELS = Labels("Minimum charge", {"zh": "最低消费"})
CAP_LABELS = Labels("Cap", {"zh": "封顶"})


@dataclass(slots=True)
class Contracts:
    """What contracts say of policies: those that they remove, and those that they add."""

    removed: dict[str, set[str]] = field(default_factory=dict)
    added: dict[str, list[syntax.Policy]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan or contract as items, before its names are resolved."""

    node: syntax.Plan | syntax.Contract
    items: tuple[syntax.PlanItem, ...]
    lineage: tuple[str, ...]
    start: date | None
    end: date | None


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
        dates = _dates(scope, plan.dating)
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
            draft = _draft_of_contract(scope, contract, drafts, policies, changes)
            if draft is None:
                scope.lose(contract, contract.name.text)
                continue
            drafts.setdefault(contract.name.text, []).append(draft)
    for versions in drafts.values():
        _check_versions(scope, versions)
    resolved = (_resolve_plan(scope, draft) for versions in drafts.values() for draft in _by_date(versions))
    return tuple(plan for plan in resolved if plan is not None)


def _line_names(items: Iterable[syntax.PlanItem]) -> tuple[str, ...]:
    return tuple(item.name.text for item in items if isinstance(item, syntax.Charge | syntax.Fee))


def _by_date(versions: list[Draft]) -> list[Draft]:
    return sorted(versions, key=lambda draft: draft.start or date.min)


def _dates(scope: Scope, dating: syntax.Dating) -> tuple[date | None, date | None] | None:
    """Half-open dates; None with a finding where the end is not after the beginning."""
    start, end = dates_of(dating)
    return (start, end) if check_dates(scope, dating) else None


def check_dates(scope: Scope, dating: syntax.Dating | None) -> bool:
    """Whether the end is after the beginning; a finding where it is not."""
    start, end = dates_of(dating)
    if dating is None or start is None or end is None or start < end:
        return True
    message = "these dates begin and end on the same day" if start == end else "these dates end before they begin"
    hint = f"write `through {start}` for that one day" if start == end else "swap the two dates"
    scope.report("RB2303", message, dating, "no day lies between them", hint)
    return False


def dates_of(dating: syntax.Dating | None) -> tuple[date | None, date | None]:
    """The half-open dates of a dating."""
    if dating is None:
        return None, None
    start = None if dating.start is None else date.fromisoformat(dating.start.iso)
    end = None if dating.before is None else date.fromisoformat(dating.before.iso)
    if dating.through is not None:
        end = date.fromisoformat(dating.through.iso) + timedelta(days=1)
    return start, end


def _check_versions(scope: Scope, versions: list[Draft]) -> None:
    ordered = _by_date(versions)
    for earlier, later in pairwise(ordered):
        name = later.node.name.text
        first = (Label(earlier.node.name.span, "the version before it"),)
        if later.start is None or earlier.end is None or earlier.end > later.start:
            scope.report(
                "RB2301",
                f"two versions of `{name}` are in force at the same time",
                later.node.name,
                "begins while another is in force",
                f"end the earlier one: `before {later.start}`" if later.start else "give each version its own dates",
                labels=first,
            )
        elif earlier.end < later.start:
            scope.report(
                "RB2302",
                f"no version of `{name}` is in force from {earlier.end} to {later.start - timedelta(days=1)}",
                later.node.name,
                "begins after a gap",
                f"begin it with `from {earlier.end}`, or end the version before it later",
                labels=first,
            )
        _check_clock(scope, later)


def _check_clock(scope: Scope, later: Draft) -> None:
    """A version that begins inside a calendar billing period needs a word on which prices hold."""
    if later.start is None or any(isinstance(item, syntax.DatedByLine) for item in later.items):
        return
    if begins_period(_billing(later.items), later.start):
        return
    scope.report(
        "RB2304",
        f"the price of `{later.node.name.text}` changes on {later.start}, inside a billing period",
        later.node.dating.start or later.node.name,
        "in the middle of a period",
        "begin the version on the first day of a billing period",
        "write `dated by period` in it: a period keeps the prices that it began with",
        "write `dated by usage` in it: each event has the price of its day",
    )


# Contracts


def _draft_of_contract(
    scope: Scope,
    contract: syntax.Contract,
    drafts: Mapping[str, list[Draft]],
    policies: frozenset[str],
    changes: Contracts,
) -> Draft | None:
    dates = _dates(scope, contract.dating)
    bases = drafts.get(contract.extends.text)
    name = contract.name.text
    own_name = name in drafts and isinstance(drafts[name][0].node, syntax.Plan)
    if own_name:
        scope.report(
            "RB2002",
            f"contract `{name}` has the name of a plan",
            contract.name,
            "the same name",
            "give the contract a name of its own",
            labels=(Label(drafts[name][0].node.name.span, "the plan"),),
        )
    if bases is None:
        scope.unknown(contract.extends, contract.extends.text, "plan", drafts)
        return None
    if dates is None or own_name:
        return None
    start = dates[0]
    day = start or date.min
    base = next((draft for draft in _by_date(bases) if _in_force(draft, day)), None)
    if base is None:
        scope.report(
            "RB4004",
            f"no version of `{contract.extends.text}` is in force when the contract begins",
            contract.extends,
            "nothing to extend",
            "give the contract a `from` date on which the plan has a price",
        )
        return None
    items = list(base.items)
    for item in contract.items:
        _change(scope, contract, item, items, policies, changes)
    _check_removed(scope, contract, items)
    return Draft(contract, tuple(items), (contract.name.text, *base.lineage), *dates)


def _check_removed(scope: Scope, contract: syntax.Contract, items: list[syntax.PlanItem]) -> None:
    """What a contract removes may not be asked for by what it keeps."""
    left = {name for kind, name in map(_key, items) if kind == "line"}
    removed = {item.name.text: item for item in contract.items if isinstance(item, syntax.Remove)}
    for item in items:
        match item:
            case syntax.Charge(name, source=syntax.AmountSource(lines)):
                words, hint = f"charge `{name.text}`", f"remove `{name.text}` too, or replace it"
            case syntax.PlanBound(kind, lines=lines):
                words, hint = f"{kind.value} of the plan", f"replace the {kind.value} as well"
            case _:
                continue
        for line in lines:
            if line.text in removed and line.text not in left:
                scope.report(
                    "RB2014",
                    f"`{line.text}` is removed, and the {words} needs it",
                    removed[line.text].name,
                    "still needed",
                    hint,
                    labels=(Label(line.span, "needed here"),),
                )
                scope.broken.add(line.text)


def _in_force(draft: Draft, day: date) -> bool:
    return (draft.start is None or draft.start <= day or day == date.min) and (draft.end is None or day < draft.end)


def _change(
    scope: Scope,
    contract: syntax.Contract,
    change: syntax.ContractItem,
    items: list[syntax.PlanItem],
    policies: frozenset[str],
    changes: Contracts,
) -> None:
    name = contract.name.text
    match change:
        case syntax.Remove(removed):
            index = next((i for i, item in enumerate(items) if _key(item) == ("line", removed.text)), None)
            if index is not None:
                items.pop(index)
            elif removed.text in policies:
                changes.removed.setdefault(name, set()).add(removed.text)
            else:
                known = [key for kind, key in map(_key, items) if kind == "line"]
                _not_there(scope, removed, removed.text, [*known, *sorted(policies)], "remove")
        case syntax.Replace(item):
            index = next((i for i, old in enumerate(items) if _key(old) == _key(item)), None)
            if index is not None:
                items[index] = item
            else:
                known = [key for kind, key in map(_key, items) if kind == _key(item)[0]]
                place = item.name if isinstance(item, syntax.Charge | syntax.Fee) else item
                _not_there(scope, place, _key(item)[1], known, "replace")
        case syntax.Add(syntax.Policy() as policy):
            changes.added.setdefault(name, []).append(policy)
        case syntax.Add(item):
            assert not isinstance(item, syntax.Policy)
            items.append(item)
        case _:
            assert_never(change)


def _key(item: syntax.PlanItem) -> tuple[str, str]:
    """What makes an item of a contract stand for an item of the plan."""
    match item:
        case syntax.Charge(name) | syntax.Fee(name):
            return "line", name.text
        case syntax.Include(_, meter):
            return "include", meter.text
        case syntax.PlanBound(kind, _, lines):
            return "bound", " ".join([kind.value, *(line.text for line in lines)])
        case syntax.Billing():
            return "billing", "billed"
        case syntax.DatedByLine():
            return "clock", "dated by"
        case _:
            assert_never(item)


def _not_there(scope: Scope, node: syntax.Node, name: str, known: list[str], verb: str) -> None:
    if scope.is_lost(name):
        return
    near = near_names(name, known)
    hint = f"did you mean `{near[0]}`?" if near else f"the plan has {', '.join(known) or 'nothing of the kind'}"
    hints = [hint] + (["write `add` instead of `replace`, if it is new"] if verb == "replace" else [])
    scope.report("RB2014", f"the plan has no `{name}` to {verb}", node, "not in the plan", *hints)


# A plan


def begins_period(billing: Billing, day: date) -> bool:
    """Whether a billing period of the calendar may begin on a day; anniversaries begin on any."""
    if billing.anchored:
        return True
    return billing_period(billing, day, day).start == day


def _billing(items: Iterable[syntax.PlanItem]) -> Billing:
    months = {
        syntax.BillingUnit.MONTH: 1,
        syntax.BillingUnit.QUARTER: 3,
        syntax.BillingUnit.YEAR: 12,
    }
    for item in items:
        if isinstance(item, syntax.Billing):
            if item.months is not None:
                return Billing(Every(months=item.months), item.from_start)
            if item.unit in months:
                return Billing(Every(months=months[item.unit]), item.from_start)
            days = 1 if item.unit is syntax.BillingUnit.DAY else 7
            return Billing(Every(days=days), item.from_start)
    return Billing(Every(months=1))


def _resolve_plan(scope: Scope, draft: Draft) -> Plan | None:
    node = draft.node
    billing = _billing(draft.items)
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
                fee = _fee(scope, item, billing)
                fees.extend([] if fee is None else [fee])
                if fee is None:
                    scope.lose(item, item.name.text)
            case syntax.Include():
                include = _include(scope, item)
                includes.extend([] if include is None else [include])
            case syntax.PlanBound():
                plan_bound = _plan_bound(scope, item, lines)
                bounds.extend([] if plan_bound is None else [plan_bound])
            case syntax.DatedByLine(dated_by):
                if dated_by is syntax.DatedBy.USAGE:
                    scope.not_built("`dated by usage`", item)
            case syntax.Billing():
                pass
            case _:
                assert_never(item)
    _check_plan_bounds(scope, bounds)
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


def _check_plan_bounds(scope: Scope, bounds: list[PlanBound]) -> None:
    by_lines: dict[tuple[str, ...], dict[BoundKind, PlanBound]] = {}
    for item in bounds:
        by_lines.setdefault(item.lines, {})[item.kind] = item
    for pair in by_lines.values():
        low, high = pair.get(BoundKind.MINIMUM), pair.get(BoundKind.CAP)
        check_bounds(scope, None if low is None else low.bound, None if high is None else high.bound)


def every_of(term: syntax.Term) -> Every:
    """A term as a step of months or days."""
    match term.unit:
        case syntax.TermUnit.DAY:
            return Every(days=term.count)
        case syntax.TermUnit.WEEK:
            return Every(days=7 * term.count)
        case syntax.TermUnit.MONTH:
            return Every(months=term.count)
        case syntax.TermUnit.YEAR:
            return Every(months=12 * term.count)
        case _:
            assert_never(term.unit)


_PRORATIONS = {
    syntax.FeeProration.BY_DAY: Proration.BY_DAY,
    syntax.FeeProration.BY_SECOND: Proration.BY_SECOND,
    syntax.FeeProration.NONE: Proration.NONE,
}


def _fee(scope: Scope, node: syntax.Fee, billing: Billing) -> Fee | None:
    if node.name.text in RESERVED_LINES:
        reserved_line(scope, node.name)
        return None
    amount = scope.money_value(node.money)
    multiplier = None
    per = ""
    if node.multiplier is not None:
        schema = scope.look_up(scope.attributes, node.multiplier.name, "attribute")
        if schema is None:
            return None
        if schema.kind is not FieldKind.NUMBER:
            scope.report(
                "RB2108",
                f"`account.{schema.name}` is {type_words(schema)}, not a number",
                node.multiplier,
                "cannot be counted",
                "name an attribute that is a number",
            )
            return None
        multiplier, per = schema.name, "" if schema.unit is None else schema.unit.name
    if node.per_unit is not None:
        unit = scope.unit(node.per_unit)
        if unit is None:
            return None
        if multiplier is None:
            scope.report(
                "RB2103",
                f"this fee is per {unit.name}, and does not say how many there are",
                node.per_unit,
                "how many?",
                "add `for account.…`, an attribute that counts them",
            )
            return None
        schema = scope.attributes[multiplier]
        if schema.unit is None or not convertible(unit, schema.unit):
            counted = "is a bare number" if schema.unit is None else f"counts {schema.unit.name}"
            scope.report(
                "RB2101",
                f"`account.{multiplier}` {counted}, and the fee is per {unit.name}",
                node.per_unit,
                "another unit",
                "leave `per …` out" if schema.unit is None else f"write `per {schema.unit.name}`",
            )
            return None
        if amount is not None:
            amount = amount * schema.unit.scale / unit.scale
    when = resolve_when(scope, node.when, Subject(None))
    if amount is None or len(when) != len(node.when):
        return None
    calendar = node.term.count == 1 and node.term.unit is not syntax.TermUnit.YEAR and not billing.anchored
    return Fee(
        name=node.name.text,
        labels=scope.labels(node.name.text, node.label, node.annotations),
        place=scope.place(node),
        text=_fee_text(scope, node),
        amount=amount,
        every=every_of(node.term),
        calendar=calendar,
        in_advance=node.in_advance,
        proration=_PRORATIONS[node.proration],
        per=per,
        multiplier=multiplier,
        trial=None if node.trial is None else every_of(node.trial),
        trial_steps=0 if node.trial is None else 1,
        when=when,
        because=because(node.annotations),
        citation=citation(node.annotations),
    )


def _fee_text(scope: Scope, node: syntax.Fee) -> str:
    unit = node.term.unit.value
    term = unit if node.term.count == 1 else f"{node.term.count} {unit}s"
    per = "" if node.per_unit is None else f" per {node.per_unit.text}"
    return f"{scope.text(node.money)}{per} per {term}"


def _include(scope: Scope, node: syntax.Include) -> Include | None:
    meter = scope.look_up(scope.meters, node.meter, "meter")
    if node.prorated:
        scope.not_built("included units that are prorated by day", node)
        return None
    if meter is None:
        return None
    quantity = quantity_in(scope, node.quantity, meter.unit if meter.unit.name else None, f"meter {meter.name}")
    if quantity is None:
        return None
    if quantity < 0:
        scope.report(
            "RB2103", "what is included cannot be below zero", node.quantity, "below zero", "leave the minus out"
        )
        return None
    return Include(
        meter=meter.name,
        quantity=quantity,
        text=scope.text(node),
        place=scope.place(node),
        every=None if node.term is None else every_of(node.term),
        because=because(node.annotations),
        citation=citation(node.annotations),
    )


def _plan_bound(scope: Scope, node: syntax.PlanBound, lines: frozenset[str]) -> PlanBound | None:
    resolved = bound(scope, node)
    unknown = [line for line in node.lines if line.text not in lines]
    for line in unknown:
        scope.unknown(line, line.text, "line of this plan", sorted(lines))
    if resolved is None or unknown:
        return None
    low = node.kind is syntax.BoundKind.MINIMUM
    labels = MINIMUM_LABELS if low else CAP_LABELS
    if node.annotations is not None and node.annotations.labels:
        labels = scope.labels(labels.default, None, node.annotations)
    kind = BoundKind.MINIMUM if low else BoundKind.CAP
    return PlanBound(kind, resolved, labels, tuple(line.text for line in node.lines))

"""What a contract changes: the items of what it extends, with its removals, replacements and additions made.

Items are text here, so that every line still cites the place where its price stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import assert_never

from ....diagnostics import Label
from ....grammar import syntax
from .dates import resolve_dates
from .scope import Scope, near_names
from .versions import Draft, by_date


@dataclass(slots=True)
class Contracts:
    """What contracts say of policies: those that they remove, and those that they add."""

    removed: dict[str, set[str]] = field(default_factory=dict)
    added: dict[str, list[syntax.Policy]] = field(default_factory=dict)


def draft_of_contract(
    scope: Scope,
    contract: syntax.Contract,
    drafts: Mapping[str, list[Draft]],
    policies: frozenset[str],
    changes: Contracts,
) -> Draft | None:
    """A contract as the items of what it extends with its changes made; None with findings where there is no such.

    What it says of policies is noted in `changes`.
    """
    dates = resolve_dates(scope, contract.dating)
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
    base = next((draft for draft in by_date(bases) if _in_force(draft, day)), None)
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

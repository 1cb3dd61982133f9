"""What a policy or tax touches: the plans that it is for, and the lines that it names."""

from __future__ import annotations

from ....grammar import syntax
from ...plan import OfMeter, Targets
from ..model import Plan
from .scope import Scope

NO_TARGETS = Targets((), everything=False, text="")


def resolve_targets(scope: Scope, node: syntax.Targets, plans: tuple[Plan, ...]) -> Targets | None:
    """The lines that are named: charges and fees of any plan, `charges`, `fees`, or `total`."""
    lines = scope.plan_lines(plans)
    charges, fees = lines.charges, lines.fees
    names: list[str] = []
    everything = False
    sound = True
    for name in node.names:
        match name.text:
            case "total":
                everything = True
            case "charges":
                names.extend(charges)
            case "fees":
                names.extend(fees)
            case text if text in charges or text in fees:
                names.append(text)
            case text:
                scope.unknown(name, text, "line", [*charges, *fees, "charges", "fees", "total"])
                sound = False
    return Targets(tuple(dict.fromkeys(names)), everything, scope.text(node)) if sound else None


def charges_of(plans: tuple[Plan, ...], meter: str) -> tuple[str, ...]:
    """The charges that price a meter."""
    return tuple(
        dict.fromkeys(
            charge.name
            for plan in plans
            for charge in plan.charges
            if isinstance(charge.source, OfMeter) and charge.source.meter == meter
        )
    )


def plans_meant(scope: Scope, names: tuple[syntax.Name, ...], plans: tuple[Plan, ...]) -> tuple[str, ...] | None:
    """The plans that are named, none for all; None with findings where one is not declared."""
    known = {plan.name for plan in plans}
    unknown = [name for name in names if name.text not in known]
    for name in unknown:
        scope.unknown(name, name.text, "plan", sorted(known))
    return None if unknown else tuple(name.text for name in names)


def touches(
    scope: Scope, node: syntax.Policy | syntax.Tax, targets: Targets, meant: tuple[str, ...], plans: tuple[Plan, ...]
) -> bool:
    """Whether a policy finds a line to touch in the plans that it is for; a finding where it does not."""
    written = _targets_of(node)
    if not meant or written is None or targets.everything:
        return True
    kind = node.kind.value if isinstance(node, syntax.Policy) else "tax"
    there = {line for plan in scope.plan_lines(plans).of(meant) for line in plan.line_names}
    missing = [
        name
        for name in written.names
        if name.text not in ("charges", "fees", "total") and name.text not in there and not scope.is_lost(name.text)
    ]
    whose = " and ".join(f"`{name}`" for name in meant)
    if missing and len(missing) == len(written.names):
        scope.report(
            "RB2406",
            f"{kind} `{node.name.text}` can never apply: {whose} {'has' if len(meant) == 1 else 'have'} no line "
            + " or ".join(f"`{name.text}`" for name in missing),
            written,
            f"no line of {whose}",
            f"name lines of {whose}: {', '.join(sorted(there))}" if there else f"give {whose} a charge",
            f"write it `for` the plans that have {'this line' if len(missing) == 1 else 'these lines'}",
        )
        return False
    for name in missing:
        scope.unknown(name, name.text, f"line of {whose}", sorted(there))
    return not missing


def _targets_of(node: syntax.Policy | syntax.Tax) -> syntax.Targets | None:
    if isinstance(node, syntax.Tax):
        return node.of
    match node.effect:
        case (
            syntax.PercentOff(_, targets)
            | syntax.MoneyOff(_, targets)
            | syntax.AddPercent(of=syntax.Targets() as targets)
        ):
            return targets
        case _:
            return None

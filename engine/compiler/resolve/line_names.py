"""Names of lines: what a charge, fee, policy, tax or card may be called, so that no statement has one name twice."""

from __future__ import annotations

from ....diagnostics import Label, Span
from ....grammar import syntax
from ..model import Plan
from .scope import RESERVED_LINES, Scope


def reserved_line(scope: Scope, name: syntax.Name) -> None:
    """Note a line with a name that the language keeps for itself."""
    scope.report(
        "RB2003",
        f"`{name.text}` is a reserved name, so no line can be called so",
        name,
        "reserved",
        f"call it `{name.text}_line`, say",
    )


def scope_name(
    scope: Scope, name: syntax.Name, kind: str, meant: tuple[str, ...] | None, plans: tuple[Plan, ...]
) -> bool:
    """Whether a policy, tax or card may have its name on the statements of the plans that are meant."""
    if name.text in RESERVED_LINES:
        reserved_line(scope, name)
        return False
    lines = scope.plan_lines(plans)
    for what, span in lines.called(name.text, meant or ()):
        _name_taken(scope, name, kind, what, span)
        return False
    for other, what, span, others in scope.own_lines:
        if other != name.text:
            continue
        if not others or not meant or any(each in others for plan in lines.of(meant) for each in plan.lineage):
            _name_taken(scope, name, kind, what, span)
            return False
    scope.own_lines.append((name.text, kind, name.span, meant or ()))
    return True


def _name_taken(scope: Scope, name: syntax.Name, kind: str, other: str, span: Span) -> None:
    if kind == other:
        scope.declared_before(name, name.text, kind, span)
        return
    scope.report(
        "RB2002",
        f"{kind} `{name.text}` has the name of a {other}, and both are lines of one statement",
        name,
        "the same name",
        f"give one of them another name, such as `{name.text}_{kind}`",
        labels=(Label(span, f"the {other}"),),
    )

"""Names of lines: what a charge, fee, policy, tax or card may be called, so that no statement has one name twice."""

from __future__ import annotations

from collections.abc import Iterator

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
    concerned = [plan for plan in plans if not meant or any(each in meant for each in plan.lineage)]
    for plan in concerned:
        for line, what, span in _lines_with_spans(plan):
            if line == name.text:
                _name_taken(scope, name, kind, what, span)
                return False
    for other, what, span, others in scope.own_lines:
        shared = not others or not meant or any(each in others for plan in concerned for each in plan.lineage)
        if other == name.text and shared:
            _name_taken(scope, name, kind, what, span)
            return False
    scope.own_lines.append((name.text, kind, name.span, meant or ()))
    return True


def _lines_with_spans(plan: Plan) -> Iterator[tuple[str, str, Span]]:
    for charge in plan.charges:
        yield charge.name, "charge", charge.span
    for fee in plan.fees:
        yield fee.name, "fee", Span(fee.place.file, fee.place.start, fee.place.start)


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

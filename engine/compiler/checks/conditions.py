"""Conditions that nothing can meet, on whatever they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ....diagnostics import Diagnostic, Span
from ...condition import Condition
from ...usage import FieldSchema
from ..model import Ruleset
from ..satisfy import witness


def check_never(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Conditions that nothing can meet."""
    attributes = ruleset.schema.attributes
    for item in ruleset.policies:
        yield from _never(f"{item.policy.kind.value} `{item.policy.name}`", item.policy.when, item.span, attributes)
    for tax in ruleset.taxes:
        yield from _never(f"tax `{tax.tax.name}`", tax.tax.when, tax.span, attributes)
    for plan in ruleset.plans:
        for charge in plan.charges:
            yield from _never(f"charge `{charge.name}`", charge.when, charge.span, attributes)
        for fee in plan.fees:
            place = Span(fee.place.file, fee.place.start, fee.place.end)
            yield from _never(f"fee `{fee.name}`", fee.when, place, attributes)


def _never(
    what: str, conditions: tuple[Condition, ...], span: Span, attributes: Mapping[str, FieldSchema]
) -> Iterator[Diagnostic]:
    if witness(conditions, attributes) is not None:
        return
    core = list(conditions)
    for condition in conditions:
        fewer = [other for other in core if other is not condition]
        if witness(fewer, attributes) is None:
            core = fewer
    texts = " and ".join(f"`{condition.text}`" for condition in core)
    hold = "never holds" if len(core) == 1 else "never hold together"
    yield Diagnostic(
        "RB2211",
        f"{what} can never apply: {texts} {hold}",
        span,
        "never applies",
        hints=("change or remove one of the conditions" if len(core) > 1 else "change the condition", "remove it"),
    )

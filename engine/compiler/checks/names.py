"""Names that a reader takes for one another."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping

from ....diagnostics import Diagnostic, Label, Span
from ..model import Ruleset

_ALIKE = str.maketrans({"0": "o", "1": "l", "i": "l", "|": "l", "5": "s", "_": None})


def check_look_alikes(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Two names of one kind that differ only in letters which look the same, in case, or in underscores."""
    lines: dict[str, Span] = {}
    for plan in ruleset.plans:
        for charge in plan.charges:
            if charge.name not in ruleset.meters:
                lines.setdefault(charge.name, charge.span)
        for fee in plan.fees:
            lines.setdefault(fee.name, Span(fee.place.file, fee.place.start, fee.place.end))
    lines |= {item.policy.name: item.span for item in ruleset.policies}
    lines |= {item.tax.name: item.span for item in ruleset.taxes}
    plans = {plan.name: plan.span for plan in ruleset.plans}
    for what, names in (("meter", ruleset.meter_spans), ("window", ruleset.window_spans), ("plan", plans)):
        yield from _alike(what, names)
    yield from _alike("line", lines)


def _alike(what: str, names: Mapping[str, Span]) -> Iterator[Diagnostic]:
    seen: dict[str, str] = {}
    for name, span in sorted(names.items(), key=lambda item: item[1]):
        other = seen.setdefault(_shape(name), name)
        if other != name:
            yield Diagnostic(
                "RB1014",
                f"the names `{other}` and `{name}` look alike",
                span,
                f"a {what} of its own, or `{other}`?",
                (Label(names[other], "looks the same"),),
                ("give one of them a name that cannot be taken for the other", f"write `{other}`, if it is the same"),
                (f"witness: a price for `{name}` that was meant for `{other}` leaves the other as it was",),
            )


def _shape(name: str) -> str:
    """What a name looks like: one text for all that can be taken for each other."""
    plain = unicodedata.normalize("NFKC", name).casefold().translate(_ALIKE)
    return plain.replace("rn", "m").replace("vv", "w") or name

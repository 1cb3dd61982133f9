"""Dates that are missing where others, or a name, say that they matter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from fractions import Fraction
from itertools import permutations

from ....diagnostics import Diagnostic, Label
from ....money import decimal_text
from ...condition import Attribute, Condition, Month, StartsIn, operands
from ...plan import PercentOff, Targets
from ...usage import FieldKind
from ..lower import concerns
from ..model import Plan, PolicyModel, Ruleset, TaxModel
from ..satisfy import witness

_YEAR = re.compile(r"(?<![0-9])(?:20[0-9]{2})(?![0-9])")
_FIRST_WORD = re.compile(r"[^\W\d_]+")


def check_missing_dates(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Undated contracts of a plan with versions, undated rules named after a year, and taxes that never make way."""
    yield from _contracts(ruleset)
    rules: tuple[PolicyModel | TaxModel, ...] = (*ruleset.policies, *ruleset.taxes)
    for item in rules:
        yield from _named_after_a_year(ruleset, item)
    yield from _taxes(ruleset)


def _contracts(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """A contract copies the version that is in force when it begins; without a beginning that is the oldest one."""
    for contract in ruleset.plans:
        if not contract.is_contract or contract.start is not None:
            continue
        versions = [plan for plan in ruleset.plans if plan.name == contract.lineage[1]]
        if len(versions) < 2:
            continue
        first, last = versions[0], versions[-1]
        yield Diagnostic(
            "RB2305",
            f"contract `{contract.name}` has no beginning, and `{first.name}` has {len(versions)} versions",
            contract.span,
            "which version does it copy?",
            (Label(first.span, "now this one, the oldest"),),
            (
                f"write `from {last.start}` to copy the latest version",
                "write the day on which the contract was made",
                'keep it with `allow RB2305 because "…"`',
            ),
            (
                (
                    f"witness: in {last.start:%Y-%m} `{contract.name}` has the prices of `{first.name}` "
                    f"before {first.end}; with `from {last.start}` it would have those of that day"
                ),
            )
            if last.start is not None
            else (),
        )


def _named_after_a_year(ruleset: Ruleset, item: PolicyModel | TaxModel) -> Iterator[Diagnostic]:
    rule = item.policy if isinstance(item, PolicyModel) else item.tax
    texts = [rule.name, rule.labels.default, *rule.labels.by_language.values()]
    year = next((found.group() for text in texts if (found := _YEAR.search(text)) is not None), None)
    if year is None or rule.start or rule.end or _knows_time(ruleset, item):
        return
    kind = item.policy.kind.value if isinstance(item, PolicyModel) else "tax"
    yield Diagnostic(
        "RB2305",
        f"{kind} `{rule.name}` is named after {year} and has no dates",
        item.span,
        "holds for ever",
        hints=(
            f"write `from {year}-01-01 before {int(year) + 1}-01-01`, or the days that are meant",
            "write `during` with a window of those days",
            'keep it with `allow RB2305 because "…"`',
        ),
        notes=(f"witness: it holds for bills of {int(year) - 1} and of {int(year) + 1} as well",),
    )


def _knows_time(ruleset: Ruleset, item: PolicyModel | TaxModel) -> bool:
    """Whether conditions or a window already say when something holds."""
    rule = item.policy if isinstance(item, PolicyModel) else item.tax
    if isinstance(item, PolicyModel) and isinstance(item.policy.effect, PercentOff) and item.policy.effect.during:
        return True
    return any(_asks_time(ruleset, condition) for condition in rule.when)


def _asks_time(ruleset: Ruleset, condition: Condition) -> bool:
    if isinstance(condition, StartsIn) or any(isinstance(part, StartsIn) for part in getattr(condition, "parts", ())):
        return True
    attributes = ruleset.schema.attributes
    return any(
        isinstance(each, Month) or (isinstance(each, Attribute) and attributes[each.name].kind is FieldKind.DATE)
        for each in operands(condition)
    )


def _taxes(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """A tax that begins on a day beside one of the same family without an end: from that day on both are added."""
    for earlier, later in permutations(ruleset.taxes, 2):
        start = later.tax.start
        if start is None or earlier.tax.end is not None or not _began_before(earlier, start):
            continue
        if _family(earlier.tax.name) != _family(later.tax.name) or not _share(earlier.tax.targets, later.tax.targets):
            continue
        plan = _in_common(ruleset.plans, earlier, later)
        both = [*earlier.tax.when, *later.tax.when]
        if plan is None or witness(both, ruleset.schema.attributes) is None:
            continue
        added = _percent(earlier.tax.percent + later.tax.percent)
        yield Diagnostic(
            "RB2305",
            f"tax `{earlier.tax.name}` has no end, and `{later.tax.name}` begins on {start}: "
            "from then on both are added",
            earlier.span,
            "never ends",
            (Label(later.dating or later.span, "the other begins"),),
            (
                f"end it: `before {start}`",
                "give the two names of their own, if both are due",
                'keep it with `allow RB2305 because "…"`',
            ),
            (
                (
                    f"witness: on 100.00 of `{plan.name}` the taxes of {start:%Y-%m} are {added}, "
                    f"and {_percent(later.tax.percent)} if the first one ends"
                ),
            ),
        )


def _began_before(earlier: TaxModel, start: date) -> bool:
    return earlier.tax.start is None or earlier.tax.start < start


def _family(name: str) -> str:
    """The first word of a name: `vat` of `vat_2027`, `vat19` and `vat_old`."""
    found = _FIRST_WORD.match(name)
    return found.group().casefold() if found else name


def _share(left: Targets, right: Targets) -> bool:
    return left.everything or right.everything or not set(left.names).isdisjoint(right.names)


def _in_common(plans: Sequence[Plan], *taxes: TaxModel) -> Plan | None:
    return next((plan for plan in plans if all(concerns(tax.plans, plan) for tax in taxes)), None)


def _percent(share: Fraction) -> str:
    return decimal_text(share * 100, 2) or str(share * 100)

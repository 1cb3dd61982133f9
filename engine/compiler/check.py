"""Checks on a resolved ruleset: what costs money before it costs money. Each finding carries a witness.

`CHECKS` lists them, one concern a function from the model to findings. Gaps, overlaps and unreachable rows of tables
are found where their trees are built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import combinations, pairwise

from ...diagnostics import Diagnostic, Label, Span
from ...money import decimal_text, symbols
from ..condition import AmountOf, Attribute, Condition, FieldOf, Month, Scalar, UsageOf, operands
from ..dispatch import value_text
from ..plan import AddPerUnit, Combination, MoneyOff, OfMeter, PercentOff, PolicyKind, UnitsFree
from ..schedule import Mode
from .lower import policies_of
from .model import Charge, Plan, PolicyModel, Price, Row, Ruleset
from .satisfy import Subject, witness


def check(ruleset: Ruleset) -> tuple[Diagnostic, ...]:
    """All findings of all checks, each once."""
    found: dict[Diagnostic, None] = {}
    for one in CHECKS:
        found.update(dict.fromkeys(one(ruleset)))
    return tuple(found)


def _conditions(item: PolicyModel) -> tuple[Condition, ...]:
    return item.policy.when


# Policies that meet


def _check_combinations(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Two discounts, or two offers, that can hold together on one line need a word on how they combine."""
    reported: set[tuple[str, str]] = set()
    for plan in ruleset.plans:
        for kind in (PolicyKind.DISCOUNT, PolicyKind.OFFER):
            own = [item for item in policies_of(ruleset, plan) if item.policy.kind is kind]
            for first, second in combinations(own, 2):
                names = (first.policy.name, second.policy.name)
                line = _shared_line(first, second, plan)
                if kind in ruleset.combinations or line is None or names in reported:
                    continue
                facts = _together(first, second, ruleset)
                if facts is None:
                    continue
                reported.add(names)
                yield _unsaid_combination(first, second, line, facts, kind)


def _shared_line(first: PolicyModel, second: PolicyModel, plan: Plan) -> str | None:
    lines = plan.line_names
    for name in lines:
        if all(item.policy.targets.everything or name in item.policy.targets.names for item in (first, second)):
            return name
    return None


def _together(first: PolicyModel, second: PolicyModel, ruleset: Ruleset) -> Mapping[Subject, Scalar] | None:
    one, other = first.policy, second.policy
    starts = [day for day in (one.start, other.start) if day is not None]
    ends = [day for day in (one.end, other.end) if day is not None]
    if starts and ends and max(starts) >= min(ends):
        return None
    return witness([*_conditions(first), *_conditions(second)], ruleset.schema.attributes)


def _unsaid_combination(
    first: PolicyModel, second: PolicyModel, line: str, facts: Mapping[Subject, Scalar], kind: PolicyKind
) -> Diagnostic:
    names = f"{first.policy.name} and {second.policy.name}"
    return Diagnostic(
        "RB2401",
        f"{kind.value}s {names} can hold together on `{line}`, and the ruleset does not say how they combine",
        second.span,
        "may hold at the same time",
        (Label(first.span, "as this one"),),
        (
            f"`{kind.value}s combine best one`: the one that takes most from a line",
            f"`{kind.value}s combine add up`: each from the full amount",
            f"`{kind.value}s combine one after another`: each from what the one before it left",
        ),
        (f"witness: {facts_text(facts)}: both hold{_readings(first, second)}",),
    )


def _readings(first: PolicyModel, second: PolicyModel) -> str:
    """What each reading takes off a line of 100, where both are plain percentages."""
    one, other = first.policy.effect, second.policy.effect
    if not isinstance(one, PercentOff) or not isinstance(other, PercentOff) or one.during or other.during:
        return ""
    best = max(one.percent, other.percent)
    added = min(one.percent + other.percent, Fraction(1))
    after = 1 - (1 - one.percent) * (1 - other.percent)
    shown = [decimal_text(share * 100) or str(share * 100) for share in (best, added, after)]
    return f"; of 100.00 they take {shown[0]} (best one), {shown[1]} (add up) or {shown[2]} (one after another)"


def facts_text(facts: Mapping[Subject, Scalar]) -> str:
    """A witness in the words of the language."""
    if not facts:
        return "any account"
    return ", ".join(f"{_subject_text(subject)} {_value_text(value)}" for subject, value in facts.items())


def _subject_text(subject: Subject) -> str:
    match subject:
        case Attribute(name):
            return f"account.{name}"
        case FieldOf(name):
            return name
        case UsageOf(meter):
            return f"usage of {meter}"
        case AmountOf(line):
            return f"amount of {line}"
        case Month():
            return "month"


def _value_text(value: Scalar) -> str:
    text = value_text(value)
    return f"{int(text):,}" if text.isdigit() else text


def _check_stacking(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Discounts that add up past 100% take more than everything."""
    for kind, rule in ruleset.combinations.items():
        if rule is not Combination.ADD_UP:
            continue
        for plan in ruleset.plans:
            yield from _stacking(ruleset, plan, kind)


def _stacking(ruleset: Ruleset, plan: Plan, kind: PolicyKind) -> Iterator[Diagnostic]:
    for line in plan.line_names:
        stacked: list[PolicyModel] = []
        total = Fraction(0)
        for item in policies_of(ruleset, plan):
            effect = item.policy.effect
            if item.policy.kind is not kind or not isinstance(effect, PercentOff):
                continue
            if not (item.policy.targets.everything or line in item.policy.targets.names):
                continue
            conditions = [condition for other in [*stacked, item] for condition in _conditions(other)]
            if witness(conditions, ruleset.schema.attributes) is None:
                continue
            stacked.append(item)
            total += effect.percent
        if total > 1:
            names = ", ".join(item.policy.name for item in stacked)
            percent = decimal_text(total * 100) or str(total * 100)
            yield Diagnostic(
                "RB2402",
                f"{kind.value}s {names} can add up to {percent}% of `{line}`",
                stacked[-1].span,
                "more than everything",
                tuple(Label(item.span, "and this one") for item in stacked[:-1]),
                (f"write `{kind.value}s combine best one`", "lower them", "let their conditions exclude each other"),
                (f"witness: of 100.00 for {line} they would take {percent}",),
            )


def _check_never(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Conditions that nothing can meet."""
    for item in ruleset.policies:
        if item.policy.when and witness(item.policy.when, ruleset.schema.attributes) is None:
            yield _never(item.policy.name, item.span)
    for tax in ruleset.taxes:
        if tax.tax.when and witness(tax.tax.when, ruleset.schema.attributes) is None:
            yield _never(tax.tax.name, tax.span)
    for plan in ruleset.plans:
        for charge in plan.charges:
            if charge.when and witness(charge.when, ruleset.schema.attributes) is None:
                yield _never(charge.name, charge.span)


def _never(name: str, span: Span) -> Diagnostic:
    return Diagnostic(
        "RB2211",
        f"the conditions of `{name}` can never hold together",
        span,
        "never applies",
        hints=("remove one of its conditions", "remove it"),
    )


def _check_best_one(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """`best one` decides line by line, so a fixed amount may name only one line."""
    for plan in ruleset.plans:
        for item in policies_of(ruleset, plan):
            policy = item.policy
            if ruleset.combinations.get(policy.kind) is not Combination.BEST_ONE:
                continue
            lines = [name for name in plan.line_names if policy.targets.everything or name in policy.targets.names]
            rivals = [
                other
                for other in policies_of(ruleset, plan)
                if other is not item and other.policy.kind is policy.kind and _shared_line(item, other, plan)
            ]
            if isinstance(policy.effect, MoneyOff) and len(lines) > 1 and rivals:
                yield Diagnostic(
                    "RB2405",
                    f"under `best one`, which decides line by line, `{policy.name}` takes one amount off "
                    f"{len(lines)} lines",
                    item.span,
                    f"off {', '.join(lines)}",
                    hints=("name one line", "write `combine one after another`"),
                )


# Meters and prices


def _check_unpriced(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Meters that no charge, policy, included quantity, width or condition asks for."""
    asked: set[str] = set(ruleset.costs)
    for plan in ruleset.plans:
        asked |= {include.meter for include in plan.includes}
        for charge in plan.charges:
            if isinstance(charge.source, OfMeter):
                asked.add(charge.source.meter)
            asked |= {
                band.width_per.meter
                for row in charge.rows
                for band in row.bands
                if band.width_per is not None and band.width_per.meter is not None
            }
            asked |= _meters_in(charge.when)
        for fee in plan.fees:
            asked |= _meters_in(fee.when)
    for item in ruleset.policies:
        effect = item.policy.effect
        if isinstance(effect, UnitsFree | AddPerUnit) and effect.meter is not None:
            asked.add(effect.meter)
        asked |= _meters_in(item.policy.when)
    for tax in ruleset.taxes:
        asked |= _meters_in(tax.tax.when)
    for name, span in ruleset.meter_spans.items():
        if name not in asked and ruleset.plans:
            yield Diagnostic(
                "RB2210",
                f"nothing prices meter `{name}`",
                span,
                "its usage costs nothing",
                hints=(
                    f"add `charge {name}: …` to a plan",
                    "remove the meter",
                    'keep it with `allow RB2210 because "…"`',
                ),
            )


def _meters_in(conditions: tuple[Condition, ...]) -> set[str]:
    return {
        operand.meter for condition in conditions for operand in operands(condition) if isinstance(operand, UsageOf)
    }


def _check_cliffs(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Bounds of volume and stairstep bands past which using more costs less."""
    for plan in ruleset.plans:
        for charge in plan.charges:
            if charge.mode is Mode.GRADUATED:
                continue
            for row in charge.rows:
                yield from _cliffs(ruleset, charge, row)


def _cliffs(ruleset: Ruleset, charge: Charge, row: Row) -> Iterator[Diagnostic]:
    for band, following in pairwise(row.bands):
        if band.upper is None or band.price.refused or following.price.refused or band.width_per is not None:
            continue
        at, past = _amount(band.upper, band.price), _amount(band.upper, following.price)
        if band.price.step is not None or following.price.step is not None or past >= at:
            continue
        unit = f" {charge.unit_text}" if charge.unit_text else ""
        bound = f"{_number(band.upper)}{unit}"
        yield Diagnostic(
            "RB2209",
            f"just above {bound}, using more of {charge.name} costs less",
            following.span,
            f"costs {_money(past, ruleset)} from here",
            (Label(band.span, f"costs {_money(at, ruleset)} at its end"),),
            (
                "write `graduated`, so that only what lies above is cheaper",
                'keep it with `allow RB2209 because "…"`',
            ),
            (f"witness: {bound} cost {_money(at, ruleset)}, the least above costs {_money(past, ruleset)}",),
        )


def _amount(quantity: Fraction, price: Price) -> Fraction:
    return quantity * price.rate + price.once


def _number(value: Fraction) -> str:
    text = decimal_text(value) or str(value)
    whole, dot, decimals = text.partition(".")
    return f"{int(whole):,}{dot}{decimals}"


def _money(value: Fraction, ruleset: Ruleset) -> str:
    currency = ruleset.money.currency
    signs = symbols(currency.code)
    text = decimal_text(value, currency.minor_digits) or str(value)
    whole, dot, decimals = text.partition(".")
    return f"{signs[0] if signs else currency.code + ' '}{int(whole):,}{dot}{decimals}"


CHECKS: tuple[Callable[[Ruleset], Iterator[Diagnostic]], ...] = (
    _check_combinations,
    _check_stacking,
    _check_best_one,
    _check_never,
    _check_unpriced,
    _check_cliffs,
)

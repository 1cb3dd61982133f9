"""Checks on a resolved ruleset: what costs money before it costs money. Each finding carries a witness.

`CHECKS` lists them, one concern a function from the model to findings. Gaps, overlaps and unreachable rows of tables
are found where their trees are built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import combinations, pairwise
from typing import TypeAlias

from ...diagnostics import Diagnostic, Label, Span
from ...money import decimal_text, symbols
from ..condition import AmountOf, Attribute, Condition, FieldOf, Month, Scalar, UsageOf, operands
from ..dispatch import value_text
from ..period import billing_period
from ..plan import AddPerUnit, Combination, Effect, MoneyOff, OfMeter, PercentOff, PolicyKind, UnitsFree
from ..schedule import Mode
from ..usage import FieldSchema
from .lower import concerns, policies_of
from .model import Charge, Plan, PolicyModel, Price, Row, Ruleset, TaxModel
from .resolve.plans import begins_period
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
        candidates = [
            (effect.percent, item)
            for item in policies_of(ruleset, plan)
            if item.policy.kind is kind
            and isinstance(effect := item.policy.effect, PercentOff)
            and (item.policy.targets.everything or line in item.policy.targets.names)
        ]
        stacked = _past_everything(candidates, (), Fraction(0), ruleset)
        if stacked is None:
            continue
        names = ", ".join(item.policy.name for _, item in stacked)
        total = sum((share for share, _ in stacked), Fraction(0)) * 100
        percent = decimal_text(total) or str(total)
        yield Diagnostic(
            "RB2402",
            f"{kind.value}s {names} can add up to {percent}% of `{line}`",
            stacked[-1][1].span,
            "more than everything",
            tuple(Label(item.span, "and this one") for _, item in stacked[:-1]),
            (f"write `{kind.value}s combine best one`", "lower them", "let their conditions exclude each other"),
            (f"witness: of 100.00 for {line} they would take {percent}",),
        )


_Shares: TypeAlias = Sequence[tuple[Fraction, PolicyModel]]


def _past_everything(
    left: _Shares, taken: tuple[tuple[Fraction, PolicyModel], ...], total: Fraction, ruleset: Ruleset
) -> _Shares | None:
    """Policies that can hold together and take more than everything, or None where there are none such."""
    if total > 1:
        return taken
    if not left or total + sum(share for share, _ in left) <= 1:
        return None
    (share, item), rest = left[0], left[1:]
    policies = [*(other for _, other in taken), item]
    dates = [(other.policy.start or date.min, other.policy.end or date.max) for other in policies]
    meet = max(start for start, _ in dates) < min(end for _, end in dates)
    conditions = [condition for other in policies for condition in _conditions(other)]
    if meet and witness(conditions, ruleset.schema.attributes) is not None:
        found = _past_everything(rest, (*taken, (share, item)), total + share, ruleset)
        if found is not None:
            return found
    return _past_everything(rest, taken, total, ruleset)


def _check_never(ruleset: Ruleset) -> Iterator[Diagnostic]:
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
                    hints=("name one line", f"write `{policy.kind.value}s combine one after another`"),
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
        if name not in asked and name not in ruleset.mentioned and ruleset.plans:
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


# Dates


def _check_dates(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """A policy or tax that begins or ends inside a calendar period would hold for a part of a bill."""
    for item in ruleset.policies:
        policy = item.policy
        yield from _inside(ruleset, item, policy.kind.value, policy.name, policy.start, policy.end, policy.effect)
    for tax in ruleset.taxes:
        yield from _inside(ruleset, tax, "tax", tax.tax.name, tax.tax.start, tax.tax.end, None)


def _inside(
    ruleset: Ruleset,
    item: PolicyModel | TaxModel,
    kind: str,
    name: str,
    start: date | None,
    end: date | None,
    effect: Effect | None,
) -> Iterator[Diagnostic]:
    for day, verb in ((start, "begins"), (end, "ends")):
        plan = None if day is None else _cut(ruleset, item.plans, day)
        if day is None or plan is None:
            continue
        period = billing_period(plan.billing, day, day)
        hints = [f"write {period.start} or {period.end}: it holds for the periods that begin inside its dates"]
        if isinstance(effect, PercentOff) and effect.during is None:
            days = f"from {start} before {end}" if start and end else "with its days"
            hints.insert(
                0,
                f"to cut the period, declare `window {name}_days: {days}`, "
                f"and write `{effect.text} during {name}_days` without dates here",
            )
        yield Diagnostic(
            "RB2304",
            f"{kind} `{name}` {verb} on {day}, inside a billing period of `{plan.name}`",
            item.dating or item.span,
            "does it hold for that period?",
            hints=tuple(hints),
            notes=(f"witness: one bill of `{plan.name}` covers {period.start} to {period.end - timedelta(days=1)}",),
        )
        return


def _cut(ruleset: Ruleset, plans: tuple[str, ...], day: date) -> Plan | None:
    """A plan of a policy with a calendar period that a day divides."""
    for plan in ruleset.plans:
        in_force = (plan.start is None or plan.start <= day) and (plan.end is None or day <= plan.end)
        if in_force and concerns(plans, plan) and not begins_period(plan.billing, day):
            return plan
    return None


CHECKS: tuple[Callable[[Ruleset], Iterator[Diagnostic]], ...] = (
    _check_combinations,
    _check_stacking,
    _check_best_one,
    _check_never,
    _check_unpriced,
    _check_cliffs,
    _check_dates,
)

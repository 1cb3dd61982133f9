"""What comes after policies, in this order: plan minimum, plan cap, taxes, rounding of the total, prepaid cards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction

from ...money import Rounding, allocate, approximate_text, decimal_text, round_to
from ..condition import Missing
from ..derivation import Role, Step, difference, given, lesser, negative, product, quotient, rounded, total
from ..period import add_months
from ..plan import BoundKind, Card, PlanBound, Tax
from ..statement import Labels, Line, LineKind, NotApplied
from ..usage import CardHolding
from .charges import round_line, row_label
from .policies import Ledger
from .proration import bound_step
from .reasons import met, why_not
from .situation import PeriodFacts, Readings, Situation


def apply_bounds(kind: BoundKind, ledger: Ledger, readings: Readings) -> None:
    """Put the lines of the plan's minimums or caps on the ledger."""
    for bound in readings.situation.plan.bounds:
        if bound.kind is kind:
            _apply_bound(bound, ledger, readings.situation)


def _apply_bound(bound: PlanBound, ledger: Ledger, situation: Situation) -> None:
    money, mode = situation.program.money, situation.program.line_rounding
    code = money.currency.code
    indices = ledger.indices_of(bound.lines) if bound.lines else list(range(len(ledger.priced)))
    if bound.lines:
        parts = tuple(
            given(Role.TARGET, money.fraction(ledger.left[index]), row_label(ledger.priced[index].line), code)
            for index in indices
        )
    else:
        parts = tuple(_target(line, situation) for line in ledger.lines)
    base = total(Role.BASE, parts, "charges and fees after policies", code)
    limit = rounded(
        Role.BOUND,
        bound_step(bound.bound, situation),
        money.size,
        mode,
    )
    low = bound.kind is BoundKind.MINIMUM
    line_kind = LineKind.MINIMUM if low else LineKind.CAP
    gap = limit.value - base.value
    if gap <= 0 if low else gap >= 0:
        reason = _bound_reason(base.value, limit.value, situation, low=low)
        ledger.not_applied.append(NotApplied(bound.kind.value, line_kind, bound.labels, reason, bound.bound.place))
        return
    step = difference(Role.AMOUNT, (limit, base), bound.bound.text, code)
    amount = money.round(step.value, mode)
    taken = _spread(amount, indices, ledger)
    ledger.lines.append(
        Line(
            id=bound.kind.value,
            kind=line_kind,
            labels=bound.labels,
            amount=amount,
            derivation=round_line(situation, step),
            place=bound.bound.place,
            on=tuple(bound.lines),
            because=bound.bound.because,
            source=bound.bound.source,
            taken=taken,
        )
    )


def _bound_reason(base: Fraction, limit: Fraction, situation: Situation, *, low: bool) -> str:
    code = situation.program.money.currency.code
    have, want = _money_text(base, situation), _money_text(limit, situation)
    gap = _money_text(abs(base - limit), situation)
    if low:
        return f"the lines come to {have} {code}, {gap} {code} above the minimum of {want} {code}"
    return f"the lines come to {have} {code}, {gap} {code} below the cap of {want} {code}"


def _money_text(value: Fraction, situation: Situation) -> str:
    digits = situation.program.money.currency.minor_digits
    return decimal_text(value, digits) or approximate_text(value, 6)


def _spread(amount: int, indices: Sequence[int], ledger: Ledger) -> tuple[tuple[int, int], ...]:
    """Let an amount fall on lines in proportion to what they have left, where they have anything.

    What a cap takes beyond that falls on the penalties that fell on no line, in their order.
    """
    weights = [max(ledger.left[index], 0) for index in indices]
    if not any(weights):
        return ()
    borne = max(amount, -sum(weights))
    parts = allocate(borne, weights)
    for index, part in zip(indices, parts, strict=True):
        ledger.left[index] += part
    taken = [(index, part) for index, part in zip(indices, parts, strict=True) if part]
    rest = borne - amount
    for number, line in enumerate(ledger.lines):
        if rest and line.kind in (LineKind.PENALTY, LineKind.MINIMUM) and not line.on and not line.taken:
            part = min(line.amount, rest)
            taken.append((number, -part))
            rest -= part
    return tuple(taken)


def _target(line: Line, situation: Situation) -> Step:
    money = situation.program.money
    return given(Role.TARGET, money.fraction(line.amount), row_label(line), money.currency.code)


# Taxes


def apply_taxes(ledger: Ledger, readings: Readings, facts: PeriodFacts) -> list[int]:
    """Put the tax lines on the ledger; the result is each line's share of the taxes that are added."""
    shares = [0] * len(ledger.priced)
    before = tuple(ledger.lines)
    for tax in readings.situation.plan.taxes:
        reason = _tax_reason(tax, readings, facts)
        if reason is not None:
            ledger.not_applied.append(NotApplied(tax.name, LineKind.TAX, tax.labels, reason, tax.place))
            continue
        if tax.when:
            ledger.met[tax.name] = met(tax.when, facts)
        _apply_tax(tax, before, ledger, readings.situation, shares)
    return shares


def _tax_reason(tax: Tax, readings: Readings, facts: PeriodFacts) -> str | None:
    start = readings.situation.days.start
    if tax.start is not None and start < tax.start:
        return f"it holds for periods that begin on {tax.start} or later"
    if tax.end is not None and start >= tax.end:
        return f"it holds for periods that begin before {tax.end}"
    try:
        return why_not(tax.when, facts)
    except Missing as missing:
        raise readings.missing(missing.attribute, tax.name) from None


def _apply_tax(tax: Tax, before: Sequence[Line], ledger: Ledger, situation: Situation, shares: list[int]) -> None:
    money, mode = situation.program.money, situation.program.line_rounding
    code = money.currency.code
    indices = list(range(len(ledger.priced))) if tax.targets.everything else ledger.indices_of(tax.targets.names)
    if tax.targets.everything:
        parts = tuple(_target(line, situation) for line in before)
    else:
        parts = tuple(
            given(Role.TARGET, money.fraction(ledger.left[index]), row_label(ledger.priced[index].line), code)
            for index in indices
        )
    base = total(Role.BASE, parts, "sum before taxes", code)
    percent = given(Role.PERCENT, tax.percent, tax.text)
    if tax.included:
        hundred = total(Role.PART, (given(Role.PART, Fraction(1), "100%"), percent))
        step = product(Role.AMOUNT, (quotient(Role.PART, percent, hundred), base), tax.text, code)
    else:
        step = product(Role.AMOUNT, (percent, base), tax.text, code)
    amount = money.round(step.value, mode)
    if not amount:
        ledger.not_applied.append(NotApplied(tax.name, LineKind.TAX, tax.labels, "it comes to nothing", tax.place))
        return
    if not tax.included:
        weights = [max(ledger.left[index], 0) for index in indices]
        if any(weights):
            for index, part in zip(indices, allocate(amount, weights), strict=True):
                shares[index] += part
    ledger.lines.append(
        Line(
            id=tax.name,
            kind=LineKind.INCLUDED_TAX if tax.included else LineKind.TAX,
            labels=tax.labels,
            amount=amount,
            derivation=rounded(Role.ROUNDING, step, money.size, mode, f"rounded {mode.value}"),
            place=tax.place,
            on=tuple(dict.fromkeys(ledger.priced[index].line.id for index in indices)),
            because=tax.because,
            source=tax.citation,
            met=ledger.met.get(tax.name, ()),
        )
    )


def apply_total_rounding(ledger: Ledger, situation: Situation) -> None:
    """Put the line `rounding` on the ledger where the ruleset rounds its total."""
    rule, place = situation.program.total_rounding, situation.program.total_rounding_place
    if rule is None or place is None:
        return
    money = situation.program.money
    code = money.currency.code
    base = total(Role.BASE, tuple(_target(line, situation) for line in ledger.lines if line.is_added), "total", code)
    target = rounded(Role.BOUND, base, rule.size, rule.mode, f"rounded {rule.mode.value}")
    step = difference(Role.AMOUNT, (target, base), "rounding of the total", code)
    amount = money.round(step.value, situation.program.line_rounding)
    if amount:
        ledger.lines.append(
            Line(
                id="rounding",
                kind=LineKind.ROUNDING,
                labels=Labels("Rounding", {"zh": "舍入"}),
                amount=amount,
                derivation=round_line(situation, step),
                place=place,
            )
        )


# Prepaid cards


def expiry(card: Card, bought: date) -> date | None:
    """The first day on which a card is no longer valid; None for one that is always valid."""
    if card.valid_months is not None:
        return add_months(bought, card.valid_months)
    if card.valid_days is not None:
        return bought + timedelta(days=card.valid_days)
    return None


def cards_in_order(situation: Situation) -> list[tuple[Card, CardHolding, int]]:
    """The cards that take part, and their places in the list: soonest to expire, earliest bought, listed first."""
    found = []
    for number, holding in enumerate(situation.subscription.cards):
        card = situation.program.cards[holding.card]
        end = expiry(card, holding.bought)
        if holding.bought < situation.reached_days.end and (end is None or end >= situation.days.end):
            found.append(((end or date.max, holding.bought, number), card, holding))
    return [(card, holding, order[2]) for order, card, holding in sorted(found, key=lambda item: item[0])]


def payable_of_lines(ledger: Ledger, left_by_policies: Sequence[int], tax_shares: Sequence[int]) -> list[int]:
    """What a card for named lines may pay of each priced line: what policies left of it, and its share of taxes."""
    return [
        max(min(left, own) + (share if left <= own else share * max(own, 0) // left), 0)
        for left, own, share in zip(ledger.left, left_by_policies, tax_shares, strict=True)
    ]


def apply_cards(
    ledger: Ledger, left_by_policies: Sequence[int], tax_shares: Sequence[int], situation: Situation
) -> None:
    """Put the lines of prepaid cards on the ledger: they pay, and are no part of the total.

    A card for named lines pays what policies left of them and their share of added taxes: a plan's floor is not theirs,
    while what its ceiling takes off them is not owed.
    """
    money = situation.program.money
    code = money.currency.code
    open_total = sum(line.amount for line in ledger.lines if line.is_added)
    payable = payable_of_lines(ledger, left_by_policies, tax_shares)
    for card, holding, number in cards_in_order(situation):
        worth = card.worth if holding.left is None else holding.left
        indices = ledger.indices_of(card.pays) if card.pays else list(range(len(ledger.priced)))
        owed = max(open_total, 0) if not card.pays else min(max(open_total, 0), sum(payable[i] for i in indices))
        has = given(Role.LIMIT, worth, f"left on the card bought on {holding.bought}", code)
        owes = given(Role.BASE, money.fraction(owed), "what is left to pay", code)
        step = lesser(Role.AMOUNT, (owes, has))
        paid = round_to(step.value, money.size, Rounding.DOWN)
        if paid <= 0:
            continue
        open_total -= paid
        weights = [payable[index] for index in indices]
        if any(weights):
            for index, part in zip(indices, allocate(min(paid, sum(weights)), weights), strict=True):
                payable[index] -= part
        down = rounded(Role.ROUNDING, step, money.size, Rounding.DOWN, "rounded down")
        ledger.lines.append(
            Line(
                id=card.name,
                kind=LineKind.PREPAID,
                labels=card.labels,
                amount=-paid,
                derivation=negative(Role.AMOUNT, down),
                place=card.place,
                on=tuple(card.pays),
                card=number,
                because=card.because,
                source=card.citation,
            )
        )

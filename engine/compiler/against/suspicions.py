"""Findings about single changes: probable slips of prices, an exchanged currency. Each with a witness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from ....diagnostics import Diagnostic, Label, Span
from ....money import MoneyUnit
from ....records import Record
from ...plan import Bound, Card, Fee, Include, OfEach, PlanBound, Policy, Tax
from ..model import Plan
from .comparison import Change, Kind
from .effects import ChargePair, charge_function
from .plans import PlanChanges, source_text
from .prices import Priced, is_money
from .sides import Side, pair_versions
from .slips import Slip, percent_slip_of, quantity_slip_of, slip_of
from .things import amount_of
from .wording import money_text, price_text, quantity_text, rate_words

_LABELS_MAX = 3
_Placed = Fee | Include | Bound | Card | Tax | Policy


class Suspect(Record):
    """A price that looks like a slip: where it stands, what it is called, its words before and now, a witness."""

    slip: Slip
    name: str
    span: Span
    old: str
    new: str
    witness: str
    rows: int = 1


def check_slips(old: Side, new: Side, plans: Sequence[PlanChanges]) -> Iterator[Diagnostic]:
    """One finding for each charge (fee, policy, …) and kind of slip, however many of its prices it is in."""
    if old.program.money.currency != new.program.money.currency:
        yield from _currency(old, new)
        return
    grouped: dict[tuple[str, str], dict[Span, Suspect]] = {}
    for item in [*_in_plans(old, new, plans), *_in_rules(old, new)]:
        grouped.setdefault((item.name, item.slip.kind), {}).setdefault(item.span, item)
    for found in grouped.values():
        yield _slip(list(found.values()))


def _slip(found: list[Suspect]) -> Diagnostic:
    first = found[0]
    count = sum(item.rows for item in found)
    where = f" in {count} rows or bands" if count > 1 else ""
    return Diagnostic(
        "RB2701",
        f"the price of {first.name} {first.slip.words}{where}",
        first.span,
        f"`{first.old}` before",
        tuple(Label(item.span, f"`{item.old}` before") for item in found[1 : 1 + _LABELS_MAX]),
        (
            f"correct the amount, if it is a slip: it was `{first.old}`",
            'if it is meant, keep it with `allow RB2701 because "…"` in the same change',
        ),
        (f"witness: {first.witness}",),
    )


def _in_plans(old: Side, new: Side, plans: Sequence[PlanChanges]) -> Iterator[Suspect]:
    for plan in plans:
        for item, pair in plan.prices:
            yield from _in_price(item, pair, new.program.money)
        before, after = plan.pair.old, plan.pair.new
        fees = {fee.name: fee for fee in before.fees}
        for fee in after.fees:
            yield from _in_thing(fees.get(fee.name), fee, fee.name, old, new)
        includes = {item.meter: item for item in before.includes}
        for include in after.includes:
            yield from _in_thing(includes.get(include.meter), include, f"included {include.meter}", old, new)
        bounds = {(item.kind, item.lines): item for item in before.bounds}
        for bound in after.bounds:
            name = f"the plan's {bound.kind.value}"
            yield from _in_thing(bounds.get((bound.kind, bound.lines)), bound.bound, name, old, new)


def _in_rules(old: Side, new: Side) -> Iterator[Suspect]:
    policies = {(item.policy.kind, item.policy.name): item.policy for item in old.ruleset.policies}
    for item in new.ruleset.policies:
        policy = item.policy
        yield from _in_thing(policies.get((policy.kind, policy.name)), policy, policy.name, old, new)
    taxes = {item.tax.name: item.tax for item in old.ruleset.taxes}
    for tax in new.ruleset.taxes:
        yield from _in_thing(taxes.get(tax.tax.name), tax.tax, tax.tax.name, old, new)
    for name, card in new.ruleset.cards.items():
        yield from _in_thing(old.ruleset.cards.get(name), card, name, old, new)


def _in_price(item: Priced, pair: ChargePair, money: MoneyUnit) -> Iterator[Suspect]:
    before, after = item.old, item.new
    if before is None or after is None:
        return
    slip = None
    if before.step == after.step or (before.step is None) is (after.step is None):
        slip = percent_slip_of(before.rate, after.rate) if is_money(pair.new) else slip_of(before.rate, after.rate)
    slip = slip or slip_of(before.once, after.once)
    if slip is None and not before.step and pair.new.unit_text:
        slip = _unit_slip(pair, before.rate, after.rate)
    if slip is not None:
        witness = _witness(item, pair, money)
        yield Suspect(slip, pair.new.name, after.span, price_text(before), price_text(after), witness, item.count)


def _unit_slip(pair: ChargePair, old: Fraction, new: Fraction) -> Slip | None:
    """The same number for another unit, which `in_unit` has turned into another rate."""
    return slip_of(old, new) if pair.old.unit != pair.new.unit else None


def _witness(item: Priced, pair: ChargePair, money: MoneyUnit) -> str:
    """Some usage whose price shows it: the end of the band, or the units that the rate is for."""
    assert item.new is not None, "a price that is gone is no slip"
    charge = pair.new
    quantity = item.high
    if quantity is None:
        block = rate_words(item.new)[0]
        quantity = item.low + (item.new.step or max(block, Fraction(1)))
        if is_money(charge):
            quantity = item.low + 100
    amounts = []
    for side, row in ((pair.old, item.pair.old), (pair.new, item.pair.new)):
        function = charge_function(side, row, Fraction(0))
        amounts.append(None if function is None else function.at(quantity))
    counted = quantity_text(quantity, charge.unit_text, money if is_money(charge) else None)
    of = f" for {source_text(charge.source)}" if isinstance(charge.source, OfEach) else f" of {charge.name}"
    if amounts[0] is None or amounts[1] is None:
        return f"{counted}{of}: {price_text(item.old) if item.old else ''} before, {price_text(item.new)} now"
    return f"{counted}{of} cost {money_text(amounts[0], money)} before, {money_text(amounts[1], money)} now"


def _in_thing(old: object, new: object, name: str, old_side: Side, new_side: Side) -> Iterator[Suspect]:
    old = old.bound if isinstance(old, PlanBound) else old
    before, after = amount_of(old), amount_of(new)
    if before is None or after is None or before[1] != after[1]:
        return
    kinds = {"money": slip_of, "percent": percent_slip_of, "quantity": quantity_slip_of}
    slip = kinds[before[1]](before[0], after[0])
    if slip is None:
        return
    assert isinstance(old, _Placed) and isinstance(new, _Placed), "what has an amount has a place"
    place = new.place
    texts = [_amount_text(item, new_side.program.money) for item in (before, after)]
    was = old_side.text(old.place)
    yield Suspect(
        slip,
        name,
        Span(place.file, place.start, place.end),
        was,
        new_side.text(place),
        f"{name} was {texts[0]} and is {texts[1]}",
    )


def _amount_text(amount: tuple[Fraction, str], money: MoneyUnit) -> str:
    match amount[1]:
        case "money":
            return money_text(amount[0], money)
        case "percent":
            return f"{quantity_text(amount[0] * 100, '')}%"
        case _:
            return quantity_text(amount[0], "")


def _currency(old: Side, new: Side) -> Iterator[Diagnostic]:
    """Another currency under the same numbers; a real conversion changes the numbers too."""
    kept, all_prices = _kept_numbers(old, new)
    if not all_prices or kept * 2 <= all_prices:
        return
    before, after = old.program.money.currency.code, new.program.money.currency.code
    yield Diagnostic(
        "RB2705",
        f"the currency is {after} instead of {before}, and {kept} of {all_prices} prices keep their numbers",
        new.ruleset.span,
        f"prices in {after} from here on",
        hints=(
            f"convert the prices, or go back to `currency {before}`",
            'if it is meant, keep it with `allow RB2705 because "…"` in the same change',
        ),
        notes=(f"witness: usage that cost 100.00 {before} before costs 100.00 {after} now",),
    )


def _kept_numbers(old: Side, new: Side) -> tuple[int, int]:
    """How many prices and fees that are on both sides have the same number, and how many there are."""
    kept = total = 0
    for name, versions in new.versions.items():
        for pair in pair_versions(old.versions.get(name, ()), versions):
            if pair.old is None or pair.new is None:
                continue
            before, after = _numbers(pair.old.model), _numbers(pair.new.model)
            both = before.keys() & after.keys()
            total += len(both)
            kept += sum(before[key] == after[key] for key in both)
    return kept, total


def _numbers(plan: Plan) -> dict[tuple[str, int, int], tuple[Fraction, Fraction]]:
    found = {
        (charge.name, row_index, band_index): (band.price.rate, band.price.once)
        for charge in plan.charges
        if not is_money(charge)
        for row_index, row in enumerate(charge.rows)
        for band_index, band in enumerate(row.bands)
        if band.price.rate or band.price.once
    }
    return found | {(fee.name, -1, -1): (fee.amount, Fraction(0)) for fee in plan.fees}


def check_removed(old: Side, new: Side, changes: Iterable[Change]) -> Iterator[Diagnostic]:
    """Plans that are gone: accounts that are on them can be billed no more."""
    for change in changes:
        if change.kind is not Kind.REMOVED or change.what not in ("plan", "contract"):
            continue
        cited = "" if change.old_span is None else f" (it stood at {old.cited(change.old_span)})"
        hints = [
            f"keep the plan, and end it with `before DATE`: its accounts need another plan from then on{cited}",
            'if no account has it, keep this with `allow RB2703 because "…"` in the same change',
        ]
        if change.note:
            hints.insert(0, change.note)
        yield Diagnostic(
            "RB2703",
            f"{change.what} `{change.name}` is gone, and accounts may be on it",
            new.ruleset.span,
            f"without `{change.name}`",
            hints=tuple(hints),
            notes=(f"witness: an account on `{change.name}` had a bill before, and is refused with RB3101 now",),
        )

"""What changed outside of plans: policies, taxes, cards, meters, windows, events, attributes, the header."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import TypeVar

from ....diagnostics import Span
from ....grammar import syntax
from ...derivation import Place
from ...plan import Card, Policy, PolicyKind, Tax
from ..model import PolicyModel, Price, Ruleset, TaxModel
from .comparison import Change, Kind
from .meaning import meaning
from .sides import Side
from .things import Shown, Things, changed_things, with_difference
from .wording import price_text

T = TypeVar("T")


def changes_of_rules(old: Side, new: Side) -> Iterator[Change]:
    """Every change that belongs to no single plan."""
    yield from _header(old, new)
    yield from _policies(old, new)
    yield from _taxes(old, new)
    yield from _combinations(old, new)
    money = new.program.money
    cards = old.ruleset.cards, new.ruleset.cards
    yield from changed_things(Things("card"), *cards, _placed(old), _placed(new), money)
    costs = old.ruleset.costs, new.ruleset.costs
    yield from changed_things(Things("cost of"), *costs, _cost, _cost, money)
    yield from _declared(old, new)


def _placed(side: Side) -> Callable[[Card], Shown]:
    return lambda item: Shown(side.text(item.place), span_of(item.place))


def _cost(price: Price) -> Shown:
    return Shown(price_text(price), price.span)


def span_of(place: Place) -> Span:
    """The span of a place."""
    return Span(place.file, place.start, place.end)


# The header


def _header(old: Side, new: Side) -> Iterator[Change]:
    for what, before, after in (
        ("currency", old.program.money.currency.code, new.program.money.currency.code),
        ("time zone", old.program.zone, new.program.zone),
        ("rounding of lines", _rounding(old.ruleset), _rounding(new.ruleset)),
        ("rounding of the total", _total_rounding(old.ruleset), _total_rounding(new.ruleset)),
        ("label", old.ruleset.labels.default, new.ruleset.labels.default),
    ):
        if before != after:
            yield _header_change(what, old, new, before, after)


def _header_change(what: str, old: Side, new: Side, before: str, after: str) -> Change:
    spans = old.ruleset.span, new.ruleset.span
    kind = Kind.ADDED if not before else Kind.REMOVED if not after else Kind.CHANGED
    return Change(kind, what, new.ruleset.name, "", "", 0, "", before, after, "", None, *spans)


def _rounding(ruleset: Ruleset) -> str:
    money = ruleset.money
    return f"to {money.text(1)} {ruleset.line_rounding.value}"


def _total_rounding(ruleset: Ruleset) -> str:
    rounding = ruleset.total_rounding
    if rounding is None:
        return ""
    return f"to {rounding.size} {ruleset.money.currency.code} {rounding.mode.value}"


# Policies and taxes


def _policies(old: Side, new: Side) -> Iterator[Change]:
    for kind in PolicyKind:
        olds, news = (_by_name(_of_kind(side.ruleset, kind), _policy_name) for side in (old, new))
        for change in changed_things(
            Things(kind.value, without=frozenset({"start", "end"})),
            olds,
            news,
            _rule(old),
            _rule(new),
            new.program.money,
        ):
            before, after = olds.get(change.name), news.get(change.name)
            if before is None or after is None:
                yield change
            else:
                yield with_difference(change, before.policy, after.policy, new.program.money)
        for name, item in news.items():
            if name in olds:
                dates = (olds[name].policy, item.policy)
                yield from _dates(kind.value, name, *dates, olds[name].span, item.span)
    yield from _removed_for_contracts(old, new)


def _of_kind(ruleset: Ruleset, kind: PolicyKind) -> list[PolicyModel]:
    return [item for item in ruleset.policies if item.policy.kind is kind]


def _policy_name(item: PolicyModel) -> str:
    return item.policy.name


def _by_name(items: list[T], name: Callable[[T], str]) -> dict[str, T]:
    """Items by their names; of several with one name (for other plans or dates) the later ones are numbered."""
    found: dict[str, T] = {}
    for item in items:
        key, number = name(item), 1
        while key in found:
            number += 1
            key = f"{name(item)} ({number})"
        found[key] = item
    return found


def _rule(side: Side) -> Callable[[PolicyModel | TaxModel], Shown]:
    def show(item: PolicyModel | TaxModel) -> Shown:
        rule: Policy | Tax = item.policy if isinstance(item, PolicyModel) else item.tax
        return Shown(side.text(rule.place), item.span)

    return show


def _dates(
    what: str, name: str, old: Policy | Tax, new: Policy | Tax, old_span: Span, new_span: Span
) -> Iterator[Change]:
    before, after = days_text(old.start, old.end), days_text(new.start, new.end)
    if before != after:
        yield Change(Kind.CHANGED, f"dates of {what}", name, "", "", 0, "", before, after, "", None, old_span, new_span)


def days_text(start: date | None, end: date | None) -> str:
    """`from 2026-01-01 before 2027-01-01`, `always`."""
    parts = [f"from {start}"] if start else []
    return " ".join([*parts, f"before {end}"] if end else parts) or "always"


def _removed_for_contracts(old: Side, new: Side) -> Iterator[Change]:
    contracts = dict.fromkeys((*old.ruleset.removed, *new.ruleset.removed))
    for contract in contracts:
        if contract not in old.versions or contract not in new.versions:
            continue
        before = old.ruleset.removed.get(contract, frozenset())
        after = new.ruleset.removed.get(contract, frozenset())
        span = new.versions[contract][0].model.span
        for name in sorted(after - before):
            yield Change(Kind.REMOVED, "policy of the contract", name, f"contract {contract}", new_span=span)
        for name in sorted(before - after):
            yield Change(Kind.ADDED, "policy of the contract", name, f"contract {contract}", new_span=span)


def _taxes(old: Side, new: Side) -> Iterator[Change]:
    def name(item: TaxModel) -> str:
        return item.tax.name

    olds, news = (_by_name(list(side.ruleset.taxes), name) for side in (old, new))
    things = Things("tax", without=frozenset({"start", "end"}))
    for change in changed_things(things, olds, news, _rule(old), _rule(new), new.program.money):
        if change.kind is Kind.CHANGED:
            both = olds[change.name].tax, news[change.name].tax
            yield with_difference(change, *both, new.program.money)
        else:
            yield change
    for key, item in news.items():
        if key in olds:
            yield from _dates("tax", key, olds[key].tax, item.tax, olds[key].span, item.span)


def _combinations(old: Side, new: Side) -> Iterator[Change]:
    for kind in PolicyKind:
        before, after = (side.ruleset.combinations.get(kind) for side in (old, new))
        words = f"how {kind.value}s combine"
        if before is not after:
            texts = ("" if item is None else item.value for item in (before, after))
            yield _header_change(words, old, new, *texts)
        elif before is not None:
            orders = [[item.policy.name for item in _of_kind(side.ruleset, kind)] for side in (old, new)]
            common = set(orders[0]) & set(orders[1])
            ordered = [[name for name in order if name in common] for order in orders]
            if ordered[0] != ordered[1]:
                yield _header_change(f"order of {kind.value}s", old, new, *(", ".join(order) for order in ordered))


# What is declared: shown as it is written


def _declared(old: Side, new: Side) -> Iterator[Change]:
    for what, olds, news in (
        ("meter", old.ruleset.meters, new.ruleset.meters),
        ("window", old.ruleset.windows, new.ruleset.windows),
        ("event", old.ruleset.schema.events, new.ruleset.schema.events),
        ("attribute", old.ruleset.schema.attributes, new.ruleset.schema.attributes),
        ("unit", _units(old), _units(new)),
    ):
        yield from _as_written(what, olds, news, old, new)


def _as_written(
    what: str, olds: Mapping[str, object], news: Mapping[str, object], old: Side, new: Side
) -> Iterator[Change]:
    if meaning(olds) == meaning(news):
        return
    texts = _texts(old, what), _texts(new, what)
    for name in dict.fromkeys((*news, *olds)):
        if name in olds and name in news and meaning(olds[name]) == meaning(news[name]):
            continue
        kind = Kind.ADDED if name not in olds else Kind.REMOVED if name not in news else Kind.CHANGED
        before, after = (shown.get(name, Shown("")) for shown in texts)
        yield Change(kind, what, name, old=before.text, new=after.text, old_span=before.span, new_span=after.span)


def _units(side: Side) -> dict[str, object]:
    """The units that the ruleset declares itself."""
    names = set(_texts(side, "unit"))
    return {name: unit for name, unit in side.ruleset.schema.units.units.items() if name in names}


def declared_text(side: Side, what: str, name: str) -> str:
    """The declaration of a meter, window, event or attribute as it is written, or nothing."""
    shown = _texts(side, what).get(name)
    return "" if shown is None else shown.text


def _texts(side: Side, what: str) -> dict[str, Shown]:
    found: dict[str, Shown] = {}
    for node in side.declarations():
        match what, node:
            case (
                ("meter", syntax.Meter(name))
                | ("window", syntax.WindowDeclaration(name))
                | ("unit", syntax.UnitDeclaration(name))
            ):
                found[name.text] = Shown(side.text(node.span), name.span)
            case "event", syntax.EventDeclaration(event):
                found[event.text] = Shown(side.text(node.span), event.span)
            case "attribute", syntax.AccountDeclaration(fields):
                found.update({field.name.text: Shown(side.text(field.span), field.name.span) for field in fields})
            case _:
                pass
    return found

"""Syntax to model: names settled, types checked, units converted. Every mistake is reported, none stops the rest.

Declarations may stand in any order; they are resolved in the order in which they can depend on each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from ....diagnostics import CODES, Diagnostic, Label, Source, Span
from ....grammar import syntax
from ....money import MoneyUnit
from ...plan import Combination, PolicyKind
from ...usage import FactSchema, MeterSchema
from ..model import Allow, Plan, Price, Ruleset
from ..unread import Unread
from .cards import resolve_card
from .contracts import Contracts
from .examples import resolve_example, resolve_promise
from .facts import NO_CURRENCY, resolve_account, resolve_event, resolve_header, resolve_unit
from .meters import COUNT, resolve_meter
from .plans import resolve_plans
from .policies import COMBINATIONS, KINDS, resolve_policies
from .prices import Priced, resolve_rate
from .scope import RESERVED_LINES, Scope, circle, round_about
from .taxes import resolve_taxes
from .windows import resolve_windows

T = TypeVar("T", bound=syntax.Node)

__all__ = ["resolve"]


def resolve(
    trees: Iterable[syntax.Ruleset], sources: Mapping[str, Source], gone: Unread, prices: Mapping[Span, Source]
) -> tuple[Ruleset | None, tuple[Diagnostic, ...]]:
    """The model of a ruleset and all findings; no model without a ruleset line and a currency.

    `trees` are the ruleset's file and those it imports, `gone` is what of them could not be read, `prices` are the
    price files by the text that names each; the model of a ruleset with errors holds what is sound.
    """
    trees = tuple(trees)
    declarations = tuple(item for tree in trees for item in tree.declarations)
    scope = Scope(sources, MoneyUnit.minor(NO_CURRENCY), broken=set(gone.names), file_lost=gone.file_lost)
    scope.price_tables.sources = prices
    headers = _of(syntax.Header, declarations)
    if not headers:
        first = trees[0].span
        scope.report(
            "RB2008",
            "there is no ruleset line",
            Span(first.file, 0, 0),
            "",
            'begin the file with `ruleset NAME "Label":`, and below it `currency USD`, say',
        )
        return None, tuple(scope.findings)
    for extra in headers[1:]:
        same_file = extra.span.file == headers[0].span.file
        scope.report(
            "RB2012",
            "a ruleset has one ruleset line, and this is a second one",
            extra.name,
            "a second one",
            "remove it" if same_file else "remove it: an imported file is a part of the ruleset that imports it",
            labels=(Label(headers[0].name.span, "the ruleset begins here"),),
        )
    header = headers[0]
    resolve_header(scope, header)
    _resolve_facts(scope, declarations)
    return _resolve_prices(scope, header, declarations), tuple(scope.findings)


def _of(kind: type[T], declarations: tuple[syntax.Declaration, ...]) -> list[T]:
    return [item for item in declarations if isinstance(item, kind)]


def _resolve_facts(scope: Scope, declarations: tuple[syntax.Declaration, ...]) -> None:
    for unit in _bases_first(scope, _of(syntax.UnitDeclaration, declarations)):
        resolve_unit(scope, unit)
    for account in _of(syntax.AccountDeclaration, declarations):
        resolve_account(scope, account)
    for event in _of(syntax.EventDeclaration, declarations):
        resolve_event(scope, event)
    resolve_windows(scope, _of(syntax.WindowDeclaration, declarations))
    for meter in _of(syntax.Meter, declarations):
        resolve_meter(scope, meter)
        if meter.name.text not in scope.meters:
            scope.lose(meter, meter.name.text)


def _bases_first(scope: Scope, written: list[syntax.UnitDeclaration]) -> list[syntax.UnitDeclaration]:
    """The units so that each comes after the one that it is a multiple of; those in a circle are left out."""
    names = {unit.name.text for unit in written}
    waiting, ordered, done = list(written), list[syntax.UnitDeclaration](), set[str]()
    while waiting:
        ready = [unit for unit in waiting if (base := _base(unit)) not in names or base in done]
        if not ready:
            found = circle(waiting[0].name.text, {unit.name.text: (_base(unit),) for unit in waiting})
            scope.report(
                "RB2013",
                "a unit is a multiple of itself"
                if len(found) == 1
                else "units are multiples of each other in a circle",
                next(unit.name for unit in waiting if unit.name.text == found[0]),
                round_about(found),
                "make one of them a count: `unit NAME` alone",
            )
            for unit in waiting:
                if unit.name.text in found:
                    scope.lose(unit, unit.name.text)
            done |= set(found)
            waiting = [unit for unit in waiting if unit.name.text not in found]
        ordered += ready
        done |= {unit.name.text for unit in ready}
        waiting = [unit for unit in waiting if unit not in ready]
    return ordered


def _base(unit: syntax.UnitDeclaration) -> str:
    return "" if unit.multiple is None or unit.multiple.unit is None else unit.multiple.unit.text


def _resolve_prices(
    scope: Scope, header: syntax.Header, declarations: tuple[syntax.Declaration, ...]
) -> Ruleset | None:
    written = _of(syntax.Policy, declarations)
    changes = Contracts()
    plans = resolve_plans(
        scope,
        _of(syntax.Plan, declarations),
        _of(syntax.Contract, declarations),
        frozenset(policy.name.text for policy in written),
        changes,
    )
    policies = resolve_policies(scope, written, plans, changes)
    taxes = resolve_taxes(scope, _of(syntax.Tax, declarations), plans)
    for card in _of(syntax.Card, declarations):
        before = len(scope.findings)
        resolve_card(scope, card, plans)
        if len(scope.findings) > before:
            scope.lose(card, card.name.text)
    lines = frozenset(
        [
            *RESERVED_LINES - {"charges", "fees"},
            *(name for plan in plans for name in plan.line_names),
            *(item.policy.name for item in policies),
            *(item.tax.name for item in taxes),
            *scope.cards,
        ]
    )
    examples = (resolve_example(scope, node, plans, lines) for node in _of(syntax.Example, declarations))
    promises = (resolve_promise(scope, node, plans) for node in _of(syntax.Promise, declarations))
    return Ruleset(
        name=header.name.text,
        labels=scope.labels(header.name.text, header.label, header.annotations),
        span=header.name.span,
        zone=scope.zone,
        money=scope.money,
        line_rounding=scope.line_rounding,
        total_rounding=scope.total_rounding,
        total_rounding_place=scope.total_rounding_place,
        schema=_schema(scope, plans),
        meters=scope.meters,
        meter_spans=scope.meter_spans,
        windows=scope.windows,
        plans=plans,
        policies=policies,
        taxes=taxes,
        cards=scope.cards,
        combinations=_combinations(scope, declarations),
        examples=tuple(example for example in examples if example is not None),
        promises=tuple(promise for promise in promises if promise is not None),
        allows=tuple(allow for node in _of(syntax.Allow, declarations) for allow in _allow(scope, node)),
        costs=_costs(scope, declarations),
        window_spans=scope.window_spans,
        mentioned=frozenset(scope.mentioned),
        removed={name: frozenset(policies) for name, policies in changes.removed.items()},
    )


def _combinations(scope: Scope, declarations: tuple[syntax.Declaration, ...]) -> dict[PolicyKind, Combination]:
    found: dict[PolicyKind, Combination] = {}
    spans: dict[PolicyKind, Span] = {}
    for node in _of(syntax.Combination, declarations):
        kind = KINDS[node.kind]
        if kind is PolicyKind.PENALTY:
            scope.report(
                "RB2404",
                "penalties always add up, so nothing chooses between them",
                node,
                "no choice here",
                "remove this line",
            )
        elif kind in found:
            scope.report(
                "RB1113",
                f"how {kind.value}s combine is said twice",
                node,
                "again",
                "keep one of the two lines",
                labels=(Label(spans[kind], "said here before"),),
            )
        else:
            found[kind], spans[kind] = COMBINATIONS[node.rule], node.span
    return found


def _allow(scope: Scope, node: syntax.Allow) -> list[Allow]:
    code = node.code.text
    if code not in CODES:
        message = f"there is no code `{code}`"
        scope.report("RB2001", message, node.code, "unknown code", "`ratebook errors` lists all codes")
        return []
    if not CODES[code].warning:
        scope.report(
            "RB2501",
            f"{code} ({CODES[code].title}) is an error, and only warnings can be allowed",
            node.code,
            "an error",
            "remove this line, and mend what is reported",
        )
        return []
    return [Allow(node.code.text, node.because.text, node.span)]


def _costs(scope: Scope, declarations: tuple[syntax.Declaration, ...]) -> dict[str, Price]:
    found: dict[str, Price] = {}
    for node in _of(syntax.CostOf, declarations):
        meter = scope.look_up(scope.meters, node.meter, "meter")
        if meter is None:
            continue
        unit = None if meter.unit == COUNT else meter.unit
        rate = resolve_rate(scope, node.rate, Priced(unit, is_money=False, what=f"meter {meter.name}"))
        if rate is not None:
            found[meter.name] = Price(node.rate.span, rate[0], rate[1], text=rate[2])
    return found


def _schema(scope: Scope, plans: tuple[Plan, ...]) -> FactSchema:
    return FactSchema(
        currency=scope.money.currency.code,
        zone=scope.zone,
        units=scope.units,
        events=scope.events,
        meters={
            # A quantity that was metered elsewhere says only the fields that prices ask for.
            name: MeterSchema(
                name, meter.unit, tuple(replace(item, required=False) for item in scope.events[meter.event].fields)
            )
            for name, meter in scope.meters.items()
        },
        attributes=scope.attributes,
        plans=tuple(dict.fromkeys(plan.name for plan in plans)),
        cards=tuple(scope.cards),
        worths={name: card.worth for name, card in scope.cards.items()},
    )

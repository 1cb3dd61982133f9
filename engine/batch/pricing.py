"""One family's statements as a query: the order of application of `evaluators.rate`, as text.

The query reads a table with one row per statement (its buckets, attributes and parameters) and gives a row per line and a
row of totals per statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..evaluators.changes import stretches
from ..plan import BoundKind, OfEach, PolicyKind, Program
from ..statement import LineKind
from .buckets import Bucket, Metered
from .cards import CardColumns, apply_cards
from .charges import Pricing, begin_allowances, price_charge
from .closing import apply_bounds, apply_taxes, apply_total_rounding
from .each_keys import EachKey
from .each_slots import price_each_charge
from .facts import AttributeColumn, StatementFacts
from .family import Member
from .fees import price_fees
from .history import HistoryKey
from .ledger import Info, Ledger, Slot
from .number import Integer, Number, UnfitError, add, either
from .policies import apply_policies
from .quantities import quantity_sql
from .sheet import Parameter, Sheet, text_literal
from .time_order import AskedTurns, TurnsKey, WantedTurns


@dataclass(frozen=True, slots=True)
class FamilyQuery:
    """The query of a family. `lines` is a SELECT of (sid, ord, info, amount, quantity, exact, applied_to), `totals` one of
    (sid, total, due), `scalar` one of (sid, reason) for the statements that are left to the scalar evaluator: their lines
    and totals mean nothing.

    All read `{source}`: the table of the family's statements, whose columns hold buckets, attributes and `parameters`.
    `infos` are the lines' constant parts: `info` counts through them. `payments` is a SELECT of (sid, paid_0, …), what
    cards pay by their place, of the statements in the table `card_round`; None unless cards are carried along.
    """

    parameters: tuple[Parameter, ...]
    lines: str | None
    totals: str
    scalar: str | None
    infos: tuple[Info, ...]
    payments: str | None = None


def price_family(
    program: Program,
    members: Sequence[Member],
    metered: Metered,
    history: Mapping[HistoryKey, Number],
    each: Mapping[EachKey, Number],
    attributes: Mapping[str, AttributeColumn],
    cards: CardColumns,
    source: str,
    turns: Mapping[TurnsKey, Number] | None = None,
) -> FamilyQuery:
    """The query that prices the statements of a family. Raises `UnfitError` or `TooLargeError` where there is none."""
    members = tuple(members)
    if len(stretches(members[0].situation)) > 1:
        raise UnfitError("prices that change inside a billing period")
    sheet = Sheet(len(members))
    ledger = Ledger(sheet, members)
    pricing = _pricing(program, members, metered, history, each, attributes, ledger)
    pricing.turns.numbers = {} if turns is None else turns
    _price_charges(pricing)
    _close(pricing, cards)
    query = _written(pricing, source)
    return replace(query, payments=_payments(ledger, source)) if cards.are_carried else query


def _payments(ledger: Ledger, source: str) -> str:
    now = f"(SELECT * FROM {source} WHERE sid IN (SELECT sid FROM card_round))"
    paid = (f"({payment.sql})::HUGEINT AS paid_{place}" for place, payment in enumerate(ledger.payments))
    return ledger.sheet.select(now, ["sid", *paid])


def turns_asked(
    program: Program,
    members: Sequence[Member],
    metered: Metered,
    history: Mapping[HistoryKey, Number],
    each: Mapping[EachKey, Number],
    attributes: Mapping[str, AttributeColumn],
) -> tuple[Sheet, Sequence[AskedTurns]]:
    """What the charges of a family ask of their events in order, and the sheet that names it: turns come off what was
    metered and included. Raises as `price_family`."""
    sheet = Sheet(len(members))
    pricing = _pricing(program, tuple(members), metered, history, each, attributes, Ledger(sheet, tuple(members)))
    pricing.turns.numbers = WantedTurns()
    _price_charges(pricing)
    return sheet, pricing.turns.asked


def _price_charges(pricing: Pricing) -> None:
    begin_allowances(pricing)
    for index, charge in enumerate(pricing.members[0].plan.charges):
        if isinstance(charge.source, OfEach):
            price_each_charge(pricing, index)
        else:
            price_charge(pricing, index)


def _pricing(
    program: Program,
    members: tuple[Member, ...],
    metered: Metered,
    history: Mapping[HistoryKey, Number],
    each: Mapping[EachKey, Number],
    attributes: Mapping[str, AttributeColumn],
    ledger: Ledger,
) -> Pricing:
    sheet = ledger.sheet

    def usage(name: str) -> Number:
        return metered.quantity(sheet, program.meters[name], Bucket(name))[0]

    facts = StatementFacts(sheet, members, attributes, usage, ledger.amounts, program.money)
    return Pricing(program, sheet, members, ledger, facts, metered, history, each)


def _close(pricing: Pricing, cards: CardColumns) -> None:
    program, ledger, facts = pricing.program, pricing.ledger, pricing.facts
    price_fees(program, ledger, facts)
    for kind in PolicyKind:
        apply_policies(kind, program, ledger, facts, pricing.share_in)
    left_by_policies = ledger.now
    for bound in (BoundKind.MINIMUM, BoundKind.CAP):
        apply_bounds(bound, program, ledger)
    tax_shares = apply_taxes(program, ledger, facts)
    apply_total_rounding(program, ledger)
    apply_cards(program, ledger, cards, left_by_policies, tax_shares)


# Writing


def _written(pricing: Pricing, source: str) -> FamilyQuery:
    ledger, sheet = pricing.ledger, pricing.sheet
    slots = [slot for slot in ledger.slots if slot.present.known is not False]
    infos: list[Info] = []
    rows: list[str] = []
    for order, slot in enumerate(slots):
        info = _info(sheet, slot, infos)
        quantity, exact = quantity_sql(sheet, ledger, slot.quantity)
        condition = slot.present.sql
        row = (
            f"{{ord: {order}, info: {info}, amount: ({slot.amount.sql})::HUGEINT, quantity: {quantity}, exact: {exact}, "
            f"applied_to: {_applied_to(slot)}}}"
        )
        rows.append(row if slot.present.known else f"CASE WHEN {condition} THEN {row} END")
    total, due = total_and_due(ledger)
    unfit = either(*(condition for _, condition in ledger.scalar))
    inner = sheet.select(source, ["sid", f"unnest([{', '.join(rows)}]) AS line"]) if rows else ""
    lines = f"SELECT sid, line.* FROM ({inner}) WHERE line IS NOT NULL" if rows else None
    totals = sheet.select(source, ["sid", f"({total.sql})::HUGEINT AS total", f"({due.sql})::HUGEINT AS due"])
    scalar = None
    if unfit.known is not False:
        words = " ".join(f"WHEN {condition.sql} THEN {text_literal(reason)}" for reason, condition in ledger.scalar)
        reasons = sheet.select(source, ["sid", f"CASE {words} END AS reason"])
        scalar = f"SELECT sid, reason FROM ({reasons}) WHERE reason IS NOT NULL"
    return FamilyQuery(tuple(sheet.parameters), lines, totals, scalar, tuple(infos))


def total_and_due(ledger: Ledger) -> tuple[Integer, Integer]:
    """The sum of all lines that are added, and what is left of it when cards have paid."""
    sheet = ledger.sheet
    total = sheet.let(add(*(slot.amount for slot in ledger.added())))
    prepaid = [slot.amount for slot in ledger.slots if slot.kind is LineKind.PREPAID]
    return total, sheet.let(add(total, *prepaid))


def _info(sheet: Sheet, slot: Slot, infos: list[Info]) -> str:
    """The place of a line's constant part in the list, which may differ from member to member."""
    known = {info: index for index, info in enumerate(infos)}
    places = []
    for info in slot.infos:
        place = known.get(info)
        if place is None:
            place = known[info] = len(infos)
            infos.append(info)
        places.append(place)
    return f"({sheet.integers(places).sql})::INTEGER"


def _applied_to(slot: Slot) -> str:
    """The names of the lines that a line is about, as JSON, in the order of the statement; NULL for none."""
    names = [(name, condition) for name, condition in slot.on if condition.known is not False]
    if not names:
        return "NULL::VARCHAR"
    if all(condition.known for _, condition in names):
        return text_literal("[" + ", ".join(_quoted(name) for name, _ in names) + "]")
    parts = ", ".join(
        text_literal(_quoted(name))
        if condition.known
        else f"CASE WHEN {condition.sql} THEN {text_literal(_quoted(name))} END"
        for name, condition in names
    )
    return f"nullif('[' || concat_ws(', ', {parts}) || ']', '[]')"


def _quoted(name: str) -> str:
    import json

    return json.dumps(name, ensure_ascii=False)

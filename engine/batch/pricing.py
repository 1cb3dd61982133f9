"""One family's statements as a query: the order of application of `evaluators.rate`, as text.

The query reads a table with one row per statement (its buckets, attributes and parameters) and gives a row per line
and a row of totals per statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Final

from ...records import Record
from ..evaluators.changes import stretches
from ..plan import BoundKind, OfEach, PolicyKind, Program
from ..statement import LineKind
from .buckets import Bucket, Metered
from .bundle import Bundle
from .cards import CardColumns, apply_cards
from .charges import begin_allowances, price_charge
from .closing import apply_bounds, apply_taxes, apply_total_rounding
from .each_keys import EachKey
from .each_slots import price_each_charge
from .facts import AttributeColumn, StatementFacts
from .family import Member
from .fees import price_fees
from .history import HistoryKey
from .ledger import Info, Ledger, Slot
from .number import ZERO, Integer, Number, Truth, UnfitError, add, choose, either, literal, type_of
from .open_slots import is_open, price_open_charge
from .policies import apply_policies
from .quantities import NO_TEXT, quantity_sql, quantity_type
from .quoting import text_literal
from .sheet import Parameter, Sheet
from .situation import Pricing
from .time_order import AskedTurns, TurnsKey, WantedTurns


class BundleLines(Record):
    """Lines that another query makes, for the charge of this number: `first` is their first place on a statement.

    `statements` selects the `sid` of those that have them; None for all.
    """

    charge: int
    first: int
    statements: str | None


_OPEN_MAX: Final = 3
"""Lines that another line may be about, each by a condition: up to so many, every case of them is a constant part."""


class FamilyQuery(Record):
    """The query of a family. `lines` is a SELECT of (sid, …, ord, info, amount, quantity), with `exact` and
    `applied_to` where lines have them, `totals` one of (sid, total, due), `scalar` one of (sid, reason) for the
    statements that are left to the scalar evaluator: their lines and totals mean nothing. Lines stand in their order
    on the statement.

    All read `{source}`: the table of the family's statements, whose columns hold buckets, attributes and `parameters`.
    `infos` are the lines' constant parts: `info` counts through them. Quantities have at most `quantity_whole` digits
    before the point and `quantity_decimals` behind it. `payments` is a SELECT of (sid, paid_0, …), what cards pay by
    their place, of the statements in the table `card_round`; None unless cards are carried along.
    """

    parameters: tuple[Parameter, ...]
    lines: str | None
    totals: str
    scalar: str | None
    infos: tuple[Info, ...]
    bundles: tuple[BundleLines, ...] = ()
    quantity_whole: int = 0
    quantity_decimals: int = 0
    has_exact: bool = False
    has_applied_to: bool = False
    payments: str | None = None


def price_family(
    program: Program,
    members: Sequence[Member],
    metered: Metered,
    history: Mapping[HistoryKey, Number],
    each: Mapping[EachKey, Number],
    bundles: Mapping[int, Bundle],
    attributes: Mapping[str, AttributeColumn],
    cards: CardColumns,
    source: str,
    turns: Mapping[TurnsKey, Number] | None = None,
    carried: Sequence[str] = (),
) -> FamilyQuery:
    """The query that prices the statements of a family. Raises `UnfitError` or `TooLargeError` where there is none.

    `carried` are columns of the source that each line repeats behind its `sid`.
    """
    members = tuple(members)
    if len(stretches(members[0].situation)) > 1:
        raise UnfitError("prices that change inside a billing period")
    sheet = Sheet(len(members))
    ledger = Ledger(sheet, members)
    pricing = _pricing(program, members, metered, history, each, bundles, attributes, ledger)
    pricing.turns.numbers = {} if turns is None else turns
    _price_charges(pricing)
    _close(pricing, cards)
    query = _written(pricing, source, carried)
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
    bundles: Mapping[int, Bundle],
    attributes: Mapping[str, AttributeColumn],
) -> tuple[Sheet, Sequence[AskedTurns]]:
    """What the charges of a family ask of their events in order, and the sheet that names it: turns come off what was
    metered and included. Raises as `price_family`."""
    sheet = Sheet(len(members))
    pricing = _pricing(
        program, tuple(members), metered, history, each, bundles, attributes, Ledger(sheet, tuple(members))
    )
    pricing.turns.numbers = WantedTurns()
    _price_charges(pricing)
    return sheet, pricing.turns.asked


def _price_charges(pricing: Pricing) -> None:
    begin_allowances(pricing)
    for index, charge in enumerate(pricing.members[0].plan.charges):
        if isinstance(charge.source, OfEach):
            price_each_charge(pricing, index)
        elif is_open(pricing, index):
            price_open_charge(pricing, index)
        else:
            price_charge(pricing, index)


def _pricing(
    program: Program,
    members: tuple[Member, ...],
    metered: Metered,
    history: Mapping[HistoryKey, Number],
    each: Mapping[EachKey, Number],
    bundles: Mapping[int, Bundle],
    attributes: Mapping[str, AttributeColumn],
    ledger: Ledger,
) -> Pricing:
    sheet = ledger.sheet

    def usage(name: str) -> Number:
        return metered.quantity(sheet, program.meters[name], Bucket(name))[0]

    facts = StatementFacts(sheet, members, attributes, usage, ledger.amounts, program.money)
    return Pricing(program, sheet, members, ledger, facts, metered, history, each, bundles)


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


def _written(pricing: Pricing, source: str, carried: Sequence[str]) -> FamilyQuery:
    ledger, sheet = pricing.ledger, pricing.sheet
    slots = [slot for slot in ledger.slots if slot.present.known is not False]
    infos = _Infos()
    quantities = [None if slot.bundle else quantity_sql(sheet, ledger, slot.quantity) for slot in slots]
    whole = max((quantity.whole for quantity in quantities if quantity), default=0)
    decimals = max((quantity.decimals for quantity in quantities if quantity), default=0)
    type_ = quantity_type(whole, decimals)
    cells: dict[str, list[str]] = {"ord": [], "info": [], "amount": [], "quantity": [], "exact": [], "applied_to": []}
    size = max((slot.amount.size_max for slot in slots if not slot.bundle), default=0)
    bundles: list[BundleLines] = []
    order = -1
    for slot, quantity in zip(slots, quantities, strict=True):
        order += 1
        if slot.bundle is not None:
            bundles.append(BundleLines(slot.bundle.charge, order, _statements(sheet, slot, slot.bundle, source)))
            order += slot.bundle.room - 1
        if quantity is None:
            continue
        info, applied_to = _info(sheet, slot, infos)
        cells["ord"].append(str(order))
        cells["info"].append(info if slot.present.known else f"CASE WHEN {slot.present.sql} THEN {info} END")
        cells["amount"].append(f"({slot.amount.sql})::{type_of(-size, size)}")
        cells["quantity"].append(f"({quantity.decimal})::{type_}")
        cells["exact"].append(quantity.exact)
        cells["applied_to"].append(applied_to)
    has_lines = bool(cells["ord"])
    for column in ("exact", "applied_to"):
        if all(cell == NO_TEXT for cell in cells[column]):
            del cells[column]
    # Several lists side by side cost half of what one list of structs does.
    unnested = [f"unnest([{', '.join(own)}]) AS {column}" for column, own in cells.items()]
    inner = sheet.select(source, ["sid", *carried, *unnested]) if has_lines else ""
    lines = f"SELECT * FROM ({inner}) WHERE info IS NOT NULL" if has_lines else None
    total, due = total_and_due(ledger)
    unfit = either(*(condition for _, condition in ledger.scalar))
    totals = sheet.select(source, ["sid", f"({total.sql})::HUGEINT AS total", f"({due.sql})::HUGEINT AS due"])
    scalar = None
    if unfit.known is not False:
        words = " ".join(f"WHEN {condition.sql} THEN {text_literal(reason)}" for reason, condition in ledger.scalar)
        reasons = sheet.select(source, ["sid", f"CASE {words} END AS reason"])
        scalar = f"SELECT sid, reason FROM ({reasons}) WHERE reason IS NOT NULL"
    written = tuple(sheet.parameters), lines, totals, scalar, tuple(infos.all)
    return FamilyQuery(*written, tuple(bundles), whole, decimals, "exact" in cells, "applied_to" in cells)


def _statements(sheet: Sheet, slot: Slot, bundle: Bundle, source: str) -> str | None:
    """The statements on which a bundle's lines stand, where these are not all that have some."""
    if slot.present.sql == bundle.present.sql:
        return None
    asked = sheet.select(source, ["sid", f"{slot.present.sql} AS present"])
    return f"SELECT sid FROM ({asked}) WHERE present"


def total_and_due(ledger: Ledger) -> tuple[Integer, Integer]:
    """The sum of all lines that are added, and what is left of it when cards have paid."""
    sheet = ledger.sheet
    total = sheet.let(add(*(slot.amount for slot in ledger.added())))
    prepaid = [slot.amount for slot in ledger.slots if slot.kind is LineKind.PREPAID]
    return total, sheet.let(add(total, *prepaid))


@dataclass(slots=True)
class _Infos:
    """Constant parts of lines, numbered. Mutable, while a query is written."""

    all: list[Info] = field(default_factory=list)
    _blocks: dict[tuple[Info, ...], int] = field(default_factory=dict)

    def place(self, block: tuple[Info, ...]) -> int:
        """The number of the first of some that stand one after the other."""
        place = self._blocks.get(block)
        if place is None:
            place = self._blocks[block] = len(self.all)
            self.all.extend(block)
        return place


def _info(sheet: Sheet, slot: Slot, infos: _Infos) -> tuple[str, str]:
    """The number of a line's constant part, which may differ from member to member, and the lines that it is about as
    JSON, where they are not in the constant part."""
    names = [(name, condition) for name, condition in slot.on if condition.known is not False]
    open_ = [condition for _, condition in names if condition.known is None]
    if len(open_) > _OPEN_MAX:
        places = [infos.place((info,)) for info in slot.infos]
        return f"({sheet.integers(places).sql})::INTEGER", _applied_to(names)
    variants = []
    for chosen in product((False, True), repeat=len(open_)):
        left = iter(chosen)
        variants.append(tuple(name for name, condition in names if condition.known or next(left)))
    places = [infos.place(tuple(replace(info, on=on) for on in variants)) for info in slot.infos]
    number = sheet.integers(places)
    for at, condition in enumerate(reversed(open_)):
        number = add(number, choose(condition, literal(1 << at), ZERO))
    return f"({number.sql})::INTEGER", NO_TEXT


def _applied_to(names: Sequence[tuple[str, Truth]]) -> str:
    """The names of the lines that a line is about, as JSON, in the order of the statement; NULL for none."""
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

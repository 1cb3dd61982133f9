"""What settled an issued document at once, as lines of it: so that its customer reads what is left to pay.

Cards, the wallet, and what was charged as it happened settle a bill in the transaction that issues it. What is paid
later is no part of the document, which is final.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd
from typing import cast

from ..engine.derivation import Place, Role, given
from ..engine.statement import Labels, Line, LineKind, Statement
from ..ledger.store import Reader
from ..money import MoneyUnit
from .documents import Document
from .settlements import SettlementKind

_NOWHERE = Place("", 0, 0, 0)
"""No rule of the ruleset gives these lines."""
_LABELS = {
    SettlementKind.WALLET: Labels("Paid from the wallet", {"zh": "由钱包支付"}),
    SettlementKind.LIVE: Labels("Paid as it was used", {"zh": "使用时已支付"}),
    SettlementKind.TO_WALLET: Labels("Put into the wallet", {"zh": "转入钱包"}),
}
_ROUNDED = Labels("Rounded to whole coins", {"zh": "舍入到最小币值"})


@dataclass(frozen=True, slots=True)
class _Settled:
    """A settlement, in minor units, above zero where it paid."""

    kind: SettlementKind
    amount: int
    reference: str


def with_settlements(reader: Reader, document: Document, statement: Statement) -> Statement:
    """The statement of a document with what settled it at its issue: what is due is what was left open then."""
    minor = MoneyUnit.minor(statement.money.currency)
    whole = _scaled(statement, minor)
    unit, settled = whole.money, _settled(reader, document)
    cards = sum((minor.fraction(item.amount) for item in settled if item.kind is SettlementKind.CARD), Fraction(0))
    prepaid = -sum(line.amount for line in whole.lines if line.kind is LineKind.PREPAID)
    lines = list(whole.lines)
    if any(item.kind is SettlementKind.LIVE for item in settled) or cards != unit.fraction(prepaid):
        # Cards paid otherwise than the statement alone says, partly as it happened.
        lines = [line for line in lines if line.kind is not LineKind.PREPAID]
    else:
        settled = [item for item in settled if item.kind is not SettlementKind.CARD]
    missing = minor.fraction(document.total) - unit.fraction(whole.total)
    if missing:
        lines.append(_line(unit, _ROUNDED, missing, LineKind.ROUNDING))
    lines += [_line(unit, _labels(item), -minor.fraction(item.amount), LineKind.PREPAID) for item in settled]
    total = sum(line.amount for line in lines if line.is_added)
    paid = sum(line.amount for line in lines if line.kind is LineKind.PREPAID)
    return replace(whole, lines=tuple(lines), total=total, due=total + paid)


def _scaled(statement: Statement, minor: MoneyUnit) -> Statement:
    """The same statement in a unit of money that counts minor units whole as well."""
    own, other = statement.money.size, minor.size
    common = gcd(own.numerator * other.denominator, other.numerator * own.denominator)
    size = Fraction(common, own.denominator * other.denominator)
    factor = own / size
    if factor == 1:
        return statement
    times = factor.numerator
    lines = tuple(
        replace(line, amount=line.amount * times, taken=tuple((index, amount * times) for index, amount in line.taken))
        for line in statement.lines
    )
    unit = MoneyUnit(minor.currency, size)
    return replace(statement, money=unit, lines=lines, total=statement.total * times, due=statement.due * times)


def _settled(reader: Reader, document: Document) -> Sequence[_Settled]:
    """What was posted before the document was written; what was taken as it happened has no row of its own."""
    rows = reader.rows(
        "SELECT kind, amount, reference FROM settlements WHERE invoice = ? AND (transfer IS NULL OR transfer < ?) "
        "ORDER BY id",
        (document.id, document.id),
    )
    return [
        _Settled(SettlementKind(cast(str, kind)), cast(int, amount), cast(str, reference))
        for kind, amount, reference in rows
    ]


def _labels(item: _Settled) -> Labels:
    if item.kind is not SettlementKind.CARD:
        return _LABELS[item.kind]
    card = item.reference
    if item.amount < 0:
        return Labels(f"Put back on card {card}", {"zh": f"退回卡 {card}"})
    return Labels(f"Card {card}", {"zh": f"卡 {card}"})


def _line(unit: MoneyUnit, labels: Labels, value: Fraction, kind: LineKind) -> Line:
    name, amount = labels.default.lower(), unit.parse(value)
    derivation = given(Role.AMOUNT, value, labels.default, unit.currency.code)
    return Line(name, kind, labels, amount, derivation, _NOWHERE)

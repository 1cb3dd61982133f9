"""Bills as witnesses: the same usage on the same plan, rated with both rulesets as accounts are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import product

from ....diagnostics import Diagnostic
from ....money import decimal_text
from ...condition import Scalar
from ...evaluators.rate import rate
from ...period import DateRange, billing_period
from ...plan import ColumnKind, OfMeter, Program
from ...statement import Statement
from ...usage import AccountUsage, MeteredQuantity, Subscription, Value
from ..model import Charge
from .meaning import same
from .prices import in_unit
from .rows import OTHER, RowPair, Table, pair_rows
from .sides import Side, Version
from .wording import ladder_text, money_text, quantity_text

_ACCOUNTS_MAX = 12
_QUANTITIES = (Fraction(1), Fraction(1_000), Fraction(1_000_000), Fraction(1_000_000_000))
_BOUNDS_MAX = 40


def then_and_now(old: Side, new: Side, before: Version, after: Version | None, day: date) -> str:
    """A bill of the period of a day, then and now, with the least usage that shows a difference."""
    period = billing_period(before.plan.billing, day, day)
    words = f"{period.start} to {period.end - timedelta(days=1)}"
    for size, given in product(_quantities(before, after), _accounts(old.program)):
        usage, said = _usage(old, before, after, period, size)
        said = ", ".join([said, *(f"account.{name} {value}" for name, value in given.items())])
        then = bill(old.program, before, usage, period, given)
        if not isinstance(then, Statement):
            continue
        if after is None:
            return f"a bill of {words} with {said} was {_total(then)}, and cannot be made now"
        now = bill(new.program, after, usage, period, given)
        if not isinstance(now, Statement):
            return f"a bill of {words} with {said} was {_total(then)}, and is refused with {now.code} now"
        if _total(then) != _total(now):
            return f"a bill of {words} with {said} was {_total(then)}, and is {_total(now)} now"
    return f"bills of {words}: {_ladders(before, after)}"


def _quantities(before: Version, after: Version | None) -> Iterator[Fraction]:
    """One unit, then the end of each band of either version and one unit past it, then a thousand and more."""
    versions = [before] if after is None else [before, after]
    bounds = {
        band.upper
        for version in versions
        for charge in version.model.charges
        for row in charge.rows[:_ACCOUNTS_MAX]
        for band in row.bands
        if band.upper is not None and band.upper > 0
    }
    yield _QUANTITIES[0]
    for bound in sorted(bounds)[:_BOUNDS_MAX]:
        yield from (bound, bound + 1)
    yield from _QUANTITIES[1:]


def _accounts(program: Program) -> list[dict[str, Value]]:
    """Accounts to try: one with nothing but defaults, then one for each value of a `one of`."""
    values: list[dict[str, Value]] = [
        {name: value} for name, schema in program.schema.attributes.items() for value in schema.values
    ]
    return [{}, *values[:_ACCOUNTS_MAX]]


def bill(
    program: Program,
    version: Version,
    usage: tuple[MeteredQuantity, ...],
    period: DateRange,
    given: Mapping[str, Value],
) -> Statement | Diagnostic:
    """The statement of an account with some attributes that is on a version for a whole period."""
    attributes = {
        name: schema.default for name, schema in program.schema.attributes.items() if schema.default is not None
    } | {name: value for name, value in given.items() if name in program.schema.attributes}
    start = max(period.start, version.plan.start or period.start)
    subscription = Subscription("witness", version.plan.name, start, attributes=attributes)
    return rate(program, subscription, AccountUsage((), usage), period)


def _total(statement: Statement) -> str:
    return money_text(statement.money.fraction(statement.total), statement.money)


def _ladders(before: Version, after: Version | None) -> str:
    for charge in before.model.charges:
        now = None if after is None else after.charge(charge.name)
        if now is None or not same(charge, now):
            texts = [ladder_text(item.rows[0].bands) if item is not None else "gone" for item in (charge, now)]
            return f"{charge.name} was {texts[0]}, and is {texts[1]} now"
    return "the same usage, then and now"


def _usage(
    old: Side, before: Version, after: Version | None, period: DateRange, size: Fraction
) -> tuple[tuple[MeteredQuantity, ...], str]:
    """So much of each meter that a version prices, where it can be in a row whose price changed."""
    found: dict[str, MeteredQuantity] = {}
    words: list[str] = []
    for charge in before.model.charges:
        if not isinstance(charge.source, OfMeter) or charge.source.meter in found:
            continue
        meter = old.program.meters[charge.source.meter]
        rows = _changed_row(before, after, charge)
        fields = {name: _value(value) for (kind, name), value in rows.sample if kind is ColumnKind.FIELD}
        window = next((str(value) for (kind, _), value in rows.sample if kind is ColumnKind.TIME), None)
        found[meter.name] = MeteredQuantity(
            "witness",
            meter.name,
            size,
            fields,
            period_start=period.start,
            window=None if window == OTHER else window,
        )
        where = " ".join(f"{name} {text}" for name, text in rows.fields)
        words.append(f"{quantity_text(size, meter.unit.name)} of {meter.name}{f' ({where})' if where else ''}")
    return tuple(found.values()), ", ".join(words) or "no usage"


def _changed_row(before: Version, after: Version | None, charge: Charge) -> RowPair:
    own = before.table(charge.name)
    now = None if after is None else after.charge(charge.name)
    if after is None or now is None:
        return pair_rows(own, own)[0]
    table = Table(in_unit(charge, now.unit), own.tree)
    pairs = pair_rows(table, after.table(charge.name))
    changed = (
        item
        for item in pairs
        if item.old is not None and item.new is not None and not same(item.old.bands, item.new.bands)
    )
    return next(changed, pairs[0])


def _value(value: Scalar) -> Value:
    match value:
        case Fraction():
            return Decimal(decimal_text(value) or "0")
        case _:
            return "other" if value == OTHER else value

"""Prices: rates, bands and widths to exact money per unit of the charge's quantity."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import assert_never

from ....diagnostics import Edit, Label
from ....grammar import syntax
from ....money import decimal_text, symbols
from ...quantity import Unit, binary_and_decimal_mixed, convert, convertible
from ...schedule import DependsOn, Mode
from ...usage import FieldKind
from ..model import Band, Price
from .scope import Scope
from .values import quantity_in, type_words

MODES = {
    syntax.BandMode.GRADUATED: Mode.GRADUATED,
    syntax.BandMode.VOLUME: Mode.VOLUME,
    syntax.BandMode.STAIRSTEP: Mode.STAIRSTEP,
}
_NOTHING, _ONE = Fraction(0), Fraction(1)


@dataclass(frozen=True, slots=True)
class Priced:
    """What is priced: its unit (None for a bare number), and whether it is money."""

    unit: Unit | None
    is_money: bool
    what: str


def resolve_price(scope: Scope, node: syntax.Price, priced: Priced, mode: Mode) -> Price | None:
    """A price for one unit of what is priced, or None with a finding."""
    match node:
        case syntax.FreePrice():
            return Price(node.span, text="free")
        case syntax.RefusedPrice():
            return Price(node.span, refused=True, text="refused")
        case syntax.ForPrice(money, if_used):
            amount = scope.money_value(money)
            text = f"for {scope.text(money)}"
            return None if amount is None else Price(node.span, once=amount, if_used=if_used, text=text, once_text=text)
        case syntax.AtPrice():
            if mode is Mode.STAIRSTEP:
                scope.report(
                    "RB1115",
                    "a stairstep band has one price for all",
                    node,
                    "a rate",
                    "write `for MONEY`",
                    "write `volume` for the whole quantity at the band's rate",
                )
                return None
            return _at(scope, node, priced)
        case _:
            assert_never(node)


def _at(scope: Scope, node: syntax.AtPrice, priced: Priced) -> Price | None:
    rate = resolve_rate(scope, node.rate, priced)
    once = _NOTHING if node.once is None else scope.money_value(node.once)
    if rate is None or once is None:
        return None
    per_unit, step, text = rate
    once_text = "" if node.once is None else f"{scope.text(node.once)} once"
    money = node.rate.price
    block = step or _ONE
    if isinstance(money, syntax.Money) and step is None and per_unit:
        value = money.value
        block = _ONE if value == per_unit else value / per_unit
    return Price(node.span, per_unit, step, once, node.if_used, False, text, once_text, block)


def resolve_rate(scope: Scope, rate: syntax.Rate, priced: Priced) -> tuple[Fraction, Fraction | None, str] | None:
    """Money for one unit, or for each started step of so many units; the step or None; and the rate's words."""
    text = scope.text(rate)
    match rate.price:
        case syntax.Percent():
            if not priced.is_money:
                scope.report(
                    "RB2103",
                    f"a percentage is a price for money, and {priced.what} is not money",
                    rate.price,
                    "percent of what?",
                    f"write money per {_unit_words(priced)}",
                )
                return None
            return rate.price.value, None, text
        case syntax.Money():
            money = scope.money_value(rate.price)
        case _:
            assert_never(rate.price)
    if money is None:
        return None
    block = _block(scope, rate, priced)
    if block is None:
        return None
    if rate.steps is not None:
        step = quantity_in(scope, rate.steps, priced.unit, priced.what)
        if step is None or not _divides(scope, step, block, rate):
            return None
        return money * step / block, step, text
    if rate.started:
        return money, block, text
    # Most prices are for one, and there are many of them.
    return money if block == 1 else money / block, None, text


def _divides(scope: Scope, step: Fraction, block: Fraction, rate: syntax.Rate) -> bool:
    assert rate.steps is not None
    if step > 0 and (block / step).denominator == 1:
        return True
    scope.report(
        "RB2107",
        f"the block of `{scope.text(rate)}` is not a multiple of its steps",
        rate.steps,
        "does not divide the block",
        "make the block a multiple of the step, as in `per 60 s in steps of 6 s`",
    )
    return False


def _block(scope: Scope, rate: syntax.Rate, priced: Priced) -> Fraction | None:
    """How many units of what is priced the rate is for."""
    number = _ONE if rate.per_number is None else rate.per_number.value
    if number <= 0:
        assert rate.per_number is not None
        scope.report(
            "RB2103",
            "a price is for a number of units above zero",
            rate.per_number,
            "not above zero",
            "write `per 1`, or `per 1,000`",
        )
        return None
    if rate.per_unit is None:
        return number
    unit = scope.unit(rate.per_unit)
    if unit is None:
        return None
    if priced.unit is None or not convertible(unit, priced.unit):
        counted = _counted(priced)
        own = "no unit is counted" if counted is None else f"does not convert to {counted}"
        scope.report(
            "RB2101",
            f"{priced.what} {_counts(priced)}, and the price is per {unit.name}",
            rate.per_unit,
            own,
            "write `each`" if counted is None else f"write `per {counted}`",
        )
        return None
    if binary_and_decimal_mixed([unit, priced.unit]):
        _mixed(scope, priced, unit, rate.per_unit, "its price is per")
    return number * convert(Fraction(1), unit, priced.unit)


def _counted(priced: Priced) -> str | None:
    return None if priced.unit is None or not priced.unit.name else priced.unit.name


def _counts(priced: Priced) -> str:
    counted = _counted(priced)
    return "is a bare count" if counted is None else f"counts {counted}"


def _unit_words(priced: Priced) -> str:
    return _counted(priced) or "1,000"


def _grouped(value: Fraction) -> str:
    whole, dot, decimals = (decimal_text(value) or str(value)).partition(".")
    return f"{int(whole):,}{dot}{decimals}" if whole.isdigit() else f"{whole}{dot}{decimals}"


def _mixed(scope: Scope, priced: Priced, unit: Unit, node: syntax.Node, where: str) -> None:
    """Note once for all prices of a meter that 1000 and 1024 meet."""
    assert priced.unit is not None
    message = f"{priced.what} counts {priced.unit.name}, and {where} {unit.name}: powers of 1000 and of 1024 meet"
    if any(finding.message == message for finding in scope.findings):
        return
    scope.report(
        "RB2104",
        message,
        node,
        "the other family of units",
        f"write `{_twin(unit.name)}` here, or meter `in {unit.name}`",
        'keep it with `allow RB2104 because "…"`',
        notes=("1 GiB is 1.073741824 GB: about 7% more",),
    )


def _twin(name: str) -> str:
    """The unit of the same letter in the other family."""
    binary = {"KiB": "kB", "MiB": "MB", "GiB": "GB", "TiB": "TB", "PiB": "PB"}
    decimal = {decimal: binary for binary, decimal in binary.items()}
    return binary.get(name) or decimal.get(name) or name


# Bands


def resolve_bands(
    scope: Scope, written: list[tuple[syntax.BandHead, syntax.Price]], priced: Priced, mode: Mode
) -> tuple[Band, ...] | None:
    """The bands of one row, bounds cumulated. None where a finding makes them useless."""
    bands: list[Band] = []
    low = Fraction(0)
    sound = True
    for position, (head, price_node) in enumerate(written):
        above_before = position > 0 and written[position - 1][0].word is syntax.BandWord.ABOVE
        sound &= _word_fits(scope, head, mode, position, len(written), above_before=above_before)
        price = resolve_price(scope, price_node, priced, mode)
        width = _width(scope, head, priced)
        if price is None or (width is None and head.width is not None):
            sound = False
            continue
        upper, depends = (None, None) if width is None else width
        prorated = head.width is not None and head.width.prorated
        if upper is not None and mode is Mode.GRADUATED:
            if upper <= 0:
                scope.report(
                    "RB2201", "a band must be wider than nothing", head, "no width", "write a number above zero"
                )
                sound = False
                continue
            _check_step(scope, upper, price, head)
            upper += low
        if upper is not None and upper <= low and depends is None:
            before = (Label(bands[-1].span, "the band before it"),) if bands else ()
            scope.report(
                "RB2201",
                f"band `{scope.text(head)}` ends where the band before it ends, or lower",
                head,
                "does not rise",
                "list the bands from the lowest bound to the highest",
                labels=before,
            )
            sound = False
            continue
        inclusive = head.word is not syntax.BandWord.BELOW
        bands.append(Band(head.span, scope.text(head), upper, price, inclusive, depends, prorated))
        low = upper if upper is not None else low
    if not sound:
        return None
    if written and written[-1][0].word is not syntax.BandWord.ABOVE:
        last = written[-1][0]
        fixed = all(band.width_per is None and not band.prorated for band in bands)
        top = bands[-1].upper if fixed else None
        unit = _counted(priced)
        limit = f"`{scope.text(last)}`" if top is None else " ".join(filter(None, (_grouped(top), unit)))
        scope.report(
            "RB2202",
            f"nothing prices what lies above {limit}",
            last,
            "the last band ends here",
            "add a band `above at …`",
            "add `above refused`, if such usage is an error",
        )
        return None
    return tuple(bands)


def _word_fits(
    scope: Scope, head: syntax.BandHead, mode: Mode, position: int, count: int, *, above_before: bool
) -> bool:
    widths = (syntax.BandWord.FIRST, syntax.BandWord.NEXT)
    totals = (syntax.BandWord.UP_TO, syntax.BandWord.BELOW)
    word = head.word
    if word is syntax.BandWord.ABOVE:
        if position == count - 1:
            return True
        scope.report("RB2208", "nothing comes after `above`", head, "must be the last band", "move it to the end")
        return False
    if mode is Mode.GRADUATED and word in totals:
        scope.report(
            "RB1115",
            f"graduated bands have widths, and `{word.value}` is a total",
            head,
            "a total",
            "write `first N`, then `next N`",
            "write `volume` instead of `graduated` if the whole quantity is at one rate",
        )
        return False
    if mode is not Mode.GRADUATED and word in widths:
        scope.report(
            "RB1115",
            f"{mode.value} bands have totals, and `{word.value}` is a width",
            head,
            "a width",
            "write `up to N`",
            f"write `graduated` instead of `{mode.value}` if each band has its own rate",
        )
        return False
    if mode is Mode.GRADUATED:
        first = position == 0 or (position == 1 and above_before)
        right = syntax.BandWord.FIRST if first else syntax.BandWord.NEXT
        if word is not right:
            scope.report(
                "RB1115",
                f"the first band is called `{right.value}`" if first else "only the first band is called `first`",
                head,
                f"`{word.value}` here",
                f"write `{right.value}`",
            )
            return False
    return True


def _check_step(scope: Scope, width: Fraction, price: Price, head: syntax.BandHead) -> None:
    if price.step is not None and (width / price.step).denominator != 1:
        scope.report(
            "RB2107",
            f"`{scope.text(head)}` is not a multiple of the block that its price is for",
            head,
            "cuts a block in two",
            "make the width a multiple of the block",
            labels=(Label(price.span, "the block"),),
        )


def _width(scope: Scope, head: syntax.BandHead, priced: Priced) -> tuple[Fraction, DependsOn | None] | None:
    width = head.width
    if width is None:
        return None
    amount = _amount(scope, width.amount, priced)
    if amount is None:
        return None
    depends = _depends(scope, width)
    if depends is None and (width.per_days or width.per_meter or width.per_attribute):
        return None
    return amount, depends


def _amount(scope: Scope, node: syntax.Quantity | syntax.Money, priced: Priced) -> Fraction | None:
    if priced.is_money:
        if isinstance(node, syntax.Money):
            return scope.money_value(node)
        sign = symbols(scope.money.currency.code)
        fix = f"{sign[0] if sign else ''}{node.number.digits}"
        scope.report(
            "RB1104",
            f"{priced.what} is money, and a bare number is never money",
            node,
            "a bare number",
            f"write `{fix}`",
            edits=(Edit(node.span, fix),) if node.unit is None and sign else (),
        )
        return None
    if isinstance(node, syntax.Money):
        fix = f"write `{' '.join(filter(None, (node.digits, _counted(priced))))}`"
        scope.report("RB2101", f"{priced.what} {_counts(priced)}, and this bound is money", node, "money", fix)
        return None
    if node.unit is not None and priced.unit is not None:
        unit = scope.units.find(node.unit.text)
        if unit is not None and binary_and_decimal_mixed([unit, priced.unit]):
            _mixed(scope, priced, unit, node.unit, "its bands are in")
    return quantity_in(scope, node, priced.unit, priced.what)


def _depends(scope: Scope, width: syntax.Width) -> DependsOn | None:
    if width.per_days is not None:
        return DependsOn(days=Fraction(1), per=width.per_days.value)
    if width.per_meter is not None:
        step, name = width.per_meter
        meter = scope.look_up(scope.meters, name, "meter")
        if meter is None:
            return None
        number = quantity_in(scope, step, meter.unit, f"meter {name.text}")
        return None if number is None else DependsOn(meter=name.text, per=number)
    if width.per_attribute is not None:
        name = width.per_attribute.name
        schema = scope.look_up(scope.attributes, name, "attribute")
        if schema is None:
            return None
        if schema.kind is not FieldKind.NUMBER:
            scope.report(
                "RB2108",
                f"`account.{name.text}` is {type_words(schema)}, not a number",
                width.per_attribute,
                "cannot be multiplied with",
                "name an attribute that is a number",
            )
            return None
        return DependsOn(attribute=name.text)
    return None

"""The words of a comparison: money, quantities, ranges of usage, prices."""

from __future__ import annotations

import re
from fractions import Fraction

from ....money import MoneyUnit, approximate_text, decimal_text, grouped, symbols
from ...period import Billing
from ..model import Band, Plan, Price

_DECIMALS_MAX = 9
_LEADING = re.compile(r"^[^\d-]*-?([\d,]*\.?\d+)(?:\s?[A-Z]{3}\b)?(.*)$", re.DOTALL)


def money_text(value: Fraction, money: MoneyUnit, *, signed: bool = False) -> str:
    """`$0.005`, with `+` before what is not negative where `signed`; six decimals of what has no short text."""
    code = money.currency.code
    digits = money.currency.minor_digits
    text = decimal_text(abs(value), digits)
    if text is None or len(text.partition(".")[2]) > _DECIMALS_MAX:
        text = approximate_text(abs(value), max(digits, 6 if abs(value) >= Fraction(1, 1_000) else 12))
    text = grouped(text)
    sign = "-" if value < 0 else "+" if signed else ""
    known = symbols(code)
    return f"{sign}{known[0]}{text}" if known else f"{sign}{text} {code}"


def quantity_text(value: Fraction, unit: str, money: MoneyUnit | None = None) -> str:
    """`10,000 GB`; money where `money` is given."""
    if money is not None:
        return money_text(value, money)
    return f"{grouped(decimal_text(value) or approximate_text(value, 6))} {unit}".rstrip()


def share_text(share: Fraction) -> str:
    """`+5.88%`: a relative change with at most two decimals."""
    percent = share * 100
    text = approximate_text(abs(percent), 2).rstrip("0").rstrip(".")
    if text == "0" and percent:
        text = "less than 0.01"
    return f"{'-' if percent < 0 else '+'}{grouped(text) if text[0].isdigit() else text}%"


def price_text(price: Price) -> str:
    """A price as the ruleset says it: `$0.40 per 1,000 plus $5 once`."""
    text = price.text
    if price.once_text and price.once_text not in text:
        text = f"{text} plus {price.once_text}"
    return f"{text} if used" if price.if_used else text


def rate_words(price: Price) -> tuple[Fraction, str]:
    """How many units the written rate is for, and the words after its money: `$0.40 per 1,000 unit` is for 1,000."""
    found = _LEADING.match(price.text)
    if found is None or not price.rate or "%" in price.text:
        return Fraction(1), ""
    written = abs(Fraction(found[1].replace(",", "")))
    return written / abs(price.rate), found[2].partition(" plus ")[0].rstrip()


def range_text(
    low: Fraction,
    high: Fraction | None,
    unit: str,
    money: MoneyUnit | None,
    *,
    low_included: bool = False,
    high_included: bool = True,
) -> str:
    """`up to 10,000 GB`, `above 10,000 to 50,000 GB`, `from 10,000 below 50,000 GB`; empty for everything."""
    begins = "from" if low_included else "above"
    upper = "" if high is None else quantity_text(high, unit, money)
    if high is not None and low == high:
        return f"at {upper}"
    if low == 0:
        return upper and f"{'up to' if high_included else 'below'} {upper}"
    lower = quantity_text(low, unit, money)
    if high is None:
        return f"{begins} {lower}"
    if money is None and unit:
        lower = lower.removesuffix(f" {unit}")
    return f"{begins} {lower} {'to' if high_included else 'below'} {upper}"


def heading(plan: Plan) -> str:
    """`plan payg from 2026-01-01`."""
    word = "contract" if plan.is_contract else "plan"
    dates = dates_text(plan)
    return f"{word} {plan.name} {dates}" if dates != "without dates" else f"{word} {plan.name}"


def dates_text(plan: Plan) -> str:
    """`from 2026-01-01 before 2027-01-01`, `without dates`."""
    parts = [f"from {plan.start}"] if plan.start else []
    parts += [f"before {plan.end}"] if plan.end else []
    return " ".join(parts) or "without dates"


def billing_text(billing: Billing) -> str:
    """`every 3 months from start`."""
    count, word = (billing.every.months, "month") if billing.every.months else (billing.every.days, "day")
    every = f"every {word}" if count == 1 else f"every {count} {word}s"
    return f"{every} from start" if billing.anchored else every


def ladder_text(bands: tuple[Band, ...]) -> str:
    """Bands on one line: `first 10 free, above $0.50 each`."""
    return ", ".join(" ".join(filter(None, (band.head, price_text(band.price)))) for band in bands)


def shortened(text: str, width: int = 100) -> str:
    """A text on one line, cut where it is long."""
    text = " ".join(text.split())
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"

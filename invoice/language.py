"""Numbers, money, dates and words as the reader's language writes them, through Babel.

Babel rounds whatever it formats, so every number is handed to it with exactly the digits it has, and what comes back
is compared with what went in: a document never shows another amount than the stored one.
"""

from __future__ import annotations

import copy
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from ..diagnostics import Diagnostic
from ..money import MoneyUnit, approximate_text, decimal_text, symbols
from .phrases import translated
from .words import CATALOGUES, ENGLISH, Words

if TYPE_CHECKING:
    from babel import Locale
    from babel.numbers import NumberPattern

_DIGITS_MAX: Final = 12
_PRECISION: Final = 400
# A number as rulesets write it, that is no part of a name, a date or a time.
_DAYS: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}) to ([0-9]{4}-[0-9]{2}-[0-9]{2})")
_NUMBER: Final = re.compile(r"(?<![\w.:/-])(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?![\w:/-]|[.,][0-9])")


@dataclass(frozen=True, slots=True)
class Language:
    """A language to write documents in: `code` as Babel writes it (`zh_Hant_TW`), with its words."""

    code: str
    words: Words
    locale: Locale

    @property
    def tag(self) -> str:
        """The language as HTML names it: `zh-Hant-TW`."""
        return self.code.replace("_", "-")

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`."""
        return str(self.locale.text_direction)

    def number(self, value: Fraction) -> str:
        """The number with all its decimals; `≈` stands before one that has too many to write."""
        text = decimal_text(value)
        if text is not None and len(text.partition(".")[2]) <= _DIGITS_MAX:
            return self._decimal(text)
        return "≈" + self._decimal(approximate_text(value, _digits_to_show(value)))

    def quantity(self, value: Fraction, unit: str) -> str:
        """`1,000 GB`, or the bare number where there is no unit."""
        return f"{self.number(value)}\N{NO-BREAK SPACE}{unit}" if unit else self.number(value)

    def percent(self, value: Fraction) -> str:
        """`12.5%` for 0.125."""
        text = decimal_text(value * 100)
        shown = text if text is not None else approximate_text(value * 100, 4)
        return ("" if text is not None else "≈") + self._apply(self.locale.percent_formats[None], shown, per_cent=True)

    def amount(self, amount: int, unit: MoneyUnit) -> str:
        """An amount without its currency, with as many decimals as the money unit needs."""
        return self._decimal(padded(unit.text(amount), unit_digits(unit)))

    def money(self, amount: int, unit: MoneyUnit) -> str:
        """An amount with the sign of its currency where the language puts it."""
        return self._money(padded(unit.text(amount), unit_digits(unit)), unit.currency.code)

    def value(self, value: Fraction, unit: MoneyUnit, *, signed: bool = False) -> str:
        """Money between two amounts, exactly, with at least the money unit's decimals; `signed` adds the currency."""
        text = decimal_text(value, unit_digits(unit))
        about = ""
        if text is None or len(text.partition(".")[2]) > _DIGITS_MAX:
            about, text = "≈", approximate_text(value, max(_digits_to_show(value), unit_digits(unit)))
        return about + (self._money(text, unit.currency.code) if signed else self._decimal(text))

    def date(self, day: date) -> str:
        """A day in full."""
        from babel.dates import format_date

        return format_date(day, "long", self.locale)

    def period(self, start: datetime, end: datetime) -> str:
        """The days of `[start, end)`, both ends included, as people write them."""
        from babel.dates import format_interval

        first = start.date()
        last = max((end - timedelta(microseconds=1)).date(), first)
        return self.date(first) if first == last else format_interval(first, last, "yMMMd", locale=self.locale)

    def phrase(self, text: str) -> str:
        """A short phrase such as `first 1,000 MB`: its numbers as the language writes them, its words where known."""
        days = _DAYS.fullmatch(text)
        if days is not None:
            try:
                first, last = (datetime.fromisoformat(day) for day in days.groups())
                return self.period(first, last + timedelta(days=1))
            except (ValueError, OverflowError):
                return text
        return _NUMBER.sub(self._rewritten, translated(text, self.code.split("_")[0]))

    def sentence(self, text: str) -> str:
        """What an explanation says about a rule; names, dates and numbers stay as the ruleset writes them."""
        return translated(text, self.code.split("_")[0])

    @property
    def decimal_mark(self) -> str:
        """What stands before the decimals."""
        return str(self.locale.number_symbols.get("latn", {}).get("decimal", "."))

    def _rewritten(self, found: re.Match[str]) -> str:
        return self._decimal(found.group().replace(",", ""))

    def _decimal(self, text: str) -> str:
        return self._apply(self.locale.decimal_formats[None], text)

    def _money(self, text: str, code: str) -> str:
        shown = self._apply(self.locale.currency_formats["standard"], text)
        sign = next(iter(symbols(code)), code)
        before, _, after = shown.partition("¤")
        if sign[-1].isalpha() and after[:1].isdigit():
            sign += "\N{NO-BREAK SPACE}"
        if sign[0].isalpha() and before[-1:].isdigit():
            sign = "\N{NO-BREAK SPACE}" + sign
        return f"{before}{sign}{after}"

    def _apply(self, pattern: NumberPattern, text: str, *, per_cent: bool = False) -> str:
        digits = len(text.partition(".")[2])
        exact = copy.copy(pattern)
        exact.frac_prec = (digits, digits)
        with localcontext() as context:
            context.prec = _PRECISION
            value = Decimal(text)
            shown: str = exact.apply(value / 100 if per_cent else value, self.locale)
        if digits_of(shown) != digits_of(text):
            raise AssertionError(f"{text} would be shown as {shown}")
        return shown


def digits_of(text: str) -> str:
    """The decimal digits of a text, in ASCII, after a `-` if it is negative: what an amount and its display share."""
    sign = "-" if any(mark in text for mark in "-−") else ""
    return sign + "".join(str(unicodedata.digit(character)) for character in text if character.isdigit())


def unit_digits(unit: MoneyUnit) -> int:
    """The decimals that every amount of the unit is shown with."""
    text = decimal_text(unit.size, unit.currency.minor_digits)
    return len(text.partition(".")[2]) if text is not None else unit.currency.minor_digits


def padded(text: str, digits: int) -> str:
    """A plain decimal with zeros added up to `digits` decimals."""
    whole, mark, decimals = text.partition(".")
    if len(decimals) >= digits:
        return whole + mark + decimals
    return f"{whole}.{decimals:0<{digits}}"


def _digits_to_show(value: Fraction) -> int:
    """Decimals that leave at least four significant digits of a small value."""
    digits = 6
    while digits < 40 and value and abs(value) * 10**digits < 1000:
        digits += 1
    return digits


def english() -> Language:
    """The language of documents for which none is asked."""
    from babel import Locale

    return Language("en", ENGLISH, Locale("en"))


def find_language(code: str) -> Language | Diagnostic:
    """The language of a code (`en`, `zh`, `de_CH`, `pt-BR`), or RB6006."""
    from babel import Locale, UnknownLocaleError

    try:
        locale = Locale.parse(code.strip().replace("-", "_"))
    except (ValueError, TypeError, UnknownLocaleError):
        return Diagnostic(
            "RB6006",
            f"the language `{code}` is not known",
            hints=("write a language code such as `en`, `zh`, `de` or `pt_BR`",),
        )
    name = str(locale)
    return Language(name, CATALOGUES.get(locale.language, ENGLISH), locale)

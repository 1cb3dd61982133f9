"""Changes that look like a slip of the pen: a factor of ten, a unit mistaken, a sign, two digits exchanged.

What is told is the kind of slip; who reports it decides where. Bounds of bands are no prices and are left alone.
"""

from __future__ import annotations

from fractions import Fraction

from ....money import approximate_text, decimal_text
from ....records import Record

_POWERS = (10, 100, 1_000, 1_000_000, 1_024, 1_024**2)
_BINARY = Fraction(1_024, 1_000)
_ROUND_STEP = Fraction(1, 20)
"""A change by a whole multiple of 5% is a decision, also where it happens to exchange two digits."""


class Slip(Record):
    """A kind of slip: a short name to group by, and what happened, after "the price of …"."""

    kind: str
    words: str


def slip_of(old: Fraction, new: Fraction) -> Slip | None:
    """The slip that takes one amount to another, or None where it looks meant."""
    if not old or not new or old == new:
        return None
    ratio = new / old
    if ratio == -1:
        return Slip("sign", "has the other sign")
    for power in _POWERS:
        if ratio == power:
            return Slip(f"x{power}", f"is {power:,} times what it was")
        if ratio == Fraction(1, power):
            return Slip(f"/{power}", f"is {_part(power)} of what it was")
    for exponent in range(1, 6):
        if ratio in (_BINARY**exponent, 1 / _BINARY**exponent):
            return Slip("binary", f"differs by {_percent(ratio)}, as a decimal unit does from a binary one")
    if _exchanged(old, new) and ((ratio - 1) / _ROUND_STEP).denominator != 1:
        return Slip("digits", "has two digits exchanged")
    return None


def quantity_slip_of(old: Fraction, new: Fraction) -> Slip | None:
    """The slip in a quantity, such as included units: these do grow tenfold on purpose, so that only units count."""
    found = slip_of(old, new)
    return found if found is not None and found.kind.lstrip("x/") not in ("digits", "10", "100") else None


def percent_slip_of(old: Fraction, new: Fraction) -> Slip | None:
    """The slip in a percentage: ten or a hundred times as much, or as little, or the other sign."""
    found = slip_of(old, new)
    return found if found is not None and found.kind.lstrip("x/") in ("sign", "10", "100") else None


def _part(power: int) -> str:
    return {10: "a tenth", 100: "a hundredth", 1_000: "a thousandth", 1_000_000: "a millionth"}.get(
        power, f"1/{power:,}"
    )


def _percent(ratio: Fraction) -> str:
    return f"{approximate_text(abs(ratio - 1) * 100, 1)}%"


def _exchanged(old: Fraction, new: Fraction) -> bool:
    """Whether two neighbouring digits of the one stand exchanged in the other: 1.29 and 1.92."""
    before, after = decimal_text(abs(old)), decimal_text(abs(new))
    if before is None or after is None or (old < 0) is not (new < 0):
        return False
    decimals = max(len(text.partition(".")[2]) for text in (before, after))
    first, second = (_digits(text, decimals) for text in (before, after))
    width = max(len(first), len(second))
    first, second = first.rjust(width, "0"), second.rjust(width, "0")
    different = [index for index, (left, right) in enumerate(zip(first, second, strict=True)) if left != right]
    if len(different) != 2 or different[1] != different[0] + 1:
        return False
    left, right = different
    return first[left] == second[right] and first[right] == second[left]


def _digits(text: str, decimals: int) -> str:
    whole, _, rest = text.partition(".")
    return whole + rest.ljust(decimals, "0")

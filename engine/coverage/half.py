"""Where the way of rounding decides: quantities whose price lies exactly between two money units.

Within a band a price is a straight line over whole steps of quantity, so that the question is a linear congruence:
answered exactly, for any rate, without trying quantities.
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd, lcm

from ..schedule import Mode, Schedule, fitting, price

_DIGITS_MAX = 15
"""Quantities with more digits are no usage that anybody has."""


def half_quantity(schedule: Schedule, unit: Fraction, size: Fraction) -> Fraction | None:
    """The least multiple of `unit` whose price lies in the middle of two multiples of `size`, or None."""
    if schedule.depends or schedule.mode is Mode.STAIRSTEP:
        return None
    low = Fraction(0)
    for band in schedule.bands:
        high = None if band.upper is None else Fraction(band.upper, schedule.quantity_scale)
        if not band.refused and band.step is None and band.rate:
            rate = Fraction(band.rate * schedule.quantity_scale, schedule.money_scale)
            found = _in_band(schedule, low, high, rate, unit, size)
            if found is not None:
                return found
        low = high if high is not None else low
    return None


def _in_band(
    schedule: Schedule, low: Fraction, high: Fraction | None, rate: Fraction, unit: Fraction, size: Fraction
) -> Fraction | None:
    """The least such quantity inside `(low, high)`."""
    first = (low // unit + 1) * unit
    finer, at = fitting(schedule, first)
    begins = Fraction(price(finer, at), finer.money_scale) / size
    step = rate * unit / size
    # begins + step × k has to be a half: an equation in whole numbers, modulo what makes one money unit.
    whole = lcm(begins.denominator, step.denominator, 2)
    wanted = (whole // 2 - int(begins * whole)) % whole
    k = _least(int(step * whole), wanted, whole)
    if k is None:
        return None
    found = first + k * unit
    if (high is not None and found >= high) or found >= 10**_DIGITS_MAX:
        return None
    return found


def _least(factor: int, wanted: int, modulus: int) -> int | None:
    """The least k ≥ 0 with `factor × k ≡ wanted`."""
    common = gcd(factor, modulus)
    if wanted % common:
        return None
    reduced = modulus // common
    if reduced == 1:
        return 0
    return wanted // common * pow(factor // common, -1, reduced) % reduced

"""The bands of one price as code: the band is chosen by halves, then one line of integers is reckoned in it.

What a band costs up to its start is asked of `schedule`, which alone walks bands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd, lcm

from ....money import round_ratio
from ...schedule import Band, Mode, Schedule, price, scaled
from .facts import Frame
from .source import Term, added, times


@dataclass(frozen=True, slots=True)
class _Piece:
    """The price of a quantity `q` in one band: `fixed`, and `rate` for each integer (or started `step`) above `low`."""

    low: int
    step: int | None
    rate: int
    fixed: int
    once_if_used: int
    refused: bool


def put_price(frame: Frame, schedule: Schedule, quantity: Term, name: str) -> bool:
    """Code that gives `name` the rounded price of a quantity. The result tells whether it is never below zero."""
    source, mode = frame.source, frame.program.line_rounding
    scale = lcm(schedule.quantity_scale, quantity.unit.denominator)
    schedule = scaled(schedule, scale)
    text = source.atom(times(quantity.text, int(quantity.unit * scale)))
    pieces = [_piece(schedule, index) for index in range(len(schedule.bands))]
    ratio = Fraction(1, schedule.money_scale) / frame.money.size
    pieces, divisor = _over_one_divisor(pieces, ratio)
    constant = all(piece.rate == 0 and piece.once_if_used == 0 for piece in pieces)
    if constant:
        pieces = [replace(piece, fixed=round_ratio(piece.fixed, divisor, mode)) for piece in pieces]
        divisor = 1
    exact = name if divisor == 1 else source.name("p")
    _put_bands(frame, schedule, pieces, text, exact, sure=quantity.nonnegative)
    nonnegative = all(min(piece.rate, piece.fixed, piece.once_if_used) >= 0 for piece in pieces)
    source.rounded(exact, divisor, mode, nonnegative=nonnegative, target=name)
    return nonnegative


def _piece(schedule: Schedule, index: int) -> _Piece:
    band = schedule.bands[index]
    low, fixed, refused = 0, 0, band.refused
    if schedule.mode is Mode.GRADUATED and index:
        low = schedule.bands[index - 1].upper or 0
        fixed = price(schedule, low)
        refused = any(item.refused for item in schedule.bands[: index + 1])
    # Bands after the first are entered by some usage, so that only the first has to ask for it.
    asks = band.if_used and index == 0
    return _Piece(
        low,
        band.step,
        band.rate,
        fixed + (0 if asks else band.once),
        band.once if asks else 0,
        refused,
    )


def _over_one_divisor(pieces: Sequence[_Piece], ratio: Fraction) -> tuple[list[_Piece], int]:
    """The pieces in parts of the money unit, and how many of those make one: as small as can be."""
    numbers = [number for piece in pieces for number in (piece.rate, piece.fixed, piece.once_if_used)]
    common = gcd(ratio.denominator, *(number * ratio.numerator for number in numbers))
    return [
        replace(
            piece,
            rate=piece.rate * ratio.numerator // common,
            fixed=piece.fixed * ratio.numerator // common,
            once_if_used=piece.once_if_used * ratio.numerator // common,
        )
        for piece in pieces
    ], ratio.denominator // common


def _put_bands(
    frame: Frame, schedule: Schedule, pieces: Sequence[_Piece], text: str, name: str, *, sure: bool, first: int = 0
) -> None:
    """Choose the band by halves, then reckon in it."""
    if len(pieces) == 1:
        _put_piece(frame, pieces[0], text, name, lowest=first == 0, sure=sure)
        return
    half = len(pieces) // 2
    with frame.source.block(f"if {text} {_below(schedule, schedule.bands[first + half - 1])}:"):
        _put_bands(frame, schedule, pieces[:half], text, name, sure=sure, first=first)
    with frame.source.block("else:"):
        _put_bands(frame, schedule, pieces[half:], text, name, sure=sure, first=first + half)


def _below(schedule: Schedule, band: Band) -> str:
    inclusive = band.inclusive or schedule.mode is Mode.GRADUATED
    return f"{'<=' if inclusive else '<'} {band.upper}"


def _put_piece(frame: Frame, piece: _Piece, text: str, name: str, *, lowest: bool, sure: bool) -> None:
    if piece.refused:
        frame.source.put(f"if {text} > 0: need()" if lowest else "need()")
    used = _in_band(piece, text)
    if lowest and used != str(piece.fixed) and not (sure and not piece.once_if_used):
        used = f"{used} if {text} > 0 else {piece.fixed}"
    frame.source.put(f"{name} = {used}")


def _in_band(piece: _Piece, text: str) -> str:
    fixed = piece.fixed + piece.once_if_used
    if not piece.rate:
        return str(fixed)
    if piece.step is None:
        return added([times(text, piece.rate), str(fixed - piece.low * piece.rate)])
    if piece.low % piece.step == 0:
        steps = times(f"-(-{text} // {piece.step})", piece.rate)
        return added([steps, str(fixed - piece.low // piece.step * piece.rate)])
    return added([times(f"-(({piece.low} - {text}) // {piece.step})", piece.rate), str(fixed)])

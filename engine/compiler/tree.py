"""Tables to decision trees: each column splits the rows into disjoint cases, read from left to right.

Building a tree finds what a table gets wrong: combinations with two rows or none, and rows that nothing reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from itertools import combinations, pairwise
from zoneinfo import ZoneInfo

from ...diagnostics import Diagnostic, Label, Span
from ..condition import Scalar
from ..dispatch import Branch, Leaf, RangeCase, Tree, value_text
from ..plan import ColumnKind
from ..window import Window
from .model import Charge, Key, KeyAny, KeyOtherwise, KeyRange, KeyValues, KeyWindows
from .times import Times


@dataclass(frozen=True, slots=True)
class Gap:
    """What no row prices: the combination, a row that is short of it, and ways out."""

    missing: str
    span: Span
    hints: tuple[str, ...]


@dataclass(slots=True)
class Building:
    """One charge's table while its tree grows."""

    charge: Charge
    times: Times
    findings: list[Diagnostic] = field(default_factory=list)
    gaps: dict[tuple[int, str], list[Gap]] = field(default_factory=dict)
    reached: set[int] = field(default_factory=set)
    overlaps: set[tuple[int, int]] = field(default_factory=set)


def build_tree(
    charge: Charge, windows: Mapping[str, Window], zone: ZoneInfo, since: date
) -> tuple[Tree, tuple[Diagnostic, ...]]:
    """The decision tree of a charge and what is wrong with its table. `since` is when its prices begin."""
    building = Building(charge, Times(windows, zone, since))
    tree = _build(building, list(range(len(charge.rows))), 0, ())
    building.findings.extend(_gap_findings(building))
    if not building.findings:
        for index in range(len(charge.rows)):
            if index not in building.reached:
                building.findings.append(_never_reached(charge, index))
    return tree, tuple(building.findings)


def _never_reached(charge: Charge, index: int) -> Diagnostic:
    row = charge.rows[index]
    rest = [charge.columns[at].name for at, key in enumerate(row.keys) if isinstance(key, KeyOtherwise)]
    if rest:
        return Diagnostic(
            "RB2205",
            f"this row of charge {charge.name} can never be reached: other rows name every {rest[-1]}",
            row.span,
            "nothing is left for `otherwise`",
            hints=("remove it", f"leave out a row of a {rest[-1]} that has the same price"),
        )
    return Diagnostic(
        "RB2205",
        f"this row of charge {charge.name} can never be reached",
        row.span,
        "rows above it take everything that it names",
        hints=("move it above them", "remove it"),
    )


def _build(building: Building, rows: list[int], column: int, path: tuple[str, ...]) -> Tree:
    charge = building.charge
    if column == len(charge.columns):
        building.reached.add(rows[0])
        if len(rows) > 1 and not charge.first_match:
            _report_overlap(building, rows, path)
        return Leaf(rows[0])
    keys = {row: charge.rows[row].keys[column] for row in rows}
    anywhere = [row for row in rows if isinstance(keys[row], KeyAny)]
    rest = sorted([*anywhere, *(row for row in rows if isinstance(keys[row], KeyOtherwise))])

    def below(chosen: Iterable[int], text: str) -> Tree:
        return _build(building, sorted({*chosen, *anywhere}), column + 1, (*path, text))

    if charge.columns[column].kind is ColumnKind.TIME:

        def what_is_left() -> Tree:
            return _build(building, rest, column + 1, (*path, "other values"))

        return _by_time(building, keys, column, path, below, what_is_left if rest else None)
    otherwise = _otherwise(building, keys, rest, column, path) if rest else None
    prefixes = _by_value(keys, prefix=True)
    values = _by_value(keys, prefix=False)
    ranges = {row: key for row, key in keys.items() if isinstance(key, KeyRange)}
    if otherwise is None:
        _check_cover(building, column, path, values, ranges, rows)
    trees: dict[Scalar, Tree] = {
        value: below([*chosen, *_rows_with(ranges, value)], value_text(value)) for value, chosen in values.items()
    }
    return Branch(
        column=column,
        values=trees,
        ranges=_range_cases(ranges, below),
        prefixes={str(text): below(chosen, f"{value_text(text)}…") for text, chosen in prefixes.items()},
        prefix_lengths=tuple(sorted({len(str(text)) for text in prefixes}, reverse=True)),
        otherwise=otherwise,
        otherwise_text="otherwise" if prefixes or ranges else "",
    )


def _otherwise(
    building: Building, keys: Mapping[int, Key], rest: list[int], column: int, path: tuple[str, ...]
) -> Tree:
    """The tree for what no row names; where every value is named and none can be missing, nothing reaches it."""
    declared = building.charge.declared[column]
    named = _by_value(keys, prefix=False)
    ranges = {row: key for row, key in keys.items() if isinstance(key, KeyRange)}
    if declared is None:
        # Below the lowest end a number may be negative, so that only a range without one takes everything.
        is_open = not any(key.low is None for key in ranges.values()) or _hole(ranges, named) is not None
    else:
        is_open = any(value not in named for value in declared)
    if is_open or building.charge.may_lack[column]:
        return _build(building, rest, column + 1, (*path, "other values"))
    return _unreached(building, lambda: _build(building, rest, column + 1, (*path, "other values")))


def _unreached(building: Building, build: Callable[[], Tree]) -> Tree:
    """The tree of a branch that nothing comes to: what is found in it does not matter."""
    reached, findings = set(building.reached), list(building.findings)
    gaps = {key: list(found) for key, found in building.gaps.items()}
    tree = build()
    building.reached, building.findings, building.gaps = reached, findings, gaps
    return tree


def _by_value(keys: Mapping[int, Key], *, prefix: bool) -> dict[Scalar, list[int]]:
    found: dict[Scalar, list[int]] = {}
    for row, key in keys.items():
        if isinstance(key, KeyValues) and key.prefix == prefix:
            for value in dict.fromkeys(key.values):
                found.setdefault(value, []).append(row)
    return found


def _report_overlap(building: Building, rows: Sequence[int], path: tuple[str, ...]) -> None:
    first, second = rows[0], rows[1]
    if (first, second) in building.overlaps:
        return
    building.overlaps.add((first, second))
    columns = building.charge.columns
    where = ", ".join(f"{column.name} {text}" for column, text in zip(columns, path, strict=True))
    building.findings.append(
        Diagnostic(
            "RB2203",
            f"two rows price {where}",
            building.charge.rows[second].span,
            "this row prices it too",
            (Label(building.charge.rows[first].span, "and so does this one"),),
            (
                "write `otherwise` where the row is for what no other row names",
                "write `first match` after the `by` fields to let the upper row win",
            ),
        )
    )


def _check_cover(
    building: Building,
    column: int,
    path: tuple[str, ...],
    values: Mapping[Scalar, Sequence[int]],
    ranges: Mapping[int, KeyRange],
    rows: Sequence[int],
) -> None:
    """Note what no row of this branch prices."""
    charge = building.charge
    declared = charge.declared[column]
    if declared is not None:
        missing = [value for value in declared if value not in values]
        if missing:
            _report_gap(building, column, path, ", ".join(value_text(value) for value in missing), rows)
        return
    hole = _hole(ranges, values)
    if hole is not None:
        _report_gap(building, column, path, hole, rows)


def _report_gap(building: Building, column: int, path: tuple[str, ...], what: str, rows: Sequence[int]) -> None:
    charge = building.charge
    name = charge.columns[column].name
    before = ", ".join(f"{charge.columns[index].name} {text}" for index, text in enumerate(path))
    where = f"{before}, " if before else ""
    hint: tuple[str, ...] = (f"add a row for {what}",)
    if charge.columns[column].kind is ColumnKind.TIME:
        missing = f"{where}the time {what}"
        hint = ("name a window that holds it",)
    elif what:
        missing = f"{where}{name} {what}"
    else:
        missing, hint = f"{where}any other {name}", ()
    gap = Gap(missing, charge.rows[rows[-1]].span, (*hint, "add a row `otherwise`"))
    building.gaps.setdefault((column, what), []).append(gap)


def _gap_findings(building: Building) -> Iterator[Diagnostic]:
    """One finding for each value that is missing, whatever stands to the left of it."""
    for gaps in building.gaps.values():
        first = gaps[0]
        more = len(gaps) - 1
        others = "" if not more else f", nor for {gaps[1].missing}" if more == 1 else f", and {more} more like it"
        yield Diagnostic(
            "RB2204",
            f"charge {building.charge.name} has no price for {first.missing}{others}",
            first.span,
            "the last row that could",
            hints=first.hints,
            notes=(f"witness: usage with {first.missing} could not be billed",),
        )


def _hole(ranges: Mapping[int, KeyRange], values: Mapping[Scalar, Sequence[int]]) -> str | None:
    """What the ranges of an open column leave out from zero up; empty text where any other value is left out."""
    if not ranges:
        return ""
    reach: Fraction | date | None = None
    reach_included = False
    for key in sorted(ranges.values(), key=_low_order):
        if key.low is not None:
            starts_low = isinstance(key.low, Fraction) and key.low <= 0 and reach is None
            joined = reach is not None and (
                key.low < reach  # type: ignore[operator]
                or (key.low == reach and (key.low_included or reach_included or key.low in values))
            )
            if not starts_low and not joined:
                return f"below {_end_text(key.low)}" if reach is None else f"{_end_text(reach)}"
        if key.high is None:
            return None
        if reach is None or key.high > reach or (key.high == reach and key.high_included):  # type: ignore[operator]
            reach, reach_included = key.high, key.high_included
    assert reach is not None
    return f"{'above' if reach_included else 'from'} {_end_text(reach)}"


def _low_order(key: KeyRange) -> tuple[int, object, bool]:
    return (0, 0, False) if key.low is None else (1, key.low, not key.low_included)


def _end_text(end: Fraction | date) -> str:
    return value_text(end)


def _rows_with(ranges: Mapping[int, KeyRange], value: Scalar) -> list[int]:
    return [row for row, key in ranges.items() if not isinstance(value, str | bool) and _inside(key, value)]


def _inside(key: KeyRange, value: Fraction | date) -> bool:
    if key.low is not None and (value < key.low or (value == key.low and not key.low_included)):  # type: ignore[operator]
        return False
    return key.high is None or value < key.high or (value == key.high and key.high_included)  # type: ignore[operator]


def _range_cases(ranges: Mapping[int, KeyRange], below: Callable[[Iterable[int], str], Tree]) -> tuple[RangeCase, ...]:
    """The ranges cut at each other's ends into disjoint, rising cases."""
    if not ranges:
        return ()
    ends = sorted({end for key in ranges.values() for end in (key.low, key.high) if end is not None})
    cases: list[RangeCase] = []
    for low, low_in, high, high_in in _segments(ends):
        chosen = [row for row, key in ranges.items() if _spans(key, low, low_in, high, high_in)]
        if chosen:
            text = ranges[chosen[0]].text
            # Where ranges overlap, a message names what they share.
            shown = text if len(chosen) == 1 else _segment_text(low, high)
            cases.append(RangeCase(low, low_in, high, high_in, text, below(chosen, shown)))
    merged: list[RangeCase] = []
    for case in cases:
        last = merged[-1] if merged else None
        touching = last is not None and last.high == case.low and (last.high_included or case.low_included)
        if last is not None and touching and last.text == case.text and last.tree == case.tree:
            merged[-1] = RangeCase(last.low, last.low_included, case.high, case.high_included, case.text, case.tree)
        else:
            merged.append(case)
    return tuple(merged)


def _segment_text(low: Fraction | date | None, high: Fraction | date | None) -> str:
    if low is not None and low == high:
        return _end_text(low)
    if low is None:
        return "of any size" if high is None else f"below {_end_text(high)}"
    return f"above {_end_text(low)}" if high is None else f"between {_end_text(low)} and {_end_text(high)}"


def _segments(
    ends: Sequence[Fraction | date],
) -> list[tuple[Fraction | date | None, bool, Fraction | date | None, bool]]:
    """Each end as a point, and what lies between, below and above them."""
    segments: list[tuple[Fraction | date | None, bool, Fraction | date | None, bool]] = []
    if not ends:
        return [(None, False, None, False)]
    segments.append((None, False, ends[0], False))
    for low, high in pairwise(ends):
        segments.append((low, True, low, True))
        segments.append((low, False, high, False))
    segments.append((ends[-1], True, ends[-1], True))
    segments.append((ends[-1], False, None, False))
    return segments


def _spans(
    key: KeyRange, low: Fraction | date | None, low_in: bool, high: Fraction | date | None, high_in: bool
) -> bool:
    if low is not None and low == high and low_in and high_in:
        return _inside(key, low)
    above_low = key.low is None or (low is not None and key.low <= low)  # type: ignore[operator]
    below_high = key.high is None or (high is not None and key.high >= high)  # type: ignore[operator]
    return above_low and below_high


# Time


def _by_time(
    building: Building,
    keys: Mapping[int, Key],
    column: int,
    path: tuple[str, ...],
    below: Callable[[Iterable[int], str], Tree],
    otherwise: Callable[[], Tree] | None,
) -> Branch:
    named: dict[str, list[int]] = {}
    for row, key in keys.items():
        if isinstance(key, KeyWindows):
            for name in key.names:
                named.setdefault(name, []).append(row)
    times, names = building.times, list(named)
    _check_windows(building, named, column, path, list(keys), has_rest=otherwise is not None)
    trees: list[tuple[str, Tree]] = []
    for index, name in enumerate(names):
        if building.charge.first_match and times.hides(names[:index], name):
            trees.append((name, _unreached(building, lambda name=name: below(named[name], name))))  # type: ignore[misc]
        else:
            trees.append((name, below(named[name], name)))
    rest: Tree | None = None
    if otherwise is not None:
        rest = _unreached(building, otherwise) if names and times.covers_all(names) else otherwise()
    return Branch(column=column, windows=tuple(trees), otherwise=rest, otherwise_text="otherwise" if named else "any")


def _check_windows(
    building: Building,
    named: Mapping[str, Sequence[int]],
    column: int,
    path: tuple[str, ...],
    rows: Sequence[int],
    *,
    has_rest: bool,
) -> None:
    """Windows of one column must not share an instant, and without `otherwise` must leave none out."""
    if not building.charge.first_match:
        for first, second in combinations(named, 2):
            shared = building.times.shared(first, second)
            if shared is not None:
                _report_shared(building, named, first, second, shared)
    gap = None if has_rest or not named else building.times.gap(named)
    if gap is not None:
        _report_gap(building, column, path, f"{gap.astimezone(building.times.zone):%Y-%m-%d %H:%M}", rows)


def _report_shared(
    building: Building, named: Mapping[str, Sequence[int]], first: str, second: str, shared: datetime
) -> None:
    local = shared.astimezone(building.times.zone)
    building.findings.append(
        Diagnostic(
            "RB2203",
            f"windows {first} and {second} share time, such as {local:%Y-%m-%d %H:%M}",
            building.charge.rows[named[second][0]].span,
            f"{second} here",
            (Label(building.charge.rows[named[first][0]].span, f"{first} here"),),
            (f"write `except {first}` in the window {second}", "write `first match` to let the upper row win"),
        )
    )

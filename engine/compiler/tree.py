"""Tables to decision trees: each column splits the rows into disjoint cases, read from left to right.

Building a tree finds what a table gets wrong: combinations with two rows or none, and rows that nothing reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations, pairwise

from ...diagnostics import Diagnostic, Label, Span
from ..condition import Scalar
from ..dispatch import Branch, Chain, Leaf, Tree, value_text
from ..plan import ColumnKind
from .chains import unpriced
from .few import few
from .model import Charge, Key, KeyAny, KeyOtherwise, KeyRange, KeyValues, KeyWindows
from .ranges import Cuts, hole
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


def build_tree(charge: Charge, times: Times) -> tuple[Tree, tuple[Diagnostic, ...]]:
    """The decision tree of a charge and what is wrong with its table. `times` begin when its prices do."""
    if len(charge.files) > 1:
        return _build_chain(charge, times)
    tree, building = _build_part(charge, times, range(len(charge.rows)))
    findings = [*building.findings, *_gap_findings(building)]
    return tree, tuple(_few_of_each(findings) if charge.files else findings)


def _build_part(charge: Charge, times: Times, rows: range) -> tuple[Tree, Building]:
    """The tree of some rows, which are a table of their own."""
    building = Building(charge, times)
    tree = _build(building, list(rows), 0, ())
    if not building.findings and not building.gaps:
        building.findings += [_never_reached(charge, index) for index in rows if index not in building.reached]
    return tree, building


def _build_chain(charge: Charge, times: Times) -> tuple[Tree, tuple[Diagnostic, ...]]:
    """Tables of several files: each is built on its own, and together they have to price everything."""
    begins = [*(file.first for file in charge.files), len(charge.rows)]
    parts = [_build_part(charge, times, range(first, last)) for first, last in pairwise(begins)]
    chain = Chain(tuple(tree for tree, _ in parts))
    findings = [finding for _, building in parts for finding in building.findings]
    whole = next((index for index, (_, building) in enumerate(parts) if not building.gaps), None)
    if whole is not None and whole + 1 < len(parts):
        findings.append(_never_asked(charge, whole))
    if whole is None and not findings:
        findings += [_unpriced(charge, what) for what in unpriced(chain, charge, times)]
    return chain, tuple(_few_of_each(findings))


def _few_of_each(findings: Sequence[Diagnostic]) -> list[Diagnostic]:
    """The first findings of each kind."""
    kinds = dict.fromkeys(finding.code for finding in findings)
    return [item for code in kinds for item in few([each for each in findings if each.code == code], "rows")]


def _never_asked(charge: Charge, whole: int) -> Diagnostic:
    return Diagnostic(
        "RB2224",
        f"charge {charge.name} never asks this file: the one before it has a price for everything",
        charge.files[whole + 1].span,
        "never asked",
        (Label(charge.files[whole].span, "prices everything"),),
        ("take `otherwise` out of the file before it", "leave this file out"),
    )


def _unpriced(charge: Charge, what: str) -> Diagnostic:
    return Diagnostic(
        "RB2204",
        f"charge {charge.name} has no price for {what}",
        charge.files[-1].span,
        "the last file that is asked",
        hints=("add a row `otherwise` to this file",),
        notes=(f"witness: usage with {what} could not be billed",),
    )


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
    cuts = Cuts({row: key for row, key in keys.items() if isinstance(key, KeyRange)})
    if otherwise is None:
        _check_cover(building, column, path, values, cuts.ranges, rows)
    trees: dict[Scalar, Tree] = {
        value: below([*chosen, *cuts.rows_with(value)], value_text(value)) for value, chosen in values.items()
    }
    return Branch(
        column=column,
        values=trees,
        ranges=cuts.cases(below),
        prefixes={str(text): below(chosen, f"{value_text(text)}…") for text, chosen in prefixes.items()},
        prefix_lengths=tuple(sorted({len(str(text)) for text in prefixes}, reverse=True)),
        otherwise=otherwise,
        otherwise_text="otherwise" if prefixes or cuts.ranges else "",
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
        is_open = not any(key.low is None for key in ranges.values()) or hole(ranges, named) is not None
    else:
        is_open = any(value not in named for value in declared)
    if is_open or building.charge.may_lack[column]:
        return _build(building, rest, column + 1, (*path, "other values"))
    return _unreached(building, lambda: _build(building, rest, column + 1, (*path, "other values")))


def _unreached(building: Building, build: Callable[[], Tree]) -> Tree:
    """The tree of a branch that nothing comes to: what is found in it does not matter."""
    before = building.reached, building.findings, building.gaps, building.overlaps
    building.reached, building.findings, building.gaps, building.overlaps = set(), [], {}, set()
    tree = build()
    building.reached, building.findings, building.gaps, building.overlaps = before
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
    left_out = hole(ranges, values)
    if left_out is not None:
        _report_gap(building, column, path, left_out, rows)


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


def _ways_apart(times: Times, first: str, second: str) -> tuple[str, ...]:
    """What to write where two windows share time: nothing that goes in a circle, or leaves a row without any time."""
    if times.is_made_of(first, second):
        return ("write `first match` to let the upper row win",)
    if times.hides([first], second):
        upper = f"put the row {second} above {first}, and write `first match` to let the upper row win"
        return (
            (upper,) if times.is_made_of(second, first) else (f"write `except {second}` in the window {first}", upper)
        )
    return (f"write `except {first}` in the window {second}", "write `first match` to let the upper row win")


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
            _ways_apart(building.times, first, second),
        )
    )

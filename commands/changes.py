"""A comparison with an earlier version, as text for people and as values for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, assert_never

from ..diagnostics import Source, Span, display_width
from ..engine.compiler.against import Change, Comparison, Effect, ExampleChange, Kind, UsageRange, Verdict
from ..engine.compiler.against.wording import money_text, quantity_text, range_text, share_text, shortened

if TYPE_CHECKING:
    from fractions import Fraction

    from ..money import MoneyUnit

_SIGNS = {Kind.ADDED: "+", Kind.REMOVED: "-", Kind.CHANGED: "~"}
_SUBJECT_MAX = 46
_TEXT_MAX = 60
_CHANGES_MAX = 12
_EFFECTS_MAX = 6
_EXAMPLES_MAX = 20


def comparison_text(name: str, earlier: str, comparison: Comparison) -> str:
    """What changed from `earlier` to `name`: grouped by plan, aligned, the dearest first."""
    return "".join(f"{line}\n" for line in _lines(name, earlier, comparison))


def _lines(name: str, earlier: str, comparison: Comparison) -> Iterator[str]:
    if not (comparison.changes or comparison.effects or comparison.examples):
        yield f"{name} costs what {earlier} costs"
        return
    yield f"{name} against {earlier}"
    assert comparison.money is not None, "what has changes has a currency"
    for heading in comparison.headings():
        yield ""
        yield heading or "the whole ruleset"
        yield from _changes([item for item in comparison.changes if item.plan == heading])
        effects = [item for item in comparison.effects if item.plan == heading]
        for effect in effects[:_EFFECTS_MAX]:
            yield from _effect(effect, comparison.money)
        if len(effects) > _EFFECTS_MAX:
            yield f"  … and {len(effects) - _EFFECTS_MAX:,} more ranges; `--format json` has all"
    if comparison.examples:
        yield ""
        yield "examples of the earlier version"
        yield from _aligned(_example(item, comparison.money) for item in comparison.examples[:_EXAMPLES_MAX])
        if len(comparison.examples) > _EXAMPLES_MAX:
            yield f"  … and {len(comparison.examples) - _EXAMPLES_MAX:,} more; `--format json` has all"
    for note in comparison.notes:
        yield ""
        yield f"note: {note}"


def _changes(changes: Sequence[Change]) -> Iterator[str]:
    yield from _aligned(_row(change) for change in changes[:_CHANGES_MAX])
    if len(changes) > _CHANGES_MAX:
        yield f"  … and {len(changes) - _CHANGES_MAX:,} more changes; `--format json` has all"


def _row(change: Change) -> tuple[str, ...]:
    subject = change.name if change.what == "price" else f"{change.what} {change.name}"
    if change.where:
        subject += f", {change.where}"
    if change.row_count > 1:
        subject += f" ({change.row_count:,} rows)"
    if change.usage:
        subject += f", {change.usage}"
    match change.kind:
        case Kind.CHANGED:
            texts = f"{_short(change.old)} → {_short(change.new)}"
            if _short(change.old) == _short(change.new):
                texts = f"{change.old} → {change.new}"  # they differ where they would be cut
        case Kind.ADDED:
            texts = _short(change.new)
        case Kind.REMOVED:
            texts = _short(change.old)
        case _:
            assert_never(change.kind)
    share = "" if change.share is None else share_text(change.share)
    said = [change.note] if change.note else []
    said += [f"also in {', '.join(change.also)}"] if change.also else []
    return (f"{_SIGNS[change.kind]} {subject}", texts, change.difference, share, "; ".join(said))


def _short(text: str) -> str:
    return shortened(text, _TEXT_MAX) or "none"


def _example(item: ExampleChange, money: MoneyUnit) -> tuple[str, ...]:
    before, after = (None if amount is None else money_text(amount, money) for amount in (item.old, item.new))
    subject = f"~ “{item.title}” on {item.plan}, {item.line}"
    if item.old is None or item.new is None:
        return (subject, f"{before or 'none'} → not rated", "", "", item.reason)
    share = share_text(item.new / item.old - 1) if item.old > 0 else ""
    return (subject, f"{before} → {after}", money_text(item.new - item.old, money, signed=True), share, "")


def _aligned(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Rows of cells in columns; a long first cell has a line of its own."""
    found = list(rows)
    widths = [
        max((width for row in found if (width := display_width(row[index])) <= _SUBJECT_MAX), default=0)
        for index in range(4)
    ]
    for row in found:
        first, *rest = row
        cells = [_padded(cell, width) for cell, width in zip(rest, widths[1:], strict=False)] + [rest[-1]]
        tail = "  ".join(cells).rstrip()
        if display_width(first) > widths[0]:
            yield f"  {first}"
            if tail:
                yield f"  {' ' * min(widths[0], 6)}  {tail}"
        else:
            yield f"  {_padded(first, widths[0])}  {tail}".rstrip()


def _padded(text: str, width: int) -> str:
    return text + " " * max(0, width - display_width(text))


def _effect(effect: Effect, money: MoneyUnit) -> Iterator[str]:
    where = f", {effect.where}" if effect.where else ""
    rows = f" ({effect.row_count:,} rows)" if effect.row_count > 1 else ""
    notes = f" ({'; '.join(effect.notes)})" if effect.notes else ""
    if effect.whole_bill:
        yield f"  a bill with {effect.of}{where} alone{notes} costs, before policies and taxes"
    else:
        counted = f" of {effect.of}" if effect.of != effect.name else ""
        yield f"  the same usage{counted} costs in {effect.name}{where}{rows}{notes}"
    quantity_money = money if effect.is_money else None
    yield from (
        f"  {line}"
        for line in _aligned(
            (_usage(item, effect.unit, quantity_money), _verdict(item, effect.unit, quantity_money, money), "", "", "")
            for item in effect.ranges
        )
    )


def _usage(item: UsageRange, unit: str, quantity_money: MoneyUnit | None) -> str:
    text = range_text(
        item.low,
        item.high,
        unit,
        quantity_money,
        low_included=item.low_included,
        high_included=item.high_included,
    )
    return text or "any usage"


def _verdict(item: UsageRange, unit: str, quantity_money: MoneyUnit | None, money: MoneyUnit) -> str:
    match item.verdict:
        case Verdict.SAME:
            return "the same"
        case Verdict.REFUSED:
            return "refused now"
        case Verdict.PRICED:
            return "priced now, refused before"
        case Verdict.DEARER | Verdict.CHEAPER:
            word = "more" if item.verdict is Verdict.DEARER else "less"
        case _:
            assert_never(item.verdict)
    most = money_text(item.most, money, signed=True)
    at = quantity_text(item.most_at, unit, quantity_money)
    side = "at" if item.most_included or item.slope else "close to"
    amounts = f"{money_text(item.most_old, money)} → {money_text(item.most_new, money)}"
    if item.slope and (item.slope > 0) is (item.verdict is Verdict.DEARER):
        begins = f"{most} at {at}, then " if item.most else ""
        return f"{word}: {begins}{_per(item.slope, unit, quantity_money, money)}"
    if item.at_high == item.at_low == item.most or (item.high is None and not item.slope and item.at_low == item.most):
        return f"{word}: {most}"
    return f"{word}: at most {most} {side} {at} ({amounts})"


def _per(slope: Fraction, unit: str, quantity_money: MoneyUnit | None, money: MoneyUnit) -> str:
    if quantity_money is not None:
        points = quantity_text(abs(slope) * 100, "")
        return f"{'-' if slope < 0 else '+'}{points}% of it"
    return f"{money_text(slope, money, signed=True)} {f'per {unit}' if unit else 'each'}"


# JSON


def comparison_values(
    name: str, earlier: str, comparison: Comparison, old: Mapping[str, Source], new: Mapping[str, Source]
) -> dict[str, Any]:
    """One element of `changes` in the findings as JSON. Numbers are texts, exact; fractions as `1/3`."""
    return {
        "file": name,
        "against": earlier,
        "changes": [_change_values(item, old, new) for item in comparison.changes],
        "ranges": [_effect_values(item) for item in comparison.effects],
        "examples": [
            {
                "title": item.title,
                "plan": item.plan,
                "line": item.line,
                "old": _number(item.old),
                "new": _number(item.new),
                "reason": item.reason,
            }
            for item in comparison.examples
        ],
        "notes": list(comparison.notes),
    }


def _change_values(change: Change, old: Mapping[str, Source], new: Mapping[str, Source]) -> dict[str, Any]:
    return {
        "kind": change.kind.value,
        "what": change.what,
        "name": change.name,
        "plan": change.plan,
        "where": change.where,
        "rows": change.row_count,
        "usage": change.usage,
        "old": change.old,
        "new": change.new,
        "difference": change.difference,
        "percent": None if change.share is None else share_text(change.share),
        "old_place": _place(change.old_span, old),
        "new_place": _place(change.new_span, new),
        "also": list(change.also),
        "note": change.note,
    }


def _place(span: Span | None, sources: Mapping[str, Source]) -> str | None:
    return None if span is None else sources[span.file].place(span)


def _effect_values(effect: Effect) -> dict[str, Any]:
    return {
        "plan": effect.plan,
        "name": effect.name,
        "of": effect.of,
        "unit": effect.unit,
        "whole_bill": effect.whole_bill,
        "where": effect.where,
        "rows": effect.row_count,
        "fields": dict(effect.fields),
        "notes": list(effect.notes),
        "also": list(effect.also),
        "ranges": [_range_values(item) for item in effect.ranges],
    }


def _range_values(item: UsageRange) -> dict[str, Any]:
    return {
        "low": _number(item.low),
        "low_included": item.low_included,
        "high": _number(item.high),
        "high_included": item.high_included,
        "costs": item.verdict.value,
        "at_low": _number(item.at_low),
        "at_high": _number(item.at_high),
        "slope": _number(item.slope),
        "most": _number(item.most),
        "most_at": _number(item.most_at),
        "most_included": item.most_included,
        "most_old": _number(item.most_old),
        "most_new": _number(item.most_new),
    }


def _number(value: Fraction | None) -> str | None:
    from ..money import decimal_text

    return None if value is None else decimal_text(value) or str(value)

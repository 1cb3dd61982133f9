"""Laws of a comparison: what it says of ranges is what rating both rulesets gives."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from ratebook import api
from ratebook.diagnostics import Source
from ratebook.engine.compiler.against import Comparison, Effect, UsageRange, Verdict, compare
from ratebook.engine.compiler.against.slips import slip_of
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.money import decimal_text

HEAD = """\
ruleset law "Law":
  currency USD
  round each line to $0.00000001

event sale:
  amount: number

meter sales: sum of amount of sale

plan base from 2026-06-01:
"""
WORDS = {"graduated": ("first", "next"), "volume": ("up to", "up to"), "stairstep": ("up to", "up to")}


def ladder(mode: str, widths: list[int], cents: list[int], once: list[int], minimum: int, cap: int) -> str:
    lines = [f"  charge sales {mode}:"]
    reach = 0
    for index, width in enumerate(widths):
        reach += width
        head = f"{WORDS[mode][bool(index)]} {width if mode == 'graduated' else reach}"
        lines.append(f"    {head} {price(mode, cents[index], once[index])}")
    lines.append(f"    above {price(mode, cents[-1], once[-1])}")
    if minimum:
        lines.append(f"    minimum ${minimum}")
    if cap:
        lines.append(f"    cap ${minimum + cap}")
    return "\n".join(lines)


def price(mode: str, cents: int, once: int) -> str:
    money = decimal_text(Fraction(cents, 100), 2)
    if mode == "stairstep":
        return f"for ${money}"
    return f"at ${money} each" + (f" plus ${once} once" if once else "")


@st.composite
def plans(draw: st.DrawFn) -> str:
    mode = draw(st.sampled_from(sorted(WORDS)))
    widths = draw(st.lists(st.integers(1, 30), min_size=1, max_size=3))
    count = len(widths) + 1
    cents = draw(st.lists(st.integers(0, 40), min_size=count, max_size=count))
    once = draw(st.lists(st.sampled_from([0, 0, 0, 1, 3]), min_size=count, max_size=count))
    bounds = draw(st.tuples(st.sampled_from([0, 0, 2, 5]), st.sampled_from([0, 0, 3, 10])))
    text = ladder(mode, widths, cents, once, *bounds)
    included = draw(st.sampled_from([0, 0, 5, 12]))
    return HEAD + text + (f"\n  include {included} of sales" if included else "") + "\n"


def compared(old: str, new: str) -> Comparison:
    comparison = compare(
        compile_ruleset(Source("old.rates", old)), compile_ruleset(Source("new.rates", new)), date(2026, 3, 1)
    )
    assert comparison is not None
    return comparison


def cost(text: str, quantity: Fraction) -> Fraction:
    ruleset = api.compile(text)
    shown = decimal_text(quantity)
    assert shown is not None
    statement = api.quote(ruleset, "base", {"sales": shown}, period="2026-06")
    return statement.money.fraction(statement.total)


def range_with(effect: Effect, quantity: Fraction) -> UsageRange | None:
    """The range that holds a quantity; none for no usage, where that costs the same and the least usage does not."""
    inside = [item for item in effect.ranges if holds(item, quantity)]
    if not inside and not quantity:
        return None
    assert len(inside) == 1, "the ranges cover every quantity once"
    return inside[0]


def holds(item: UsageRange, quantity: Fraction) -> bool:
    if quantity < item.low or (quantity == item.low and not item.low_included):
        return False
    return item.high is None or quantity < item.high or (quantity == item.high and item.high_included)


@given(plans(), plans())
def test_ranges_are_what_both_rulesets_bill(old: str, new: str) -> None:
    effects = [item for item in compared(old, new).effects if not item.whole_bill]
    marks = {Fraction(0), Fraction(200)}
    for effect in effects:
        for item in effect.ranges:
            marks |= {Fraction(int(end)) for end in (item.low, item.high) if end is not None}
    for mark in {turn + step for turn in marks for step in (-1, 0, 1) if turn + step >= 0}:
        gap = cost(new, mark) - cost(old, mark)
        if not effects:
            assert gap == 0
            continue
        item = range_with(effects[0], mark)
        if item is None:
            assert gap == 0
            continue
        assert sign(gap) is item.verdict, (mark, gap, item)
        if item.verdict in (Verdict.DEARER, Verdict.CHEAPER) and item.high is not None:
            assert abs(gap) <= abs(item.most)


@given(plans(), plans())
def test_the_largest_difference_is_billed(old: str, new: str) -> None:
    for effect in compared(old, new).effects:
        for item in effect.ranges:
            if item.verdict is Verdict.SAME or not item.most_included or decimal_text(item.most_at) is None:
                continue
            before, after = cost(old, item.most_at), cost(new, item.most_at)
            # A line is rounded to a hundred-millionth here.
            assert abs(after - before - item.most) <= Fraction(1, 10**7)
            assert abs(before - item.most_old) <= Fraction(1, 10**7)


@given(plans())
def test_a_plan_costs_what_it_costs(text: str) -> None:
    comparison = compared(text, f"# moved\n\n{text}")
    assert comparison.is_empty and not comparison.effects


@given(plans(), plans())
def test_a_comparison_turned_around_says_the_opposite(old: str, new: str) -> None:
    there, back = compared(old, new).effects, compared(new, old).effects
    assert len(there) == len(back)
    turned = {Verdict.DEARER: Verdict.CHEAPER, Verdict.CHEAPER: Verdict.DEARER, Verdict.SAME: Verdict.SAME}
    for forth, reverse in zip(there, back, strict=True):
        assert [turned[item.verdict] for item in forth.ranges] == [item.verdict for item in reverse.ranges]
        assert [-item.most for item in forth.ranges] == [item.most for item in reverse.ranges]


def sign(gap: Fraction) -> Verdict:
    if not gap:
        return Verdict.SAME
    return Verdict.DEARER if gap > 0 else Verdict.CHEAPER


@given(st.fractions(min_value="0.0001", max_value=10_000), st.sampled_from([10, 100, 1_000, 1_024, 1_000_000]))
def test_a_power_of_ten_is_always_a_slip(value: Fraction, power: int) -> None:
    there, back = slip_of(value, value * power), slip_of(value * power, value)
    assert there is not None and there.kind == f"x{power}"
    assert back is not None and back.kind == f"/{power}"


@given(st.integers(1, 1_000_000), st.integers(1, 40))
def test_a_rise_by_whole_fives_of_percent_is_meant(cents: int, fives: int) -> None:
    assert slip_of(Fraction(cents), Fraction(cents) * (1 + Fraction(fives, 20))) is None

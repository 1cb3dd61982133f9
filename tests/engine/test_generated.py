"""Generated code gives what the interpreter gives, to the last money unit, or leaves it to the interpreter."""

from __future__ import annotations

import gc
import linecache
import random
import traceback
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratebook.diagnostics import Diagnostic, Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.evaluators.generated import Obstacle, Quoted, Quoter, Unquotable, quoter
from ratebook.engine.evaluators.generated import quotation as generated
from ratebook.engine.evaluators.generated.quotation import unknown_forms
from ratebook.engine.evaluators.generated.source import Source as Code
from ratebook.engine.plan import Program
from ratebook.engine.usage import CardHolding, FieldKind, FieldSchema, Value
from ratebook.money import Rounding, round_ratio

CASES = Path(__file__).parents[1] / "cases"
RULESETS = [*sorted(CASES.glob("samples/*.rates")), *sorted(CASES.glob("worked/*.rates"))]
MARCH = date(2026, 3, 1)
Quantities = dict[generated.Key, int | Fraction | Decimal]


def compiled(text: str, name: str = "test.rates") -> Program:
    result = compile_ruleset(Source(name, text))
    assert result.program is not None, [(item.code, item.message) for item in result.findings] + [text]
    return result.program


def check(quote: Quoter, quantities: Quantities, attributes: dict[str, Value]) -> bool:
    """Hold generated code to the interpreter. The result tells whether generated code gave the amount."""
    wanted = quote.interpreted(quantities, attributes)
    assert quote(quantities, attributes) == wanted
    arguments = quote.arguments(quantities, attributes)
    if arguments is None:
        return False
    try:
        found = quote.price(*arguments)
    except Unquotable:
        return False
    assert wanted == Quoted(found, found), (quantities, attributes, quote.source)
    return True


# Rulesets that stand in the tests


def marks(quote: Quoter, meter: str) -> list[Fraction]:
    """Quantities at which something turns, and what is beside them."""
    version = next(plan for plan in quote.program.plans[quote.plan] if plan.in_force(quote.period.start))
    found = {Fraction(0), Fraction(1), Fraction(10**38 - 1), Fraction(-3)}
    beside = Fraction(1, 1_000_000)
    for charge in version.charges:
        if getattr(charge.source, "meter", "") == meter:
            for row in charge.rows:
                for band in row.schedule.bands:
                    for number in (band.upper, band.step):
                        if number is not None:
                            mark = Fraction(number, row.schedule.quantity_scale)
                            found |= {mark, mark - beside, mark + beside, mark - 1, mark + 1}
    for include in version.includes:
        if include.meter == meter:
            found |= {include.quantity, include.quantity - beside, include.quantity + beside}
    return sorted(found)


def value_of(field: FieldSchema, draw: random.Random) -> Value:
    match field.kind:
        case FieldKind.ONE_OF:
            return draw.choice(field.values)
        case FieldKind.YES_NO:
            return draw.random() < 0.5
        case FieldKind.DATE:
            return date(2026, draw.randint(1, 12), draw.randint(1, 28))
        case FieldKind.TEXT:
            return draw.choice(["GB", "FR", "CN", "elsewhere"])
        case FieldKind.NUMBER | FieldKind.MONEY:
            return Decimal(draw.choice([0, 1, 7, 20, 79, 81, 800, 1_000_000])) + Decimal(draw.choice(["0", "0.5"]))


def situations(
    program: Program, quote: Quoter, draw: random.Random, count: int
) -> Iterator[tuple[Quantities, dict[str, Value]]]:
    for number in range(count):
        quantities: Quantities = {}
        for slot in quote.slots:
            if slot.meter and draw.random() < 0.8:
                mark = draw.choice(marks(quote, slot.meter))
                quantities[(slot.meter, *slot.key) if slot.key else slot.meter] = (
                    mark if draw.random() < 0.6 else mark + Fraction(draw.randint(-(10**9), 10**9), 10**6)
                )
        attributes = {
            name: value_of(field, draw)
            for name, field in program.schema.attributes.items()
            if number % 4 or draw.random() < 0.7
        }
        yield quantities, attributes


@pytest.mark.parametrize("path", RULESETS, ids=lambda path: path.stem)
def test_rulesets_agree(path: Path) -> None:
    result = compile_ruleset(Source(path.name, path.read_text(encoding="utf-8")), _reader(path))
    assert result.program is not None, [finding.message for finding in result.findings]
    draw = random.Random(path.stem)
    for name, versions in result.program.plans.items():
        starts = {version.start or MARCH for version in versions} | {MARCH, date(2026, 7, 14)}
        for start in sorted(starts):
            quote = quoter(result.program, name, period_start=start, subscription_start=draw.choice([None, MARCH]))
            if quote.obstacle is not None:
                assert quote.interpreted({}) == quote({})
                continue
            for quantities, attributes in situations(result.program, quote, draw, 12):
                check(quote, quantities, attributes)


def _reader(path: Path):  # type: ignore[no-untyped-def]
    def read(name: str) -> str | None:
        other = path.parent / name
        return other.read_text(encoding="utf-8") if other.exists() else None

    return read


def test_samples_that_are_generated() -> None:
    """What generated code prices today; a plan that leaves this list has become slow."""
    found = set()
    for path in sorted(CASES.glob("samples/*.rates")):
        program = compiled(path.read_text(encoding="utf-8"), path.name)
        for name, versions in program.plans.items():
            start = versions[0].start or MARCH
            if quoter(program, name, period_start=max(start, MARCH)).obstacle is None:
                found.add(f"{path.stem} {name}")
    assert found >= {
        "platform payg",
        "platform yearly",
        "power home",
        "tokens api",
        "web hosting",
        "workload starter",
        "workload pro",
        "workload enterprise",
    }


# Rulesets made up


HARMLESS = {"RB2206", "RB2211", "RB2402"}
"""What may be wrong with a made-up text: a minimum above a cap, conditions that never hold together, over 100% off."""

ROUNDINGS = [mode.value for mode in Rounding]


def money(least: int = 0, most: int = 4_000) -> st.SearchStrategy[str]:
    """Prices with up to five decimals."""
    return st.builds(
        lambda whole, digits: f"{'-' if whole < 0 else ''}${Decimal(abs(whole)).scaleb(-digits):f}",
        st.integers(least, most),
        st.integers(0, 5),
    )


@st.composite
def bands(draw: st.DrawFn, unit: str = "each", *, plain: bool = False) -> tuple[str, list[str]]:
    """A mode and its bands."""
    mode = draw(st.sampled_from(["graduated", "volume", "stairstep"]))
    block = draw(st.sampled_from([1, 1, 10, 1000]))
    count = draw(st.integers(1, 6))
    width = draw(st.lists(st.integers(1, 400), min_size=count, max_size=count))
    bound, lines = 0, []
    for number, size in enumerate(width):
        bound += size * block
        head = f"{'first' if number == 0 else 'next'} {size * block}" if mode == "graduated" else ""
        head = head or f"{draw(st.sampled_from(['up to', 'below']))} {bound}"
        lines.append(f"{head} {draw(prices(mode, block, unit, plain=plain))}")
    lines.append(f"above {draw(prices(mode, block, unit, plain=plain))}")
    return mode, lines


@st.composite
def prices(draw: st.DrawFn, mode: str, block: int, unit: str, *, plain: bool = False) -> str:
    used = draw(st.sampled_from(["", " if used"]))
    if mode == "stairstep":
        return draw(st.sampled_from([f"for {draw(money())}{used}", "free"]))
    rate = f"{draw(money())} {unit}"
    if not plain and block > 1 and draw(st.booleans()):
        rate = f"{draw(money())} per started {block}"
    once = draw(st.sampled_from(["", "", f" plus {draw(money())} once{used}"]))
    kinds = [f"at {rate}{once}", f"at {rate}{once}", "free"] + ([] if plain else ["refused"])
    return draw(st.sampled_from(kinds))


CONDITIONS = [
    "account.tier is gold",
    "account.tier is not gold",
    "account.tier is one of gold, silver",
    "account.vip",
    "not (account.vip)",
    "account.seats >= 10",
    "account.limit > account.sites",
    "account.credit is known",
    "usage of calls > 1,000",
    "usage of storage >= 100 or account.tier is silver",
    "account.seats < 5 and usage of calls < 50",
    "amount of calls > $10",
    "month is 3",
    "account.tier is gold or account.vip",
]
LINES = ["calls", "storage", "seats", "share", "base", "per_seat", "charges", "fees", "total"]


@st.composite
def conditions(draw: st.DrawFn) -> str:
    chosen = draw(st.lists(st.sampled_from(CONDITIONS), max_size=2, unique=True))
    return "".join(f"\n  when {text}" for text in chosen)


@st.composite
def at_most(draw: st.DrawFn) -> str:
    return draw(st.sampled_from(["", "", f", at most {draw(money(1))}", ", at most account.spare"]))


@st.composite
def targets(draw: st.DrawFn) -> str:
    return draw(
        st.sampled_from(["total", "charges", "fees"])
        | st.lists(st.sampled_from(LINES[:6]), min_size=1, max_size=3, unique=True).map(", ".join)
    )


@st.composite
def policies(draw: st.DrawFn, kind: str, rule: str) -> str:
    found = []
    for number in range(draw(st.integers(0, 3))):
        if kind == "penalty":
            effect = draw(
                st.sampled_from(
                    [
                        draw(money(1)),
                        f"{draw(st.integers(1, 150))}% of {draw(targets())}",
                        f"0.5% of {draw(targets())} per 3 of account.seats above 2",
                        "1.5% of account.spare per 1 of account.limit below 40",
                        f"{draw(money(1))} each of calls above account.limit",
                        f"{draw(money(1))} per started 7 of storage above 20",
                        f"{draw(money(1))} per 3 of account.seats above 12",
                        "account.spare",
                    ]
                )
            )
        else:
            share = f"{draw(st.sampled_from([1, 7, 10, '12.5', 33, 50]))}% off {draw(targets())}"
            sum_of = "calls" if rule == "best one" else draw(targets())
            effect = draw(
                st.sampled_from([share, share, f"{draw(money(1))} off {sum_of}", f"account.spare off {sum_of}"])
            )
        found.append(f"{kind} {kind}_{number}:\n  {effect}{draw(at_most())}{draw(conditions())}\n")
    return "\n".join(found)


@st.composite
def rulesets(draw: st.DrawFn) -> str:
    """The text of a ruleset with most of what generated code knows."""
    rounding = draw(st.sampled_from(ROUNDINGS))
    unit = draw(st.sampled_from(["", "", "to $0.05 ", "to $0.0001 ", "to $0.25 "]))
    lines = [
        'ruleset made "Made up":',
        "  currency USD",
        "  time zone UTC",
        f"  round each line {unit}{rounding}",
    ]
    if draw(st.booleans()):
        lines.append(
            f"  round total to {draw(st.sampled_from(['$1', '$0.05', '$0.25']))} {draw(st.sampled_from(ROUNDINGS))}"
        )
    lines += [
        "",
        "account:",
        "  tier: one of standard, silver, gold",
        "  vip: yes or no",
        "  seats: number of seat",
        "  limit: number",
        "  sites: number",
        "  spare: money",
        "  credit: money, optional",
        "",
        "event use:",
        "  kind: one of calls, storage",
        "  region: one of eu, us, ap",
        "  class: one of hot, cold",
        "  n: number",
        "",
        "meter calls: sum of n of use where kind is calls"
        + draw(st.sampled_from(["", " rounded up to 3", " rounded half even to 10"])),
        "meter storage: sum of n of use where kind is storage"
        + draw(st.sampled_from(["", "", " rounded down to 0.5"])),
        "",
        "plan made from 2026-01-01:",
    ]
    if draw(st.booleans()):
        lines.append(f"  include {draw(st.integers(1, 300))} of {draw(st.sampled_from(['calls', 'storage']))}")
    lines += draw(charges())
    lines.append(
        "  fee base " + draw(money()) + draw(st.sampled_from([" per month", " per month in advance", " per 12 months"]))
    )
    lines.append(
        f"  fee per_seat {draw(money())} per seat per month for account.seats"
        + draw(st.sampled_from(["", "\n    when account.vip"]))
    )
    lines[lines.index("account:") - 1 : lines.index("account:") - 1] = ["", "unit seat"]
    for bound in ("minimum", "cap"):
        if draw(st.booleans()):
            low = 0 if bound == "minimum" else 5_000
            lines.append(
                f"  {bound} {draw(money(low, low + 4_000))}" + draw(st.sampled_from(["", "", " of calls, base"]))
            )
    rules = {kind: draw(st.sampled_from(["best one", "add up", "one after another"])) for kind in ("discount", "offer")}
    lines += ["", *(f"{kind}s combine {rule}" for kind, rule in rules.items()), ""]
    lines += [draw(policies(kind, rules.get(kind, ""))) for kind in ("discount", "offer", "penalty")]
    for number in range(draw(st.integers(0, 2))):
        included = draw(st.sampled_from(["", "", " included"]))
        percent = draw(st.sampled_from([5, 19, 20, "7.7"]))
        lines.append(f"tax tax_{number}{included}: {percent}% of {draw(targets())}{draw(conditions())}\n")
    return "\n".join(lines) + "\n"


@st.composite
def charges(draw: st.DrawFn) -> list[str]:
    mode, own = draw(bands())
    lines = [f"  charge calls {mode}:", *(f"    {line}" for line in own)]
    for bound in ("minimum", "cap"):
        if draw(st.integers(0, 3)) == 0:
            low = 0 if bound == "minimum" else 5_000
            lines.append(f"    {bound} {draw(money(low, low + 900))}")
    by = draw(st.sampled_from(["region", "region, class", "account.tier, region"]))
    lines.append(f"  charge storage by {by}:")
    lines += draw(table(by))
    for bound in ("minimum", "cap"):
        if draw(st.integers(0, 3)) == 0:
            low = 0 if bound == "minimum" else 5_000
            lines.append(f"    {bound} {draw(money(low, low + 900))}" + draw(st.sampled_from(["", " per row"])))
    mode, own = draw(bands(plain=True))
    lines += [f"  charge seats of account.seats {mode}:", *(f"    {line}" for line in own)]
    if draw(st.booleans()):
        lines.append(f"    when {draw(st.sampled_from([text for text in CONDITIONS if 'amount of' not in text]))}")
    lines += [
        "  charge share of amount of calls, storage graduated:",
        "    first $10 at 10%",
        "    next $70 at 7.5%",
        "    above at 5%",
    ]
    if draw(st.booleans()):
        lines.append(f"    minimum {draw(money())}")
    return lines


@st.composite
def table(draw: st.DrawFn, by: str) -> list[str]:
    names = by.split(", ")
    once = draw(st.sampled_from(["", " once |"]))

    def cell() -> str:
        end = f" {draw(money())} |" if once else ""
        return f"{draw(money())} each |{end}"

    rows = {
        "region": ["eu", "us, ap"],
        "region, class": ["eu | hot", "eu | cold", "us | any", "otherwise | any"],
        "account.tier, region": ["gold | eu", "gold | otherwise", "otherwise | any"],
    }[by]
    return [f"    | {' | '.join(names)} | price |{once}", *(f"    | {row} | {cell()}" for row in rows)]


QUANTITIES = st.one_of(
    st.integers(0, 3_000),
    st.decimals(0, 5_000, places=6),
    st.integers(10**37, 10**38 - 1),
    st.decimals(-100, 0, places=2),
    st.fractions(0, 100, max_denominator=9),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(rulesets(), st.data())
def test_made_up_rulesets_agree(text: str, data: st.DataObject) -> None:
    result = compile_ruleset(Source("made.rates", text))
    if result.program is None:
        assert all(item.code in HARMLESS for item in result.findings if item.severity.value == "error"), (
            [(item.code, item.message) for item in result.findings],
            text,
        )
        return
    quote = quoter(result.program, "made", period_start=MARCH)
    assert quote.obstacle is None, quote.obstacle
    keys: list[generated.Key] = [
        (slot.meter, *slot.key) if slot.key else slot.meter for slot in quote.slots if slot.meter
    ]
    bounds = [*marks(quote, "calls"), *marks(quote, "storage")]
    for _ in range(8):
        quantities = data.draw(
            st.dictionaries(st.sampled_from(keys), QUANTITIES | st.sampled_from(bounds), max_size=len(keys))
        )
        attributes: dict[str, Value] = {
            "tier": data.draw(st.sampled_from(["standard", "silver", "gold"])),
            "vip": data.draw(st.booleans()),
            "seats": Decimal(data.draw(st.integers(0, 30) | st.integers(-2, 5000))),
            "limit": Decimal(data.draw(st.integers(0, 60))),
            "sites": data.draw(st.decimals(0, 60, places=2)),
            "spare": data.draw(st.decimals(0, 50, places=3) | st.decimals(-5, 0, places=1)),
        }
        if data.draw(st.booleans()):
            attributes["credit"] = Decimal(7)
        if data.draw(st.integers(0, 9)) == 0:
            del attributes[data.draw(st.sampled_from(sorted(attributes)))]
        check(quote, quantities, attributes)


# What is left to the interpreter, and what code looks like

HEAD = """
ruleset small "Small":
  currency USD
  time zone UTC

account:
  country: text, optional
  seats: number, default 1
  size: one of small, large, default small

event use:
  region: one of eu, us
  dialled: text
  n: number

event seen:
  user: text

window summer: jun to sep

meter units: sum of n of use
meter calls: count of use
"""


def small(rest: str, *, start: date = MARCH, **options: object) -> Quoter:
    return quoter(compiled(HEAD + rest), "small", period_start=start, **options)  # type: ignore[arg-type]


LEFT = {
    Obstacle.EACH: "plan small from 2026-01-01:\n  charge units of each use.n: at $1 each\n",
    Obstacle.BY_TIME: (
        "plan small from 2026-01-01:\n  charge units by time:\n    | time | price |\n    | summer | $1 each |\n"
        "    | otherwise | $2 each |\n"
    ),
    Obstacle.OPEN_KEYS: (
        "plan small from 2026-01-01:\n  charge units by dialled:\n    | dialled prefix | price |\n"
        '    | "44" | $1 each |\n    | otherwise | $2 each |\n'
    ),
    Obstacle.OPEN_ATTRIBUTE: (
        "plan small from 2026-01-01:\n  charge units by account.country:\n    | account.country | price |\n"
        '    | "GB" | $1 each |\n    | otherwise | $2 each |\n'
    ),
    Obstacle.DEPENDENT_WIDTH: (
        "plan small from 2026-01-01:\n  charge units graduated:\n    first 10 per account.seats free\n"
        "    above at $1 each\n"
    ),
    Obstacle.DURING: (
        "plan small from 2026-01-01:\n  charge units: at $1 each\n\ndiscount warm:\n  10% off units during summer\n"
    ),
    Obstacle.UNITS_FREE: ("plan small from 2026-01-01:\n  charge units: at $1 each\n\noffer first: 10 of units free\n"),
    Obstacle.RUNNING_LADDER: (
        "plan small from 2026-01-01:\n  charge calls graduated counted per calendar year:\n    first 10 free\n"
        "    above at $1 each\n"
    ),
    Obstacle.PRORATED: (
        "plan small from 2026-01-01:\n  charge level graduated prorated by day:\n    first 10 free\n"
        "    above at $1 each\n\nmeter level: maximum of level of n of use\n"
    ),
    Obstacle.CHANGES_INSIDE: (
        "plan small from 2026-01-01 before 2026-07-15:\n  charge units: at $1 each\n\n"
        "plan small from 2026-07-15:\n  dated by usage\n  charge units: at $2 each\n"
    ),
    Obstacle.NO_VERSION: "plan small from 2027-01-01:\n  charge units: at $1 each\n",
}


@pytest.mark.parametrize("obstacle", LEFT, ids=lambda obstacle: obstacle.name)
def test_left_to_the_interpreter(obstacle: Obstacle) -> None:
    quote = small(LEFT[obstacle], start=date(2026, 7, 1))
    assert quote.obstacle is obstacle
    assert quote.slots == () and quote.source == ""
    with pytest.raises(Unquotable):
        quote.price(1)
    quantities: Quantities = {"calls": 3}
    attributes: dict[str, Value] = {"seats": Decimal(2), "country": "GB"}
    assert quote(quantities, attributes) == quote.interpreted(quantities, attributes)


def test_a_window_outside_of_the_period_is_no_obstacle() -> None:
    quote = small(LEFT[Obstacle.DURING], start=MARCH)
    assert quote.obstacle is None
    assert check(quote, {"units": 12}, {})


PRORATED = """plan small from 2026-01-01:
  include 62 of units prorated by day
  charge units graduated:
    first 31 prorated by day free
    above at $1 each
    minimum $31 prorated by day
  cap $310 prorated by day
"""


def test_a_share_of_a_whole_period_is_no_obstacle() -> None:
    quote = small(PRORATED)
    assert quote.obstacle is None
    for units in (0, 93, 94, 130, 700):
        assert check(quote, {"units": units}, {})
    part = small(PRORATED, subscription_start=date(2026, 3, 17))
    assert part.obstacle is Obstacle.PRORATED
    assert part({"units": 60}) == Quoted(1500, 1500)
    assert part({"units": 61}) == Quoted(1600, 1600)


def test_all_parts_of_a_plan_are_known() -> None:
    """A field that a plan learns has to be understood (or refused) by generated code before it is listed there."""
    assert unknown_forms() == ()


def test_an_unknown_part_is_left_to_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated, "unknown_forms", lambda: ("Charge",))
    quote = small("plan small from 2026-01-01:\n  charge units: at $1 each\n")
    assert quote.obstacle is Obstacle.UNKNOWN_FORM
    assert quote({"units": 3}) == Quoted(300, 300)


def test_told_keys_become_arguments() -> None:
    quote = small(LEFT[Obstacle.OPEN_KEYS], keys={"units": [("4420",), ("447",), ("1",)]})
    assert [slot.key for slot in quote.slots] == [("4420",), ("447",), ("1",)]
    assert check(quote, {("units", "4420"): 2, ("units", "1"): 5}, {})
    assert not check(quote, {("units", "33"): 2}, {})


def test_too_many_fields_are_a_mistake_of_the_caller() -> None:
    quote = small("plan small from 2026-01-01:\n  charge units: at $1 each\n")
    with pytest.raises(ValueError, match="asks 0 fields of units"):
        quote({("units", "eu"): 1})


def test_a_missing_field_is_refused() -> None:
    quote = small(
        "plan small from 2026-01-01:\n  charge units by region:\n    | region | price |\n    | any | $1 each |\n"
    )
    found = quote({"units": 1})
    assert isinstance(found, Diagnostic) and found.code == "RB4006"


def test_no_usage_is_not_zero_usage_where_a_row_has_a_floor() -> None:
    quote = small(
        "plan small from 2026-01-01:\n  charge units by region:\n    | region | price | minimum |\n"
        "    | eu | $1 each | $5 |\n    | us | $1 each | |\n"
    )
    assert [slot.absent for slot in quote.slots] == [True, False]
    assert quote({}) == Quoted(0, 0)
    assert quote({("units", "eu"): 0}) == Quoted(500, 500)
    assert check(quote, {("units", "eu"): 0, ("units", "us"): 7}, {})


def test_cards_pay_by_the_interpreter() -> None:
    program = compiled(
        HEAD + "plan small from 2026-01-01:\n  charge units: at $1 each\n\n"
        'card ten "Ten":\n  worth $10\n  price $9\n  valid 12 months\n  pays everything\n'
    )
    quote = quoter(program, "small", period_start=MARCH)
    assert quote({"units": 12}, cards=(CardHolding("ten", MARCH),)) == Quoted(1200, 200)


def test_finer_quantities_go_to_the_interpreter() -> None:
    quote = small("plan small from 2026-01-01:\n  charge units: at $0.03 each\n")
    assert quote.arguments({"units": Fraction(1, 3)}, {}) is None
    assert quote({"units": Fraction(1, 3)}) == Quoted(1, 1)
    coarse = "plan small from 2026-01-01:\n  charge seats of account.seats: at $0.03 each\n"
    assert check(small(coarse, decimals=0), {}, {"seats": Decimal(7)})
    assert not check(small(coarse, decimals=0), {}, {"seats": Decimal("7.5")})
    assert check(small("plan small from 2026-01-01:\n  charge units: at $0.03 each\n", decimals=0), {"units": 3}, {})


def test_a_traceback_shows_generated_code() -> None:
    quote = small("plan small from 2026-01-01:\n  charge units graduated:\n    first 10 free\n    above refused\n")
    with pytest.raises(Unquotable) as raised:
        quote.price(11_000_000)
    shown = "".join(traceback.format_exception(raised.value))
    assert '"<ratebook small plan small>"' in shown and "need()" in shown
    name = quote.price.__code__.co_filename
    assert name in linecache.cache
    del quote, raised
    gc.collect()
    assert name not in linecache.cache


def test_nothing_of_the_text_gets_into_code() -> None:
    quote = small(
        "plan small from 2026-01-01:\n  charge units: at $1 each\n\ndiscount home: 10% off units\n"
        '  when account.country is "GB) or __import__(0"\n'
    )
    assert "import" not in quote.source and "GB" not in quote.source


@pytest.mark.parametrize("mode", Rounding)
@pytest.mark.parametrize("divisor", [1, 2, 3, 4, 7, 10, 400])
def test_rounding_is_that_of_money(mode: Rounding, divisor: int) -> None:
    for nonnegative in (True, False):
        code = Code()
        code.put(f"return {code.rounded('n', divisor, mode, nonnegative=nonnegative)}")
        text, names = code.text("rounded", ["n"], {})
        exec(text, names)
        for number in range(0 if nonnegative else -3 * divisor, 3 * divisor + 1):
            assert names["rounded"](number) == round_ratio(number, divisor, mode)  # type: ignore[operator]

"""Random price lists and lines for the steps after charges: policies, fees, bounds, taxes, cards.

`closings()` draws the plans of a family, which differ in their numbers, and statements whose charges have lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from hypothesis import strategies as st

from ratebook.diagnostics import Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.period import DateRange
from ratebook.engine.plan import Program
from ratebook.engine.usage import CardHolding, Value

LINES = (("a", ("eu",)), ("a", ("us",)), ("b", ()), ("c", ()))
"""Charges' lines, by charge and key; `b` always stands."""

PERIODS = (
    DateRange(date(2026, 3, 1), date(2026, 4, 1)),
    DateRange(date(2026, 6, 1), date(2026, 7, 1)),
    DateRange(date(2026, 11, 1), date(2026, 12, 1)),
)

HEADER = """ruleset drawn "Drawn":
  currency USD
  time zone UTC
  round each line {rounding}
{total}
account:
  tier: one of standard, gold, optional
  name: text, optional
  since: date, optional
  partner: yes or no, optional
  seats: number, optional
  credit: money, default $2

event a.used:
  size: number
  region: one of eu, us

event b.used:
  size: number

window spring: mar to may
window nights: daily 22:00 to 06:00

meter a: sum of size of a.used
meter b: sum of size of b.used

card starter:
  worth $20
  price $20
  valid 12 months
  pays everything

card voucher:
  worth $15
  price $15
  valid 12 months
  pays a, base

"""


CHARGES = """plan one from 2026-01-01:
  charge a by region:
    | region | price |
    | eu | $1 each |
    | us | $2 each |
  charge b: at $1 each
  charge c of b: at $1 each
"""


@dataclass(frozen=True)
class LineDrawn:
    """A charge's line as it comes to policies; `None` for the amount where there is none."""

    amount: int | None
    inside: Fraction
    whole: Fraction
    sizes: tuple[Fraction, ...]
    price: Fraction


@dataclass(frozen=True)
class StatementDrawn:
    """A statement: its member, its account and its lines."""

    member: int
    attributes: dict[str, Value]
    usage: dict[str, Fraction]
    lines: tuple[LineDrawn, ...]
    cards: tuple[CardHolding, ...] = ()


@dataclass(frozen=True)
class Closing:
    """Plans by member, each with its period and first covered day, and statements."""

    programs: tuple[Program, ...]
    texts: tuple[str, ...]
    periods: tuple[DateRange, ...]
    starts: tuple[date, ...]
    prices: tuple[tuple[Fraction, ...], ...]
    """For each member the unit prices of the constant portions, one a line."""
    statements: tuple[StatementDrawn, ...]
    price_of_row: bool = False
    """Whether the second portion of each line has a price of the statement's own."""
    cents: dict[str, str] = field(default_factory=dict)


def closings(policies: str | None = None) -> st.SearchStrategy[Closing]:
    """Families whose rulesets compile; with the text of all policies, where one is given."""
    skeletons = _skeletons() if policies is None else _fixed(policies)
    return _drawn(skeletons).filter(lambda found: found is not None)  # type: ignore[arg-type, return-value]


@st.composite
def _fixed(draw: st.DrawFn, policies: str) -> list[Part]:
    rounding = draw(st.sampled_from(["half even", "half up", "half down", "up", "down"]))
    return [
        HEADER.format(rounding=rounding, total=""),
        CHARGES,
        "  fee base $",
        _cents(0, 900),
        " per month\n",
        policies,
    ]


def _compiled(text: str) -> Program | None:
    return compile_ruleset(Source("drawn.rates", text)).program


@st.composite
def _drawn(draw: st.DrawFn, skeletons: st.SearchStrategy[list[Part]]) -> Closing | None:
    count = draw(st.integers(1, 3))
    skeleton = draw(skeletons)
    programs, texts = [], []
    for _ in range(count):
        text = "".join(part if isinstance(part, str) else draw(part) for part in skeleton)
        program = _compiled(text)
        if program is None:
            return None
        programs.append(program)
        texts.append(text)
    periods = tuple(draw(st.sampled_from(PERIODS)) for _ in range(count))
    starts = tuple(draw(st.sampled_from([period.start, period.start.replace(day=11)])) for period in periods)
    below_zero = draw(st.integers(0, 2)) == 0
    statements = draw(st.lists(_statements(count, below_zero=below_zero), min_size=1, max_size=12))
    prices = tuple(tuple(Fraction(draw(st.integers(0, 9)), 100) for _ in LINES) for _ in range(count))
    return Closing(
        tuple(programs), tuple(texts), periods, starts, prices, tuple(statements), draw(st.integers(0, 2)) == 0
    )


@st.composite
def _statements(draw: st.DrawFn, count: int, *, below_zero: bool) -> StatementDrawn:
    attributes: dict[str, Value] = {"credit": Decimal(draw(st.integers(0, 1500))) / 100}
    known = {
        "tier": st.sampled_from(["standard", "gold"]),
        "name": st.sampled_from(["O'Brien", "gold", ""]),
        "since": st.sampled_from([date(2020, 2, 29), date(2025, 1, 1), date(2026, 1, 1)]),
        "partner": st.booleans(),
        "seats": st.sampled_from([Decimal(0), Decimal("1.5"), Decimal(3), Decimal(4), Decimal(30)]),
    }
    for name, values in known.items():
        if draw(st.integers(0, 5)):
            attributes[name] = draw(values)
    held = st.builds(
        CardHolding,
        st.sampled_from(["starter", "voucher"]),
        st.sampled_from([date(2025, 6, 1), date(2026, 2, 1), date(2026, 3, 5), date(2026, 12, 1)]),
        st.none() | st.sampled_from([Fraction(0), Fraction(5), Fraction(7, 2)]),
    )
    return StatementDrawn(
        draw(st.integers(0, count - 1)),
        attributes,
        {name: Fraction(draw(st.integers(-30, 400)), 10) for name in ("a", "b")},
        tuple(draw(_lines(may_lack=name != "b", below_zero=below_zero)) for name, _ in LINES),
        tuple(draw(st.lists(held, max_size=3))),
    )


@st.composite
def _lines(draw: st.DrawFn, *, may_lack: bool, below_zero: bool) -> LineDrawn:
    if may_lack and draw(st.integers(0, 3)) == 0:
        return LineDrawn(None, Fraction(0), Fraction(0), (Fraction(0), Fraction(0)), Fraction(1))
    amounts = st.sampled_from([0, 1, 2, 3, 5, 7, 10, 100, 333, 999]) | st.integers(-500 if below_zero else 0, 20_000)
    whole = Fraction(draw(st.integers(-2 if below_zero else 0, 50)), 4)
    inside = Fraction(draw(st.integers(-3, 60)), 4)
    sizes = tuple(Fraction(draw(st.integers(0, 20)), 2) for _ in range(2))
    price = Fraction(draw(st.integers(0, 40)), draw(st.sampled_from([100, 300])))
    return LineDrawn(draw(amounts), inside, whole, sizes, price)


# Texts: a skeleton of words, with strategies where numbers stand


Part = str | st.SearchStrategy[str]


def _number(numbers: Sequence[object]) -> st.SearchStrategy[str]:
    return st.sampled_from([str(number) for number in numbers])


def _cents(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map(lambda cents: f"{cents / 100:.2f}")


PERCENT = _number([5, 10, 25, "33.3", 50, 100])


@st.composite
def _skeletons(draw: st.DrawFn) -> list[Part]:
    total = draw(st.sampled_from(["", "", "  round total to $0.05 half up\n", "  round total to $0.10 half down\n"]))
    rounding = draw(st.sampled_from(["half even", "half up", "half down", "up", "down"]))
    found: list[Part] = [HEADER.format(rounding=rounding, total=total)]
    found.append(CHARGES)
    when = draw(st.sampled_from(["", "", "\n    when account.tier is gold", "\n    when account.partner is yes"]))
    counted = draw(st.sampled_from(["", " for account.seats"]))
    every = draw(st.sampled_from(["month", "month in advance", "month prorated by second", "3 months", "day"]))
    found += ["  fee base $", _cents(0, 900), f" per {every}{counted}{when}\n"]
    found += draw(_bounds())
    for number in range(draw(st.integers(0, 4))):
        found += draw(_policies(number))
    ways = st.sampled_from(["add up", "one after another", "best one"])
    found += [f"discounts combine {draw(ways)}\n", f"offers combine {draw(ways)}\n"]
    for number in range(draw(st.integers(0, 2))):
        base = draw(st.sampled_from(["total", "total", "a", "a, base"]))
        found += [f"tax t{number}{draw(st.sampled_from(['', '', ' included']))}:\n  ", PERCENT, f"% of {base}\n"]
        found += draw(_when())
    return found


@st.composite
def _bounds(draw: st.DrawFn) -> list[Part]:
    found: list[Part] = []
    prorated = draw(st.sampled_from(["", " prorated by day"]))
    if draw(st.integers(0, 3)) == 0:
        found += ["  minimum $", _cents(100, 3_000), " of a, base", prorated, "\n"]
    if draw(st.integers(0, 3)) == 0:
        found += ["  cap $", _cents(3_000, 9_000), " of a, b", "\n"]
    # A plan of the family may lack these.
    if draw(st.booleans()):
        found.append(st.integers(0, 60).map(lambda size: f"  minimum ${size}{prorated}\n" if size > 15 else ""))
    if draw(st.booleans()):
        found.append(st.integers(0, 90).map(lambda size: f"  cap ${size + 60}{prorated}\n" if size > 15 else ""))
    return found


@st.composite
def _policies(draw: st.DrawFn, number: int) -> list[Part]:
    kind = draw(st.sampled_from(["discount", "discount", "offer", "penalty"]))
    dates = draw(st.sampled_from(["", "", "", " from 2026-05-01", " before 2026-06-01"]))
    effect = draw(_added()) if kind == "penalty" else draw(_taken())
    if draw(st.integers(0, 3)) == 0:
        effect = [*effect, ", at most ", draw(st.sampled_from(["$4", "$0.50", "account.credit"]))]
    return [f"{kind} p{number}{dates}:\n  ", *effect, "\n", *draw(_when())]


@st.composite
def _taken(draw: st.DrawFn) -> list[Part]:
    targets = draw(st.sampled_from(["a", "b", "charges", "total", "a, b", "base", "fees"]))
    return draw(
        st.sampled_from(
            [
                [PERCENT, f"% off {targets}"],
                [PERCENT, f"% off {targets}"],
                [PERCENT, "% off ", draw(st.sampled_from(["a", "b", "total"])), " during nights"],
                ["$", _cents(1, 900), f" off {targets}"],
                [f"account.credit off {targets}"],
                [_number([1, 3, 10, 25]), " of a free"],
                [_number([2, 8]), " of b free"],
            ]
        )
    )


@st.composite
def _added(draw: st.DrawFn) -> list[Part]:
    return draw(
        st.sampled_from(
            [
                ["$", _cents(1, 400)],
                [PERCENT, "% of total"],
                [PERCENT, "% of a"],
                ["$0.10 per 1 of a above ", _number([1, "15.5"])],
                ["$", _cents(1, 90), " per started 10 of a above 15"],
                ["$0.10 per 1 of b above account.seats"],
                ["$0.50 per 3 of account.seats above ", _number([1, 4])],
                [PERCENT, "% of total per 1 of account.seats below ", _number([2, 20])],
                ["0.5% of account.credit per 1 of account.seats below 20"],
                ["account.credit"],
            ]
        )
    )


ATOMS = (
    "account.tier is gold",
    "account.tier is not gold",
    'account.name is "O\'Brien"',
    'account.name is not one of "gold", ""',
    "account.since < 2025-06-01",
    "account.since is 2026-01-01",
    "account.partner is yes",
    "account.partner is not known",
    "account.seats >= 3",
    "account.seats is one of 1.5, 4",
    "account.seats is known",
    "account.tier is one of gold, standard",
    "usage of a > 20",
    "usage of b <= 0.5",
    "amount of a >= $12",
    "amount of b < account.credit",
    "month is 3",
    "month > 5",
    "period starts in spring",
)


@st.composite
def _when(draw: st.DrawFn) -> list[Part]:
    return [f"  when {draw(conditions())}\n" for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2])))]


def conditions() -> st.SearchStrategy[str]:
    """A condition over everything that a statement may be asked."""
    return st.recursive(
        st.sampled_from(ATOMS),
        lambda inner: st.one_of(
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: "(" + " and ".join(parts) + ")"),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: "(" + " or ".join(parts) + ")"),
            inner.map(lambda part: f"not ({part})"),
        ),
        max_leaves=3,
    )

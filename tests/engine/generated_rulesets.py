"""Random valid rulesets as text: two plans over the same meters, with everything that a plan of metered usage may say.

`rulesets()` draws a text that compiles; `usages()` and `accounts()` draw quantities for its meters and attributes of an
account. Laws of other modules may use all three.
"""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

from ratebook.diagnostics import Source
from ratebook.engine.compiler.compile import compile_ruleset

HEADER = """ruleset drawn "Drawn":
  currency USD
  time zone UTC
  round each line {rounding}

account:
  tier: one of standard, gold, default standard
  seats: number, default 3
  credit: money, default $2

event a.used:
  size: number
  region: one of eu, us

event b.used:
  size: number

window spring: mar to may

meter a: sum of size of a.used
meter b: sum of size of b.used
"""

METERS = ("a", "b")
_ROUNDINGS = ("half even", "half up", "half down", "up", "down")


def rulesets(*, plans: tuple[str, ...] = ("one", "two"), rising: bool = False) -> st.SearchStrategy[str]:
    """A ruleset. With `rising` no price band is cheaper than the one before, and nothing begins at a threshold."""
    return texts(plans=plans, rising=rising).filter(_compiles)


def _compiles(text: str) -> bool:
    """The few that the checker refuses, such as a floor above a ceiling, are drawn anew."""
    return compile_ruleset(Source("drawn.rates", text)).program is not None


@st.composite
def texts(draw: st.DrawFn, *, plans: tuple[str, ...] = ("one", "two"), rising: bool = False) -> str:
    """A text of which most are rulesets without errors."""
    found = [HEADER.format(rounding=draw(st.sampled_from(_ROUNDINGS)))]
    found.extend(_plan(draw, name, rising=rising) for name in plans)
    found.extend(_policies(draw, rising=rising))
    return "\n".join(found)


@st.composite
def usages(draw: st.DrawFn) -> dict[tuple[str, str], int]:
    """Quantities of meter `a` in both regions and of meter `b`."""
    sizes = st.integers(0, 60) | st.sampled_from([9, 10, 11, 19, 20, 21, 29, 30, 31, 1000])
    found = {("a", "eu"): draw(sizes), ("b", ""): draw(sizes)}
    if draw(st.booleans()):
        found["a", "us"] = draw(sizes)
    return found


@st.composite
def accounts(draw: st.DrawFn) -> dict[str, str | Decimal]:
    """Every attribute of an account."""
    return {
        "tier": draw(st.sampled_from(["standard", "gold"])),
        "seats": Decimal(draw(st.sampled_from([0, 1, 2, 3, 4, 5, 9, 10, 11, 30]))),
        "credit": Decimal(draw(st.integers(0, 1500))) / 100,
    }


# Plans


def _plan(draw: st.DrawFn, name: str, *, rising: bool) -> str:
    lines = [f"plan {name} from 2026-01-01:"]
    lines += _charge(draw, "a", "a", rising=rising)
    if draw(st.booleans()):
        lines += _charge(draw, "b", "b", rising=rising)
    else:
        lines.append(f"  charge b: at {_money(draw)} each")
    if _seldom(draw):
        lines += _charge(draw, "again", f"again of {draw(st.sampled_from(METERS))}", rising=rising)
    if _seldom(draw):
        lines += _charge(draw, "places", "places of account.seats", rising=rising)
    if _seldom(draw):
        lines += _of_amount(draw)
    if _seldom(draw):
        lines.append("  charge calls of each a.used.size: at $0.10 each")
    if draw(st.booleans()):
        per = draw(st.sampled_from(["month", "month in advance", "month prorated by second", "3 months", "12 months"]))
        lines.append(f"  fee base {_money(draw, 20)} per {per}")
    if _seldom(draw):
        lines.append(f"  fee seated {_money(draw)} per month for account.seats")
    for meter in METERS:
        if _seldom(draw):
            lines.append(f"  include {draw(st.sampled_from([5, 10, 15]))} of {meter}")
    low = draw(st.integers(0, 30))
    prorated = draw(st.sampled_from(["", "", " prorated by day"]))
    if low > 15:
        lines.append(f"  minimum ${low}{draw(st.sampled_from(['', '', ' of a', ' of b']))}{prorated}")
    if _seldom(draw):
        lines.append(f"  cap ${low + draw(st.integers(1, 80))}")
    return "\n".join(lines) + "\n"


def _of_amount(draw: st.DrawFn) -> list[str]:
    lines = draw(st.sampled_from(["a", "b", "a, b"]))
    if draw(st.booleans()):
        return [f"  charge support of amount of {lines}: at {draw(st.sampled_from(['5%', '10%', '12.5%']))}"]
    return [f"  charge support of amount of {lines} graduated:", "    first $20 at 10%", "    above at 7%"]


def _charge(draw: st.DrawFn, name: str, head: str, *, rising: bool) -> list[str]:
    """A charge: `name` decides which tables it may have, `head` is what is written."""
    shape = draw(st.sampled_from(["bands", "bands", "flat", "table"]))
    if shape == "table" and name in ("a", "b"):
        return _table(draw, name, head, rising=rising)
    if shape == "flat":
        return [f"  charge {head}: {_flat(draw)}"]
    mode = draw(st.sampled_from(["graduated", "volume", "stairstep"]))
    bounds = sorted(draw(st.sets(st.sampled_from([10, 20, 30]), min_size=1, max_size=2)))
    lines = [f"  charge {head} {mode}:"]
    heads = _heads(draw, mode, bounds, name)
    prices = _prices(draw, mode, len(heads), rising=rising)
    lines += [f"    {band} {price}" for band, price in zip(heads, prices, strict=True)]
    bound = draw(st.integers(0, 5))
    prorated = draw(st.sampled_from(["", "", " prorated by day"]))
    if bound in (0, 2):
        lines.append(f"    minimum {_money(draw, 9)}{prorated}")
    if bound in (1, 2):
        lines.append(f"    cap ${draw(st.integers(10, 40))}{prorated}")
    return lines


def _flat(draw: st.DrawFn) -> str:
    block = draw(st.sampled_from(["each", "per started 10", "per 10", "per 10 in steps of 2"]))
    once = draw(st.sampled_from(["", "", " plus $1.00 once", " plus $1.00 once if used"]))
    return f"at {_money(draw)} {block}{once}"


def _heads(draw: st.DrawFn, mode: str, bounds: list[int], name: str) -> list[str]:
    heads = []
    low = 0
    below = draw(st.sampled_from(["up to", "below"]))
    depends = ""
    if mode == "graduated" and name in ("a", "again"):
        depends = draw(st.sampled_from(["", "", "", " per day", " per account.seats", " prorated by day"]))
    for bound in bounds:
        if mode == "graduated":
            heads.append(f"{'next' if low else 'first'} {bound - low}{depends}")
            depends = ""
        else:
            heads.append(f"{below} {bound}")
        low = bound
    return [*heads, "above"]


def _prices(draw: st.DrawFn, mode: str, count: int, *, rising: bool) -> list[str]:
    if mode == "stairstep":
        return [f"for ${price / 100:.2f}" for price in sorted(draw(st.integers(0, 4000)) for _ in range(count))]
    rates = [draw(st.integers(1, 300)) for _ in range(count)]
    if rising:
        rates.sort()
    blocks = draw(st.sampled_from([["each"], ["each"], ["per 10"], ["each", "per started 10", "per 10 in steps of 2"]]))
    found = [f"at ${rate / 100:.2f} {draw(st.sampled_from(blocks))}" for rate in rates]
    once = draw(st.sampled_from(["", "", "", " plus $1.00 once", " plus $1.00 once if used"]))
    found[-1] += once
    if not rising and _seldom(draw):
        found[draw(st.integers(0, count - 1))] = "free"
    return found


def _table(draw: st.DrawFn, name: str, head: str, *, rising: bool) -> list[str]:
    columns = draw(
        st.sampled_from(["region", "account.tier", "region, account.tier"] if name == "a" else ["account.tier"])
    )
    keys = {"region": ["eu", "us"], "account.tier": ["gold", "otherwise"]}
    names = columns.split(", ")
    cells = [[]]
    for column in names:
        cells = [[*row, value] for row in cells for value in keys[column]]
    bound = draw(st.sampled_from(["", "", "minimum", "cap"]))
    found = [f"  charge {head} by {columns}:", f"    | {' | '.join([*names, 'price', *([bound] if bound else [])])} |"]
    for row in cells:
        prices = [f"{_money(draw)} {draw(st.sampled_from(['each', 'each', 'per started 10']))}"]
        if bound:
            prices.append(f"${draw(st.integers(1, 9)) + (10 if bound == 'cap' else 0)}")
        found.append(f"    | {' | '.join([*row, *prices])} |")
    if not bound and _seldom(draw):
        found.append(f"    minimum {_money(draw, 9)}{draw(st.sampled_from(['', ' per row']))}")
    return found


# Policies


def _policies(draw: st.DrawFn, *, rising: bool) -> list[str]:
    found = []
    targets = st.sampled_from(["a", "b", "charges", "total", "a, b"])
    for number in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["discount", "discount", "offer", "penalty"]))
        effect = _added(draw) if kind == "penalty" else _taken(draw, draw(targets))
        lines = [f"{kind} p{number}{draw(st.sampled_from(['', '', '', ' for one']))}:", f"  {effect}"]
        if draw(st.booleans()):
            lines.append(f"  when {_condition(draw, rising=rising)}")
        found.append("\n".join(lines) + "\n")
    ways = st.sampled_from(["add up", "one after another", "best one"])
    found += [f"discounts combine {draw(ways)}\n", f"offers combine {draw(ways)}\n"]
    if draw(st.booleans()):
        base = draw(st.sampled_from(["total", "total", "a", "a, b"]))
        found.append(f"tax vat{draw(st.sampled_from(['', '', ' included']))}:\n  20% of {base}\n")
    return found


def _added(draw: st.DrawFn) -> str:
    return draw(
        st.sampled_from(
            [
                "$3",
                "5% of total",
                "5% of a",
                "$0.10 per 1 of a above 15",
                "$0.25 per 1 of b above 5",
                "$1 per started 10 of a above 15",
                "$0.10 per 1 of b above account.seats",
                "$0.50 per 1 of account.seats above 4",
                "1% of total per 1 of account.seats below 2",
                "5% of total, at most $2",
                "account.credit",
            ]
        )
    )


def _taken(draw: st.DrawFn, targets: str) -> str:
    sizes = ["10% off ", "25% off ", "33.3% off ", "$7 off ", "account.credit off ", "100% off "]
    effect = draw(st.sampled_from(sizes)) + targets
    if _seldom(draw):
        effect += ", at most $4"
    return effect


def _condition(draw: st.DrawFn, *, rising: bool) -> str:
    conditions = ["account.tier is gold", "account.seats >= 4", "account.seats < 2", "period starts in spring"]
    if not rising:
        conditions += [
            "usage of a > 20",
            "usage of b >= 10",
            "amount of a >= $12",
            "usage of a < 10",
            "amount of b < $3",
        ]
    one = draw(st.sampled_from(conditions))
    if _seldom(draw):
        return f"{one} {draw(st.sampled_from(['and', 'or']))} {draw(st.sampled_from(conditions))}"
    return one


def _seldom(draw: st.DrawFn) -> bool:
    return draw(st.integers(0, 3)) == 0


def _money(draw: st.DrawFn, most: int = 3) -> str:
    return f"${draw(st.integers(0, most * 100)) / 100:.2f}"

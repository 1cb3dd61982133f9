"""Random valid rulesets as text: two plans over the same meters, with modes, bounds, policies, thresholds and taxes.

`rulesets()` draws a text that compiles; `usages()` draws quantities for its meters. Laws of other modules may use both.
"""

from __future__ import annotations

from hypothesis import strategies as st

HEADER = """ruleset drawn "Drawn":
  currency USD
  time zone UTC
  round each line {rounding}

account:
  tier: one of standard, gold, default standard

event a.used:
  size: number
  region: one of eu, us

event b.used:
  size: number

meter a: sum of size of a.used
meter b: sum of size of b.used
"""

METERS = ("a", "b")
_ROUNDINGS = ("half even", "half up", "half down", "up", "down")


@st.composite
def rulesets(draw: st.DrawFn, *, plans: tuple[str, ...] = ("one", "two"), rising: bool = False) -> str:
    """A ruleset. With `rising` no price band is cheaper than the one before, and nothing begins at a threshold."""
    texts = [HEADER.format(rounding=draw(st.sampled_from(_ROUNDINGS)))]
    texts.extend(_plan(draw, name, rising=rising) for name in plans)
    texts.extend(_policies(draw, rising=rising))
    return "\n".join(texts)


@st.composite
def usages(draw: st.DrawFn) -> dict[tuple[str, str], int]:
    """Quantities of meter `a` in both regions and of meter `b`."""
    sizes = st.integers(0, 60) | st.sampled_from([9, 10, 11, 19, 20, 21, 29, 30, 31, 1000])
    found = {("a", "eu"): draw(sizes), ("b", ""): draw(sizes)}
    if draw(st.booleans()):
        found["a", "us"] = draw(sizes)
    return found


def _plan(draw: st.DrawFn, name: str, *, rising: bool) -> str:
    lines = [f"plan {name} from 2026-01-01:"]
    lines += _charge(draw, "a", rising=rising)
    if draw(st.booleans()):
        lines += _charge(draw, "b", rising=rising)
    else:
        lines.append(f"  charge b: at {_money(draw)} each")
    if draw(st.booleans()):
        lines.append(f"  fee base {_money(draw, 20)} per month")
    if draw(st.booleans()):
        lines.append(f"  include {draw(st.sampled_from([5, 10, 15]))} of b")
    low = draw(st.integers(0, 30))
    if low > 15:
        lines.append(f"  minimum ${low}")
    if draw(st.integers(0, 3)) == 0:
        lines.append(f"  cap ${low + draw(st.integers(1, 80))}")
    return "\n".join(lines) + "\n"


def _charge(draw: st.DrawFn, meter: str, *, rising: bool) -> list[str]:
    by = ""
    if meter == "a" and draw(st.integers(0, 2)) == 0:
        prices = [_money(draw), _money(draw)]
        return [
            "  charge a by region:", "    | region | price |",
            f"    | eu | {prices[0]} each |", f"    | us | {prices[1]} each |",
        ]  # fmt: skip
    mode = draw(st.sampled_from(["graduated", "volume", "stairstep", "flat"]))
    if mode == "flat":
        block = draw(st.sampled_from(["each", "per started 10", "per 10"]))
        return [f"  charge {meter}: at {_money(draw)} {block}"]
    bounds = sorted(draw(st.sets(st.sampled_from([10, 20, 30]), min_size=1, max_size=2)))
    if mode == "stairstep":
        prices = sorted(draw(st.integers(0, 4000)) for _ in range(len(bounds) + 1))
        texts = [f"for ${price / 100:.2f}" for price in prices]
    else:
        rates = [draw(st.integers(1, 300)) for _ in range(len(bounds) + 1)]
        if rising:
            rates.sort()
        texts = [f"at ${rate / 100:.2f} each" for rate in rates]
        if draw(st.integers(0, 3)) == 0:
            texts[-1] += " plus $1.00 once"
    heads = []
    low = 0
    below = draw(st.sampled_from(["up to", "below"]))
    for bound in bounds:
        heads.append(f"{'next' if low else 'first'} {bound - low}" if mode == "graduated" else f"{below} {bound}")
        low = bound
    lines = [f"  charge {meter}{by} {mode}:"]
    lines += [f"    {head} {text}" for head, text in zip([*heads, "above"], texts, strict=True)]
    if draw(st.integers(0, 3)) == 0:
        lines.append(f"    minimum {_money(draw, 9)}")
    return lines


def _policies(draw: st.DrawFn, *, rising: bool) -> list[str]:
    found = []
    targets = st.sampled_from(["a", "b", "charges", "total", "a, b"])
    for number in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["discount", "discount", "offer", "penalty"]))
        if kind == "penalty":
            effect = draw(
                st.sampled_from(["$3", "5% of total", "$0.10 per 1 of a above 15", "$0.25 per 1 of b above 5"])
            )
        else:
            effect = draw(st.sampled_from(["10% off ", "25% off ", "33.3% off ", "$7 off "])) + draw(targets)
            if draw(st.integers(0, 4)) == 0:
                effect += ", at most $4"
        lines = [f"{kind} p{number}:", f"  {effect}"]
        conditions = ["account.tier is gold"]
        if not rising:
            conditions += ["usage of a > 20", "usage of b >= 10", "amount of a >= $12"]
        if draw(st.booleans()):
            lines.append(f"  when {draw(st.sampled_from(conditions))}")
        found.append("\n".join(lines) + "\n")
    rule = draw(st.sampled_from(["add up", "one after another"]))
    found.append(f"discounts combine {rule}\noffers combine {rule}\n")
    if draw(st.booleans()):
        found.append("tax vat:\n  20% of total\n")
    return found


def _money(draw: st.DrawFn, most: int = 3) -> str:
    return f"${draw(st.integers(0, most * 100)) / 100:.2f}"

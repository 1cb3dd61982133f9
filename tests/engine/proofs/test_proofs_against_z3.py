"""Pairs of plans against a solver: the same arithmetic written for z3, over real quantities and without rounding."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from ratebook.diagnostics import Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.compiler.proofs.dearer import never_costs_more
from ratebook.engine.compiler.proofs.outcome import Verdict

z3 = pytest.importorskip("z3")

HEADER = """ruleset drawn "Drawn":
  currency USD

event a.used:
  size: number

meter a: sum of size of a.used

"""
CENT = Fraction(1, 100)


@st.composite
def plans(draw: st.DrawFn) -> dict[str, object]:
    """A plan of one charge: its mode, bounds and rates in cents, fee, percentage off, minimum and cap."""
    bounds = sorted(draw(st.sets(st.sampled_from([10, 20, 50]), min_size=0, max_size=2)))
    minimum = draw(st.sampled_from([0, 0, 10, 20]))
    return {
        "mode": draw(st.sampled_from(["graduated", "volume"])),
        "bounds": bounds,
        "rates": [draw(st.integers(1, 120)) for _ in range(len(bounds) + 1)],
        "fee": draw(st.sampled_from([0, 5, 12])),
        "off": draw(st.sampled_from([0, 10, 25])),
        "minimum": minimum,
        "cap": draw(st.sampled_from([0, minimum + 40])),
    }


def text_of(name: str, plan: dict[str, object]) -> str:
    lines = [f"plan {name} from 2026-01-01:"]
    rates = [f"${rate / 100:.2f} each" for rate in plan["rates"]]
    if not plan["bounds"]:
        lines.append(f"  charge a: at {rates[0]}")
    else:
        lines.append(f"  charge a {plan['mode']}:")
        low = 0
        for bound, rate in zip(plan["bounds"], rates, strict=False):
            head = f"up to {bound}" if plan["mode"] == "volume" else f"{'next' if low else 'first'} {bound - low}"
            lines.append(f"    {head} at {rate}")
            low = bound
        lines.append(f"    above at {rates[-1]}")
    if plan["fee"]:
        lines.append(f"  fee base ${plan['fee']} per month")
    if plan["minimum"]:
        lines.append(f"  minimum ${plan['minimum']}")
    if plan["cap"]:
        lines.append(f"  cap ${plan['cap']}")
    if plan["off"]:
        lines.append(f"discount off_{name} for {name}:\n  {plan['off']}% off a")
    return "\n".join(lines) + "\n"


def amount(plan: dict[str, object], quantity: object) -> object:
    """The total in dollars, before rounding, as z3 reckons it."""
    rates = [z3.Q(rate, 100) for rate in plan["rates"]]
    bounds = plan["bounds"]
    if plan["mode"] == "volume":
        price = quantity * rates[-1]
        for bound, rate in reversed(list(zip(bounds, rates, strict=False))):
            price = z3.If(quantity <= bound, quantity * rate, price)
    else:
        price = z3.RealVal(0)
        for low, high, rate in zip([0, *bounds], [*bounds, None], rates, strict=True):
            top = quantity if high is None else z3.If(quantity < high, quantity, z3.RealVal(high))
            price = price + z3.If(top > low, top - low, z3.RealVal(0)) * rate
    total = price * z3.Q(100 - plan["off"], 100) + plan["fee"]
    total = z3.If(total < plan["minimum"], z3.RealVal(plan["minimum"]), total)
    return z3.If(total > plan["cap"], z3.RealVal(plan["cap"]), total) if plan["cap"] else total


@settings(max_examples=60)
@given(plans(), plans())
def test_plan_against_plan_comes_out_as_the_solver_says(one: dict[str, object], two: dict[str, object]) -> None:
    text = HEADER + text_of("one", one) + text_of("two", two)
    result = compile_ruleset(Source("drawn.rates", text))
    assert result.program is not None, [finding.message for finding in result.findings]
    versions = result.program.plans
    outcome = never_costs_more(result.program, versions["one"][0], versions["two"][0])
    note(text)
    note(str(outcome))
    quantity = z3.Real("quantity")
    solver = z3.Solver()
    # Each side is rounded in at most three places.
    slack = outcome.slack + 3 * CENT if outcome.verdict is Verdict.PROVED else -3 * CENT
    solver.add(quantity >= 0, amount(one, quantity) - amount(two, quantity) > z3.Q(slack.numerator, slack.denominator))
    possible = solver.check() == z3.sat
    if outcome.verdict is Verdict.PROVED:
        assert not possible
    elif outcome.verdict is Verdict.REFUTED:
        assert possible
    else:
        # Only where the plans come within a few cents of each other may it be left open.
        solver = z3.Solver()
        far = z3.Q(1, 10)
        solver.add(quantity >= 0, amount(one, quantity) - amount(two, quantity) > far)
        assert solver.check() == z3.unsat

"""GoRules zen-engine: one precompiled decision for each plan's statement; quantities come from a DuckDB scan.

    python bench/peers/zen_engine.py USAGE ACCOUNTS [LINES]

The form that was fastest: loaded once under a key (what `create_decision` gives costs ten times as much a call),
contexts as JSON text, one evaluation for all lines of an account. Exact: numbers are decimals of 28 digits inside, if
quantities come as JSON text; amounts leave as floats, so they are cents here. Its `round` takes halves away from zero:
half to even is written out.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from importlib.metadata import version
from itertools import pairwise

import zen
from work import API_BLOCKS, EGRESS_BOUNDS, LINES, PLANS, Outcome, cpu_watch, quantities, run, stopwatch, write_lines

KEYS = ["api", "s0", "s1", "s2", "s3", "egress", "gold", "heavy", "minimum"]


def half_even(name: str) -> str:
    """Of hundredths of a cent and so on, whole cents."""
    return f"$.{name} % 1 == 0.5 ? round($.{name} / 2) * 2 : round($.{name})"


def decision(plan: str) -> dict[str, object]:
    """The lines of a plan, in cents."""
    api, storage, egress = (list(map(Decimal, prices)) for prices in PLANS[plan][:3])
    least = PLANS[plan][3]
    steps, before = [], Decimal(0)
    for (low, high), price in zip(pairwise([0, *API_BLOCKS, None]), api, strict=True):
        taken = f"{before} + (blocks - {low}) * {price}"
        steps.append(taken if high is None else f"blocks <= {high} ? {taken} : ")
        before += (high - low) * price if high is not None else 0
    bands = "".join(steps).replace("blocks", "$.blocks")
    rate = "".join(f"egress <= {bound} ? {price} : " for bound, price in zip(EGRESS_BOUNDS, egress, strict=False))
    lines = [("blocks", "ceil(api / 1000)"), ("x_api", f"({bands}) * 100"), ("api", half_even("x_api"))]
    for index, price in enumerate(storage):
        lines.append((f"x{index}", f"s{index}q == null ? 0 : s{index}q * {price} * 100"))
        lines.append((f"s{index}", half_even(f"x{index}")))
    stored = " + ".join(f"$.s{index}" for index in range(4))
    lines += [
        ("x_egress", f"egress * ({rate}{egress[-1]}) * 100"),
        ("egress", half_even("x_egress")),
        ("charges", f"$.api + {stored} + $.egress"),
        ("x_gold", "tier == 'gold' ? $.charges / 10 : 0"),
        ("gold", half_even("x_gold")),
        ("x_heavy", "egress > 2000 ? (egress - 2000) * 0.4 : 0"),
        ("heavy", half_even("x_heavy")),
        ("total", "$.charges - $.gold + $.heavy"),
        ("minimum", f"$.total < {least}00 ? {least}00 - $.total : 0"),
    ]
    return graph(
        ("lines", "expressionNode", {"expressions": [{"id": key, "key": key, "value": value} for key, value in lines]})
    )


def graph(*nodes: tuple[str, str, dict[str, object]]) -> dict[str, object]:
    """Nodes in a row, as the engine's JSON."""
    row = [("in", "inputNode", {}), *nodes, ("out", "outputNode", {})]
    return {
        "contentType": "application/vnd.gorules.decision",
        "nodes": [
            {"id": name, "name": name, "type": kind, "content": content, "position": {"x": 0, "y": 0}}
            for name, kind, content in row
        ],
        "edges": [
            {"id": one[0], "sourceId": one[0], "targetId": other[0], "type": "edge"} for one, other in pairwise(row)
        ],
    }


def statement() -> Callable[[str, str], dict[str, float]]:
    """The lines in cents for a plan and a context in JSON: tier, api, s0q to s3q, egress."""
    engine = zen.ZenEngine({"loader": {"type": "static", "content": {plan: decision(plan) for plan in PLANS}}})
    return lambda plan, context: engine.evaluate(plan, context)["result"]


def context(tier: str, api: object, stored: list[object], egress: object) -> str:
    """Quantities as digits, never as floats."""
    given = ", ".join(f'"s{index}q": {"null" if amount is None else amount}' for index, amount in enumerate(stored))
    return f'{{"tier": "{tier}", "api": {api}, {given}, "egress": {egress}}}'


def peer(usage: str, accounts: str, out: str) -> Outcome:
    seconds = stopwatch()
    table = quantities(usage, accounts)
    metering, cpu = seconds(), cpu_watch()
    rate = statement()
    columns = [table[name].to_pylist() for name in ("plan", "tier", "api", "s0", "s1", "s2", "s3", "egress")]
    cents: dict[str, list[int | None]] = {name: [] for name in LINES}
    for plan, tier, api, *stored, egress in zip(*columns, strict=True):
        found = rate(plan, context(tier, api, stored, egress))
        given = [api, *stored, egress, found["gold"] or None, found["heavy"] or None, found["minimum"] or None]
        for amounts, key, there in zip(cents.values(), KEYS, given, strict=True):
            amounts.append(None if there is None else round(-found[key] if key == "gold" else found[key]))
    count, total = write_lines(table["account"].combine_chunks(), cents, out)
    exact = "exact, if quantities are given as text and half to even is written out"
    return Outcome("zen-engine", version("zen-engine"), exact, seconds(), count, total, metering, cpu())


if __name__ == "__main__":
    run(peer)

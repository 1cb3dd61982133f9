"""OpenFisca: a variable for each line, computed for all accounts at once; quantities come from a DuckDB scan.

    python bench/peers/openfisca.py USAGE ACCOUNTS [LINES]

Not exact: OpenFisca keeps every variable as a float of 32 bits, some seven digits. Amounts are rounded to cents with
numpy, half to even of what the float holds.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

import numpy as np
from openfisca_core.entities import build_entity
from openfisca_core.periods import MONTH, period
from openfisca_core.simulations import Simulation, SimulationBuilder
from openfisca_core.taxbenefitsystems import TaxBenefitSystem
from openfisca_core.taxscales import MarginalRateTaxScale
from openfisca_core.variables import Variable
from work import (
    API_BLOCKS,
    EGRESS_BOUNDS,
    LINES,
    PLANS,
    REGIONS,
    Outcome,
    cpu_watch,
    quantities,
    run,
    stopwatch,
    write_lines,
)

JUNE = "2026-06"
GIVEN = ["api", "s0", "s1", "s2", "s3", "egress", "plan", "gold"]
LINE_VARIABLES = ["api_line", "l0", "l1", "l2", "l3", "egress_line", "off", "heavy", "rest"]
Formula = Callable[..., "np.ndarray"]


def cents(amounts: np.ndarray) -> np.ndarray:
    return np.round(amounts, 2)


# OpenFisca looks at the names and the number of a formula's arguments, and wants no annotations.


def api_line(account, month):
    blocks, plan = np.ceil(account("api", month) / 1000), account("plan", month)
    return cents(np.select([plan == index for index in range(len(SCALES))], [scale.calc(blocks) for scale in SCALES]))


def egress_line(account, month):
    used, plan = account("egress", month), account("plan", month).astype(int)
    prices = np.array([[float(price) for price in PLANS[name][2]] for name in PLANS])
    return cents(used * prices[plan, np.searchsorted(EGRESS_BOUNDS, used, side="left")])


def stored(index: int) -> Formula:
    prices = np.array([float(PLANS[name][1][index]) for name in PLANS])

    def formula(account, month):
        return cents(account(f"s{index}", month) * prices[account("plan", month).astype(int)])

    return formula


def charges(account, month):
    return sum(account(name, month) for name in LINE_VARIABLES[:6])


def off(account, month):
    return -cents(account("charges", month) * 0.10) * account("gold", month)


def heavy(account, month):
    return cents(np.maximum(account("egress", month) - 2000, 0) * 0.004)


def rest(account, month):
    least = np.array([float(PLANS[name][3]) for name in PLANS])[account("plan", month).astype(int)]
    so_far = account("charges", month) + account("off", month) + account("heavy", month)
    return cents(np.maximum(least - so_far, 0))


def scale(plan: str) -> MarginalRateTaxScale:
    found = MarginalRateTaxScale()
    for bound, price in zip([0, *API_BLOCKS], PLANS[plan][0], strict=True):
        found.add_bracket(bound, float(price))
    return found


SCALES = [scale(plan) for plan in PLANS]


def system() -> TaxBenefitSystem:
    """Every quantity and every line as a monthly variable of an account."""
    account = build_entity("account", "accounts", "An account", is_person=True)
    made = TaxBenefitSystem([account])
    formulas: dict[str, Formula | None] = dict.fromkeys(GIVEN)
    formulas |= {"api_line": api_line, "egress_line": egress_line, **{f"l{index}": stored(index) for index in range(4)}}
    formulas |= {"charges": charges, "off": off, "heavy": heavy, "rest": rest}
    for name, formula in formulas.items():
        body = {"value_type": float, "entity": account, "definition_period": MONTH, "label": name}
        made.add_variable(type(name, (Variable,), body if formula is None else {**body, "formula": formula}))
    return made


def simulation(columns: dict[str, np.ndarray]) -> Simulation:
    """All accounts with their quantities."""
    made = SimulationBuilder.build_default_simulation(system(), len(columns["api"]))
    for name, values in columns.items():
        made.set_input(name, period(JUNE), values)
    return made


def peer(usage: str, accounts: str, out: str) -> Outcome:
    seconds = stopwatch()
    table = quantities(usage, accounts)
    metering, cpu = seconds(), cpu_watch()
    import pyarrow.compute as pc

    columns = {
        name: pc.fill_null(table[name].cast("double"), 0).to_numpy().astype("f4")
        for name in ("api", "s0", "s1", "s2", "s3", "egress")
    }
    columns["plan"] = pc.index_in(table["plan"], pc.pa.array(list(PLANS))).to_numpy().astype("f4")
    columns["gold"] = (table["tier"].to_numpy() == "gold").astype("f4")
    made = simulation(columns)
    written: dict[str, list[int | None]] = {}
    for name, variable in zip(LINES, LINE_VARIABLES, strict=True):
        whole = np.rint(made.calculate(variable, JUNE).astype("f8") * 100).astype("i8")
        if name.startswith("storage"):
            there = table[f"s{REGIONS.index(name.split()[1])}"].is_valid().to_numpy()
        else:
            there = (whole != 0) | np.full(len(whole), name in ("api", "egress"))
        written[name] = [int(amount) if is_there else None for amount, is_there in zip(whole, there, strict=True)]
    count, total = write_lines(table["account"].combine_chunks(), written, out)
    return Outcome(
        "openfisca", version("openfisca-core"), "not exact: float32", seconds(), count, total, metering, cpu()
    )


if __name__ == "__main__":
    run(peer)

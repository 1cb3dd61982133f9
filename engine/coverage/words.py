"""Items in business words: what no example touches, and what an example that touches it is called."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import assert_never

from ...money import approximate_text, decimal_text, grouped, symbols
from ..condition import Condition
from ..dispatch import Branch, Chain, Leaf, Tree, value_text
from ..plan import Charge, Plan, Policy, Program, Tax
from .items import Item, bounds_of, flat, is_money, smallest
from .targets import (
    ANY_ROW,
    Acts,
    BandEntered,
    BoundMet,
    BoundOf,
    CardCase,
    CardMet,
    ConditionFails,
    DuringMet,
    FeeCase,
    FeeMet,
    FreeMet,
    HalfRounded,
    IncludeMet,
    LimitMet,
    NothingToDo,
    OnceCharged,
    OnceSpared,
    OutsideDates,
    Overlap,
    OwnBoundMet,
    PlanBoundMet,
    RowPriced,
    RuleApplies,
    RuleKind,
    Side,
    StepMet,
    UsageRefused,
    Used,
    VersionUsed,
)

_VALUES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Words:
    """`title` names an example that touches the item; `missing` says what no example shows."""

    title: str
    missing: str


def plan_of(program: Program, item: Item) -> Plan:
    """The version of the plan that an item belongs to; items of cards have none."""
    return next(plan for plan in program.plans[item.plan] if plan.start == item.since)


def charge_of(plan: Plan, name: str) -> Charge:
    """The charge of that name."""
    return next(charge for charge in plan.charges if charge.name == name)


def words_of(program: Program, item: Item) -> Words:
    """An item in a few words: `egress: one GB above 10,240 GB`."""
    target = item.target
    if isinstance(target, CardMet):
        return _card(target)
    plan = plan_of(program, item)
    match target:
        case VersionUsed():
            dates = "" if plan.start is None else f" from {plan.start}"
            return Words(f"{plan.name}{dates}", f"no example is rated on {plan.name}{dates}")
        case RowPriced(charge=name):
            where = _where(charge_of(plan, name), target.row)
            return Words(f"{where}: usage in this row", "this row prices nothing" + _rest(where, name))
        case BandEntered() | BoundMet() | OnceCharged() | OnceSpared() | UsageRefused() | StepMet():
            return _of_band(program, charge_of(plan, target.charge), target)
        case OwnBoundMet():
            return _own_bound(charge_of(plan, target.charge), target)
        case FreeMet(name, beyond):
            freed = charge_of(plan, name).free_text
            if beyond:
                return Words(f"{name}: beyond “{freed}”", f"no event lies beyond “{freed}”")
            return Words(f"{name}: inside “{freed}”", f"no event is free by “{freed}”")
        case PlanBoundMet(index, acts):
            bound = plan.bounds[index]
            return _bound(f"{plan.name}", bound.kind.value, bound.bound.text, acts)
        case IncludeMet(index, used):
            return _include(plan.includes[index].text, plan.includes[index].meter, used)
        case RuleApplies(kind, name):
            verb = "is charged" if kind in (RuleKind.CHARGE, RuleKind.FEE) else "applies"
            return Words(f"{name} {verb}", f"never {verb}")
        case ConditionFails(kind, name, index):
            failing = _condition_text(conditions_of(plan, kind, name)[index])
            return Words(f"no {name}: not “{failing}”", f"“{failing}” never fails")
        case OutsideDates(_, name):
            return Words(f"no {name} outside its dates", "no period lies outside its dates")
        case NothingToDo(name):
            return Words(f"no {name}: nothing past its mark", "nothing lies short of its mark")
        case LimitMet(name, acts):
            limit = _policy(plan, name).at_most
            text = "" if limit is None else limit.text
            if acts is Acts.BINDS:
                return Words(f"{name}: at most {text}", f"“at most {text}” never takes effect")
            return Words(f"{name}: below its limit of {text}", f"“at most {text}” always takes effect")
        case DuringMet(name, inside):
            side = "inside" if inside else "outside"
            return Words(f"{name}: usage {side} its window", f"no usage lies {side} its window")
        case Overlap(first, second):
            return Words(f"{first} and {second} together", "the two never hold together")
        case FeeMet(name, case):
            return _fee(name, case)
        case HalfRounded():
            return Words(
                f"{plan.name}: half a cent is rounded"
                if program.money.size == Fraction(1, 100)
                else f"{plan.name}: half a money unit is rounded",
                f"no line lies exactly between two amounts (rounded {program.line_rounding.value})",
            )
        case _:
            assert_never(target)


def conditions_of(plan: Plan, kind: RuleKind, name: str) -> tuple[Condition, ...]:
    """The conditions of a rule, one by one."""
    match kind:
        case RuleKind.CHARGE:
            return flat(charge_of(plan, name).when)
        case RuleKind.FEE:
            return flat(next(fee for fee in plan.fees if fee.name == name).when)
        case RuleKind.POLICY:
            return flat(_policy(plan, name).when)
        case RuleKind.TAX:
            return flat(tax_of(plan, name).when)
        case _:
            assert_never(kind)


def _policy(plan: Plan, name: str) -> Policy:
    return next(policy for policy in plan.policies if policy.name == name)


def tax_of(plan: Plan, name: str) -> Tax:
    """The tax of that name."""
    return next(tax for tax in plan.taxes if tax.name == name)


def _condition_text(condition: Condition) -> str:
    return condition.text or "the condition"


# Charges


def _of_band(
    program: Program,
    charge: Charge,
    target: BandEntered | BoundMet | OnceCharged | OnceSpared | UsageRefused | StepMet,
) -> Words:
    where = _where(charge, target.row)
    rest = _rest(where, charge.name)
    bands = charge.rows[max(target.row, 0)].schedule.bands
    band = bands[target.band]
    head = band.head or band.text
    match target:
        case BandEntered():
            if len(bands) == 1:
                return Words(f"{where}: some usage", f"nothing is used at “{band.text or band.once_text}”{rest}")
            name = _band_name(program, charge, target.row, target.band)
            return Words(f"{where}: {name}", f"{name} is never reached{rest}")
        case BoundMet(side=side):
            bound = bound_text(program, charge, target.row, target.band)
            unit = _step_text(program, charge)
            match side:
                case Side.BELOW:
                    return Words(f"{where}: {unit} below {bound}", f"just below {bound} is never used{rest}")
                case Side.AT:
                    return Words(f"{where}: exactly {bound}", f"exactly {bound} is never used{rest}")
                case Side.ABOVE:
                    return Words(f"{where}: {unit} above {bound}", f"just above {bound} is never used{rest}")
                case _:
                    assert_never(side)
        case OnceCharged():
            return Words(f"{where}: {band.once_text}", f"“{band.once_text}” is never charged{rest}")
        case OnceSpared():
            return Words(f"{where}: no usage, and no {band.once_text}", f"“{band.once_text}” is always charged{rest}")
        case UsageRefused():
            return Words(f"{where}: {head} is refused", f"“{head}” never refuses{rest}")
        case StepMet(whole=whole):
            if whole:
                return Words(f"{where}: a whole step of “{band.text}”", f"“{band.text}” is never used whole{rest}")
            return Words(f"{where}: a begun step of “{band.text}”", f"“{band.text}” is never only begun{rest}")
        case _:
            assert_never(target)


def _band_name(program: Program, charge: Charge, row: int, band: int) -> str:
    bands = charge.rows[max(row, 0)].schedule.bands
    if bands[band].upper is None:
        return f"above {bound_text(program, charge, row, band - 1)}"
    return bands[band].head or f"up to {bound_text(program, charge, row, band)}"


def bound_text(program: Program, charge: Charge, row: int, band: int) -> str:
    """The end of a band with its unit; one that depends is named by its words."""
    schedule = charge.rows[max(row, 0)].schedule
    upper = schedule.bands[band].upper
    if upper is None or any(item.width_per is not None or item.prorated for item in schedule.bands[: band + 1]):
        return f"the end of “{schedule.bands[band].head}”"
    return quantity_text(program, charge, Fraction(upper, schedule.quantity_scale))


def quantity_text(program: Program, charge: Charge, value: Fraction) -> str:
    """A quantity of a charge as people write it: `10,240 GB`, `$250.00`."""
    if is_money(program, charge):
        code = program.money.currency.code
        text = grouped(decimal_text(value, program.money.currency.minor_digits) or approximate_text(value, 6))
        signs = symbols(code)
        return f"{signs[0]}{text}" if signs else f"{text} {code}"
    return f"{grouped(decimal_text(value) or approximate_text(value, 6))} {charge.unit}".rstrip()


def _step_text(program: Program, charge: Charge) -> str:
    unit = smallest(program, charge)
    if unit == 1 and not is_money(program, charge):
        return f"one {charge.unit}".rstrip()
    return quantity_text(program, charge, unit)


def _where(charge: Charge, row: int) -> str:
    """The charge, and the row of its table by its values."""
    if not charge.columns:
        return charge.name
    if row == ANY_ROW:
        return f"{charge.name}, any row"
    values = row_values(charge.tree, row)
    return f"{charge.name}, {' / '.join(values)}" if values else charge.name


def _rest(where: str, charge: str) -> str:
    row = where.removeprefix(charge).removeprefix(", ")
    return f" for {row}" if row else ""


def row_values(tree: Tree, row: int) -> tuple[str, ...] | None:
    """The values that lead to a row, a text a column; None where none does."""
    if isinstance(tree, Leaf):
        return () if tree.row == row else None
    if isinstance(tree, Chain):
        return next((values for part in tree.trees if (values := row_values(part, row)) is not None), None)
    found: dict[tuple[str, ...], list[str]] = {}
    for text, below in _cases(tree):
        rest = row_values(below, row)
        if rest is not None:
            found.setdefault(rest, []).append(text)
    if not found:
        return None
    rest, texts = next(iter(found.items()))
    shown = ", ".join(texts[:_VALUES_SHOWN]) + (", …" if len(texts) > _VALUES_SHOWN else "")
    return shown, *rest


def _cases(branch: Branch) -> list[tuple[str, Tree]]:
    found = [(value_text(value), below) for value, below in branch.values.items()]
    found += [(case.text, case.tree) for case in branch.ranges]
    found += list(branch.prefixes.items())
    found += list(branch.windows)
    if branch.otherwise is not None:
        found.append((branch.otherwise_text or "otherwise", branch.otherwise))
    return found


def _own_bound(charge: Charge, target: OwnBoundMet) -> Words:
    row = None if target.of not in (BoundOf.ROW_MINIMUM, BoundOf.ROW_CAP) else max(target.row, 0)
    bound = next((bound for of, bound in bounds_of(charge, row) if of is target.of), None)
    where = charge.name if row is None else _where(charge, target.row)
    return _bound(where, target.of.value.removeprefix("row "), "" if bound is None else bound.text, target.acts)


def _bound(where: str, kind: str, text: str, acts: Acts) -> Words:
    floor = kind.startswith("minimum")
    if acts is Acts.BINDS:
        return Words(
            f"{where}: {'less than the' if floor else 'more than the'} {kind}", f"“{text}” never changes an amount"
        )
    return Words(f"{where}: {'more than the' if floor else 'less than the'} {kind}", f"“{text}” changes every amount")


# The rest


def _include(text: str, meter: str, used: Used) -> Words:
    match used:
        case Used.NONE:
            return Words(f"{meter}: nothing used of “{text}”", f"“{text}” is always used")
        case Used.PARTLY:
            return Words(f"{meter}: a part of “{text}”", f"“{text}” is never used in part")
        case Used.UP:
            return Words(f"{meter}: more than “{text}”", f"“{text}” is never used up")
        case _:
            assert_never(used)


def _fee(name: str, case: FeeCase) -> Words:
    match case:
        case FeeCase.WHOLE:
            return Words(f"{name}: a whole term", "no whole term is charged")
        case FeeCase.PART:
            return Words(f"{name}: a part of a term", "no part of a term is charged")
        case FeeCase.NOT_DUE:
            return Words(f"no {name} where no term falls due", "no period is without it")
        case FeeCase.TRIAL:
            return Words(f"{name}: in the trial", "no period lies in its trial")
        case _:
            assert_never(case)


def _card(target: CardMet) -> Words:
    match target.case:
        case CardCase.PAYS_ALL:
            return Words(f"{target.card} pays all", "it never pays everything")
        case CardCase.RUNS_OUT:
            return Words(f"{target.card} runs out", "it never runs out")
        case CardCase.EXPIRED:
            return Words(f"{target.card} has expired", "it never has expired")
        case _:
            assert_never(target.case)

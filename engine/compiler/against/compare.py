"""The comparison in one function: versions side by side, then rules, examples, findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction

from ....diagnostics import Diagnostic, Severity, in_order
from ..compile import Compiled
from .closed import check_closed, closed_changes, is_undated
from .comparison import Change, Comparison, Effect, Kind
from .effects import effects_of
from .meters import check_meters
from .plans import PlanChanges, changes_of_plan, shared
from .rules import changes_of_rules
from .sides import Side, VersionPair, pair_versions, side_of
from .suspicions import check_removed, check_slips
from .things import near_thing
from .wording import dates_text, heading, shortened
from .worked import changed_examples


def compare(old: Compiled, new: Compiled, closed_before: date) -> Comparison | None:
    """What is different in `new`; None where either of them has errors. Periods before `closed_before` are closed."""
    before, after = side_of(old), side_of(new)
    if before is None or after is None:
        return None
    if before.program.hash == after.program.hash:
        return Comparison((), (), (), (), (), after.program.money)
    plans = shared(_changed_plans(before, after))
    changes = [*_whole_plans(before, after), *(change for item in plans for change in item.changes)]
    changes.extend(changes_of_rules(before, after))
    effects = list(_effects(plans))
    if before.program.money.currency != after.program.money.currency:
        # Amounts of two currencies have no difference.
        effects = []
        changes = [replace(change, difference="", share=None) for change in changes]
    examples = tuple(changed_examples(before, after))
    findings = [
        *check_slips(before, after, plans),
        *check_closed(before, after, closed_before),
        *check_removed(before, after, changes),
        *check_meters(before, after, examples),
    ]
    return Comparison(
        tuple(_costliest_first(changes)),
        tuple(effects),
        examples,
        in_order(_not_allowed(findings, before, after)),
        tuple(_notes(before, after, closed_before)),
        after.program.money,
    )


def _changed_plans(old: Side, new: Side) -> list[PlanChanges]:
    found = []
    for name, versions in new.versions.items():
        for pair in pair_versions(old.versions.get(name, ()), versions):
            if pair.old is not None and pair.new is not None:
                item = changes_of_plan(old, new, pair)
                if item.changes or item.pair.charges:
                    found.append(item)
    return found


def _whole_plans(old: Side, new: Side) -> Iterator[Change]:
    """Plans and versions that were added or removed."""
    gone = [name for name in old.versions if name not in new.versions]
    fresh = [name for name in new.versions if name not in old.versions]
    for name in fresh:
        model = new.versions[name][0].model
        what = "contract" if model.is_contract else "plan"
        near = near_thing(name, gone)
        note = f"like `{near}`, which is gone: accounts on that need the new name" if near else ""
        text = new.text(model.place).partition(":")[0]
        yield Change(Kind.ADDED, what, name, heading(model), new=text, new_span=model.span, note=note)
    for name in gone:
        model = old.versions[name][0].model
        what = "contract" if model.is_contract else "plan"
        near = near_thing(name, fresh)
        note = f"did you mean to rename it to `{near}`? accounts name their plan, and must follow" if near else ""
        text = old.text(model.place).partition(":")[0]
        yield Change(Kind.REMOVED, what, name, heading(model), old=text, old_span=model.span, note=note)
    for name, versions in old.versions.items():
        for pair in pair_versions(versions, new.versions.get(name, ())) if name in new.versions else ():
            if pair.old is not None and pair.new is None:
                yield _gone(pair, name)


def _gone(pair: VersionPair, name: str) -> Change:
    assert pair.old is not None, "a version that is gone was there"
    model = pair.old.model
    return Change(Kind.REMOVED, "version", name, heading(model), old=dates_text(model), old_span=model.span)


def _effects(plans: Sequence[PlanChanges]) -> Iterator[Effect]:
    """The effects of all plans; those that contracts share with their plan once, as their changes."""
    found: dict[object, Effect] = {}
    for item in plans:
        for effect in effects_of(item.pair, item.title):
            key = replace(effect, plan="")
            spans = (item.pair.new.charges, item.pair.old.charges)
            place = tuple(charge.span for charges in spans for charge in charges if charge.name == effect.name)
            known = found.get((key, place))
            if known is None:
                found[key, place] = effect
            else:
                found[key, place] = replace(known, also=(*known.also, item.title))
    yield from found.values()


def _costliest_first(changes: Iterable[Change]) -> list[Change]:
    """Prices that changed most, in percent, come first in their plan; what has no percentage keeps its order."""
    plans: dict[str, list[Change]] = {}
    for change in changes:
        plans.setdefault(change.plan, []).append(change)
    rules = plans.pop("", [])
    return [change for own in (*plans.values(), rules) for change in sorted(own, key=_weight, reverse=True)]


def _weight(change: Change) -> tuple[int, Fraction]:
    whole = change.what in ("plan", "contract", "version", "dates")
    return (2 if whole else 1 if change.share is not None else 0, abs(change.share or Fraction(0)))


def _not_allowed(findings: Sequence[Diagnostic], old: Side, new: Side) -> Iterator[Diagnostic]:
    """The findings without the warnings that this change allows.

    An `allow` that stood in the earlier version was for an earlier change: a slip that it let pass once must not let
    every later one pass.
    """
    earlier = {(allow.code, allow.because) for allow in old.ruleset.allows}
    allowed = {allow.code for allow in new.ruleset.allows if (allow.code, allow.because) not in earlier}
    yield from (finding for finding in findings if finding.severity is Severity.ERROR or finding.code not in allowed)


def _notes(old: Side, new: Side, closed_before: date) -> Iterator[str]:
    """That prices without dates changed: it is no mistake, but bills of the past would come out otherwise."""
    undated = [
        change.old.model.name
        for change in closed_changes(old, new, closed_before)
        if is_undated(change.old) and not change.old.model.is_contract
    ]
    if undated:
        names = shortened(", ".join(f"`{name}`" for name in undated))
        yield (
            f"{names} had no dates, so bills of past periods come out otherwise too, if they are made again; "
            f"to keep them, end the old prices with `before DATE` and write the new ones into a version `from DATE`"
        )

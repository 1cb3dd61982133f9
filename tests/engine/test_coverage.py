"""Coverage, item by item: each ruleset is small enough to say by hand what its examples touch."""

from __future__ import annotations

from fractions import Fraction

import pytest

from ratebook.diagnostics import Source
from ratebook.engine.compiler.compile import Compiled, compile_ruleset
from ratebook.engine.coverage.half import half_quantity
from ratebook.engine.coverage.report import Coverage, cover, missing, percent
from ratebook.engine.examples import run_example
from ratebook.engine.schedule import Band, Mode, Schedule

HEAD = """\
ruleset acme "Acme":
  currency USD
  time zone UTC

unit call

account:
  tier: one of basic, gold, default basic
  credit: money, default $0.00
  country: text, optional

event use:
  calls: number of call
  region: one of us, eu, default us

event pay:
  amount: money

meter calls: sum of calls of use

window sale: 2026-03-10 through 2026-03-11

"""


def compiled(text: str) -> Compiled:
    found = compile_ruleset(Source("acme.rates", HEAD + text))
    assert found.program is not None, [finding.message for finding in found.findings]
    return found


def covered(text: str) -> Coverage:
    found = compiled(text)
    assert found.ruleset is not None and found.program is not None
    coverage = cover(found, [run_example(found.program, example) for example in found.ruleset.examples])
    assert coverage is not None
    return coverage


def missed(text: str) -> list[str]:
    """What no example shows, as `rule: words`."""
    coverage = covered(text)
    program = compiled(text).program
    assert program is not None
    return [f"{item.item.rule}: {item.text}" for item in missing(program, coverage.missed)]


def example(*lines: str, more: str = "", period: str = "2026-03") -> str:
    """An example on the plan, called by what it says."""
    title = ", ".join(lines).replace('"', "")
    body = "".join(f"  {line}\n" for line in lines)
    return f'\nexample "{title}{more} {period}" on payg{more} in {period}:\n{body}'


LADDER = """\
plan payg from 2026-01-01:
  charge calls graduated:
    first 100 call at $0.10 per call
    above at $0.05 per call
"""


@pytest.mark.parametrize(
    ("quantity", "total", "left"),
    [
        # Within one call of 100, the smallest unit of a charge in calls.
        ("99", "$9.90", ["exactly and just above 100 call are never used", "above 100 call is never reached"]),
        ("99.5", "$9.95", ["exactly and just above 100 call are never used", "above 100 call is never reached"]),
        ("100", "$10.00", ["just below and just above 100 call are never used", "above 100 call is never reached"]),
        ("100.5", "$10.02", ["just below and exactly 100 call are never used"]),
        ("101", "$10.05", ["just below and exactly 100 call are never used"]),
        # 102 is too far to say whether the bound is 100 or 101.
        ("102", "$10.10", ["just below, exactly and just above 100 call are never used"]),
    ],
)
def test_sides_of_a_bound(quantity: str, total: str, left: list[str]) -> None:
    found = missed(LADDER + example(f"usage calls {quantity}", f"expect total {total}"))
    assert sorted(found) == sorted(f"calls: {text}" for text in left)


def test_zero_usage_exercises_no_band() -> None:
    found = missed(LADDER + example("expect total $0.00"))
    assert "calls: first 100 call is never reached" in found
    assert "calls: above 100 call is never reached" in found


def test_only_examples_that_pass_and_are_reviewed_count() -> None:
    right = covered(LADDER + example("usage calls 100", "expect total $10.00"))
    wrong = covered(LADDER + example("usage calls 100", "expect total $11.00"))
    marked = covered(
        LADDER + example("usage calls 100", "expect total $10.00").replace("2026-03:", "2026-03 unreviewed:")
    )
    assert right.covered > 0
    assert wrong.covered == marked.covered == 0


def test_once_if_used_is_charged_and_spared() -> None:
    plan = "plan payg from 2026-01-01:\n  charge calls: at $0.10 per call plus $3 once if used\n"
    assert missed(plan + example("expect total $0.00")) == [
        "calls: nothing is used at “$0.10 per call”",
        "calls: “$3 once” is never charged",
    ]
    assert missed(plan + example("usage calls 1", "expect total $3.10")) == ["calls: “$3 once” is always charged"]


def test_a_refused_band_is_touched_by_an_expected_error_only() -> None:
    plan = (
        "plan payg from 2026-01-01:\n  charge calls graduated:\n    first 10 call at $1 per call\n    above refused\n"
    )
    refused = missed(plan + example("usage calls 11", "expect error RB4002"))
    assert refused == [
        "calls: first 10 call is never reached",
        "calls: just below and exactly 10 call are never used",
    ]
    priced = missed(plan + example("usage calls 9", "expect total $9.00"))
    assert priced == ["calls: exactly and just above 10 call are never used", "calls: “above” never refuses"]


def test_steps_whole_and_begun() -> None:
    plan = "plan payg from 2026-01-01:\n  charge calls: at $1 per started 10 call\n"
    assert missed(plan + example("usage calls 20", "expect total $2.00")) == [
        "calls: “$1 per started 10 call” is never only begun"
    ]
    assert missed(plan + example("usage calls 21", "expect total $3.00")) == [
        "calls: “$1 per started 10 call” is never used whole"
    ]


def test_rows_of_a_table() -> None:
    plan = """\
plan payg from 2026-01-01:
  charge calls by region:
    | region | price        |
    | us     | $1 per call  |
    | eu     | $2 per call  |
"""
    assert missed(plan + example("usage calls 1, region us", "expect total $1.00")) == [
        "calls: this row prices nothing for eu"
    ]


def test_a_long_table_is_counted_and_not_listed() -> None:
    rows = "".join(f'    | "{number:03}" | $1 per call |\n' for number in range(60))
    text = HEAD.replace("region: one of us, eu, default us", "region: text")
    table = f"    | region | price |\n{rows}    | otherwise | $2 per call |\n"
    plan = f"plan payg from 2026-01-01:\n  charge calls by region:\n{table}"
    body = plan + example('usage calls 1, region "007"', 'usage calls 2, region "008"', "expect total $3.00")
    found = compile_ruleset(Source("acme.rates", text + body))
    assert found.program is not None and found.ruleset is not None
    coverage = cover(found, [run_example(found.program, one) for one in found.ruleset.examples])
    assert coverage is not None
    assert [(table.rows, table.priced) for table in coverage.tables] == [(61, 2)]
    assert len(coverage.items) == 2 and not coverage.missed  # the version, and any row


def test_floors_and_ceilings_of_charges_and_plans() -> None:
    plan = """\
plan payg from 2026-01-01:
  charge calls: at $1 per call
    minimum $5
    cap $50
  cap $40
"""
    assert missed(plan + example("usage calls 4", "expect total $5.00")) == [
        "calls: “minimum $5” changes every amount",
        "calls: “cap $50” never changes an amount",
        "cap: “cap $40” never changes an amount",
    ]
    assert missed(plan + example("usage calls 51", "expect total $40.00")) == [
        "calls: “minimum $5” never changes an amount",
        "calls: “cap $50” changes every amount",
        "cap: “cap $40” changes every amount",
    ]


def test_a_floor_of_each_event_may_bind_and_rest_in_one_example() -> None:
    plan = "plan payg from 2026-01-01:\n  charge card_fees of each pay.amount: at 10%\n    minimum $1\n"
    both = ("event 2026-03-02 10:00 pay amount $5.00", "event 2026-03-03 10:00 pay amount $20.00")
    assert missed(plan + example(*both, "expect total $3.00")) == []


def test_what_is_included() -> None:
    plan = "plan payg from 2026-01-01:\n  include 10 call of calls\n  charge calls: at $1 per call\n"
    words = {
        "include calls: “include 10 call of calls” is always used": "0",
        "include calls: “include 10 call of calls” is never used in part": "4",
        "include calls: “include 10 call of calls” is never used up": "11",
    }
    for touched, (quantity, total) in zip(words, (("0", "0"), ("4", "0"), ("11", "1")), strict=True):
        found = missed(plan + example(f"usage calls {quantity}", f"expect total ${total}.00"))
        assert {text for text in found if text.startswith("include")} == set(words) - {touched}


def test_every_condition_of_a_discount_fails_once() -> None:
    plan = """\
plan payg from 2026-01-01:
  charge calls: at $1 per call

discount loyal:
  10% off calls, at most $5
  when account.country is known
  when account.country is "GB" and account.tier is gold
"""
    unknown = example("usage calls 10", "expect total $10.00")
    other = example('account country "FR"', "usage calls 10", "expect total $10.00")
    basic = example('account country "GB"', "usage calls 10", "expect total $10.00")
    holds = example('account country "GB", tier gold', "usage calls 10", "expect total $9.00")
    limit = example('account country "GB", tier gold', "usage calls 100", "expect total $95.00")
    assert missed(plan + unknown + other + basic + holds + limit) == []
    assert missed(plan + unknown + basic + holds + limit) == ['loyal: “account.country is "GB"” never fails']
    assert missed(plan + unknown + other + basic + limit) == ["loyal: “at most $5” always takes effect"]
    assert missed(plan + unknown + other + basic + holds) == ["loyal: “at most $5” never takes effect"]
    assert "loyal: never applies" in missed(plan + unknown)


def test_windows_dates_and_overlaps() -> None:
    plan = """\
plan payg from 2026-01-01:
  charge calls: at $1 per call

discount festive from 2026-03-01 before 2026-05-01:
  50% off calls during sale

discount gold:
  10% off calls
  when account.tier is gold

discounts combine best one
"""
    inside = example("event 2026-03-10 10:00 use calls 10", "expect total $5.00")
    assert missed(plan + inside) == [
        "festive: no period lies outside its dates",
        "festive: no usage lies outside its window",
        "gold: never applies",
        "festive, gold: the two never hold together",
    ]
    both = example("account tier gold", "event 2026-03-12 10:00 use calls 10", "expect total $9.00")
    later = example("usage calls 10", "expect total $10.00", period="2026-06")
    assert missed(plan + inside + both + later) == []


def test_fees_whole_in_part_and_on_trial() -> None:
    plan = "plan payg from 2026-01-01:\n  fee base $31 per month after 15 days\n"
    trial = example("expect total $16.00", more=" since 2026-03-01")
    whole = example("expect total $31.00", more=" since 2026-01-01")
    assert missed(plan + whole) == ["base: no part of a term is charged", "base: no period lies in its trial"]
    assert missed(plan + whole + trial) == []


def test_a_yearly_fee_is_due_and_not_due() -> None:
    plan = "plan payg from 2026-01-01:\n  fee base $100 per 12 months in advance\n"
    assert missed(plan + example("expect total $100.00")) == ["base: no period is without it"]
    assert missed(plan + example("expect total $0.00", more=" since 2026-02-01")) == ["base: no whole term is charged"]


def test_cards_pay_run_out_and_expire() -> None:
    text = """\
plan payg from 2026-01-01:
  charge calls: at $1 per call

card small:
  worth $10
  valid 12 months
  pays everything
"""
    pays = example("card small", "usage calls 10", "expect due $0.00")
    empty = example("card small", "usage calls 11", "expect due $1.00")
    old = example("card small bought 2025-01-01", "usage calls 1", "expect due $1.00")
    assert missed(text + pays + empty + old) == []
    assert missed(text + pays) == ["small: it never runs out", "small: it never has expired"]


def test_taxes_versions_and_contracts() -> None:
    text = """\
plan payg from 2026-01-01 before 2026-07-01:
  charge calls: at $1 per call

plan payg from 2026-07-01:
  charge calls: at $2 per call

contract acme extends payg from 2026-03-01:
  add cap $5

tax vat for payg:
  20% of total
  when account.country is known
"""
    found = missed(text + example("usage calls 1", "expect total $1.00"))
    assert ": no example is rated on payg from 2026-07-01" in found
    assert ": no example is rated on acme from 2026-03-01" in found
    assert found.count("vat: never applies") == 1  # of what is not used at all, nothing else is said
    taxed = missed(text + example('account country "GB"', "usage calls 1", "expect total $1.20"))
    assert "vat: “account.country is known” never fails" in taxed


def test_a_half_is_found_by_congruence() -> None:
    # 0.005 a call: one call is half a cent; 0.003: 3k ≡ 5 (mod 10), so k = 5; 0.002: 2k ≡ 5 (mod 10) never.
    cent, one = Fraction(1, 100), Fraction(1)
    for thousandths, wanted in ((5, 1), (3, 5), (2, None)):
        schedule = Schedule(Mode.GRADUATED, (Band(None, rate=thousandths),), 1, 1000)
        assert half_quantity(schedule, one, cent) == wanted


def test_a_half_behind_a_band() -> None:
    # 10 calls at 0.002 are 0.02; from there 0.005 a call: 11 calls are 0.025.
    bands = (Band(10, rate=2), Band(None, rate=5))
    assert half_quantity(Schedule(Mode.GRADUATED, bands, 1, 1000), Fraction(1), Fraction(1, 100)) == 11
    # In a volume ladder all 11 cost 0.005: 0.055.
    assert half_quantity(Schedule(Mode.VOLUME, bands, 1, 1000), Fraction(1), Fraction(1, 100)) == 11


def test_rounding_matters_where_a_line_is_half_way() -> None:
    plan = "plan payg from 2026-01-01:\n  charge calls: at $0.005 per call\n"
    said = "rounding: no line lies exactly between two amounts (rounded half even)"
    assert missed(plan + example("usage calls 2", "expect total $0.01")) == [said]
    assert missed(plan + example("usage calls 1", "expect total $0.00")) == []


def test_percent_is_rounded_down() -> None:
    assert percent(999, 1000) == 99
    assert percent(0, 0) == 100


BOUNDARY = LADDER + example("usage calls 50", "expect total $5.00") + example("usage calls 60", "expect total $6.00")


def test_an_example_that_touches_no_boundary() -> None:
    found = covered(BOUNDARY).findings
    assert [finding.code for finding in found] == ["RB5004", "RB5004"]
    assert found[1].here == "the nearest is 100 call of calls, 40 call away"
    assert found[1].hints[0] == "let calls come to 100 call, or to 101 call, the first above"


def test_no_word_of_an_example_that_shows_something_of_its_own() -> None:
    assert covered(LADDER + example("usage calls 50", "expect total $5.00")).findings == ()
    assert covered(LADDER + example("usage calls 100", "expect total $10.00")).findings == ()


def test_the_warning_can_be_allowed() -> None:
    assert covered(BOUNDARY + '\nallow RB5004 because "they are for show"\n').findings == ()


def test_usage_of_both_versions_of_a_plan_that_is_dated_by_usage() -> None:
    text = """\
plan payg from 2026-01-01 before 2026-03-15:
  charge calls: at $1 per call

plan payg from 2026-03-15:
  dated by usage
  charge calls: at $2 per call
"""
    before, after = "event 2026-03-14 10:00 use calls 1", "event 2026-03-15 10:00 use calls 1"
    assert missed(text + example(before, after, "expect total $3.00")) == []
    assert missed(text + example(before, "expect total $1.00")) == [
        ": no example is rated on payg from 2026-03-15",
    ]


def test_positions_on_a_shared_ladder() -> None:
    plan = """\
plan payg from 2026-01-01:
  charge calls by region graduated pooled in row order:
    | region | first 10    | above       |
    | us     | $1 per call | $2 per call |
    | eu     | $1 per call | $2 per call |
"""
    # us takes the ladder to 10, exactly the bound; eu goes on from there to 11.
    shared = example("usage calls 10, region us", "usage calls 1, region eu", "expect total $12.00")
    found = missed(plan + shared)
    assert "calls: just below and just above 10 call are never used for us" in found
    assert "calls: just below and exactly 10 call are never used for eu" in found

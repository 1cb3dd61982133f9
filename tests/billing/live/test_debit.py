"""One event charged as it happens: what it costs, who pays it, and what refuses it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ratebook.billing.live import debit, debit_all
from ratebook.billing.usage import find_usage
from ratebook.diagnostics import Diagnostic

from .conftest import SHOP, Till, called, stored


def test_the_price_is_taken_from_the_wallet_and_the_event_is_kept(till: Till) -> None:
    till.account(wallet=10_00)
    answer = till.debit(called("e1", 3))
    assert (answer["price"], answer["charged"], answer["currency"]) == (3_00, True, "CNY")
    assert answer["taken"] == [{"from": "wallet", "amount": 3_00}]
    line = {"name": "calls", "kind": "charge", "by": {}, "label": "Calls", "amount": 3_00}
    assert answer["lines"] == [line]
    assert till.wallet() == 7_00
    assert [item.id for item in till.store.read(lambda reader: list(find_usage(reader, account="ann")))] == ["e1"]
    till.check()


def test_the_same_event_gets_the_same_answer_for_ever(till: Till) -> None:
    till.account(wallet=10_00)
    first = till.debit(called("e1", 3))
    before = till.everything()
    again = till.debit(called("e1", "3.00") | {"time": "2026-03-02T01:00:00Z"}, "2026-03-20")
    assert {**again} == {**first}
    assert till.everything() == before
    assert till.refused(called("e1", 4)) == "RB3009"


def test_funds_that_are_insufficient_refuse_without_effect_and_stay_the_answer(till: Till) -> None:
    till.account(wallet=2_00)
    till.card("calling")
    assert till.refused(called("e1", 13)) == "RB7018"
    till.deposit("ann", 100_00)
    assert till.refused(called("e1", 13)) == "RB7018"
    assert till.refused(called("e1", 12)) == "RB3009"
    assert till.debit(called("e2", 13))["price"] == 13_00
    # It was used all the same: kept as usage, the bill charges it.
    assert till.add(called("e1", 13)).added == 1
    till.check()


def test_the_credit_limit_lets_the_wallet_go_below_zero(till: Till) -> None:
    till.account(wallet=1_00, limit=5_00)
    till.debit(called("e1", 6))
    assert till.wallet() == -5_00
    assert till.refused(called("e2", 1)) == "RB7018"


def test_cards_pay_first_soonest_to_expire_and_only_their_lines(till: Till) -> None:
    till.account(wallet=50_00)
    everything = till.card("all", bought="2026-01-15")
    calling = till.card("calling", bought="2026-02-01")
    answer = till.debit(called("e1", 4))
    assert answer["taken"] == [{"from": calling, "amount": 4_00}]
    answer = till.debit(stored("e2", 10))
    assert answer["taken"] == [{"from": everything, "amount": 5_00}]
    answer = till.debit(called("e3", 30))
    assert answer["taken"] == [
        {"from": calling, "amount": 6_00},
        {"from": everything, "amount": 15_00},
        {"from": "wallet", "amount": 9_00},
    ]
    assert (till.on_card(everything), till.on_card(calling), till.wallet()) == (0, 0, 41_00)
    till.check()


def test_a_card_for_named_lines_pays_them_after_their_discount(till: Till) -> None:
    till.account(wallet=50_00, tier="gold")
    calling = till.card("calling")
    answer = till.debit(called("e1", 10))
    assert answer["taken"] == [{"from": calling, "amount": 9_00}]
    assert [(line["name"], line["amount"]) for line in answer["lines"]] == [("calls", 10_00), ("gold", -1_00)]


def test_what_becomes_cheaper_goes_back_to_where_it_was_taken_from_latest_first(till: Till) -> None:
    till.account(plan="main", wallet=30_00)
    everything = till.card("all")
    till.debit(stored("e1", 20))
    assert till.on_card(everything) == 10_00
    till.debit(called("e2", 10))
    assert till.on_card(everything) == 0
    answer = till.debit(stored("e3", 1))
    # 21 files at 0.30 are 6.30, and 20 at 0.50 were 10.00.
    assert (answer["price"], answer["taken"]) == (-3_70, [{"from": everything, "amount": -3_70}])
    assert till.on_card(everything) == 3_70
    till.check()


def test_what_was_never_taken_is_not_given_back(till: Till) -> None:
    till.account(plan="main", wallet=30_00)
    till.add(stored("u1", 20))
    answer = till.debit(stored("e1", 1))
    assert (answer["price"], answer["taken"]) == (0, [])
    assert {(line["kind"], line["amount"]) for line in answer["lines"]} == {("charge", -3_70), ("withheld", 3_70)}
    till.bill()
    till.check()


def test_usage_that_was_added_in_between_is_counted_and_not_charged(till: Till) -> None:
    till.account(plan="main", wallet=50_00)
    till.debit(called("e1", 4))
    till.add(called("u1", 6), called("u2", 100, day="2026-04-02"))
    assert till.debit(called("e2", 1))["price"] == 80
    assert till.debit(called("u1", 6)) == {"id": "u1", "source": "", "account": "ann", "charged": False, "price": 0}
    assert till.refused(called("u1", 7)) == "RB3009"


def test_an_event_of_a_billed_period_is_refused_and_can_be_kept_as_late_usage(till: Till) -> None:
    till.account(wallet=50_00)
    till.debit(called("e1", 4))
    till.bill()
    assert till.refused(called("e2", 4)) == "RB7081"
    assert till.add(called("e2", 4)).late == 1
    till.debit(called("e3", 4, day="2026-04-02"), "2026-04-02")
    till.check()


def test_what_no_subscription_covers_and_what_is_no_event_is_refused(till: Till) -> None:
    till.account(wallet=50_00)
    assert till.refused(called("e1", day="2025-12-31")) == "RB7054"
    assert till.refused(called("e1", account="bob")) == "RB7054"
    quantity = {"id": "q", "account": "ann", "meter": "calls", "quantity": "3", "time": "2026-03-02T00:00:00Z"}
    assert till.refused(quantity) == "RB7080"
    assert till.refused(called("e1", "many")) == "RB3003"
    nameless = {name: value for name, value in called("").items() if name != "id"}
    assert till.refused(nameless) == "RB7048"


def test_new_prices_and_attributes_open_the_period_anew(till: Till) -> None:
    till.account(wallet=50_00)
    till.debit(called("e1", 4))
    till.publish(SHOP.replace('calls "Calls": at ¥1.00', 'calls "Calls": at ¥2.00'))
    assert till.debit(called("e2", 1))["price"] == 2_00
    till.bill()
    rows = till.rows("SELECT kind, amount FROM settlements ORDER BY id")
    assert rows == [("live", 6_00), ("wallet", 4_00)]
    till.check()


def test_a_group_refuses_one_by_one(till: Till) -> None:
    till.account(wallet=5_00)
    till.account("bob", wallet=2_00)
    events = [called("1", 3), called("2", 3), called("3", 2, account="bob"), called("4", 2), called("1", 3)]
    events += [called("5", 1), called("6", -1)]
    answers: list[Any] = debit_all(till.store, till.acting(), events)
    found = [item.code if isinstance(item, Diagnostic) else item["price"] for item in answers]
    assert found == [3_00, "RB7018", 2_00, 2_00, 3_00, "RB7018", -1_00]
    assert (till.wallet(), till.wallet("bob")) == (1_00, 0)
    till.check()


def test_several_at_once_never_take_more_than_there_is(till: Till) -> None:
    till.account(wallet=25_00)
    card = till.card("calling")

    def charge(number: int) -> int:
        answer = debit(till.store, till.acting(key=f"k{number}"), called(f"e{number // 2}", 3))
        if isinstance(answer, Diagnostic):
            assert answer.code == "RB7018"
            return 0
        return int(str(answer["price"]))

    with ThreadPoolExecutor(8) as pool:
        prices = list(pool.map(charge, range(40)))
    # Twenty events, each sent twice: eleven of them were affordable.
    assert sum(prices) == 2 * 33_00
    assert (till.on_card(card), till.wallet()) == (0, 2_00)
    till.check()
    till.bill()
    assert till.rows("SELECT kind, amount FROM settlements ORDER BY id") == [("live", 33_00)]
    till.check()


@pytest.mark.parametrize("forget", [False, True])
def test_counters_are_good_without_memory(till: Till, forget: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from ratebook.billing import live_period

    till.account(plan="main", wallet=90_00)
    prices = []
    for number in range(6):
        if forget:
            monkeypatch.setattr(live_period, "_MEMORIES", type(live_period._MEMORIES)())
        prices.append(till.debit(called(f"e{number}", 6))["price"])
    assert prices == [6_00, 4_00 + 1_60, 4_80, 4_80, 3_50, 4_56]

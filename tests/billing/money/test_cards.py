"""Prepaid cards: codes that stay secret, selling, redeeming with a limit, expiring once: on both databases."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ratebook
from ratebook.billing.card_batches import CardTerms, make_batch, new_codes, terms_of
from ratebook.billing.card_codes import ALPHABET, check_letter, hashed, new_code, read_code
from ratebook.billing.card_expiry import expire_cards
from ratebook.billing.card_sales import sell, void
from ratebook.billing.cards import CardState, find_card, list_cards
from ratebook.billing.keys import new_key, parse_key
from ratebook.billing.redeeming import redeem
from ratebook.diagnostics import Diagnostic
from ratebook.ledger.accounts import AccountKind
from ratebook.ledger.books import SUBSCRIPTIONS
from ratebook.ledger.requests import Posted, Request, Transfer
from ratebook.ledger.store import Store

from .conftest import Desk, code, done

KEY = b"a key of 16 byte"
TERMS = CardTerms("platform", "starter", 100_00, 95_00, "CNY", "Asia/Shanghai", valid_months=12)
SOLD = date(2026, 1, 15)
ROOT = Path(__file__).parents[3]


def batch(desk: Desk, name: str = "b", count: int = 3, terms: CardTerms = TERMS, key: bytes = KEY) -> list[str]:
    codes = new_codes(name, count)
    assert not isinstance(codes, Diagnostic)
    assert done(make_batch(desk.store, desk.acting(), name, terms, codes, key))["made"] is True
    return [own for _, own in codes]


def card(desk: Desk, serial: str) -> CardState:
    found = desk.store.read(lambda reader: find_card(reader, serial))
    assert isinstance(found, CardState)
    return found


def spend(desk: Desk, serial: str, amount: int) -> None:
    """Take something of a card as a bill does."""
    own = card(desk, serial)
    receivable = desk.customer(own.account).receivable.id
    assert own.ledger_account is not None
    leg = Transfer(own.ledger_account, receivable, amount, "CNY", "card")
    (outcome,) = desk.store.write(lambda transaction: transaction.post([Request(f"{desk.acting().key}", (leg,), 0)]))
    assert isinstance(outcome, Posted)


# Codes


def test_codes_have_95_bits_and_differ() -> None:
    codes = [new_code() for _ in range(200)]
    assert len(set(codes)) == 200
    assert all(len(own) == 23 and set(own) <= {*ALPHABET, "-"} for own in codes)
    assert len(ALPHABET) ** 19 >= 2**80


letters = st.text(st.sampled_from(ALPHABET), min_size=19, max_size=19)


@given(letters, st.integers(0, 19), st.sampled_from(ALPHABET))
def test_any_one_wrong_letter_is_a_slip(own: str, place: int, other: str) -> None:
    whole = own + check_letter(own)
    wrong = whole[:place] + other + whole[place + 1 :]
    assert isinstance(read_code(wrong), Diagnostic) is (wrong != whole)


@given(letters, st.integers(0, 19), st.integers(0, 19))
def test_any_two_letters_that_changed_places_are_a_slip(own: str, one: int, two: int) -> None:
    whole = list(own + check_letter(own))
    swapped = whole.copy()
    swapped[one], swapped[two] = whole[two], whole[one]
    assert isinstance(read_code("".join(swapped)), Diagnostic) is (swapped != whole)


def test_codes_are_read_as_people_type_them() -> None:
    own = "0011" + "A" * 15
    whole = own + check_letter(own)
    assert read_code(f" oOlI-{'a' * 15} {whole[-1].lower()}".replace("-", " - ")) == whole
    for wrong in ("", "AAAA", whole + "A", "Ü" * 20, "U" * 20):
        assert code(read_code(wrong)) == "RB7072"


def test_keys() -> None:
    text = new_key()
    key = parse_key(text, place="k")
    assert isinstance(key, bytes) and len(key) == 32
    assert hashed("A" * 20, key) != hashed("A" * 20, KEY)
    for wrong in ("", "short", "!" * 44):
        assert code(parse_key(wrong, place="k")) == "RB7070"


def test_no_code_and_no_key_is_in_the_database(make_store: Callable[[str], Store], tmp_path: Path) -> None:
    desk = Desk(make_store("sqlite"))
    desk.account()
    (first, second) = batch(desk, count=2)
    done(sell(desk.store, desk.acting(), ["b-000001"], day=SOLD))
    done(redeem(desk.store, desk.acting(), "a-1", first, KEY))
    assert code(redeem(desk.store, desk.acting(), "a-1", second, KEY)) == "RB7073"
    (path,) = tmp_path.glob("*.db")
    with closing(sqlite3.connect(path)) as raw:
        dump = "\n".join(raw.iterdump())
    for secret in (first, first.replace("-", ""), second, second.replace("-", ""), KEY.decode(), KEY.hex()):
        assert secret not in dump and secret.lower() not in dump.lower()


# Terms


def test_terms_are_those_of_the_ruleset() -> None:
    program = ratebook.load(next((ROOT / "rulesets" / "platform").glob("*.rates"))).program
    found = terms_of(program, "starter")
    assert isinstance(found, CardTerms)
    assert (found.worth, found.price, found.currency, found.valid_months) == (100_00, 95_00, "CNY", 12)
    assert found.end(date(2026, 1, 31)) == date(2027, 1, 31)
    assert code(terms_of(program, "golden")) == "RB7075"


@pytest.mark.parametrize(("name", "count"), [("", 1), ("a b", 1), ("b", 0), ("b", 100_001), ("-b", 1)])
def test_batches_that_cannot_be_made(name: str, count: int) -> None:
    assert code(new_codes(name, count)) == "RB7075"


def test_a_batch_is_made_once(desk: Desk) -> None:
    codes = new_codes("b", 2)
    others = new_codes("b", 2)
    assert not isinstance(codes, Diagnostic) and not isinstance(others, Diagnostic)
    assert done(make_batch(desk.store, desk.acting("k"), "b", TERMS, codes, KEY))["made"] is True
    assert done(make_batch(desk.store, desk.acting("k"), "b", TERMS, others, KEY))["made"] is False
    assert code(make_batch(desk.store, desk.acting(), "b", TERMS, others, KEY)) == "RB7075"
    assert len(desk.store.read(list_cards)) == 2


# Lives


def test_a_card_sold_to_an_account_can_pay_at_once(desk: Desk) -> None:
    desk.account()
    batch(desk)
    done(sell(desk.store, desk.acting(), ["b-000002"], account="a-1", day=SOLD))
    assert (card(desk, "b-000002").state, card(desk, "b-000002").left) == ("redeemed", 100_00)
    assert (-desk.platform(AccountKind.GATEWAY), -desk.platform(AccountKind.CARD_SALES)) == (95_00, 5_00)
    spend(desk, "b-000002", 30_00)
    assert card(desk, "b-000002").left == 70_00


def test_a_card_that_costs_more_than_it_is_worth(desk: Desk) -> None:
    desk.account()
    batch(desk, terms=CardTerms("platform", "gift", 100_00, 105_00, "CNY", "Asia/Shanghai"))
    done(sell(desk.store, desk.acting(), ["b-000001", "b-000002"], account="a-1", day=SOLD))
    assert (-desk.platform(AccountKind.GATEWAY), desk.platform(AccountKind.CARD_SALES)) == (210_00, 10_00)


def test_a_card_sold_to_somebody_is_redeemed_once(desk: Desk) -> None:
    desk.account()
    desk.account("a-2")
    first, second, _ = batch(desk)
    done(sell(desk.store, desk.acting(), ["b-000001"], day=SOLD))
    assert (card(desk, "b-000001").state, desk.platform(AccountKind.SOLD_CARDS)) == ("sold", 100_00)
    answer = done(redeem(desk.store, desk.acting("k"), "a-1", first.lower(), KEY))
    assert (answer["worth"], answer["valid_until"]) == (100_00, "2027-01-15")
    assert done(redeem(desk.store, desk.acting("k"), "a-1", first, KEY)) == answer
    assert (desk.platform(AccountKind.SOLD_CARDS), card(desk, "b-000001").left) == (0, 100_00)
    used = redeem(desk.store, desk.acting(), "a-2", first, KEY)
    unsold = redeem(desk.store, desk.acting(), "a-2", second, KEY)
    unknown = redeem(desk.store, desk.acting(), "a-2", new_code(), KEY)
    assert code(used) == "RB7073" and used == unsold == unknown
    assert code(redeem(desk.store, desk.acting(), "a-9", second, KEY)) == "RB7006"
    desk.check()


def test_five_wrong_codes_in_an_hour_are_all(desk: Desk) -> None:
    desk.account()
    desk.account("a-2")
    first, second, _ = batch(desk)
    done(sell(desk.store, desk.acting(), ["b-000001", "b-000002"], day=SOLD))
    done(redeem(desk.store, desk.acting("good"), "a-1", second, KEY))
    begun = desk.now
    for _ in range(5):
        assert code(redeem(desk.store, desk.acting(), "a-1", new_code(), KEY)) == "RB7073"
    assert code(redeem(desk.store, desk.acting(), "a-1", first, KEY)) == "RB7074"
    assert done(redeem(desk.store, desk.acting("good"), "a-1", second, KEY))["serial"] == "b-000002"
    later = desk.acting(now=begun + timedelta(hours=1, seconds=10))
    assert done(redeem(desk.store, later, "a-1", first, KEY))["serial"] == "b-000001"


def test_a_slip_is_no_try_and_a_wrong_key_is_said(desk: Desk) -> None:
    desk.account()
    first, *_ = batch(desk)
    for _ in range(9):
        assert code(redeem(desk.store, desk.acting(), "a-1", "not a code", KEY)) == "RB7072"
    assert code(redeem(desk.store, desk.acting(), "a-1", first, b"another key altogether")) == "RB7070"
    assert desk.store.read(lambda reader: reader.rows("SELECT * FROM redeem_attempts")) == []


def test_what_cannot_be_sold(desk: Desk) -> None:
    desk.account("euro", currency="EUR")
    desk.account()
    batch(desk)
    assert code(sell(desk.store, desk.acting(), ["b-000009"], day=SOLD)) == "RB7071"
    assert code(sell(desk.store, desk.acting(), ["b-000001"], account="a-9", day=SOLD)) == "RB7006"
    assert code(sell(desk.store, desk.acting(), ["b-000001", "b-000002"], account="euro", day=SOLD)) == "RB7007"
    done(sell(desk.store, desk.acting(), ["b-000002"], day=SOLD))
    assert code(sell(desk.store, desk.acting(), ["b-000001", "b-000002"], account="a-1", day=SOLD)) == "RB7076"
    assert card(desk, "b-000001").state == "made"
    desk.check()


def test_voiding(desk: Desk) -> None:
    desk.account()
    first, second, _ = batch(desk)
    done(void(desk.store, desk.acting(), "b-000003"))
    assert code(sell(desk.store, desk.acting(), ["b-000003"], day=SOLD)) == "RB7076"
    done(sell(desk.store, desk.acting(), ["b-000001", "b-000002"], day=SOLD))
    done(redeem(desk.store, desk.acting(), "a-1", first, KEY))
    done(void(desk.store, desk.acting(), "b-000001"))
    done(void(desk.store, desk.acting(), "b-000002"))
    assert code(void(desk.store, desk.acting(), "b-000002")) == "RB7076"
    for kind in (AccountKind.GATEWAY, AccountKind.CARD_SALES, AccountKind.SOLD_CARDS):
        assert desk.platform(kind) == 0
    assert code(redeem(desk.store, desk.acting(), "a-1", second, KEY)) == "RB7073"
    desk.check()


def test_a_used_card_cannot_be_voided(desk: Desk) -> None:
    desk.account()
    batch(desk)
    done(sell(desk.store, desk.acting(), ["b-000001"], account="a-1", day=SOLD))
    spend(desk, "b-000001", 1)
    assert code(void(desk.store, desk.acting(), "b-000001")) == "RB7076"


# Expiry


def expired(desk: Desk, day: str, *, unbilled_too: bool = False) -> dict[str, int]:
    answer = done(expire_cards(desk.store, desk.acting(), date.fromisoformat(day), unbilled_too=unbilled_too))
    return {item["serial"]: item["amount"] for item in json.loads(json.dumps(answer["expired"]))}


def test_what_is_left_expires_exactly_once(desk: Desk) -> None:
    desk.account()
    _, second, _ = batch(desk)
    done(sell(desk.store, desk.acting(), ["b-000001"], account="a-1", day=SOLD))
    done(sell(desk.store, desk.acting(), ["b-000002"], day=SOLD))
    spend(desk, "b-000001", 30_00)
    assert expired(desk, "2027-01-14") == {}
    assert expired(desk, "2027-01-15") == {"b-000001": 70_00, "b-000002": 100_00}
    assert expired(desk, "2027-01-16") == {}
    assert desk.platform(AccountKind.BREAKAGE) == 170_00
    assert (card(desk, "b-000001").state, card(desk, "b-000001").left) == ("expired", 0)
    assert code(redeem(desk.store, desk.acting(), "a-1", second, KEY)) == "RB7073"
    assert code(void(desk.store, desk.acting(), "b-000001")) == "RB7076"


def test_an_expired_card_that_nobody_redeemed_cannot_be_even_before_its_expiry_is_entered(desk: Desk) -> None:
    desk.account()
    first, *_ = batch(desk)
    done(sell(desk.store, desk.acting(), ["b-000001"], day=date(2025, 3, 1)))
    assert code(redeem(desk.store, desk.acting(), "a-1", first, KEY)) == "RB7073"
    assert card(desk, "b-000001").state == "sold"


def test_a_card_waits_for_the_bill_that_it_may_pay(desk: Desk) -> None:
    desk.account()
    batch(desk)
    row = (1, "a-1", "platform", "payg", "2026-01-01", "", "{}")
    desk.store.write(lambda transaction: transaction.append(SUBSCRIPTIONS, [row]))
    done(sell(desk.store, desk.acting(), ["b-000001"], account="a-1", day=date(2025, 4, 1)))
    assert expired(desk, "2026-04-01") == {}
    desk.invoice()  # of March
    assert expired(desk, "2026-04-01") == {"b-000001": 100_00}
    done(sell(desk.store, desk.acting(), ["b-000002"], account="a-1", day=date(2025, 4, 20)))
    assert expired(desk, "2026-04-21") == {}
    assert expired(desk, "2026-04-21", unbilled_too=True) == {"b-000002": 100_00}
    desk.check()

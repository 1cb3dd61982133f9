"""Usage authorized before it happens: what is affordable, what is put aside, and how it ends."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ratebook.billing.affording import can_afford
from ratebook.billing.authorizations import list_authorizations
from ratebook.billing.authorizing import authorize, cancel, expire_authorizations, settle
from ratebook.billing.live import debit
from ratebook.diagnostics import Diagnostic

from .conftest import Till, called, done, stored

LATER = datetime(2026, 3, 12, tzinfo=UTC)


def template(name: str = "a1", region: str = "us") -> dict[str, object]:
    return {field: value for field, value in called(name, 1, region).items() if field != "calls"}


def authorized(till: Till, units: int | None, name: str = "a1") -> dict[str, object]:
    wanted = None if units is None else Decimal(units)
    return {**done(authorize(till.store, till.acting(), template(name), "calls", units=wanted, expires=LATER))}


def code(answer: object) -> str:
    assert isinstance(answer, Diagnostic), answer
    return answer.code


def held(till: Till) -> int:
    ((amount,),) = till.rows("SELECT CAST(sum(held) AS BIGINT) FROM balances")
    return int(str(amount))


def test_how_much_is_affordable_follows_the_bands(till: Till) -> None:
    till.account(plan="main", wallet=18_00)
    answer = done(can_afford(till.store, template(), "calls"))
    # Ten at 1.00 and ten at 0.80.
    assert answer["units"] == "20"
    till.debit(called("e1", 10))
    assert done(can_afford(till.store, template(), "calls"))["units"] == "10"
    assert done(can_afford(till.store, template(region="eu"), "calls"))["units"] == "6"


def test_a_card_for_other_lines_affords_nothing(till: Till) -> None:
    till.account(wallet=3_00)
    till.card("calling")
    assert done(can_afford(till.store, template(), "calls"))["units"] == "13"
    files = {field: value for field, value in stored("f").items() if field != "files"}
    assert int(str(done(can_afford(till.store, files, "files"))["units"])) <= 6
    assert authorized(till, 100)["units"] == "13"


def test_what_was_authorized_is_settled_with_the_true_quantity(till: Till) -> None:
    till.account(wallet=10_00)
    card = till.card("calling")
    answer = authorized(till, 12)
    assert (answer["units"], answer["held"]) == ("12", 12_00)
    assert held(till) == 12_00
    assert till.refused(called("e1", 9)) == "RB7018"
    settled = done(settle(till.store, till.acting(), int(str(answer["authorization"])), Decimal(5)))
    assert (settled["price"], settled["taken"]) == (5_00, [{"from": card, "amount": 5_00}])
    assert (held(till), till.on_card(card), till.wallet()) == (0, 5_00, 10_00)
    till.check()
    (found,) = till.store.read(list_authorizations)
    assert found.state == "settled"
    assert code(settle(till.store, till.acting(), found.id, Decimal(5))) == "RB7083"
    till.bill()
    till.check()


def test_more_than_was_held_is_taken_from_what_is_there_or_refused(till: Till) -> None:
    till.account(wallet=10_00)
    number = int(str(authorized(till, 4)["authorization"]))
    before = till.everything()
    assert code(settle(till.store, till.acting(), number, Decimal(11))) == "RB7018"
    assert till.everything() == before
    answer = done(settle(till.store, till.acting(), number, Decimal(9)))
    assert answer["taken"] == [{"from": "wallet", "amount": 4_00}, {"from": "wallet", "amount": 5_00}]
    assert (held(till), till.wallet()) == (0, 1_00)
    till.check()
    # The usage was kept under its id: it is not charged again.
    again = done(debit(till.store, till.acting(), called("a1", 9)))
    assert again["charged"] is False


def test_as_much_as_is_affordable_is_authorized(till: Till) -> None:
    till.account(wallet=7_50)
    answer = authorized(till, None)
    assert (answer["units"], answer["affordable"], answer["held"]) == ("7", "7", 7_00)
    second = authorize(till.store, till.acting(), template("a2"), "calls", units=Decimal(3), expires=LATER)
    assert code(second) == "RB7018"


def test_cancelling_and_expiring_free_what_was_put_aside(till: Till) -> None:
    till.account(wallet=10_00)
    first, second = authorized(till, 4), authorized(till, 5, "a2")
    assert held(till) == 9_00
    done(cancel(till.store, till.acting(), int(str(first["authorization"]))))
    assert held(till) == 5_00
    assert done(expire_authorizations(till.store, till.acting("2026-03-11")))["expired"] == []
    number = int(str(second["authorization"]))
    assert code(settle(till.store, till.acting("2026-03-13"), number, Decimal(5))) == "RB7083"
    assert done(expire_authorizations(till.store, till.acting("2026-03-13")))["expired"] == [number]
    assert (held(till), till.wallet()) == (0, 10_00)
    assert code(cancel(till.store, till.acting(), number)) == "RB7083"
    assert [item.state for item in till.store.read(list_authorizations)] == ["cancelled", "expired"]
    till.check()


def test_the_same_wish_is_granted_once(till: Till) -> None:
    till.account(wallet=10_00)
    wish = till.acting(key="one")
    first = done(authorize(till.store, wish, template(), "calls", units=Decimal(4), expires=LATER))
    again = done(authorize(till.store, wish, template(), "calls", units=Decimal(4), expires=LATER))
    assert ({**first} == {**again}, held(till)) == (True, 4_00)


@pytest.mark.parametrize(
    ("field", "units", "expires", "expected"),
    [
        ("region", Decimal(1), LATER, "RB7084"),
        ("calls", Decimal(0), LATER, "RB7084"),
        ("calls", Decimal("NaN"), LATER, "RB7084"),
        ("calls", Decimal(1), datetime(2026, 3, 1, tzinfo=UTC), "RB7084"),
    ],
)
def test_what_cannot_be_authorized_is_refused(
    till: Till, field: str, units: Decimal, expires: datetime, expected: str
) -> None:
    till.account(wallet=10_00)
    event = called("a1", 1) if field == "region" else template()
    assert code(authorize(till.store, till.acting(), event, field, units=units, expires=expires)) in (
        expected,
        "RB3005",
    )


def test_an_unknown_authorization_is_refused(till: Till) -> None:
    assert code(settle(till.store, till.acting(), 99, Decimal(1))) == "RB7082"
    assert code(cancel(till.store, till.acting(), 99)) == "RB7082"

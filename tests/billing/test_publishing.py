"""Bringing a ruleset into force: every reason against it at once, and none of them remembered."""

from __future__ import annotations

from typing import Any

from ratebook.billing.acting import Acting, Json
from ratebook.billing.rulesets import publish
from ratebook.diagnostics import Diagnostic, Source
from ratebook.engine.compiler.compile import compile_ruleset

from .test_subscriptions import GYM


def published(books: Any, text: str, acting: Acting | None = None) -> Json | tuple[Diagnostic, ...]:
    return publish(books.store, acting or books.acting(), compile_ruleset(Source("own.rates", text)))


def codes(answer: Json | tuple[Diagnostic, ...]) -> list[str]:
    assert isinstance(answer, tuple), answer
    return [item.code for item in answer]


def test_every_reason_is_given_at_once(books: Any) -> None:
    books.publish(GYM)
    books.subscribe("ann", "gym", "small", "2026-01-01")
    books.subscribe("bob", "gym", "large", "2026-01-01")
    books.subscribe("cleo", "gym", "own", "2026-01-01")
    books.bill("gym", "2026-01", "2026-02-01")
    # Two closed prices are others, and a plan with an account is gone.
    other = GYM.replace("€31.00", "€32.00").replace("€62.00", "€63.00")
    begin = other.index("plan own")
    other = other[:begin] + other[other.index("discount young") :]
    answer = published(books, other)
    assert isinstance(answer, tuple)
    assert codes(answer).count("RB2702") >= 2 and codes(answer)[-1] == "RB7050", answer
    assert len(books.rows("SELECT 1 FROM rulesets")) == 1


def test_a_plan_that_accounts_have_stays_also_before_the_first_bill(books: Any) -> None:
    books.publish(GYM)
    books.subscribe("ann", "gym", "small", "2026-01-01")
    books.subscribe("bob", "gym", "large", "2026-01-01")
    answer = published(books, GYM.replace("plan small", "plan little").replace("plan large", "plan grand"))
    assert codes(answer) == ["RB7050", "RB7050"]
    assert isinstance(answer, tuple) and ["small" in answer[1].message, "large" in answer[0].message] == [True, True]


def test_mistakes_in_the_text_are_all_given(books: Any) -> None:
    broken = GYM.replace("€31.00 per month", "€31.00 per moth").replace(
        "account.kind is student", "account.kind is pupil"
    )
    assert len(codes(published(books, broken))) >= 2


def test_a_refusal_is_not_remembered_and_an_answer_is(books: Any) -> None:
    books.publish(GYM)
    books.subscribe("ann", "gym", "small", "2026-01-01")
    wish = books.acting("2026-01-02", "the wish")
    gone = GYM.replace("plan small", "plan little")
    assert codes(published(books, gone, wish)) == ["RB7050"]
    dearer = GYM.replace("€62.00", "€63.00")
    first = published(books, dearer, wish)
    assert not isinstance(first, tuple) and first["published"] is True
    books.publish(GYM)
    assert published(books, dearer, wish) == first
    assert codes(published(books, GYM, wish)) == ["RB7001"]

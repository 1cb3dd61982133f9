"""Why rules applied or did not, in the words of explanations and in Chinese."""

from __future__ import annotations

from fractions import Fraction

import pytest

from ratebook.engine.condition import (
    And,
    Attribute,
    Compare,
    Comparison,
    Condition,
    Known,
    Literal,
    Missing,
    OneOf,
    Or,
    Scalar,
    StartsIn,
    UsageOf,
)
from ratebook.engine.evaluators.reasons import met, why_not
from ratebook.invoice.phrases import translated


class _Facts:
    """Tier gold, 12,345 requests, no country, July."""

    def attribute(self, name: str) -> Scalar | None:
        return {"tier": "gold"}.get(name)

    def field(self, name: str) -> Scalar | None:
        raise Missing(name)

    def usage(self, meter: str) -> Fraction:
        return Fraction(12345)

    def amount(self, line: str) -> Fraction:
        return Fraction(0)

    def month(self) -> int:
        return 7

    def starts_in(self, window: str) -> bool:
        return window == "summer"


GOLD = Compare(Attribute("tier"), Comparison.IS, Literal("gold", "gold"), "account.tier is gold")
MANY = Compare(
    UsageOf("requests"), Comparison.GREATER_OR_EQUAL, Literal(Fraction(10000), "10,000"), "usage of requests >= 10,000"
)
FEW = Compare(UsageOf("requests"), Comparison.LESS, Literal(Fraction(10000), "10,000"), "usage of requests < 10,000")
METALS = OneOf(Attribute("tier"), (Literal("gold", "gold"),), False, "account.tier is one of gold")


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (GOLD, ("account.tier is gold",)),
        (MANY, ("usage of requests >= 10,000 (it is 12,345)",)),
        (METALS, ("account.tier is one of gold (it is gold)",)),
        (And((GOLD, MANY)), ("account.tier is gold", "usage of requests >= 10,000 (it is 12,345)")),
        (Or((FEW, MANY)), ("usage of requests >= 10,000 (it is 12,345)",)),
        (Known(Attribute("country"), True, "account.country is not known"), ("account.country is not known",)),
        (StartsIn("summer", "period starts in summer"), ("period starts in summer",)),
    ],
)
def test_what_held_is_said_with_its_value(condition: Condition, said: tuple[str, ...]) -> None:
    assert why_not((condition,), _Facts()) is None
    assert met((condition,), _Facts()) == said


def test_reasons_are_said_in_chinese() -> None:
    reason = why_not((FEW,), _Facts())
    assert reason == "it needs usage of requests < 10,000, and it is 12,345 (2,345 too many)"
    assert translated(reason, "zh") == "需要 usage of requests < 10,000，实际为 12,345（多出 2,345）"
    assert translated("above 655.56 GB of egress the minimum no longer adds anything", "zh") == (
        "egress 超过 655.56 GB 后不再补足最低消费"
    )
    assert translated("above 10 GB", "zh") == "超过 10 GB 的部分"

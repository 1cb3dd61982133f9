"""What tests of the engine share: the laws that every statement keeps, whatever its ruleset."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ratebook.engine.derivation import replay, steps
from ratebook.engine.statement import LineKind, Statement


@pytest.fixture(scope="session")
def assert_sound() -> Callable[[Statement], None]:
    """`assert_sound(statement)`: it adds up, replays, and takes nothing that is not there."""
    return _assert_sound


def _assert_sound(statement: Statement) -> None:
    assert statement.total == sum(line.amount for line in statement.lines if line.is_added)
    prepaid = sum(line.amount for line in statement.lines if line.kind is LineKind.PREPAID)
    assert statement.due == statement.total + prepaid
    for line in statement.lines:
        assert replay(line.derivation) == line.derivation.value == statement.money.fraction(line.amount), line.id
        assert all(replay(step) == step.value for step in steps(line.derivation)), line.id
        if line.quantity_derivation is not None:
            assert replay(line.quantity_derivation) == line.quantity_derivation.value, line.id
        if line.taken:
            assert sum(amount for _, amount in line.taken) == line.amount, line.id
    _assert_nothing_falls_below_zero(statement)


def _assert_nothing_falls_below_zero(statement: Statement) -> None:
    """Discounts and offers take only from lines above zero, and no more than they have left."""
    left = [line.amount for line in statement.lines]
    for line in statement.lines:
        if line.kind not in (LineKind.DISCOUNT, LineKind.OFFER):
            continue
        assert line.amount < 0, line.id
        for index, amount in line.taken:
            left[index] += amount
            assert amount < 0 <= left[index], line.id

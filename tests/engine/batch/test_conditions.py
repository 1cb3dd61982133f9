"""Conditions over events as SQL: the truth of `holds` row by row, also where fields are absent."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from ratebook.engine.batch.columns import columns_of
from ratebook.engine.batch.conditions import event_condition_sql, undecided_sql
from ratebook.engine.condition import (
    And,
    Compare,
    Comparison,
    Condition,
    EventFacts,
    FieldOf,
    Known,
    Literal,
    Missing,
    Not,
    OneOf,
    Or,
    Scalar,
    holds,
)
from ratebook.engine.usage import EventSchema, FieldKind, FieldSchema, Value
from ratebook.intake.parquet import connect

EVENT = EventSchema(
    "used",
    (
        FieldSchema("size", FieldKind.NUMBER),
        FieldSchema("extra", FieldKind.NUMBER, required=False),
        FieldSchema("word", FieldKind.TEXT, required=False),
        FieldSchema("kind", FieldKind.ONE_OF, ("a", "b", "it's")),
        FieldSchema("day", FieldKind.DATE, required=False),
        FieldSchema("ok", FieldKind.YES_NO, required=False),
    ),
)
DIGITS = {"size": (4, 2), "extra": (30, 8)}
TYPES = {
    "size": "DECIMAL(6,2)",
    "extra": "DECIMAL(38,8)",
    "word": "VARCHAR",
    "kind": "ENUM('a', 'b', 'it''s')",
    "day": "DATE",
    "ok": "BOOLEAN",
}
ORDERED = st.sampled_from(Comparison)
EQUAL = st.sampled_from([Comparison.IS, Comparison.IS_NOT])
numbers = st.sampled_from(
    [Fraction(n, d) for n, d in ((0, 1), (1, 3), (-1, 3), (5, 2), (1, 200), (333, 100), (10**6, 1), (-(10**40), 1))]
)
words = st.sampled_from(["", "a", "b", "it's", "ü", "null"])
days = st.dates(date(2026, 1, 1), date(2026, 1, 4))


def _literal(value: Scalar) -> Literal:
    return Literal(value, str(value))


def _of(
    field: str, comparisons: st.SearchStrategy[Comparison], values: st.SearchStrategy[Scalar]
) -> st.SearchStrategy[Condition]:
    literals = values.map(_literal)
    operand = st.just(FieldOf(field))
    return st.one_of(
        st.builds(Compare, operand, comparisons, literals),
        st.builds(OneOf, operand, st.lists(literals, min_size=1, max_size=3).map(tuple), st.booleans()),
        st.builds(Known, operand, st.booleans()),
    )


leaves = st.one_of(
    _of("size", ORDERED, numbers),
    _of("extra", ORDERED, numbers),
    _of("word", EQUAL, words),
    _of("kind", EQUAL, words),
    _of("day", ORDERED, days),
    _of("ok", EQUAL, st.booleans()),
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    leaves,
    lambda parts: st.one_of(
        st.lists(parts, min_size=1, max_size=3).map(lambda found: And(tuple(found))),
        st.lists(parts, min_size=1, max_size=3).map(lambda found: Or(tuple(found))),
        st.builds(Not, parts),
    ),
    max_leaves=6,
)
sizes = st.sampled_from(["0", "0.33", "0.34", "-0.33", "-0.34", "2.5", "3.33", "9999.99", "-9999.99"]).map(Decimal)
extras = st.none() | st.sampled_from(["0", "0.33333333", "0.33333334", "0.005", "1000000", "-5"]).map(Decimal)
rows = st.fixed_dictionaries(
    {
        "size": sizes,
        "extra": extras,
        "word": st.none() | words,
        "kind": st.sampled_from(["a", "b", "it's"]),
        "day": st.none() | days,
        "ok": st.none() | st.booleans(),
    }
)


def _sql(value: Value | None, type_: str) -> str:
    text = "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"
    return f"{text}::{type_}"


@given(conditions, st.lists(rows, min_size=1, max_size=8))
def test_a_condition_is_true_where_it_holds_and_undecided_where_a_field_is_missing(
    condition: Condition, events: list[dict[str, Value | None]]
) -> None:
    fields = columns_of(EVENT, "t", DIGITS).fields
    held = event_condition_sql(condition, fields)
    undecided = undecided_sql(condition, fields) or "FALSE"
    values = ", ".join(
        "(" + ", ".join([str(number), *(_sql(event[name], type_) for name, type_ in TYPES.items())]) + ")"
        for number, event in enumerate(events)
    )
    names = ", ".join(f'"f_{name}"' for name in TYPES)
    connection = connect()
    try:
        found = connection.execute(
            f"SELECT {held}, {undecided} FROM (VALUES {values}) AS t(n, {names}) ORDER BY n"
        ).fetchall()
    finally:
        connection.close()
    expected = []
    for event in events:
        try:
            facts = EventFacts({name: value for name, value in event.items() if value is not None})
            expected.append((holds(condition, facts), False))
        except Missing:
            expected.append((False, True))
    assert found == expected

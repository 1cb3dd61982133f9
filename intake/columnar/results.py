"""Statements as the tables that are written: those of queries, and those of the scalar evaluator at their places."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...diagnostics import Diagnostic
from ...engine.batch.family import Member
from ...engine.batch.ledger import Info
from ...engine.statement import Statement
from .pricing import Priced
from .scalar_road import Answered
from .statement_tables import (
    LineInfo,
    Span,
    create_statement_tables,
    insert_line_infos,
    insert_periods,
    insert_statements,
)
from .tables import insert

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Results:
    """What stands in the tables of statements: the sum of all totals in money units, and how many accounts have some."""

    total: int
    accounts: int
    refusals: tuple[Diagnostic, ...]


def fill(
    connection: duckdb.DuckDBPyConnection, members: tuple[Member, ...], priced: Priced, answered: Iterable[Answered]
) -> Results:
    """Fill the tables that `statement_tables` describes."""
    create_statement_tables(connection)
    _insert_heads(connection, members)
    insert_line_infos(connection, map(_info, priced.infos), 0)
    chosen: set[int] = {row[0] for row in connection.execute("SELECT sid FROM scalar_statement").fetchall()}
    others = " WHERE sid NOT IN (SELECT sid FROM scalar_statement)" if chosen else ""
    if priced.lines is not None:
        columns = 'sid, ord, info, amount, quantity, exact, "by", applied_to, NULL'
        connection.execute(f"INSERT INTO line SELECT {columns} FROM ({priced.lines}){others}")
    if priced.totals is not None:
        connection.execute(f"INSERT INTO statement_total SELECT sid, total, due FROM ({priced.totals}){others}")
    refusals: list[Diagnostic] = []
    statements: list[Statement] = []
    sids: list[int] = []
    for answer in answered:
        own = [result for result in answer.results if isinstance(result, Statement)]
        refusals.extend(result for result in answer.results if isinstance(result, Diagnostic))
        if len(own) == len(answer.sids):
            for sid, statement in zip(answer.sids, own, strict=True):
                if sid in chosen:
                    statements.append(statement)
                    sids.append(sid)
    insert_statements(connection, statements, sids)
    found = connection.execute(
        "SELECT coalesce(sum(total), 0)::VARCHAR, (SELECT count(DISTINCT account) FROM statement_head) FROM statement_total"
    ).fetchone()
    total, accounts = found if found is not None else ("0", 0)
    return Results(int(total), accounts, tuple(refusals))


def _info(info: Info) -> LineInfo:
    return LineInfo(info.id, info.kind, info.label, info.unit, info.because, str(info.place), info.by)


def _insert_heads(connection: duckdb.DuckDBPyConnection, members: tuple[Member, ...]) -> None:
    """The heads of the statements that queries price: plan and billing period."""
    periods: dict[Span, int] = {}
    rows: list[list[object]] = []
    for member in members:
        situation = member.situation
        whole = situation.days.period(situation.zone)
        span = whole.start.astimezone(situation.zone), whole.end.astimezone(situation.zone)
        period = periods.setdefault(span, len(periods))
        rows.append([member.number, situation.plan.name, period])
    insert(connection, "member_head", {"member": "INTEGER", "plan": "VARCHAR", "period": "INTEGER"}, rows)
    insert_periods(connection, {number: (span, None) for span, number in periods.items()})
    connection.execute(
        "INSERT INTO statement_head SELECT sid, account, plan, period FROM statement JOIN member_head USING (member) "
        "WHERE sid NOT IN (SELECT sid FROM scalar_statement)"
    )

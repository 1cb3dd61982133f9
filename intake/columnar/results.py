"""Statements as the tables that are written: those of queries, and those of the scalar evaluator at their places."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from ...diagnostics import Diagnostic
from ...engine.batch.family import Member
from ...engine.batch.ledger import Info
from ...engine.statement import LineKind, Statement
from ...records import Record
from ..statement_json import kind_text
from .cells import name
from .pricing import Priced
from .scalar_road import Answered
from .staged_lines import order_kept
from .statement_tables import (
    LineInfo,
    Span,
    create_statement_tables,
    insert_line_infos,
    insert_periods,
    insert_statements,
)
from .statements import Statements
from .tables import insert

if TYPE_CHECKING:
    import duckdb


_HEADS: Final = "SELECT sid, account, plan, period FROM statement JOIN member_head USING (member)"
_PAID: Final = f"kind = '{kind_text(LineKind.PREPAID)}'"
_ADDED: Final = f"FROM line JOIN line_info USING (info) WHERE NOT included AND NOT {_PAID}"
"""The lines that are part of totals."""
_TOTALS: Final = (
    "SELECT sid, coalesce(total, 0)::HUGEINT AS total, coalesce(due, 0)::HUGEINT AS due FROM statement LEFT JOIN "
    f"(SELECT sid, sum(amount) FILTER (WHERE NOT {_PAID}) AS total, sum(amount) AS due FROM line "
    "JOIN line_info USING (info) WHERE NOT included GROUP BY sid) USING (sid)"
)


class Results(Record):
    """What stands in the tables of statements: the sum of totals in money units, and how many accounts have any."""

    total: int
    accounts: int
    refusals: tuple[Diagnostic, ...]


def fill(
    connection: duckdb.DuckDBPyConnection, rated: Statements, priced: Priced, answered: Iterable[Answered]
) -> Results:
    """Fill the tables that `statement_tables` describes.

    Where queries price everything, `line` has their columns only, and `statement_head` and `statement_total` are views,
    for few outputs ask for them.
    """
    create_statement_tables(connection)
    _describe_members(connection, rated.members)
    insert_line_infos(connection, map(_info, priced.infos), 0)
    chosen: set[int] = {row[0] for row in connection.execute("SELECT sid FROM scalar_statement").fetchall()}
    if not chosen and priced.lines is not None and priced.totals is not None and "member" in priced.columns:
        accounts = rated.accounts
        with order_kept(connection):
            connection.execute(f"CREATE OR REPLACE TEMP TABLE line AS {priced.lines}")
        for view, query in {"statement_head": _HEADS, "statement_total": _TOTALS}.items():
            connection.execute(f"DROP TABLE {view}")
            connection.execute(f"CREATE TEMP VIEW {view} AS {query}")
    else:
        accounts = None
        others = " WHERE sid NOT IN (SELECT sid FROM scalar_statement)" if chosen else ""
        connection.execute(f"INSERT INTO statement_head {_HEADS}{others}")
        _insert_rows(connection, priced, others)
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
    if statements:
        insert_statements(connection, statements, sids)
    total = connection.execute(f"SELECT coalesce(sum(amount), 0)::VARCHAR {_ADDED}").fetchone() or ("0",)
    if accounts is None:
        counted = connection.execute("SELECT count(DISTINCT account) FROM statement_head").fetchone() or (0,)
        accounts = int(counted[0])
    return Results(int(total[0]), accounts, tuple(refusals))


def _insert_rows(connection: duckdb.DuckDBPyConnection, priced: Priced, others: str) -> None:
    """Put what queries priced into the tables, beside what comes from elsewhere."""
    if priced.lines is not None:
        optional = [name(each) if each in priced.columns else "NULL" for each in ("exact", "by", "applied_to")]
        columns = f"sid, ord, info, amount, quantity, {', '.join(optional)}, NULL"
        connection.execute(f"INSERT INTO line SELECT {columns} FROM ({priced.lines}){others}")
    if priced.totals is not None:
        connection.execute(f"INSERT INTO statement_total SELECT sid, total, due FROM ({priced.totals}){others}")


def _info(info: Info) -> LineInfo:
    return LineInfo(info.id, info.kind, info.label, info.unit, info.because, str(info.place), info.by, info.on)


def _describe_members(connection: duckdb.DuckDBPyConnection, members: tuple[Member, ...]) -> None:
    """Make `member_head`: plan and billing period of the statements of each member."""
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

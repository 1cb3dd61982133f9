"""What a run says of its rows besides statements: odd ones, accounts that nobody knows, and rows outside the period."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ...engine.period import DateRange, local_midnight
from ...records import Record
from .tables import insert

if TYPE_CHECKING:
    import duckdb


class Checked(Record):
    """`rows` is how many a relation has, `odd` how many of them are not plain. The table `unknown_key` holds the values
    of its accounts that no accounts file names; `unknown` counts them."""

    rows: int
    odd: int
    unknown: int


def check_rows(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    *,
    rows: int | None,
    matched: int,
    common: tuple[int, int] | None,
    looks_for_odd: bool,
) -> Checked:
    """Check every row of a relation after a scan, which has seen `matched` of them.

    Where all statements cover one period, only what lies outside of it has to be read: with footers that say so,
    nothing.
    """
    counted = ", count(*) FILTER (WHERE NOT plain) AS odd" if looks_for_odd else ", 0 AS odd"
    seen = "used"
    if common is None:
        seen = "seen_account"
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE seen_account AS SELECT account, count(*) AS n{counted} FROM "
            f"{relation} GROUP BY account"
        )
    elif rows is None or matched < rows:
        seen = "seen_account"
        low, high = (f"make_timestamptz({edge})" for edge in common)
        only = " AND plain" if looks_for_odd else ""
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE seen_account AS SELECT account, n, odd FROM used UNION ALL "
            f"SELECT account, count(*), 0 FROM {relation} WHERE NOT (time >= {low} AND time < {high})"
            f"{only} GROUP BY account"
        )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE unknown_key AS SELECT DISTINCT account FROM {seen} s WHERE "
        "account IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM statement WHERE account_key = s.account)"
    )
    query = f"SELECT coalesce(sum(n), 0), coalesce(sum(odd), 0), (SELECT count(*) FROM unknown_key) FROM {seen}"
    found = connection.execute(query).fetchone()
    if found is not None and found[2]:
        # Few accounts have usage and no statement: only theirs are compared as texts.
        connection.execute(
            "DELETE FROM unknown_key WHERE CAST(account AS VARCHAR) IN (SELECT account FROM account_name)"
        )
        found = connection.execute(query).fetchone()
    count, own, unknown = found if found is not None else (0, 0, 0)
    return Checked(int(count), int(own), int(unknown))


def count_unsubscribed(
    connection: duckdb.DuckDBPyConnection, relation: str, period: DateRange, zone: ZoneInfo, count: str = "count(*)"
) -> int:
    """How many rows lie in the period that was asked for, on a day on which their account has no subscription.

    `count` is the aggregate that counts them.
    """
    asked = period.period(zone)
    days = [row[0] for row in connection.execute("SELECT DISTINCT start FROM subscription").fetchall()]
    ends = [
        row[0]
        for row in connection.execute('SELECT DISTINCT "end" FROM subscription WHERE "end" IS NOT NULL').fetchall()
    ]
    known = sorted({*days, *ends})
    insert(
        connection,
        "midnight",
        {"day": "DATE", "instant": "TIMESTAMPTZ"},
        [[day, local_midnight(day, zone)] for day in known],
    )
    low, high = f"TIMESTAMPTZ '{asked.start.isoformat()}'", f"TIMESTAMPTZ '{asked.end.isoformat()}'"
    found = connection.execute(
        f"SELECT {count} FROM {relation} u WHERE u.time >= {low} AND u.time < {high} AND NOT EXISTS (SELECT 1 "
        "FROM subscription s "
        'JOIN midnight b ON b.day = s.start LEFT JOIN midnight e ON e.day = s."end" '
        "WHERE s.account = CAST(u.account AS VARCHAR) AND b.instant <= u.time AND (e.instant IS NULL OR u.time "
        "< e.instant))"
    ).fetchone()
    return int(found[0]) if found is not None else 0

"""Whether two files of lines say the same, line by line: prints one line of JSON.

    python bench/agree.py ONE.parquet OTHER.parquet [--only storage,egress]

Takes lines as `ratebook rate --format parquet` writes them, and those of the peers (account, line, region, amount).
Needs duckdb.
"""

from __future__ import annotations

import argparse
import json

import duckdb

PARTS = "account, line, region, amount"


def lines(connection: duckdb.DuckDBPyConnection, path: str) -> str:
    """The query of a file's lines in the peers' columns."""
    columns = connection.sql(f"select * from '{path}' limit 0").columns
    if "line_id" not in columns:
        texts = ", ".join(f"{name}::varchar as {name}" for name in ("account", "line", "region"))
        return f"select {texts}, amount from '{path}'"
    region = """nullif(regexp_extract("by", '"region": *"([^"]*)"', 1), '')"""
    return f"select billing_account_id as account, line_id as line, {region} as region, amount from '{path}'"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("one")
    parser.add_argument("other")
    parser.add_argument("--only", default="", help="lines of these names")
    said = parser.parse_args()
    connection = duckdb.connect()
    wanted = ", ".join(f"'{name}'" for name in said.only.split(",") if name)
    where = f"where line in ({wanted})" if wanted else ""
    sums = ", ".join(
        f"(select count(*) from {side}) as {side}_lines, (select sum(amount) from {side}) as {side}_total"
        for side in ("one", "other")
    )
    # Every amount stands once on each side, or the two sums of a line's key differ.
    found = connection.sql(f"""
        with one as (select {PARTS} from ({lines(connection, said.one)}) {where}),
             other as (select {PARTS} from ({lines(connection, said.other)}) {where}),
             both_sides as (
                select account, line, region,
                       sum(amount) filter (side = 1) as first, sum(amount) filter (side = 2) as second
                from (select 1 as side, {PARTS} from one union all select 2, {PARTS} from other) group by all)
        select {sums}, (select count(*) from both_sides where first is distinct from second) as differing""").fetchall()
    one_lines, one_total, other_lines, other_total, differing = found[0]
    print(
        json.dumps(
            {
                "one": {"lines": one_lines, "total": str(one_total)},
                "other": {"lines": other_lines, "total": str(other_total)},
                "differing": differing,
            }
        )
    )


if __name__ == "__main__":
    main()

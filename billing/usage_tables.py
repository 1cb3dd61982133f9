"""Stored usage of many accounts as files that the columnar evaluator reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final, cast

from ..engine.batch.quoting import quoted, text_literal
from ..engine.usage import FactSchema
from ..ledger.store import Reader
from .acting import instant, microseconds
from .stored.events import Asked
from .stored.parts import Part, engine, parts_of
from .usage_rows import METER

_AFTER_METER: Final = METER[:-1] + chr(ord(METER[-1]) + 1)
_NO_DECIMAL: Final = "event >= ? AND event < ? AND fields LIKE ?"
_NO_DECIMAL_OF: Final = (METER, _AFTER_METER, '%"quantity":"%/%')
_ACCOUNTS: Final = "read_csv(?, all_varchar = true, header = true, quote = '\"', escape = '\"')"


def accounts_without_decimals(reader: Reader, *, through: int) -> set[str]:
    """The accounts that have metered quantities which no decimal holds, as a third of an hour."""
    query = f"SELECT DISTINCT account FROM usage_events WHERE {_NO_DECIMAL} AND id <= ?"
    accounts = {cast(str, account) for (account,) in reader.rows(query, (*_NO_DECIMAL_OF, through))}
    parts = parts_of(reader, through=through)
    if parts:
        with engine(parts) as cursor:
            found = cursor.execute(
                f"SELECT DISTINCT account FROM read_parquet(?) WHERE {_NO_DECIMAL}", [_patterns(parts), *_NO_DECIMAL_OF]
            ).fetchall()
        accounts |= {account for (account,) in found}
    return accounts


def write_usage(
    reader: Reader,
    schema: FactSchema,
    folder: Path,
    *,
    accounts: AbstractSet[str],
    table: Path,
    through: int,
    span: tuple[datetime | None, datetime],
) -> list[Path]:
    """Write the usage of accounts, as of a place: from a time (None for all before) and before another.

    Events and meters that the ruleset does not declare are left out. `table` is a CSV file with the accounts.
    """
    since, until = span
    asked = Asked(since=None if since is None else microseconds(since), until=microseconds(until), through=through)
    rows = folder / "usage.jsonl"
    _write_rows(reader, schema, rows, accounts, asked)
    parts = asked.parts(reader)
    return [rows, *(_write_filed(schema, folder, parts, table, asked) if parts else [])]


def _write_rows(reader: Reader, schema: FactSchema, path: Path, accounts: AbstractSet[str], asked: Asked) -> None:
    words = {name: f'"event":{json.dumps(name)}' for name in schema.events}
    words |= {METER + name: f'"meter":{json.dumps(name)}' for name in schema.meters}
    quoted = {name: json.dumps(name, ensure_ascii=False) for name in accounts}
    with path.open("w", encoding="utf-8", newline="\n") as out:
        conditions, given = asked.conditions(in_files=False)
        for source, event_id, account, event, time, fields in reader.stream(
            f"SELECT source, event_id, account, event, time, fields FROM usage_events WHERE {conditions} ORDER BY id",
            given,
        ):
            word, whose = words.get(cast(str, event)), quoted.get(cast(str, account))
            if word is None or whose is None:
                continue
            origin = f',"source":{json.dumps(source, ensure_ascii=False)}' if source else ""
            moment = instant(cast(int, time)).isoformat().replace("+00:00", "Z")
            rest = cast(str, fields)[1:-1]
            out.write(
                f'{{"id":{json.dumps(event_id, ensure_ascii=False)}{origin},"account":{whose},{word},'
                f'"time":"{moment}"{"," if rest else ""}{rest}}}\n'
            )


def _write_filed(schema: FactSchema, folder: Path, parts: Sequence[Part], table: Path, asked: Asked) -> Iterator[Path]:
    """Events and metered quantities of files of usage, each as a file of its own with their fields as columns."""
    kinds = (
        ("event", list(schema.events), {field.name for item in schema.events.values() for field in item.fields}),
        (
            "meter",
            [METER + name for name in schema.meters],
            {"quantity", *(field.name for item in schema.meters.values() for field in item.fields)},
        ),
    )
    for word, names, fields in kinds:
        path = folder / f"{word}s.parquet"
        columns = ", ".join(
            f"json_extract_string(fields, {text_literal(f'$.{quoted(field)}')}) AS {quoted(field)}"
            for field in sorted(fields)
        )
        name = "event" if word == "event" else f"substr(event, {len(METER) + 1})"
        conditions, given = replace(asked, events=names).conditions(in_files=True)
        with engine(parts) as cursor:
            query = f"SELECT count(*) > 0 FROM read_parquet(?) WHERE {conditions}"
            ((there,),) = cursor.execute(query, [_patterns(parts), *given]).fetchall()
            if not there:
                continue
            cursor.execute(
                f"COPY (SELECT event_id AS id, nullif(source, '') AS source, account, {name} AS {word}, "
                f"make_timestamptz(time) AS time{', ' if columns else ''}{columns} FROM read_parquet(?) "
                f"WHERE {conditions} AND account IN (SELECT account FROM {_ACCOUNTS})) "
                f"TO {text_literal(str(path))} (FORMAT parquet)",
                [_patterns(parts), *given, str(table)],
            )
        yield path


def _patterns(parts: Sequence[Part]) -> list[str]:
    return [part.pattern for part in parts]

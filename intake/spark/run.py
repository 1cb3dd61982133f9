"""A whole customer base on a Spark cluster: the same plan as on one machine, cut by account.

The driver reads the accounts, works out what every task needs to know, and chooses a road. On the road of sums every
task adds up its rows by account, and only these sums are sent to the tasks that price them. On the road of rows the
rows themselves are sent. Accounts whose sums do not do are rated once more on the road of rows. Nothing is written
before every row and every account is known to be sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from ...diagnostics import Diagnostic
from ...engine.period import DateRange, local_midnight
from ...engine.plan import Program
from ..columnar.accounts import LoadedAccounts
from ..columnar.readings import Digits
from ..columnar.run import Columnar
from ..columnar.stages import Source, prepare
from ..columns import usage_columns
from ..parquet import connect
from ..rejects import Reject
from ..statements import StatementFormat
from .accounts import Subscriptions, load_subscriptions
from .chunks import Chunked, shipped
from .frames import Frame, frames_of
from .layout import Layout, layout_of
from .repeats import without_repeats
from .sent import packed
from .session import spark_session
from .sums import Sums, sums_of
from .tasks import Rating, Sent, add_up_files, add_up_rows, locate, rate_accounts, read_rows
from .told import Told, all_told, joined_rooms
from .written import PART, parquet_rows, text_rows, written_types

if TYPE_CHECKING:
    import duckdb
    from pyspark.sql import DataFrame, SparkSession

TASK_MEMORY: Final = "1GB"
ACCOUNTS_PER_TASK: Final = 50_000
_RUNS_MAX: Final = 4
"""A run is repeated where columns have no room for some number; they only ever grow."""

_TYPES: Final = {"VARCHAR": "string", "BLOB": "binary", "DATE": "date", "BOOLEAN": "boolean", "BIGINT": "bigint"}


@dataclass(slots=True)
class SparkRun:
    """What a run found, in the words of `Columnar`. `road` says how usage was brought to its account."""

    road: str = ""
    read: int = 0
    counted: int = 0
    repeated: int = 0
    rejected: int = 0
    outside: int = 0
    unsubscribed: int = 0
    idle: int = 0
    idle_with_days: bool = False
    accounts: int = 0
    total: int = 0
    scalar: Mapping[str, int] = field(default_factory=dict)
    refusals: tuple[Diagnostic, ...] = ()
    rejects: tuple[Reject, ...] = ()
    findings: tuple[Diagnostic, ...] = ()
    loaded: LoadedAccounts | None = None
    written: bool = False


def rate_spark(
    program: Program,
    usage: Iterable[str | Path] | DataFrame,
    accounts: str | Path,
    period: DateRange,
    out: str | Path,
    form: StatementFormat,
    *,
    master: str | None = None,
    session: SparkSession | None = None,
    unique_ids: bool = False,
    skip_bad_rows: bool = False,
    task_memory: str = TASK_MEMORY,
) -> SparkRun:
    """Rate usage against accounts on Spark and write a folder of parts, with a marker when it is whole.

    `usage` names files (anything that Spark reads), or is a frame of typed rows. Nothing is written where a row is
    wrong, unless `skip_bad_rows`, or where an account cannot be rated. Raises `NoSparkError`.
    """
    problem = _refused_output(out, form)
    if problem is not None:
        return SparkRun(refusals=(problem,))
    with spark_session(master, session) as spark, _driver() as connection:
        frames, findings = frames_of(spark, usage, usage_columns(program.schema))
        subscriptions = load_subscriptions(spark, connection, accounts, program.schema)
        run = SparkRun(findings=(*subscriptions.loaded.findings, *findings), loaded=subscriptions.loaded)
        run.rejects = subscriptions.loaded.rejects
        if findings or (run.rejects and not skip_bad_rows):
            return run
        return _Run(program, spark, connection, frames, subscriptions, period, form, unique_ids, task_memory, run).rate(
            str(out), skip_bad_rows=skip_bad_rows
        )


def _refused_output(out: str | Path, form: StatementFormat) -> Diagnostic | None:
    name = str(out)
    if form is StatementFormat.TABLE:
        hint = "choose --format jsonl, csv or parquet"
        return Diagnostic("RB9007", "Spark writes no tables of text", hints=(hint,), place=name)
    if Path(name).suffix.lower() in (".parquet", ".csv", ".jsonl", ".json", ".txt"):
        hint = f"name a folder, as in -o {Path(name).with_suffix('')}"
        return Diagnostic(
            "RB9007", "Spark writes a folder of parts, and this is the name of a file", hints=(hint,), place=name
        )
    if "://" not in name and Path(name).exists():
        hint = "name a new folder, or take the old one away: an earlier result is never overwritten"
        return Diagnostic("RB9007", "there is something of this name", hints=(hint,), place=name)
    return None


@contextmanager
def _driver() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = connect()
    try:
        yield connection
    finally:
        connection.close()


@dataclass(slots=True)
class _Run:
    """One run; what is known before its first task."""

    program: Program
    spark: SparkSession
    connection: duckdb.DuckDBPyConnection
    frames: list[Frame]
    subscriptions: Subscriptions
    period: DateRange
    form: StatementFormat
    unique_ids: bool
    task_memory: str
    run: SparkRun
    held: list[DataFrame] = field(default_factory=list)
    written: Mapping[str, str] = field(default_factory=dict)

    def rate(self, out: str, *, skip_bad_rows: bool) -> SparkRun:
        """Rate and write, again with wider columns where some number needs them."""
        rooms: dict[str, Digits] = {}
        by_rows = False
        for _ in range(_RUNS_MAX):
            layout = layout_of(self.connection, self.frames, self.program.schema, rooms)
            told, results = self._rated(layout, rooms, by_rows=by_rows)
            again = joined_rooms(rooms, told.rooms)
            if told.beyond and not by_rows and self.run.road == "sums":
                by_rows = True  # sums of 39 digits: the accounts' rows are looked at one by one
            elif again == rooms:
                break
            rooms = again
            self._release()
        try:
            return self._finished(layout, told, results, out, skip_bad_rows=skip_bad_rows)
        finally:
            self._release()

    def _release(self) -> None:
        for each in self.held:
            each.unpersist()
        self.held.clear()

    def _rated(self, layout: Layout, rooms: Mapping[str, Digits], *, by_rows: bool) -> tuple[Told, list[DataFrame]]:
        """What tasks tell, and the frames of what is written."""
        if layout.rejects or layout.conflicting:
            return Told(rejects=layout.rejects), []
        sums, apart = self._sums(layout)
        self.written = written_types(self.form, self.program.money, rooms)
        sent = packed(Sent(packed(self.program), self.period, self.task_memory))
        rating = Rating(
            layout.types,
            layout.fields,
            layout.has_quantities,
            self.subscriptions.types,
            self.form,
            self.written,
            beyond=self.subscriptions.beyond,
        )
        is_checked = layout.has_ids and not self.unique_ids
        repeated = 0
        rows: DataFrame | None = None
        if is_checked or isinstance(sums, str) or by_rows:
            rows = self._rows(layout, sent)
        conflicts: tuple[Reject, ...] = ()
        if is_checked and rows is not None:
            found = without_repeats(rows, list(shipped(layout.types)))
            rows, repeated, conflicts = found.rows, found.repeated, found.conflicts
            self.held.extend(found.held)
        if isinstance(sums, str) or by_rows:
            self.run.road = "rows"
            assert rows is not None, "rows were asked for"
            told, results = self._rate(rows, self.subscriptions.frame(self.spark, ()), sent, rating)
            all_results = [results]
        else:
            self.run.road = "sums"
            added = self._added_up(layout, sent, sums, rows)
            told, results = self._rate(
                added, self.subscriptions.frame(self.spark, apart), sent, replace(rating, sums=sums)
            )
            all_results = [results]
            if told.left and not told.rooms and not told.rejected and not told.beyond:
                more, own = self._rate_left(told.left, rows or self._rows(layout, sent), sent, rating)
                all_results.append(own)
                told.left = ()
                more.counted = more.rejected = more.repeated = 0
                more.unknown, more.rejects, more.findings = {}, (), ()
                told.add(more)
        told.repeated += repeated
        told.counted -= repeated
        told.rejects += conflicts
        told.rejected += len(conflicts)
        return told, all_results

    def _sums(self, layout: Layout) -> tuple[Sums | str, tuple[str, ...]]:
        """How usage is added up in parts, or why it is not; and the accounts that no sums can rate."""
        connection, program = self.connection, self.program
        source = Source("", layout.types, layout.fields, layout.has_quantities)
        prepared = prepare(Columnar(program, connection), source, self.period)
        planned = prepared.families
        unfit = [member.number for family in planned if family.unfit is not None for member in family.members]
        found = connection.execute(
            "SELECT DISTINCT account FROM statement WHERE member IN (SELECT unnest(?::INTEGER[])) UNION "
            "SELECT account FROM subscription JOIN subscription_kind USING (sub) JOIN kind USING (kind) "
            "WHERE unfit IS NOT NULL",
            [unfit],
        ).fetchall()
        apart = {account for (account,) in found} | {account for account, _ in self.subscriptions.beyond}
        if len(apart) * 5 > self.subscriptions.loaded.count:
            return "many accounts whose rules no query gives", ()
        return sums_of(program, prepared.usage, planned, prepared.buckets, self._days()), tuple(sorted(apart))

    def _days(self) -> list[datetime]:
        """When the asked period, and subscriptions inside it, begin and end."""
        zone = ZoneInfo(self.program.zone)
        asked = self.period
        found = self.connection.execute(
            'SELECT start FROM subscription UNION SELECT "end" FROM subscription ORDER BY 1'
        ).fetchall()
        days = [day for (day,) in found if day is not None and asked.start < day < asked.end]
        return [local_midnight(day, zone) for day in (asked.start, *days, asked.end)]

    def _rows(self, layout: Layout, sent: bytes) -> DataFrame:
        """All usage as valid, typed rows."""
        types = {name: layout.types[name] for name in shipped(layout.types)} | {"time": "BIGINT"}
        return self._from_files(layout, partial(read_rows, sent), types)

    def _from_files(self, layout: Layout, task: Callable[..., Any], types: Mapping[str, str]) -> DataFrame:
        found: DataFrame | None = None
        for frame in self.frames:
            chunked = packed(Chunked(frame.kind, layout.types, frame.header))
            own = frame.rows.mapInArrow(partial(task, chunked), frame_schema(types))
            found = own if found is None else found.unionByName(own)
        return found if found is not None else self.spark.createDataFrame([], frame_schema(types))

    def _added_up(self, layout: Layout, sent: bytes, sums: Sums, rows: DataFrame | None) -> DataFrame:
        types = {"account": "VARCHAR", "time": "BIGINT", "n": "BIGINT", **sums.columns}
        if rows is not None:
            return rows.mapInArrow(partial(add_up_rows, sent, packed(layout.types), packed(sums)), frame_schema(types))
        task = partial(_second, add_up_files, sent, packed(sums))
        return self._from_files(layout, task, types)

    def _rate(self, usage: DataFrame, subscriptions: DataFrame, sent: bytes, rating: Rating) -> tuple[Told, DataFrame]:
        """Rate usage beside the subscriptions of the same accounts; the result is kept until it is written."""
        together = usage.unionByName(subscriptions, allowMissingColumns=True)
        together = together.repartition(self._partitions(usage, by_rows=rating.sums is None), "account")
        results = together.mapInArrow(partial(rate_accounts, sent, packed(rating)), frame_schema({PART: "BLOB"}))
        results = results.persist()
        self.held.append(results)
        messages = results.where("told IS NOT NULL").select("told").collect()
        return all_told(bytes(row[0]) for row in messages), results

    def _partitions(self, usage: DataFrame, *, by_rows: bool) -> int:
        """How many tasks accounts are rated in: every task works out the prices anew, so not too many; and as many as
        splits of the files where their rows are sent around."""
        needed = -(-self.subscriptions.loaded.count // ACCOUNTS_PER_TASK)
        try:
            least = self.spark.sparkContext.defaultParallelism
            splits = usage.rdd.getNumPartitions() if by_rows else 0
        except Exception:  # a session of Spark Connect does not tell
            least = splits = int(self.spark.conf.get("spark.sql.shuffle.partitions", "200") or 200)
        return max(needed, least, splits)

    def _rate_left(self, left: tuple[str, ...], rows: DataFrame, sent: bytes, rating: Rating) -> tuple[Told, DataFrame]:
        """Rate some accounts on their rows."""
        from pyspark.sql import functions

        chosen = self.spark.createDataFrame([(account,) for account in left], "account string")
        own = rows.join(functions.broadcast(chosen), "account", "left_semi").select(*rows.columns)
        subscriptions = self.subscriptions.frame(self.spark, ())
        wanted = subscriptions.join(functions.broadcast(chosen), "account", "left_semi").select(*subscriptions.columns)
        return self._rate(own, wanted, sent, rating)

    def _finished(
        self, layout: Layout, told: Told, results: list[DataFrame], out: str, *, skip_bad_rows: bool
    ) -> SparkRun:
        run = self.run
        run.counted, run.repeated, run.rejected = told.counted, told.repeated, told.rejected
        run.outside, run.unsubscribed = told.outside, told.unsubscribed
        run.idle, run.idle_with_days = told.idle, told.idle_with_days > 0
        unknown = sum(told.unknown.values())
        run.counted, run.rejected = run.counted - unknown, run.rejected + unknown
        run.read = run.counted + run.repeated + run.rejected
        run.accounts, run.total, run.scalar, run.refusals = told.accounts, told.total, told.scalar, told.refusals
        run.findings = tuple(dict.fromkeys((*run.findings, *layout.findings, *told.findings)))
        placeless = [each for each in told.rejects if each.place == "usage"]
        if run.rejected and not layout.rejects:
            run.rejects += (*placeless, *self._located(layout))
        else:
            run.rejects += told.rejects
        if told.beyond or told.rooms or layout.conflicting:
            run.refusals += (_too_wide(told, layout),)
        if run.refusals or (run.rejects and not skip_bad_rows):
            return run
        self._write(results, out)
        run.written = not run.refusals
        return run

    def _located(self, layout: Layout) -> tuple[Reject, ...]:
        """A second look at all rows, this time with their places."""
        sent = packed(Sent(packed(self.program), self.period, self.task_memory))
        known = packed(frozenset(self.subscriptions.names()))
        messages: list[Any] = []
        for frame in self.frames:
            chunked = packed(Chunked(frame.kind, layout.types, frame.header))
            found = frame.placed.mapInArrow(partial(locate, sent, chunked, known), frame_schema({}))
            messages += found.collect()
        rejects = all_told(bytes(row[0]) for row in messages).rejects
        return tuple(sorted(rejects, key=lambda each: (each.file, each.row or 0)))

    def _write(self, results: list[DataFrame], out: str) -> None:
        from pyspark.errors import AnalysisException

        lines = results[0]
        for more in results[1:]:
            lines = lines.unionByName(more)
        parts = lines.where("told IS NULL").select(PART)
        columns = frame_schema(self.written).removeprefix("told binary, ")
        try:
            if self.form is StatementFormat.PARQUET:
                from ..focus import COLUMNS

                instants = {name for name, type_ in COLUMNS.items() if type_ == "TIMESTAMPTZ"}
                shown = [
                    f"timestamp_micros(`{name}`) AS `{name}`" if name in instants else f"`{name}`" for name in COLUMNS
                ]
                lines = parts.mapInArrow(partial(parquet_rows, self.written), columns)
                lines.selectExpr(*shown).write.option("compression", "zstd").parquet(out)
            else:
                parts.mapInArrow(text_rows, columns).write.text(out)
        except AnalysisException as error:
            reason = str(error).partition("\n")[0]
            hint = "name a new folder that Spark can write to"
            self.run.refusals += (Diagnostic("RB9007", reason, hints=(hint,), place=out),)


def frame_schema(types: Mapping[str, str]) -> str:
    """The schema of a task's result as Spark writes it: `told` and columns of these types of DuckDB."""
    listed = "".join(f", `{name}` {_TYPES.get(sql_type) or sql_type.lower()}" for name, sql_type in types.items())
    return f"told binary{listed}"


def _second(task: Callable[..., Any], sent: bytes, last: bytes, chunked: bytes, batches: Any) -> Any:
    """A task whose third argument is known before its second."""
    return task(sent, chunked, last, batches)


def _too_wide(told: Told, layout: Layout) -> Diagnostic:
    if layout.conflicting:
        reason = f"`{layout.conflicting[0]}` is declared as kinds that share no column"
    else:
        reason = f"numbers that no column of 38 digits holds ({told.beyond or next(iter(told.rooms))})"
    hint = "rate these files with --engine batch, which rates such accounts one by one"
    return Diagnostic("RB9012", reason, hints=(hint,), place="usage")

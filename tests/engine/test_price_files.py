"""Price files: a table means in a file what it means in the ruleset, look-ups are those of a scan, places are true."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ratebook
from ratebook.diagnostics import Diagnostic, Source
from ratebook.engine.compiler.compile import Compiled, compile_ruleset
from ratebook.engine.compiler.sheet import read_sheet
from ratebook.engine.derivation import Step
from ratebook.engine.dispatch import dispatch
from ratebook.engine.plan import Charge
from ratebook.engine.schedule import price

HEAD = """ruleset acme "Acme":
  currency USD

event call:
  dialled: text
  kind: one of voice, fax, data
  size: number

meter calls: count of call

plan payg from 2026-01-01:
"""
KINDS = ("voice", "fax", "data")


def compiled(charge: str, files: Mapping[str, str]) -> Compiled:
    return compile_ruleset(Source("acme.rates", f"{HEAD}  {charge}\n"), dict(files).get)


def charge_of(result: Compiled) -> Charge:
    assert result.program is not None, [item.message for item in result.findings]
    return result.program.plans["payg"][0].charges[0]


def sheet(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def rate_of(charge: Charge, values: tuple[object, ...]) -> int | None:
    """Cents for one call, or None where no row has a price."""
    found = dispatch(charge.tree, values, lambda _window: False)  # type: ignore[arg-type]
    if isinstance(found, int):
        return None
    schedule = charge.rows[found[0]].schedule
    return int(Fraction(100 * price(schedule, schedule.quantity_scale), schedule.money_scale))


# A file and a table in the ruleset

cells = st.sampled_from(["any", "otherwise", "voice", "fax", "data", "voice, fax", "fax, data"])
prefixes = st.sampled_from(["1", "12", "123", "2", "21", "otherwise", "any", "1, 2", "12, 21"])


def in_the_language(cell: str) -> str:
    return cell if cell in ("any", "otherwise") else ", ".join(f'"{part}"' for part in cell.split(", "))


@given(st.lists(st.tuples(prefixes, cells), min_size=1, max_size=7), st.booleans())
def test_a_file_means_what_the_same_table_means_in_the_ruleset(rows: list[tuple[str, str]], first_match: bool) -> None:
    by = f"charge calls by dialled, kind{' first match' if first_match else ''}:"
    prices = [f"${index + 1}.00 each" for index in range(len(rows))]
    table = "".join(
        f"\n    | {in_the_language(prefix)} | {kind} | {cost} |"
        for (prefix, kind), cost in zip(rows, prices, strict=True)
    )
    lines = [[prefix, kind, cost] for (prefix, kind), cost in zip(rows, prices, strict=True)]
    written = compiled(f"{by}\n    | dialled prefix | kind | price |{table}", {})
    filed = compiled(f'{by} prices from "p.csv"', {"p.csv": sheet([["dialled prefix", "kind", "price"], *lines])})
    assert [(item.code, item.message) for item in ordered(filed)] == [
        (item.code, item.message) for item in ordered(written)
    ]
    if written.program is not None:
        for number, kind in product(("1", "12", "1234", "2", "21", "3"), KINDS):
            assert rate_of(charge_of(filed), (number, kind)) == rate_of(charge_of(written), (number, kind))


def ordered(result: Compiled) -> list[Diagnostic]:
    return sorted(result.findings, key=lambda item: (item.code, item.message))


# Look-ups


@given(
    st.dictionaries(st.text("123", min_size=1, max_size=4), st.integers(1, 9), min_size=1),
    st.lists(st.text("1234", max_size=6)),
)
def test_the_longest_prefix_is_the_one_that_a_scan_finds(table: dict[str, int], numbers: list[str]) -> None:
    rows = [[prefix, f"$0.0{cents} each"] for prefix, cents in table.items()]
    text = sheet([["dialled prefix", "price"], *rows, ["otherwise", "free"]])
    charge = charge_of(compiled('charge calls by dialled: prices from "p.csv"', {"p.csv": text}))
    for number in numbers:
        fitting = [prefix for prefix in table if number.startswith(prefix)]
        assert rate_of(charge, (number,)) == (table[max(fitting, key=len)] if fitting else 0)


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(["1", "12", "2"]), st.sampled_from(KINDS)), min_size=1, unique=True),
        min_size=2,
        max_size=3,
    ),
    st.booleans(),
)
def test_files_leave_out_what_no_file_prices(parts: list[list[tuple[str, str]]], complete: bool) -> None:
    """The search for gaps against every combination, and every price against asking one file after the other."""
    texts = {}
    cost = 0
    tables: list[dict[tuple[str, str], int]] = []
    for index, part in enumerate(parts):
        tables.append({})
        for key in part:
            cost += 1
            tables[-1][key] = cost
        rows = [[*key, f"$0.{cents:02} each"] for key, cents in tables[-1].items()]
        if complete and index == len(parts) - 1:
            rows.append(["otherwise", "any", "$0.99 each"])
        texts[f"{index}.csv"] = sheet([["dialled prefix", "kind", "price"], *rows])
    names = " then ".join(f'"{name}"' for name in texts)
    result = compiled(f"charge calls by dialled, kind: prices from {names}", texts)

    def asked(number: str, kind: str) -> int | None:
        for table in tables:
            fitting = [prefix for prefix, _ in table if number.startswith(prefix)]
            found = table.get((max(fitting, key=len), kind)) if fitting else None
            if found is not None:
                return found
            if complete and table is tables[-1] and not fitting:
                return 99
        return None

    wanted = {(number, kind): asked(number, kind) for number in ("1", "12", "2", "3") for kind in KINDS}
    if None in wanted.values():
        assert {item.code for item in result.findings} == {"RB2204"}
        return
    charge = charge_of(result)
    assert {values: rate_of(charge, values) for values in wanted} == wanted


def test_ranges_of_two_files_are_looked_at_together() -> None:
    low, high = "size,price\nbelow 10,$1 each\n", "size,price\nabove 10,$2 each\n"
    charge = 'charge calls by size: prices from "low.csv" then "high.csv"'
    (finding,) = compiled(charge, {"low.csv": low, "high.csv": high}).findings
    assert (finding.code, finding.message) == ("RB2204", "charge calls has no price for size 10")
    whole = compiled(charge, {"low.csv": low, "high.csv": high.replace("above", "from")})
    assert [rate_of(charge_of(whole), (Fraction(size),)) for size in (0, 10, 11)] == [100, 200, 200]


# Places

texts = st.text(st.sampled_from('ab ,"\n'), max_size=5)


@given(st.lists(st.lists(texts, min_size=2, max_size=2), min_size=1), st.sampled_from(["\n", "\r\n"]))
def test_a_cell_stands_where_the_sheet_says(rows: list[list[str]], end: str) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([["head", "head"], *rows])
    found = read_sheet(Source("p.csv", text.getvalue()))
    assert [row.cells for row in found.rows] == [
        tuple(cell.strip() for cell in row) for row in rows if any(cell.strip() for cell in row)
    ]
    for row in found.rows:
        for index, cell in enumerate(row.cells):
            start, stop = found.place(row, index)
            assert found.source.text[start:stop].replace('""', '"') == cell
            assert len(found.reading([(start, stop)])) == len(found.source.text)


def test_derivations_and_explanations_name_the_line_of_the_file() -> None:
    rows = "dialled prefix,price\n44,$0.10 each\n49,$0.20 each\notherwise,$1 each\n"
    text = f'{HEAD}  charge calls by dialled: prices from "p/list.csv"\n'
    rules = ratebook.compile(text, name="acme.rates", imports={"p/list.csv": rows})
    usage = [{"meter": "calls", "quantity": 3, "dialled": "4930", "kind": "fax", "size": 1}]
    statement = ratebook.quote(rules, "payg", usage)
    assert str(statement.lines[0].place) == "p/list.csv:3"
    explained = ratebook.explain(rules, statement)
    assert "p/list.csv:3" in explained and "49,$0.20 each" in explained


def test_the_price_of_an_event_names_the_line_of_the_file() -> None:
    rows = "dialled prefix,price\n44,$0.10 each\notherwise,refused\n"
    text = f'{HEAD}  charge each of each call by dialled: prices from "list.csv"\n'
    rules = ratebook.compile(text, name="acme.rates", imports={"list.csv": rows})
    call = {"account": "a", "event": "call", "time": "2026-03-03T10:00:00Z", "kind": "fax", "size": 1}
    accounts = [{"account": "a", "plan": "payg", "start": "2026-01-01"}]
    (statement,) = ratebook.rate(rules, [{"id": "1", "dialled": "4420", **call}], accounts, "2026-03")
    assert "list.csv:2" in places(statement.lines[0].derivation)
    with pytest.raises(ratebook.RatebookError, match=r"list\.csv:3"):
        ratebook.rate(rules, [{"id": "1", "dialled": "99", **call}], accounts, "2026-03")


def places(step: Step) -> set[str]:
    return {str(step.place)}.union(*(places(part) for part in step.parts))


def test_the_hash_holds_the_prices() -> None:
    text = f'{HEAD}  charge calls by kind: prices from "p.csv"\n'
    cheap, dear = (ratebook.compile(text, imports={"p.csv": f"kind,price\nany,${cost} each\n"}) for cost in (1, 2))
    assert cheap.hash != dear.hash


def test_a_path_is_read_from_the_folder_of_the_file_that_writes_it() -> None:
    files = {
        "region/plans.rates": 'plan payg from 2026-01-01:\n  charge calls: prices from "list.csv"\n',
        "region/list.csv": "price\n$1 each\n",
    }
    text = HEAD.replace("plan payg from 2026-01-01:\n", "") + 'import "region/plans.rates"\n'
    result = compile_ruleset(Source("acme.rates", text), files.get)
    assert result.findings == ()
    assert list(result.sources) == ["acme.rates", "region/plans.rates", "region/list.csv"]


# Long tables


@pytest.mark.parametrize("kind", ["prefixes", "values", "ranges", "by time"])
def test_a_long_table_takes_no_more_steps_for_a_row(kind: str) -> None:
    """Four times the rows in less than six times the calls: what compares every row with every other takes sixteen."""
    steps = {count: calls_of_compiling(kind, count) for count in (500, 2_000)}
    assert steps[2_000] < 6 * steps[500]


def calls_of_compiling(kind: str, count: int) -> int:
    """The calls of functions, also of Python's own, that compiling a table of so many rows takes: no clock decides."""
    rows = long_table(kind, count)
    by = {"ranges": "size", "by time": "dialled, time"}.get(kind, "dialled")
    source = Source("acme.rates", f'{WINDOW}{HEAD}  charge calls by {by}: prices from "p.csv"\n')
    calls = 0

    def heard(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(heard)
    try:
        result = compile_ruleset(source, {"p.csv": rows}.get)
    finally:
        sys.setprofile(None)
    assert result.findings == ()
    return calls


WINDOW = "window peak: mon to fri 08:00 to 20:00\n\n"


def long_table(kind: str, count: int) -> str:
    match kind:
        case "prefixes":
            lines = ["dialled prefix,price", *(f"{n + 1_000_000},$0.{n % 90 + 10} each" for n in range(count))]
        case "values":
            lines = ["dialled,price", *(f"{n + 1_000_000},$0.{n % 90 + 10} each" for n in range(count))]
        case "by time":
            lines = ["dialled prefix,time,price"]
            for n in range(count // 2):
                lines += [f"{n + 1_000_000},peak,$0.20 each", f"{n + 1_000_000},otherwise,$0.10 each"]
        case _:
            ranges = (f"from {n * 10} below {n * 10 + 10},$0.{n % 90 + 10} each" for n in range(count))
            return "\n".join(["size,price", *ranges, f"from {count * 10},free", "below 0,free"]) + "\n"
    rest = "otherwise,any,free" if kind == "by time" else "otherwise,free"
    return "\n".join([*lines, rest]) + "\n"

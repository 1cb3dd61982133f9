"""`ratebook rate --engine batch` and `--engine scalar`: the same files, the same messages, the same exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

FORMATS = ("jsonl", "csv", "table")
PERIOD = ("--period", "2026-03")
INPUTS = ("rate", "shop.rates", "--usage", "usage.jsonl", "--accounts", "accounts.csv", *PERIOD)


def both(ratebook: Callable[..., object], *arguments: str) -> tuple[object, object]:
    """What both engines do with a call; what each says of itself is left out of what they say."""
    return tuple(ratebook(*arguments, "--engine", engine) for engine in ("scalar", "batch"))  # type: ignore[return-value]


def said(ran: object) -> list[str]:
    """What stands on standard error, without the line that names the evaluator."""
    return [line for line in ran.err.splitlines() if not line.startswith("rated by ")]  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", FORMATS)
def test_standard_output_is_the_same_byte_for_byte(ratebook: Callable[..., object], form: str) -> None:
    scalar, batch = both(ratebook, *INPUTS, "--format", form)
    assert scalar.code == batch.code == 0
    assert scalar.out == batch.out != ""
    assert said(scalar) == said(batch)


@pytest.mark.parametrize("form", FORMATS[:2])
def test_files_are_the_same_byte_for_byte(ratebook: Callable[..., object], folder: Path, form: str) -> None:
    for engine in ("scalar", "batch"):
        assert ratebook(*INPUTS, "--format", form, "-o", engine, "--engine", engine).code == 0
    assert (folder / "scalar").read_bytes() == (folder / "batch").read_bytes()


@pytest.mark.parametrize("form", FORMATS[:2])
def test_one_account_alone_is_the_same(ratebook: Callable[..., object], form: str) -> None:
    scalar, batch = both(ratebook, *INPUTS, "--format", form, "--account", "a-2")
    assert scalar.code == batch.code == 0
    assert scalar.out == batch.out
    assert said(scalar) == said(batch)


def test_an_unknown_account_is_told_alike(ratebook: Callable[..., object]) -> None:
    scalar, batch = both(ratebook, *INPUTS, "--account", "a-3")
    assert (scalar.code, scalar.out, said(scalar)) == (batch.code, batch.out, said(batch))
    assert scalar.code == 2


SOUND = {"id": "9", "account": "a-1", "event": "sale", "time": "2026-03-02T10:00:00Z", "amount": 1, "kind": "pen"}
BAD_ROWS = {
    "no number": json.dumps(SOUND | {"amount": "x"}),
    "no such word": json.dumps(SOUND | {"kind": "cup"}),
    "no time": json.dumps({name: value for name, value in SOUND.items() if name != "time"}),
    "no such event": json.dumps(SOUND | {"event": "sold"}),
    "no such account": json.dumps(SOUND | {"account": "b-1"}),
    "no JSON": "{",
    "the same id again": json.dumps(SOUND | {"id": "1"}),
    "two mistakes": json.dumps(SOUND | {"account": "b-1", "time": "2026-03-02"}),
}


@pytest.mark.parametrize("options", [(), ("--skip-bad-rows",)], ids=["stops", "goes on"])
@pytest.mark.parametrize("bad", BAD_ROWS)
def test_bad_rows_are_told_alike(
    ratebook: Callable[..., object], folder: Path, bad: str, options: tuple[str, ...]
) -> None:
    with (folder / "usage.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(BAD_ROWS[bad] + "\n")
    scalar, batch = both(ratebook, *INPUTS, "--format", "jsonl", *options)
    assert (scalar.code, scalar.out) == (batch.code, batch.out)
    assert said(scalar) == said(batch)
    assert scalar.code == (0 if options else 2)


def test_a_repeat_counts_once(ratebook: Callable[..., object], folder: Path) -> None:
    usage = folder / "usage.jsonl"
    usage.write_text(usage.read_text(encoding="utf-8") * 2, encoding="utf-8")
    scalar, batch = both(ratebook, *INPUTS, "--format", "jsonl")
    assert scalar.out == batch.out
    assert said(scalar) == said(batch)
    assert "4 repeated" in batch.err


def test_unique_ids_are_trusted(ratebook: Callable[..., object]) -> None:
    checked = ratebook(*INPUTS, "--format", "jsonl", "--engine", "batch")
    trusted = ratebook(*INPUTS, "--format", "jsonl", "--engine", "batch", "--unique-ids")
    assert trusted.code == 0
    assert trusted.out == checked.out


def test_verifying_rates_again(ratebook: Callable[..., object]) -> None:
    plain = ratebook(*INPUTS, "--format", "jsonl", "--engine", "batch")
    ran = ratebook(*INPUTS, "--format", "jsonl", "--engine", "batch", "--verify", "2")
    assert ran.code == 0
    assert ran.out == plain.out
    assert "2 accounts" in ran.err


BAD_FILES = {
    "no usage file": ("--usage", "none.jsonl", "--accounts", "accounts.csv", *PERIOD),
    "no accounts file": ("--usage", "usage.jsonl", "--accounts", "none.csv", *PERIOD),
    "no period": ("--usage", "usage.jsonl", "--accounts", "accounts.csv", "--period", "March"),
    "an unknown format": ("--usage", "shop.rates", "--accounts", "accounts.csv", *PERIOD),
    "no usage at all": ("--accounts", "accounts.csv", *PERIOD),
    "a period before the plan": ("--usage", "usage.jsonl", "--accounts", "accounts.csv", "--period", "2025-03"),
}


@pytest.mark.parametrize("call", BAD_FILES)
def test_calls_end_alike(ratebook: Callable[..., object], call: str) -> None:
    scalar, batch = both(ratebook, "rate", "shop.rates", *BAD_FILES[call], "--format", "jsonl")
    assert (scalar.code, scalar.out) == (batch.code, batch.out)
    assert said(scalar) == said(batch)


def test_accounts_with_mistakes_are_told_alike(ratebook: Callable[..., object], folder: Path) -> None:
    accounts = folder / "accounts.csv"
    accounts.write_text(accounts.read_text(encoding="utf-8") + "a-4,none,2026-01-01,gold\n", encoding="utf-8")
    scalar, batch = both(ratebook, *INPUTS, "--format", "jsonl")
    assert (scalar.code, scalar.out, said(scalar)) == (batch.code, batch.out, said(batch))
    assert scalar.code == 2


def test_what_cannot_be_rated_is_refused_alike(ratebook: Callable[..., object], folder: Path) -> None:
    ruleset = (folder / "shop.rates").read_text(encoding="utf-8")
    needing = ruleset.replace("  when account.tier is gold", '  when account.country is "DE"')
    (folder / "shop.rates").write_text(needing, encoding="utf-8")
    scalar, batch = both(ratebook, *INPUTS, "--format", "jsonl")
    assert (scalar.code, scalar.out, said(scalar)) == (batch.code, batch.out, said(batch))
    assert scalar.code == 2 and "RB4001" in batch.err


def test_an_earlier_result_stays_where_a_row_is_bad(ratebook: Callable[..., object], folder: Path) -> None:
    (folder / "out.jsonl").write_text("earlier", encoding="utf-8")
    with (folder / "usage.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(BAD_ROWS["no number"] + "\n")
    assert ratebook(*INPUTS, "--format", "jsonl", "-o", "out.jsonl", "--engine", "batch").code == 2
    assert (folder / "out.jsonl").read_text(encoding="utf-8") == "earlier"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["accounts.csv", "out.jsonl", "shop.rates", "usage.jsonl"]
    )

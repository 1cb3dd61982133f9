"""Invoices of the reference price lists: what stands on their face, and in one language only."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from ratebook.cli import ratebook

FOLDER = Path(__file__).parents[2] / "rulesets"


def invoice(tmp_path: Path, name: str, files: tuple[str, ...], accounts: str, period: str, *options: str) -> str:
    folder = FOLDER / name
    usage = [option for file in files for option in ("--usage", str(folder / file))]
    inputs = [str(folder), *usage, "--accounts", str(folder / accounts), "--period", period]
    arguments = [*inputs, "--parties", str(folder / "parties.json"), "-o", str(tmp_path), *options]
    result = CliRunner().invoke(ratebook, ["invoice", *arguments])
    assert result.exit_code == 0, result.stderr
    (written,) = tmp_path.iterdir()
    return written.read_text(encoding="utf-8")


def cloud(tmp_path: Path, account: str, form: str = "text") -> str:
    files = ("events.jsonl", "requests.csv")
    return invoice(tmp_path, "cloud", files, "accounts.csv", "2026-03", "--account", account, "--format", form)


def face(text: str) -> list[str]:
    """The lines above the workings."""
    return [" ".join(line.split()) for line in text.split("How these amounts came about")[0].splitlines()]


@pytest.mark.parametrize("period", ["2026-02", "2026-03"])
@pytest.mark.parametrize("account", ["北海实验室", "林美", "熊猫游戏", "海港学校", "九霄云", "静水"])
def test_nothing_is_english_in_chinese_but_the_ruleset_itself(account: str, period: str, tmp_path: Path) -> None:
    options = ("--lang", "zh", "--format", "text", "--account", account)
    text = invoice(tmp_path, "platform-zh", ("usage.csv",), "accounts.jsonl", period, *options)
    spoken = [
        line for line in text.splitlines() if not line.startswith(("    | ", "sha256:", "邮箱", "税号", "  税号"))
    ]
    words = set(re.findall(r"[A-Za-z]{2,}", "\n".join(spoken).replace("platform_zh.rates", "")))
    assert words <= {"CNY"}


def test_a_minimum_that_changes_nothing_is_not_on_the_face(tmp_path: Path) -> None:
    assert not [line for line in face(cloud(tmp_path, "juniper-maps")) if line.startswith("minimum $29")]


def test_a_minimum_that_sets_the_amount_is_on_the_face(tmp_path: Path) -> None:
    assert "minimum $29 29.00" in face(cloud(tmp_path, "ivy-school"))


def test_the_face_shows_events_and_not_their_workings(tmp_path: Path) -> None:
    shown = face(cloud(tmp_path, "bluebird-cafe"))
    assert not [line for line in shown if line.startswith(("$0.30 once", "minimum $0.50"))]
    assert "4.2 USD 2 × 0.50 1.00" in shown


def test_an_offer_during_a_window_says_which_part_lies_in_it(tmp_path: Path) -> None:
    options = ("--account", "林美", "--lang", "zh", "--format", "text")
    text = invoice(tmp_path, "platform-zh", ("usage.csv",), "accounts.jsonl", "2026-02", *options)
    assert "× ≈0.134860 (786 中有 106 在节日期间)" in text
    assert "()" not in text


def test_the_logo_stands_in_the_page(tmp_path: Path) -> None:
    assert 'src="data:image/svg+xml;base64,' in cloud(tmp_path, "acme", "html")

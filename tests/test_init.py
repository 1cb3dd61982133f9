"""`ratebook init`: what it writes can be checked, tested and rated at once, and nothing of the user's is lost."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ratebook.cli import ratebook

FILES = ("accounts.csv", "starter.rates", "usage.jsonl")
STARTER = Path(__file__).parents[1] / "rulesets" / "starter"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(ratebook, list(arguments))


def names(folder: Path) -> list[str]:
    """The files of a folder without those of the database."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("ratebook.db"))


def commands(result: Result) -> list[list[str]]:
    """The commands that are printed, as a shell takes them apart."""
    return [shlex.split(line) for line in result.stdout.splitlines() if line.startswith("  ratebook ")]


def test_writes_the_starter(tmp_path: Path) -> None:
    result = run("init", str(tmp_path / "new" / "prices"))
    assert result.exit_code == 0
    assert result.stderr == ""
    assert names(tmp_path / "new" / "prices") == sorted(FILES)
    for name in FILES:
        assert (tmp_path / "new" / "prices" / name).read_bytes() == (STARTER / name).read_bytes()


@pytest.mark.parametrize("folder", ["prices", "my prices", 'it\'s "mine"', "价目表", "."])
def test_what_it_prints_can_be_pasted(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed = commands(run("init", folder))
    assert [command[1] for command in printed] == ["check", "test", "rate", "bill", "bill"]
    for _, *arguments in printed:
        result = run(*arguments)
        assert result.exit_code == 0, result.output


def test_the_comment_of_the_starter_can_be_followed_in_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("init", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    text = (tmp_path / "starter.rates").read_text(encoding="utf-8")
    told = [line.removeprefix("#").split() for line in text.splitlines() if line.startswith("#   ratebook ")]
    assert [command[1] for command in told] == ["check", "test", "rate"]
    assert [run(*arguments).exit_code for _, *arguments in told] == [0, 0, 0]


def test_the_usage_reaches_every_rule(tmp_path: Path) -> None:
    run("init", str(tmp_path))
    files = ["--usage", str(tmp_path / "usage.jsonl"), "--accounts", str(tmp_path / "accounts.csv")]
    result = run("rate", str(tmp_path), *files, "--period", "2026-03")
    assert all(text in result.stdout for text in ("Emails sent", "Charity discount", "Minimum charge"))


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_overwritten(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine", encoding="utf-8")
    result = run("init", str(tmp_path))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "error[RB9007]" in result.stderr
    assert str(tmp_path / name) in result.stderr
    assert names(tmp_path) == [name], "nothing else is written either"
    assert (tmp_path / name).read_text(encoding="utf-8") == "mine"


def test_a_link_that_leads_nowhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "usage.jsonl").symlink_to(tmp_path / "elsewhere")
    result = run("init", str(tmp_path))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "error[RB9007]" in result.stderr
    assert names(tmp_path) == ["usage.jsonl"]


def test_other_files_of_the_folder_stay(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    assert run("init", str(tmp_path)).exit_code == 0
    assert names(tmp_path) == sorted([*FILES, "notes.txt"])


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "prices").write_text("mine", encoding="utf-8")
    result = run("init", str(tmp_path / "prices"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "error[RB9007]: it is a file, not a folder" in result.stderr


def test_a_folder_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "prices").write_text("mine", encoding="utf-8")
    result = run("init", str(tmp_path / "prices" / "below"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "error[RB9007]: the folder cannot be made" in result.stderr


def test_help_and_a_missing_folder() -> None:
    assert "never overwritten" in run("init", "--help").stdout
    assert run("init").exit_code == 2

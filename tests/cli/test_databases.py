"""Every group of commands on the platform's price list, on SQLite and on PostgreSQL: both say the same."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from ratebook.cli import ratebook

PLATFORM = Path(__file__).parents[2] / "rulesets" / "platform"

JOURNEY = """
init --database {url}
publish platform.rates --note first @2026-01-01
publish platform.rates --dry-run
account create --from accounts.jsonl --currency CNY @2026-01-01
subscription add --from accounts.jsonl @2026-01-01
subscription add --from accounts.jsonl @2026-01-01
subscription list
subscription list --account cloud-nine --format json
usage add usage.jsonl @2026-03-31
usage add usage.jsonl @2026-03-31
usage list --account bei-hai-labs --limit 3
account deposit bei-hai-labs ¥500 --reference T-1 @2026-03-31
account limit bei-hai-labs 100 @2026-03-31
card key card.key
card batch platform starter --batch b --count 2 --key-file card.key -o codes.csv @2026-03-01
card sell b-000001 --account bei-hai-labs --on 2026-03-01 @2026-03-01
card void b-000002 @2026-03-01
card list --format csv
watch add low "balance below ¥50" --to file:watch.jsonl @2026-03-31
watch run @2026-03-31
bill run --period 2026-01..2026-03 --issued 2026-04-01 @2026-04-01
bill run --period 2026-01..2026-03 --issued 2026-04-01 @2026-04-01
bill list
bill show INV-2026-000001
bill show INV-2026-000002 --format json
bill show INV-2026-000002 --format html --parties parties.json
bill overdue --on 2026-05-01 @2026-05-01
payment add cloud-nine 100000 --method bank @2026-05-02
payment list --format csv
account withdraw cloud-nine 1 @2026-05-02
bill credit INV-2026-000002 --amount 1 --reason outage --issued 2026-05-02 @2026-05-02
bill show CN-2026-000001
outbox list
subscription change 1 --plan yearly --on 2026-06-01 @2026-05-02
subscription end 3 --on 2026-06-01 @2026-05-02
usage afford bei-hai-labs compute.used --field units --time 2026-05-03T00:00:00Z
usage debit bei-hai-labs compute.used units=5 --id d-1 --time 2026-05-03T00:00:00Z @2026-05-03
report platform --period 2026-01..2026-03 --on 2026-05-02
report account bei-hai-labs --period 2026
report billing --period 2026 --format json
export beancount
export focus --period 2026
audit verify --usage-folder .
account list
log --what "subscription added" --format csv
"""
"""Commands in order; each has to end well. `@DAY` stands for who does it, and when."""


def commands(url: str) -> list[list[str]]:
    lines = JOURNEY.strip().format(url=url).splitlines()
    return [
        shlex.split(re.sub(r"@([-\d]+)$", rf"--at \1T04:00:00Z --actor tester --key step-{number}", line))
        for number, line in enumerate(lines)
    ]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for path in PLATFORM.iterdir():
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fresh_postgresql(postgresql_server: str) -> Iterator[str]:
    """The address of a database that does not exist yet."""
    import psycopg

    name = "ratebook_not_there_yet"
    yield postgresql_server.format(name=name)
    with psycopg.connect(postgresql_server.format(name="postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def test_both_databases_say_the_same(folder: Path, fresh_postgresql: str) -> None:
    said: list[list[str]] = []
    for url in (str(folder / "own.db"), fresh_postgresql):
        for left in ("card.key", "codes.csv", "watch.jsonl"):
            (folder / left).unlink(missing_ok=True)
        own = []
        for arguments in commands(url):
            result = CliRunner(env={"RATEBOOK_DATABASE": url}).invoke(ratebook, arguments)
            assert result.exit_code == 0, (url, arguments, result.output)
            own.append(result.output)
        said.append(own)
    for arguments, here, there in zip(commands(""), *said, strict=True):
        assert here == there, arguments


def test_init_fills_a_database_on_a_server(tmp_path: Path, fresh_postgresql: str) -> None:
    folder = tmp_path / "shop"
    runner = CliRunner(env={"RATEBOOK_DATABASE": fresh_postgresql})
    made = runner.invoke(ratebook, ["init", str(folder), "--database", fresh_postgresql])
    assert made.exit_code == 0, made.output
    assert sorted(path.name for path in folder.iterdir()) == ["accounts.csv", "starter.rates", "usage.jsonl"]
    # The commands that it names do what it says.
    billed, listed = (shlex.split(line.strip().removeprefix("ratebook ")) for line in made.output.splitlines()[-2:])
    assert runner.invoke(ratebook, billed).output.startswith("4 invoices over ")
    assert runner.invoke(ratebook, listed).output.count("INV-") == 4
    # Again, the database is there and stays as it is.
    again = runner.invoke(ratebook, ["init", "--database", fresh_postgresql])
    assert (again.exit_code, again.output) == (0, "The database is ready.\n")
    assert runner.invoke(ratebook, listed).output.count("INV-") == 4


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    url = f"postgresql://nobody@/none?host={tmp_path}"
    result = CliRunner().invoke(ratebook, ["init", "--database", url])
    assert (result.exit_code, "RB7035" in result.stderr, "help:" in result.stderr) == (2, True, True), result.output

"""`ratebook audit …` from the key to a proof that somebody else checks, on both databases."""

from __future__ import annotations

import csv
import io
import json
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ratebook.commands.audit import audit_command
from ratebook.ledger.store import Store, open_store

from . import sample, test_proofs
from .test_proofs import shop  # noqa: F401

Run = Callable[..., Result]
LOG = "ledger.example.com/test"


@pytest.fixture
def run(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in an empty folder, over the database of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RATEBOOK_DATABASE", url)
    monkeypatch.delenv("RATEBOOK_AUDIT_KEY", raising=False)

    def command(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(audit_command, arguments, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result

    return command


@pytest.fixture
def public(run: Run) -> str:
    """The public key of `log.key`."""
    return run("key", LOG, "-o", "log.key").stdout.strip()


def test_keys(run: Run, public: str) -> None:
    assert stat.S_IMODE(Path("log.key").stat().st_mode) == 0o600
    assert run("key", "--of", "log.key").stdout.strip() == public
    again = Path("log.key").read_text()
    assert "RB9007" in run("key", LOG, "-o", "log.key", code=2).output
    assert Path("log.key").read_text() == again, "a key is never written over"
    assert "RB7116" in run("key", "two words", "-o", "other.key", code=2).output
    assert "RB9007" in run("key", LOG, "-o", "no/such/folder", code=2).output
    assert not Path("other.key").exists()
    run("key", code=2)
    assert "RB9001" in run("key", "--of", "absent", code=2).output


def test_a_log_with_its_checkpoints(
    run: Run, public: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_store(url, create=True)) as store:
        sample.fill(store, tmp_path, customers=4, usage=10)
    assert run("checkpoint", "--key", "log.key").stdout.startswith(f"{LOG}\n")
    run("checkpoint", "--key", "log.key", "--append", "log.txt")
    one = Path("log.txt").read_text()
    assert "nothing was written" in run("checkpoint", "--key", "log.key", "--append", "log.txt").stderr
    assert Path("log.txt").read_text() == one
    sent = run("checkpoint", "--key", "log.key", "-o", "now.txt", "--webhook", "https://example.com/keep")
    assert "outbox" in sent.stderr and Path("now.txt").read_text() == one
    with closing(open_store(url)) as store:
        ((body,),) = store.read(lambda reader: reader.rows("SELECT body FROM outbox WHERE kind = 'checkpoint'"))
    assert json.loads(str(body)) == {"checkpoint": one}
    monkeypatch.setenv("RATEBOOK_AUDIT_KEY", Path("log.key").read_text())
    run("checkpoint", "--append", "log.txt")
    assert Path("log.txt").read_text().count(LOG) == 4, "two checkpoints, each with its signature"

    known = ("--public-key", public, "--usage-folder", str(tmp_path))
    good = run("verify", "--checkpoint", "log.txt", *known).stdout
    assert "nothing was found" in good and "are as they were signed." in good
    assert "covered by no checkpoint" in run("verify", "--checkpoint", "now.txt", *known).stdout
    assert "written all of it anew" in run("verify", "--usage-folder", str(tmp_path)).stdout
    Path("keys.txt").write_text(public + "\n")
    by_file = ("--public-key", "keys.txt", "--usage-folder", str(tmp_path), "--format", "json")
    found = json.loads(run("verify", "--checkpoint", "log.txt", *by_file).stdout)
    assert found["findings"] == [] and found["signed"] == found["rows"]
    run("verify", "--checkpoint", "log.txt", code=2)

    forged = one.replace(one.splitlines()[1], "7", 1)
    Path("forged.txt").write_text(forged)
    bad = run("verify", "--checkpoint", "forged.txt", *known, "--format", "csv", code=1)
    assert [row["code"] for row in csv.DictReader(io.StringIO(bad.stdout))] == ["RB7110"]
    assert "RB7110" in run("checkpoint", "--append", "forged.txt", code=2).output
    Path("empty.txt").write_text("")
    assert "RB7111" in run("verify", "--checkpoint", "empty.txt", *known, code=1).output
    assert "RB9001" in run("verify", "--checkpoint", "absent.txt", *known, code=2).output


def test_what_was_changed_is_named_and_not_signed(run: Run, public: str, store: Store, tmp_path: Path) -> None:
    sample.fill(store, tmp_path, customers=4, usage=10)
    run("checkpoint", "--key", "log.key", "--append", "log.txt")
    store.write(lambda transaction: transaction.put("UPDATE balances SET credits = credits + 1 WHERE account = 3"))
    next(tmp_path.rglob("*.parquet")).unlink()
    known = ("--checkpoint", "log.txt", "--public-key", public, "--usage-folder", str(tmp_path))
    found = json.loads(run("verify", *known, "--format", "json", code=1).stdout)
    assert [(item["code"], item["place"]) for item in found["findings"]] == [
        ("RB7120", "account 3 of balances"),
        ("RB7130", next(item["place"] for item in found["findings"] if item["code"] == "RB7130")),
    ]
    shown = run("verify", *known, code=1).stdout
    assert "account 3 of balances" in shown and "2 findings" in shown
    # The log itself is whole, and may be signed; not so where its state is another.
    run("checkpoint", "--key", "log.key", "--append", "log.txt")
    store.write(lambda transaction: transaction.put("UPDATE log_head SET size = size - 1"))
    for option in ((), ("--unverified",)):
        refused = run("checkpoint", "--key", "log.key", *option, code=1)
        assert "RB7136" in refused.stderr and not refused.stdout


def test_no_key_or_one_of_another_log(run: Run, public: str, store: Store) -> None:
    assert "RB7116" in run("checkpoint", code=2).output
    run("checkpoint", "--key", "log.key", "--append", "log.txt")
    run("key", "other.example.com/log", "-o", "other.key")
    assert "RB7112" in run("checkpoint", "--key", "other.key", "--append", "log.txt", code=2).output
    assert "RB7116" in run("verify", "--checkpoint", "log.txt", "--public-key", "log.key", code=2).output
    assert public


@pytest.mark.usefixtures("shop")
def test_a_line_is_proved_to_somebody_without_the_database(
    run: Run, public: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run("prove", "INV-2026-000001", "1", "-o", "proof.json", "--key", "log.key")
    assert "5 events" in made.stderr
    monkeypatch.setenv("RATEBOOK_DATABASE", "nowhere.db")
    found = json.loads(run("check-proof", "proof.json", "--public-key", public, "--format", "json").stdout)
    assert found["invoice"] == "INV-2026-000001" and found["rated again"] is True
    assert (found["amount"], found["quantity"], found["usage"]) == ("125.00 CNY", "150 call", "5 events")
    assert "own.rates" in found["rule"] and found["posted"].startswith("transfer ")
    document = Path("proof.json").read_text()
    Path("proof.json").write_text(document.replace("12500", "10500"))
    assert "RB7114" in run("check-proof", "proof.json", "--public-key", public, code=1).output
    Path("proof.json").write_text("{}")
    assert "RB7113" in run("check-proof", "proof.json", "--public-key", public, code=1).output
    run("check-proof", "proof.json", code=2)


@pytest.mark.usefixtures("shop")
def test_a_proof_under_a_kept_checkpoint(run: Run, public: str) -> None:
    run("checkpoint", "--key", "log.key", "--append", "log.txt")
    known = ("--checkpoint", "log.txt", "--public-key", public)
    run("prove", "INV-2026-000001", "1", "-o", "proof.json", *known)
    run("check-proof", "proof.json", "--public-key", public)
    assert "RB7135" in run("prove", "INV-2026-000001", "77", "-o", "proof.json", *known, code=2).output
    assert "RB7060" in run("prove", "INV-2027-000001", "1", "-o", "proof.json", *known, code=2).output
    run("prove", "INV-2026-000001", "1", "-o", "proof.json", "--checkpoint", "log.txt", code=2)
    assert test_proofs.KEY.name == LOG

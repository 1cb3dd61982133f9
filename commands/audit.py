"""`ratebook audit …`: that nobody changed what was posted, and why a line of an invoice is what it is."""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..cli import EXIT_FINDINGS
from ..diagnostics import Diagnostic
from .books import NounGroup, database_option, fail, format_option, opened, succeeded, write_file
from .console import note, number_of, show_findings
from .listing import show_one, show_rows

if TYPE_CHECKING:
    from ..billing.audit.checkpoints import Signed
    from ..ledger.note import Checkpoint, PublicKey, SecretKey
    from ..ledger.proof import Proof
    from ..ledger.store import Store

T = TypeVar("T")

FINDINGS = ("code", "place", "message")

_file = click.Path(path_type=Path, dir_okay=False)
_key_option = click.option("--key", "key_file", type=_file, metavar="FILE", help="The key that signs.")
_key_text = click.option("--key-text", envvar="RATEBOOK_AUDIT_KEY", hidden=True)
_public_option = click.option(
    "--public-key",
    "public",
    multiple=True,
    metavar="KEY",
    help="A public key of the log, or a file with one in each line; give earlier ones too.",
)


@click.group("audit", cls=NounGroup, short_help="Show that nothing posted was changed, and why a line is what it is.")
def audit_command() -> None:
    """Sign the log, verify it, and prove lines of invoices to others."""


@audit_command.command("key")
@click.argument("name", required=False)
@click.option("-o", "output", type=_file, metavar="FILE", help="Where the new key goes; only its owner can read it.")
@click.option("--of", "of", type=_file, metavar="FILE", help="Print the public key of this key instead.")
def key(name: str | None, output: Path | None, of: Path | None) -> None:
    """Make a key for the log NAME, such as ledger.example.com/production, and print its public key.

    The key signs and stays where only the billing system reads it, outside the database. Auditors get the public key.
    """
    from ..billing.audit.keys import make_key, secret_key

    if of is not None:
        found = succeeded(secret_key(of, None))
    elif name is None or output is None:
        raise click.UsageError("give a NAME and -o FILE to make a key, or --of FILE to see a public key")
    else:
        found = succeeded(make_key(name, output))
        note(f"written to {output}, which only you can read; keep a copy where the database is not")
    click.echo(str(found.public_key))


@audit_command.command("checkpoint")
@_key_option
@_key_text
@click.option("-o", "output", type=_file, metavar="FILE", help="Write it here.")
@click.option("--append", "append", type=_file, metavar="FILE", help="Add it to the checkpoints in this file.")
@click.option("--webhook", metavar="URL", help="Put it into the outbox too, for somebody outside to keep.")
@click.option("--unverified", is_flag=True, help="Sign what the database says of its log, without reading its rows.")
@database_option
def checkpoint(
    key_file: Path | None,
    key_text: str | None,
    output: Path | None,
    append: Path | None,
    webhook: str | None,
    unverified: bool,
    database: str,
) -> None:
    """Sign the log as it stands. Without -o and --append the checkpoint is printed.

    The rows are verified first, against the checkpoints of the file that is added to; nothing is signed where they do
    not fit. What comes from outside the database is worth most: keep the file on another machine.
    """
    from ..billing.audit.checkpoints import send_checkpoint, take_checkpoint
    from ..billing.audit.keys import secret_key

    if output is not None and append is not None:
        raise click.UsageError("give -o or --append, not both")
    own = succeeded(secret_key(key_file, key_text))
    earlier = _all_good(_checkpoints([append], [own.public_key])) if append is not None and append.exists() else []
    with opened(database) as store:
        signed = take_checkpoint(store, own, earlier, verify=not unverified)
        if isinstance(signed, tuple):
            show_findings(signed)
            sys.exit(EXIT_FINDINGS)
        _keep(signed, output, append)
        if webhook is not None:
            sent = succeeded(send_checkpoint(store, signed, webhook, now=datetime.now(UTC)))
            note(f"message {sent['message']} is in the outbox")


@audit_command.command("verify")
@click.option("--checkpoint", "files", type=_file, multiple=True, metavar="FILE", help="A file with checkpoints.")
@_public_option
@click.option("--usage-folder", type=click.Path(path_type=Path), metavar="FOLDER", help="Where files of usage are.")
@database_option
@format_option
def verify(
    files: tuple[Path, ...], public: tuple[str, ...], usage_folder: Path | None, database: str, form: str
) -> None:
    """Read everything and say what does not fit: rows, their hashes, checkpoints, balances, invoices, files of usage.

    Without a checkpoint, whoever owns the database may have written all of it anew. Exits 1 where something was found.
    """
    from ..billing.audit.keys import public_keys
    from ..billing.audit.report import audit_database

    if files and not public:
        raise click.UsageError("checkpoints are checked with --public-key")
    given = _checkpoints(files, _all_good(public_keys(public))) if files else []
    # A checkpoint that is forged is found like a row that is; the others are still compared.
    forged = [one for one in given if isinstance(one, Diagnostic)]
    signed = [one for one in given if not isinstance(one, Diagnostic)]
    with opened(database) as store:
        report = audit_database(store, signed, usage_folder).with_findings(forged)
    if form == "json":
        show_one(
            {
                "rows": report.rows,
                "root": None if report.root is None else b64encode(report.root).decode(),
                "signed": report.signed,
                "findings": [
                    {"code": item.code, "place": item.place, "message": item.message, "notes": list(item.notes)}
                    for item in report.findings
                ],
            },
            form,
        )
    elif form == "csv":
        rows = [{"code": item.code, "place": item.place, "message": item.message} for item in report.findings]
        show_rows(rows, form, FINDINGS, empty="")
    else:
        show_findings(report.findings, err=False)
        found = number_of(sum(report.counts.values()), "finding") if report.counts else "nothing was found"
        click.echo(f"{number_of(report.rows, 'row')} read, {found}.")
        changed = any(code < "RB7110" for code in report.counts)
        click.echo(_covered(report.signed, report.rows, has_checkpoints=bool(files), changed=changed))
    if report.findings:
        sys.exit(EXIT_FINDINGS)


def _covered(signed: int, rows: int, *, has_checkpoints: bool, changed: bool) -> str:
    if not has_checkpoints:
        return "No checkpoint was given: whoever owns the database may have written all of it anew."
    if not signed:
        return "No checkpoint fits."
    after = "" if signed >= rows else f"; the {number_of(rows - signed, 'row')} after them are covered by no checkpoint"
    but = ", but for those that are named above" if changed else ""
    return f"The first {number_of(signed, 'row')} are as they were signed{but}{after}."


def _keep(signed: Signed, output: Path | None, append: Path | None) -> None:
    from ..billing.audit.checkpoints import notes_in

    if output is not None:
        write_file(output, [signed.note])
    elif append is not None:
        before = _text(append) if append.exists() else ""
        if signed.note in notes_in(before):
            note(f"nothing was written since the last checkpoint in {append}")
        else:
            # Written whole or not at all: a file of checkpoints that ends inside one would be refused from then on.
            write_file(append, [before, "\n" if before else "", signed.note])
    else:
        click.echo(signed.note, nl=False)


def _checkpoints(files: Sequence[Path], keys: Sequence[PublicKey]) -> list[Checkpoint | Diagnostic]:
    """All checkpoints of files, and what is wrong with others."""
    from ..billing.audit.checkpoints import read_checkpoints

    return [one for path in files for one in read_checkpoints(_text(path), keys, str(path))]


def _all_good(found: Sequence[T | Diagnostic]) -> list[T]:
    wrong = [item for item in found if isinstance(item, Diagnostic)]
    if wrong:
        fail(*wrong)
    return [item for item in found if not isinstance(item, Diagnostic)]


def _text(path: Path) -> str:
    try:
        # Line ends are under the signature: nothing is translated.
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        fail(Diagnostic("RB9001", f"the file cannot be read: {reason}", place=str(path)))


@audit_command.command("prove")
@click.argument("invoice")
@click.argument("line", type=click.IntRange(1))
@click.option("-o", "output", type=_file, required=True, metavar="FILE", help="Where the proof goes.")
@click.option("--checkpoint", "file", type=_file, metavar="FILE", help="Use the latest checkpoint in this file.")
@_public_option
@_key_option
@_key_text
@click.option("--all-usage", is_flag=True, help="Show all events, however many it takes.")
@database_option
def prove(
    invoice: str,
    line: int,
    output: Path,
    file: Path | None,
    public: tuple[str, ...],
    key_file: Path | None,
    key_text: str | None,
    all_usage: bool,
    database: str,
) -> None:
    """Prove LINE of INVOICE: this usage, by this rule of this ruleset, is this transfer.

    The proof stands under a checkpoint: one of --checkpoint with --public-key, or a new one by --key. It holds the rows
    themselves with all that is in them, so that whoever gets it can check it without the database.
    """
    from ..billing.audit.keys import public_keys, secret_key
    from ..billing.audit.proving import USAGE_MAX, prove_line
    from ..ledger.proof import USAGE, verify_proof, write_proof

    with opened(database) as store:
        if file is not None:
            if not public:
                raise click.UsageError("the checkpoint is checked with --public-key")
            keys = _all_good(public_keys(public))
            signed, text = _latest(file, keys)
        else:
            own = succeeded(secret_key(key_file, key_text))
            keys = [own.public_key]
            taken = _taken(store, own)
            signed, text = taken.checkpoint, taken.note
        most = sys.maxsize if all_usage else USAGE_MAX
        found = succeeded(store.read(lambda reader: prove_line(reader, invoice, line, signed, text, usage_max=most)))
    document = write_proof(found)
    # Whoever gets it will do the same: a row that was tampered with is better found here.
    wrong = verify_proof(document, "\n".join(map(str, keys)))
    if wrong:
        fail(*wrong)
    write_file(output, [document])
    events = sum(row.role in USAGE for row in found.rows)
    note(
        f"{number_of(len(found.rows), 'row')}, of which {number_of(events, 'event')}, under {signed.size:,} signed rows"
    )


@audit_command.command("check-proof")
@click.argument("proof", type=_file)
@_public_option
@format_option
def check_proof(proof: Path, public: tuple[str, ...], form: str) -> None:
    """Check PROOF without any database: its rows are in the signed log, belong together, and give the line.

    The line is rated again with the ruleset and the usage that the proof shows. Exits 1 where anything is wrong.
    """
    from ..billing.audit.keys import public_keys
    from ..billing.audit.rerating import rate_again
    from ..diagnostics import Severity
    from ..ledger.proof import Proof, read_proof, verify_proof

    if not public:
        raise click.UsageError("a proof is checked with --public-key, from whom you trust")
    keys = _all_good(public_keys(public))
    document = _text(proof)
    findings = list(verify_proof(document, "\n".join(map(str, keys))))
    read = read_proof(document)
    again = None
    if not findings and isinstance(read, Proof):
        again = rate_again(read.rows)
        findings.extend([again] if again is not None else [])
    show_findings(findings)
    if isinstance(read, Proof) and not any(item.severity is Severity.ERROR for item in findings):
        show_one(_proved(read, rated=again is None), form)
    if any(item.severity is Severity.ERROR for item in findings):
        sys.exit(EXIT_FINDINGS)


def _proved(proof: Proof, *, rated: bool) -> dict[str, object]:
    """What a proof that holds shows, for people."""
    from ..billing.amounts import amount_text
    from ..billing.documents import document_number
    from ..ledger.proof import USAGE

    rows: dict[str, dict[str, Any]] = {row.role: dict(row.fields) for row in proof.rows}
    line, invoice, posted = rows["line"], rows["invoice"], rows.get("transfer")
    origin, size, _ = proof.checkpoint.split("\n", 2)
    return {
        "invoice": document_number(proof.claim.series, proof.claim.number),
        "account": invoice["account"],
        "line": f"{proof.claim.line} {line['label']}",
        "amount": amount_text(line["amount"], invoice["currency"]),
        "quantity": f"{line['quantity']} {line['unit']}".strip(),
        "rule": proof.claim.place,
        "ruleset": f"{invoice['ruleset']} {proof.claim.ruleset}",
        "usage": number_of(sum(row.role in USAGE for row in proof.rows), "event"),
        "posted": "nothing to post" if posted is None else f"transfer {posted['id']}",
        "log": f"{origin}, {int(size):,} rows signed",
        "rated again": rated,
    }


def _latest(file: Path, keys: Sequence[PublicKey]) -> tuple[Checkpoint, str]:
    """The latest checkpoint of a file, with its note."""
    from ..billing.audit.checkpoints import notes_in

    found = list(zip(_all_good(_checkpoints([file], keys)), notes_in(_text(file)), strict=True))
    return max(found, key=lambda item: item[0].size)


def _taken(store: Store, key: SecretKey) -> Signed:
    from ..billing.audit.checkpoints import take_checkpoint

    signed = take_checkpoint(store, key, verify=False)
    if isinstance(signed, tuple):
        fail(*signed)
    return signed

"""The documentation is run: every ruleset compiles, every command prints what is shown, every link leads somewhere.

Blocks of README.md and docs/*.md are taken in order, in one folder for each document:

- `rates`: compiles without errors, is in canonical form, and its examples pass.
- `console`: each `$ command` prints exactly the lines below it. A line that ends in `…` is compared up to there; a line
  `...` stands for any lines.
- `python`: runs, in one namespace for each document. What it prints is compared with a `text` block right after it.
- `json`, `jsonl`, `csv`: are parsed.
- `text` after `<!-- invoice -->`: the sheet of the invoice of the first example of the ruleset above it, or of the one
  that `<!-- invoice: TITLE -->` names.
- `diff`: changes a file of the folder that `<!-- edit: NAME -->` names.

A comment right before a block says more: `<!-- file: NAME -->` also writes it into the folder, `<!-- mistake: CODE -->`
says which errors a ruleset has, and `<!-- file: NAME; mistake: CODE -->` both. `<!-- unchecked: why -->` lets a block
of any kind pass.

`--update-cases` rewrites what commands and programs print, and the form of rulesets. An elision (`...`) is lost where
it no longer fits.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from ratebook.diagnostics import Severity, Source
from ratebook.diagnostics.text import render_text
from ratebook.engine.compiler.compile import Compiled, compile_ruleset
from ratebook.engine.examples import findings_of, run_example
from ratebook.grammar.format import format_ruleset
from ratebook.grammar.parse import parse
from ratebook.invoice import InvoiceFormat, InvoiceOptions, build_invoice, english, render_invoice

ROOT = Path(__file__).parents[2]
ELSEWHERE = {"errors.md", "benchmarks.md"}  # made by programs, and held to them by tests of their own
RUN = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").glob("*.md") if path.name not in ELSEWHERE)]
LINKED = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(
    r"^(?:<!-- (?P<marker>[^\n]*?) -->\n+)?```(?P<kind>[\w-]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, its kind, the comment before it, its text."""

    line: int
    kind: str
    marker: str
    text: str

    def named(self, word: str) -> str:
        """What the comment before it says after `word:`, or nothing."""
        said = dict(part.strip().partition(": ")[::2] for part in self.marker.split(";"))
        return said.get(word, "")


def blocks_of(text: str) -> Iterator[tuple[re.Match[str], Block]]:
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("text"))
        yield match, Block(line, match["kind"], match["marker"] or "", match["text"])


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("path", RUN, ids=names(RUN))
def test_blocks(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    monkeypatch.chdir(tmp_path)
    reader = Reader(tmp_path)
    text = path.read_text(encoding="utf-8")
    failures, pieces, reached = [], [], 0
    for match, block in blocks_of(text):
        failures += [f"{path.relative_to(ROOT)}:{block.line}: {what}" for what in reader.problems(block)]
        pieces += [text[reached : match.start("text")], block.text if reader.shown is None else reader.shown]
        reached = match.end("text")
    if pytestconfig.getoption("--update-cases"):
        path.write_text("".join((*pieces, text[reached:])), encoding="utf-8")
        return
    assert not failures, "\n\n" + "\n\n".join(failures)


class Reader:
    """Somebody who follows one document to the letter, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.namespace: dict[str, object] = {"__name__": "__main__"}
        self.printed: str | None = None
        self.compiled: Compiled | None = None
        """The ruleset shown last, which the invoices below it are of."""
        self.shown: str | None = None
        """What the block just read ought to show, where it shows something else."""

    def problems(self, block: Block) -> Iterator[str]:
        """What does not come out as the block says."""
        printed, self.printed, self.shown = self.printed, None, None
        if block.marker.startswith("unchecked"):
            return
        if name := block.named("file"):
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
        match block.kind:
            case "rates":
                yield from self.ruleset(block)
            case "console":
                yield from self.console(block)
            case "python":
                yield from self.python(block)
            case "text" if block.marker.split(":")[0] == "invoice":
                yield from self.invoice(block)
            case "text" if printed is not None:
                if not same(printed, block.text):
                    self.shown = shortened(printed)
                    yield f"the code above prints:\n{printed}"
            case "diff":
                yield from self.edit(block)
            case "json":
                json.loads(block.text)
            case "jsonl":
                for line in block.text.splitlines():
                    json.loads(line)
            case "csv":
                rows = list(csv.reader(block.text.splitlines()))
                if any(len(row) != len(rows[0]) for row in rows):
                    yield "the rows of this CSV differ in length"
            case _ if not block.named("file"):
                yield f"a block of kind “{block.kind}” says nothing that can be checked"

    def ruleset(self, block: Block) -> Iterator[str]:
        def read(name: str) -> str | None:
            path = self.folder / name
            return path.read_text(encoding="utf-8") if path.exists() else None

        source = Source(block.named("file") or "shown.rates", block.text)
        compiled = compile_ruleset(source, read)
        self.compiled = compiled
        errors = [finding for finding in compiled.findings if finding.severity is Severity.ERROR]
        wanted = block.named("mistake").split()
        if wanted or block.marker == "part":
            # A part of a ruleset that others import has no first line of its own.
            if sorted(finding.code for finding in errors) != sorted(wanted or ["RB2008"]):
                yield f"expected {wanted}:\n{render_text(errors, compiled.sources, colour=False)}"
            return
        if compiled.program is None or compiled.ruleset is None:
            if not ([finding.code for finding in errors] == ["RB2008"] and block.named("file")):
                yield render_text(errors, compiled.sources, colour=False)
            return
        warnings = [finding for finding in compiled.findings if finding.severity is Severity.WARNING]
        if warnings:
            yield render_text(warnings, compiled.sources, colour=False)
        tree, _ = parse(source)
        formatted = format_ruleset(tree, source.text)
        if formatted != block.text:
            self.shown = formatted
            yield f"`ratebook fmt` gives:\n{formatted}"
        for example in compiled.ruleset.examples:
            findings = list(findings_of(run_example(compiled.program, example)))
            if findings:
                yield render_text(findings, compiled.sources, colour=False)

    def invoice(self, block: Block) -> Iterator[str]:
        compiled, title = self.compiled, block.named("invoice")
        examples = () if compiled is None or compiled.ruleset is None else compiled.ruleset.examples
        example = next((item for item in examples if title in ("", item.title)), None)
        statement = None
        if compiled is not None and compiled.program is not None and example is not None:
            statement = run_example(compiled.program, example).statement
        if compiled is None or statement is None:
            yield f"no example above has an invoice{f' and is called “{title}”' if title else ''}"
            return
        sheet = sheet_of(
            render_invoice(
                build_invoice(statement, None, InvoiceOptions(language=english()), compiled.sources), InvoiceFormat.TEXT
            )
        )
        if not same(sheet, block.text):
            self.shown = shortened(sheet)
            yield f"the invoice is:\n{sheet}"

    def console(self, block: Block) -> Iterator[str]:
        pieces = []
        for command, expected in shown_commands(block.text):
            printed = self.run(command)
            if not same(printed, expected):
                yield f"`{command}` prints:\n{printed}"
                expected = shortened(printed)
            pieces.append(f"$ {command}\n{expected}")
        self.shown = "".join(pieces)

    def run(self, command: str) -> str:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "NO_COLOR": "1",
            "COLUMNS": "100",
            "PYTHONUTF8": "1",
        }
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=120,
        )
        return done.stdout.decode("utf-8")

    def python(self, block: Block) -> Iterator[str]:
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(block.text, "shown.py", "exec"), self.namespace)
        except Exception as error:  # the failure of an example is a finding about the page, whatever it is
            yield f"{type(error).__name__}: {error}"
        self.printed = printed.getvalue()

    def edit(self, block: Block) -> Iterator[str]:
        target = self.folder / block.named("edit")
        if not target.is_file():
            yield f"there is no {target.name} to change"
            return
        lines = block.text.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        text = target.read_text(encoding="utf-8")
        if text.count(before) != 1:
            yield f"{target.name} has these lines {text.count(before)} times:\n{before}"
            return
        target.write_text(text.replace(before, after), encoding="utf-8")


def sheet_of(invoice: str) -> str:
    """The lines and totals of an invoice in text, without its head and its workings."""
    words = english().words
    lines = invoice.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(words.description))
    last = lines.index(words.workings)
    return "\n".join(lines[first:last]).rstrip() + "\n"


def shown_commands(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a console block, each with what it prints. A command goes on after a `\\` at a line's end."""
    command, shown, goes_on = "", "", False
    for line in text.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line[2:], ""
        elif goes_on:
            command += "\n" + line
        else:
            shown += line + "\n"
            continue
        goes_on = line.endswith("\\")
    yield command, shown


def same(actual: str, expected: str) -> bool:
    """Whether a text is the one shown, spaces at the ends of lines apart."""
    return matches([line.rstrip() for line in actual.splitlines()], [line.rstrip() for line in expected.splitlines()])


def shortened(printed: str) -> str:
    """What a page shows of a text: without spaces at the ends of lines, and without the digits of hashes."""
    text = re.sub(r"(sha256:)[0-9a-f]{64}.*", r"\1…", printed)
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def matches(actual: list[str], expected: list[str]) -> bool:
    """Whether lines are those expected, where `...` stands for any lines and `…` ends a line early."""
    if not expected:
        return not actual
    if expected[0] == "...":
        return any(matches(actual[count:], expected[1:]) for count in range(len(actual) + 1))
    if not actual:
        return False
    first = expected[0]
    same = actual[0].startswith(first[:-1]) if first.endswith("…") else actual[0] == first
    return same and matches(actual[1:], expected[1:])


def anchor(heading: str) -> str:
    """The name that a heading has in links."""
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def without_blocks(text: str) -> str:
    return BLOCK.sub("", text)


@pytest.mark.parametrize("path", LINKED, ids=names(LINKED))
def test_links(path: Path) -> None:
    broken = []
    for target in LINK.findall(without_blocks(path.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, fragment = target.partition("#")
        file = path if not name else (path.parent / name).resolve()
        if not file.exists():
            broken.append(target)
        elif fragment and file.suffix == ".md":
            text = without_blocks(file.read_text(encoding="utf-8"))
            if fragment not in {anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}:
                broken.append(target)
    assert not broken


def test_commands_are_those_of_the_program() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_page_is_forgotten() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {page for page in pages if f"({page})" not in index} == set()


def test_every_ruleset_of_the_language_shows_an_invoice() -> None:
    """After each ruleset with examples stands the invoice of the first."""
    text = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    blocks = [block for _, block in blocks_of(text)]
    without = [
        block.line
        for block, following in pairwise([*blocks, Block(0, "", "", "")])
        if block.kind == "rates" and "\nexample " in block.text and following.marker.split(":")[0] != "invoice"
    ]
    assert without == []


def test_elision() -> None:
    assert matches(["a", "b", "c"], ["a", "...", "c"])
    assert matches(["abc", "d"], ["ab…", "d"])
    assert not matches(["a", "b"], ["a"])
    assert not matches(["a"], ["b"])

"""What a benchmark found, as text on the terminal and as a section of docs/benchmarks.md, replaced in place."""

from __future__ import annotations

import argparse
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

What was measured, with which versions, and the command that measures it again. A run with `--write` replaces its own
section here. Times are of the machine named below each table; ratios hold better than times. What each benchmark does
is told in [bench/README.md](../bench/README.md).
"""


@dataclass(frozen=True, slots=True)
class Report:
    """One benchmark's results: a table, and sentences below it."""

    title: str
    command: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    packages: Sequence[str] = ("ratebook",)

    def table(self) -> str:
        widths = [max(len(row[index]) for row in [self.columns, *self.rows]) for index in range(len(self.columns))]
        lines = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
            for row in [self.columns, *self.rows]
        ]
        rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
        return "\n".join([lines[0], rule, *lines[1:]])

    def text(self) -> str:
        notes = "\n".join(f"- {note}" for note in self.notes)
        return f"{self.table()}\n\n{notes}\n\n{versions(self.packages)}.\n".replace("\n\n\n\n", "\n\n")

    def section(self) -> str:
        return f"## {self.title}\n\n`{self.command}`\n\n{self.text()}"


def versions(packages: Sequence[str]) -> str:
    """The versions that a result depends on, and the machine."""
    found = [f"{platform.python_implementation()} {platform.python_version()}"]
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} (not installed)")
    return f"{', '.join(found)}; {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser with the option that all benchmarks have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    return parser


def publish(report: Report, *, write: bool) -> None:
    """Print a report, and put it on the page if that was asked for."""
    print(f"{report.title}\n\n{report.text()}")
    if write:
        text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else HEAD
        PAGE.write_text(with_section(text, report.title, report.section()), encoding="utf-8")


def with_section(page: str, title: str, section: str) -> str:
    """The page with the section of that title replaced, or added at its end."""
    head, *sections = re.split(r"(?m)^(?=## )", page)
    named = [(text.split("\n", 1)[0].removeprefix("## "), text) for text in sections]
    kept = [section if name == title else text for name, text in named]
    if title not in [name for name, _ in named]:
        kept.append(section)
    return "\n\n".join(text.strip() for text in [head, *kept]) + "\n"

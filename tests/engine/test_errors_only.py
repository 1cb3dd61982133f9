"""Who rates asks for errors alone: the same errors as `check` finds, without the checks that only warn."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ratebook.diagnostics import CODES, Diagnostic, Severity, Source
from ratebook.engine.compiler.checks import CHECKS, ONLY_WARN
from ratebook.engine.compiler.compile import Compiled, compile_ruleset
from ratebook.engine.compiler.model import Ruleset

GALLERY = Path(__file__).parent.parent / "cases" / "diagnostics"


@pytest.mark.parametrize("check", sorted(ONLY_WARN, key=lambda check: check.__name__))
def test_a_check_that_is_left_out_knows_no_error(check: Callable[[Ruleset], Iterator[Diagnostic]]) -> None:
    assert check in CHECKS
    codes = set(re.findall(r"RB\d{4}", Path(inspect.getfile(check)).read_text("utf-8")))
    assert codes and all(CODES[code].warning for code in codes)


@pytest.mark.parametrize("path", sorted(GALLERY.glob("RB2*.rates"))[::4], ids=lambda path: path.stem)
def test_errors_are_the_same_without_warnings(path: Path) -> None:
    def compiled(*, warn: bool) -> Compiled:
        def read(name: str) -> str | None:
            file = GALLERY / name
            return file.read_text("utf-8") if file.is_file() else None

        return compile_ruleset(Source(path.name, path.read_text("utf-8")), read, warn=warn)

    whole, errors = compiled(warn=True), compiled(warn=False)
    assert errors.findings == tuple(each for each in whole.findings if each.severity is Severity.ERROR)
    assert errors == replace(whole, findings=errors.findings)

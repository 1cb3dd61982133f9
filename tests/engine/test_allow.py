"""`allow CODE because "…"` keeps every warning about a ruleset on purpose, wherever the warning is raised."""

from __future__ import annotations

import pytest

from ratebook.diagnostics import CODES, Source
from ratebook.diagnostics.pages import pages
from ratebook.engine.compiler.compile import Compiled, compile_ruleset

# A warning on the `allow` line itself is not allowed by another one.
ON_ALLOW = {"RB2502"}
# Warnings of a change need an earlier version to be shown; tests/cases/against allows those.
OF_A_CHANGE = "RB27"
WARNINGS = [
    code
    for code in CODES
    if CODES[code].warning and code.startswith(("RB1", "RB2")) and code not in ON_ALLOW
    if not code.startswith(OF_A_CHANGE)
]
# What no page can show, because its text would not be seen to differ.
TEXTS = {
    "RB1013": "unit caf" + "e\N{COMBINING ACUTE ACCENT}\n",
    "RB1014": "unit c\N{CYRILLIC SMALL LETTER A}ll\n",
}


def compiled(code: str, allow: str) -> Compiled:
    page = pages()[code]
    text = TEXTS.get(code) or page.bad
    assert text, f"{code} has no ruleset that shows it"
    header = 'ruleset acme "Acme":\n  currency USD\n'
    given = page.given or ("" if "ruleset " in text else header)
    return compile_ruleset(Source("page.rates", f"{given}\n{text}\n{allow}"), prove=True)


@pytest.mark.parametrize("code", WARNINGS)
def test_every_warning_can_be_kept(code: str) -> None:
    assert code in {finding.code for finding in compiled(code, "").findings}
    kept = compiled(code, f'allow {code} because "it is meant"\n')
    assert [finding.code for finding in kept.findings] == []
    assert kept.program is not None

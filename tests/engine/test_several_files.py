"""What a single example cannot say, for it takes several files."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import ratebook

COMMON = """\
unit call

event api:
  calls: number of call

meter calls: sum of calls of api

discount tenth: 10% off calls
"""

PRICES = """\
import "shared/common.rates"

ruleset several "Several files":
  currency USD
  time zone UTC

plan payg from 2026-01-01:
  charge calls: at $0.02 per call
"""


def test_imported_declarations_are_priced(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "common.rates").write_text(COMMON, encoding="utf-8")
    (tmp_path / "prices.rates").write_text(PRICES, encoding="utf-8")
    usage = [{"id": "1", "account": "a", "event": "api", "time": "2026-03-02T10:00:00Z", "calls": 1_000}]
    accounts = [{"account": "a", "plan": "payg", "start": "2026-01-01"}]
    (found,) = ratebook.rate(ratebook.load(tmp_path / "prices.rates"), usage, accounts, "2026-03")
    # 1,000 × 0.02 = 20, less 10%.
    assert Decimal(found.money.text(found.total)) == Decimal("18.00")
    assert [line.id for line in found.lines] == ["calls", "tenth"]

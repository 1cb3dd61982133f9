"""Spark gives the statements of one machine, line by line, from every kind of file, on both roads, with tasks lost.

One session serves the whole module. Java and PySpark have to be there: `scripts/test` sees to it, nothing is skipped.
"""

from __future__ import annotations

import csv
import json
import os
import random
import signal
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyspark.sql import SparkSession

from ratebook.diagnostics import Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.period import DateRange
from ratebook.engine.plan import Program
from ratebook.intake.columnar.run import rate_columnar
from ratebook.intake.spark.run import SparkRun, rate_spark
from ratebook.intake.statements import StatementFormat

PERIOD = DateRange.fromisoformat("2026-03-01", "2026-04-01") if hasattr(DateRange, "fromisoformat") else None

SUMMED = """
ruleset prices "Prices":
  currency USD
  time zone Asia/Shanghai
  round each line half even

account:
  tier: one of standard, gold

event used:
  region: one of eu, us
  units: number

meter units: sum of units of used in unit
meter calls: count of used
meter peak: maximum of units of used
meter typical: average of units of used

plan basic from 2026-01-01:
  includes 100 of units
  charge units by region graduated:
    | region | first 1,000   | above         |
    | eu     | $0.0130 each  | $0.0110 each  |
    | us     | $0.0127 each  | $0.0099 each  |
  charge calls: $0.003 each
  charge peak: $0.01 each
  charge typical: $0.07 each
  minimum $5

discount gold:
  10% off charges
  when account.tier is gold
"""

ORDERED = """
ruleset ordered "Ordered":
  currency USD
  time zone Asia/Shanghai
  round each line half even

account:
  tier: one of standard, gold

event used:
  region: one of eu, us
  units: number

meter regions: unique region of used
meter units: sum of units of used

plan basic from 2026-01-01:
  charge regions: $1 each
  charge units: $0.0121 each
"""

"""Files into validated rows, and statements into files; the only place that knows the formats and runs DuckDB."""

from __future__ import annotations

from .accounts import AccountsIntake, accounts_of_numbered, accounts_of_rows, read_accounts
from .rejects import Reject, first_rejects, write_rejects
from .statement_json import statement_json, statement_object
from .statements import StatementFormat, write_statements
from .usage import UsageIntake, read_usage, usage_of_rows

__all__ = [
    "AccountsIntake",
    "Reject",
    "StatementFormat",
    "UsageIntake",
    "accounts_of_numbered",
    "accounts_of_rows",
    "first_rejects",
    "read_accounts",
    "read_usage",
    "statement_json",
    "statement_object",
    "usage_of_rows",
    "write_rejects",
    "write_statements",
]

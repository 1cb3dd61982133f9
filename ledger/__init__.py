"""Accounts, transfers and their tamper evidence; knows money, not rules."""

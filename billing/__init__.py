"""The billing system: rulesets in force, subscriptions, usage, charges, invoices, payments, cards and reports.

It brings the engine, which says what something costs, and the ledger, which holds money, together. Every operation
takes a store, who acts, and the time; "now" is an argument.
"""

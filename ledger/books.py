"""The tables of the billing system beside the ledger's own: who buys what, what was used, what was billed.

They hold facts of business as texts and whole numbers, and know no rules: amounts are minor units of a currency, times
are microseconds since 1970 in UTC, days are texts like 2026-03-01, and what has structure is JSON with sorted keys. All
but the counters and what follows from other rows are append-only; where a fact changes, a later row says so.
"""

from __future__ import annotations

from .tables import Table, Unique, binary, integer, text

ANSWERS = Table(
    "answers",
    (text("key"), binary("fingerprint"), text("answer")),
    unique=(Unique(("key",)),),
)
"""What a request of business was answered, for ever: the same key gets the same answer. `answer` is JSON."""

OPERATIONS = Table(
    "operations",
    (
        integer("time"),
        text("actor"),
        text("what"),
        text("account"),
        text("subject"),
        text("before"),
        text("after"),
        text("reason"),
    ),
    indexes=(("account",), ("what",)),
)
"""Who did what, to which account and thing, when, what was before and after (JSON), and why."""

CUSTOMERS = Table(
    "customers",
    (text("account"), text("currency"), integer("opened"), text("details")),
    unique=(Unique(("account",)),),
)
"""Customers' accounts. Money of one is in its accounts of the ledger: `receivable:ID`, `wallet:ID`, `card:…`."""

CUSTOMER_CHANGES = Table(
    "customer_changes",
    (text("account"), text("attributes"), integer("closed"), text("valid_from")),
    indexes=(("account",),),
)
"""Attributes of an account that rulesets ask for (JSON), and whether it is closed: the latest row counts."""

RULESETS = Table(
    "rulesets",
    (text("name"), text("hash"), text("main"), text("files"), text("currency"), integer("published"), text("note")),
    indexes=(("name",), ("hash",)),
)
"""Published rulesets: `files` is JSON, each file's name and text, `main` the first's. The latest of a name counts."""

SUBSCRIPTIONS = Table(
    "subscriptions",
    (
        integer("number"),
        text("account"),
        text("ruleset"),
        text("plan"),
        text("start"),
        text("end_day"),
        text("attributes"),
    ),
    indexes=(("account",), ("number",)),
)
"""An account on a plan or contract. Rows of one number are its versions, the latest counts; `end_day` is empty while
it runs, or the first day that it does not cover. `attributes` (JSON) stand above those of the account."""

USAGE_EVENTS = Table(
    "usage_events",
    (
        text("source"),
        text("event_id"),
        text("account"),
        text("event"),
        integer("time"),
        text("fields"),
        binary("fingerprint"),
        integer("received"),
    ),
    unique=(Unique(("source", "event_id")),),
    indexes=(("account", "time"), ("account", "id")),
)
"""Usage events as they came: `fields` is JSON with numbers as texts. (source, id) counts once."""

USAGE_FILES = Table(
    "usage_files",
    (
        text("path"),
        text("digest"),
        integer("events"),
        integer("first_time"),
        integer("last_time"),
        integer("received"),
    ),
    unique=(Unique(("path",)),),
)
"""Partitions in Parquet beside the database that hold usage of large intakes, with the hash of each file."""

BILL_RUNS = Table(
    "bill_runs",
    (text("period"), text("ruleset"), text("hash"), text("issued"), text("payable_by"), integer("time")),
    indexes=(("ruleset", "period"),),
)
"""Billing runs. What a run reads is fixed when it begins: the rows before its own in the sequence, so that it comes to
the same when it is taken up again."""

BILL_RUN_ENDS = Table(
    "bill_run_ends",
    (integer("run"), integer("invoices"), integer("empty"), integer("time")),
    unique=(Unique(("run",)),),
)
"""That a run has issued everything, and how many documents it came to. A run without one is taken up again."""

INVOICES = Table(
    "invoices",
    (
        text("series"),
        integer("number"),
        text("kind", check="kind IN ('invoice', 'adjustment', 'credit note', 'nothing')"),
        text("account"),
        integer("subscription"),
        text("plan"),
        text("ruleset"),
        text("hash"),
        text("period_start"),
        text("period_end"),
        integer("starts"),
        integer("ends"),
        text("currency"),
        integer("total"),
        text("issued"),
        text("payable_by"),
        integer("corrects", nullable=True),
        integer("run", nullable=True),
        text("statement"),
    ),
    unique=(
        Unique(("series", "number"), "kind <> 'nothing'"),
        Unique(("subscription", "period_start"), "kind IN ('invoice', 'nothing')"),
        Unique(("run", "subscription"), "kind = 'adjustment'"),
    ),
    indexes=(("account",), ("corrects",)),
)
"""Issued documents, final. A subscription has one for each billing period; where there is nothing to bill it has the
kind `nothing` and no number. An `adjustment` only has lines about earlier periods. `starts` and `ends` are the instants
that the subscription covers of the period. `statement` is JSON; a credit note names in `corrects` what it takes
back."""

INVOICE_LINES = Table(
    "invoice_lines",
    (
        integer("invoice"),
        integer("line"),
        text("name"),
        text("kind"),
        text("label"),
        text("dimensions"),
        text("quantity"),
        text("unit"),
        integer("amount"),
        text("place"),
        text("origin_start"),
        text("origin_end"),
        text("adjusts"),
        integer("transfer", nullable=True),
    ),
    unique=(Unique(("invoice", "line")),),
)
"""Lines of issued documents. `dimensions` is JSON of the `by` values, `place` the rule's file and line; an adjustment
names the period that it is about, and in `adjusts` the kind of the line that it corrects; `transfer` is the row of the
ledger that posted the line, none for zero."""

SETTLEMENTS = Table(
    "settlements",
    (integer("invoice"), text("kind"), integer("amount"), integer("transfer", nullable=True), text("reference")),
    indexes=(("invoice",),),
)
"""What was taken off an invoice and by what: card, wallet, live charge, payment, credit note, write-off; below zero
what opened it again or went on from it to the wallet. An invoice less its settlements is what is open."""

OPEN_INVOICES = Table(
    "open_invoices",
    (integer("invoice"), text("account"), integer("open"), text("payable_by"), text("overdue_since")),
    append_only=False,
    key=("invoice",),
    indexes=(("account",),),
)
"""What follows from invoices and settlements, kept for speed: one row for each invoice on which something is open."""

OVERDUE_MARKS = Table(
    "overdue_marks",
    (integer("invoice"), text("since"), text("day"), integer("time")),
    unique=(Unique(("invoice",)),),
)
"""That an invoice was found overdue: since which day, and on which. Once for each invoice."""

PAYMENTS = Table(
    "payments",
    (
        text("account"),
        text("kind", check="kind IN ('payment', 'refund', 'reversal')"),
        integer("amount", check="amount > 0"),
        text("currency"),
        text("method"),
        text("reference"),
        integer("of_payment", nullable=True),
        integer("time"),
    ),
    indexes=(("account",), ("of_payment",)),
)
"""Money that came in; money that goes back to the payment that it came with; and what undoes either, because the bank
took it back or the refund never arrived."""

PAYMENT_PARTS = Table(
    "payment_parts",
    (
        integer("payment"),
        integer("of_part", nullable=True),
        integer("invoice", nullable=True),
        integer("amount", check="amount > 0"),
        integer("transfer"),
    ),
    indexes=(("payment",), ("of_part",), ("invoice",)),
)
"""Where each part of a payment went: an invoice, or without one the wallet. A part of a refund or reversal names in
`of_part` what it takes back; a part less what was taken back of it is what is left."""

CARD_BATCHES = Table(
    "card_batches",
    (
        text("batch"),
        text("ruleset"),
        text("card"),
        integer("worth"),
        integer("price"),
        text("currency"),
        integer("valid_months", nullable=True),
        integer("valid_days", nullable=True),
        text("zone"),
        text("key_check"),
        integer("made"),
    ),
    unique=(Unique(("batch",)),),
)
"""Cards that were made together, of one card of a ruleset, with its terms as they were then. `key_check` tells whether
a key is the one that the codes were hashed with."""

CARDS = Table(
    "cards",
    (integer("batch"), text("code"), text("serial")),
    unique=(Unique(("code",)), Unique(("serial",))),
    indexes=(("batch",),),
)
"""One row a card: `code` is the HMAC of its code, which is stored nowhere; `serial` may be shown to people."""

CARD_EVENTS = Table(
    "card_events",
    (
        integer("card"),
        text("what", check="what IN ('sold', 'redeemed', 'expired', 'voided')"),
        text("account"),
        text("day"),
        integer("amount"),
        integer("transfer", nullable=True),
        integer("time"),
    ),
    unique=(Unique(("card", "what")),),
    indexes=(("account",),),
)
"""What happened to a card, each at most once."""

REDEEM_ATTEMPTS = Table(
    "redeem_attempts",
    (text("account"), integer("time"), integer("succeeded")),
    indexes=(("account", "time"),),
)
"""Tries to redeem a code, for the limit of tries."""

LIVE_CHARGES = Table(
    "live_charges",
    (
        integer("subscription"),
        text("period_start"),
        text("source"),
        text("event_id"),
        integer("amount"),
        integer("transfer"),
    ),
    indexes=(("subscription", "period_start"),),
)
"""What was taken as it happened: a row for each card or wallet that an event was paid from, below zero where it was
given back to it; provisional until the bill counts it as settlement."""

LIVE_LINES = Table(
    "live_lines",
    (
        integer("subscription"),
        text("period_start"),
        text("source"),
        text("event_id"),
        text("name"),
        text("kind"),
        text("dimensions"),
        integer("amount"),
    ),
    indexes=(("subscription", "period_start"),),
)
"""What live charges were for: a row for each line that an event changed the price of; of one event they add up to what
was taken. The kind `withheld` is what an event made cheaper that had not been charged as it happened."""

RUNNING = Table(
    "running",
    (
        integer("subscription"),
        text("period_start"),
        text("hash"),
        integer("through"),
        integer("mark"),
        text("state"),
    ),
    append_only=False,
    key=("subscription", "period_start"),
)
"""Running counters of an open period (JSON), from which the next event is priced; follow from usage. `through` is the
last row of the account's usage that they know of, and `mark` a number drawn at each change: whoever keeps the same
counters in memory sees by it whether they are these."""

AUTHORIZATIONS = Table(
    "authorizations",
    (
        text("account"),
        text("event"),
        text("field"),
        text("units"),
        integer("amount"),
        integer("expires"),
        integer("time"),
    ),
    indexes=(("account",),),
)
"""Usage that may happen: `event` is the row of usage that it will be, without the quantity (JSON), and `amount` what is
put aside for so many units."""

AUTHORIZATION_HOLDS = Table(
    "authorization_holds",
    (integer("authorization_row"), integer("transfer")),
    indexes=(("authorization_row",),),
)
"""The rows of the ledger that put money aside for an authorization."""

AUTHORIZATION_ENDS = Table(
    "authorization_ends",
    (
        integer("authorization_row"),
        text("what", check="what IN ('settled', 'cancelled', 'expired')"),
        text("units"),
        integer("amount"),
        integer("time"),
    ),
    unique=(Unique(("authorization_row",)),),
)
"""How an authorization ended, once: with which quantity, and what that came to."""

OUTBOX = Table(
    "outbox",
    (text("kind"), text("destination"), text("body"), text("reference"), integer("time")),
    indexes=(("kind",),),
)
"""What leaves the system (a payment request, a refund, a webhook), written with what causes it."""

OUTBOX_STATES = Table(
    "outbox_states",
    (
        integer("message"),
        integer("number"),
        text("state", check="state IN ('requested', 'sent', 'confirmed', 'failed', 'unknown')"),
        text("detail"),
        integer("time"),
    ),
    unique=(Unique(("message", "number")),),
)
"""What became of a message, numbered from 1; without a row it is requested. The latest counts. That a number occurs
once keeps two deliverers from taking the same message."""

WATCH_RULES = Table(
    "watch_rules",
    (text("name"), text("account"), text("rule"), text("destination"), integer("active"), integer("time")),
    indexes=(("name",),),
)
"""What to watch for: `rule` is JSON, `account` empty for all. The latest row of a name counts."""

WATCH_FIRINGS = Table(
    "watch_firings",
    (text("name"), text("account"), text("occasion"), text("value"), integer("message"), integer("time")),
    unique=(Unique(("name", "account", "occasion")),),
)
"""When a rule fired: once for each occasion (a period, or a time below the mark)."""

COUNTERS = Table(
    "counters",
    (text("name"), integer("value")),
    append_only=False,
    key=("name",),
)
"""The last number of each series; follows from the rows that have numbers."""

BOOK_TABLES = (
    ANSWERS,
    OPERATIONS,
    CUSTOMERS,
    CUSTOMER_CHANGES,
    RULESETS,
    SUBSCRIPTIONS,
    USAGE_EVENTS,
    USAGE_FILES,
    BILL_RUNS,
    BILL_RUN_ENDS,
    INVOICES,
    INVOICE_LINES,
    SETTLEMENTS,
    OPEN_INVOICES,
    OVERDUE_MARKS,
    PAYMENTS,
    PAYMENT_PARTS,
    CARD_BATCHES,
    CARDS,
    CARD_EVENTS,
    REDEEM_ATTEMPTS,
    LIVE_CHARGES,
    LIVE_LINES,
    RUNNING,
    AUTHORIZATIONS,
    AUTHORIZATION_HOLDS,
    AUTHORIZATION_ENDS,
    OUTBOX,
    OUTBOX_STATES,
    WATCH_RULES,
    WATCH_FIRINGS,
    COUNTERS,
)

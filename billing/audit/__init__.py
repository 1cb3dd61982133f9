"""Auditing the books: documents, numbers and payments against the ledger; checkpoints; proofs of invoice lines."""

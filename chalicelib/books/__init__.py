"""The books: whether ledger, projections, holds, outbox and audit log say the same. Reads every other book, writes none."""

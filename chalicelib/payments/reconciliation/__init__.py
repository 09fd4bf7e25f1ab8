"""Reconciliation: do orders, the money ledger, store credit and Stripe say the same? Differences are listed, none is mended."""

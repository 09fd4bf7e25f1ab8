"""Store credit: what customers may spend with us, a ledger of its own beside the payments it comes from and pays into."""

"""The audit log for those who may read it; kernel/audit.py writes it."""

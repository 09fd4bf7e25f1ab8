"""The "save me money" page: what it sends in is kept, and the organization gets a mail about it."""

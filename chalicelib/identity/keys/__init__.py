"""API keys, as administrators make, revoke and check them."""

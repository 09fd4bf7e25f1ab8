"""Schemathesis against the local stage: every request that openapi.json allows or forbids, in the name of everybody."""

"""The feed of what happened, for integrators who ask, and webhooks for those who want to be told (decision 0032)."""

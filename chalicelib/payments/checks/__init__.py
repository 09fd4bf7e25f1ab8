"""Paper checks: private pictures, a payment that waits for somebody's approval, and may bounce after it."""

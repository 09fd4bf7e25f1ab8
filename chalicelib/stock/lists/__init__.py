"""What people and integrators see of stock."""

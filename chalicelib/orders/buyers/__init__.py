"""What buyers see of their orders, signed in or not, and how a guest's order becomes a customer's."""

"""What customers change of their own record, and how they end it."""

"""`make bench`: the budgets of DESIGN.md §6 with our figures, and requests per second. Measures, asserts no times."""

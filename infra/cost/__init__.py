"""The cost sheet: what a day on the local stage would be billed for on AWS, an order, and a month in which nobody calls."""

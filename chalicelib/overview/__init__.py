"""The overview: the warehouse's figures of the moment, and what picks did not find. Reads what others write."""

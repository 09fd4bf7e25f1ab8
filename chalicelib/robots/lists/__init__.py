"""Lists of the storage surface: requests, jobs and the inventory view."""

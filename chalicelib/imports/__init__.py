"""Imports: records of other systems, thousands in one call, each reported for itself."""

"""Data sets of others: read, checked, kept apart from what is measured, split by schema, reported."""

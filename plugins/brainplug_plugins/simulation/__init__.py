"""People and brains that were never born: what the cohort loader `simulated` writes to disk."""

"""Cohort loaders, one a file."""

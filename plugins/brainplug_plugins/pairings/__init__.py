"""Pairings, one a file."""

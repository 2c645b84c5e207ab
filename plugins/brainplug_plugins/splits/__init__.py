"""Split strategies, one a file."""

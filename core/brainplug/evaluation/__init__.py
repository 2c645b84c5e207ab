"""What the model answers, and how the answers are scored."""

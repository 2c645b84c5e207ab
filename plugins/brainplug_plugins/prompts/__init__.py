"""Prompt templates, one a file."""

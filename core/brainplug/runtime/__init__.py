"""Processes and files, whatever they are used for."""

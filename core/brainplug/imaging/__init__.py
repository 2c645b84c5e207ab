"""Scans as arrays on a common grid."""

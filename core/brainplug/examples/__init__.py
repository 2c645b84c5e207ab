"""One whole part of each role; what `brainplug new` begins from, and what docs/roles/ shows."""

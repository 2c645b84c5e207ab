"""The parts brainplug ships; each registers by an entry point, as a stranger's does."""

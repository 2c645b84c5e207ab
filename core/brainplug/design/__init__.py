"""The split and pairs stages: who is in which pool, and who meets whom."""

"""The recipe: its tables, and how they are read from TOML."""

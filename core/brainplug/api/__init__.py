"""What a plugin implements: hooks, roles, and the records that pass between stages."""

"""What is known of ABCD's releases: the names in their tables, and how the tables join."""

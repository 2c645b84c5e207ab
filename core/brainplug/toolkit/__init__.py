"""What a plugin may build on: tables, codes, matching of images, families, draws."""

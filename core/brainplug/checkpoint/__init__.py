"""A LLaVA folder, read and written without torch."""

"""The report stage: one self-contained page a strong reviewer can believe, and a model card."""

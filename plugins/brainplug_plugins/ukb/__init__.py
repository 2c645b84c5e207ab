"""What is known of UK Biobank's tables."""

"""The baselines stage: what simpler readers make of the people that the model is asked about."""

"""The metrics stage: what answers are worth, how sure that is, and beside which baselines."""

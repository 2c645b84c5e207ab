"""The cohort stage: who is in the study, and who is not and why."""
